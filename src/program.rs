//! The program: its command line is parsed here, dispatched, and ended. What operators type is in `cli`, the laboratory in
//! `lab`.

use crate::cli::failure::{self, Failure};
use crate::cli::{
    access, break_lock, certs, completions, config, dev, elect, environment, handover, lock, log,
    man, member, move_leader, outlet, serve, show, snapshot, status, validate, watch,
};
#[cfg(feature = "lab")]
use crate::lab;
use ::log::LevelFilter;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{ArgMatches, Args, CommandFactory, FromArgMatches, Parser, Subcommand};
use std::ffi::OsString;
use std::process::ExitCode;
use tenure::sys::process;

/// Distributed locks and leader leases that programs can trust.
#[derive(Parser, Debug)]
#[command(name = "tenure", version, propagate_version = true, arg_required_else_help = true)]
#[command(
    after_help = "Settings can be given in the environment: --timeout as TENURE_TIMEOUT, and so on. Flags by which a \
                  command gives up safety, or means another lock or way to hold it, have no variable."
)]
struct Cli {
    #[command(flatten)]
    verbosity: Verbosity,
    #[command(subcommand)]
    command: Command,
}

#[derive(Args, Debug)]
struct Verbosity {
    /// Say more on stderr; twice: still more
    // Listed in all commands at the same place: behind their own options.
    #[arg(short, long, global = true, action = clap::ArgAction::Count, display_order = 998)]
    verbose: u8,
}

#[derive(Subcommand, Debug)]
enum Command {
    Serve(serve::Options),
    Config(config::Options),
    Dev(dev::Options),
    Lock(lock::Options),
    Elect(elect::Options),
    Show(show::Options),
    Watch(watch::Options),
    Break(break_lock::Options),
    Handover(handover::Options),
    Status(status::Options),
    Member(member::Options),
    MoveLeader(move_leader::Options),
    Snapshot(snapshot::Options),
    Validate(validate::Options),
    Access(access::Options),
    Certs(certs::Options),
    Completions(completions::Options),
    Man(man::Options),
    #[cfg(feature = "lab")]
    #[command(flatten)]
    Lab(lab::Command),
}

/// Runs the program with the arguments of this process.
pub fn main() -> ExitCode {
    process::keep_children();
    let code = perform();
    // All work is done and nothing is held: the exit code is due, also if nobody reads the reason.
    outlet::STDERR.flush(outlet::LAST_WORDS_WAIT);
    code
}

fn perform() -> ExitCode {
    log::install(LevelFilter::Warn);
    let arguments: Vec<OsString> = std::env::args_os().collect();
    if let Some(result) = run_hidden(&arguments) {
        return finish(result.map(|()| 0));
    }
    let line = lock::Line::of(&arguments);
    let mut known = command();
    let parsed = known.try_get_matches_from_mut(&line.before).and_then(|matches| {
        match environment::empty_variable(&known, &matches) {
            Some(variable) => {
                Err(known.error(ErrorKind::InvalidValue, environment::is_empty(&variable)))
            }
            None => Ok((Cli::from_arg_matches(&matches)?, matches)),
        }
    });
    match parsed {
        Ok((cli, matches)) => finish(run(cli, &matches, line.behind.as_deref())),
        Err(error) if error.use_stderr() || line.behind.is_some() => refuse(&error, &line),
        Err(help) => {
            // Without stdout there is nobody to tell.
            let _ = help.print();
            ExitCode::SUCCESS
        }
    }
}

/// Runs a hidden command, with which our own processes are started, if `arguments` are of one.
fn run_hidden(arguments: &[OsString]) -> Option<Result<(), Failure>> {
    if let Some(options) = lock::guard::Options::of(arguments) {
        return Some(lock::guard::run(&options));
    }
    #[cfg(feature = "lab")]
    if let Some(result) = lab::run_hidden(arguments) {
        return Some(result);
    }
    None
}

/// The whole command line, every flag with its variable.
pub fn command() -> clap::Command {
    let command = environment::name_variables(Cli::command());
    let help = help(&command);
    command.help_template(help)
}

