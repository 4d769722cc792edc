//! Flags from the environment: `--lease-duration` is `TENURE_LEASE_DURATION`.
//!
//! One rule applied to the whole command line, so that no flag can be forgotten. TENURE_LOCK and
//! TENURE_TOKEN are what `tenure lock` sets for its command; no flag may be called so, but `--token` of `break`, which
//! no variable stands for: in such a command it would mean a token that nobody had in mind. Nor does one stand for what an
//! operator states of a cluster's past: it is true of one restore.

use clap::builder::FalseyValueParser;
use clap::{ArgAction, Command};

/// Gives each flag of `command` and its subcommands its variable.
pub fn name_variables(command: Command) -> Command {
    let command = command.mut_args(|arg| {
        let Some(long) = arg.get_long().filter(|long| !WITHOUT_VARIABLE.contains(long)) else {
            return arg;
        };
        // Leaked once per flag and process: clap borrows names for ever.
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
const WITHOUT_VARIABLE: [&str; 6] =
    ["help", "version", "token", "ancestor", "largest-ttl-max", "largest-lease-duration"];

/// Which variable stands for `--long`.
fn variable(long: &str) -> String {
    format!("TENURE_{}", long.to_ascii_uppercase().replace('-', "_"))
}

/// Removes all of these variables from the environment of `command`: programs that we start are told by
/// arguments alone.
pub fn clear(command: &mut std::process::Command) {
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("TENURE_") {
            command.env_remove(name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_flags(command: &Command) {
        for arg in command.get_arguments() {
            let Some(long) = arg.get_long().filter(|long| !WITHOUT_VARIABLE.contains(long)) else {
                let name = arg.get_id();
                assert_eq!(arg.get_env(), None);
                assert!(
                    arg.is_positional() || arg.get_long().is_some(),
                    "{} {name} has only a short form, and so no variable",
                    command.get_name()
                );
                continue;
            };
            let expected = variable(long);
            assert_eq!(arg.get_env(), Some(std::ffi::OsStr::new(&expected)));
            assert!(!["TENURE_LOCK", "TENURE_TOKEN"].contains(&expected.as_str()), "{expected}");
        }
        command.get_subcommands().for_each(check_flags);
    }

    #[test]
    fn every_flag_has_its_variable_and_none_is_an_output() {
        assert_eq!(variable("lease-duration"), "TENURE_LEASE_DURATION");
        check_flags(&crate::cli::command());
    }
}
