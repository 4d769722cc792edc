//! TLS handshakes of accepted connections, some in each turn: one costs as much as a hundred requests, and after a change of
//! leader thousands come at once. Peers that stand and clients that are known go first.

use crate::base::meters::{HandshakeResult, Meters};
use crate::net::{Closed, Key, TlsError};
use crate::node::ending::Ending;
use crate::node::links::{Link, Role};
use crate::node::network::Network;
use crate::node::secured::{Secured, TlsMode};
use crate::server::{Input, Server};
use crate::wal::Disk;
use std::collections::{BTreeSet, VecDeque};

/// What both sides of them show and demand, and whose turn has not come.
#[derive(Debug, Default)]
pub(super) struct Handshakes {
    /// `None`: nobody speaks TLS here.
    pub(super) secured: Option<Secured>,
    /// Connections that have something to say of theirs, in order.
    waiting: VecDeque<Key>,
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
        self.waiting.is_empty()
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
                TlsError::NotTls | TlsError::SpeaksTls => HandshakeResult::NotTls,
                TlsError::Unheard => HandshakeResult::Closed,
                TlsError::NoCertificate => HandshakeResult::NoCertificate,
                TlsError::Outdated(_) => HandshakeResult::Outdated,
                TlsError::Theirs(_) => HandshakeResult::Untrusted,
                TlsError::Ours(_) => HandshakeResult::RefusedByPeer,
                TlsError::Failed(_) => HandshakeResult::NotTls,
            },
            Ending::Silent | Ending::Crowded if is_unfinished => HandshakeResult::Timeout,
            Ending::Closed(_) if is_unfinished => HandshakeResult::Closed,
            _ => return,
        };
        if is_early && self.secured.is_some() {
            meters.handshakes[result as usize].add(1);
        }
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }
}

impl Network {
    /// Counts the handshake of a connection that we dialed: the other side has answered behind it.
    pub(super) fn note_dialed(&mut self, key: Key) {
        if self.links.link(key).is_some_and(|link| link.connection.is_dialed_over_tls()) {
            self.turns.meters().handshakes[HandshakeResult::Ok as usize].add(1);
        }
    }

    /// Whether what came on this connection is of a handshake, and waits for its turn.
    pub(super) fn postpone_handshake(&mut self, key: Key) -> bool {
        let Some(link) = self.links.find(key) else { return false };
        let is_handshake = link.role == Role::Greeting && link.connection.is_handshaking();
        if is_handshake {
            // It is listed here once, and nowhere else.
            link.is_listed = true;
            self.handshakes.waiting.push_back(key);
        }
        is_handshake
    }

    /// Goes on with the handshakes that have waited longest: as many as there is work left for in this turn, and one in any
    /// case, or clients that ask much would keep all others out.
    pub(super) fn shake_hands<D: Disk>(
        &mut self,
        units: usize,
        server: &Server<D>,
        inputs: &mut Vec<Input>,
    ) {
        let mut left = (units / UNITS_OF_HANDSHAKE).clamp(1, HANDSHAKES_PER_TURN);
        while left > 0
            && let Some(key) = self.handshakes.waiting.pop_front()
        {
            // Some have given up.
            left -= usize::from(self.links.find(key).is_some());
            self.read(key, server, inputs);
        }
        if self.handshakes.waiting.is_empty() && !self.handshakes.late.is_empty() {
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
        let source = link.source;
        self.greetings.remove(key, source);
        self.greetings.add(key, source, until);
        true
    }
}

/// Each is half of a handshake, and about 0.25 ms of CPU: what is signed, then what is verified.
pub(super) const HANDSHAKES_PER_TURN: usize = 8;
/// One of these, as a part of the work of a turn.
const UNITS_OF_HANDSHAKE: usize = 250;
