//! The peers that are connected: what each speaks, and what it says of itself.

use super::{Output, Replica, Storage};
use crate::base::NodeId;
use crate::wire::{Ability, Speech, Values};

/// A peer whose connection stands.
#[derive(Clone, Debug)]
pub(super) struct Peer {
    pub(super) speech: Speech,
    /// Whether its disk has room; `None` until it says so.
    pub(super) has_room: Option<bool>,
    /// What it was told last of this node's disk.
    told: Option<Storage>,
}

impl Replica {
    /// A peer is connected that speaks this.
    pub(super) fn note_speech(&mut self, peer: NodeId, speech: Speech) {
        self.connections += 1;
        self.peers.insert(peer, Peer { speech, has_room: None, told: None });
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
