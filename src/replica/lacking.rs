//! A node whose log lacks space or a descriptor for the next segment: a leader hands leadership
//! over, and tells clients (W2).

use super::{Replica, ServerMessage, Storage};
use crate::base::limits::REFUSAL_TEXT_BYTES_MAX;
use crate::base::{ConnectionId, NodeId, Sample, text};
use crate::raft::{Role, TransferError};
use crate::wire::{Ability, Values};
use std::collections::BTreeSet;

/// A shortage, and who was told or asked because of it.
#[derive(Clone, Debug, Default)]
pub(super) struct Shortage {
    /// The shortage in words, naming the file.
    pub(super) text: Option<String>,
    /// Peers that were asked to take over during this shortage. None is asked twice, unless it
    /// connected or found room since.
    asked: BTreeSet<NodeId>,
    /// How often leadership was handed over for room, and to whom last.
    handed_over: Option<(u64, NodeId)>,
    /// Whether it was logged that no peer has room.
    has_complained: bool,
    /// Clients that were told the reason of a refusal.
    told: BTreeSet<ConnectionId>,
}

impl Shortage {
    /// A peer has connected, or found room: it may be asked again.
    pub(super) fn may_ask_again(&mut self, peer: NodeId) {
        self.asked.remove(&peer);
        self.has_complained = false;
    }

    /// A client is gone.
    pub(super) fn forget(&mut self, connection: ConnectionId) {
        self.told.remove(&connection);
    }
}

impl Replica {
    /// Sets the present shortage of the next segment, or of a snapshot, in words for people.
    pub fn set_shortage(&mut self, why: Option<&str>) {
        if self.shortage.text.as_deref() != why {
            self.shortage.text = why.map(|why| text::one_line(why, REFUSAL_TEXT_BYTES_MAX));
        }
    }

    /// The shortage, see [`Replica::set_shortage`]; else why no snapshot could be stored.
    #[must_use]
    pub fn shortage(&self) -> Option<&str> {
        self.shortage.text.as_deref().or_else(|| self.snapshots.lacking())
    }

    /// Hands leadership over to a node that has told that it has room, to each once. If none has,
    /// no other node would serve better: this one leads on.
    pub(super) fn hand_over_when_lacking(&mut self, now: &Sample) {
        if self.storage == Storage::Open {
            self.end_shortage();
        }
        let leads = self.raft.role() == Role::Leader && self.leading.is_ready();
        if self.storage != Storage::Tight || !leads || self.raft.is_transferring() {
            return;
        }
        let may = |node| self.has_room(node) == Some(true) && !self.shortage.asked.contains(&node);
        let Some(to) = self.raft.successor(may) else { return self.complain() };
        self.shortage.asked.insert(to);
        let count = self.shortage.handed_over.map_or(0, |(count, _)| count);
        self.shortage.handed_over = Some((count + 1, to));
        match self.hand_over(now, Some(to), self.claim) {
            Ok(()) => ::log::warn!(
                "this node hands leadership over to node {to}, which has room on its disk: its own log cannot go on"
            ),
            Err(error) => ::log::warn!("this node leads on, though its log cannot go on: {error}"),
        }
    }

    /// Why the leader grants nothing for want of room on disks; `None` if it grants, or does not
    /// lead.
    #[must_use]
    pub fn out_of_room(&self) -> Option<String> {
        if self.raft.role() != Role::Leader {
            return None;
        }
        if self.storage == Storage::Tight && self.shortage.has_complained {
            let (node, why) = (self.raft.id(), self.shortage.text.as_deref().unwrap_or(UNSAID));
            return Some(format!(
                "node {node}, which leads, has no room on its disk for more of its log, and no other node that could lead has \
                 said that it has ({why}): make room there; it goes on by itself"
            ));
        }
        if self.raft.can_commit() {
            return None;
        }
        let full = self.peers.iter().filter(|(_, peer)| peer.is_tight);
        let full: Vec<String> = full
            .map(|(node, peer)| {
                format!("node {node} ({})", peer.lacks.as_deref().unwrap_or(UNSAID))
            })
            .collect();
        Some(format!(
            "a majority has no room on its disks for more of the log: {}; make room on one of them; it goes on by itself",
            full.join(", ")
        ))
    }

    /// How often leadership was handed over for want of room, and to whom last: for checkers.
    #[must_use]
    pub fn handed_over_for_room(&self) -> Option<(u64, NodeId)> {
        self.shortage.handed_over
    }

    /// Whether the disk could take more when the present turn began: for checkers.
    #[must_use]
    pub fn lacks_nothing(&self) -> bool {
        self.storage == Storage::Open
    }

    /// Whether a connected peer has room on its disk, by its last status; `None`: not told.
    pub(super) fn has_room(&self, node: NodeId) -> Option<bool> {
        self.peers.get(&node)?.has_room
    }

    /// The successor if none is named: preferably one that does not lack room.
    pub(super) fn roomy_successor(&self) -> Option<NodeId> {
        self.raft.successor(|node| self.has_room(node) != Some(false))
    }

    /// Refuses an operator's order to move leadership to a node that lacks room.
    pub(super) fn check_room_at(&self, to: Option<NodeId>) -> Result<(), String> {
        let Some(peer) = to.and_then(|to| self.peers.get(&to)) else { return Ok(()) };
        if self.storage != Storage::Open || peer.has_room != Some(false) {
            return Ok(());
        }
        let why = peer.lacks.as_deref().unwrap_or(UNSAID);
        Err(format!(
            "that node's log cannot go on, so it would not lead ({why}): make room there first"
        ))
    }

    /// Tells a client, once, why a request that takes room is refused.
    pub(super) fn explain_refusal(&mut self, to: ConnectionId) {
        let understands = self.clients.abilities(to).cover(Some(Ability::Describe));
        if self.storage == Storage::Tight && understands && self.shortage.told.insert(to) {
            self.push_shortage(to);
        }
    }

    fn push_shortage(&mut self, to: ConnectionId) {
        let values = Values::new()
            .with(ID, Some(self.raft.id().0))
            .with(LACKS, self.shortage.text.as_deref());
        self.reply(to, ServerMessage::Described { read: 0, values });
    }

    fn end_shortage(&mut self) {
        self.shortage.asked.clear();
        self.shortage.has_complained = false;
        for client in std::mem::take(&mut self.shortage.told) {
            self.push_shortage(client);
        }
    }

    fn complain(&mut self) {
        // A peer that was asked and did not take over has told that it has room: so "nobody has"
        // would be false.
        if std::mem::replace(&mut self.shortage.has_complained, true) {
            return;
        }
        let known = self.peers.iter().filter(|(_, peer)| peer.has_room == Some(false));
        let full: Vec<String> = known.map(|(node, _)| format!("node {node}")).collect();
        let (error, full) = (TransferError::Alone, full.join(", "));
        if full.is_empty() {
            ::log::warn!("this node leads on, though its log cannot go on: {error}");
        } else {
            ::log::warn!(
                "this node leads on, though its log cannot go on: no other one that could lead has room on its disk \
                 ({full} lack it too). Make room on any of them"
            );
        }
    }
}

const UNSAID: &str = "it does not say what it lacks";
/// The names of a status (`wire/node_status.rs`).
const ID: &str = "id";
const LACKS: &str = "disk_lacks";
