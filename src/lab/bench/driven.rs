//! A client core over sockets of its own, for a loop that drives many of them.

use crate::cli::connect::Connection as Options;
use crate::cli::failure::Failure;
use crate::cli::secure::Secure;
use std::collections::BTreeMap;
use std::net::{SocketAddr, ToSocketAddrs};
use std::time::Duration;
use tenure::Error;
use tenure::base::limits::CLIENT_BUFFER_BYTES_MAX;
use tenure::base::{Sample, SessionKey, Verify};
use tenure::client::core::{CallId, Core, CoreAction, CoreOptions, Done, LinkId, SessionState};
use tenure::net::{Connection, Key, Poller, Received, TlsDialer, TlsFiles};
use tenure::sys::{clock, random};
use tenure::wire::{Frame, FrameError, FrameKind, Hello, ServerMessage, Speech, Welcomed};

/// A client and its sockets.
#[derive(Debug)]
pub struct Driven {
    place: u64,
    pub core: Core,
    links: BTreeMap<LinkId, Connection>,
    secure: Secure,
    /// The dialer of `secure`, once its files are read.
    tls: Option<TlsDialer>,
    pub heard: Heard,
}

/// Events of a client beside the decisions of its calls, counted.
#[derive(Clone, Copy, Debug, Default)]
pub struct Heard {
    /// Lists of standing grants and places after an attach.
    pub standings: u64,
    /// Changes of an observed lock's holder.
    pub changes: u64,
    /// Ends of its session, though it was not closed.
    pub losses: u64,
}

/// The decision of a call.
pub type Decision = (CallId, Result<Done, Error>);

impl Driven {
    /// A client that is not connected yet: the `place`-th of its loop, named `name`, with sessions
    /// of TTL `ttl`.
    pub fn new(place: u64, name: &str, ttl: Duration, to: &Options) -> Self {
        let options = CoreOptions {
            endpoints: to.endpoints.split(',').map(|one| one.trim().to_owned()).collect(),
            pin: to.cluster_id.clone(),
            client: name.to_owned(),
            ttl,
            connect_timeout: to.timeout,
            request_timeout: to.timeout,
            progress: None,
            key: SessionKey(random::bytes16()),
            seed: random::seed(),
        };
        let core = Core::new(options, &clock::sample());
        let (links, secure, tls) = (BTreeMap::new(), to.secure.tls.clone(), None);
        Self { place, core, links, secure, tls, heard: Heard::default() }
    }

    /// Drops all connections, as by a failure of the network; the client reconnects by itself.
    pub fn hang_up(&mut self) {
        let now = clock::sample();
        for link in std::mem::take(&mut self.links).into_keys() {
            self.core.handle_closed(&now, link, "the connection was cut");
        }
    }

    /// The client's place and its link, of a key of the poller.
    pub fn place_of(key: Key) -> (usize, LinkId) {
        (usize::try_from(key.0 >> LINK_BITS).expect("few clients"), LinkId(key.0 & LINK_MASK))
    }

    fn key(&self, link: LinkId) -> Key {
        Key(self.place << LINK_BITS | link.0 & LINK_MASK)
    }

    /// Why the client has no leader, node by node.
    pub fn why_unavailable(&self) -> String {
        match self.core.session(&clock::sample()).0 {
            SessionState::Ended => self.core.why_unavailable(),
            _ => "the leader does not answer".to_owned(),
        }
    }

    /// Handles what arrived on one link.
    pub fn receive(&mut self, id: LinkId) {
        loop {
            let Some(link) = self.links.get_mut(&id) else { return };
            let mut frames = Vec::new();
            let received = link.receive(&mut frames, RECEIVE_BYTES);
            // After what came was read (L19).
            let now = clock::sample();
            for frame in frames {
                if let Err(error) = self.handle(&now, id, &frame) {
                    return self.drop_link(&now, id, &error.to_string());
                }
            }
            match received {
                Ok(Received::More) => {}
                Ok(Received::All) => return self.flush(&now, id),
                Err(closed) => return self.drop_link(&now, id, &closed.to_string()),
            }
        }
    }

    fn handle(&mut self, now: &Sample, id: LinkId, frame: &Frame) -> Result<(), FrameError> {
        match frame.kind {
            FrameKind::Welcome => {
                self.core.handle_welcome(now, id, Welcomed::from_values(&frame.decode()?)?);
            }
            FrameKind::Server => {
                let message = frame.decode()?;
                if matches!(message, ServerMessage::Standing { .. }) {
                    self.heard.standings += 1;
                }
                self.core.handle_message(now, id, message);
            }
            FrameKind::Refused => self.core.handle_refused(now, id, frame.decode()?),
            kind => return Err(FrameError::Kind(kind as u8)),
        }
        Ok(())
    }

