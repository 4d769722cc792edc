//! The words of `lock` and `elect` beside their options: names, and the command.
//!
//! A shell drops a word whose variable is not set. So the first "--" is a wall: options and names
//! stand before it, CMD behind it, and a word of one side is never taken for one of the other. clap
//! does not say where a "--" stood, so it is given only the words before it.

use super::FAILED;
use crate::cli::failure::Failure;
use crate::cli::name;
use std::ffi::{OsStr, OsString};

/// The arguments of the process, parted at the "--" of `lock` or `elect`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The program's name, the subcommand, options and names; of any other subcommand everything.
    pub before: Vec<OsString>,
    /// The words behind the "--", perhaps none; `None` without a "--".
    pub behind: Option<Vec<OsString>>,
}

impl Line {
    pub fn of(arguments: &[OsString]) -> Self {
        let is_option = |word: &OsString| word.as_encoded_bytes().starts_with(b"-");
        let subcommand = arguments.iter().skip(1).find(|word| !is_option(word));
        let runs_commands = subcommand.is_some_and(|word| word == "lock" || word == "elect");
        let dashes = arguments.iter().position(|word| word == "--").filter(|_| runs_commands);
        match dashes {
            Some(at) => Self {
                before: arguments[..at].to_vec(),
                behind: Some(arguments[at + 1..].to_vec()),
            },
            None => Self { before: arguments.to_vec(), behind: None },
        }
    }
}

/// Names to lock, and the task under the lock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// At least one.
    pub names: Vec<String>,
    pub task: Task,
}

/// The task under the lock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Task {
    /// The lock is held until a signal.
    Hold,
    /// The program and its arguments, and how they were parted from the names.
    Run(Vec<OsString>, Parted),
}

/// How names and command were told from each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parted {
    /// By the "--", or since there can be but one name.
    Clearly,
    /// By their places alone: a word taken for the command may have been meant as a name.
    ByPlace,
}

/// The meaning of the words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Words {
    /// All are names (`lock --hold`).
    Names,
    NamesAndCommand,
    /// As for `elect`.
    NameAndCommand,
}

/// The request of `name` and `rest`, the words before the "--" or without one, and of the words
/// behind it.
pub fn split(
    words: Words,
    name: &str,
    rest: &[OsString],
    behind: Option<&[OsString]>,
) -> Result<Request, Failure> {
    let (further, task) = match (words, behind) {
        (Words::Names, None | Some([])) => (rest, Task::Hold),
        (Words::Names, Some(_)) => {
            return Err(usage("--hold runs no command; take one of the two away"));
        }
        (_, Some([])) => return Err(missing(words)),
        (_, Some(command)) => (rest, run(command, Parted::Clearly)?),
        (_, None) if rest.is_empty() => (rest, Task::Hold),
        (Words::NamesAndCommand, None) => (&rest[..0], run(rest, Parted::ByPlace)?),
        (Words::NameAndCommand, None) => (&rest[..0], run(rest, Parted::Clearly)?),
    };
    let mut names = vec![name.to_owned()];
    for word in further {
        let name = checked(word)?;
        if names.contains(&name) {
            return Err(usage(format!("{name} is named twice; name each lock once")));
        }
        names.push(name);
    }
    Ok(Request { names, task })
}

fn run(command: &[OsString], parted: Parted) -> Result<Task, Failure> {
    if command[0].is_empty() {
        return Err(usage(format!("CMD {}", name::EMPTY)));
    }
    Ok(Task::Run(command.to_vec(), parted))
}

fn missing(words: Words) -> Failure {
    let other = match words {
        Words::NameAndCommand => "To stay elected without a command, take the -- away",
        _ => "`tenure lock --hold NAME…` holds without a command",
    };
    usage(format!("CMD is missing behind the --: is a variable not set? {other}"))
}

