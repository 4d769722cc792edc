//! `tenure certs`: an authority, and certificates of nodes, clients and operators.

mod issue;
mod show;

use crate::cli::failure::Failure;
use clap::{Args, Subcommand};

/// Make an authority, and certificates of nodes, clients and operators; show what a certificate says.
///
/// `certs ca` once, `certs node` for each node, `certs client` for each program, `certs operator` for each person. All who
/// connect trust ca.crt; ca.key is needed only here: with it one can be anybody.
#[derive(Args, Debug)]
pub struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    Ca(issue::Authority),
    Node(issue::Node),
    Client(issue::Client),
    Operator(issue::Operator),
    Show(show::Options),
}

pub fn run(options: &Options) -> Result<(), Failure> {
    match &options.command {
        Command::Ca(options) => issue::authority(options),
        Command::Node(options) => issue::node(options),
        Command::Client(options) => issue::client(options),
        Command::Operator(options) => issue::operator(options),
        Command::Show(options) => show::run(options),
    }
}
