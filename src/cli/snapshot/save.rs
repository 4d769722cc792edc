//! `tenure snapshot save`: the leader's state as a file.

use crate::cli::connect::Connection;
use crate::cli::failure::Failure;
use crate::cli::{output, size};
use clap::Args;
use std::path::PathBuf;
use tenure::client::{Saved, save_snapshot};

/// Have the leader make a snapshot, and write it to FILE.
///
/// FILE appears whole, and durable, or not at all; one that is there is replaced. Only its owner can read it: it
/// holds the names and values of all locks. The keys of their sessions, and that of the cluster, are not in it.
#[derive(Args, Debug)]
pub struct Options {
    /// The file to write
    file: PathBuf,
    #[command(flatten)]
    connection: Connection,
}

pub fn run(options: &Options) -> Result<(), Failure> {
    let Options { file, connection } = options;
    let saved = save_snapshot(&connection.at()?, file, connection.timeout)?;
    let Saved { index, term, locks, sessions, bytes, .. } = saved;
    let (shown, size) = (file.display(), size::show(bytes));
    output::conclude(&format!(
        "{shown}: entry {index} of term {term} with {locks} locks of {sessions} sessions, {size}\n"
    ))
}
