//! One client of the generator: the client core over sockets of its own.

use crate::cli::connect::Connection as Options;
use crate::cli::failure::Failure;
use std::collections::BTreeMap;
use std::net::{SocketAddr, ToSocketAddrs};
use std::time::Instant;
use tenure::base::limits::CLIENT_BUFFER_BYTES_MAX;
use tenure::base::{Sample, SessionKey};
use tenure::client::core::{
    AcquireCall, Action, CallId, Core, CoreOptions, Done, LinkId, SessionState, Wait,
};
use tenure::lock::Name;
use tenure::net::{Connection, Key, Poller, Received};
use tenure::sys::{clock, random};
use tenure::wire::{Frame, FrameError, FrameKind};

/// A client, its sockets, and the cycle that it is in.
#[derive(Debug)]
pub struct Member {
    place: u64,
    name: Name,
    core: Core,
    links: BTreeMap<LinkId, Connection>,
    cycle: Option<Cycle>,
    closed: bool,
}

#[derive(Debug)]
struct Cycle {
    call: CallId,
    begun: Instant,
    granted: Option<Instant>,
}

/// What came of a member.
#[derive(Clone, Copy, Debug)]
pub enum Told {
    /// A lock was acquired and released.
    Cycle { begun: Instant, granted: Instant },
    /// Something else; there may be more.
    Other,
}

impl Member {
    /// Not connected yet.
    pub fn new(place: u64, to: &Options) -> Self {
        let name = format!("bench/{}/{place}", std::process::id());
        let options = CoreOptions {
            endpoints: to.endpoints.split(',').map(|one| one.trim().to_owned()).collect(),
            client: name.clone(),
            ttl: to.options().ttl,
            connect_timeout: to.timeout,
            request_timeout: to.timeout,
            progress: None,
            key: SessionKey(random::bytes16()),
            seed: random::seed(),
        };
        let name = Name::try_from(name).expect("a short name");
        let core = Core::new(options, &clock::sample());
        Self { place, name, core, links: BTreeMap::new(), cycle: None, closed: false }
    }

    /// The member and the link that a key of the poller stands for.
    pub fn place_of(key: Key) -> (usize, LinkId) {
        (usize::try_from(key.0 >> LINK_BITS).expect("few members"), LinkId(key.0 & LINK_MASK))
    }

    fn key(&self, link: LinkId) -> Key {
        Key(self.place << LINK_BITS | link.0 & LINK_MASK)
    }

    /// Wants its lock.
    pub fn begin_cycle(&mut self) {
        let wish = AcquireCall::lock(self.name.clone(), Wait::Forever);
        let begun = Instant::now();
        let call = self.core.acquire(&clock::sample(), wish);
        self.cycle = Some(Cycle { call, begun, granted: None });
    }

    /// Ends its session.
    pub fn close(&mut self) {
        self.core.close(&clock::sample());
    }

    /// Whether the server has heard of the end.
    pub fn is_closed(&self) -> bool {
        self.closed
    }

    /// When to settle at the latest, as a reading of BOOTTIME.
    pub fn next_deadline(&self) -> u64 {
        self.core.next_deadline()
    }

    /// Why nothing moves, node by node.
    pub fn why_unavailable(&self) -> String {
        match self.core.session(&clock::sample()).0 {
            SessionState::Ended => self.core.why_unavailable(),
            SessionState::Valid | SessionState::Jeopardy => "the leader does not answer".to_owned(),
        }
    }

    /// Takes what came on one link.
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
            FrameKind::ClientWelcome => self.core.handle_welcome(now, id, frame.decode()?),
            FrameKind::Server => self.core.handle_message(now, id, frame.decode()?),
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

    /// Does what the core says now; `None` once it says nothing.
    pub fn settle(&mut self, poller: &Poller) -> Result<Option<Told>, Failure> {
        // Before anything leaves (L19).
        let now = clock::sample();
        if self.core.next_deadline() <= now.boot() {
            self.core.handle_deadline(&now);
        }
        let actions = self.core.take_actions(&now);
        if actions.is_empty() {
            return Ok(None);
        }
        let mut told = Told::Other;
        for action in actions {
            match action {
                Action::Dial { link, endpoint } => {
                    if let Err(why) = self.dial(poller, link, &endpoint) {
                        self.core.handle_closed(&now, link, &why);
                    }
                }
                Action::Hangup { link } => drop(self.links.remove(&link)),
                Action::Send { link, request } => {
                    let Some(connection) = self.links.get_mut(&link) else { continue };
                    if let Err(closed) = connection.queue(FrameKind::Request, &request) {
                        self.drop_link(&now, link, &closed.to_string());
                    }
                }
                Action::Decided { call, result } => {
                    if let Some(cycle) = self.handle_decided(&now, call, result?) {
                        told = cycle;
                    }
                }
                Action::Extend(_)
                | Action::LeaseEnded { .. }
                | Action::LeaseAsked { .. }
                | Action::ObserverFailed { .. }
                | Action::Observed { .. }
                | Action::SessionChanged { .. } => {}
            }
        }
        let links: Vec<LinkId> = self.links.keys().copied().collect();
        links.into_iter().for_each(|link| self.flush(&now, link));
        Ok(Some(told))
    }

    fn handle_decided(&mut self, now: &Sample, call: CallId, done: Done) -> Option<Told> {
        match done {
            Done::Acquired { lease, .. } => {
                let cycle = self.cycle.as_mut().filter(|cycle| cycle.call == call)?;
                cycle.granted = Some(Instant::now());
                cycle.call = self.core.release(now, lease);
                None
            }
            Done::Released => {
                let cycle = self.cycle.take_if(|cycle| cycle.call == call)?;
                Some(Told::Cycle { begun: cycle.begun, granted: cycle.granted? })
            }
            Done::Obeyed => None,
            Done::Closed => {
                self.closed = true;
                None
            }
            Done::Read { .. } => None,
        }
    }

    fn dial(&mut self, poller: &Poller, id: LinkId, endpoint: &str) -> Result<(), String> {
        let words = |error: std::io::Error| error.to_string();
        let address: SocketAddr = endpoint
            .to_socket_addrs()
            .map_err(words)?
            .next()
            .ok_or_else(|| format!("{endpoint} has no address"))?;
        let mut link = Connection::dial(address, CLIENT_BUFFER_BYTES_MAX).map_err(words)?;
        poller.add(&mut link, self.key(id)).map_err(words)?;
        link.queue(FrameKind::ClientHello, &self.core.hello())
            .map_err(|error| error.to_string())?;
        self.links.insert(id, link);
        Ok(())
    }
}

/// A key is the member's place and the link's number.
const LINK_BITS: u32 = 32;
const LINK_MASK: u64 = (1 << LINK_BITS) - 1;
/// Read in one go.
const RECEIVE_BYTES: usize = 64 << 10;
