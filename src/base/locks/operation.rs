//! What a session asks for: a logged request (safety L14, L17).

use super::Name;
use crate::base::meters::RequestKind;
use crate::base::{Owner, RequestId, Token};
use serde::{Deserialize, Serialize};

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
    /// A text shown with the holder; at most 4 KiB.
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

impl Operation {
    /// As it is counted.
    #[must_use]
    pub fn kind(&self) -> RequestKind {
        match self {
            Self::Acquire(_) | Self::AcquireAll { .. } => RequestKind::Acquire,
            Self::Release { .. } => RequestKind::Release,
            Self::Withdraw { .. } => RequestKind::Withdraw,
            Self::Close => RequestKind::Close,
            Self::Proclaim { .. } => RequestKind::Proclaim,
            Self::Transfer { .. } => RequestKind::Transfer,
            Self::Break { .. } => RequestKind::Break,
        }
    }
}
