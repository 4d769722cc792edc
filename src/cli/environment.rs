//! Flags from the environment: `--lease-duration` is `TENURE_LEASE_DURATION`.
//!
//! One rule for the whole command line, so that no flag can be forgotten. A variable stands for a
//! setting: where the cluster is, how long to wait, how to print. A variable also reaches commands
//! that its author did not have in mind. So the effects of a command on a lock or a cluster, the
//! protection that it gives up, and an operator's statements about a cluster's past are flags of
//! the command line alone. TENURE_LOCK, TENURE_TOKEN and TENURE_LOCK_VALUE are set by `tenure lock`
//! for its command; no flag has such a name but `--token` of `break`, for which no variable stands.

use clap::builder::FalseyValueParser;
use clap::error::{ContextKind, ContextValue};
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command};
use std::ffi::OsString;

/// Gives each flag of `command` and its subcommands its variable.
pub fn name_variables(command: Command) -> Command {
    let command = command.mut_args(|arg| {
        let Some(long) = arg.get_long().filter(|long| !WITHOUT_VARIABLE.contains(long)) else {
            return arg;
        };
        // Leaked once per flag and process: clap wants names that live for ever.
        let variable: &'static str = variable(long).leak();
        let arg = arg.env(variable).hide_env(true);
        match arg.get_action() {
            ArgAction::SetTrue => arg.value_parser(FalseyValueParser::new()),
            _ => arg,
        }
    });
    command.mut_subcommands(name_variables)
}

/// Flags that stand for no setting.
pub const WITHOUT_VARIABLE: [&str; 17] = [
    // Questions.
    "help",
    "version",
    "node",
    // The lock is taken from its holder at once: only tokens protect from then on.
    "now",
    "token",
    "to",
    // A restore that grants while earlier programs may still believe in their leases.
    "waive-wait",
    "epoch",
    // A statement about the past of one cluster, true of one restore.
    "ancestor",
    "largest-ttl-max",
    "largest-lease-duration",
    "others-never-return",
    // How many may hold the lock at once.
    "shared",
    "limit",
    "permits",
    // Files that are written over.
    "force",
    // All words are names, and none a command.
    "hold",
];

/// The variable that stands for `--long`.
pub fn variable(long: &str) -> String {
    format!("TENURE_{}", long.to_ascii_uppercase().replace('-', "_"))
}

/// An empty variable from which `matches` of `command` took a value: somebody meant to set it.
pub fn empty_variable(command: &Command, matches: &ArgMatches) -> Option<String> {
    let is_empty = |arg: &&Arg| {
        let id = arg.get_id().as_str();
        arg.get_action().takes_values()
            && matches.try_contains_id(id).is_ok()
            && matches.value_source(id) == Some(ValueSource::EnvVariable)
            && matches.get_raw(id).is_some_and(|mut values| values.all(|value| value.is_empty()))
    };
    if let Some(arg) = command.get_arguments().find(is_empty) {
        return arg.get_long().map(variable);
    }
    let (name, matches) = matches.subcommand()?;
    empty_variable(command.find_subcommand(name)?, matches)
}

/// The sentence about an empty variable.
pub fn is_empty(variable: &str) -> String {
    format!("{variable} is set and empty: give it a value, or unset it")
}

/// `sentence` about `error` with the variable in the flag's place, if its value came from there: nobody should look for a
/// flag among `words` that he never wrote.
pub fn blame(sentence: String, error: &clap::Error, words: &[OsString]) -> String {
    let text = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text),
        _ => None,
    };
    let Some(flag) = text(ContextKind::InvalidArg) else { return sentence };
    let Some(value) = text(ContextKind::InvalidValue) else { return sentence };
    let Some(long) = flag.strip_prefix("--") else { return sentence };
    let long = long.split([' ', '=', '[', '.']).next().unwrap_or_default();
    let is_written = words.iter().any(|word| {
        let word = word.to_string_lossy();
        word.strip_prefix("--").is_some_and(|word| word.split('=').next() == Some(long))
    });
    let variable = variable(long);
    let is_set = std::env::var(&variable).is_ok_and(|set| set == *value);
    match (is_set && !is_written, value.is_empty()) {
        (false, _) => sentence,
        (true, true) => is_empty(&variable),
        (true, false) => sentence.replacen(flag.as_str(), &variable, 1),
    }
}
