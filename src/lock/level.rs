//! The machine's level: its bounds, and the settings that all replicas agree on.

use super::command::Settings;
use super::machine::LockMachine;
use crate::base::limits;

/// The highest level whose rules this build knows. It counts from the first release on: before it, new operations
/// (they are append-only, so older entries still decode) belong to level 1.
pub(super) const LEVEL_MAX: u32 = 2;

impl LockMachine {
    /// The level whose rules apply: as the log has it, 1 before it says.
    pub(super) fn level(&self) -> u32 {
        self.settings.as_ref().map_or(1, |settings| settings.level)
    }
}

/// What an apply may refuse for want of room. Constants of the level, so that replicas cannot differ
/// (L2); a field of the machine so that tests reach them with few commands.
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
    /// Holders of one lock; whoever comes then waits.
    pub(super) holders_per_lock: usize,
    /// Holders and waiters that a search for a deadlock looks at; beyond that a wait is enqueued unexamined, and nobody
    /// goes first.
    pub(super) deadlock_search: usize,
}

impl Bounds {
    /// Those of level 1.
    pub(super) const LEVEL_1: Self = Self {
        sessions: limits::SESSIONS_MAX,
        locks: limits::LOCKS_MAX,
        requests_per_session: limits::REQUESTS_PER_SESSION_MAX,
        answers_per_session: limits::ANSWERS_PER_SESSION_MAX,
        waiters_per_lock: limits::WAITERS_PER_LOCK_MAX,
        holders_per_lock: limits::HOLDERS_PER_LOCK_MAX,
        deadlock_search: limits::DEADLOCK_SEARCH_MAX,
    };
}

/// A session that holds all that it may must still have room to release it.
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

/// `ttl_ms` brought into the range in force. The leader clamps before it appends (L21); replicas do so
/// again, because the wait after a restore (L15) rests on the replicated maximum.
pub(super) fn clamped_ttl_ms(settings: Option<&Settings>, ttl_ms: u32) -> u32 {
    let ttl_ms_max = settings.map_or(limits::TTL_MS_MAX, |settings| settings.ttl_ms_max);
    ttl_ms.min(ttl_ms_max).max(limits::TTL_MS_MIN)
}
