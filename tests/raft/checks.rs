//! Rules that must hold at every instant over all nodes of a network, whatever happens to them.

use crate::harness::Node;
use std::collections::BTreeMap;
use tenure::base::{Index, Term, time};
use tenure::raft::quorum::reached_in;
use tenure::raft::{Entry, Membership, Role};

/// All that was ever seen, to compare with.
#[derive(Default)]
pub struct Checks {
    /// Leader of each term (R1).
    leaders: BTreeMap<Term, u64>,
    /// Entries committed anywhere, from index 1 on (R4, R5).
    committed: Vec<Entry>,
    /// The digest of the state at each index (R5); a snapshot's too.
    states: BTreeMap<Index, u32>,
    /// Observations by node.
    seen: BTreeMap<u64, Seen>,
}

/// Observations of one node.
#[derive(Default)]
struct Seen {
    /// Its commit index.
    commit: u64,
    /// The members in force there.
    membership: Membership,
    /// End of the leader lease as its programs were told, on its own clock.
    told: u64,
}

impl Checks {
    /// Looks at all nodes.
    pub fn check(&mut self, nodes: &mut [Node]) {
        for at in 0..nodes.len() {
            self.check_leader(&nodes[at]);
            self.check_commit(at, nodes);
            self.check_states(&mut nodes[at]);
        }
        self.check_claims(nodes);
    }

    /// Its programs believe in the leader lease no more: they resigned.
    pub fn resign(&mut self, id: u64) {
        self.seen.entry(id).or_default().told = 0;
    }

    /// How many entries were committed.
    pub fn committed(&self) -> u64 {
        self.committed.len() as u64
    }

    /// One leader in each term (R1), which holds all that was committed before (R4).
    fn check_leader(&mut self, node: &Node) {
        let (id, term) = (node.id.0, node.raft.term());
        if node.raft.role() != Role::Leader {
            return;
        }
        let known = self.leaders.insert(term, id);
        assert!(known.is_none_or(|known| known == id), "{known:?} and {id} lead {term} (R1)");
        if known.is_some() {
            return;
        }
        let behind = node.raft.snapshot_index().0 as usize;
        for entry in self.committed.iter().skip(behind) {
            let held = node.raft.entry(entry.index);
            assert_eq!(held, Some(entry), "node {id} leads {term} without what is committed (R4)");
        }
    }

    /// Committed entries are the same everywhere (R5), and durable with a quorum when first seen.
    fn check_commit(&mut self, at: usize, nodes: &[Node]) {
        let node = &nodes[at];
        let seen = self.seen.entry(node.id.0).or_default();
        let before = std::mem::replace(&mut seen.commit, node.raft.commit().0);
        let members = std::mem::replace(&mut seen.membership, node.raft.membership().1.clone());
        for index in before + 1..=node.raft.commit().0 {
            let known = self.committed.get(index as usize - 1);
            match (known, node.raft.entry(Index(index))) {
                (Some(known), Some(entry)) => {
                    assert_eq!(known, entry, "node {} commits {index} differently (R5)", node.id);
                }
                (Some(_), None) => assert!(index <= node.raft.snapshot_index().0),
                (None, entry) => {
                    let entry = entry.expect("no snapshot holds what was never committed");
                    assert_eq!(self.committed.len() as u64 + 1, index, "committed in order");
                    if node.raft.role() == Role::Leader {
                        check_durable(entry, nodes, &[&members, node.raft.membership().1]);
                    }
                    self.committed.push(entry.clone());
                }
            }
        }
    }

    fn check_states(&mut self, node: &mut Node) {
        for (index, digest) in node.states.drain(..) {
            let first = *self.states.entry(index).or_insert(digest);
            assert_eq!(first, digest, "node {} at {index} is in another state (R5)", node.id);
        }
    }

    /// At most one node has programs that believe that it leads, by the claim that they were told and by its own clock
    /// (safety C1–C3).
    fn check_claims(&mut self, nodes: &[Node]) {
        let mut believers = Vec::new();
        for node in nodes {
            let told = &mut self.seen.entry(node.id.0).or_default().told;
            let now = node.now();
            if let Some(claim) = node.raft.leader_lease(&now)
                && now.elapsed_hi(&claim.start) < claim.length
            {
                *told = (*told).max(claim.start.boot() + time::nanos(claim.length));
            }
            if now.boot() < *told {
                believers.push((node.id, node.raft.role(), node.raft.term()));
            }
        }
        assert!(believers.len() <= 1, "{believers:?} are believed to lead, all at once (C1)");
    }
}

/// The entry, or a snapshot of it, is on the disks of a quorum: of the members in force at its leader now, or
/// just before.
fn check_durable(entry: &Entry, nodes: &[Node], memberships: &[&Membership]) {
    let is_held = |membership: &&Membership| {
        let held = |id| nodes.iter().any(|node| node.id == id && node.disk.holds(entry));
        reached_in(membership, held) == Some(true)
    };
    let (index, term) = (entry.index, entry.term);
    assert!(memberships.iter().any(is_held), "({index}, {term}) is committed, and on few disks");
}
