//! All checkers of a run, told of every step.

use crate::base::{Index, NodeId, RequestId, SessionId, Term, codec};
use crate::lock::Command;
use crate::raft::{Entry, EntryKind, Message, SnapshotOutcome};
use crate::sim::checkers::backing::Backing;
use crate::sim::checkers::catching_up::CatchingUp;
use crate::sim::checkers::claims::Claims;
use crate::sim::checkers::consensus::{Consensus, Installed};
use crate::sim::checkers::durability::{Ending, Ledger, is_on_quorum};
use crate::sim::checkers::expiry::Expiry;
use crate::sim::checkers::goes_on::GoesOn;
use crate::sim::checkers::history::History;
use crate::sim::checkers::holding::Holding;
use crate::sim::checkers::leaders::Decided;
use crate::sim::checkers::model::Model;
use crate::sim::checkers::observing::Observing;
use crate::sim::checkers::replies::{Replies, Window};
use crate::sim::checkers::rounds::Rounds;
use crate::sim::checkers::state::{Origin, States};
use crate::sim::checkers::waits::Waits;
use crate::sim::checkers::{Violation, bounds, rights};
use crate::sim::marks::{Mark, Marks, NodeWatch, mark_command, mark_effects, mark_outgoing};
use crate::sim::node::outlet::Outgoing;
use crate::sim::node::{Inside, SimNode};
use crate::wire::{PeerMessage, ServerMessage};
use std::collections::BTreeMap;

/// The checkers, and what joins them.
#[derive(Debug)]
pub struct Judge {
    /// O3: one leader per term, matching logs.
    pub consensus: Consensus,
    /// O4, for each node.
    pub ledgers: Vec<Ledger>,
    /// O1, O2, O6.
    pub states: States,
    /// O5, O6: what clients believe.
    pub holding: Holding,
    /// O7, O8: the meaning of the committed log.
    pub model: Model,
    /// O8, O10: answers to clients.
    pub replies: Replies,
    /// O8, O15: observers.
    pub observing: Observing,
    /// O9: operations of clients, to be ordered.
    pub history: History,
    /// O11: claims to lead.
    pub claims: Claims,
    /// O11: rounds behind claims.
    pub backing: Backing,
    /// O21: snapshots that are sent.
    pub catching_up: CatchingUp,
    /// O12: expiries of sessions.
    pub expiry: Expiry,
    /// O11, O12: waits of leaders.
    pub waits: Waits,
    /// O18: answers that need a round.
    pub rounds: Rounds,
    /// O23: work left to later entries.
    pub goes_on: GoesOn,
    /// The entries that carry a request.
    requests: BTreeMap<(SessionId, RequestId), Vec<(Index, Term)>>,
    applied: Vec<Index>,
    /// Committed, and found on a quorum of disks, up to here.
    verified: Index,
    endings: Vec<Ending>,
    /// The newest snapshot that was seen at each node.
    snapshots: Vec<Index>,
    watches: Vec<Option<NodeWatch>>,
    /// How far the snapshot has come that each node is sent.
    incoming: Vec<Option<(Index, u64)>>,
    /// Members that were removed for good, and by which entry.
    pub(in crate::sim) removed: BTreeMap<NodeId, Index>,
    /// To which of them each node was connected after its last step.
    pub(in crate::sim) former_peers: Vec<Vec<NodeId>>,
}

/// Findings of a look at a node, for other checkers.
#[derive(Debug, Default)]
pub struct Seen {
    /// The node leads since this look.
    pub elected: bool,
    /// Sessions whose expiry it appended.
    pub expired: Vec<SessionId>,
    /// The node went on from a leader's snapshot.
    pub installed: Option<Installed>,
    /// The node leads and answers, and may not claim the leader lease yet (C2).
    pub answers_without_claim: bool,
}

/// A step of a node, from outside.
#[derive(Clone, Copy, Debug)]
pub struct Step<'a> {
    /// The node after it.
    pub node: &'a SimNode,
    /// When it began.
    pub began: u64,
    /// Messages that left in the step, and when.
    pub left: &'a [(u64, Outgoing)],
}

impl Judge {
    /// For so many machines, of which nodes 1 to `founders` found the cluster, whose entries free and grant so many names.
    #[must_use]
    pub fn new(nodes: usize, founders: u64, names_per_part: usize) -> Self {
        Self {
            consensus: Consensus::new(founders),
            ledgers: (0..nodes).map(|_| Ledger::default()).collect(),
            states: States::in_parts_of(names_per_part),
            holding: Holding::default(),
            model: Model::default().in_parts_of(names_per_part),
            replies: Replies::default(),
            observing: Observing::default(),
            history: History::default(),
            claims: Claims::new(nodes),
            backing: Backing::new(nodes),
            catching_up: CatchingUp::default(),
            expiry: Expiry::new(nodes),
            waits: Waits::new(nodes),
            rounds: Rounds::default(),
            goes_on: GoesOn::new(nodes),
            requests: BTreeMap::new(),
            applied: vec![Index(0); nodes],
            verified: Index(0),
            endings: vec![Ending::Killed; nodes],
            snapshots: vec![Index(0); nodes],
            watches: vec![None; nodes],
            incoming: vec![None; nodes],
            removed: BTreeMap::new(),
            former_peers: vec![Vec::new(); nodes],
        }
    }