/// The text of `tenure --help`: operators' commands first, then the laboratory's.
fn help(command: &clap::Command) -> String {
    let mut built = command.clone();
    built.build();
    let laboratory = laboratory();
    let (last, first): (Vec<_>, Vec<_>) = built
        .get_subcommands()
        .partition(|command| laboratory.contains(&command.get_name().to_owned()));
    let header = built.get_styles().get_header();
    let literal = built.get_styles().get_literal();
    let rows = |commands: &[&clap::Command]| {
        let row = |command: &&clap::Command| {
            let about = command.get_about().map(ToString::to_string).unwrap_or_default();
            let (name, about) = (command.get_name(), folded(&about));
            format!("  {literal}{name:<12}{literal:#} {about}\n")
        };
        commands.iter().map(row).collect::<String>()
    };
    let mut commands = format!("{header}Commands:{header:#}\n{}", rows(&first));
    if !last.is_empty() {
        commands += &format!(
            "\n{header}The laboratory, which shows, measures and checks:{header:#}\n{}",
            rows(&last)
        );
    }
    format!(
        "{{about-with-newline}}\n{{usage-heading}} {{usage}}\n\n{commands}\n{header}Options:{header:#}\n{{options}}{{after-help}}"
    )
}

/// `about` in lines that fit beside a name, in 100 columns.
fn folded(about: &str) -> String {
    let (mut text, mut column) = (String::new(), 0);
    for word in about.split(' ') {
        let wide = word.chars().count();
        if column > 0 && column + 1 + wide > ABOUT_COLUMNS {
            text += &format!("\n{:15}", "");
            column = 0;
        } else if column > 0 {
            text.push(' ');
            column += 1;
        }
        text += word;
        column += wide;
    }
    text
}

/// The columns of 100 that the names leave.
const ABOUT_COLUMNS: usize = 85;

/// The names of the laboratory's commands.
fn laboratory() -> Vec<String> {
    #[cfg(feature = "lab")]
    let command = <lab::Command as Subcommand>::augment_subcommands(clap::Command::new("tenure"));
    #[cfg(not(feature = "lab"))]
    let command = clap::Command::new("tenure");
    command.get_subcommands().map(|command| command.get_name().to_owned()).collect()
}

/// Dispatches. `cli` was made of `matches`; `behind` are the words behind the "--" of `lock` and
/// `elect`.
fn run(cli: Cli, matches: &ArgMatches, behind: Option<&[OsString]>) -> Result<u8, Failure> {
    let quiet = match &cli.command {
        Command::Serve(_) => LevelFilter::Info,
        Command::Dev(_) => LevelFilter::Error,
        #[cfg(feature = "lab")]
        Command::Lab(command) => command.quiet(),
        _ => LevelFilter::Warn,
    };
    ::log::set_max_level(log::level(quiet, cli.verbosity.verbose));
    let done = |()| 0;
    match cli.command {
        Command::Serve(options) => serve::run(options).map(done),
        Command::Config(options) => config::run(options, matches).map(done),
        Command::Dev(options) => dev::run(&options).map(done),
        Command::Lock(options) => lock::run(options, behind),
        Command::Elect(options) => elect::run(options, behind),
        Command::Show(options) => show::run(&options),
        Command::Watch(options) => watch::run(&options).map(done),
        Command::Break(options) => break_lock::run(&options).map(done),
        Command::Handover(options) => handover::run(&options).map(done),
        Command::Status(options) => status::run(&options),
        Command::Member(options) => member::run(options).map(done),
        Command::MoveLeader(options) => move_leader::run(&options).map(done),
        Command::Snapshot(options) => snapshot::run(&options).map(done),
        Command::Validate(options) => validate::run(&options),
        Command::Access(options) => access::run(options).map(done),
        Command::Certs(options) => certs::run(&options).map(done),
        Command::Completions(options) => completions::run(&options, &mut command()).map(done),
        Command::Man(options) => man::run(&options, command()).map(done),
        #[cfg(feature = "lab")]
        Command::Lab(command) => command.run(),
    }
}

fn finish(result: Result<u8, Failure>) -> ExitCode {
    match result {
        Ok(code) => ExitCode::from(code),
        Err(failure) => {
            complain(&failure.message);
            ExitCode::from(failure.code)
        }
    }
}

/// One sentence on stderr.
fn complain(message: &str) {
    if !message.is_empty() {
        let words = || format!("tenure: {}", log::printable(message));
        outlet::STDERR.say(&log::last_words(message).unwrap_or_else(words));
    }
}

/// Refuses a command line: one sentence, and exit code 2; 125 for `lock` and `elect`, whose command
/// may use any other.
fn refuse(error: &clap::Error, line: &lock::Line) -> ExitCode {
    if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        let _ = error.print();
        return ExitCode::from(failure::USAGE);
    }
    let subcommand = line.before.iter().skip(1).find_map(|word| {
        let word = word.to_str()?;
        Cli::command().find_subcommand(word).map(|_| word.to_owned())
    });
    let topic = subcommand.as_ref().map_or(String::new(), |name| format!("{name} "));
    let told = match line.behind {
        Some(_) => vanished(error).unwrap_or_else(|| sentence(error)),
        None => sentence(error),
    };
    let told = environment::blame(told, error, &line.before);
    complain(&format!("{told}; see `tenure {topic}--help`"));
    let runs_commands = matches!(subcommand.as_deref(), Some("lock" | "elect"));
    ExitCode::from(if runs_commands { lock::FAILED } else { failure::USAGE })
}

