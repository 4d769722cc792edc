//! A program that hears nothing of the shell that runs the tests.

use std::ffi::OsStr;
use std::process::{Command, Stdio};

/// `program` without input, and without the variables that `tenure`, Python and the dynamic linker read.
pub fn quiet(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        let is_read = ["TENURE_", "PYTHON"].iter().any(|prefix| text.starts_with(prefix));
        if is_read || text == "LD_LIBRARY_PATH" {
            command.env_remove(&name);
        }
    }
    command.stdin(Stdio::null());
    command
}
