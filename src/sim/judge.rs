//! All checkers of a run, told of every step.

use crate::base::{Index, NodeId, RequestId, SessionId, Term, codec};
use crate::lock::Command;
use crate::raft::{Entry, EntryKind};
use crate::sim::checkers::Violation;
use crate::sim::checkers::consensus::Consensus;
use crate::sim::checkers::durability::{Ending, Ledger, is_on_quorum};
use crate::sim::checkers::holding::Holding;
use crate::sim::checkers::state::States;
use crate::sim::node::SimNode;
use crate::sim::outlet::Outgoing;
use crate::wire::ServerMessage;
use std::collections::BTreeMap;

/// The checkers, and what joins them.
#[derive(Debug)]
pub struct Judge {
    /// O3.
    pub consensus: Consensus,
    /// O4, for each node.
    pub ledgers: Vec<Ledger>,
    /// O1, O2, O6.
    pub states: States,
    /// O5, O6.
    pub holding: Holding,
    /// The entries that carry a request.
    requests: BTreeMap<(SessionId, RequestId), Vec<(Index, Term)>>,
    applied: Vec<Index>,
    commits: Vec<Index>,
    endings: Vec<Ending>,
}

/// What a look at a node found that is worth counting.
#[derive(Debug, Default)]
pub struct Seen {
    /// It leads since this look.
    pub elected: bool,
    /// Sessions whose expiry it appended.
    pub expiries: u64,
}

impl Judge {
    /// For so many nodes.
    #[must_use]
    pub fn new(nodes: usize) -> Self {
        Self {
            consensus: Consensus::default(),
            ledgers: (0..nodes).map(|_| Ledger::default()).collect(),
            states: States::default(),
            holding: Holding::default(),
            requests: BTreeMap::new(),
            applied: vec![Index(0); nodes],
            commits: vec![Index(0); nodes],
            endings: vec![Ending::Killed; nodes],
        }
    }

    /// Looks at a node after a step in which `left` left it.
    ///
    /// # Errors
    /// What must not be.
    pub fn observe_node(
        &mut self,
        node: &SimNode,
        left: &[(u64, Outgoing)],
    ) -> Result<Seen, Violation> {
        let slot = node.host_id.0;
        let Some(replica) = node.process.as_ref().and_then(|process| process.server.replica())
        else {
            return Ok(Seen::default());
        };
        let news = self.consensus.observe(node.id, replica.raft())?;
        if news.elected {
            self.ledgers[slot].check_own_vote(node.id, replica.raft().term())?;
        }
        let expiries = news.entries.iter().map(|entry| u64::from(self.index_entry(entry))).sum();
        let local = node.host.borrow().local;
        self.check_commit(slot, node.id, replica.raft().commit(), local)?;
        for (at, outgoing) in left {
            self.check_reply(node.id, *at, outgoing)?;
        }
        if replica.applied() > self.applied[slot] {
            self.applied[slot] = replica.applied();
            self.states.observe(replica.applied(), replica.machine())?;
        }
        Ok(Seen { elected: news.elected, expiries })
    }

    /// A node's process has ended.
    pub fn handle_end(&mut self, node: &SimNode, ending: Ending) {
        let slot = node.host_id.0;
        self.consensus.forget(node.id);
        self.applied[slot] = Index(0);
        self.commits[slot] = Index(0);
        self.endings[slot] = ending;
    }

    /// A node has recovered.
    ///
    /// # Errors
    /// It has lost something durable.
    pub fn handle_start(&mut self, now: u64, node: &SimNode) -> Result<(), Violation> {
        let slot = node.host_id.0;
        match node.process.as_ref().and_then(|process| process.server.replica()) {
            Some(replica) => {
                let ending = self.endings[slot];
                self.ledgers[slot].check_recovered(now, node.id, replica.raft(), ending)
            }
            None => Ok(()),
        }
    }

    /// O4: what is committed is durable on a quorum.
    fn check_commit(
        &mut self,
        slot: usize,
        node: NodeId,
        commit: Index,
        at: u64,
    ) -> Result<(), Violation> {
        if commit <= self.commits[slot] {
            return Ok(());
        }
        self.commits[slot] = commit;
        let term = self.consensus.committed_term(commit).expect("O3 has followed this commit");
        if is_on_quorum(&self.ledgers, commit, term, at) {
            return Ok(());
        }
        let what = format!("node {node} commits {commit} of {term:?}, which no quorum has durable");
        Err(Violation::new("O4", what))
    }

    /// O4: what a client is told of its request is durable on a quorum.
    fn check_reply(&self, node: NodeId, at: u64, outgoing: &Outgoing) -> Result<(), Violation> {
        let Outgoing::Client(_, ServerMessage::Answered { session, request, answer }) = outgoing
        else {
            return Ok(());
        };
        let Some(entries) = self.requests.get(&(*session, *request)) else { return Ok(()) };
        let durable =
            entries.iter().any(|(index, term)| is_on_quorum(&self.ledgers, *index, *term, at));
        if durable {
            return Ok(());
        }
        let what = format!(
            "node {node} answers {answer:?} to {request:?} of {session:?}, whose entries {entries:?} no quorum has durable"
        );
        Err(Violation::new("O4", what))
    }

    /// Remembers which request the entry carries; whether it expires a session.
    fn index_entry(&mut self, entry: &Entry) -> bool {
        if entry.header.kind != EntryKind::Command {
            return false;
        }
        match codec::decode(entry.payload.bytes()) {
            Ok(Command::Request { session, request, .. }) => {
                let entries = self.requests.entry((session, request)).or_default();
                if !entries.contains(&(entry.index, entry.term)) {
                    entries.push((entry.index, entry.term));
                }
                false
            }
            Ok(Command::Expire { .. }) => true,
            _ => false,
        }
    }
}
