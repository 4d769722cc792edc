//! Forgeries: messages that no peer of ours sends, each of which contradicts something that the node knows. Each is
//! refused, changes nothing, and ends no node (R15). They come beside the faults of the schedule.

use super::below;
use crate::base::rng::Rng;
use crate::base::{Index, NodeId, Round, Term};
use crate::raft::{Append, Entry, EntryHeader, EntryKind, Heartbeat, Message, Payload, Raft, Role};
use crate::sim::world::World;

impl World {
    /// Perhaps a stranger sends a message to a node.
    pub(in crate::sim) fn forge(&mut self, dice: &mut Rng) {
        if !dice.chance(1, 4) {
            return;
        }
        let slot = below(dice, self.nodes.len());
        let Some(inside) = self.nodes[slot].inside() else { return };
        let forged = match dice.below(3) {
            0 => Some(unreadable(inside.raft)),
            1 => second_leader(inside.raft),
            _ => conflict(inside.raft),
        };
        if let Some(message) = forged {
            self.trace.count("forged messages");
            self.trace.line(self.now, format_args!("forged for node {}: {message:?}", slot + 1));
            if let Some(process) = &mut self.nodes[slot].process {
                process.forge(STRANGER, message);
            }
            self.foresee_node(slot, self.now);
        }
    }
}

/// An entry that nobody can read, said to be committed.
fn unreadable(raft: &Raft) -> Message {
    let (prev_index, prev_term) = (raft.last_index(), last_term(raft));
    let entry = entry(raft.term().next(), prev_index.next(), EntryKind::Command);
    append(raft.term().next(), (prev_index, prev_term), entry)
}

/// A leader beside the one that the node follows.
fn second_leader(raft: &Raft) -> Option<Message> {
    let follows = raft.role() == Role::Follower && raft.leader().is_some();
    let beat = Heartbeat { term: raft.term(), round: Round(0), commit: raft.commit() };
    follows.then_some(Message::Heartbeat(beat))
}

/// Another entry in the place of the last one that is committed. Only for a leader: no snapshot can be on its way there,
/// behind which nobody knows what that entry was.
fn conflict(raft: &Raft) -> Option<Message> {
    let commit = raft.commit();
    let prev_index = Index(commit.0.checked_sub(1)?);
    let prev_term = raft.entry(prev_index)?.term;
    let term = raft.term().next();
    let entry = entry(term, commit, EntryKind::NoOp);
    (raft.role() == Role::Leader).then(|| append(term, (prev_index, prev_term), entry))
}

fn append(term: Term, (prev_index, prev_term): (Index, Term), entry: Entry) -> Message {
    let (round, commit) = (Round(0), entry.index);
    Message::Append(Append { term, round, prev_index, prev_term, commit, entries: vec![entry] })
}

fn entry(term: Term, index: Index, kind: EntryKind) -> Entry {
    let header = EntryHeader { format: 1, kind, proposer_unix_ms: 0 };
    Entry { term, index, header, payload: Payload::from(vec![0xff; 9]) }
}

/// The term of the last entry, or of the snapshot that the log is behind.
fn last_term(raft: &Raft) -> Term {
    let snapshot = raft.snapshot().map_or(Term(0), |snapshot| snapshot.meta.term);
    raft.entry(raft.last_index()).map_or(snapshot, |entry| entry.term)
}

/// The sender is a member of nothing.
const STRANGER: NodeId = NodeId(77);