    fn drop_link(&mut self, now: &Sample, id: LinkId, why: &str) {
        self.links.remove(&id);
        self.core.handle_closed(now, id, why);
    }

    fn flush(&mut self, now: &Sample, id: LinkId) {
        let Some(link) = self.links.get_mut(&id) else { return };
        if let Err(closed) = link.flush() {
            self.drop_link(now, id, &closed.to_string());
        }
    }

    /// Obeys the core once, and gives the decisions; `None`: the core has no actions.
    pub fn settle(&mut self, poller: &Poller) -> Option<Vec<Decision>> {
        // Before anything leaves (L19).
        let now = clock::sample();
        if self.core.next_deadline() <= now.boot() {
            self.core.handle_deadline(&now);
        }
        let actions = self.core.take_actions(&now);
        self.core.take_warnings().iter().for_each(|warning| log::warn!("{warning}"));
        if actions.is_empty() {
            return None;
        }
        let mut decided = Vec::new();
        for action in actions {
            match action {
                CoreAction::Dial { link, endpoint } => {
                    if let Err(why) = self.dial(poller, link, &endpoint) {
                        self.core.handle_closed(&now, link, &why);
                    }
                }
                CoreAction::Hangup { link } => drop(self.links.remove(&link)),
                CoreAction::Send { link, request } => {
                    let Some(connection) = self.links.get_mut(&link) else { continue };
                    if let Err(closed) = connection.queue(FrameKind::Request, &request) {
                        self.drop_link(&now, link, &closed.to_string());
                    }
                }
                CoreAction::Decided { call, result } => decided.push((call, result)),
                CoreAction::Observed { .. } => self.heard.changes += 1,
                CoreAction::SessionChanged { state: SessionState::Ended, session: None } => {
                    self.heard.losses += 1;
                }
                CoreAction::Extend(_)
                | CoreAction::LeaseEnded { .. }
                | CoreAction::LeaseAsked { .. }
                | CoreAction::ObserverFailed { .. }
                | CoreAction::SessionChanged { .. } => {}
            }
        }
        let links: Vec<LinkId> = self.links.keys().copied().collect();
        links.into_iter().for_each(|link| self.flush(&now, link));
        Some(decided)
    }

    fn dial(&mut self, poller: &Poller, id: LinkId, endpoint: &str) -> Result<(), String> {
        let words = |error: std::io::Error| error.to_string();
        let address: SocketAddr = endpoint
            .to_socket_addrs()
            .map_err(words)?
            .next()
            .ok_or_else(|| format!("{endpoint} has no address"))?;
        let link = Connection::dial(address, CLIENT_BUFFER_BYTES_MAX).map_err(words)?;
        let mut link = self.secured(link, endpoint)?;
        poller.add(&mut link, self.key(id)).map_err(words)?;
        let hello = Hello::Client(self.core.hello(), Speech::own(), None);
        link.queue(FrameKind::Hello, &hello.to_values()).map_err(|error| error.to_string())?;
        self.links.insert(id, link);
        Ok(())
    }
}

impl Driven {
    /// `link` over TLS, if `secure` says so.
    fn secured(&mut self, link: Connection, endpoint: &str) -> Result<Connection, String> {
        let Some(ca) = self.secure.ca.clone() else { return Ok(link) };
        let tls = match self.tls.take() {
            Some(tls) => tls,
            None => {
                let own = self.secure.cert.clone().zip(self.secure.key.clone());
                let verify = self.secure.verify.map(Verify::from).unwrap_or_default();
                let files = TlsFiles { ca, own, ..TlsFiles::default() };
                TlsDialer::read(&files, verify).map_err(|why| why.message)?
            }
        };
        let secured = tls.secure(link, tls.expected(endpoint)?).map_err(|why| why.to_string());
        self.tls = Some(tls);
        secured
    }
}

/// A key of the poller is the client's place and the link's number.
const LINK_BITS: u32 = 32;
const LINK_MASK: u64 = (1 << LINK_BITS) - 1;
/// The buffer of one read.
const RECEIVE_BYTES: usize = 64 << 10;

/// The failure where sockets cannot be polled.
pub fn no_poll(error: std::io::Error) -> Failure {
    Failure::unavailable(format!("cannot poll sockets: {error}; use fewer clients"))
}
