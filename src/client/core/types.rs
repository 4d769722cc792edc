//! What goes into the client core and what comes out.

use crate::Error;
use crate::base::locks::{BreakWay, Mode, Name};
use crate::base::{ClusterPin, Index, Sample, SessionId, SessionKey, Token};
use crate::wire::{HolderSaid, ReadAnswer, Request};
use std::time::Duration;

/// How a client behaves.
#[derive(Clone, Debug)]
pub struct CoreOptions {
    /// Where nodes may be found, each "host:port".
    pub endpoints: Vec<String>,
    /// The cluster that is meant: nodes of any other are passed over.
    pub pin: Option<ClusterPin>,
    /// The client's name, for people.
    pub client: String,
    /// The TTL to ask for.
    pub ttl: Duration,
    /// How long one dial, or one silent connection, is given.
    pub connect_timeout: Duration,
    /// How long reads and orders are tried, and a leader may take to answer a try.
    pub request_timeout: Duration,
    /// Renew the session only while the program says, at least this often, that it moves (`Core::progress`).
    pub progress: Option<Duration>,
    /// 128 random bits: the key of all sessions of this client.
    pub key: SessionKey,
    /// For jitter.
    pub seed: u64,
}

/// How long to wait for a lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// For no holder: HELD if somebody has it. A leader that is connected may take the request timeout to say so;
    /// while there is none it is waited for, for at most a second, and in a client that was opened in the background
    /// until its connect timeout is over: then UNAVAILABLE.
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
    /// What else to lock in the same step, under the same lease and token.
    pub also: Vec<Name>,
    /// How long to wait.
    pub wait: Wait,
    /// Shown to others; at most 4 KiB.
    pub value: Vec<u8>,
    /// 0 = an owner of its own.
    pub owner: u64,
    /// `Exclusive` for a semaphore.
    pub mode: Mode,
    /// 0 = a lock, else a semaphore of this size.
    pub limit: u32,
    /// How many of its permits; 1 for a lock.
    pub permits: u32,
    /// After an expiry the lock stays taken for so many milliseconds (L16).
    pub delay_ms: u32,
}

impl AcquireCall {
    /// Of a plain lock, exclusive, by an owner of its own.
    #[must_use]
    pub fn lock(name: Name, wait: Wait) -> Self {
        let (also, value) = (Vec::new(), Vec::new());
        let mode = Mode::Exclusive;
        Self { name, also, wait, value, owner: 0, mode, limit: 0, permits: 1, delay_ms: 0 }
    }
}

/// A wish to take a lock from its holder (L23).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BreakCall {
    /// Of what.
    pub name: Name,
    /// Under which token; 0: whoever holds it.
    pub token: Token,
    /// How.
    pub way: BreakWay,
    /// To whom it goes then, by a waiter's client name.
    pub to: Option<String>,
    /// Why, for people.
    pub reason: String,
}

/// Who follows a lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObserverId(pub u64);

/// What an observer is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The oldest holder; `None`: the lock is vacant.
    pub holder: Option<HolderSaid>,
    /// As of the entry at this index.
    pub index: Index,
    /// Changes before this one that were not told: at least so many.
    pub missed: u64,
}

/// When belief in a lease that was asked to end is over at the latest (L23): while elapsed_hi since `start` is under
/// `length`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadline {
    /// When it was asked.
    pub start: Sample,
    /// The grace.
    pub length: Duration,
}

impl Deadline {
    /// How long it may still be believed in at `now`.
    #[must_use]
    pub fn remaining(&self, now: &Sample) -> Duration {
        self.length.saturating_sub(now.elapsed_hi(&self.start))
    }
}

/// What a decided call gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Done {
    /// Granted, and believed in at this instant.
    Acquired { lease: LeaseId, name: Name, token: Token },
    /// Released at the server.
    Released,
    /// Done as asked.
    Obeyed,
    /// What was read, as of `index`.
    Read { index: Index, answer: ReadAnswer },
    /// The session is ended at the server.
    Closed,
}

/// Why a lease ended. Numbers are those of `TENURE_REASON_*`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[repr(i32)]
pub enum EndReason {
    /// By `release`.
    Released = 1,
    /// `valid_until` passed, or the server expired the session.
    Expired = 2,
    /// By `close`.
    SessionClosed = 3,
    /// It was taken by `break`, or asked to end and its grace is over (L23).
    Broken = 4,
    /// By `transfer`.
    Transferred = 5,
    /// The program said no more that it moves, so its session was not renewed.
    Stalled = 6,
    /// By a fork: this is the child, and the lease is the parent's (L20). The core never says it.
    Forked = 7,
}

impl EndReason {
    /// The one of that number.
    #[must_use]
    pub fn numbered(number: i32) -> Option<Self> {
        let all = [
            Self::Released,
            Self::Expired,
            Self::SessionClosed,
            Self::Broken,
            Self::Transferred,
            Self::Stalled,
            Self::Forked,
        ];
        all.into_iter().find(|reason| *reason as i32 == number)
    }
}

/// Where a session stands. Numbers are those of `TENURE_SESSION_STATE_*`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
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
    /// A lease is asked to end: publish it. It ends at the deadline, or before.
    LeaseAsked { lease: LeaseId, deadline: Deadline, reason: String },
    /// An observed lock has this holder.
    Observed { observer: ObserverId, seen: Seen },
    /// An observer is told nothing more: a bound is reached, or the client is closed.
    ObserverFailed { observer: ObserverId, error: Error },
    /// The session's state changed.
    SessionChanged { state: SessionState, session: Option<SessionId> },
    /// A call is decided.
    Decided { call: CallId, result: Result<Done, Error> },
}