    /// The log begins behind `index`.
    pub fn begin_behind(&mut self, index: Index) {
        self.verified = index;
    }

    /// Looks at a node after a step.
    ///
    /// # Errors
    /// A violation.
    pub fn observe_node(&mut self, step: Step<'_>, marks: &mut Marks) -> Result<Seen, Violation> {
        let node = step.node;
        let slot = node.host_id.0;
        let Some(inside) = node.inside() else { return Ok(Seen::default()) };
        let news = self.consensus.observe(node.id, inside.raft)?;
        if news.elected {
            self.ledgers[slot].check_own_vote(node.id, inside.raft.term())?;
        }
        let decided: Vec<Decided> =
            news.entries.iter().filter_map(|entry| self.index_entry(entry)).collect();
        let (local, operations) = {
            let host = node.host.borrow();
            (host.local, host.operations)
        };
        let verified = self.verified;
        self.check_commit(node.id, inside.raft.commit(), local)?;
        self.follow_committed(step.began, inside, marks);
        if let Some(snapshot) = inside.raft.snapshot()
            && self.snapshots[slot] != snapshot.meta.index
        {
            self.snapshots[slot] = snapshot.meta.index;
            self.states.check_snapshot(snapshot)?;
        }
        let watch = self.watches[slot].get_or_insert_with(|| NodeWatch::new(inside.raft));
        watch.look(marks, inside.raft, self.consensus.committed());
        mark_outgoing(marks, inside.raft, self.applied[slot], step.left);
        marks.hit_if(news.members_truncated, Mark::MembersTruncated);
        self.mark_install(slot, step.left, marks);
        let window = Window { from: self.applied[slot], to: inside.applied };
        if news.elected {
            self.follow_elected(step, inside);
        }
        self.check_changes(step, inside.raft, &news.entries)?;
        self.check_peers(node, inside.raft)?;
        let expired = self.check_all_decided(slot, local, inside, &decided)?;
        self.follow_leading(step, inside, window)?;
        for (at, outgoing) in step.left {
            self.check_reply(node.id, *at, (verified, window), outgoing)?;
            self.check_rights(node, window, outgoing)?;
        }
        self.check_rounds(step, inside)?;
        self.check_goes_on(step, inside)?;
        let log_bytes_max = node.log_bytes_max();
        bounds::check(node.id, inside.raft, log_bytes_max, step.left, operations)?;
        if inside.applied > self.applied[slot] {
            let is_loaded = self.applied[slot] == Index(0) || news.installed.is_some();
            let origin = if is_loaded { Origin::Loaded } else { Origin::Applied };
            self.applied[slot] = inside.applied;
            self.states.observe(inside.applied, (inside.machine, origin), &self.model)?;
        }
        let answers = self.expiry.leads(slot) && node.claimed().is_none();
        Ok(Seen {
            elected: news.elected,
            expired,
            installed: news.installed,
            answers_without_claim: answers,
        })
    }

    /// How far the node has come with a snapshot, as it says.
    fn mark_install(&mut self, slot: usize, left: &[(u64, Outgoing)], marks: &mut Marks) {
        for (_, outgoing) in left {
            let Outgoing::Peer(_, PeerMessage::Raft(Message::SnapshotResponse(said))) = outgoing
            else {
                continue;
            };
            let incoming = &mut self.incoming[slot];
            match said.outcome {
                SnapshotOutcome::Stored => *incoming = None,
                SnapshotOutcome::Received { next } => {
                    let again = *incoming == Some((said.index, next)) && next > 0;
                    marks.hit_if(again, Mark::InstallResumed);
                    *incoming = Some((said.index, next));
                }
            }
        }
    }

    /// A node's process has ended.
    pub fn handle_end(&mut self, node: &SimNode, ending: Ending, marks: &mut Marks) {
        let slot = node.host_id.0;
        marks.hit_if(self.incoming[slot].take().is_some(), Mark::InstallInterrupted);
        self.consensus.forget(node.id);
        self.claims.forget(slot);
        self.expiry.follow(slot, 0, None);
        self.waits.forget(slot);
        self.former_peers[slot].clear();
        self.rounds.forget(node.id);
        self.watches[slot] = None;
        (self.applied[slot], self.snapshots[slot]) = (Index(0), Index(0));
        self.endings[slot] = ending;
    }

