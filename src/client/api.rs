//! What Rust programs call; the C header is the same, function by function.

use crate::Error;
use crate::base::{SessionId, Token};
use crate::client::core::{EndReason, SessionState, Wait};
use crate::wire::{NodeStatus, Query, ReadAnswer};
use std::os::fd::RawFd;
use std::time::Duration;

/// How a client is opened. Zero or `None` fields of C are the defaults here.
#[derive(Clone, Debug)]
pub struct ClientOptions {
    /// Session TTL, clamped by the server; 10 s.
    pub ttl: Duration,
    /// The client's name, for people; "host:pid".
    pub name: Option<String>,
    /// How long `open` tries to reach a node and make a session; 5 s.
    pub connect_timeout: Duration,
    /// How long calls without a wait of their own try; 5 s.
    pub request_timeout: Duration,
    /// Return from `open` at once and connect in the background.
    pub background: bool,
}

impl Default for ClientOptions {
    fn default() -> Self {
        Self {
            ttl: Duration::from_secs(10),
            name: None,
            connect_timeout: Duration::from_secs(5),
            request_timeout: Duration::from_secs(5),
            background: false,
        }
    }
}

/// What to acquire besides the name.
#[derive(Clone, Debug, Default)]
pub struct AcquireOptions {
    /// Shown to whoever asks who holds it; at most 4 KiB.
    pub value: Vec<u8>,
    /// 0 = an owner of its own for each acquire.
    pub owner: u64,
}

/// A client's session as known here, without a question to the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionInfo {
    /// VALID, JEOPARDY or ENDED.
    pub state: SessionState,
    /// Its id, 0 before the first.
    pub session: SessionId,
    /// How long it may still be believed in.
    pub remaining: Duration,
    /// The TTL in force.
    pub ttl: Duration,
    /// Leases held.
    pub leases: u32,
}

/// Whether a lease holds, as [`Lease::state`] says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeaseState {
    /// Held.
    Held,
    /// Ended, for good, for this reason.
    Ended(EndReason),
}

/// Who holds a lock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// The token of the grant.
    pub token: Token,
    /// The holder's client name.
    pub client: String,
    /// The value that it gave.
    pub value: Vec<u8>,
    /// Since when, by the leader's wall clock, for people.
    pub since_unix_ms: u64,
}

/// A connection to a cluster, and the session in it. Thread-safe; clones share it. The session ends with
/// `close`, or some time after the last clone is dropped.
#[derive(Clone, Debug)]
pub struct Client {}

#[allow(unused_variables)]
impl Client {
    /// Connects to the cluster of which `endpoints` ("host:port,…") are nodes, and makes a session.
    ///
    /// # Errors
    /// INVALID for malformed endpoints; UNAVAILABLE says which nodes were tried and why each failed.
    pub fn open(endpoints: &str, options: ClientOptions) -> Result<Self, Error> {
        todo!()
    }

    /// The session as known here. Local.
    #[must_use]
    pub fn session(&self) -> SessionInfo {
        todo!()
    }

    /// Acquires `name`: [`Client::acquire_start`], then [`Pending::take`].
    ///
    /// # Errors
    /// TIMEOUT, HELD (a try), UNAVAILABLE, INVALID, CLOSED, SESSION_EXPIRED, …
    pub fn acquire(&self, name: &str, wait: Wait, options: AcquireOptions) -> Result<Lease, Error> {
        todo!()
    }

    /// Begins to acquire `name` and returns at once.
    ///
    /// # Errors
    /// INVALID, CLOSED, FORKED.
    pub fn acquire_start(
        &self,
        name: &str,
        wait: Wait,
        options: AcquireOptions,
    ) -> Result<Pending, Error> {
        todo!()
    }

    /// Who holds `name`, linearizably; `None` if vacant.
    ///
    /// # Errors
    /// UNAVAILABLE, INVALID, CLOSED, …
    pub fn holder_of(&self, name: &str) -> Result<Option<Holder>, Error> {
        todo!()
    }

    /// Whether `token` holds `name` now, at the server.
    ///
    /// # Errors
    /// As for `holder_of`.
    pub fn validate(&self, name: &str, token: Token) -> Result<bool, Error> {
        todo!()
    }

    /// Any linearizable read.
    ///
    /// # Errors
    /// As for `holder_of`.
    pub fn read(&self, query: Query) -> Result<ReadAnswer, Error> {
        todo!()
    }

    /// Asks each configured node for its own status: in the order of the endpoints, an error for one that
    /// does not answer within `timeout`. Needs no quorum and no session: an associated function.
    pub fn status_of(
        endpoints: &str,
        timeout: Duration,
    ) -> Vec<(String, Result<NodeStatus, Error>)> {
        todo!()
    }

    /// Ends the session and all its leases: belief ends at once; waits at most `wait` for the server.
    /// Waiting calls return CLOSED.
    ///
    /// # Errors
    /// TIMEOUT: the server did not answer in time; its TTL will free the locks.
    pub fn close(&self, wait: Wait) -> Result<(), Error> {
        todo!()
    }
}

/// An acquire that is under way. Dropped before it is taken it is withdrawn, or released.
#[derive(Debug)]
pub struct Pending {}

#[allow(unused_variables)]
impl Pending {
    /// Readable once decided; `None` when the process has no file descriptor left.
    #[must_use]
    pub fn fd(&self) -> Option<RawFd> {
        todo!()
    }

    /// The lease, or why there is none; waits at most `wait` for the decision (AGAIN after it).
    ///
    /// # Errors
    /// AGAIN while undecided; else as for `acquire`. Once: INVALID afterwards.
    pub fn take(&self, wait: Wait) -> Result<Lease, Error> {
        todo!()
    }

    /// Withdraws it, from any thread; `take` gives CANCELLED.
    pub fn cancel(&self) {
        todo!()
    }
}

/// A grant, as long as it may be believed in. Thread-safe. Dropped it is released in the background.
#[derive(Debug)]
pub struct Lease {}

#[allow(unused_variables)]
impl Lease {
    /// What is held.
    #[must_use]
    pub fn name(&self) -> &str {
        todo!()
    }

    /// The fencing token.
    #[must_use]
    pub fn token(&self) -> Token {
        todo!()
    }

    /// How long it may still be believed in; zero means never again. Local and lock-free: two atomic
    /// loads around a reading of the clocks.
    #[must_use]
    pub fn remaining(&self) -> Duration {
        todo!()
    }

    /// Held, or ended and why.
    #[must_use]
    pub fn state(&self) -> LeaseState {
        todo!()
    }

    /// Readable no later than `remaining` reaches zero; `None` when the process has no descriptor left.
    #[must_use]
    pub fn fd(&self) -> Option<RawFd> {
        todo!()
    }

    /// Releases it: belief ends at once, then waits at most `wait` for the server's word. With a wait of
    /// zero (`Wait::Try`) it returns at once and the release goes on in the background.
    ///
    /// # Errors
    /// LOST if it had ended; UNKNOWN, TIMEOUT: not answered in time, going on in the background.
    pub fn release(&self, wait: Wait) -> Result<(), Error> {
        todo!()
    }
}
