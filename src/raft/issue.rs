//! Writes and applies that are handed out, and their completion (R6, R7, R14).

use crate::base::{Index, Sample, WriteSeq};
use crate::raft::role::RoleState;
use crate::raft::{Action, Raft};

impl Raft {
    /// All writes through `seq` are durable: what waited for that counts now.
    pub(super) fn handle_persisted(&mut self, now: &Sample, seq: WriteSeq) {
        if let Some(took) = self.writes.handle_persisted(now, seq) {
            self.patience.handle_written(now, self.hard_state.term, took);
        }
        match &self.role {
            RoleState::Candidate(_) => self.count_own_vote(now),
            RoleState::Leader(_) => self.advance_commit(),
            RoleState::Follower(_) | RoleState::PreCandidate(_) => {}
        }
    }

    /// The state machine is that far.
    pub(super) fn handle_applied(&mut self, index: Index) {
        let issued = self.apply_issued;
        assert!(index <= issued, "applied {index}, but only {issued} was given out");
        self.applied = self.applied.max(index);
    }

    /// Nothing that waited for a write may leave any more, and no role is left to this node.
    pub(super) fn become_poisoned(&mut self, now: &Sample) {
        self.poisoned = true;
        let told = |action: &Action| {
            matches!(action, Action::ReadFailed { .. } | Action::RoleChanged { .. })
        };
        self.actions.retain(told);
        self.become_follower(now, self.term(), None);
    }

    /// All that was gathered, as one write.
    pub(super) fn issue_write(&mut self) {
        if let Some(write) = self.writes.take(&self.log, &self.now) {
            self.actions.push(Action::Write(write));
        }
    }

    /// Entries are applied once they are committed and durable here: an answer to a client must not be taken back by
    /// this node's own crash.
    pub(super) fn issue_apply(&mut self) {
        let to = self.commit.min(self.writes.durable_index());
        if to > self.apply_issued {
            self.actions.push(Action::Apply { from: self.apply_issued.next(), to });
            self.apply_issued = to;
        }
    }
}
