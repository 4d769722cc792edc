//! `tenure snapshot`: the whole state as a file, and a new cluster that begins with such a file.

mod extract;
mod inspect;
mod restore;
mod save;

use crate::cli::failure::Failure;
use clap::{Args, Subcommand};

/// Save the state of the cluster to a file, look at such a file, begin a new cluster with it; or take one out of the
/// directory of a node that is left.
#[derive(Args, Debug)]
pub struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    Save(save::Options),
    Inspect(inspect::Options),
    Restore(restore::Options),
    Extract(extract::Options),
}

pub fn run(options: &Options) -> Result<(), Failure> {
    match &options.command {
        Command::Save(options) => save::run(options),
        Command::Inspect(options) => inspect::run(options),
        Command::Restore(options) => restore::run(options),
        Command::Extract(options) => extract::run(options),
    }
}
