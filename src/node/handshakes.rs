//! TLS handshakes of accepted connections, some in each turn: one costs as much as a hundred requests, and after a change of
//! leader thousands come at once. Peers that stand and clients that are known go first.
//!
//! A turn is taken by a word that is whole. Who says one byte a second takes none: his bytes are put aside. Of those who wait
//! nodes go first, or a cluster that starts again would not come together before its last client has; who says that he is a
//! node is not known yet, so they have every second turn. And addresses take turns, whatever each of them brings.

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

/// What both sides of them show and demand, and whose turn has not come.
#[derive(Debug, Default)]
pub(super) struct Handshakes {
    /// `None`: nobody speaks TLS here.
    pub(super) secured: Option<Secured>,
    /// Connections that have said a word of theirs: as nodes, and all others.
    nodes: FairQueue,
    others: FairQueue,
    /// Whether the last turn was a node's.
    was_nodes: bool,
    /// Those that have been given more time, since we were late and not they.
    late: BTreeSet<Key>,
}

impl Handshakes {
    /// What this node demands of a connection; `None`: nobody speaks TLS here.
    pub(super) fn mode(&self) -> Option<TlsMode> {
        self.secured.as_ref().map(Secured::mode)
    }

    /// Whether there are connections without TLS.
    pub(super) fn may_be_plain(&self) -> bool {
        self.mode() != Some(TlsMode::Required)
    }

    /// Whether nobody waits.
    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Counts the handshake of an accepted connection once both ends know each other.
    pub(super) fn note_end(&self, was_handshaking: bool, link: &Link, meters: &Meters) {
        let connection = &link.connection;
        let is_done = was_handshaking && connection.is_over_tls() && !connection.is_handshaking();
        if is_done && !connection.is_dialed_over_tls() {
            meters.handshakes[HandshakeResult::Ok as usize].add(1);
        }
    }

    /// Counts one that has led to nothing.
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
    /// Counts the handshake of a connection that we dialed: the other side has answered behind it.
    pub(super) fn note_dialed(&mut self, key: Key) {
        if self.links.link(key).is_some_and(|link| link.connection.is_dialed_over_tls()) {
            self.turns.meters().handshakes[HandshakeResult::Ok as usize].add(1);
        }
    }

    /// Hears those who have not said who they are, so many at most, behind those who have: with what is left of a turn's work,
    /// and a few in any case. How much work that was.
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

    /// Whether what came on this connection is of a handshake: part of a word, or one that waits for its turn.
    fn postpone_handshake(&mut self, key: Key, inputs: &mut Vec<Input>) -> bool {
        let Some(link) = self.links.find(key) else { return false };
        if link.role != Role::Greeting || !link.connection.is_handshaking() {
            return false;
        }
        // It is listed once: there, or with those who wait.
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

    /// Goes on with handshakes that wait: as many as there is work left for in this turn, and one in any case, or clients that
    /// ask much would keep all others out.
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
            // It may have gone for others.
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

    /// Whether a connection that has not said in time who it is has until `until`, once: what it has said of its handshake
    /// waits for its turn here.
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

/// Heard even in a turn whose work is done.
const NEW_PER_TURN: usize = 16;
/// Each is half of a handshake, and about 0.25 ms of CPU: what is signed, then what is verified.
pub(super) const HANDSHAKES_PER_TURN: usize = 8;
/// Of those that wait, gone ones included, which cost nearly nothing.
const LOOKS_PER_TURN: usize = 1024;
/// One of these, as a part of the work of a turn.
const UNITS_OF_HANDSHAKE: usize = 250;
