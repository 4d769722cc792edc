//! Calm: when messages of peers can wait until the next heartbeat, so that an idle leader is not woken for each echo.

use crate::raft::Raft;
use crate::raft::role::{FollowerView, RoleState};
use std::time::Duration;

impl Raft {
    /// How often a leader sends heartbeats.
    #[must_use]
    pub fn heartbeat(&self) -> Duration {
        self.config.heartbeat
    }

    /// Whether the next message of a peer matters at once. It does not to a leader whose log all reachable followers
    /// have and whom nobody asks anything: an echo is as good when the next heartbeat is due. Belief needs no answer
    /// sooner either, unless a program asks for the leader lease, which only the caller knows.
    #[must_use]
    pub fn waits_for_peers(&self) -> bool {
        let RoleState::Leader(leader) = &self.role else { return true };
        let (heartbeat, election) = (self.config.heartbeat, self.config.election);
        let (members, own, last) =
            (self.memberships.current(), self.config.id, self.log.last_index());
        let is_behind = |follower: &FollowerView| {
            follower.progress.matched() < last && self.reachable.contains(&follower.id)
        };
        self.commit < last
            || leader.transfer.is_some()
            || leader.reads.are_urgent()
            || leader.followers.iter().any(is_behind)
            // Late answers are looked out for: how late they are decides how long anybody is waited for.
            || leader.quorum_silence(members, own, &self.now) >= heartbeat.saturating_mul(2)
            || heartbeat.saturating_mul(HEARTBEATS_PER_ELECTION) > election
    }
}

/// With fewer of them, a heartbeat is a large part of what a leader may wait for a quorum (C7).
const HEARTBEATS_PER_ELECTION: u32 = 4;
