//! A restore: the state of an old incarnation of the cluster becomes the first of a new one (safety L15).

use super::Outcome;
use super::command::Settings;
use super::machine::LockMachine;
use super::token::{EPOCH_MAX, Tokens};
use super::weight::Weight;
use crate::base::Ancestors;
use crate::base::limits::{LEASE_MS_MAX, TTL_MS_DEFAULT, TTL_MS_MAX};

/// Whether a restored cluster waits until nobody can believe in anything of before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WaitRule {
    /// It does, as long as anything may be believed in that was granted under these: beliefs stay disjoint across the
    /// restore.
    Full(Largest),
    /// The operator knows better, or wants the locks now: across the restore only tokens protect.
    Waived,
}

/// The largest settings that any node of the old cluster, or of one that it was restored from, ever ran with.
///
/// The snapshot does not say it: what was raised after it was made is not in it, and its own settings were perhaps
/// raised by nobody who is asked today. So this is what an operator states, or what no node can exceed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Largest {
    /// The largest session TTL.
    pub ttl_ms_max: u32,
    /// The longest leader lease.
    pub lease_ms: u32,
}

impl Largest {
    /// What no node can exceed.
    pub const OF_ALL: Self = Self { ttl_ms_max: TTL_MS_MAX, lease_ms: LEASE_MS_MAX };

    /// The longest belief under these. Nodes take no `ttl_ms_max` below the default TTL.
    fn belief_ms(self) -> u64 {
        u64::from(self.ttl_ms_max.max(TTL_MS_DEFAULT).max(self.lease_ms))
    }
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
    /// Some node did run with more.
    #[error(
        "the snapshot itself names a largest TTL of {in_snapshot} ms, so that of all nodes was not {stated} ms: state the \
         largest that any node ever ran with"
    )]
    TtlTooSmall {
        /// The operator's.
        stated: u32,
        /// The snapshot's.
        in_snapshot: u32,
    },
    /// Some node did run with more.
    #[error(
        "the snapshot itself names a leader lease of {in_snapshot} ms, so the longest of all nodes was not {stated} ms: \
         state the longest that any node ever ran with"
    )]
    LeaseTooSmall {
        /// The operator's.
        stated: u32,
        /// The snapshot's.
        in_snapshot: u32,
    },
}

impl LockMachine {
    /// This state as the first of a new incarnation (L15): its epoch is raised by one, or to the one that
    /// the operator names, so that all its tokens and session ids are larger than every earlier one. All
    /// sessions end, and with them all grants, places and answers (L22). Settings and what is applied stay.
    ///
    /// # Errors
    /// There is no such epoch, or the snapshot contradicts what is stated.
    pub fn restored(self, epoch: Option<u64>, wait: WaitRule) -> Result<Self, RestoreError> {
        let epoch = new_epoch(self.epoch(), epoch)?;
        let restoring = match wait {
            WaitRule::Full(largest) => Some(RestoreWait { ms: self.belief_ms_max(largest)? }),
            WaitRule::Waived => None,
        };
        let tokens = Tokens::resume(epoch, self.tokens.granted()).expect("the epoch was checked");
        Ok(Self {
            applied: self.applied,
            settings: self.settings,
            tokens,
            restoring,
            ancestors: self.ancestors,
            weight: Weight::of(self.access.bytes()),
            access: self.access.restored(),
            ..Self::with_bounds(self.bounds).reading_up_to(self.level_max)
        })
    }

    /// A state with the settings and rights of this one, and nothing else: what changes of rights lead to from here on.
    #[must_use]
    pub fn rights_alone(&self) -> Self {
        let access = self.access.clone().restored();
        Self {
            applied: self.applied,
            settings: self.settings.clone(),
            weight: Weight::of(access.bytes()),
            access,
            ..Self::with_bounds(self.bounds).reading_up_to(self.level_max)
        }
    }

    /// The same, restored from these clusters, the newest first. Below level 2 no state says so: it stays as it is.
    #[must_use]
    pub fn with_ancestors(self, ancestors: Ancestors) -> Self {
        if self.level() < 2 { self } else { Self { ancestors, ..self } }
    }

    /// The clusters that this state was restored from, the newest first.
    #[must_use]
    pub fn ancestors(&self) -> &Ancestors {
        &self.ancestors
    }

    /// What no node can have exceeded that took part in this state: stated by nobody, and so true of all.
    #[must_use]
    pub fn largest_possible(&self) -> Largest {
        let Largest { ttl_ms_max, lease_ms } = Largest::OF_ALL;
        // A program that embeds 0.1.0 could set more.
        let named = self.settings.as_ref().map_or((0, 0), |own| (own.ttl_ms_max, own.lease_ms));
        Largest { ttl_ms_max: ttl_ms_max.max(named.0), lease_ms: lease_ms.max(named.1) }
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

    /// The longest that anything granted in this incarnation, or before it, may still be believed in, if no node ever
    /// ran with more than `largest`; longer where this state itself knows better: of a session in it, or of an earlier
    /// restore whose wait is not over.
    fn belief_ms_max(&self, largest: Largest) -> Result<u64, RestoreError> {
        if let Some(settings) = &self.settings {
            check_stated(largest, settings)?;
        }
        let session = self.sessions().map(|(_, ttl_ms)| u64::from(ttl_ms)).max().unwrap_or(0);
        let before = self.restoring.map_or(0, |before| before.ms);
        Ok(largest.belief_ms().max(session).max(before))
    }

    /// Locks are granted from here on.
    pub(super) fn end_restoring(&mut self) -> Option<Outcome> {
        self.restoring.take().map(|_| Outcome::RestoreOver)
    }
}

/// Whether all nodes can have run with no more than `largest`, if these were in force once.
fn check_stated(largest: Largest, settings: &Settings) -> Result<(), RestoreError> {
    let (stated, in_snapshot) = (largest.ttl_ms_max, settings.ttl_ms_max);
    if stated.max(TTL_MS_DEFAULT) < in_snapshot {
        return Err(RestoreError::TtlTooSmall { stated, in_snapshot });
    }
    let (stated, in_snapshot) = (largest.lease_ms, settings.lease_ms);
    if stated < in_snapshot {
        return Err(RestoreError::LeaseTooSmall { stated, in_snapshot });
    }
    Ok(())
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
