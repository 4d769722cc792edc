//! The subcommands of `tenure`, one file each; here they are parsed, dispatched, and ended.

mod bench;
mod break_lock;
mod chaos;
mod cluster;
mod completions;
mod connect;
mod demo;
mod dev;
mod duration;
mod elect;
mod environment;
mod failure;
mod handover;
mod lock;
mod log;
mod man;
mod member;
mod move_leader;
mod name;
mod order;
mod outlet;
mod output;
mod planted;
mod processes;
mod scratch;
mod serve;
mod show;
mod signals;
mod sim;
mod size;
mod snapshot;
mod status;
mod typed;
mod validate;
mod verify;
mod watch;

use ::log::LevelFilter;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};
use failure::Failure;
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
    // At one place in all commands: behind their own.
    #[arg(short, long, global = true, action = clap::ArgAction::Count, display_order = 998)]
    verbose: u8,
}

#[derive(Subcommand, Debug)]
enum Command {
    Serve(serve::Options),
    Demo(demo::Options),
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
    Bench(bench::Options),
    Sim(sim::Options),
    Verify(verify::Options),
    Chaos(chaos::Options),
    Completions(completions::Options),
    Man(man::Options),
}

/// Runs the program with the arguments of this process.
pub fn main() -> ExitCode {
    process::keep_children();
    let code = perform();
    // What we do is done, and nothing is held any more: the exit code is due, also if nobody reads the reason.
    outlet::STDERR.flush(outlet::LAST_WORDS_WAIT);
    code
}

fn perform() -> ExitCode {
    log::install(LevelFilter::Warn);
    let arguments: Vec<OsString> = std::env::args_os().collect();
    if let Some(options) = demo::holder::Options::of(&arguments) {
        return finish(demo::holder::run(&options).map(|()| 0));
    }
    if let Some(options) = lock::guard::Options::of(&arguments) {
        return finish(lock::guard::run(&options).map(|()| 0));
    }
    if let Some(options) = chaos::client::Options::of(&arguments) {
        return finish(chaos::client::run(&options).map(|()| 0));
    }
    if let Some(options) = chaos::client::crash::Options::of(&arguments) {
        return finish(chaos::client::crash::run(&options).map(|()| 0));
    }
    let line = lock::Line::of(&arguments);
    let mut known = command();
    let parsed = known.try_get_matches_from_mut(&line.before).and_then(|matches| {
        match environment::empty_variable(&known, &matches) {
            Some(variable) => {
                Err(known.error(ErrorKind::InvalidValue, environment::is_empty(&variable)))
            }
            None => Cli::from_arg_matches(&matches),
        }
    });
    match parsed {
        Ok(cli) => finish(run(cli, line.behind.as_deref())),
        Err(error) if error.use_stderr() || line.behind.is_some() => refuse(&error, &line),
        Err(help) => {
            // Nothing is left to be said when stdout is gone.
            let _ = help.print();
            ExitCode::SUCCESS
        }
    }
}

/// The whole command line, every flag with its variable.
fn command() -> clap::Command {
    environment::name_variables(Cli::command())
}

/// `behind` is what stands behind the "--" of `lock` and `elect`.
fn run(cli: Cli, behind: Option<&[OsString]>) -> Result<u8, Failure> {
    let quiet = match &cli.command {
        Command::Serve(_) => LevelFilter::Info,
        Command::Demo(_) | Command::Dev(_) => LevelFilter::Error,
        Command::Bench(options) if options.embeds() => LevelFilter::Error,
        _ => LevelFilter::Warn,
    };
    ::log::set_max_level(log::level(quiet, cli.verbosity.verbose));
    let done = |()| 0;
    match cli.command {
        Command::Serve(options) => serve::run(options).map(done),
        Command::Demo(options) => demo::run(&options),
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
        Command::Bench(options) => bench::run(&options).map(done),
        Command::Sim(options) => sim::run(&options).map(done),
        Command::Verify(options) => verify::run(&options),
        Command::Chaos(options) => chaos::run(&options),
        Command::Completions(options) => completions::run(&options).map(done),
        Command::Man(options) => man::run(&options).map(done),
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
        outlet::STDERR.say(&format!("tenure: {}", log::printable(message)));
    }
}

/// A command line that cannot be understood: one sentence of it, and 2; for `lock` and `elect`, whose command may
/// end with any code, 125.
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

/// What most likely happened to a line with a "--": the shell dropped the word that was to be NAME, or put another in its
/// place.
fn vanished(error: &clap::Error) -> Option<String> {
    let missing = match error.get(ContextKind::InvalidArg) {
        Some(ContextValue::Strings(missing)) => missing.as_slice(),
        _ => &[],
    };
    match error.kind() {
        ErrorKind::MissingRequiredArgument if missing.iter().any(|name| name == "<NAME>") => Some(
            "NAME is missing before the --: is a variable not set? In quotes (\"$LOCK\") it is told as empty"
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
}
