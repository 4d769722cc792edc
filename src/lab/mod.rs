//! The laboratory: commands that show, measure and test Tenure. It uses the library and the
//! operators' commands; without the feature `lab` the program has none of it.

mod bench;
mod chaos;
mod demo;
mod environment;
mod ink;
mod interrupted;
mod papers;
mod planted;
mod ports;
mod processes;
mod simulate;
mod verify;

use crate::cli::failure::Failure;
use clap::Subcommand;
use log::LevelFilter;
use std::ffi::OsString;

/// The subcommands of the laboratory, listed after those of operators.
#[derive(Subcommand, Debug)]
pub enum Command {
    Demo(demo::Options),
    Bench(Box<bench::Options>),
    Sim(simulate::Options),
    Verify(verify::Options),
    Chaos(chaos::Options),
}

impl Command {
    /// The log level without `--verbose`.
    pub fn quiet(&self) -> LevelFilter {
        match self {
            Self::Demo(_) => LevelFilter::Error,
            Self::Bench(options) if options.embeds() => LevelFilter::Error,
            _ => LevelFilter::Warn,
        }
    }

    /// Runs the command; gives the exit code.
    pub fn run(self) -> Result<u8, Failure> {
        let done = |()| 0;
        match self {
            Self::Demo(options) => demo::run(&options),
            Self::Bench(options) => bench::run(&options).map(done),
            Self::Sim(options) => simulate::run(&options).map(done),
            Self::Verify(options) => verify::run(&options),
            Self::Chaos(options) => chaos::run(&options),
        }
    }
}

/// Runs a hidden command, with which our own processes are started, if `arguments` are of one.
pub fn run_hidden(arguments: &[OsString]) -> Option<Result<(), Failure>> {
    if let Some(options) = demo::holder::Options::of(arguments) {
        return Some(demo::holder::run(&options));
    }
    if let Some(options) = chaos::client::Options::of(arguments) {
        return Some(chaos::client::run(&options));
    }
    let options = chaos::client::crash::Options::of(arguments)?;
    Some(chaos::client::crash::run(&options))
}
