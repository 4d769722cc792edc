//! Whatever a peer says, of whatever id: no message ends a node, and none changes what is committed (R15).

use crate::harness::*;
use std::collections::BTreeMap;
use tenure::base::rng::Rng;
use tenure::base::{Index, NodeId, Round, Term, checksum};
use tenure::raft::{
    Append, AppendOutcome, AppendResponse, Cause, Entry, EntryHeader, EntryKind, Event, Heartbeat,
    HeartbeatResponse, Message, Payload, SnapshotChunk, SnapshotMeta, SnapshotOutcome,
    SnapshotResponse, TimeoutNow, Urgency, VoteRequest, VoteResponse,
};

const SEEDS: u64 = 1000;
const STEPS: u64 = 250;

/// One node in a crowd of liars.
struct Victim {
    node: Node,
    rng: Rng,
    /// Entries that it committed in this life, and how far.
    committed: BTreeMap<Index, Term>,
    commit: Index,
}

impl Victim {
    fn new(seed: u64) -> Self {
        let mut rng = Rng::new(seed);
        let node = match rng.below(5) {
            0 => Node::leader(3, 3, &[1, 1, 2]),
            1 => Node::winner(3, 3, &[1, 2]),
            2 => {
                let mut node = Node::with_log(1, 3, 2, &[1, 1, 2]);
                node.become_candidate();
                node
            }
            3 => {
                let mut node = Node::with_log(1, 3, 2, &[1, 1, 2]);
                node.become_pre_candidate();
                node
            }
            _ => Node::with_log(1, 3, 2, &[1, 1, 2, 2, 2]),
        };
        Self { node, rng, committed: BTreeMap::new(), commit: Index(0) }
    }

    fn step(&mut self) {
        match self.rng.below(100) {
            0..70 => self.lie(),
            70..82 => self.node.settle(),
            82..86 => self.node.turn(),
            86..90 => self.store_installs(),
            90..93 => {
                self.node.clock += self.rng.below(3 * ELECTION);
                self.node.handle(Event::Deadline);
            }
            93 => self.node.handle(Event::PeerUp(NodeId(2))),
            94 => self.node.handle(Event::PeerDown(NodeId(2))),
            95 => self.restart(),
            96 if self.node.state.0 > Index(self.node.disk.snapshot_index()) => {
                self.node.take_snapshot(5);
            }
            _ => drop(self.node.propose_bytes(3, Urgency::Normal)),
        }
        self.node.outbox.clear();
        self.check();
    }

    fn store_installs(&mut self) {
        for snapshot in std::mem::take(&mut self.node.installs) {
            if snapshot.data.len() < 4 || self.rng.chance(1, 5) {
                self.node.handle(Event::SnapshotRefused);
            } else {
                self.node.store(snapshot);
            }
        }
    }

    /// The node restarts from its disk, which is readable whatever was said.
    fn restart(&mut self) {
        let applied = self.node.raft.commit().min(self.node.raft.durable_index());
        let (config, disk) = (self.node.config.clone(), self.node.disk.clone());
        self.node = Node::start(config, disk, self.node.clock);
        assert!(self.node.raft.last_index() >= applied, "{applied} was committed and durable");
        // Entries committed behind the snapshot must be learned again; from which node is not decided here.
        self.commit = self.node.raft.commit();
        let known = self.commit;
        self.committed.retain(|index, _| *index <= known);
    }

    fn check(&mut self) {
        let raft = &self.node.raft;
        assert!(raft.commit() >= self.commit, "{} after {}", raft.commit(), self.commit);
        assert!(raft.commit() <= raft.last_index() && !raft.is_poisoned());
        for index in (self.commit.0 + 1..=raft.commit().0).rev().take(50).map(Index) {
            if let Some(entry) = raft.entry(index) {
                self.committed.entry(index).or_insert(entry.term);
            }
        }
        self.commit = raft.commit();
        for (index, term) in &self.committed {
            if let Some(entry) = raft.entry(*index) {
                assert_eq!(entry.term, *term, "entry {index} was committed");
            }
        }
    }

    fn lie(&mut self) {
        let from = [2, 2, 2, 3, 3, 1, 0, 4, 77, u64::MAX][self.rng.below(10) as usize];
        let message = self.message();
        self.node.receive(from, message);
    }

    /// A number near one that means something here, or far from all.
    fn number(&mut self) -> u64 {
        let raft = &self.node.raft;
        let base = [
            0,
            raft.term().0,
            raft.last_index().0,
            raft.commit().0,
            raft.durable_index().0,
            raft.snapshot_index().0,
            raft.round().unwrap_or_default().0,
        ];
        let far = [1 << 32, (1 << 48) - (1 << 44), 1 << 48, 1 << 63, u64::MAX];
        match self.rng.below(20) {
            0 => {
                far[self.rng.below(5) as usize].wrapping_add(self.rng.between(0, 2)).wrapping_sub(1)
            }
            1 => self.rng.number(),
            _ => {
                base[self.rng.below(7) as usize].saturating_add(self.rng.below(4)).saturating_sub(1)
            }
        }
    }

    fn index(&mut self) -> Index {
        Index(self.number())
    }

    /// Mostly the present one: what is of an earlier term is not looked at, and far ones end the play.
    fn term(&mut self) -> Term {
        let present = self.node.raft.term().0;
        match self.rng.below(40) {
            0 => Term(self.number()),
            1..4 => Term(present + 1),
            4..6 => Term(present.saturating_sub(1)),
            _ => Term(present),
        }
    }

