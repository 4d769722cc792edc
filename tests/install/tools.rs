//! Programs of the system, and how they are run.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// A program that this test can do without; says so if it must.
pub fn optional(variable: &str, default: &str) -> Option<String> {
    let program = variable_or(variable, default);
    let found = Command::new(&program)
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    if found.is_ok() {
        return Some(program);
    }
    say(&format!(
        "SKIPPED: {program} is missing, so nothing was checked with it; install it, or set {variable}"
    ));
    None
}

/// Not eprintln: the harness would keep it to itself, as the test passes.
pub fn say(text: &str) {
    writeln!(std::io::stderr(), "{text}").expect("stderr can be written");
}

pub fn variable_or(variable: &str, default: &str) -> String {
    std::env::var(variable).unwrap_or(default.to_owned())
}

/// What `command` wrote to stdout; fails with all of its output if it failed.
pub fn run(command: &mut Command) -> String {
    let output = output_of(command);
    let stdout = String::from_utf8_lossy(&output.stdout);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {}\n{stdout}\n{stderr}", output.status);
    stdout.into_owned()
}

pub fn output_of(command: &mut Command) -> Output {
    command.stdin(Stdio::null()).output().unwrap_or_else(|error| {
        panic!("cannot run {:?}: {error}; install it", command.get_program());
    })
}

pub fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

pub fn root(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}
