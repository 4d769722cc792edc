//! A restore: the state of an old incarnation of the cluster becomes the first of a new one (safety L15).

use super::Outcome;
use super::command::Settings;
use super::machine::LockMachine;
use super::token::{EPOCH_MAX, Tokens};
use super::weight::Weight;
use crate::base::Ancestors;
use crate::base::limits::{LEASE_MS_MAX, TTL_MS_DEFAULT, TTL_MS_MAX};

/// The rule for the wait after a restore, until no belief of the old incarnation is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WaitRule {
    /// Wait as long as a grant under these settings may be believed in: beliefs stay disjoint across the
    /// restore.
    Full(Largest),
    /// No wait, by order of the operator: across the restore only tokens protect.
    Waived,
}

/// The largest settings that any node of the old cluster, or of one that it was restored from, ever ran with.
///
/// The snapshot does not say them: a later raise is not in it, and the nodes that raised its settings may be
/// gone. So an operator states them, or they are the bounds that no node can exceed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Largest {
    /// The largest session TTL.
    pub ttl_ms_max: u32,
    /// The longest leader lease.
    pub lease_ms: u32,
}

impl Largest {
    /// The bounds that no node can exceed.
    pub const OF_ALL: Self = Self { ttl_ms_max: TTL_MS_MAX, lease_ms: LEASE_MS_MAX };

    /// The longest belief under these, in milliseconds. No node accepts a `ttl_ms_max` below the
    /// default TTL.
    fn belief_ms(self) -> u64 {
        u64::from(self.ttl_ms_max.max(TTL_MS_DEFAULT).max(self.lease_ms))
    }
}

/// The time in which a restored cluster neither grants nor claims: until a leader has measured it, by
/// elapsed_lo since its apply of its own no-op, and a `RestoreOver` of its term is applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RestoreWait {
    /// The longest that a session or a leader lease of the old incarnation may still be believed in, in
    /// milliseconds.
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
        /// The snapshot's epoch.
        snapshot: u64,
        /// The operator's epoch.
        named: u64,
    },
    /// Tokens of the new incarnation would not fit in 63 bits.
    #[error("the epoch is at most {EPOCH_MAX}, not {0}: name a smaller one")]
    EpochTooLarge(u64),
    /// There is no larger epoch.
    #[error("the snapshot is of epoch {EPOCH_MAX}, the last one: found a new cluster instead")]
    EpochsUsedUp,
    /// The snapshot names a larger TTL than the operator.
    #[error(
        "the snapshot itself names a largest TTL of {in_snapshot} ms, so that of all nodes was not {stated} ms: state the \
         largest that any node ever ran with"
    )]
    TtlTooSmall {
        /// The operator's value.
        stated: u32,
        /// The snapshot's value.
        in_snapshot: u32,
    },
    /// The snapshot names a longer leader lease than the operator.
    #[error(
        "the snapshot itself names a leader lease of {in_snapshot} ms, so the longest of all nodes was not {stated} ms: \
         state the longest that any node ever ran with"
    )]
    LeaseTooSmall {
        /// The operator's value.
        stated: u32,
        /// The snapshot's value.
        in_snapshot: u32,
    },
}

impl LockMachine {
    /// This state as the first of a new incarnation (L15): its epoch is raised by one, or to the one that
    /// the operator names, so that all its tokens and session ids are larger than every earlier one. All
    /// sessions end, with their grants, places and answers (L22). Settings and the applied index stay.
    ///
    /// # Errors
    /// There is no such epoch, or the snapshot contradicts the stated settings.
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

    /// A state with the settings and access rules of this one alone, on which a leader tries changes of rights
    /// that are not applied yet.
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

    /// This state with the clusters that it was restored from, the newest first. Below level 2 the state
    /// cannot carry them, and stays as it is.
    #[must_use]
    pub fn with_ancestors(self, ancestors: Ancestors) -> Self {
        if self.level() < 2 { self } else { Self { ancestors, ..self } }
    }

    /// The clusters that this state was restored from, the newest first.
    #[must_use]
    pub fn ancestors(&self) -> &Ancestors {
        &self.ancestors
    }

    /// The largest settings that any node of this state can have run with, without a statement of the
    /// operator.
    #[must_use]
    pub fn largest_possible(&self) -> Largest {
        let Largest { ttl_ms_max, lease_ms } = Largest::OF_ALL;
        // A program that embeds 0.1.0 could set larger ones.
        let named = self.settings.as_ref().map_or((0, 0), |own| (own.ttl_ms_max, own.lease_ms));
        Largest { ttl_ms_max: ttl_ms_max.max(named.0), lease_ms: lease_ms.max(named.1) }
    }

    /// The wait of a restored state; `None` once it is over, and in a state that was not restored.
    #[must_use]
    pub fn restoring(&self) -> Option<RestoreWait> {
        self.restoring
    }

    /// The incarnation of the cluster: in front of all its tokens, session ids and leader-lease tokens.
    #[must_use]
    pub fn epoch(&self) -> u64 {
        self.tokens.epoch()
    }

    /// The longest belief in a grant of this incarnation or an earlier one, in milliseconds, if no node ever
    /// ran with more than `largest`; longer if this state has a session of a longer TTL, or an earlier
    /// restore whose wait is not over.
    fn belief_ms_max(&self, largest: Largest) -> Result<u64, RestoreError> {
        if let Some(settings) = &self.settings {
            check_stated(largest, settings)?;
        }
        let session = self.sessions().map(|(_, ttl_ms)| u64::from(ttl_ms)).max().unwrap_or(0);
        let before = self.restoring.map_or(0, |before| before.ms);
        Ok(largest.belief_ms().max(session).max(before))
    }

    /// Ends the wait: locks are granted from here on.
    pub(super) fn end_restoring(&mut self) -> Option<Outcome> {
        self.restoring.take().map(|_| Outcome::RestoreOver)
    }
}

/// Refuses `largest` if it is below `settings`, which some node ran with.
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
