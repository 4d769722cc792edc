//! TLS handshakes of accepted connections, some in each turn: one costs as much as a hundred
//! requests, and after a change of leader thousands come at once. Connected peers and welcomed
//! clients go first.
//!
//! Only a complete message takes a turn: the bytes of a slow dialer are put aside. Among those that
//! wait, nodes go first, or a restarting cluster would not come together before its last client has
//! connected; since a dialer that says it is a node is not verified yet, nodes have only every
//! second turn. And addresses take turns, however many connections each brings.

use crate::base::meters::{HandshakeResult, Meters};
use crate::net::{Begin, Closed, Key, Says, TlsError};
use crate::node::ending::Ending;
use crate::node::fair_queue::FairQueue;
use crate::node::links::{Link, Role};
use crate::node::network::{Network, UNITS_OF_READ};
use crate::node::secured::{Secured, TlsMode};
use crate::server::{Input, Server};
use crate::wal::Disk;
use std::collections::BTreeSet;

/// The TLS of handshakes, and those that wait for their turn.
#[derive(Debug, Default)]
pub(super) struct Handshakes {
    /// `None`: no TLS.
    pub(super) secured: Option<Secured>,
    /// Connections with a complete message: those that say they are nodes, and all others.
    nodes: FairQueue,
    others: FairQueue,
    /// Whether the last turn was a node's.
    was_nodes: bool,
    /// Connections whose deadline was extended, since we were late and not they.
    late: BTreeSet<Key>,
}

impl Handshakes {
    /// The mode of TLS; `None`: no TLS.
    pub(super) fn mode(&self) -> Option<TlsMode> {
        self.secured.as_ref().map(Secured::mode)
    }

    /// Whether plaintext is accepted.
    pub(super) fn may_be_plain(&self) -> bool {
        self.mode() != Some(TlsMode::Required)
    }

    /// Whether no handshake waits.
    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Counts the handshake of an accepted connection at its end.
    pub(super) fn note_end(&self, was_handshaking: bool, link: &Link, meters: &Meters) {
        let connection = &link.connection;
        let is_done = was_handshaking && connection.is_over_tls() && !connection.is_handshaking();
        if is_done && !connection.is_dialed_over_tls() {
            meters.handshakes[HandshakeResult::Ok as usize].add(1);
        }
    }

    /// Counts a failed handshake.
    pub(super) fn note_failure(&self, link: &Link, ending: &Ending, meters: &Meters) {
        let is_early = matches!(link.role, Role::Greeting | Role::Dialing(_));
        let is_unfinished = link.connection.is_handshaking();
        let result = match ending {
            Ending::Closed(Closed::Tls(error)) => match error {
                TlsError::NotTls
                | TlsError::SpeaksTls
                | TlsError::Oversized
                | TlsError::Failed(_) => HandshakeResult::NotTls,
                TlsError::HungUp | TlsError::BrokenOff => HandshakeResult::Closed,
                TlsError::NoCertificate => HandshakeResult::NoCertificate,
                TlsError::Outdated(_) => HandshakeResult::Outdated,
                TlsError::Theirs(_) | TlsError::Endless => HandshakeResult::Untrusted,
                TlsError::Ours(_) => HandshakeResult::RefusedByPeer,
            },
            Ending::Silent | Ending::Crowded if is_unfinished => HandshakeResult::Timeout,
            Ending::Closed(_) if is_unfinished => HandshakeResult::Closed,
            _ => return,
        };
        if is_early && self.secured.is_some() {
            meters.handshakes[result as usize].add(1);
        }
    }

    pub(super) fn len(&self) -> usize {
        self.nodes.len() + self.others.len()
    }

    fn pop(&mut self) -> Option<Key> {
        let is_nodes = !self.was_nodes && self.nodes.len() > 0 || self.others.len() == 0;
        self.was_nodes = is_nodes;
        if is_nodes { self.nodes.pop() } else { self.others.pop() }
    }
}

