//! The replicated lock machine, pure: a function of the committed log alone (safety L2).
//!
//! Sessions hold locks and places in queues; every request of a session is remembered until the
//! session's floor passes it, so that a repeated request has one effect (L17). A lock exists in the
//! machine as long as it is held, delayed (L16), or being handed over in parts (L5): the apply that frees
//! a lock hands it to the first waiter.
//!
//! No code here reads a clock, draws a random number, or depends on the order of a hash map; all maps
//! are ordered, and every bound that an apply tests is a constant of the level.

mod access;
mod acquire;
mod answer;
mod asked;
mod breaking;
mod by_request;
mod command;
mod deadlock;
mod dedupe;
mod delay;
mod effects;
mod ending;
mod fingerprint;
mod freed;
mod grant;
mod heir;
mod holders;
mod invariants;
mod level;
mod locks;
mod machine;
mod orders;
mod owners;
mod parts;
mod print;
mod queue;
mod release;
mod restore;
mod session;
mod snapshot;
mod stake;
mod tally;
#[cfg(test)]
mod tests;
mod token;
mod transfer;
mod view;
mod weight;

pub use crate::base::locks::{
    AccessChange, AccessDone, Acquire, Answer, BreakWay, HolderView, LEVEL_MAX, LockView, Mode,
    Name, NameError, Names, Operation, PatternError, Refusal, Rule, SessionView, WaiterView, Who,
};
pub use access::{ACCESS_LEVEL, AccessRefusal, Denial, Needed, Reader};
pub use command::{Command, Settings};
pub use delay::Delayed;
pub use level::KEY_LEVEL;
pub use machine::LockMachine;
pub use restore::{Largest, RestoreError, RestoreWait, WaitRule};
pub use snapshot::{KeySearch, Keyless, SnapshotError};
pub use view::Standing;

use crate::base::{RequestId, Right, SessionId, Token};
use std::sync::Arc;

/// The result of one committed entry: the outcome, and what clients and timers hear of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Applied {
    /// The answer to the entry's own request. `None`: the entry changed nothing that anybody asked for.
    pub outcome: Option<Outcome>,
    /// Grants of this entry to requests of earlier ones, from the queues (L5).
    pub granted: Vec<Granted>,
    /// Delays that began with this entry, an `Expire` (L16).
    pub delayed: Vec<Delayed>,
    /// Grants that their sessions are asked to end, or that were taken from them (L23).
    pub asked: Vec<AskedHolder>,
    /// Locks whose oldest holder, or its value, changed in this entry; each once, in byte order.
    pub changes: Vec<HolderChange>,
    /// Sessions closed by earlier entries, of which this entry freed the last lock.
    pub freed: Vec<SessionId>,
    /// Waits that ended because an entry took a right from their session (L27).
    pub denied: Vec<Denied>,
}

/// A wait that ended because its right was taken away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denied {
    /// The waiting session.
    pub session: SessionId,
    /// The request id of its acquire.
    pub request: RequestId,
    /// The missing right.
    pub right: Right,
    /// The name, one of the acquire's, for which the right is missing.
    pub name: Name,
}

/// A holder that is to end its work (L23).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AskedHolder {
    /// The session that holds the grant.
    pub session: SessionId,
    /// The lock that was named.
    pub name: Name,
    /// The token of the grant.
    pub token: Token,
    /// Milliseconds from the notice to the end of the grant; 0: the grant was taken already.
    pub grace_ms: u32,
    /// The reason, for people.
    pub reason: Arc<str>,
}

/// A change of a lock's oldest holder, or of its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HolderChange {
    /// The lock.
    pub name: Name,
    /// Its oldest holder now; `None`: the lock is vacant.
    pub holder: Option<Holding>,
}

/// A lock's oldest holder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holding {
    /// The token of its grant.
    pub token: Token,
    /// The name of its client.
    pub client: Arc<str>,
    /// The value that its client shows to others.
    pub value: Box<[u8]>,
    /// The time of the grant, by the proposer's wall clock.
    pub since_unix_ms: u64,
}

/// A lock's oldest holder, where it is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HoldingRef<'a> {
    /// The token of its grant.
    pub token: Token,
    /// The name of its client.
    pub client: &'a str,
    /// The value that its client shows to others.
    pub value: &'a [u8],
    /// The time of the grant, by the proposer's wall clock.
    pub since_unix_ms: u64,
}

impl Holding {
    /// The same, borrowed.
    #[must_use]
    pub fn as_ref(&self) -> HoldingRef<'_> {
        let Self { token, client, value, since_unix_ms } = self;
        HoldingRef { token: *token, client, value, since_unix_ms: *since_unix_ms }
    }
}

impl From<HoldingRef<'_>> for Holding {
    fn from(held: HoldingRef<'_>) -> Self {
        let HoldingRef { token, client, value, since_unix_ms } = held;
        Self { token, client: client.into(), value: value.into(), since_unix_ms }
    }
}

/// The direct result of an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// A session was created.
    SessionOpened { session: SessionId, ttl_ms: u32 },
    /// The machine holds as many sessions as it may, or the client's name is too long.
    SessionRefused(Refusal),
    /// A request was answered (a retry with its first answer, L17).
    Answered { session: SessionId, request: RequestId, answer: Answer },
    /// A session ended, by expiry or close: all that it held is free, or after an expiry is freed by later entries
    /// (L22). It is also the answer to a `Close` that ended it; a repeated one is answered `SessionExpired`.
    SessionEnded { session: SessionId },
    /// A session was closed and is dead; later entries free the rest of its locks
    /// ([`Applied::freed`]).
    SessionEnding { session: SessionId },
    /// The settings in force changed.
    SettingsChanged(Settings),
    /// The wait after a restore is over (L15): locks are granted again.
    RestoreOver,
    /// A change of the access rules: done, or refused for this reason.
    AccessChanged(Result<AccessDone, AccessRefusal>),
}

/// A waiter that got its lock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Granted {
    /// The session that waited.
    pub session: SessionId,
    /// The request id of its acquire.
    pub request: RequestId,
    /// The token of the new grant.
    pub token: Token,
}
