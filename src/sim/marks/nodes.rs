//! Rare paths that show in a node's state from step to step.

use super::{Mark, Marks};
use crate::base::{Index, Term};
use crate::raft::{Raft, Role};

/// A node as it was last seen.
#[derive(Clone, Copy, Debug)]
pub struct NodeWatch {
    role: Role,
    term: Term,
    last: Index,
    commit: Index,
    transfers: bool,
}

impl NodeWatch {
    /// A node at its start.
    #[must_use]
    pub fn new(raft: &Raft) -> Self {
        Self {
            role: raft.role(),
            term: raft.term(),
            last: raft.last_index(),
            commit: raft.commit(),
            transfers: raft.is_transferring(),
        }
    }

    /// Looks again after a step; `committed` is the newest commit anywhere.
    pub fn look(&mut self, marks: &mut Marks, raft: &Raft, committed: Index) {
        let now = Self::new(raft);
        self.mark_role(marks, &now);
        let leads_on = now.role == Role::Leader && now.term == self.term;
        let aborted = self.transfers && !now.transfers && leads_on;
        marks.hit_if(aborted, Mark::TransferAborted);
        marks.hit_if(now.term.0 >= self.term.0 + 3, Mark::TermJumps);
        marks.hit_if(now.last < self.last, Mark::LogTruncated);
        let elected = now.role == Role::Leader && self.role != Role::Leader;
        // Its own no-op is the last.
        marks.hit_if(elected && now.last.0 > now.commit.0 + 1, Mark::ElectedWithTail);
        marks.hit_if(now.last.0 + 20 < committed.0, Mark::FollowerFarBehind);
        if now.commit > self.commit {
            self.mark_commit(marks, raft, &now);
        }
        *self = now;
    }

    fn mark_role(&self, marks: &mut Marks, now: &Self) {
        use Role::{Candidate, Follower, Leader, PreCandidate};
        let same_term = now.term == self.term;
        match (self.role, now.role) {
            (PreCandidate, Follower) => marks.hit(Mark::PreCandidacyEnds),
            (Candidate, PreCandidate) => marks.hit(Mark::CandidacyFails),
            (Candidate, Follower) if same_term => marks.hit(Mark::CandidateGivesWay),
            (Leader, Leader) => {}
            (Leader, _) if same_term => marks.hit(Mark::LeaderStepsDown),
            (Leader, _) => marks.hit(Mark::LeaderDeposed),
            _ => {}
        }
    }

    fn mark_commit(&self, marks: &mut Marks, raft: &Raft, now: &Self) {
        let ahead = now.commit > raft.durable_index();
        let leads = now.role == Role::Leader;
        marks.hit_if(ahead && !leads, Mark::NothingDurableAhead);
        let first = raft.entry(self.commit.next()).map(|entry| entry.term);
        let earlier = first.is_some_and(|first| first < now.term);
        marks.hit_if(leads && earlier, Mark::EarlierTermCommitted);
    }
}