impl Network {
    /// Counts the handshake of a dialed connection, once the peer has answered after it.
    pub(super) fn note_dialed(&mut self, key: Key) {
        if self.links.link(key).is_some_and(|link| link.connection.is_dialed_over_tls()) {
            self.turns.meters().handshakes[HandshakeResult::Ok as usize].add(1);
        }
    }

    /// Reads connections without a hello, `count` at most, after all others: with the rest of a
    /// turn's work, and a few in any case. Gives the work done.
    pub(super) fn hear_new<D: Disk>(
        &mut self,
        count: usize,
        budget: usize,
        server: &Server<D>,
        inputs: &mut Vec<Input>,
    ) -> usize {
        let mut units = 0;
        for place in 0..count {
            if units >= budget && place >= NEW_PER_TURN {
                break;
            }
            let Some(key) = self.backlog.take_new() else { break };
            units += match self.postpone_handshake(key, inputs) {
                true => UNITS_OF_READ,
                false => self.read(key, server, inputs),
            };
        }
        units
    }

    /// Whether the input of this connection is of a handshake: an incomplete message, or one that
    /// waits for its turn.
    fn postpone_handshake(&mut self, key: Key, inputs: &mut Vec<Input>) -> bool {
        let Some(link) = self.links.find(key) else { return false };
        if link.role != Role::Greeting || !link.connection.is_handshaking() {
            return false;
        }
        // Listed once: in the backlog, or with waiting handshakes.
        link.is_listed = false;
        match link.connection.listen() {
            Ok(Begin::Plain) => return false,
            Ok(Begin::Part) => {}
            Ok(Begin::Whole(says)) => {
                link.is_listed = true;
                link.says_node |= says == Says::Node;
                self.greetings.note_heard(key, link.source);
                match link.says_node {
                    true => self.handshakes.nodes.push(key, link.source),
                    false => self.handshakes.others.push(key, link.source),
                }
            }
            Err(closed) => self.end(key, Ending::Closed(closed), inputs),
        }
        true
    }

    /// Continues waiting handshakes: as many as the rest of a turn's work allows, and one in any
    /// case, or busy clients would keep all others out.
    pub(super) fn shake_hands<D: Disk>(
        &mut self,
        units: usize,
        server: &Server<D>,
        inputs: &mut Vec<Input>,
    ) {
        let mut left = (units / UNITS_OF_HANDSHAKE).clamp(1, HANDSHAKES_PER_TURN);
        for _ in 0..LOOKS_PER_TURN {
            if left == 0 {
                break;
            }
            let Some(key) = self.handshakes.pop() else { break };
            // Closed meanwhile, to make room.
            let Some(link) = self.links.find(key) else { continue };
            left -= 1;
            self.greetings.note_answered(key, link.source);
            self.read(key, server, inputs);
        }
        if self.handshakes.is_empty() && !self.handshakes.late.is_empty() {
            let mut late = std::mem::take(&mut self.handshakes.late);
            late.retain(|key| self.links.find(*key).is_some());
            self.handshakes.late = late;
        }
    }

    /// Extends, once, the deadline of a connection whose handshake waits for its turn here; says
    /// whether it did.
    pub(super) fn wait_for_handshake(&mut self, key: Key, until: u64) -> bool {
        let Some(link) = self.links.find(key) else { return false };
        let is_ours =
            link.role == Role::Greeting && link.is_listed && link.connection.is_handshaking();
        if !is_ours || !self.handshakes.late.insert(key) {
            return false;
        }
        self.greetings.extend(key, link.source, until);
        true
    }
}

/// Connections read even in a turn whose work is done.
const NEW_PER_TURN: usize = 16;
/// Each is half a handshake, about 0.25 ms of CPU: a signature, then a verification.
pub(super) const HANDSHAKES_PER_TURN: usize = 8;
/// Waiting entries looked at in one turn, those of closed connections included, which cost nearly
/// nothing.
const LOOKS_PER_TURN: usize = 1024;
/// Half a handshake in units of a turn's work.
const UNITS_OF_HANDSHAKE: usize = 250;