    /// A node has recovered.
    ///
    /// # Errors
    /// It has lost something durable, or serves from a damaged log.
    pub fn handle_start(&mut self, now: u64, node: &SimNode) -> Result<(), Violation> {
        let slot = node.host_id.0;
        if node.is_damaged() {
            let what = format!("node {} starts on a log with a rotten record (W5)", node.id);
            return Err(Violation::new("O4", what));
        }
        match node.inside() {
            // Its acknowledgements count as before: it votes no more, so nobody outvotes the nodes that rely on them.
            Some(_) if node.is_emptied => Ok(()),
            Some(inside) => {
                let ending = self.endings[slot];
                self.ledgers[slot].check_recovered(now, node.id, inside.raft, ending)
            }
            None => Ok(()),
        }
    }

    /// O4: an entry that is committed for the first time is durable on a quorum of the members that the node has in
    /// force.
    fn check_commit(&mut self, node: NodeId, commit: Index, at: u64) -> Result<(), Violation> {
        if commit <= self.verified {
            return Ok(());
        }
        self.verified = commit;
        let term = self.consensus.committed_term(commit).expect("O3 has followed this commit");
        if self.is_durable(node, commit, term, at) {
            return Ok(());
        }
        let what = format!("node {node} commits {commit} of {term:?}, which no quorum has durable");
        Err(Violation::new("O4", what))
    }

    /// Whether a quorum of the members that are in force at `node` has the entry by `at`.
    fn is_durable(&self, node: NodeId, index: Index, term: Term, at: u64) -> bool {
        let committed = self.consensus.committed_term(index);
        let mut acting = self.consensus.acting_members(node);
        acting.any(|members| is_on_quorum(&self.ledgers, members, (index, term), committed, at))
    }

    /// The model applies entries that this node is the first to commit.
    fn follow_committed(&mut self, now: u64, inside: Inside<'_>, marks: &mut Marks) {
        while self.model.applied() < self.consensus.committed() {
            let index = self.model.applied().next();
            let Some(entry) = inside.raft.entry(index) else { return };
            let command = command_of(entry);
            if let Some(command) = &command {
                mark_command(marks, &self.model, entry.term, command);
            }
            self.model.apply(index, entry.term, command.as_ref());
            if let Some(command) = &command {
                mark_effects(marks, &self.model, command);
            }
            for token in &self.model.effects().taken {
                self.holding.handle_taken(now, *token);
            }
            self.states.follow(index, entry, command.as_ref());
        }
    }

    /// O4: what a client is told of its request is durable on a quorum. O8: the answer is true.
    fn check_reply(
        &mut self,
        node: NodeId,
        at: u64,
        (verified, window): (Index, Window),
        outgoing: &Outgoing,
    ) -> Result<(), Violation> {
        let Outgoing::Client(to, message) = outgoing else { return Ok(()) };
        if let ServerMessage::Answered { session, request, answer } = message
            && let Some(entries) = self.requests.get(&(*session, *request))
        {
            // Everything committed before this step was on a quorum of the members of that time.
            let durable = entries.iter().any(|(index, term)| {
                let committed = self.consensus.committed_term(*index) == Some(*term);
                (committed && *index <= verified) || self.is_durable(node, *index, *term, at)
            });
            if !durable && !matches!(answer, crate::lock::Answer::Refused(_)) {
                let what = format!(
                    "node {node} answers {answer:?} to {request:?} of {session:?}, whose entries {entries:?} no quorum has durable"
                );
                return Err(Violation::new("O4", what));
            }
        }
        self.replies.check(&self.model, (node, *to), window, message)
    }

    /// O26.
    fn check_rights(
        &self,
        node: &SimNode,
        window: Window,
        outgoing: &Outgoing,
    ) -> Result<(), Violation> {
        let (Outgoing::Client(to, message), Some(process)) = (outgoing, &node.process) else {
            return Ok(());
        };
        if let ServerMessage::AttachDenied { session } = message
            && !rights::is_anothers(&self.model, &process.askers, *to, *session)
        {
            // Each client has a key of its own, and tells nobody but thieves.
            let what = format!("node {} denies {session:?} to whose it is", node.id);
            return Err(Violation::new("O8", what));
        }
        rights::check(&self.model, &process.askers, (node.id, *to), window, message)
    }

    /// Remembers which request the entry carries; what was decided by a clock.
    fn index_entry(&mut self, entry: &Entry) -> Option<Decided> {
        match command_of(entry)? {
            Command::Request { session, request, .. } => {
                let entries = self.requests.entry((session, request)).or_default();
                entries.push((entry.index, entry.term));
                None
            }
            Command::Expire { session, .. } => Some(Decided::Expiry(session)),
            Command::DelayOver { name, token, .. } => Some(Decided::DelayOver(name, token)),
            Command::RestoreOver { .. } => Some(Decided::RestoreOver),
            Command::OpenSession { .. }
            | Command::OpenSessionOf { .. }
            | Command::Access { .. }
            | Command::Settings(_)
            | Command::ClusterKey(_)
            | Command::Continue => None,
        }
    }
}

pub(super) fn command_of(entry: &Entry) -> Option<Command> {
    if entry.header.kind != EntryKind::Command {
        return None;
    }
    codec::decode(entry.payload.bytes()).ok()
}
