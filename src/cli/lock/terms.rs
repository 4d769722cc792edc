//! The common part of `lock` and `elect`: how long to wait, how to end, and the run of a command
//! between.

use super::audience::{Audience, Gone};
use super::command::{Parted, Request, Task};
use super::grant::{Grant, exit_code};
use super::supervise::{self, End, Held, Why};
use super::wait::{self, Notices, Waited, Wish};
use super::{FAILED, LOST, NOT_FOUND, failed, signal_code};
use crate::cli::connect::Connection;
use crate::cli::failure::Failure;
use crate::cli::log::printable;
use crate::cli::outlet::{Flushed, LAST_WORDS_WAIT, STDERR, STDOUT};
use crate::cli::signals::{Signals, forwarded};
use crate::cli::{duration, name, output, typed};
use clap::Args;
use signal_hook::consts::SIGINT;
use std::ffi::OsString;
use std::io::ErrorKind;
use std::time::Duration;
use tenure::client::{AcquireOptions, Client, ClientOptions, Wait};
use tenure::sys::terminal::{self, Interrupted, Terminal};

/// How to wait, and how to end.
#[derive(Args, Debug)]
pub struct Terms {
    /// Do not wait: give up at once if somebody holds it
    #[arg(short = 'n', long = "try")]
    try_only: bool,
    /// How long to wait; without it, as long as it takes
    #[arg(short, long, value_name = "DURATION", value_parser = duration::parse)]
    wait: Option<Duration>,
    /// How long the cluster keeps it for us without hearing from us
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = duration::parse)]
    ttl: Duration,
    /// How long before the lease's end CMD gets SIGTERM, at most half the TTL [default: 1s, or a quarter of the TTL]
    #[arg(long, value_name = "DURATION", value_parser = duration::parse)]
    grace: Option<Duration>,
    /// Say nothing of somebody else who has it: neither while waiting nor when it is not granted in time
    #[arg(short, long)]
    quiet: bool,
    /// Exit code when it is not granted in time
    #[arg(short = 'E', long, value_name = "CODE", default_value_t = 124)]
    conflict_exit_code: u8,
    /// This client's name, for others and for `handover --to` [default: this machine's name and our
    /// process id]
    #[arg(long, value_name = "NAME", value_parser = name::parse_client)]
    client: Option<String>,
    #[command(flatten)]
    pub connection: Connection,
}

impl Terms {
    /// Acquires the locks of `request`, runs its command, and releases the locks; returns the exit
    /// code.
    ///
    /// # Errors
    /// All failures, in the codes of `tenure lock`.
    pub fn run(&self, request: &Request, options: AcquireOptions) -> Result<u8, Failure> {
        // From here on each signal is handled: a signal during the wait withdraws the request.
        let signals = Signals::catch_all(&forwarded()).map_err(failed)?;
        let client = self.client_options().and_then(|options| {
            Client::open(&self.connection.endpoints, options).map_err(Failure::from)
        });
        let client = client.map_err(failed)?;
        let end = self.hold(&client, request, options, &signals);
        // No farewell to a cluster that just failed us: the caller would only wait, and the TTL
        // ends the session there.
        if !matches!(&end, Err(failure) if failure.code == LOST || failure.code == FAILED) {
            self.connection.close(&client);
        }
        match end? {
            Exit::Code(code) => Ok(code),
            Exit::Interrupted(whom) => {
                STDERR.flush(LAST_WORDS_WAIT);
                terminal::end_by_interrupt(whom);
                Ok(signal_code(SIGINT))
            }
        }
    }

    fn client_options(&self) -> Result<ClientOptions, Failure> {
        let mut options = self.connection.options()?.ttl(self.ttl);
        options.name = self.client.clone();
        Ok(options)
    }

    fn hold(
        &self,
        client: &Client,
        request: &Request,
        options: AcquireOptions,
        signals: &Signals,
    ) -> Result<Exit, Failure> {
        let ttl = client.session().ttl;
        let grace = self.grace_of(ttl)?;
        if ttl != self.ttl && !self.quiet {
            let [in_force, asked] = [ttl, self.ttl].map(duration::show);
            STDERR.say(&format!(
                "tenure: the TTL is {in_force}, and not {asked} as --ttl says: the cluster allows no other"
            ));
        }
        let wait = match self.wait {
            _ if self.try_only => Wait::Try,
            Some(Duration::ZERO) => Wait::Try,
            Some(wait) => Wait::For(wait),
            None => Wait::Forever,
        };
        let notices = if self.quiet { Notices::None } else { Notices::Given };
        let value = String::from_utf8_lossy(&options.value).into_owned();
        let wish = Wish { names: request.names.clone(), wait, options, notices };
        let lease = match wait::acquire(client, wish, signals)? {
            Waited::Granted(lease) => lease,
            Waited::Signalled(SIGINT) if Terminal::of_this_process().is_some() => {
                return Ok(Exit::Interrupted(Interrupted::Process));
            }
            Waited::Signalled(signal) => return Ok(Exit::Code(signal_code(signal))),
            Waited::NotGranted(why) => return Err(Failure::new(self.conflict_exit_code, why)),
        };
        let grant = Grant { lease, names: request.names.clone(), value };
        let end = match &request.task {
            Task::Run(command, parted) => {
                self.run_command(&grant, command, *parted, grace, signals)?
            }
            Task::Hold => hold_until_signal(&grant, signals)?,
        };
        self.account(&grant, end)
    }