/// A further name. A word that looks like an option is refused: it was meant as one.
fn checked(word: &OsStr) -> Result<String, Failure> {
    let Some(name) = word.to_str() else {
        return Err(usage(format!("{} is no name: it is not UTF-8", word.to_string_lossy())));
    };
    if name.starts_with('-') {
        return Err(usage(format!("{name} stands behind a name; give options before the names")));
    }
    name::parse(name).map_err(|why| usage(format!("the name {name:?}: {why}")))
}

fn usage(text: impl Into<String>) -> Failure {
    Failure::new(FAILED, text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::lock::Options;
    use clap::{Arg, ArgAction, Args, Command, FromArgMatches};

    fn parse(line: &str) -> Result<Request, Failure> {
        let arguments: Vec<OsString> = line.split(' ').map(OsString::from).collect();
        let line = Line::of(&arguments);
        let verbose = Arg::new("verbose").short('v').action(ArgAction::Count);
        let lock = Options::augment_args(Command::new("lock"));
        let known = Command::new("tenure").arg(verbose).subcommand(lock);
        let matches = known.try_get_matches_from(&line.before).unwrap();
        let (_, matches) = matches.subcommand().unwrap();
        let options = Options::from_arg_matches(matches).unwrap();
        options.request(line.behind.as_deref())
    }

    fn check(line: &str, expected: &[&str], task: Task) {
        let names = expected.iter().map(|name| (*name).to_owned()).collect();
        assert_eq!(parse(line).unwrap(), Request { names, task }, "{line}");
    }

    fn command(words: &[&str], parted: Parted) -> Task {
        Task::Run(words.iter().map(OsString::from).collect(), parted)
    }

    #[test]
    fn dashes_are_optional_and_options_behind_the_command_are_its_own() {
        use Parted::{ByPlace, Clearly};
        check("tenure lock a -- sh -c true", &["a"], command(&["sh", "-c", "true"], Clearly));
        check("tenure lock a sh -c true", &["a"], command(&["sh", "-c", "true"], ByPlace));
        check("tenure lock -w 5s a --try -- ls -n", &["a"], command(&["ls", "-n"], Clearly));
        let checkout = ["git", "checkout", "--", "x"];
        check("tenure lock a -- git checkout -- x", &["a"], command(&checkout, Clearly));
        check("tenure -v lock a -- ls --help", &["a"], command(&["ls", "--help"], Clearly));
    }

    #[test]
    fn without_a_command_the_lock_is_only_held() {
        check("tenure lock a", &["a"], Task::Hold);
        check("tenure lock --hold a", &["a"], Task::Hold);
        check("tenure lock --hold a b", &["a", "b"], Task::Hold);
        check("tenure lock --hold a b --", &["a", "b"], Task::Hold);
    }

    #[test]
    fn all_before_the_dashes_are_names() {
        let one = command(&["ls"], Parted::Clearly);
        check("tenure lock a b -- ls", &["a", "b"], one);
        let several = command(&["ls", "--", "x"], Parted::Clearly);
        check("tenure lock -n a b c -- ls -- x", &["a", "b", "c"], several);
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        for (line, part) in [
            ("tenure lock a b a -- ls", "a is named twice"),
            ("tenure lock a b --wait 5s -- ls", "--wait stands behind a name"),
            ("tenure lock a --", "CMD is missing"),
            ("tenure lock a b --", "tenure lock --hold"),
            ("tenure lock --hold a -- ls", "--hold runs no command"),
        ] {
            let failure = parse(line).unwrap_err();
            assert_eq!(failure.code, FAILED);
            assert!(failure.message.contains(part), "{}", failure.message);
        }
    }

    #[test]
    fn dashes_of_other_commands_are_not_a_wall() {
        for line in ["tenure break -- -x", "tenure", "tenure --", "tenure -v show -- lock"] {
            let arguments: Vec<OsString> = line.split(' ').map(OsString::from).collect();
            assert_eq!(Line::of(&arguments), Line { before: arguments, behind: None });
        }
    }
}
