//! A restore: the state of an old incarnation of the cluster becomes the first of a new one (safety L15).

use super::Outcome;
use super::machine::LockMachine;
use super::token::{EPOCH_MAX, Tokens};
use crate::base::limits::TTL_MS_MAX;

/// Whether a restored cluster waits until nobody can believe in anything of before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// It does: beliefs stay disjoint across the restore.
    Full,
    /// The operator knows better, or wants the locks now: across the restore only tokens protect.
    Waived,
}

/// How long a restored cluster neither grants nor claims: until a leader has measured this, by elapsed_lo
/// since its apply of its own no-op, and a `RestoreOver` of its term is applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RestoreWait {
    /// The longest that a session or a leader lease of before may still be believed in, in milliseconds.
    pub ms: u64,
}

/// Why a state cannot become a new incarnation.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RestoreError {
    /// Tokens of the new incarnation would not be larger than all earlier ones.
    #[error(
        "the snapshot is of epoch {snapshot}, so the epoch cannot be {named}: name one that is larger than \
         that of every earlier restore of this cluster"
    )]
    EpochNotAbove {
        /// The snapshot's.
        snapshot: u64,
        /// The operator's.
        named: u64,
    },
    /// Tokens of the new incarnation would not fit in 63 bits.
    #[error("the epoch is at most {EPOCH_MAX}, not {0}: name a smaller one")]
    EpochTooLarge(u64),
    /// There is no larger epoch.
    #[error("the snapshot is of epoch {EPOCH_MAX}, the last one: found a new cluster instead")]
    EpochsUsedUp,
}

impl LockMachine {
    /// This state as the first of a new incarnation (L15): its epoch is raised by one, or to the one that
    /// the operator names, so that all its tokens and session ids are larger than every earlier one. All
    /// sessions end, and with them all grants, places and answers (L22). Settings and what is applied stay.
    ///
    /// # Errors
    /// There is no such epoch.
    pub fn restored(self, epoch: Option<u64>, wait: Wait) -> Result<Self, RestoreError> {
        let epoch = new_epoch(self.epoch(), epoch)?;
        let restoring = match wait {
            Wait::Full => Some(RestoreWait { ms: self.belief_ms_max() }),
            Wait::Waived => None,
        };
        let tokens = Tokens::resume(epoch, self.tokens.granted()).expect("the epoch was checked");
        Ok(Self {
            applied: self.applied,
            settings: self.settings,
            tokens,
            restoring,
            ..Self::with_bounds(self.bounds).reading_up_to(self.level_max)
        })
    }

    /// What a restored state waits for; `None` once the wait is over, and in a state that was not restored.
    #[must_use]
    pub fn restoring(&self) -> Option<RestoreWait> {
        self.restoring
    }

    /// The incarnation of the cluster: in front of all its tokens, session ids and leader-lease tokens.
    #[must_use]
    pub fn epoch(&self) -> u64 {
        self.tokens.epoch()
    }

    /// The longest that anything granted in this incarnation, or before it, may still be believed in:
    /// sessions that the snapshot does not know had at most the largest TTL too. Those that it knows may
    /// have more, if they were opened before the first settings.
    fn belief_ms_max(&self) -> u64 {
        let (lease_ms, ttl_ms_max) = match &self.settings {
            Some(settings) => (settings.lease_ms, settings.ttl_ms_max),
            None => (0, TTL_MS_MAX),
        };
        let longest = self.sessions().map(|(_, ttl_ms)| ttl_ms).max().unwrap_or(0);
        let own = u64::from(lease_ms.max(ttl_ms_max).max(longest));
        self.restoring.map_or(own, |before| before.ms.max(own))
    }

    /// Locks are granted from here on.
    pub(super) fn end_restoring(&mut self) -> Option<Outcome> {
        self.restoring.take().map(|_| Outcome::RestoreOver)
    }
}

fn new_epoch(snapshot: u64, named: Option<u64>) -> Result<u64, RestoreError> {
    match named {
        None if snapshot == EPOCH_MAX => Err(RestoreError::EpochsUsedUp),
        None => Ok(snapshot + 1),
        Some(named) if named <= snapshot => Err(RestoreError::EpochNotAbove { snapshot, named }),
        Some(named) if named > EPOCH_MAX => Err(RestoreError::EpochTooLarge(named)),
        Some(named) => Ok(named),
    }
}