    /// The exit code of an end. A lock that was asked for is released first, so that nobody waits
    /// for it.
    fn account(&self, grant: &Grant, end: Ended) -> Result<Exit, Failure> {
        let why = match end {
            Ended::ByItself(exit) => return Ok(exit),
            Ended::With(why) => why,
        };
        if why == Why::Broken {
            // The lease may have ended by itself; LOST is then the right answer.
            let _ = grant.lease.release(Wait::For(self.connection.timeout));
        }
        let text = match why {
            Why::Lost => format!("the lease of {} was lost", grant.shown()),
            Why::Broken => format!(
                "{} was taken from us by `tenure break` or `tenure handover`{}",
                grant.shown(),
                grant.reason()
            ),
        };
        Err(Failure::new(LOST, text))
    }

    fn run_command(
        &self,
        grant: &Grant,
        command: &[OsString],
        parted: Parted,
        grace: Duration,
        signals: &Signals,
    ) -> Result<Ended, Failure> {
        match supervise::supervise(grant, command, grace, signals) {
            Ok(End::Exited(status)) => Ok(Ended::ByItself(Exit::Code(exit_code(status)))),
            Ok(End::Interrupted(whom)) => Ok(Ended::ByItself(Exit::Interrupted(whom))),
            Ok(End::Ended(why)) => Ok(Ended::With(why)),
            Err(failure) if failure.code == NOT_FOUND && parted == Parted::ByPlace => {
                Err(Failure::new(
                    NOT_FOUND,
                    format!(
                        "{}; {}",
                        failure.message,
                        both_forms(&self.connection, grant, command)
                    ),
                ))
            }
            Err(failure) => Err(failure),
        }
    }

    /// The grace, checked against the session's TTL: renewals come every third of the TTL, so a
    /// grace of more than two thirds would end CMD although all is well.
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

/// How a hold ended.
enum Ended {
    /// By itself; we exit so, too.
    ByItself(Exit),
    /// With the lease.
    With(Why),
}

/// How this program exits.
enum Exit {
    Code(u8),
    /// By the SIGINT of a Ctrl-C, as without us.
    Interrupted(Interrupted),
}

/// Advice after several names without a "--": the two command lines that were probably meant.
fn both_forms(connection: &Connection, grant: &Grant, command: &[OsString]) -> String {
    let further = command.iter().map(|word| word.to_string_lossy().into_owned());
    let names: Vec<String> = grant.names.iter().cloned().chain(further).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let with = typed::command("lock", connection, &[&names[..], &["--", "CMD"]].concat());
    let without = typed::command("lock --hold", connection, &names);
    format!(
        "without a -- it is taken for CMD: to take several locks write `{with}`, or without a command `{without}`"
    )
}

fn hold_until_signal(grant: &Grant, signals: &Signals) -> Result<Ended, Failure> {
    let token = grant.lease.token();
    let lines: Vec<String> =
        grant.names.iter().map(|name| format!("{} {token}", printable(name))).collect();
    let audience = Audience::new();
    STDOUT.say(&lines.join("\n"));
    // A reader may read later; meanwhile the lease and signals are looked after.
    match STDOUT.flush(READER_WAIT) {
        Flushed::Failed(ErrorKind::BrokenPipe) => return Ok(left(grant, Gone::Reader)),
        Flushed::Failed(kind) => return Err(failed(output::cannot_write(&kind.into()))),
        Flushed::Written | Flushed::NotYet => {}
    }
    Ok(match supervise::hold(&grant.lease, signals, &audience)? {
        Held::Signalled => Ended::ByItself(Exit::Code(0)),
        Held::Left(gone) => left(grant, gone),
        Held::Ended(why) => Ended::With(why),
    })
}

/// Ends a hold whose audience is gone, with 0 as after a signal.
fn left(grant: &Grant, gone: Gone) -> Ended {
    STDERR.say(&format!("tenure: {}; {} is given back", gone.sentence(), grant.shown()));
    Ended::ByItself(Exit::Code(0))
}

const READER_WAIT: Duration = Duration::from_millis(100);
