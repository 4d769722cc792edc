//! The use of this process's descriptors: peers and the log have reserved ones; clients get them as
//! long as enough is left for the host; silent connections keep them only until others come.
//!
//! The kernel gives the lowest free number. So the number of a connection says how many were in use
//! in the whole process when it was accepted.

use crate::base::ClientSource;
use crate::base::limits::{CONNECTIONS_MAX, GREETINGS_MAX, GREETINGS_PER_ADDRESS_MAX};
use crate::net::{Connection, Key};
use crate::node::ending::Ending;
use crate::node::links::Role;
use crate::node::network::Network;
use crate::server::Input;
use crate::sys::descriptors;
use crate::wire::{Refused, RefusedCode};
use std::os::fd::AsRawFd;

/// The bounds of this process, by its present limit of descriptors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bounds {
    /// Connections of clients.
    pub(super) clients: usize,
    /// A connection with this number or a larger one cannot be a client's.
    pub(super) clients_until: usize,
    /// A connection with this number or a larger one is kept only if another one can be closed.
    pub(super) greetings_until: usize,
    /// The most connections without a hello, with TLS: in all, and of one source.
    pub(super) greetings: usize,
    pub(super) greetings_of_one: usize,
}

impl Bounds {
    /// The present bounds: the limit may be changed from outside.
    pub(super) fn now() -> Self {
        Self::of(descriptors::limit())
    }

    fn of(limit: u64) -> Self {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let headroom = (limit / 16).clamp(HEADROOM_MIN, HEADROOM_MAX);
        Self {
            // A quarter stays for the host.
            clients: CONNECTIONS_MAX.min(limit / 4 * 3),
            clients_until: limit.saturating_sub(headroom),
            greetings_until: limit.saturating_sub(headroom / 2),
            greetings: GREETINGS_MAX,
            greetings_of_one: GREETINGS_PER_ADDRESS_MAX,
        }
    }
}

impl Network {
    /// Reserves a descriptor for each unconnected peer, and for connections that may turn out to be
    /// one's.
    pub(super) fn keep_places(&mut self) {
        let wanted = self.peers.missing() + GREETINGS_KEPT;
        if wanted != self.reserved_for || !self.reserve.is_whole() {
            self.reserved_for = wanted;
            self.reserve.resize(wanted);
        }
    }

    /// Whether there is room for one more connection without a hello. Else another one must be
    /// closed for it.
    pub(super) fn has_place(&self, connection: &Connection) -> bool {
        let others = self.greetings.len() + self.links.client_count();
        let bounds = (self.bounds)();
        let is_room = self.handshakes.mode().is_none() || self.greetings.len() < bounds.greetings;
        is_room
            && others < bounds.clients + GREETINGS_BEYOND
            && number(connection) < bounds.greetings_until
    }

    /// Closes a connection from `source` if more of its handshakes wait than one source may have.
    pub(super) fn end_beyond(
        &mut self,
        source: ClientSource,
        newest: Key,
        inputs: &mut Vec<Input>,
    ) {
        let most = (self.bounds)().greetings_of_one;
        if self.handshakes.mode().is_some()
            && !source.is_local()
            && self.greetings.count(source) > most
            && let Some(key) = self.greetings.first_of(source, newest)
        {
            self.end(key, Ending::Crowded, inputs);
        }
    }

    /// Closes the first connection to go of those that came before `newest`.
    pub(super) fn end_first_to_go(&mut self, newest: Key, inputs: &mut Vec<Input>) -> bool {
        let Some(key) = self.greetings.first_to_go(newest) else { return false };
        self.end(key, Ending::Crowded, inputs);
        true
    }

    /// Checks that there is room for the client whose hello has just come on `key`.
    ///
    /// # Errors
    /// The refusal to send.
    pub(super) fn check_place(&mut self, key: Key) -> Result<(), Ending> {
        let (bounds, clients) = ((self.bounds)(), self.links.client_count());
        let Some(link) = self.links.find(key) else { return Ok(()) };
        let is_counted = !link.source.is_local();
        let text = if clients >= bounds.clients {
            format!("this node has {clients} client connections, the most it may have")
        } else if is_counted
            && (number(&link.connection) >= bounds.clients_until || !self.reserve.is_whole())
        {
            format!(
                "the process of this node has nearly all descriptors in use that it may have, with {clients} client \
                 connections: raise its limit of open files (ulimit -n, LimitNOFILE=)"
            )
        } else {
            return Ok(());
        };
        Err(Ending::Refusing(Refused { code: RefusedCode::Full, text }))
    }

    /// Sets the role of the connection `key`.
    pub(super) fn set_role(&mut self, key: Key, role: Role) {
        if let Some(source) = self.links.set_role(key, role) {
            self.greetings.remove(key, source);
        }
    }
}

fn number(connection: &Connection) -> usize {
    usize::try_from(connection.as_raw_fd()).expect("descriptors are counted from zero")
}

/// Descriptors left for the host, of a limit from 64 to 1,024 a sixteenth. Connections without a
/// hello may take half of them.
const HEADROOM_MIN: usize = 4;
const HEADROOM_MAX: usize = 64;
/// Connections without a hello beyond those of clients: two turns of accepting.
const GREETINGS_BEYOND: usize = 128;
/// Descriptors reserved for connections that may turn out to be a peer's.
const GREETINGS_KEPT: usize = 2;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_leave_a_quarter_to_the_host_and_more_where_that_is_little() {
        let bounds = |clients, clients_until, greetings_until| Bounds {
            clients,
            clients_until,
            greetings_until,
            greetings: 16_384,
            greetings_of_one: 8_192,
        };
        assert_eq!(Bounds::of(64), bounds(48, 60, 62));
        assert_eq!(Bounds::of(1024), bounds(768, 960, 992));
        assert_eq!(Bounds::of(65_536), bounds(49_152, 65_472, 65_504));
        assert_eq!(Bounds::of(140_000), bounds(100_000, 139_936, 139_968));
        assert_eq!(Bounds::of(4), bounds(3, 0, 2));
        assert_eq!(Bounds::of(u64::MAX).clients, 100_000);
    }
}
