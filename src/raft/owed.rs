//! Entries that this node once acknowledged, by the word of a leader, and does not hold. Either its directory is an
//! older copy, or the leader lies. Until that is decided the node runs on, and its vote helps to elect nobody (R16).

use crate::base::{Index, NodeId, Sample, Term};
use crate::raft::{Raft, VoteRequest, quorum};

/// The claim: this node acknowledged the entry at `index` to the leader of `term`, and it is committed. Of several claims
/// the latest term and the lowest index count: what pays or refutes that, pays or refutes each.
#[derive(Clone, Debug)]
pub(super) struct Owed {
    term: Term,
    index: Index,
    /// Voters that have shown, in a later term, that they do not hold it.
    without: Vec<NodeId>,
}

impl Raft {
    /// Whether entries are missing here, as far as is known.
    #[must_use]
    pub fn owes(&self) -> bool {
        self.owed.is_some()
    }

    /// `leader`, of the present term, says that this node acknowledged `index`, behind the end of its log. A leader
    /// names at most what was acknowledged to it, and was durable then (R7). It gets no answer: it must not count on
    /// this node.
    pub(super) fn owe(&mut self, now: &Sample, leader: NodeId, index: Index) {
        let (term, last) = (self.term(), self.log.last_index());
        let said = format!(
            "it says that this node acknowledged entry {index}, which is committed, and this log ends at {last}: if so, this \
             data directory is an older copy; remove this node (`tenure member remove`), and add it again under a new id, \
             with an empty directory. Until it is decided this node votes for nobody"
        );
        self.refuse(now, leader, &said);
        // Nothing is committed without the only voter, which knows its own commits.
        if self.is_only_voter() {
            return;
        }
        let owed = self.owed.get_or_insert(Owed { term, index, without: Vec::new() });
        if term > owed.term || index < owed.index {
            owed.without.clear();
        }
        (owed.term, owed.index) = (owed.term.max(term), owed.index.min(index));
    }

    /// A log that ends in a later term than the claim's holds all that was committed in that (R3, R4).
    pub(super) fn settle_debt(&mut self) {
        if self.owed.as_ref().is_some_and(|owed| self.log.last_term() > owed.term) {
            self.owed = None;
        }
    }

    /// A candidate of a term later than the claim's acknowledges nothing in that any more: its log is what it holds.
    pub(super) fn note_candidate(&mut self, now: &Sample, from: NodeId, request: &VoteRequest) {
        if let Some(owed) = &self.owed
            && request.term > owed.term
            && request.last_index < owed.index
        {
            self.note_without(now, from);
        }
    }

    /// Voters for this node hold no more than it does.
    pub(super) fn note_voter(&mut self, now: &Sample, from: NodeId) {
        if let Some(owed) = &self.owed
            && self.term() > owed.term
            && self.log.last_index() < owed.index
        {
            self.note_without(now, from);
        }
    }

    /// `voter` does not hold the owed entries. Once no quorum can hold them, they were never committed.
    fn note_without(&mut self, now: &Sample, voter: NodeId) {
        let Some(owed) = &mut self.owed else { return };
        let membership = self.memberships.current();
        if !membership.is_voter(voter) || owed.without.contains(&voter) {
            return;
        }
        owed.without.push(voter);
        let may_hold = |voter: NodeId| !owed.without.contains(&voter);
        if quorum::reached_in(membership, may_hold) != Some(true) {
            ::log::info!(
                index = owed.index.0;
                "no quorum holds entry {}: node {} owes nothing",
                owed.index,
                self.config.id
            );
            self.owed = None;
            self.count_own_vote(now);
        }
    }
}