    fn held_term(&mut self, index: Index) -> Term {
        let known = self.node.raft.entry(index).map(|entry| entry.term);
        match known {
            Some(term) if self.rng.chance(9, 10) => term,
            None if index == Index(0) => Term(0),
            _ => Term(self.rng.below(self.node.raft.term().0.saturating_add(2))),
        }
    }

    fn entries(&mut self, after: Index, term: Term) -> Vec<Entry> {
        let count = self.rng.below(5);
        let entry = |offset: u64| {
            let mut index = Index(after.0.wrapping_add(offset));
            if self.rng.chance(1, 40) {
                index = self.index();
            }
            let held = self.node.raft.entry(index).map(|entry| entry.term);
            let of = held.filter(|_| self.rng.chance(9, 10)).unwrap_or(term);
            let kind = [EntryKind::Command, EntryKind::NoOp, EntryKind::Relinquish];
            let mut kind = kind[self.rng.below(3) as usize];
            let mut payload = Payload::empty();
            if self.rng.chance(1, 8) {
                kind = EntryKind::Membership;
                let members = founding(1..=self.rng.between(1, 5)).encode();
                let length = members.len() - usize::from(self.rng.chance(1, 4));
                payload = Payload::from(members[..length].to_vec());
            }
            let format = if self.rng.chance(1, 10) { 255 } else { 1 };
            let header = EntryHeader { format, kind, proposer_unix_ms: u64::MAX };
            Entry { term: of, index, header, payload }
        };
        (1..=count).map(entry).collect()
    }

    fn chunk(&mut self) -> SnapshotChunk {
        let data: Vec<u8> = (0..self.rng.below(9) as u8).collect();
        let crc = checksum::crc32c(&data);
        let index = self.index();
        let mut chunk = SnapshotChunk {
            term: self.term(),
            round: Round(self.number()),
            meta: SnapshotMeta {
                index,
                term: self.held_term(index),
                membership: founding(1..=self.rng.below(5)),
                membership_index: Index(self.number().min(index.0)),
            },
            total: data.len() as u64,
            crc,
            offset: 0,
            bytes: Payload::from(data),
        };
        match self.rng.below(12) {
            0 => chunk.total = self.number(),
            1 => chunk.offset = self.number(),
            2 => chunk.crc ^= 1,
            3 => chunk.meta.membership_index = self.index(),
            4 => chunk.bytes = Payload::empty(),
            _ => {}
        }
        chunk
    }

    fn request(&mut self) -> VoteRequest {
        let cause = if self.rng.chance(1, 2) { Cause::Silence } else { Cause::Transfer };
        let (term, last_index) = (self.term(), self.index());
        VoteRequest { term, last_index, last_term: Term(self.number()), cause }
    }

    fn message(&mut self) -> Message {
        let (term, round) = (self.term(), Round(self.number()));
        match self.rng.below(14) {
            0 => Message::PreVote(self.request()),
            1 => Message::Vote(self.request()),
            2 => {
                let granted = self.rng.chance(1, 2);
                Message::PreVoteResponse(VoteResponse { term: self.term(), granted })
            }
            3 => Message::VoteResponse(VoteResponse { term, granted: self.rng.chance(1, 2) }),
            4 => {
                let outcome = match self.rng.below(2) {
                    0 => AppendOutcome::Accepted { matched: self.index() },
                    _ => AppendOutcome::Rejected {
                        prev_index: self.index(),
                        hint_index: self.index(),
                        hint_term: Term(self.number()),
                    },
                };
                Message::AppendResponse(AppendResponse { term, round, outcome })
            }
            5 => Message::Heartbeat(Heartbeat { term, round, commit: self.index() }),
            6 => Message::HeartbeatResponse(HeartbeatResponse { term, round }),
            7 => {
                let outcome = match self.rng.below(2) {
                    0 => SnapshotOutcome::Received { next: self.number() },
                    _ => SnapshotOutcome::Stored,
                };
                let index = self.index();
                Message::SnapshotResponse(SnapshotResponse { term, round, index, outcome })
            }
            8 => Message::TimeoutNow(TimeoutNow { term }),
            9..11 => Message::SnapshotChunk(self.chunk()),
            _ => {
                let prev_index = self.index();
                let (prev_term, commit) = (self.held_term(prev_index), self.index());
                let entries = self.entries(prev_index, term);
                Message::Append(Append { term, round, prev_index, prev_term, commit, entries })
            }
        }
    }
}

#[test]
fn no_message_of_a_peer_ends_a_node_or_changes_what_is_committed() {
    let (mut refused, mut moved) = (0, 0);
    for seed in 0..SEEDS {
        let played = std::panic::catch_unwind(|| {
            let mut victim = Victim::new(seed);
            for _ in 0..STEPS {
                victim.step();
            }
            (victim.node.raft.refused_messages(), victim.commit.0)
        });
        let (count, commit) = played.unwrap_or_else(|_| panic!("seed {seed}"));
        refused += count;
        moved += u64::from(commit > 5);
    }
    // Many messages are refused, and enough are believed to come to something.
    assert!(refused > SEEDS && moved > SEEDS / 4, "{refused} refused, {moved} moved");
}
