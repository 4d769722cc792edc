//! `tenure config`: checks and shows the configuration that a node would have from its file, its
//! variables and its flags.

mod check;
mod doubts;
mod file;
mod print;
mod sample;
mod settings;

use crate::cli::failure::Failure;
use clap::{ArgMatches, Args, Subcommand};

/// Check a configuration file of `serve`, or show the value of each option and where it comes from.
#[derive(Args, Debug)]
pub struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    Check(check::Options),
    Print(print::Options),
}

/// The sample file, as `print --defaults` prints it.
#[cfg(test)]
pub use sample::text as sample;

/// `matches` are those of the whole command line: they know whether a flag or a variable gave a
/// value.
pub fn run(options: Options, matches: &ArgMatches) -> Result<(), Failure> {
    let own = |name: &str| matches.subcommand_matches("config")?.subcommand_matches(name);
    match options.command {
        Command::Check(options) => check::run(options, own("check").expect("it was parsed")),
        Command::Print(options) => print::run(&options, own("print").expect("it was parsed")),
    }
}
