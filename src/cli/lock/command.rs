//! The command line behind the lock's name: what is a name, what is the command, and how it starts and ends.

use super::{FAILED, NOT_FOUND, NOT_RUNNABLE, signal_code};
use crate::cli::failure::Failure;
use std::ffi::{OsStr, OsString};
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitStatus};
use tenure::client::Lease;
use tenure::sys::process::Group;

/// What to lock, and what to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    pub name: String,
    /// The program and its arguments; `None`: hold until a signal.
    pub command: Option<Vec<OsString>>,
}

/// Splits what follows the options: with a "--" all before it are names, and the rest is the command;
/// without one there is one name. `arguments` are those of the whole process.
pub fn split(name: &str, rest: &[OsString], arguments: &[OsString]) -> Result<Request, Failure> {
    let count = |words: &[OsString]| words.iter().filter(|word| *word == OsStr::new("--")).count();
    // clap takes away the first "--" unless it stands behind the first word of `rest`.
    let dashes_in_rest = count(rest);
    if dashes_in_rest > 0 && dashes_in_rest == count(arguments) {
        return Err(Failure::new(
            FAILED,
            "several names are not supported yet; give one NAME, then -- and the command",
        ));
    }
    let command = (!rest.is_empty()).then(|| rest.to_vec());
    Ok(Request { name: name.to_owned(), command })
}

/// Starts `words` under `lease`, with its name and token in the environment.
pub fn spawn(lease: &Lease, words: &[OsString]) -> Result<Group, Failure> {
    let (program, arguments) = words.split_first().expect("a command has at least one word");
    let mut command = Command::new(program);
    command.args(arguments);
    command.env("TENURE_LOCK", lease.name()).env("TENURE_TOKEN", lease.token().to_string());
    Group::spawn(&mut command).map_err(|error| not_started(program, &error))
}

fn not_started(program: &OsStr, error: &std::io::Error) -> Failure {
    let program = program.to_string_lossy();
    match error.kind() {
        std::io::ErrorKind::NotFound => {
            Failure::new(NOT_FOUND, format!("{program} was not found; check its name and PATH"))
        }
        _ => Failure::new(NOT_RUNNABLE, format!("{program} cannot be run: {error}")),
    }
}

/// A command's end as an exit code.
pub fn exit_code(status: ExitStatus) -> u8 {
    match (status.code(), status.signal()) {
        (Some(code), _) => u8::try_from(code).unwrap_or(u8::MAX),
        (None, Some(signal)) => signal_code(signal),
        (None, None) => FAILED,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::FromArgMatches;

    fn parse(line: &str) -> Result<Request, Failure> {
        let arguments: Vec<OsString> = line.split(' ').map(OsString::from).collect();
        let matches = crate::cli::command().try_get_matches_from(&arguments).unwrap();
        let (_, matches) = matches.subcommand().unwrap();
        let options = crate::cli::Options::from_arg_matches(matches).unwrap();
        split(&options.name, &options.rest, &arguments)
    }

    fn check_command(line: &str, expected: &[&str]) {
        let request = parse(line).unwrap();
        let command: Vec<OsString> = expected.iter().map(OsString::from).collect();
        assert_eq!(request, Request { name: "a".into(), command: Some(command) }, "{line}");
    }

    #[test]
    fn dashes_are_optional_and_options_behind_the_command_are_its_own() {
        check_command("tenure lock a -- sh -c true", &["sh", "-c", "true"]);
        check_command("tenure lock a sh -c true", &["sh", "-c", "true"]);
        check_command("tenure lock -w 5s a --try -- ls -n", &["ls", "-n"]);
        check_command("tenure lock a -- git checkout -- file", &["git", "checkout", "--", "file"]);
    }

    #[test]
    fn without_a_command_the_lock_is_only_held() {
        assert_eq!(parse("tenure lock a").unwrap().command, None);
        assert_eq!(parse("tenure lock a --").unwrap().command, None);
    }

    #[test]
    fn several_names_are_refused() {
        for line in ["tenure lock a b -- ls", "tenure lock a b c -- ls -- x"] {
            let failure = parse(line).unwrap_err();
            assert_eq!(failure.code, FAILED);
            assert!(failure.message.contains("not supported yet"), "{}", failure.message);
        }
    }

    #[test]
    fn codes_are_those_of_the_command() {
        assert_eq!(exit_code(ExitStatus::from_raw(7 << 8)), 7);
        assert_eq!(exit_code(ExitStatus::from_raw(libc_sigkill())), 137);
    }

    fn libc_sigkill() -> i32 {
        signal_hook::consts::SIGKILL
    }
}
