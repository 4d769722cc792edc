//! The peers that are connected: what each speaks, and what it says of itself.

use super::{Output, Replica, Storage};
use crate::base::NodeId;
use crate::wire::{Ability, Speech, Values};

/// A peer whose connection stands.
#[derive(Clone, Debug)]
pub(super) struct Peer {
    pub(super) speech: Speech,
    /// It says that it is of this cluster, and this node had no key yet to try it by.
    is_untried: bool,
    /// Whether its disk has room; `None` until it says so.
    pub(super) has_room: Option<bool>,
    /// What it was told last of this node's disk.
    told: Option<Storage>,
}

impl Replica {
    /// A peer is connected that speaks this.
    pub(super) fn note_speech(&mut self, peer: NodeId, speech: Speech) {
        self.connections += 1;
        let is_untried = false;
        self.peers.insert(peer, Peer { speech, is_untried, has_room: None, told: None });
    }

    /// Nobody vouches for the peer but itself: it says that it is of this cluster.
    pub fn note_untried(&mut self, peer: NodeId) {
        if let Some(peer) = self.peers.get_mut(&peer) {
            peer.is_untried = true;
        }
    }

    /// Whether nobody vouches for the peer until now: the membership does not name it either.
    #[must_use]
    pub fn is_untried(&self, peer: NodeId) -> bool {
        let is_member = self.raft.membership().1.member(peer).is_some();
        !is_member && self.peers.get(&peer).is_some_and(|peer| peer.is_untried)
    }

    /// Its connection is gone, for whatever reason.
    pub fn handle_peer_lost(&mut self, peer: NodeId) {
        self.connections += 1;
        self.peers.remove(&peer);
    }

    /// A peer says how it is.
    pub fn handle_peer_status(&mut self, from: NodeId, values: &Values) {
        if let Some(peer) = self.peers.get_mut(&from) {
            peer.has_room = values.flag(ROOM).or(peer.has_room);
        }
    }

    /// Tells each connected peer how this node is, unless it was told already.
    pub(super) fn tell_peers(&mut self) {
        let storage = self.storage;
        let untold = |peer: &Peer| {
            peer.told != Some(storage) && peer.speech.abilities.cover(Some(Ability::PeerStatus))
        };
        for (to, peer) in self.peers.iter_mut().filter(|(_, peer)| untold(peer)) {
            peer.told = Some(storage);
            let values = Values::new().with(ROOM, Some(storage == Storage::Open));
            self.outputs.push(Output::TellPeer { to: *to, values });
        }
    }
}

/// Whether the sender's disk has room for more of the log.
const ROOM: &str = "room";
