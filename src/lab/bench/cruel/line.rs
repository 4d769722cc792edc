//! One connection of a herd: it follows the leader.

use crate::cli::failure::Failure;
use crate::lab::bench::driven::no_poll;
use socket2::{Domain, Socket, Type};
use std::collections::VecDeque;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::time::{Duration, Instant};
use tenure::base::limits::CLIENT_BUFFER_BYTES_MAX;
use tenure::base::{NodeId, SessionId, SessionKey};
use tenure::net::{Connection, Key, Poller, Received};
use tenure::wire::{
    ClientHello, Frame, FrameError, FrameKind, Hello, LeaderHint, Request, ServerMessage, Speech,
    Welcomed,
};

/// The connection, open or to be dialed.
#[derive(Debug)]
pub struct Line {
    /// The source address, if it matters.
    source: Option<Ipv4Addr>,
    /// The address to dial next.
    address: String,
    link: Option<Connection>,
    node: Option<NodeId>,
    /// The term of the connected node, if that leads.
    home: Option<u64>,
    dial_at: Instant,
    dialed_at: Instant,
    dials: usize,
    /// Requests under way.
    pub under_way: usize,
    /// The session to which the connection is bound.
    bound: Option<SessionId>,
    /// Sessions without requests under way, the first due first.
    pub queue: VecDeque<usize>,
}

/// An event of a connection.
#[derive(Debug)]
pub enum Said {
    /// The connected node leads: requests go to it from now on.
    Home,
    Message(ServerMessage),
}

impl Line {
    /// Not dialed yet.
    pub fn new(source: Option<Ipv4Addr>, address: &str) -> Self {
        Self {
            source,
            address: address.to_owned(),
            link: None,
            node: None,
            home: None,
            dial_at: Instant::now(),
            dialed_at: Instant::now(),
            dials: 0,
            under_way: 0,
            bound: None,
            queue: VecDeque::new(),
        }
    }

    /// The term of the connected node, if that leads.
    pub fn home(&self) -> Option<u64> {
        self.home
    }

    /// Dials if that is due.
    ///
    /// # Errors
    /// This process can have no more sockets.
    pub fn dial_due(
        &mut self,
        poller: &Poller,
        key: Key,
        endpoints: &[String],
    ) -> Result<(), Failure> {
        // The kernel may drop some of very many dials at once without telling this side.
        if self.node.is_none() && self.link.is_some() && self.dialed_at.elapsed() > GREETING_MAX {
            self.hang_up(Duration::ZERO);
        }
        if self.link.is_some() || self.dial_at > Instant::now() {
            return Ok(());
        }
        self.dial_at = Instant::now() + PAUSE;
        self.dialed_at = Instant::now();
        // The known leader may be gone: try each node in turn.
        if self.dials > 0 && self.dials.is_multiple_of(DIALS_OF_ONE) {
            self.address.clone_from(&endpoints[self.dials / DIALS_OF_ONE % endpoints.len()]);
        }
        self.dials += 1;
        let address: SocketAddr = self
            .address
            .parse()
            .map_err(|_| Failure::usage(format!("{} is no address and port", self.address)))?;
        let Ok(mut link) = self.connect(address) else { return Ok(()) };
        poller.add(&mut link, key).map_err(no_poll)?;
        let client = ClientHello { client: "cruel/herd".to_owned(), cluster: None };
        let hello = Hello::Client(client, Speech::own(), None).to_values();
        if link.queue(FrameKind::Hello, &hello).is_ok() {
            self.link = Some(link);
        }
        Ok(())
    }

    fn connect(&self, address: SocketAddr) -> io::Result<Connection> {
        let Some(source) = self.source else {
            return Connection::dial(address, CLIENT_BUFFER_BYTES_MAX);
        };
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        socket.bind(&SocketAddrV4::new(source, 0).into())?;
        socket.connect(&address.into())?;
        socket.set_nonblocking(true)?;
        let stream = mio::net::TcpStream::from_std(socket.into());
        Connection::accepted(stream, CLIENT_BUFFER_BYTES_MAX)
    }

    /// Handles what arrived.
    pub fn receive(&mut self) -> Vec<Said> {
        let (mut said, mut frames) = (Vec::new(), Vec::new());
        loop {
            let Some(link) = &mut self.link else { return said };
            let received = link.receive(&mut frames, RECEIVE_BYTES);
            for frame in frames.drain(..) {
                match self.take(&frame) {
                    Ok(one) => said.extend(one),
                    Err(_) => self.hang_up(PAUSE),
                }
            }
            match received {
                Ok(Received::More) => {}
                Ok(Received::All) => return said,
                Err(_) => self.hang_up(PAUSE),
            }
        }
    }

    fn take(&mut self, frame: &Frame) -> Result<Option<Said>, FrameError> {
        Ok(match frame.kind {
            FrameKind::Welcome => {
                let welcome = Welcomed::from_values(&frame.decode()?)?.welcome;
                self.node = Some(welcome.node);
                self.follow(welcome.leader)
            }
            FrameKind::Server => match frame.decode()? {
                ServerMessage::Leader(hint) => self.follow(hint),
                message => Some(Said::Message(message)),
            },
            kind => return Err(FrameError::Kind(kind as u8)),
        })
    }

    /// Follows a hint: stays, waits, or dials another node.
    fn follow(&mut self, hint: LeaderHint) -> Option<Said> {
        match hint.leader {
            Some((node, _)) if Some(node) == self.node => {
                let is_new = self.home.replace(hint.term.0) != Some(hint.term.0);
                if is_new {
                    (self.under_way, self.bound) = (0, None);
                }
                is_new.then_some(Said::Home)
            }
            Some((_, address)) => {
                self.address = address;
                self.dials = 0;
                self.hang_up(Duration::ZERO);
                None
            }
            None => {
                self.home = None;
                None
            }
        }
    }

    fn hang_up(&mut self, pause: Duration) {
        (self.link, self.node, self.home) = (None, None, None);
        self.dial_at = Instant::now() + pause;
    }

    /// Binds the connection to `session`, by an attach if needed.
    pub fn bind(&mut self, session: SessionId, key: SessionKey) {
        if self.bound.replace(session) != Some(session) {
            self.send(&Request::Attach { session, key });
        }
    }

    /// The session just opened is bound to its connection.
    pub fn note_opened(&mut self, session: SessionId) {
        self.bound = Some(session);
    }

    /// Queues a request for the next [`Line::flush`].
    pub fn send(&mut self, request: &Request) {
        if let Some(link) = &mut self.link
            && link.queue(FrameKind::Request, request).is_err()
        {
            self.hang_up(PAUSE);
        }
    }

    /// Sends the queued requests.
    pub fn flush(&mut self) {
        if let Some(link) = &mut self.link
            && link.flush().is_err()
        {
            self.hang_up(PAUSE);
        }
    }
}

const RECEIVE_BYTES: usize = 64 << 10;
/// After so long without a greeting the line dials again, as clients do.
const GREETING_MAX: Duration = Duration::from_secs(1);
/// Between two dials that fail.
const PAUSE: Duration = Duration::from_millis(50);
/// Dials of the hinted leader before the other nodes are tried.
const DIALS_OF_ONE: usize = 4;
