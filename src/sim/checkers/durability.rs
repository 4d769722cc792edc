//! O4: each acknowledgement that leaves is covered by data that is durable at that instant.
//!
//! The ledger of a node is the data that its disk has synced, read back from the bytes (`super::bytes`). A vote needs
//! its hard state there, an append acknowledgement its entries (R6, R7, W1); a commit, and an answer to a client, need
//! a quorum of ledgers. Two votes in one term are O3. A durable snapshot stands for all entries committed up to its
//! index; where a log starts over behind one, the entries before are gone.

use super::Violation;
use super::bytes::{self, Durable};
use super::members::Members;
use crate::base::{Index, NodeId, Term};
use crate::raft::{
    AppendOutcome, AppendResponse, HardState, Message, Raft, SnapshotOutcome, SnapshotResponse,
    VoteRequest, VoteResponse,
};
use std::collections::BTreeMap;

/// Ledger of one node: data surely on its disk and since when, and promises of the node.
#[derive(Debug, Default)]
pub struct Ledger {
    /// The log's first entry lies behind this one.
    start: Index,
    log: Vec<(Term, u64)>,
    /// How far entries of each term ever were durable.
    reached: BTreeMap<Term, Index>,
    /// Durable snapshots, and since when.
    snapshots: Vec<(Index, Term, u64)>,
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
                // A start writes the last batch once more, even if a snapshot stands for it.
                Durable::Entry { index, .. } if index <= self.start => {}
                Durable::Entry { index, term } => {
                    self.truncate_from(index);
                    self.log.push((term, now));
                    let reached = self.reached.entry(term).or_default();
                    *reached = (*reached).max(index);
                }
                Durable::TruncateFrom(index) => self.truncate_from(index),
                Durable::Start { index, .. } => {
                    (self.start, self.log) = (index, Vec::new());
                }
                Durable::HardState(state) => self.hard_state = state,
            }
        }
    }

    /// The file of a snapshot became durable at `now`.
    pub fn handle_durable_snapshot(&mut self, now: u64, file: &[u8]) {
        if let Some((index, term)) = bytes::read_snapshot(file) {
            self.snapshots.push((index, term, now));
        }
    }

    /// A directory that was made from a snapshot at `index`: its log begins behind that.
    pub fn begin_behind(&mut self, index: Index) {
        self.start = index;
    }

    fn truncate_from(&mut self, from: Index) {
        self.log.truncate(to_position(from).saturating_sub(to_position(self.start) + 1));
    }

    /// The last entry that the log holds.
    fn last_index(&self) -> Index {
        Index(self.start.0 + self.log.len() as u64)
    }

    fn newest_snapshot(&self) -> Option<(Index, Term)> {
        self.snapshots.iter().map(|(index, term, _)| (*index, *term)).max()
    }

    fn term_at(&self, index: Index) -> Option<Term> {
        let position = to_position(index).checked_sub(to_position(self.start) + 1)?;
        self.log.get(position).map(|(term, _)| *term)
    }

    /// The process has ended with this write in the page cache alone: it may come to be, or not.
    pub fn handle_unsynced(&mut self, write: &[u8]) {
        for said in bytes::read(write) {
            let from = match said {
                Durable::Entry { index, .. } | Durable::TruncateFrom(index) => index,
                Durable::Start { .. } => Index(1),
                Durable::HardState(_) => continue,
            };
            self.unsettled_from = Some(self.unsettled_from.map_or(from, |known| known.min(from)));
        }
    }

    /// Checks a message that leaves for `to`.
    ///
    /// # Errors
    /// It promises data that is not durable, or contradicts an earlier promise.
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
            // A node that asks for votes has given its own.
            Message::Vote(VoteRequest { term, .. }) => self.check_vote(node, node, *term),
            Message::AppendResponse(AppendResponse {
                term,
                outcome: AppendOutcome::Accepted { matched },
                ..
            }) => self.check_acknowledgement(node, *term, *matched),
            Message::SnapshotResponse(SnapshotResponse {
                term,
                index,
                outcome: SnapshotOutcome::Stored,
                ..
            }) => self.check_acknowledgement(node, *term, *index),
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

    /// Checks that a restarted node knows everything that it had durable.
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
        let unsettled = self.unsettled_from.take().unwrap_or(Index(u64::MAX));
        self.check_log(node, raft, unsettled)?;
        if raft.term() < self.hard_state.term {
            let what = format!(
                "node {node} had {:?} durable and restarts in term {}",
                self.hard_state,
                raft.term()
            );
            return Err(Violation::new("O3", what));
        }
        // After a power cut the bytes read are those of the disk; after a kill they may be in the page cache only.
        if after == Ending::PowerCut {
            self.adopt(now, raft, unsettled);
        }
        Ok(())
    }

    /// Checks that everything durable below `unsettled` is there, or in a snapshot.
    fn check_log(&self, node: NodeId, raft: &Raft, unsettled: Index) -> Result<(), Violation> {
        let base = raft.snapshot_index();
        // A snapshot that the log does not go through takes the place of all of it.
        let is_replaced = raft.snapshot().is_some_and(|snapshot| {
            let meta = &snapshot.meta;
            let stored = self.snapshots.iter().any(|(index, ..)| *index == meta.index);
            stored && self.term_at(meta.index) != Some(meta.term) && meta.index > self.start
        });
        for (index, (term, _)) in (self.start.0 + 1..).map(Index).zip(&self.log) {
            let found = raft.entry(index).map(|entry| entry.term);
            if index < unsettled && index > base && found != Some(*term) && !is_replaced {
                let what = format!(
                    "node {node} had entry {index} of term {term} durable and restarts with {found:?}"
                );
                return Err(Violation::new("O4", what));
            }
        }
        if base < self.start && unsettled > self.start {
            let what = format!(
                "node {node} had a log behind {} durable and restarts from the snapshot of {base}",
                self.start
            );
            return Err(Violation::new("O4", what));
        }
        Ok(())
    }

    /// The disk has exactly the bytes that were read from it.
    fn adopt(&mut self, now: u64, raft: &Raft, unsettled: Index) {
        let base = raft.snapshot_index();
        self.truncate_from(unsettled.max(self.start.next()));
        let goes_on = self.start >= base
            || raft
                .snapshot()
                .is_some_and(|snapshot| self.term_at(base) == Some(snapshot.meta.term));
        if !goes_on {
            (self.start, self.log) = (base, Vec::new());
        }
        for index in self.last_index().0 + 1..=raft.last_index().0 {
            let entry = raft.entry(Index(index)).expect("a log without gaps");
            self.log.push((entry.term, now));
        }
    }

    /// Whether the entry was durable here by `at`, or, if it is `committed`, a snapshot that stands for it.
    #[must_use]
    pub fn has(&self, index: Index, term: Term, committed: Option<Term>, at: u64) -> bool {
        let position = to_position(index).checked_sub(to_position(self.start) + 1);
        let entry = position.and_then(|position| self.log.get(position));
        let in_log = entry.is_some_and(|(own, since)| *own == term && *since <= at);
        let covers = |(newest, _, since): &(Index, Term, u64)| *newest >= index && *since <= at;
        in_log || (committed == Some(term) && self.snapshots.iter().rev().any(covers))
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
        let snapshot = self.newest_snapshot().map(|(index, _)| index).unwrap_or_default();
        let durable = self.last_index();
        // An answer of an earlier term may be about entries that the same sync has cut off again. A leader that was
        // elected without those entries cut them off, so they are committed nowhere, whoever counts them.
        let was_there = self.hard_state.term > term
            && self.reached.range(..=term).any(|(_, reached)| *reached >= matched);
        if durable.max(snapshot) < matched && !was_there {
            let what = format!(
                "node {node} acknowledges up to {matched} while its disk has a log up to {durable} and a snapshot of {snapshot}"
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

/// Whether a quorum of `members` had the entry durable by `at`; `committed` is the term that is committed
/// there. The ledgers are those of nodes 1, 2, ….
#[must_use]
pub fn is_on_quorum(
    ledgers: &[Ledger],
    members: &Members,
    (index, term): (Index, Term),
    committed: Option<Term>,
    at: u64,
) -> bool {
    members.is_quorum(|node| {
        let slot = to_position(Index(node.0 - 1));
        ledgers.get(slot).is_some_and(|ledger| ledger.has(index, term, committed, at))
    })
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
    use crate::raft::{Cause, Entry, EntryHeader, EntryKind, Payload, Write};
    use crate::sim::disk::SimDisk;
    use crate::sim::disk::host::{Host, Pauses, SharedHost};
    use crate::sim::node::outlet::drain_durable;
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
            ledger.has(Index(2), Term(2), None, u64::MAX)
                && !ledger.has(Index(2), Term(1), None, u64::MAX)
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
    fn asking_for_votes_before_the_own_one_is_durable_is_found() {
        let (host, mut wal, mut ledger) = open();
        let ask = Message::Vote(VoteRequest {
            term: Term(1),
            last_index: Index(0),
            last_term: Term(0),
            cause: Cause::Silence,
        });
        let early = ledger.check_promise(NODE, NodeId(2), &ask);
        assert_eq!(early.unwrap_err().checker, "O4");
        wal.append(&write(1, voted(1), None, &[])).unwrap();
        drain_durable(&host, &mut ledger);
        ledger.check_promise(NODE, NodeId(2), &ask).unwrap();
    }

    #[test]
    fn a_commit_needs_a_majority_of_ledgers_by_its_instant() {
        let ledger = |since| Ledger { log: vec![(Term(1), since)], ..Ledger::default() };
        let ledgers = [ledger(10), ledger(20), Ledger::default()];
        let is_there = |term, at| {
            is_on_quorum(&ledgers, &Members::founding(3), (Index(1), Term(term)), None, at)
        };
        assert!(is_there(1, 20) && !is_there(1, 19) && !is_there(2, 20));
    }
}
