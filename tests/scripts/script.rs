//! A script: prose behind `#`, commands at the margin, and behind each command, indented, what followed from it.

use crate::common::root::root;
use std::fs;
use std::path::PathBuf;

/// A world in which commands are played.
pub trait World {
    /// Does what `command` says; gives what happened, line by line. An error says what is wrong with the command.
    fn obey(&mut self, command: &str) -> Result<Vec<String>, String>;
}

/// Plays every script of `folder`, each in a world of its own, and compares it with what is written;
/// `TENURE_WRITE_SCRIPTS=1` writes it instead.
pub fn replay_all<W: World>(folder: &str, world: impl Fn() -> W) {
    let scripts = scripts(folder);
    assert!(scripts.len() > 2, "only {} scripts in {folder}", scripts.len());
    let writes = std::env::var_os("TENURE_WRITE_SCRIPTS").is_some();
    let mut problems = Vec::new();
    for path in scripts {
        let written = fs::read_to_string(&path).expect("a script");
        let name = path.strip_prefix(root("")).expect("below the root").display();
        match replay(&written, &mut world()) {
            Err(problem) => problems.push(format!("{name}:{problem}")),
            Ok(played) if writes => fs::write(&path, played).expect("a writable script"),
            Ok(played) => {
                let difference = difference(&written, &played);
                problems.extend(difference.map(|difference| format!("{name}:{difference}")));
            }
        }
    }
    assert!(
        problems.is_empty(),
        "\n{}\nIf that is meant: TENURE_WRITE_SCRIPTS=1 cargo test --test core scripts::",
        problems.join("\n")
    );
}

fn scripts(folder: &str) -> Vec<PathBuf> {
    let folder = root("tests/scripts").join(folder);
    let files = fs::read_dir(folder).expect("a folder of scripts").flatten();
    let mut scripts: Vec<PathBuf> = files.map(|file| file.path()).collect();
    scripts.sort();
    scripts
}

/// The script with the effects of its commands in place of those that it shows.
fn replay(written: &str, world: &mut impl World) -> Result<String, String> {
    if !written.starts_with("# ") {
        return Err("1: a script begins with prose, each line of it behind `# `".to_owned());
    }
    let mut played = String::new();
    for (line, text) in (1..).zip(written.lines()) {
        if text.starts_with(OUTPUT) {
            continue;
        }
        played += text;
        played.push('\n');
        if text.is_empty() || text.starts_with('#') {
            continue;
        }
        let (command, is_told) = match text.strip_prefix(QUIETLY) {
            Some(command) => (command, false),
            None => (text, true),
        };
        let obeyed = world.obey(command);
        let happened = obeyed.map_err(|problem| format!("{line}: {text:?}: {problem}"))?;
        for happened in happened.iter().filter(|_| is_told) {
            played += format!("{OUTPUT}{happened}").trim_end();
            played.push('\n');
        }
    }
    Ok(played)
}

/// The first line that differs.
fn difference(written: &str, played: &str) -> Option<String> {
    let mut lines = (1..).zip(written.lines().zip(played.lines()));
    if let Some((line, (written, played))) = lines.find(|(_, (one, other))| one != other) {
        return Some(format!("{line}: it says\n{written}\n   but what happens is\n{played}"));
    }
    let (written, played) = (written.lines().count(), played.lines().count());
    (written != played).then(|| format!("{}: one is longer than the other", written.min(played)))
}

/// Prefix of a line that shows an effect.
const OUTPUT: &str = "    ";
/// Prefix of a command whose effects are not shown.
const QUIETLY: &str = "quietly ";

mod tests {
    use super::*;

    struct Echo;

    impl World for Echo {
        fn obey(&mut self, command: &str) -> Result<Vec<String>, String> {
            match command {
                "fail" => Err("it fails".to_owned()),
                said => Ok(vec![format!("{said}!"), String::new()]),
            }
        }
    }

    #[test]
    fn commands_are_played_and_prose_stays() {
        let written = "# Why.\n\none\n    old\n    old\ntwo\nquietly three\n# More.\n";
        let played = "# Why.\n\none\n    one!\n\ntwo\n    two!\n\nquietly three\n# More.\n";
        assert_eq!(replay(written, &mut Echo).as_deref(), Ok(played));
    }

    #[test]
    fn what_differs_is_told_with_its_line() {
        assert_eq!(difference("a\nb\n", "a\nb\n"), None);
        assert!(difference("a\nb\n", "a\nc\n").is_some_and(|told| told.starts_with("2: ")));
        assert!(difference("a\n", "a\nc\n").is_some_and(|told| told.starts_with("1: ")));
        assert!(replay("one\n", &mut Echo).is_err());
        assert!(replay("# x\nfail\n", &mut Echo).is_err_and(|told| told.contains("it fails")));
    }
}
