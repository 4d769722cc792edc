//! The machine's level: the rules of an apply, its bounds, and the settings that all replicas agree on.
//!
//! The level is part of the replicated settings and only rises. Any change of an apply, or of the bytes of
//! state and entries, depends on it (L2): else a replica of an older build would diverge. A leader proposes
//! the next level only once every member, learners too, has said that it reads it (`replica/raising.rs`,
//! docs/developers/versions.md).

use super::access::ACCESS_LEVEL;
use super::command::{Command, Settings};
use super::machine::LockMachine;
use crate::base::limits;
use crate::base::locks::Operation;

/// The level from which on a cluster has a key.
pub const KEY_LEVEL: u32 = 2;

/// The level from which on an apply leaves to later entries what is too much for one.
pub(super) const PARTS_LEVEL: u32 = 2;

impl LockMachine {
    /// The level in force.
    #[must_use]
    pub fn level(&self) -> u32 {
        self.settings.as_ref().map_or(1, |settings| settings.level.max(1))
    }

    /// The highest level that this machine reads: [`LEVEL_MAX`](crate::lock::LEVEL_MAX), unless it plays an older build.
    #[must_use]
    pub fn level_max(&self) -> u32 {
        self.level_max
    }

    /// Sets the share of work of each entry, for the simulator and tests; alike at all replicas.
    #[must_use]
    pub fn with_names_per_part(mut self, names: usize) -> Self {
        self.bounds.names_per_part = names.max(1);
        self
    }

    /// Names that one entry may free and grant before it leaves the rest.
    pub(super) fn names_per_part(&self) -> usize {
        if self.level() >= PARTS_LEVEL { self.bounds.names_per_part } else { usize::MAX }
    }

    /// This machine as an older build that reads no level above `level_max` would run it, for the simulator.
    #[must_use]
    pub fn reading_up_to(self, level_max: u32) -> Self {
        Self { level_max, ..self }
    }
}

impl Command {
    /// The first level whose builds read this. It is the format of the entry that carries it, so that an older build
    /// says "another format" instead of misreading it. A variant without a row does not compile.
    #[must_use]
    pub fn level(&self) -> u32 {
        match self {
            Self::OpenSession { .. }
            | Self::Expire { .. }
            | Self::RestoreOver { .. }
            | Self::DelayOver { .. } => 1,
            Self::Request { operation, .. } => operation.level(),
            // A build that does not read a level must not follow a log that raises it.
            Self::Settings(settings) => settings.level.max(1),
            Self::ClusterKey(_) => KEY_LEVEL,
            Self::Continue => PARTS_LEVEL,
            Self::OpenSessionOf { .. } | Self::Access { .. } => ACCESS_LEVEL,
        }
    }
}

impl Operation {
    fn level(&self) -> u32 {
        match self {
            Self::Acquire(_)
            | Self::Release { .. }
            | Self::Withdraw { .. }
            | Self::Close
            | Self::AcquireAll { .. }
            | Self::Proclaim { .. }
            | Self::Transfer { .. }
            | Self::Break { .. } => 1,
        }
    }
}

/// The bounds beyond which an apply refuses for want of room. Constants of the level, so that
/// replicas cannot differ (L2); a field of the machine so that tests reach them with few commands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// Sessions alive at once.
    pub(super) sessions: usize,
    /// Locks held at once.
    pub(super) locks: usize,
    /// Grants and waiting acquires of one session.
    pub(super) requests_per_session: usize,
    /// Requests of one session that are remembered.
    pub(super) answers_per_session: usize,
    /// Waiters of one lock.
    pub(super) waiters_per_lock: usize,
    /// Holders of one lock; later acquires wait.
    pub(super) holders_per_lock: usize,
    /// Bytes of the state beyond which operations that add to it are refused (from level 2 on).
    pub(super) state_bytes: u64,
    /// Bytes beyond that for operations that free something.
    pub(super) state_reserve: u64,
    /// Holders and waiters that one search for a deadlock examines; beyond that a wait is enqueued
    /// unexamined, and no waiter goes first.
    pub(super) deadlock_search: usize,
    /// Names that one entry frees and grants before it leaves the rest to later ones (from level 2 on).
    pub(super) names_per_part: usize,
}

impl Bounds {
    /// The bounds of levels 1 and 2.
    pub(super) const LEVEL_1: Self = Self {
        sessions: limits::SESSIONS_MAX,
        locks: limits::LOCKS_MAX,
        requests_per_session: limits::REQUESTS_PER_SESSION_MAX,
        answers_per_session: limits::ANSWERS_PER_SESSION_MAX,
        waiters_per_lock: limits::WAITERS_PER_LOCK_MAX,
        holders_per_lock: limits::HOLDERS_PER_LOCK_MAX,
        state_bytes: limits::STATE_BYTES_MAX,
        state_reserve: limits::STATE_RESERVE_BYTES,
        deadlock_search: limits::DEADLOCK_SEARCH_MAX,
        names_per_part: limits::NAMES_PER_PART,
    };
}

/// A session that holds as much as it may must still have room to release it.
const _: () =
    assert!(limits::ANSWERS_PER_SESSION_MAX >= limits::REQUESTS_PER_SESSION_MAX + 2 * 1024);

/// The settings in force after an entry that asks for at least `wanted`: each field only grows.
pub(super) fn raised(settings: Option<&Settings>, wanted: &Settings) -> Settings {
    let Some(old) = settings else { return wanted.clone() };
    Settings {
        lease_ms: old.lease_ms.max(wanted.lease_ms),
        ttl_ms_max: old.ttl_ms_max.max(wanted.ttl_ms_max),
        level: old.level.max(wanted.level),
    }
}

/// `ttl_ms` within the range in force. The leader clamps before it appends (L21); replicas repeat it,
/// because the wait after a restore (L15) rests on the replicated maximum.
pub(super) fn clamped_ttl_ms(settings: Option<&Settings>, ttl_ms: u32) -> u32 {
    let ttl_ms_max = settings.map_or(limits::TTL_MS_MAX, |settings| settings.ttl_ms_max);
    ttl_ms.min(ttl_ms_max).max(limits::TTL_MS_MIN)
}
