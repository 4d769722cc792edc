//! The replicated lock machine, pure: a function of the committed log alone (safety L2).
//!
//! Sessions hold locks and places in queues; every request of a session is remembered until the
//! session's floor passes it, so that it has one effect however often it arrives (L17). A lock exists in
//! the machine exactly as long as somebody holds it: whatever frees it hands it to the first waiter in
//! the same apply (L5).
//!
//! Nothing here reads a clock, draws a number, or depends on the order of a hash map; all maps are
//! ordered, and every bound that an apply tests is a constant of the level.

mod access;
mod acquire;
mod answer;
mod asked;
mod breaking;
mod by_request;
mod claim;
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

/// What one committed entry did: whom to tell what.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Applied {
    /// The answer to the entry's own request. `None`: the entry changed nothing that anybody asked for.
    pub outcome: Option<Outcome>,
    /// Grants from queues, decided by this entry, for other requests (L5).
    pub granted: Vec<Granted>,
    /// Delays that began with this entry, an `Expire` (L16).
    pub delayed: Vec<Delayed>,
    /// Grants that their sessions are asked to end, or that were taken from them (L23).
    pub asked: Vec<AskedHolder>,
    /// Locks whose oldest holder, or its value, is another since this entry; each once, in byte order.
    pub changes: Vec<HolderChange>,
    /// Sessions that earlier entries closed, and of which this one has freed the last.
    pub freed: Vec<SessionId>,
    /// Those who waited and may not any more, since an entry took a right from them (L27).
    pub denied: Vec<Denied>,
}

/// A wait that was refused: its right was taken away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denied {
    /// Whose.
    pub session: SessionId,
    /// Which acquire.
    pub request: RequestId,
    /// What is missing.
    pub right: Right,
    /// For which of its names.
    pub name: Name,
}

/// A holder that is to end its work (L23).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AskedHolder {
    /// Whose grant.
    pub session: SessionId,
    /// Of what.
    pub name: Name,
    /// Under which token.
    pub token: Token,
    /// Within so many milliseconds of hearing of it; 0: it was taken already.
    pub grace_ms: u32,
    /// Why, for people.
    pub reason: Arc<str>,
}

/// Who holds a lock since an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HolderChange {
    /// The lock.
    pub name: Name,
    /// Its oldest holder; `None`: it is vacant.
    pub holder: Option<Holding>,
}

/// A lock's oldest holder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holding {
    /// The token of its grant.
    pub token: Token,
    /// Its client name.
    pub client: Arc<str>,
    /// The value that it gave.
    pub value: Box<[u8]>,
    /// When it was granted, by the proposer's wall clock.
    pub since_unix_ms: u64,
}

/// The direct result of an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// A session was created.
    SessionOpened { session: SessionId, ttl_ms: u32 },
    /// The machine holds as many sessions as it may, or the client's name is too long.
    SessionRefused(Refusal),
    /// A request was answered (perhaps again, L17).
    Answered { session: SessionId, request: RequestId, answer: Answer },
    /// A session ended, by expiry or close: all that it held is free, or after an expiry is freed by later entries
    /// (L22). It is also the answer to a `Close` that ended it; a repeated one is answered `SessionExpired`.
    SessionEnded { session: SessionId },
    /// A session was closed: it lives no more, and later entries free the rest of what it held
    /// ([`Applied::freed`]).
    SessionEnding { session: SessionId },
    /// The settings in force changed.
    SettingsChanged(Settings),
    /// The wait after a restore is over: locks are granted again.
    RestoreOver,
    /// Who may what was changed, or not, for this reason.
    AccessChanged(Result<AccessDone, AccessRefusal>),
}

/// A waiter that got its lock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Granted {
    /// Whose.
    pub session: SessionId,
    /// For which acquire.
    pub request: RequestId,
    /// Under which token.
    pub token: Token,
}
