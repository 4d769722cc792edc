//! `tenure man`: the manual pages, one for each command.

use crate::cli::failure::Failure;
use clap::Args;
use std::path::PathBuf;

/// Write the manual pages.
#[derive(Args, Debug)]
pub struct Options {
    /// Directory for them; made if it does not exist
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

/// Runs it, for this command line.
pub fn run(options: &Options, command: clap::Command) -> Result<(), Failure> {
    std::fs::create_dir_all(&options.out)
        .and_then(|()| clap_mangen::generate_to(command, &options.out))
        .map_err(|error| {
            let place = options.out.display();
            Failure::unavailable(format!("cannot write manual pages to {place}: {error}"))
        })
}
