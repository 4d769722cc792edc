//! `tenure lock`: a lock around a command, or held until a signal.

mod command;
mod supervise;
mod wait;

use crate::cli::connect::Connection;
use crate::cli::duration;
use crate::cli::failure::Failure;
use crate::cli::output;
use crate::cli::signals::{FORWARDED, Signals};
use clap::Args;
use command::Request;
use std::ffi::OsString;
use std::time::Duration;
use tenure::client::{Client, ClientOptions, Lease, Wait};

/// Tenure failed: a wrong command line, no cluster.
pub const FAILED: u8 = 125;
/// CMD cannot be run.
const NOT_RUNNABLE: u8 = 126;
/// CMD does not exist.
const NOT_FOUND: u8 = 127;
/// The lease was lost, and CMD was ended.
const LOST: u8 = 123;

/// Run a command while holding a lock.
///
/// CMD finds the lock's name and fencing token in TENURE_LOCK and TENURE_TOKEN. If the lease cannot be
/// renewed CMD's process group gets SIGTERM before the lease's end, and SIGKILL at the latest by its end.
/// What CMD leaves behind in its group when it ends is killed, and the lock released.
/// Without CMD it prints "NAME TOKEN" and holds the lock until a signal.
#[derive(Args, Debug)]
#[command(
    override_usage = "tenure lock [OPTIONS] NAME [--] [CMD [ARGS]…]",
    after_help = "Exit codes: CMD's own; 128+n if signal n ended it; 124 not granted in time; \
                  123 lease lost, CMD was ended; 125 Tenure failed; 126 CMD cannot be run; 127 not found."
)]
pub struct Options {
    /// The lock
    #[arg(value_name = "NAME")]
    name: String,
    /// The command and its arguments; run as it is, without a shell
    #[arg(value_name = "CMD", trailing_var_arg = true)]
    rest: Vec<OsString>,
    /// Do not wait: give up at once if somebody holds it
    #[arg(short = 'n', long = "try")]
    try_only: bool,
    /// How long to wait for the lock; without it, as long as it takes
    #[arg(short, long, value_name = "DURATION", value_parser = duration::parse)]
    wait: Option<Duration>,
    /// How long the cluster keeps the lock for us without hearing from us
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = duration::parse)]
    ttl: Duration,
    /// How long before the lease's end CMD gets SIGTERM, at most half the TTL [default: 1s, or a quarter of the TTL]
    #[arg(long, value_name = "DURATION", value_parser = duration::parse)]
    grace: Option<Duration>,
    /// Exit code when the lock is not granted in time
    #[arg(short = 'E', long, value_name = "CODE", default_value_t = 124)]
    conflict_exit_code: u8,
    #[command(flatten)]
    connection: Connection,
}

/// Runs it. `arguments` are those of the process: clap does not say where a "--" stood.
pub fn run(options: Options, arguments: &[OsString]) -> u8 {
    match attempt(options, arguments) {
        Ok(code) => code,
        Err(failure) => {
            crate::cli::complain(&failure.message);
            failure.code
        }
    }
}

fn attempt(options: Options, arguments: &[OsString]) -> Result<u8, Failure> {
    let request = command::split(&options.name, &options.rest, arguments)?;
    // From here on each signal is handled: one that comes while we wait withdraws the request.
    let signals = Signals::catch(FORWARDED).map_err(failed)?;
    let client = Client::open(&options.connection.endpoints, options.client_options())
        .map_err(|error| failed(error.into()))?;
    let code = options.hold(&client, &request, &signals);
    // A cluster that just failed us would only make the caller wait; the TTL ends what is left there.
    if !matches!(&code, Err(failure) if failure.code == LOST || failure.code == FAILED) {
        options.connection.close(&client);
    }
    code
}

impl Options {
    fn client_options(&self) -> ClientOptions {
        ClientOptions { ttl: self.ttl, ..self.connection.options() }
    }

    fn hold(&self, client: &Client, request: &Request, signals: &Signals) -> Result<u8, Failure> {
        let grace = self.grace_of(client.session().ttl)?;
        let wait = match self.wait {
            _ if self.try_only => Wait::Try,
            Some(Duration::ZERO) => Wait::Try,
            Some(wait) => Wait::For(wait),
            None => Wait::Forever,
        };
        let lease = match wait::acquire(client, &request.name, wait, signals)? {
            wait::Waited::Granted(lease) => lease,
            wait::Waited::Signalled(signal) => return Ok(signal_code(signal)),
            wait::Waited::NotGranted(why) => {
                return Err(Failure::new(self.conflict_exit_code, why));
            }
        };
        match &request.command {
            Some(command) => run_command(&lease, command, grace, signals),
            None => hold_until_signal(&lease, signals),
        }
    }

    /// The grace, checked against the TTL that is in force: renewals come every third of it, so a grace of
    /// more than two thirds would end CMD although all is well.
    fn grace_of(&self, ttl: Duration) -> Result<Duration, Failure> {
        match self.grace {
            None => Ok(Duration::from_secs(1).min(ttl / 4)),
            Some(grace) if grace <= ttl / 2 => Ok(grace),
            Some(grace) => Err(Failure::new(
                FAILED,
                format!(
                    "--grace {} is more than half of the TTL {}; make it shorter or raise --ttl",
                    duration::show(grace),
                    duration::show(ttl)
                ),
            )),
        }
    }
}

fn run_command(
    lease: &Lease,
    command: &[OsString],
    grace: Duration,
    signals: &Signals,
) -> Result<u8, Failure> {
    let group = command::spawn(lease, command)?;
    match supervise::supervise(lease, group, grace, signals)? {
        supervise::End::Exited(status) => Ok(command::exit_code(status)),
        supervise::End::Lost => {
            let name = lease.name();
            Err(Failure::new(LOST, format!("the lease of {name} was lost; its command was ended")))
        }
    }
}

fn hold_until_signal(lease: &Lease, signals: &Signals) -> Result<u8, Failure> {
    output::print(&format!("{} {}\n", lease.name(), lease.token())).map_err(failed)?;
    match supervise::hold(lease, signals)? {
        supervise::Held::Signalled => Ok(0),
        supervise::Held::Lost => {
            Err(Failure::new(LOST, format!("the lease of {} was lost", lease.name())))
        }
    }
}

/// The code for a signal that ended a command, or the wait for it, as shells have it.
fn signal_code(signal: i32) -> u8 {
    u8::try_from(128 + signal).unwrap_or(u8::MAX)
}

/// The same failure under the code of `tenure lock`, whose CMD may use any other.
fn failed(failure: Failure) -> Failure {
    Failure { code: FAILED, ..failure }
}
