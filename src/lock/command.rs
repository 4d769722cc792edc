//! What the log carries for the lock machine, what it answers, and what it shows.

use super::access::AccessChange;
use crate::base::limits::NAME_BYTES_MAX;
use crate::base::{
    ClusterKey, Owner, RequestId, Right, SessionId, SessionKey, Subject, Term, Token,
};
use serde::de::Visitor;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

/// The name of a lock or election: 1–255 bytes of UTF-8 without NUL. Compared byte by byte.
/// A clone shares the text: the lock machine keeps several of each.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(Arc<str>);

/// Why a string is not a name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// No bytes.
    #[error("a name must have at least one byte")]
    Empty,
    /// More than 255 bytes.
    #[error("a name has at most {NAME_BYTES_MAX} bytes; this one has {0}")]
    TooLong(usize),
    /// A NUL byte.
    #[error("a name must not contain a NUL byte")]
    Nul,
}

impl Name {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<&str> for Name {
    type Error = NameError;

    fn try_from(text: &str) -> Result<Self, NameError> {
        match text.len() {
            0 => Err(NameError::Empty),
            length if length > NAME_BYTES_MAX => Err(NameError::TooLong(length)),
            _ if text.as_bytes().contains(&0) => Err(NameError::Nul),
            _ => Ok(Self(text.into())),
        }
    }
}

impl TryFrom<String> for Name {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        Self::try_from(text.as_str())
    }
}

/// As text is.
impl Serialize for Name {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

/// Out of text that is a name, copied once.
impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(NameVisitor)
    }
}

struct NameVisitor;

impl Visitor<'_> for NameVisitor {
    type Value = Name;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a lock")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Name, E> {
        Name::try_from(text).map_err(E::custom)
    }
}

impl From<Name> for String {
    fn from(name: Name) -> Self {
        name.0.as_ref().to_owned()
    }
}

/// `Ord`, `Eq` and `Hash` are those of the text, so that maps can be asked by it.
impl Borrow<str> for Name {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How a lock is shared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Mode {
    /// One holder.
    Exclusive,
    /// Any number of readers. One that arrives behind a waiting writer queues behind it.
    Shared,
}

/// A request for a lock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acquire {
    /// What to lock.
    pub name: Name,
    /// Shown to whoever asks who holds it; at most 4 KiB.
    #[serde(with = "serde_bytes")]
    pub value: Vec<u8>,
    /// `Exclusive` for a semaphore.
    pub mode: Mode,
    /// 0 = a lock, else a semaphore of this size. Fixed by those who hold it or wait.
    pub limit: u32,
    /// How many of the semaphore's permits, from 1 to its size; 1 for a lock.
    pub permits: u32,
    /// 0 = this acquire alone. The same other owner of a session enters again what it holds: one more handle
    /// on the same grant, and the same token.
    pub owner: Owner,
    /// After an expiry of this grant, its room stays taken for so many milliseconds (L16).
    pub delay_ms: u32,
    /// Answer `Held` rather than queue.
    pub try_only: bool,
}

/// A logged request of a session (safety L14, L17).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Operation {
    /// Answers `Granted`, `Queued` or `Held`.
    Acquire(Acquire),
    /// Gives up one handle on `name` if held under `token` by this session, and so frees it with the last one;
    /// else answers `NotHeld` (L13).
    Release { name: Name, token: Token },
    /// Takes back the acquire of that id, granted, queued or not yet seen, and fixes its answer as
    /// `Withdrawn` (L14).
    Withdraw { acquire: RequestId },
    /// Ends the session and frees all that it holds.
    Close,
    /// As `Acquire`, of its name and of those in `also` in one step: all or nothing, queued as one, under one token.
    /// At most [`NAMES_PER_ACQUIRE_MAX`](crate::base::limits::NAMES_PER_ACQUIRE_MAX), none twice. A release by
    /// any of the names frees all.
    AcquireAll { acquire: Acquire, also: Vec<Name> },
    /// Replaces the value that others see of the grant of `name` under `token`, in each of its locks; answers
    /// `Done`, or `NotHeld` unless this session holds it.
    Proclaim {
        name: Name,
        token: Token,
        #[serde(with = "serde_bytes")]
        value: Vec<u8>,
    },
    /// Ends the grant of `name` under `token` with all its handles (L13), and hands `name` to the first who waits for
    /// it alone and whose client is called `to`; `None`: to the next in the queue. Answers `Done`; `NoWaiter` if
    /// there is no such waiter: then it is released all the same; `NotHeld` unless this session holds it.
    Transfer { name: Name, token: Token, to: Option<String> },
    /// Takes `name` from whoever holds it under `token`, 0: from all who hold it (L23). When it is free it goes to
    /// the first who waits for it alone and whose client is called `to`, if there is one. Answers `Done`, or
    /// `NotHeld`; `NoWaiter`, and nothing is done, if `to` names nobody who waits.
    Break { name: Name, token: Token, way: BreakWay, to: Option<String>, reason: String },
}

