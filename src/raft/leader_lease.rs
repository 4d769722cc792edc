//! What a leader may claim, and until when (safety §3).

use crate::base::{Sample, time};
use crate::raft::{LeaderLease, Raft};
use std::time::Duration;

impl Raft {
    /// The leader-lease duration Δ as committed and applied; it only grows (C1). Until the first call
    /// nothing is claimed.
    pub fn set_lease_duration(&mut self, delta: Duration) {
        self.lease_duration = self.lease_duration.max(Some(delta));
    }

    /// What this leader may claim (C1, C2, C5), `None` if nothing; the claim ends when elapsed_hi since
    /// its `start` reaches its `length`. Whoever reads it compares with a fresh sample (C4).
    #[must_use]
    pub fn leader_lease(&self, now: &Sample) -> Option<LeaderLease> {
        let delta = self.lease_duration?;
        let leader = self.role.leader()?;
        // C2: claims of earlier leaders are over, and this one knows all that they committed.
        let settled = self.applied >= leader.noop && now.elapsed_lo(&leader.won) >= delta;
        if !settled {
            return None;
        }
        // C1: t is when the last round that a quorum echoed was begun, not when the echoes came.
        let start = if self.is_only_voter() {
            *now
        } else {
            leader.rounds.sample(leader.confirmed_round()?)
        };
        Some(LeaderLease { term: self.term(), start, length: time::claim(delta) })
    }
}
