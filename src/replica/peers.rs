//! The connected peers: the speech and the status of each.

use super::{Output, Replica, Storage};
use crate::base::limits::REFUSAL_TEXT_BYTES_MAX;
use crate::base::{NodeId, text};
use crate::wire::{Ability, Speech, Values};

/// A connected peer.
#[derive(Clone, Debug)]
pub(super) struct Peer {
    pub(super) speech: Speech,
    /// The peer claims to be of this cluster, and this node had no key yet to check that.
    is_untried: bool,
    /// Whether its disk has room for the next segment of its log; `None` until it tells.
    pub(super) has_room: Option<bool>,
    /// Whether its log cannot go on: it lacks the next segment, and the present one is nearly full.
    pub(super) is_tight: bool,
    /// What the peer lacks, in its words.
    pub(super) lacks: Option<String>,
    /// The last status of this node's disk that it was told.
    told: Option<Told>,
}

/// The status of this node's disk, as told to peers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Told {
    has_room: bool,
    is_tight: bool,
    is_full: bool,
}

impl Replica {
    /// Notes a connected peer and its speech.
    pub(super) fn note_speech(&mut self, peer: NodeId, speech: Speech) {
        self.connections += 1;
        self.shortage.may_ask_again(peer);
        let (is_untried, has_room, is_tight, lacks, told) = (false, None, false, None, None);
        self.peers.insert(peer, Peer { speech, is_untried, has_room, is_tight, lacks, told });
    }

    /// Notes that nobody vouches for the peer but itself.
    pub fn note_untried(&mut self, peer: NodeId) {
        if let Some(peer) = self.peers.get_mut(&peer) {
            peer.is_untried = true;
        }
    }

    /// Whether nobody vouches for the peer, nor does the membership name it.
    #[must_use]
    pub fn is_untried(&self, peer: NodeId) -> bool {
        let is_member = self.raft.membership().1.member(peer).is_some();
        !is_member && self.peers.get(&peer).is_some_and(|peer| peer.is_untried)
    }

    /// Handles the end of a peer's connection, for whatever reason.
    pub fn handle_peer_lost(&mut self, peer: NodeId) {
        self.connections += 1;
        self.peers.remove(&peer);
    }

    /// Takes a peer's status.
    pub fn handle_peer_status(&mut self, from: NodeId, values: &Values) {
        let Some(peer) = self.peers.get_mut(&from) else { return };
        let before = peer.has_room;
        peer.has_room = values.flag(ROOM).or(before);
        peer.lacks = values.text(LACKS).map(|why| text::one_line(why, REFUSAL_TEXT_BYTES_MAX));
        let is_tight = values.flag(TIGHT).unwrap_or(false);
        match (std::mem::replace(&mut peer.is_tight, is_tight), is_tight) {
            (false, true) => {
                let why = peer.lacks.as_deref().unwrap_or("it does not say what it lacks");
                ::log::warn!(
                    "the log of node {from} cannot go on: {why}. Make room there; until then it acknowledges only what fits, \
                     and does not lead while others have room"
                );
            }
            (true, false) => ::log::info!("the log of node {from} can go on again"),
            _ => {}
        }
        if before == Some(false) && peer.has_room == Some(true) {
            self.shortage.may_ask_again(from);
        }
        self.raft.handle_peer_room(from, values.flag(FULL).unwrap_or(false));
    }

    /// Tells each connected peer this node's status, unless it was told already.
    pub(super) fn tell_peers(&mut self) {
        let has_room = self.storage == Storage::Open;
        let is_tight = self.storage == Storage::Tight;
        let is_full = !has_room && self.raft.is_short_of_room();
        let told = Told { has_room, is_tight, is_full };
        let untold = |peer: &Peer| {
            peer.told != Some(told) && peer.speech.abilities.cover(Some(Ability::PeerStatus))
        };
        for (to, peer) in self.peers.iter_mut().filter(|(_, peer)| untold(peer)) {
            peer.told = Some(told);
            let lacks = self.shortage.text.as_deref().filter(|_| !has_room);
            let values = Values::new()
                .with(ROOM, Some(told.has_room))
                .with(TIGHT, is_tight.then_some(true))
                .with(FULL, is_full.then_some(true))
                .with(LACKS, lacks);
            self.outputs.push(Output::TellPeer { to: *to, values });
        }
    }
}

/// Whether the sender's disk has room for the next segment of its log.
const ROOM: &str = "room";
/// Told while the sender's log cannot go on for want of room.
const TIGHT: &str = "tight";
/// Told while an append of a leader did not fit into the sender's log.
const FULL: &str = "full";
/// What the sender lacks, for people.
const LACKS: &str = "lacks";