/// How a lock is taken from its holder (L23).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum BreakWay {
    /// It is asked to end within so many milliseconds of hearing of it; `None`: within its session's TTL.
    Ask { grace_ms: Option<u32> },
    /// At once: only tokens protect from then on.
    Now,
}

impl Operation {
    /// What an acquire asks for, of one name or several; `None` for all else.
    #[must_use]
    pub fn acquire(&self) -> Option<&Acquire> {
        match self {
            Self::Acquire(acquire) | Self::AcquireAll { acquire, .. } => Some(acquire),
            Self::Release { .. }
            | Self::Withdraw { .. }
            | Self::Close
            | Self::Proclaim { .. }
            | Self::Transfer { .. }
            | Self::Break { .. } => None,
        }
    }
}

/// Constants that all replicas must agree on; each only grows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// Δ of the leader lease, in milliseconds.
    pub lease_ms: u32,
    /// The largest TTL that a session may have, in milliseconds.
    pub ttl_ms_max: u32,
    /// The lock machine's level: which rules apply ([`LEVEL_MAX`](crate::lock::LEVEL_MAX)).
    pub level: u32,
}

/// The payload of a command entry. Variants are append-only: they are on disks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Command {
    /// Creates a session whose id is epoch·2⁴⁸ + the entry's index. `ttl_ms` is clamped already (L21).
    OpenSession { ttl_ms: u32, key: SessionKey, client: String },
    /// A client's request. `floor` is the lowest request id without a first reply.
    Request { session: SessionId, request: RequestId, floor: RequestId, operation: Operation },
    /// Ends a session, decided by the leader of `term`; void in an entry of another term (L9).
    Expire { session: SessionId, term: Term },
    /// Raises the settings to at least these.
    Settings(Settings),
    /// The wait after a restore is over (L15), decided by the leader of `term`; void in an entry of another
    /// term (L9).
    RestoreOver { term: Term },
    /// The lock delay that the expired grant of `token` left on `name` is over (L16), decided by the leader of
    /// `term`; void in an entry of another term (L9).
    DelayOver { name: Name, token: Token, term: Term },
    /// The key of the cluster, unless it has one: the first one stands. From level 2 on.
    ClusterKey(ClusterKey),
    /// Goes on with what earlier entries decided and left for want of their share of work: sessions that have ended and
    /// still hold or wait (L22), hand-overs (L5). It names no term, since it decides nothing. From level 2 on.
    Continue,
    /// As `OpenSession`, of a session that belongs to `subject` (L27). From level 3 on.
    OpenSessionOf { ttl_ms: u32, key: SessionKey, client: String, subject: Subject },
    /// Changes who may what, on behalf of `by`, whose right is asked in the apply (L27). From level 3 on.
    Access { by: Subject, change: AccessChange },
}

/// What a request is answered with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Answer {
    /// Held under this token.
    Granted { token: Token },
    /// Waits; this many are ahead, holders not counted.
    Queued { ahead: u32 },
    /// A try found it held by `client`.
    Held { client: String },
    /// An acquire that was granted, whose grant stands no longer.
    Ended { token: Token },
    /// An acquire that was withdrawn, or the withdrawal itself.
    Withdrawn,
    /// Released, or closed.
    Done,
    /// A release that found the token not holding the name.
    NotHeld,
    /// The session is not alive.
    SessionExpired,
    /// Not done.
    Refused(Refusal),
    /// An acquire that would have waited for ever, for others who wait for its own owner; who waits for whom.
    Deadlock { circle: String },
    /// Nobody of that name waits for it.
    NoWaiter,
    /// The session's subject lacks this right for this lock (L27).
    Denied { right: Right, name: Name },
}

/// Why a request was not done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Refusal {
    /// This version does not act on an option.
    Unsupported,
    /// An argument is out of range.
    Invalid,
    /// A bound of `base::limits` is reached.
    Limit,
    /// Refused for load.
    Busy,
    /// Not this connection's session.
    Denied,
    /// The request id is below the floor: answered and forgotten (L17).
    BelowFloor,
    /// The request id was used for another request; nothing is done (L17). From level 2 on.
    Conflict,
}

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
