//! Locks and sessions as shown to people.

use super::{Mode, Name};
use crate::base::{SessionId, Token};
use serde::{Deserialize, Serialize};

/// A lock as shown to people and to `holder_of`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockView {
    /// Its name.
    pub name: Name,
    /// The token of the present grant, of several the oldest; 0 if vacant.
    pub token: Token,
    /// The holder's session.
    pub session: SessionId,
    /// The holder's client name.
    pub client: String,
    /// The value that the holder gave.
    #[serde(with = "serde_bytes")]
    pub value: Vec<u8>,
    /// When it was granted, by the wall clock of the leader that proposed the entry.
    pub since_unix_ms: u64,
    /// How the holders share it; `Exclusive` if there is none.
    pub mode: Mode,
    /// 0 = a lock, else a semaphore of this size.
    pub limit: u32,
    /// How many permits of it the holders have together.
    pub taken: u64,
    /// The other holders, the oldest first; at most
    /// [`HOLDERS_SHOWN_MAX`](crate::base::limits::HOLDERS_SHOWN_MAX).
    pub others: Vec<HolderView>,
    /// How many hold it in all.
    pub holding: u32,
    /// Whether the lock delay of an expired holder is not over (L16).
    pub is_delayed: bool,
    /// Whether the oldest holder was asked to end (L23).
    pub is_asked: bool,
    /// Those who wait, first come first; at most [`WAITERS_SHOWN_MAX`](crate::base::limits::WAITERS_SHOWN_MAX).
    pub waiters: Vec<WaiterView>,
    /// How many wait in all.
    pub waiting: u32,
}

/// One who holds a lock beside the oldest holder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HolderView {
    /// The token of its grant.
    pub token: Token,
    /// Its session.
    pub session: SessionId,
    /// Its client name.
    pub client: String,
    /// When it was granted, by the proposer's wall clock.
    pub since_unix_ms: u64,
    /// How many permits of a semaphore it has.
    pub permits: u32,
}

/// One who waits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WaiterView {
    /// Its session.
    pub session: SessionId,
    /// Its client name.
    pub client: String,
    /// Since when, by the proposer's wall clock.
    pub since_unix_ms: u64,
    /// How it would share the lock.
    pub mode: Mode,
    /// How many permits of a semaphore it wants.
    pub permits: u32,
}

/// A session as shown to people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionView {
    /// Its id.
    pub session: SessionId,
    /// The client's name.
    pub client: String,
    /// Its TTL.
    pub ttl_ms: u32,
    /// Grants that it holds.
    pub grants: u32,
    /// Acquires that wait.
    pub waiting: u32,
}
