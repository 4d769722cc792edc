//! `tenure elect`: campaigns in an election and runs a command while elected, or prints who is
//! elected.

use crate::cli::failure::Failure;
use crate::cli::lock::{EXIT_CODES, FAILED, Task, Terms, Words, failed, split};
use crate::cli::{name, watch};
use clap::Args;
use std::ffi::OsString;
use tenure::client::AcquireOptions;

/// Run a command while elected, or follow who is elected.
///
/// An election is a lock with a value: others see V as who won. CMD runs as under `tenure lock`, and is ended as there.
/// Without CMD it prints "NAME TOKEN" and stays elected until a signal. With --observe it prints who is elected, and
/// then each change, until a signal.
#[derive(Args, Debug)]
#[command(
    override_usage = "tenure elect [OPTIONS] NAME --value V -- CMD [ARGS]…\n       tenure elect [OPTIONS] NAME --value V\n       tenure elect NAME --observe [--json]",
    after_help = EXIT_CODES
)]
pub struct Options {
    /// The election
    #[arg(value_name = "NAME", value_parser = name::parse)]
    name: String,
    /// The command and its arguments; run as it is, without a shell
    #[arg(value_name = "CMD", trailing_var_arg = true)]
    rest: Vec<OsString>,
    /// What others see of the elected, as an address; at most 4 KiB
    #[arg(long, value_name = "V", required_unless_present = "observe")]
    value: Option<String>,
    /// Do not stand: print each holder as a line
    #[arg(long)]
    observe: bool,
    /// With --observe: print JSON, one object for each line
    #[arg(long, requires = "observe")]
    json: bool,
    #[command(flatten)]
    terms: Terms,
}

/// Runs it. `behind` is what stands behind the "--".
pub fn run(options: Options, behind: Option<&[OsString]>) -> Result<u8, Failure> {
    let request = split(Words::NameAndCommand, &options.name, &options.rest, behind)?;
    if request.names.len() > 1 {
        let text = "one NAME at a time can be stood for; what is before the -- must be one word";
        return Err(Failure::new(FAILED, text));
    }
    if !options.observe {
        let value = options.value.unwrap_or_default().into_bytes();
        // A campaign is an acquire with a value.
        return options.terms.run(&request, AcquireOptions::new().value(value));
    }
    if request.task != Task::Hold {
        return Err(Failure::new(FAILED, "--observe runs no command; take one of the two away"));
    }
    let form = watch::Form::of(options.json);
    watch::follow(&options.terms.connection, &options.name, form).map(|()| 0).map_err(failed)
}
