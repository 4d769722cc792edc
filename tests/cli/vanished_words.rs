//! A shell drops a word whose variable is not set, and passes an empty one where it stands in quotes. What is meant by the
//! rest of the line must not change by that: CMD never runs under a lock that nobody named.

use crate::program::{code, free_ports, sentence, tenure};
use std::process::{Command, Output, Stdio};

/// Runs `line` in a shell in which LOCK, A, V and CMD are set to nothing and `$T` is this program; `touch ran` is the
/// command of most lines. How it ended, and whether the command ran. Nothing listens where the endpoints point to: who
/// passes the command line fails there.
fn shell(line: &str) -> (Output, bool) {
    let directory = tempfile::tempdir().unwrap();
    let endpoint = format!("127.0.0.1:{}", free_ports(1)[0]);
    let program = tenure(&[]);
    let mut command = Command::new("sh");
    for (name, _) in program.get_envs() {
        command.env_remove(name);
    }
    command
        .args(["-c", line])
        .current_dir(directory.path())
        .env("T", program.get_program())
        .env("TENURE_ENDPOINTS", endpoint)
        .env("TENURE_TIMEOUT", "100ms");
    command.envs(["LOCK", "A", "V", "CMD"].map(|name| (name, "")));
    let output = command.stdin(Stdio::null()).output().unwrap();
    (output, directory.path().join("ran").exists())
}

fn check(line: &str, expected: i32, part: &str) {
    let (output, ran) = shell(line);
    let sentence = sentence(&output);
    assert_eq!((code(&output), ran), (Some(expected), false), "{line}: {sentence}");
    assert!(sentence.contains(part), "{line}: {part:?} is not in {sentence:?}");
    assert!(output.stdout.is_empty(), "{line}");
}

#[test]
fn a_name_that_is_missing_before_the_dashes_is_not_the_commands_first_word() {
    for subcommand in ["lock", "elect --value v"] {
        for name in ["$LOCK", "-n $LOCK", "-w 5s $LOCK", "--client c $LOCK", "--client $A x"] {
            let line = format!("$T {subcommand} {name} -- touch ran");
            check(&line, 125, "NAME is missing before the --");
        }
        for command in ["touch", "nice touch ran", "-- touch ran"] {
            check(&format!("$T {subcommand} $LOCK -- {command}"), 125, "NAME is missing");
        }
    }
    check("$T lock --value $V x -- touch ran", 125, "NAME is missing before the --");
    check("$T elect --value $V x -- touch ran", 125, "NAME is missing before the --");
    check("$T -v lock $LOCK -- touch ran", 125, "NAME is missing before the --");
}

#[test]
fn an_empty_name_is_refused_before_anything_is_asked() {
    for line in [
        "$T lock \"$LOCK\" -- touch ran",
        "$T lock \"$LOCK\" touch ran",
        "$T lock \"$LOCK\"",
        "$T lock x \"$LOCK\" -- touch ran",
        "$T lock \"$A\" x -- touch ran",
        "$T lock --hold x \"$LOCK\"",
        "$T elect --value v \"$LOCK\" -- touch ran",
        "$T elect --observe \"$LOCK\"",
    ] {
        check(line, 125, "is empty");
    }
    for line in [
        "$T show \"$LOCK\"",
        "$T show \"$LOCK\" --json",
        "$T watch \"$LOCK\"",
        "$T break \"$LOCK\"",
        "$T break --now \"$LOCK\"",
        "$T handover \"$LOCK\"",
        "$T validate \"$LOCK\" 5",
    ] {
        check(line, 2, "is empty");
    }
}

#[test]
fn what_looks_like_an_option_is_no_name() {
    for name in ["-n", "--try", "-w5s", "--shared", "--", "--client=me"] {
        check(&format!("$T lock {name} -- touch ran"), 125, "NAME is missing before the --");
    }
    for name in ["-x", "--rm"] {
        check(&format!("$T lock {name} -- touch ran"), 125, "unexpected argument");
    }
    for name in ["-n", "--shared", "-x"] {
        check(&format!("$T lock x y {name} -- touch ran"), 125, "stands behind a name");
        check(&format!("$T lock --hold x y {name}"), 125, "stands behind a name");
    }
}

#[test]
fn help_before_the_dashes_runs_nothing_and_says_so() {
    for name in ["--help", "-h", "--version", "-V"] {
        for line in [
            format!("$T lock {name} -- touch ran"),
            format!("$T lock x {name} -- touch ran"),
            format!("$T elect --value v {name} -- touch ran"),
        ] {
            check(&line, 125, "runs no command");
        }
    }
}

#[test]
fn a_command_that_is_missing_behind_the_dashes_holds_nothing() {
    for line in ["$T lock x -- $CMD", "$T lock x y -- $CMD", "$T lock x -n -- $CMD"] {
        check(line, 125, "CMD is missing behind the --");
    }
    check("$T elect x --value v -- $CMD", 125, "CMD is missing behind the --");
    for line in [
        "$T lock x -- \"$CMD\"",
        "$T lock x \"$CMD\"",
        "$T lock x -- \"$CMD\" ran",
        "$T elect x --value v -- \"$CMD\"",
    ] {
        check(line, 125, "CMD is empty");
    }
}

#[test]
fn an_option_whose_value_is_missing_or_empty_takes_no_other_word() {
    for line in [
        "$T lock x --value $V -- touch ran",
        "$T lock x --client $V -- touch ran",
        "$T lock x --limit $V -- touch ran",
        "$T elect x --value $V -- touch ran",
    ] {
        check(line, 125, "value is required");
    }
    check("$T lock x --client \"$V\" -- touch ran", 125, "is empty");
    check("$T lock x --limit \"$V\" -- touch ran", 125, "--limit");
    check("$T handover x --to \"$V\"", 2, "is empty");
    check("$T handover x --to $V", 2, "value is required");
    check("$T handover --to $V x", 2, "<NAME>");
    check("$T break x --token \"$V\"", 2, "--token");
    check("$T break --token $V x", 2, "--token");
    check("$T break --reason $V x", 2, "<NAME>");
    check("$T break $LOCK --now", 2, "<NAME>");
    check("$T validate $LOCK 5", 2, "<TOKEN>");
    check("$T move-leader \"$V\"", 2, "[ID]");
    check("$T member remove $V", 2, "<ID>");
    check("$T member remove \"$V\"", 2, "<ID>");
    check("$T member add 4 \"$V\"", 2, "");
    check("$T snapshot save \"$V\"", 2, "");
}
