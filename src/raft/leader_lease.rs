//! The leader lease: which claim a leader may make, and until when (safety §3).

use crate::base::{Sample, time};
use crate::raft::role::{Leader, RoleState};
use crate::raft::{LeaderLease, Raft};
use std::time::Duration;

impl Raft {
    /// The leader-lease duration Δ as committed and applied; it only grows (C1). Until the first call
    /// nothing is claimed.
    pub fn set_lease_duration(&mut self, delta: Duration) {
        if self.lease_duration.is_none_or(|known| known < delta) {
            let now = self.now;
            self.keep_claim(&now);
            self.lease_duration = Some(delta);
        }
    }

    /// The claim that this leader may make (C1, C2, C3, C5), if any. It ends when elapsed_hi since its `start` reaches
    /// its `length`; readers compare with a fresh sample (C4).
    #[must_use]
    pub fn leader_lease(&self, now: &Sample) -> Option<LeaderLease> {
        let leader = self.role.leader()?;
        if let Some(transfer) = &leader.transfer {
            // Nothing is extended any more (C3).
            return transfer.claim_at(now);
        }
        // C3: behind its own `Relinquish` another leader may claim, until an entry behind it is committed.
        if leader.relinquished.is_some_and(|relinquish| self.commit <= relinquish) {
            return None;
        }
        let remaining =
            |claim: &LeaderLease| claim.length.saturating_sub(now.elapsed_hi(&claim.start));
        let claims = leader.claimed.into_iter().chain(self.newest_claim(leader, now));
        claims.max_by_key(remaining)
    }

    /// C1: t is when the last round that a quorum echoed was begun, not when the echoes came.
    fn newest_claim(&self, leader: &Leader, now: &Sample) -> Option<LeaderLease> {
        let delta = self.lease_duration?;
        if !self.is_clear_of_claims(leader, delta, now) {
            return None;
        }
        let start = if self.is_only_voter() {
            *now
        } else {
            leader.rounds.sample(self.confirmed_round(leader)?)?
        };
        Some(LeaderLease { term: self.term(), start, length: time::claim(delta) })
    }

    /// Prepares for a change of members, or a larger Δ. The present claim lasts to its end, even if no quorum of the
    /// new members has echoed as much, or Δ has not passed since the election: programs were told of it, and a
    /// transfer must wait for it.
    pub(super) fn keep_claim(&mut self, now: &Sample) {
        let claim = self.leader_lease(now);
        if let RoleState::Leader(leader) = &mut self.role {
            leader.claimed = claim;
        }
    }

    /// Number of times since the start that this node's claim ran out while it led: a program that had been told of it
    /// read 0 for a while. Δ does not follow measured delays, as elections do.
    #[must_use]
    pub fn lease_gaps(&self) -> u64 {
        self.lease_gaps
    }

    /// Counts a claim that was over before the present one was confirmed. One that a transfer ends is no gap.
    pub(super) fn note_claim(&mut self, now: &Sample) {
        if self.role.leader().is_none() {
            return;
        }
        let stands = |claim: &LeaderLease| now.elapsed_hi(&claim.start) < claim.length;
        let claim = self.leader_lease(now).filter(stands);
        let RoleState::Leader(leader) = &mut self.role else { return };
        if leader.transfer.is_some() {
            leader.last_claim = None;
        } else if claim.is_some() {
            let before = std::mem::replace(&mut leader.last_claim, claim);
            self.lease_gaps += u64::from(before.is_some_and(|before| !stands(&before)));
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
