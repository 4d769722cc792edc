//! The command line behind the options: what are names, and what is the command.

use super::FAILED;
use crate::cli::failure::Failure;
use std::ffi::{OsStr, OsString};

/// What to lock, and what to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// At least one.
    pub names: Vec<String>,
    /// The program and its arguments; `None`: hold until a signal.
    pub command: Option<Vec<OsString>>,
}

/// Splits what follows the options: with a "--" all before it are names, and the rest is the command;
/// without one there is one name. `arguments` are those of the whole process.
pub fn split(name: &str, rest: &[OsString], arguments: &[OsString]) -> Result<Request, Failure> {
    let count = |words: &[OsString]| words.iter().filter(|word| *word == OsStr::new("--")).count();
    // clap takes away the first "--" unless it stands behind the first word of `rest`.
    let dashes_in_rest = count(rest);
    let (names, command) = if dashes_in_rest > 0 && dashes_in_rest == count(arguments) {
        let at = rest.iter().position(|word| word == OsStr::new("--")).expect("counted above");
        (&rest[..at], &rest[at + 1..])
    } else {
        (&rest[..0], rest)
    };
    let mut request = Request { names: vec![name.to_owned()], command: None };
    for word in names {
        let name = checked(word)?;
        if request.names.contains(&name) {
            return Err(Failure::new(
                FAILED,
                format!("{name} is named twice; name each lock once"),
            ));
        }
        request.names.push(name);
    }
    request.command = (!command.is_empty()).then(|| command.to_vec());
    Ok(request)
}

/// A further name. What looks like an option was meant as one.
fn checked(word: &OsStr) -> Result<String, Failure> {
    let name = word.to_str().ok_or_else(|| {
        Failure::new(FAILED, format!("{} is no name: it is not UTF-8", word.to_string_lossy()))
    })?;
    if name.starts_with('-') {
        let text = format!("{name} stands behind a name; give options before the names");
        return Err(Failure::new(FAILED, text));
    }
    Ok(name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::FromArgMatches;

    fn parse(line: &str) -> Result<Request, Failure> {
        let arguments: Vec<OsString> = line.split(' ').map(OsString::from).collect();
        let matches = crate::cli::command().try_get_matches_from(&arguments).unwrap();
        let (_, matches) = matches.subcommand().unwrap();
        let options = crate::cli::lock::Options::from_arg_matches(matches).unwrap();
        split(&options.name, &options.rest, &arguments)
    }

    fn check(line: &str, names: &[&str], command: &[&str]) {
        let request = parse(line).unwrap();
        let names = names.iter().map(|name| (*name).to_owned()).collect();
        let command: Vec<OsString> = command.iter().map(OsString::from).collect();
        let command = (!command.is_empty()).then_some(command);
        assert_eq!(request, Request { names, command }, "{line}");
    }

    #[test]
    fn dashes_are_optional_and_options_behind_the_command_are_its_own() {
        check("tenure lock a -- sh -c true", &["a"], &["sh", "-c", "true"]);
        check("tenure lock a sh -c true", &["a"], &["sh", "-c", "true"]);
        check("tenure lock -w 5s a --try -- ls -n", &["a"], &["ls", "-n"]);
        check("tenure lock a -- git checkout -- x", &["a"], &["git", "checkout", "--", "x"]);
    }

    #[test]
    fn without_a_command_the_lock_is_only_held() {
        check("tenure lock a", &["a"], &[]);
        check("tenure lock a --", &["a"], &[]);
        check("tenure lock a b --", &["a", "b"], &[]);
    }

    #[test]
    fn all_before_the_dashes_are_names() {
        check("tenure lock a b -- ls", &["a", "b"], &["ls"]);
        check("tenure lock -n a b c -- ls -- x", &["a", "b", "c"], &["ls", "--", "x"]);
    }

    #[test]
    fn a_name_given_twice_and_an_option_among_the_names_are_refused() {
        for (line, part) in [
            ("tenure lock a b a -- ls", "a is named twice"),
            ("tenure lock a b --wait 5s -- ls", "--wait stands behind a name"),
        ] {
            let failure = parse(line).unwrap_err();
            assert_eq!(failure.code, FAILED);
            assert!(failure.message.contains(part), "{}", failure.message);
        }
    }
}
