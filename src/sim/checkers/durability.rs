//! O4: each acknowledgement that is handed out is covered by data that is durable at that instant.
//!
//! The ledger of a node is what its disk was told to sync, read back from the bytes (`super::bytes`). A vote
//! needs its hard state there, an append acknowledgement its entries (R6, R7, W1); a commit, and what a client
//! is told, need a quorum of ledgers. Two votes in one term are O3.

use super::Violation;
use super::bytes::{self, Durable};
use crate::base::{Index, NodeId, Term};
use crate::raft::{AppendOutcome, AppendResponse, HardState, Message, Raft, VoteResponse};
use std::collections::BTreeMap;

/// What one node's disk surely has, since when, and what the node promised.
#[derive(Debug, Default)]
pub struct Ledger {
    log: Vec<(Term, u64)>,
    hard_state: HardState,
    votes: BTreeMap<Term, NodeId>,
    /// From here on the last process was about to overwrite its log when it ended.
    unsettled_from: Option<Index>,
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The page cache survived it.
    Killed,
    /// Only the disk did.
    PowerCut,
}

impl Ledger {
    /// A write became durable at `now`.
    pub fn handle_durable(&mut self, now: u64, write: &[u8]) {
        for said in bytes::read(write) {
            match said {
                Durable::Entry { index, term } => {
                    self.log.truncate(to_position(index).saturating_sub(1));
                    self.log.push((term, now));
                }
                Durable::TruncateFrom(index) => {
                    self.log.truncate(to_position(index).saturating_sub(1));
                }
                Durable::HardState(state) => self.hard_state = state,
            }
        }
    }

    /// The process has ended with this write in the page cache alone: it may come to be, or not.
    pub fn handle_unsynced(&mut self, write: &[u8]) {
        for said in bytes::read(write) {
            if let Durable::Entry { index, .. } | Durable::TruncateFrom(index) = said {
                let from = self.unsettled_from.map_or(index, |from| from.min(index));
                self.unsettled_from = Some(from);
            }
        }
    }

    /// A message leaves for `to`: may it?
    ///
    /// # Errors
    /// It promises what is not durable, or contradicts an earlier promise.
    pub fn check_promise(
        &mut self,
        node: NodeId,
        to: NodeId,
        message: &Message,
    ) -> Result<(), Violation> {
        match message {
            Message::VoteResponse(VoteResponse { term, granted: true }) => {
                self.check_vote(node, to, *term)
            }
            Message::AppendResponse(AppendResponse {
                term,
                outcome: AppendOutcome::Accepted { matched },
                ..
            }) => self.check_acknowledgement(node, *term, *matched),
            _ => Ok(()),
        }
    }

    /// A node was elected: its own vote is durable (R6), and it gave no other in that term.
    ///
    /// # Errors
    /// It did not, or did.
    pub fn check_own_vote(&mut self, node: NodeId, term: Term) -> Result<(), Violation> {
        self.check_vote(node, node, term)
    }

    /// What a restarted node knows holds all that it had durable.
    ///
    /// # Errors
    /// Something durable was lost.
    pub fn check_recovered(
        &mut self,
        now: u64,
        node: NodeId,
        raft: &Raft,
        after: Ending,
    ) -> Result<(), Violation> {
        let unsettled = self.unsettled_from.take().map_or(usize::MAX, to_position);
        for (at, (term, _)) in self.log.iter().enumerate().take(unsettled.saturating_sub(1)) {
            let found = raft.entry(Index(at as u64 + 1)).map(|entry| entry.term);
            if found != Some(*term) {
                let what = format!(
                    "node {node} had entry {} of term {term} durable and restarts with {found:?}",
                    at + 1
                );
                return Err(Violation::new("O4", what));
            }
        }
        if raft.term() < self.hard_state.term {
            let what = format!(
                "node {node} had {:?} durable and restarts in term {}",
                self.hard_state,
                raft.term()
            );
            return Err(Violation::new("O3", what));
        }
        // After a power cut what was read is what the disk has; after a kill it may be in the page cache only.
        if after == Ending::PowerCut {
            self.log.truncate(unsettled.saturating_sub(1));
            for position in self.log.len() + 1..=to_position(raft.last_index()) {
                let entry = raft.entry(Index(position as u64)).expect("a log without gaps");
                self.log.push((entry.term, now));
            }
        }
        Ok(())
    }

    /// Whether the entry was durable here by `at`.
    #[must_use]
    pub fn has(&self, index: Index, term: Term, at: u64) -> bool {
        let entry = to_position(index).checked_sub(1).and_then(|position| self.log.get(position));
        entry.is_some_and(|(own, since)| *own == term && *since <= at)
    }

    fn check_vote(&mut self, node: NodeId, candidate: NodeId, term: Term) -> Result<(), Violation> {
        let HardState { term: durable, vote } = self.hard_state;
        if durable < term || (durable == term && vote != Some(candidate)) {
            let what = format!(
                "node {node} votes for {candidate} in term {term} while its disk has {:?}",
                self.hard_state
            );
            return Err(Violation::new("O4", what));
        }
        let first = *self.votes.entry(term).or_insert(candidate);
        if first != candidate {
            let what = format!("node {node} votes for {first} and for {candidate} in term {term}");
            return Err(Violation::new("O3", what));
        }
        Ok(())
    }

