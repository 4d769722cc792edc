//! `tenure handover`: a lock goes from its holder to one who waits for it, and to nobody else between.

use crate::cli::connect::{Connection, TIMEOUT_DEFAULT};
use crate::cli::duration;
use crate::cli::failure::{Failure, NO};
use crate::cli::log::printable;
use crate::cli::{name, output, typed};
use clap::Args;
use std::time::{Duration, Instant};
use tenure::base::{SessionId, Token};
use tenure::client::{BreakOptions, Client, Grace, Holder, Observer, Wait};
use tenure::lock::{LockView, Name};
use tenure::wire::{Query, ReadAnswer};
use tenure::{Error, Status};

/// Ask the holder of a lock to end, and hand the lock to one who waits for it.
///
/// The lock goes over in one step when the holder has ended: nobody else gets it between. A client's name is in
/// `tenure show`. Waits until it has happened.
#[derive(Args, Debug)]
#[command(
    after_help = "Exit codes: 0 handed over; 1 nobody holds it, the one named does not wait, or not yet handed over; \
                        2 usage; 3 cluster unavailable, or it may have been done."
)]
pub struct Options {
    /// The lock or election
    #[arg(value_parser = name::parse)]
    name: String,
    /// To the first waiter of this client name; without it, to the next in the queue
    #[arg(long, value_name = "CLIENT", value_parser = name::parse_client)]
    to: Option<String>,
    /// How long the holder may go on, from when it hears of it [default: its session's TTL]
    #[arg(long, value_name = "DURATION", value_parser = duration::parse)]
    grace: Option<Duration>,
    /// How long to wait until it has happened [default: the grace or the holder's TTL, and --timeout; a --timeout other
    /// than its default alone]
    #[arg(short, long, value_name = "DURATION", value_parser = duration::parse)]
    wait: Option<Duration>,
    /// Why, for the holder and for people
    #[arg(long, value_name = "TEXT", default_value = "tenure handover")]
    reason: String,
    #[command(flatten)]
    connection: Connection,
}

/// Runs it.
pub fn run(options: &Options) -> Result<(), Failure> {
    let client = options.connection.open()?;
    let result = options.hand_over(&client);
    options.connection.close(&client);
    output::conclude(&result?)
}

impl Options {
    fn hand_over(&self, client: &Client) -> Result<String, Failure> {
        let name = printable(&self.name);
        let observer = client.observe(&self.name)?;
        let lock = look(client, &self.name)?;
        let Some(lock) = lock.filter(|lock| lock.token != Token(0)) else {
            return Err(Failure::new(NO, format!("nobody holds {name}")));
        };
        let heir = self.heir(&lock)?;
        let patience = self.patience(client, &lock)?;
        let grace = self.grace.map_or(Grace::Ttl, Grace::For);
        let mut order = BreakOptions::new().grace(grace).reason(self.reason.clone());
        order.to = self.to.clone();
        client.break_lock(&self.name, order).map_err(|error| self.refusal(error))?;
        log::debug!("ordered; waiting for up to {}", duration::show(patience));
        let until = Instant::now() + patience;
        let (mut had_it, who) = (None, printable(&heir.client));
        while until > Instant::now() {
            let now = look(client, &self.name)?;
            if let Some(token) = now.and_then(|lock| token_of(&lock, heir.session)) {
                return Ok(format!("{who} holds {name} under token {token}\n"));
            }
            if let Some(token) = had_it {
                return Ok(format!("{who} held {name} under token {token}, and has ended\n"));
            }
            let holder = next_holder(&observer, until)?;
            let is_heir =
                |holder: &Holder| holder.token > lock.token && holder.client == heir.client;
            had_it = holder.filter(is_heir).map(|holder| holder.token);
        }
        let text = format!(
            "{} is asked to hand {name} over and has not done so yet; it will by the end of its grace, or of its session",
            printable(&lock.client)
        );
        Err(Failure::new(NO, text))
    }

    /// How long to wait. A holder that hears of it ends within the grace, one that does not within its TTL.
    fn patience(&self, client: &Client, lock: &LockView) -> Result<Duration, Failure> {
        let timeout = self.connection.timeout;
        if self.wait.is_some() || timeout != TIMEOUT_DEFAULT {
            return Ok(self.wait.unwrap_or(timeout));
        }
        let ttl = match client.read(Query::Session { session: lock.session })? {
            ReadAnswer::Session(session) => session.map_or(0, |session| session.ttl_ms),
            other => return Err(unexpected(&other)),
        };
        let ttl = Duration::from_millis(ttl.into());
        Ok(self.grace.unwrap_or(ttl).max(ttl) + timeout)
    }

    /// Who is to get it, as the queue is now.
    fn heir(&self, lock: &LockView) -> Result<Heir, Failure> {
        let name = printable(&self.name);
        let command =
            |subcommand: &str| typed::command(subcommand, &self.connection, &[&self.name]);
        let found = lock
            .waiters
            .iter()
            .find(|waiter| self.to.as_ref().is_none_or(|client| waiter.client == *client));
        if let Some(waiter) = found {
            return Ok(Heir { session: waiter.session, client: waiter.client.clone() });
        }
        Err(Failure::new(
            NO,
            match &self.to {
                Some(client) => format!(
                    "{} does not wait for {name}, or too far behind; see who does with `{}`",
                    printable(client),
                    command("show")
                ),
                None => format!("nobody waits for {name}; `{}` only frees it", command("break")),
            },
        ))
    }

    fn refusal(&self, error: Error) -> Failure {
        match error.status {
            Status::NotFound => {
                let name = printable(&self.name);
                Failure::new(
                    NO,
                    format!("nobody holds {name} any more, or who should get it waits no more"),
                )
            }
            _ => error.into(),
        }
    }
}

/// Who gets the lock.
struct Heir {
    session: SessionId,
    client: String,
}

fn look(client: &Client, name: &str) -> Result<Option<LockView>, Failure> {
    let name = Name::try_from(name).map_err(|error| Failure::usage(error.to_string()))?;
    match client.read(Query::Lock { name })? {
        ReadAnswer::Lock { lock, .. } => Ok(lock),
        other => Err(unexpected(&other)),
    }
}

fn unexpected(answer: &ReadAnswer) -> Failure {
    Failure::unavailable(format!("an answer of another kind came: {answer:?}"))
}

/// Under which token `session` holds it.
fn token_of(lock: &LockView, session: SessionId) -> Option<Token> {
    let oldest = (lock.token != Token(0) && lock.session == session).then_some(lock.token);
    let other =
        || lock.others.iter().find(|other| other.session == session).map(|other| other.token);
    oldest.or_else(other)
}

/// Waits until the oldest holder changes: who it is. One who comes beside it is seen at the next look.
fn next_holder(observer: &Observer, until: Instant) -> Result<Option<Holder>, Failure> {
    let left = until.saturating_duration_since(Instant::now()).min(LOOK_EVERY);
    match observer.next(Wait::For(left)) {
        Ok(observed) => Ok(observed.holder),
        Err(error) if error.status == Status::Again => Ok(None),
        Err(error) => Err(error.into()),
    }
}

const LOOK_EVERY: Duration = Duration::from_millis(200);
