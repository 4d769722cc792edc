//! `tenure validate`: asks the cluster whether a token holds a lock now.

use crate::cli::connect::Connection;
use crate::cli::failure::{Failure, NO};
use crate::cli::log::printable;
use crate::cli::{name, output};
use clap::Args;
use tenure::base::Token;

/// Ask whether TOKEN holds NAME now: exit 0 if it does, 1 if not.
#[derive(Args, Debug)]
pub struct Options {
    /// The lock
    #[arg(value_parser = name::parse)]
    name: String,
    /// The fencing token that its holder was given
    #[arg(value_parser = clap::value_parser!(u64).range(1..=i64::MAX as u64))]
    token: u64,
    #[command(flatten)]
    connection: Connection,
}

pub fn run(options: &Options) -> Result<u8, Failure> {
    let client = options.connection.open()?;
    let holds = client.validate(&options.name, Token(options.token))?;
    options.connection.close(&client);
    let (token, name) = (options.token, printable(&options.name));
    let (verb, code) = if holds { ("holds", 0) } else { ("does not hold", NO) };
    output::conclude(&format!("token {token} {verb} {name}\n"))?;
    Ok(code)
}