    fn check_acknowledgement(
        &self,
        node: NodeId,
        term: Term,
        matched: Index,
    ) -> Result<(), Violation> {
        let durable = self.log.len();
        if durable < to_position(matched) {
            let what = format!(
                "node {node} acknowledges up to {matched} while its disk has {durable} entries"
            );
            return Err(Violation::new("O4", what));
        }
        if self.hard_state.term < term {
            let what = format!(
                "node {node} acknowledges in term {term} while its disk has {:?}",
                self.hard_state
            );
            return Err(Violation::new("O4", what));
        }
        Ok(())
    }
}

/// Whether a majority of `ledgers` had the entry durable by `at`.
#[must_use]
pub fn is_on_quorum(ledgers: &[Ledger], index: Index, term: Term, at: u64) -> bool {
    let having = ledgers.iter().filter(|ledger| ledger.has(index, term, at)).count();
    2 * having > ledgers.len()
}

fn to_position(index: Index) -> usize {
    usize::try_from(index.0).expect("a log in memory")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::founding::FoundingRecord;
    use crate::base::rng::Rng;
    use crate::base::{DirectoryId, WriteSeq};
    use crate::raft::{Entry, EntryHeader, EntryKind, Payload, Write};
    use crate::sim::disk::SimDisk;
    use crate::sim::host::{Host, Pauses, SharedHost};
    use crate::sim::outlet::drain_durable;
    use crate::wal::Wal;

    const NODE: NodeId = NodeId(1);

    fn open() -> (SharedHost, Wal<SimDisk>, Ledger) {
        let host = Host::new(Rng::new(1), Pauses { one_in: 0, nanos_max: 0 });
        let disk = SimDisk::new(host.clone());
        let directory = DirectoryId([1; 16]);
        let (mut wal, _) = Wal::open(disk, NODE, directory).unwrap();
        wal.found(&FoundingRecord::new([(NODE, directory)])).unwrap();
        (host, wal, Ledger::default())
    }

    fn write(
        seq: u64,
        hard_state: Option<HardState>,
        truncate_from: Option<u64>,
        indexes: &[u64],
    ) -> Write {
        let header = EntryHeader { format: 1, kind: EntryKind::NoOp, proposer_unix_ms: 0 };
        let entry = |index: &u64| Entry {
            term: Term(seq),
            index: Index(*index),
            header,
            payload: Payload::from(vec![7; 11]),
        };
        Write {
            start: None,
            seq: WriteSeq(seq),
            hard_state,
            truncate_from: truncate_from.map(Index),
            entries: indexes.iter().map(entry).collect(),
        }
    }

    fn voted(term: u64) -> Option<HardState> {
        Some(HardState { term: Term(term), vote: Some(NODE) })
    }

    fn acknowledgement(matched: u64) -> Message {
        let outcome = AppendOutcome::Accepted { matched: Index(matched) };
        Message::AppendResponse(AppendResponse {
            term: Term(0),
            round: crate::base::Round(0),
            outcome,
        })
    }

    #[test]
    fn an_acknowledgement_before_its_sync_is_found() {
        let (host, mut wal, mut ledger) = open();
        wal.append(&write(1, voted(1), None, &[1, 2])).unwrap();
        drain_durable(&host, &mut ledger);
        let early = ledger.check_promise(NODE, NodeId(2), &acknowledgement(2));
        assert_eq!(early.unwrap_err().checker, "O4");
        wal.sync().unwrap();
        drain_durable(&host, &mut ledger);
        ledger.check_promise(NODE, NodeId(2), &acknowledgement(2)).unwrap();
        assert!(ledger.check_promise(NODE, NodeId(2), &acknowledgement(3)).is_err());
    }

    #[test]
    fn what_was_truncated_is_not_covered_any_more() {
        let (host, mut wal, mut ledger) = open();
        wal.append(&write(1, voted(1), None, &[1, 2, 3])).unwrap();
        wal.append(&write(2, voted(2), Some(2), &[2])).unwrap();
        wal.sync().unwrap();
        drain_durable(&host, &mut ledger);
        assert!(
            ledger.has(Index(2), Term(2), u64::MAX) && !ledger.has(Index(2), Term(1), u64::MAX)
        );
        assert!(ledger.check_promise(NODE, NodeId(2), &acknowledgement(3)).is_err());
    }

    #[test]
    fn a_vote_that_the_disk_does_not_have_and_a_second_one_are_found() {
        let (host, mut wal, mut ledger) = open();
        let vote = Message::VoteResponse(VoteResponse { term: Term(3), granted: true });
        let early = ledger.check_promise(NODE, NodeId(2), &vote);
        assert_eq!(early.unwrap_err().checker, "O4");
        for (seq, candidate) in [(1, 2), (2, 3)] {
            let state = HardState { term: Term(3), vote: Some(NodeId(candidate)) };
            wal.append(&write(seq, Some(state), None, &[])).unwrap();
            drain_durable(&host, &mut ledger);
            let checked = ledger.check_promise(NODE, NodeId(candidate), &vote);
            assert_eq!(checked.err().map(|found| found.checker), (candidate == 3).then_some("O3"));
        }
    }

    #[test]
    fn a_commit_needs_a_majority_of_ledgers_by_its_instant() {
        let ledger = |since| Ledger { log: vec![(Term(1), since)], ..Ledger::default() };
        let ledgers = [ledger(10), ledger(20), Ledger::default()];
        assert!(is_on_quorum(&ledgers, Index(1), Term(1), 20));
        assert!(!is_on_quorum(&ledgers, Index(1), Term(1), 19));
        assert!(!is_on_quorum(&ledgers, Index(1), Term(2), 20));
    }
}