/// The likely reason why a line with a "--" is refused: the shell dropped the word that was to be
/// NAME, or put another in its place.
fn vanished(error: &clap::Error) -> Option<String> {
    let missing = match error.get(ContextKind::InvalidArg) {
        Some(ContextValue::Strings(missing)) => missing.as_slice(),
        _ => &[],
    };
    match error.kind() {
        ErrorKind::MissingRequiredArgument if missing.iter().any(|name| name == "<NAME>") => Some(
            "NAME is missing before the --: is a variable not set? In quotes (\"$LOCK\") the name is reported as empty"
                .to_owned(),
        ),
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            Some("a call for help or the version runs no command; take it or the -- away".to_owned())
        }
        _ => None,
    }
}

/// clap's message without its layout: the first paragraph, and the tip if there is one.
fn sentence(error: &clap::Error) -> String {
    let text = error.render().to_string();
    let flat = |paragraph: &str| paragraph.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut paragraphs = text.split("\n\n");
    let first = flat(paragraphs.next().unwrap_or_default());
    let first = first.strip_prefix("error: ").unwrap_or(&first).to_owned();
    match paragraphs.map(flat).find_map(|rest| rest.strip_prefix("tip: ").map(str::to_owned)) {
        Some(tip) => format!("{first} ({tip})"),
        None => first,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        command().debug_assert();
    }

    #[test]
    fn help_shows_operators_commands_first_and_each_once() {
        let help = command().render_help().to_string();
        let place = |name: &str| {
            let row = format!("\n  {name} ");
            assert_eq!(help.matches(&row).count(), 1, "{name}: {help}");
            help.find(&row).expect("it is there once")
        };
        let laboratory = laboratory();
        let last = help.find("\nThe laboratory").unwrap_or(help.len());
        assert_eq!(last < help.len(), cfg!(feature = "lab"));
        for command in command().get_subcommands() {
            let name = command.get_name();
            assert_eq!(place(name) > last, laboratory.iter().any(|other| other == name), "{name}");
        }
        assert!(help.contains("Usage: tenure") && help.contains("--verbose"), "{help}");
    }

    #[test]
    fn a_mistyped_command_is_one_sentence_with_a_tip() {
        let error = command().try_get_matches_from(["tenure", "lokc"]).unwrap_err();
        let sentence = sentence(&error);
        assert!(sentence.starts_with("unrecognized subcommand 'lokc' ("), "{sentence}");
        assert!(sentence.contains("'lock'") && !sentence.contains('\n'), "{sentence}");
    }

    #[test]
    fn a_duration_without_unit_is_refused_with_what_to_write() {
        let line = ["tenure", "show", "--timeout", "5"];
        let sentence = sentence(&command().try_get_matches_from(line).unwrap_err());
        assert!(sentence.contains("a duration needs a unit: 5s, 5ms or 5m"), "{sentence}");
    }

    fn check_flags(command: &clap::Command, seen: &mut Vec<String>) {
        for arg in command.get_arguments() {
            seen.extend(arg.get_long().map(str::to_owned));
            let Some(long) =
                arg.get_long().filter(|long| !environment::WITHOUT_VARIABLE.contains(long))
            else {
                let name = arg.get_id();
                assert_eq!(arg.get_env(), None);
                assert!(
                    arg.is_positional() || arg.get_long().is_some(),
                    "{} {name} has only a short form, and so no variable",
                    command.get_name()
                );
                continue;
            };
            let expected = environment::variable(long);
            assert_eq!(arg.get_env(), Some(std::ffi::OsStr::new(&expected)));
            let outputs = ["TENURE_LOCK", "TENURE_TOKEN", "TENURE_LOCK_VALUE"];
            assert!(!outputs.contains(&expected.as_str()), "{expected}");
        }
        command.get_subcommands().for_each(|command| check_flags(command, seen));
    }

    #[test]
    fn every_setting_has_its_variable_and_none_is_an_output() {
        assert_eq!(environment::variable("lease-duration"), "TENURE_LEASE_DURATION");
        let mut seen = vec!["help".to_owned(), "version".to_owned()];
        check_flags(&command(), &mut seen);
        for long in environment::WITHOUT_VARIABLE {
            assert!(seen.iter().any(|seen| seen == long), "no flag is called --{long}");
        }
    }
}
