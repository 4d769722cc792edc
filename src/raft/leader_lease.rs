//! What a leader may claim, and until when (safety §3).

use crate::base::{Sample, time};
use crate::raft::role::{Leader, RoleState};
use crate::raft::{LeaderLease, Raft};
use std::time::Duration;

impl Raft {
    /// The leader-lease duration Δ as committed and applied; it only grows (C1). Until the first call
    /// nothing is claimed.
    pub fn set_lease_duration(&mut self, delta: Duration) {
        self.lease_duration = self.lease_duration.max(Some(delta));
    }

    /// What this leader may claim (C1, C2, C3, C5), `None` if nothing; the claim ends when elapsed_hi since
    /// its `start` reaches its `length`. Whoever reads it compares with a fresh sample (C4).
    #[must_use]
    pub fn leader_lease(&self, now: &Sample) -> Option<LeaderLease> {
        let leader = self.role.leader()?;
        if let Some(transfer) = &leader.transfer {
            // Nothing is extended any more (C3).
            return transfer.claim_at(now);
        }
        let delta = self.lease_duration?;
        // C3: behind its own `Relinquish` another leader may claim, until an entry behind it is committed.
        let gave_up = leader.relinquished.is_some_and(|relinquish| self.commit <= relinquish);
        if gave_up || !self.is_clear_of_claims(leader, delta, now) {
            return None;
        }
        let start = self.claim_start(leader, now)?;
        Some(LeaderLease { term: self.term(), start, length: time::claim(delta) })
    }

    /// C1: t is when the last round that a quorum echoed was begun, not when the echoes came. What was claimed
    /// when the members changed stands, even if no quorum of the new ones has echoed as much: programs were told
    /// of it, and a transfer must wait for it.
    fn claim_start(&self, leader: &Leader, now: &Sample) -> Option<Sample> {
        let echoed = if self.is_only_voter() {
            Some(*now)
        } else {
            self.confirmed_round(leader).and_then(|round| leader.rounds.sample(round))
        };
        let starts = leader.claimed.into_iter().chain(echoed);
        starts.min_by_key(|start| now.elapsed_hi(start))
    }

    /// The members are about to change: remembers what is claimed.
    pub(super) fn keep_claim(&mut self, now: &Sample) {
        let claim = self.leader_lease(now);
        if let RoleState::Leader(leader) = &mut self.role {
            leader.claimed = claim.map(|claim| claim.start).or(leader.claimed);
        }
    }

    /// C2: claims of earlier leaders are over, and this one knows all that they committed. They are over once
    /// Δ has passed since it won, or if the last of them had ended its own for good.
    pub(super) fn is_clear_of_claims(
        &self,
        leader: &Leader,
        delta: Duration,
        now: &Sample,
    ) -> bool {
        let over = leader.behind_relinquish || now.elapsed_lo(&leader.won) >= delta;
        self.applied >= leader.noop && over
    }
}
