//! Inputs and outputs of the client core.

use crate::Error;
use crate::base::locks::{BreakWay, Mode, Name};
use crate::base::row::Numbered;
use crate::base::{ClusterPin, Index, Sample, SessionId, SessionKey, Token};
use crate::wire::{HolderSaid, ReadAnswer, Request};
use std::time::Duration;

/// Options of the core.
#[derive(Clone, Debug)]
pub struct CoreOptions {
    /// The nodes' addresses, each "host:port".
    pub endpoints: Vec<String>,
    /// The expected cluster: nodes of any other are passed over.
    pub pin: Option<ClusterPin>,
    /// The client's name, for people.
    pub client: String,
    /// The TTL to ask for.
    pub ttl: Duration,
    /// The timeout of a dial, and of a silent connection.
    pub connect_timeout: Duration,
    /// The timeout of reads and orders, and of a leader's answer to a try.
    pub request_timeout: Duration,
    /// Renew the session only while `Core::progress` is called at least this often.
    pub progress: Option<Duration>,
    /// 128 random bits: the key of all sessions of this client.
    pub key: SessionKey,
    /// The seed of jitter.
    pub seed: u64,
}

/// How long to wait for a lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// For no holder: HELD if somebody has it. A connected leader may take the request timeout to
    /// answer; without a leader the call waits for one, for at most a second, and in a client that
    /// was opened in the background until its connect timeout is over: then UNAVAILABLE.
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

impl Numbered for CallId {
    fn number(self) -> u64 {
        self.0
    }
}

/// A lease that was granted here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LeaseId(pub u64);

impl Numbered for LeaseId {
    fn number(self) -> u64 {
        self.0
    }
}

/// An acquire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AcquireCall {
    /// The name of the lock.
    pub name: Name,
    /// Further names, locked in the same step under the same lease and token.
    pub also: Vec<Name>,
    /// How long to wait.
    pub wait: Wait,
    /// The value that others see; at most 4 KiB.
    pub value: Vec<u8>,
    /// 0: the acquire is an owner of its own.
    pub owner: u64,
    /// `Exclusive` for a semaphore.
    pub mode: Mode,
    /// 0 = a lock, else a semaphore of this size.
    pub limit: u32,
    /// The number of permits to take; 1 for a lock.
    pub permits: u32,
    /// After an expiry the lock stays taken for so many milliseconds (L16).
    pub delay_ms: u32,
}

impl AcquireCall {
    /// An acquire of a plain lock, exclusive, under an owner of its own.
    #[must_use]
    pub fn lock(name: Name, wait: Wait) -> Self {
        let (also, value) = (Vec::new(), Vec::new());
        let mode = Mode::Exclusive;
        Self { name, also, wait, value, owner: 0, mode, limit: 0, permits: 1, delay_ms: 0 }
    }
}

/// A break of a lock (L23).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BreakCall {
    /// The name of the lock.
    pub name: Name,
    /// The token of the holder; 0: any holder.
    pub token: Token,
    /// At once, or after a grace.
    pub way: BreakWay,
    /// The client name of the waiter that gets the lock.
    pub to: Option<String>,
    /// Why, for people.
    pub reason: String,
}

/// The number of an observer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObserverId(pub u64);

/// An observation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The oldest holder; `None`: the lock is vacant.
    pub holder: Option<HolderSaid>,
    /// The index of the entry that it is as of.
    pub index: Index,
    /// At least how many changes before this one were missed.
    pub missed: u64,
}

/// The deadline of a lease that was asked to end (L23): belief may last while elapsed_hi since
/// `start` is under `length`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadline {
    /// When the order arrived.
    pub start: Sample,
    /// The grace.
    pub length: Duration,
}

impl Deadline {
    /// The time left at `now`.
    #[must_use]
    pub fn remaining(&self, now: &Sample) -> Duration {
        self.length.saturating_sub(now.elapsed_hi(&self.start))
    }
}

/// The result of a decided call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Done {
    /// Granted, and believed in at this instant.
    Acquired { lease: LeaseId, name: Name, token: Token },
    /// Released at the server.
    Released,
    /// Carried out.
    Obeyed,
    /// The answer to a read, as of `index`.
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
    /// Taken by `break`: at once, or after its grace (L23).
    Broken = 4,
    /// By `transfer`.
    Transferred = 5,
    /// The program's signs of life ceased, so its session was not renewed.
    Stalled = 6,
    /// By a fork: this is the child, and the lease is the parent's (L20). The core never gives it.
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
pub enum CoreAction {
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
