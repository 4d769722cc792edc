//! Hand-overs of a lock by an operator: from its holder directly to one of its waiters.

use crate::base::locks::{LockView, Name};
use crate::base::text::span;
use crate::base::{SessionId, Token, setters};
use crate::client::calls::{checked_name, unexpected};
use crate::client::{BreakOptions, Client, Grace, Holder, Observer, Wait};
use crate::wire::{Query, ReadAnswer};
use crate::{Error, Status};
use std::time::{Duration, Instant};

/// Options of a hand-over.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct HandoverOptions {
    /// The client name of the waiter that gets the lock; `None`: the next in the queue.
    pub to: Option<String>,
    /// How long the holder may go on, from when it hears of it, in whole milliseconds, at most an hour; `None`: for its
    /// session's TTL.
    pub grace: Option<Duration>,
    /// Why, for the holder and for people; at most 255 bytes.
    pub reason: String,
    /// How long to wait for the hand-over; `None`: the grace or the holder's TTL, whichever is
    /// longer, and the request timeout.
    pub wait: Option<Duration>,
}

impl HandoverOptions {
    /// The defaults.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

setters!(HandoverOptions:
    to(impl Into<String>) = Some(to.into());
    grace(Duration) = Some(grace);
    reason(impl Into<String>) = reason.into();
    wait(Duration) = Some(wait);
);

/// The new holder of a lock.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct HandedOver {
    /// Its client name.
    pub client: String,
    /// The token of the grant.
    pub token: Token,
    /// Whether that grant has ended since.
    pub has_ended: bool,
}

/// Why a lock was not handed over.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotHandedOver {
    /// Nobody holds it.
    #[error("nobody holds {name:?}")]
    NobodyHolds {
        /// The lock.
        name: String,
    },
    /// Nobody waits for it, or not the named client.
    #[error("{} {name:?}, or too far behind: the holder was not asked", waits_not(to))]
    NobodyWaits {
        /// The lock.
        name: String,
        /// The client that should get it.
        to: Option<String>,
    },
    /// The grant ended, or the waiter left, during the order.
    #[error("nobody holds {name:?} any more, or who should get it waits no more")]
    Gone {
        /// The lock.
        name: String,
    },
    /// The holder is asked, and has not ended yet.
    #[error(
        "{holder:?} is asked to hand {name:?} over and has not done so yet; it will by the end of its grace, or of its session"
    )]
    NotYet {
        /// The lock.
        name: String,
        /// The present holder.
        holder: String,
    },
    /// Anything else.
    #[error("{0}")]
    Failed(#[from] Error),
}

impl From<NotHandedOver> for Error {
    fn from(why: NotHandedOver) -> Self {
        let status = match why {
            NotHandedOver::Failed(error) => return error,
            NotHandedOver::NotYet { .. } => Status::Timeout,
            NotHandedOver::NobodyHolds { .. }
            | NotHandedOver::NobodyWaits { .. }
            | NotHandedOver::Gone { .. } => Status::NotFound,
        };
        Self::new(status, why.to_string())
    }
}

fn waits_not(to: &Option<String>) -> String {
    match to {
        Some(client) => format!("no client called {client:?} waits for"),
        None => "nobody waits for".to_owned(),
    }
}

impl Client {
    /// Asks the holder of `name` to end, and hands the lock to a waiter, in one step when the
    /// holder has ended: nobody else gets it between. Waits for that; returns at once if the named
    /// client has the lock already.
    ///
    /// # Errors
    /// NOT_FOUND: nobody holds it, or no waiter has that name: the holder was not asked. TIMEOUT:
    /// the holder was asked, and has not ended yet. UNAVAILABLE, UNKNOWN, INVALID, CLOSED, …
    pub fn hand_over(&self, name: &str, options: HandoverOptions) -> Result<HandedOver, Error> {
        Ok(self.hand_over_lock(name, options)?)
    }

    /// As [`Client::hand_over`], with the reason as a type.
    ///
    /// # Errors
    /// [`NotHandedOver`].
    #[doc(hidden)]
    pub fn hand_over_lock(
        &self,
        name: &str,
        options: HandoverOptions,
    ) -> Result<HandedOver, NotHandedOver> {
        let lock_name = checked_name(name)?;
        let name = name.to_owned();
        let observer = self.observe(&name)?;
        let held = look(self, &lock_name)?.filter(|lock| lock.token != Token(0));
        let Some(lock) = held else { return Err(NotHandedOver::NobodyHolds { name }) };
        let Some(heir) = Heir::of(&lock, options.to.as_deref()) else {
            return already(&lock, options.to.as_deref())
                .ok_or(NotHandedOver::NobodyWaits { name, to: options.to });
        };
        let patience = patience(self, &lock, &options)?;
        let grace = options.grace.map_or(Grace::Ttl, Grace::For);
        let mut order = BreakOptions::new().grace(grace).reason(options.reason);
        order.to = options.to;
        // Bound to the grant that was seen: if it has ended by then, the next holder is not asked.
        order.token = (lock.holding == 1).then_some(lock.token);
        if let Err(error) = self.break_lock(&name, order) {
            let is_gone = error.status == Status::NotFound;
            // The heir may have the lock already, by its turn or another order.
            let handed = if is_gone { heir.look(self, &lock_name)? } else { None };
            let why = if is_gone { NotHandedOver::Gone { name } } else { error.into() };
            return handed.ok_or(why);
        }
        log::debug!("ordered; waiting for up to {}", span(patience));
        let until = Instant::now().checked_add(patience);
        match heir.wait_for(self, (&lock_name, &lock), (&observer, until))? {
            Some(handed) => Ok(handed),
            None => Err(NotHandedOver::NotYet { name, holder: lock.client }),
        }
    }
}

