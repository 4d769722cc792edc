//! A short slice of chaos on real processes: one of the cuts, one of the stops, one of the kills.

use crate::cluster::tenure;
use crate::cluster::turn;
use std::io::Write;

/// Strikes for a while; what was not tested is said.
fn chaos(arguments: &[&str]) {
    let _turn = turn();
    let output = tenure().arg("chaos").args(arguments).arg("--or-skip").output();
    let output = output.expect("tenure runs");
    let text = String::from_utf8(output.stdout).expect("it speaks UTF-8");
    let errors = String::from_utf8(output.stderr).expect("it speaks UTF-8");
    assert_eq!(output.status.code(), Some(0), "{text}{errors}");
    if text.starts_with("skipped: ") {
        // Straight to the terminal: what was not tested is not to be hidden with what passed.
        let _ = write!(std::io::stderr(), "\nchaos on real processes was {text}");
        return;
    }
    assert!(text.contains("OK: no violation."), "{text}");
}

#[test]
fn a_cut_a_stop_and_a_kill_break_nothing() {
    chaos(&["--for", "10s", "--nemeses", "leader-cut,client-stop,all-kill"]);
}

#[test]
fn a_cut_and_a_kill_break_nothing_over_tls_while_rights_change() {
    chaos(&["--tls", "--rights", "--for", "10s", "--nemeses", "leader-cut,leader-kill"]);
}

#[test]
fn a_directory_with_other_logs_is_refused() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    std::fs::write(directory.path().join("other.jsonl"), "").expect("a file is written");
    let mut command = tenure();
    command.args(["chaos", "--or-skip", "--data"]).arg(directory.path());
    let output = command.output().expect("tenure runs");
    let text = String::from_utf8(output.stderr).expect("it speaks UTF-8");
    let is_skipped = output.stdout.starts_with(b"skipped: ");
    assert!(is_skipped || text.contains("is not empty"), "{text}");
}

#[test]
fn an_unknown_nemesis_is_refused_with_those_that_there_are() {
    let output = tenure().args(["chaos", "--nemeses", "meteor"]).output().expect("tenure runs");
    let text = String::from_utf8(output.stderr).expect("it speaks UTF-8");
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(text.contains("no nemesis \"meteor\"") && text.contains("leader-deaf"), "{text}");
}
