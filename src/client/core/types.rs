//! What goes into the client core and what comes out.

use crate::Error;
use crate::base::{Index, Sample, SessionId, SessionKey, Token};
use crate::lock::Name;
use crate::wire::{ReadAnswer, Request};
use std::time::Duration;

/// How a client behaves.
#[derive(Clone, Debug)]
pub struct CoreOptions {
    /// Where nodes may be found, each "host:port".
    pub endpoints: Vec<String>,
    /// The client's name, for people.
    pub client: String,
    /// The TTL to ask for.
    pub ttl: Duration,
    /// How long one dial, or one silent connection, is given.
    pub connect_timeout: Duration,
    /// How long reads and tries are tried.
    pub request_timeout: Duration,
    /// 128 random bits: the key of all sessions of this client.
    pub key: SessionKey,
    /// For jitter.
    pub seed: u64,
}

/// How long to wait for a lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// Not at all: HELD if somebody has it.
    Try,
    /// This long: then TIMEOUT.
    For(Duration),
    /// Until it is granted.
    Forever,
}

/// A connection to one node, numbered by the core.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkId(pub u64);

/// A call that was made and will be decided once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CallId(pub u64);

/// A lease that was granted here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LeaseId(pub u64);

/// A wish for a lock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AcquireCall {
    /// What to lock.
    pub name: Name,
    /// How long to wait.
    pub wait: Wait,
    /// Shown to others; at most 4 KiB.
    pub value: Vec<u8>,
    /// 0 = an owner of its own.
    pub owner: u64,
}

/// What a decided call gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Done {
    /// Granted, and believed in at this instant.
    Acquired { lease: LeaseId, name: Name, token: Token },
    /// Released at the server.
    Released,
    /// What was read, as of `index`.
    Read { index: Index, answer: ReadAnswer },
    /// The session is ended at the server.
    Closed,
}

/// Why a lease ended. Numbers are those of `TENURE_REASON_*`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub enum EndReason {
    /// By `release`.
    Released = 1,
    /// `valid_until` passed, or the server expired the session.
    Expired = 2,
    /// By `close`.
    SessionClosed = 3,
    /// By a fork: this is the child, and the lease is the parent's (L20). The core never says it.
    Forked = 7,
}

/// Where a session stands. Numbers are those of `TENURE_SESSION_STATE_*`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub enum SessionState {
    /// Renewed in time.
    Valid = 1,
    /// A renewal is overdue; still valid.
    Jeopardy = 2,
    /// Not valid: none yet, or ended.
    Ended = 3,
}

/// How long a session may be believed in: while elapsed_hi since `start` is under `length` (L6), and
/// BOOTTIME is before `fires_at` (L24). See [`Belief::remaining`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Belief {
    /// The session.
    pub session: SessionId,
    /// The send time of the renewal that was acknowledged.
    pub start: Sample,
    /// V.
    pub length: Duration,
    /// The reading of BOOTTIME, in nanoseconds, for which loss timers are armed. What has fired has ended.
    pub fires_at: u64,
}

/// What the driver must do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Connect to `endpoint` and say hello; `handle_welcome`, `handle_refused` or `handle_closed` follows.
    Dial { link: LinkId, endpoint: String },
    /// Close it; nothing more is said of it.
    Hangup { link: LinkId },
    /// Send it. The order per link is kept.
    Send { link: LinkId, request: Request },
    /// The session may be believed in, or for longer: publish it (to lock-free readers and timers). If a
    /// timer armed for the old belief has fired already, the end stands: call `handle_lapsed`.
    Extend(Belief),
    /// A lease ended: publish it before anything else is done.
    LeaseEnded { lease: LeaseId, reason: EndReason },
    /// The session's state changed.
    SessionChanged { state: SessionState, session: Option<SessionId> },
    /// A call is decided.
    Decided { call: CallId, result: Result<Done, Error> },
}