/// The result if the named client has the lock already.
fn already(lock: &LockView, to: Option<&str>) -> Option<HandedOver> {
    let has_it = to.is_some_and(|to| lock.client == to);
    let (client, token) = (lock.client.clone(), lock.token);
    has_it.then_some(HandedOver { client, token, has_ended: false })
}

/// How long to wait. A holder that hears of the order ends within the grace, any other within its
/// TTL.
fn patience(
    client: &Client,
    lock: &LockView,
    options: &HandoverOptions,
) -> Result<Duration, Error> {
    if let Some(wait) = options.wait {
        return Ok(wait);
    }
    let ttl = match client.read(Query::Session { session: lock.session })? {
        ReadAnswer::Session(session) => session.map_or(0, |session| session.ttl_ms),
        other => return Err(unexpected(&other)),
    };
    let ttl = Duration::from_millis(ttl.into());
    Ok(options.grace.unwrap_or(ttl).max(ttl).saturating_add(client.handle.request_timeout))
}

/// The waiter that gets the lock.
struct Heir {
    session: SessionId,
    client: String,
}

impl Heir {
    /// The heir by the present queue.
    fn of(lock: &LockView, to: Option<&str>) -> Option<Self> {
        let is_meant = |client: &str| to.is_none_or(|to| client == to);
        let waiter = lock.waiters.iter().find(|waiter| is_meant(&waiter.client))?;
        Some(Self { session: waiter.session, client: waiter.client.clone() })
    }

    /// The result if the heir has the lock.
    fn look(&self, client: &Client, name: &Name) -> Result<Option<HandedOver>, Error> {
        let token = look(client, name)?.and_then(|lock| token_of(&lock, self.session));
        Ok(token.map(|token| self.handed(token, false)))
    }

    fn handed(&self, token: Token, has_ended: bool) -> HandedOver {
        HandedOver { client: self.client.clone(), token, has_ended }
    }

    /// Waits until the heir has, or had, the lock of `before`; `None`: not in time.
    fn wait_for(
        &self,
        client: &Client,
        (name, before): (&Name, &LockView),
        (observer, until): (&Observer, Option<Instant>),
    ) -> Result<Option<HandedOver>, Error> {
        let left = || until.map(|until| until.saturating_duration_since(Instant::now()));
        let mut had_it = None;
        while left().is_none_or(|left| !left.is_zero()) {
            if let Some(handed) = self.look(client, name)? {
                return Ok(Some(handed));
            }
            if let Some(token) = had_it {
                return Ok(Some(self.handed(token, true)));
            }
            let wait = left().unwrap_or(LOOK_EVERY).min(LOOK_EVERY);
            let holder = next_holder(observer, wait)?;
            let is_heir =
                |holder: &Holder| holder.token > before.token && holder.client == self.client;
            had_it = holder.filter(is_heir).map(|holder| holder.token);
        }
        Ok(None)
    }
}

fn look(client: &Client, name: &Name) -> Result<Option<LockView>, Error> {
    match client.read(Query::Lock { name: name.clone() })? {
        ReadAnswer::Lock { lock, .. } => Ok(lock),
        other => Err(unexpected(&other)),
    }
}

/// The token under which `session` holds the lock.
fn token_of(lock: &LockView, session: SessionId) -> Option<Token> {
    let oldest = (lock.token != Token(0) && lock.session == session).then_some(lock.token);
    let other =
        || lock.others.iter().find(|other| other.session == session).map(|other| other.token);
    oldest.or_else(other)
}

/// Waits for a change of the oldest holder; gives it. A holder beside it is seen at the next look.
fn next_holder(observer: &Observer, wait: Duration) -> Result<Option<Holder>, Error> {
    match observer.next(Wait::For(wait)) {
        Ok(observed) => Ok(observed.holder),
        Err(error) if error.status == Status::Again => Ok(None),
        Err(error) => Err(error),
    }
}

const LOOK_EVERY: Duration = Duration::from_millis(200);
