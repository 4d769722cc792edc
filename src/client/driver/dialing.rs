//! Dials the endpoints that the core names: a node of this process through memory, others over TCP.

use super::Inner;
use super::link::Link;
use super::obeying::Round;
use crate::base::limits::CLIENT_BUFFER_BYTES_MAX;
use crate::client::core::LinkId;
use crate::net::{
    Connection, Found, LocalDialError, TlsDialer, resolve_elsewhere, resolve_locally,
};

impl Inner {
    pub(super) fn dial(&mut self, id: LinkId, endpoint: String, round: &mut Round) {
        self.renew_certificates(round);
        let mut link = Link::new(self.member.key(id), self.core.hello());
        if let Some(tls) = &self.tls {
            match tls.expected(&endpoint) {
                Ok(expected) => link.demand_tls(tls.clone(), expected),
                Err(why) => return round.failed.push((id, why)),
            }
        }
        self.links.insert(id, link);
        let begun = match (self.dial_within(&endpoint), resolve_locally(&endpoint)) {
            (Some(dialed), _) => dialed.and_then(|connection| self.adopt(id, connection)),
            (None, Some(addresses)) => self.dial_addresses(id, Ok(addresses)),
            (None, None) => self.look_up(id, &endpoint),
        };
        if let Err(why) = begun {
            round.failed.push((id, why));
        }
    }

    /// A connection to the node of this process, if `endpoint` is its address. Once that node has
    /// ended, the next node at its address, also one of this process, is dialed over TCP.
    fn dial_within(&mut self, endpoint: &str) -> Option<Result<Connection, String>> {
        let local = self.local.as_ref().filter(|local| local.address() == endpoint)?;
        let shown = self.tls.as_ref().and_then(TlsDialer::shown);
        match local.dial_as(shown.as_ref(), CLIENT_BUFFER_BYTES_MAX) {
            Ok(connection) => Some(Ok(connection)),
            Err(LocalDialError::Ended) => {
                self.local = None;
                None
            }
            Err(error) => Some(Err(error.to_string())),
        }
    }

    fn adopt(&mut self, id: LinkId, connection: Connection) -> Result<(), String> {
        self.duty.interrupt();
        let Some(link) = self.links.get_mut(&id) else { return Ok(()) };
        link.adopt(connection, &self.reactor.registrar)?;
        if link.take_connected() {
            self.core.handle_connected(id);
        }
        Ok(())
    }

    fn look_up(&mut self, id: LinkId, endpoint: &str) -> Result<(), String> {
        let (shared, name) = (self.shared.clone(), endpoint.to_owned());
        let done = move |found: Found| {
            let found = found.map_err(|error| format!("{name} cannot be looked up: {error}"));
            if let Some(shared) = shared.upgrade() {
                shared.post(move |inner, now| {
                    if let Err(why) = inner.dial_addresses(id, found) {
                        inner.links.remove(&id);
                        inner.core.handle_closed(now, id, &why);
                    }
                });
            }
        };
        let lookup = resolve_elsewhere(endpoint, done)
            .map_err(|error| format!("no thread to look its address up: {error}"))?;
        if let Some(link) = self.links.get_mut(&id) {
            link.await_address(lookup);
        }
        Ok(())
    }

    fn dial_addresses(&mut self, id: LinkId, found: Found) -> Result<(), String> {
        let addresses = found?;
        self.duty.interrupt();
        // The link may have been closed during the lookup.
        let Some(link) = self.links.get_mut(&id) else { return Ok(()) };
        link.dial(addresses, &self.reactor.registrar)
    }
}
