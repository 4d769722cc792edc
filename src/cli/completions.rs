//! `tenure completions`: completion scripts of our command line for shells.

use crate::cli::failure::Failure;
use crate::cli::output;
use clap::Args;
use clap_complete::Shell;

/// Print the completion script of a shell.
#[derive(Args, Debug)]
pub struct Options {
    /// For which shell
    shell: Shell,
}

/// Runs it, for this command line.
pub fn run(options: &Options, command: &mut clap::Command) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(options.shell, command, "tenure", &mut script);
    output::conclude(&String::from_utf8_lossy(&script))
}
