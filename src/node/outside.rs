//! The server's surroundings in a process: real clocks, and messages queued on real connections.

use crate::base::{ConnectionId, NodeId, Principal, Sample, text};
use crate::node::audit::Who;
use crate::node::links::{Link, key_of};
use crate::node::network::Network;
use crate::node::secured::{Secured, TlsMode};
use crate::raft::LeaseTold;
use crate::server::Outside;
use crate::sys::clock;
use crate::wire::{FrameKind, NodeStatus, PeerMessage, ServerMessage};

impl Outside for Network {
    fn now(&mut self) -> Sample {
        clock::sample()
    }

    fn unix_ms(&mut self) -> u64 {
        clock::unix_ms()
    }

    fn claim(&mut self) -> LeaseTold {
        self.claim
    }

    fn send_peer(&mut self, to: NodeId, message: PeerMessage) {
        if let Some(key) = self.peers.standing(to) {
            self.queue_understood(key, FrameKind::Peer, message.needs(), &message);
        }
    }

    fn send_client(&mut self, to: ConnectionId, message: ServerMessage) {
        if let ServerMessage::Asked { session, name, token, grace_ms, reason } = &message {
            // An order against a holder's lock; logged again if that client reconnects.
            let (name, why) = (name.as_str(), reason);
            match grace_ms {
                0 => {
                    log::info!(session = session.0, lock = name; "{name:?} was taken from session {session} (token {token}): {why:?}")
                }
                _ => log::info!(
                    session = session.0, lock = name;
                    "session {session} is asked to end {name:?} (token {token}) within {grace_ms} ms: {why:?}"
                ),
            }
        }
        let (links, own) = (&self.links, self.own);
        let who = || links.link(key_of(to)).map(|link| Who::at(link, own));
        // Of denials some get a line in each second, by the clock of the turn: no clock is read for each answer.
        self.audit.answer(self.now, to, &message, who);
        self.queue_understood(key_of(to), FrameKind::Server, message.needs(), &message);
    }

    fn note_denial(&mut self, to: ConnectionId, text: &str) {
        if let Some(link) = self.links.link(key_of(to)) {
            let who = Who::at(link, self.own);
            self.audit.note_denial(self.now, &who, text);
        }
    }

    fn complete(&self, status: NodeStatus) -> NodeStatus {
        self.completed(status)
    }

    fn takes_more(&self, client: ConnectionId) -> bool {
        // A closed client: its list ends at once.
        self.links.link(key_of(client)).is_none_or(Link::takes_more)
    }

    fn flush(&mut self) {
        self.flush_links();
    }

    fn is_late(&self) -> bool {
        self.turns.is_late()
    }

    fn begin_sync(&mut self) {
        self.turns.begin_sync();
    }

    fn end_sync(&mut self) {
        self.turns.end_sync();
    }
}

impl Network {
    /// Completes a status by what only the process knows.
    pub(super) fn completed(&self, status: NodeStatus) -> NodeStatus {
        let status = self.turns.complete(status);
        let secured = self.handshakes.secured.as_ref();
        NodeStatus {
            refused_connections: self.complaints.count(),
            leader_changes: Some(self.elections.changes()),
            leader_silences: Some(self.elections.silences()),
            tls: Some(self.handshakes.mode().map_or("off", TlsMode::name).to_owned()),
            identity: secured.map(|_| Principal::Node(self.own).to_string()),
            certificate_days: secured
                .and_then(Secured::not_after)
                .map(|end| text::days_left(end, clock::unix_ms() / 1000)),
            ..status
        }
    }
}
