//! What the script that builds packages refuses, before it builds anything.

use crate::install::tools::output_of;
use crate::packages::built::script;
use std::process::Command;

#[test]
fn a_wrong_command_line_is_refused_with_what_is_missing() {
    for (arguments, words) in [
        (&[][..], "--out is missing"),
        (&["--out"], "--out needs a value"),
        (&["--out", "/tmp/unused", "--only", "rpm"], "there is no kind \"rpm\""),
        (&["--strip"], "there is no option --strip"),
    ] {
        let output = output_of(Command::new(script()).args(arguments));
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {stderr}");
        assert!(stderr.contains(words), "{arguments:?}: {stderr}");
    }
}

#[test]
fn a_tool_that_is_missing_is_named_with_how_to_get_it() {
    let mut command = Command::new(script());
    command
        .args(["--out", "/tmp/unused", "--only", "deb"])
        .env("CARGO_DEB", "/nonexistent/cargo-deb");
    let output = output_of(&mut command);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    assert!(
        stderr.contains("/nonexistent/cargo-deb is missing: cargo install cargo-deb --locked"),
        "{stderr}"
    );
}
