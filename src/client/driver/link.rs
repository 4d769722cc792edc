//! One link of the core: a connection, or the lookup of its address; frames in and out.

use crate::base::limits::{CLIENT_BUFFER_BYTES_MAX, REFUSAL_TEXT_BYTES_MAX};
use crate::base::text::one_line;
use crate::base::{Credential, Sample};
use crate::net::{Closed, Connection, Expected, Key, Lookup, Received, Registrar, TlsDialer};
use crate::wire::{
    ClientHello, ClientWelcome, Form, FrameError, FrameKind, FrameView, Frames, Hello, Refused,
    Request, ServerMessage, Speech, Welcomed,
};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, RawFd};

#[derive(Debug)]
pub(super) struct Link {
    /// The key in the poller.
    key: Key,
    hello: ClientHello,
    connection: Option<Connection>,
    /// The form of the hello.
    form: Form,
    /// The dialed address; `None` within this process.
    address: Option<SocketAddr>,
    /// The TLS dialer and the expected node; `None`: plaintext.
    tls: Option<(TlsDialer, Expected)>,
    /// The credential to show in place of a certificate.
    credential: Option<Credential>,
    /// The node's certificate verified after its counted end, by another chain to the authority:
    /// its end does not count.
    outlives: bool,
    was_served: bool,
    /// The lookup of its addresses, which a drop ends.
    lookup: Option<Lookup>,
    /// Addresses to try if this one fails before it answers.
    others: VecDeque<SocketAddr>,
    /// Why the node that answered at one address cannot be used: tells more than a refused dial of
    /// the next.
    unfit: Option<String>,
    stage: Stage,
    watched: Watched,
}

/// What the reactor's thread polls for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Watched {
    /// Nothing: another thread polls the socket.
    Paused,
    /// Input.
    Input,
    /// Input, and room for output.
    Both,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// The end of the dial.
    Dialing,
    /// The connection is open, and our hello is not answered yet.
    Greeting,
    Welcomed,
}

/// An event of a link.
#[derive(Debug)]
pub(super) enum Said {
    /// The connection is open; no frame yet.
    Connected,
    Welcome(Welcomed),
    Refused(Refused),
    Message(ServerMessage),
}

impl Link {
    /// A link whose address is being looked up.
    pub(super) fn new(key: Key, hello: ClientHello) -> Self {
        let others = VecDeque::new();
        let (stage, watched) = (Stage::Dialing, Watched::Both);
        Self {
            key,
            hello,
            connection: None,
            form: Form::Named,
            address: None,
            tls: None,
            credential: None,
            outlives: false,
            was_served: false,
            lookup: None,
            others,
            unfit: None,
            stage,
            watched,
        }
    }

    /// Demands TLS for all its TCP connections, with the node `expected`.
    pub(super) fn demand_tls(&mut self, tls: TlsDialer, expected: Expected) {
        self.credential = tls.credential();
        self.tls = Some((tls, expected));
    }

    pub(super) fn await_address(&mut self, lookup: Lookup) {
        self.lookup = Some(lookup);
    }

    pub(super) fn fd(&self) -> Option<RawFd> {
        self.connection.as_ref().map(AsRawFd::as_raw_fd)
    }

    pub(super) fn wants_write(&self) -> bool {
        self.connection.as_ref().is_some_and(Connection::wants_write)
    }

    /// Dials the first of `addresses` that can be dialed.
    pub(super) fn dial(
        &mut self,
        addresses: Vec<SocketAddr>,
        registrar: &Registrar,
    ) -> Result<(), String> {
        self.others = addresses.into();
        self.dial_next(registrar).unwrap_or_else(|| Err("it has no address".to_owned()))
    }

    fn dial_next(&mut self, registrar: &Registrar) -> Option<Result<(), String>> {
        let mut last = None;
        while let Some(address) = self.others.pop_front() {
            match self.dial_one(address, Form::Named, registrar) {
                Ok(()) => return Some(Ok(())),
                Err(why) => last = Some(Err(why)),
            }
        }
        last
    }

    fn dial_one(
        &mut self,
        address: SocketAddr,
        form: Form,
        registrar: &Registrar,
    ) -> Result<(), String> {
        (self.address, self.form) = (Some(address), form);
        let connection = Connection::dial(address, CLIENT_BUFFER_BYTES_MAX);
        let mut connection = connection.map_err(|error| error.to_string())?;
        if let Some((tls, expected)) = &self.tls {
            let secured = tls.secure(connection, expected.clone());
            connection = secured.map_err(|closed| closed.to_string())?;
        }
        self.adopt(connection, registrar)
    }

    /// Whether the node has ever sent more than its welcome.
    pub(super) fn was_served(&self) -> bool {
        self.was_served
    }

    /// Takes a dialed connection, and sends the hello.
    pub(super) fn adopt(
        &mut self,
        mut connection: Connection,
        registrar: &Registrar,
    ) -> Result<(), String> {
        registrar.add(&mut connection, self.key).map_err(|error| error.to_string())?;
        let queued = match self.form {
            Form::Fixed => connection.queue(FrameKind::ClientHello, &self.hello),
            Form::Named => {
                let hello =
                    Hello::Client(self.hello.clone(), Speech::own(), self.credential.clone());
                connection.queue(FrameKind::Hello, &hello.to_values())
            }
        };
        queued.map_err(|closed| closed.to_string())?;
        connection.flush().map_err(|closed| closed.to_string())?;
        self.connection = Some(connection);
        self.watched = Watched::Both;
        Ok(())
    }

    /// Whether the connection was established; true once.
    pub(super) fn take_connected(&mut self) -> bool {
        let stands = self.connection.as_ref().is_some_and(Connection::is_standing);
        let is_news = stands && self.stage == Stage::Dialing;
        if is_news {
            self.stage = Stage::Greeting;
        }
        is_news
    }

    pub(super) fn pause(&mut self, registrar: &Registrar) {
        if let Some(connection) = &mut self.connection {
            // If this fails, the reactor's thread is woken, too: only slower.
            let _ = registrar.pause(connection, self.key);
            self.watched = Watched::Paused;
        }
    }

    /// Has the reactor poll the link again. `Err`: the reactor's thread would never hear of it.
    pub(super) fn resume(&mut self, registrar: &Registrar) -> Result<(), String> {
        let Some(connection) = &mut self.connection else { return Ok(()) };
        self.watched = if connection.wants_write() { Watched::Both } else { Watched::Input };
        registrar.resume(connection, self.key).map_err(|error| error.to_string())
    }

    pub(super) fn queue(&mut self, request: &Request) -> Result<(), String> {
        let Some(connection) = &mut self.connection else { return Err("not connected".to_owned()) };
        connection.queue(FrameKind::Request, request).map_err(|closed| closed.to_string())
    }

    pub(super) fn flush(&mut self, registrar: &Registrar) -> Result<(), String> {
        let Some(connection) = &mut self.connection else { return Ok(()) };
        connection.flush().map_err(|closed| closed.to_string())?;
        if connection.wants_write() && self.watched == Watched::Input {
            return self.resume(registrar);
        }
        Ok(())
    }

    /// Reads events into `said`; `Err` says why the link has ended. Events before the end are in
    /// `said`.
    pub(super) fn receive(
        &mut self,
        registrar: &Registrar,
        said: &mut Vec<Said>,
    ) -> Result<Received, String> {
        let Some(connection) = &mut self.connection else { return Ok(Received::All) };
        let mut frames = Frames::default();
        let received = connection.receive(&mut frames, RECEIVE_BYTES);
        if self.take_connected() {
            said.push(Said::Connected);
        }
        for frame in frames.iter() {
            let one = decode(frame, self.stage).map_err(|error| error.to_string())?;
            self.was_served |= matches!(one, Said::Message(_));
            said.push(one);
            self.stage = Stage::Welcomed;
        }
        match received {
            Ok(received) => {
                self.flush(registrar)?;
                Ok(received)
            }
            Err(closed) if self.stage != Stage::Welcomed => {
                self.connection = None;
                let why = self.why(&closed);
                let next = self.dial_as_0_1(&closed, registrar);
                let next = next.or_else(|| self.dial_next(registrar));
                let next = next.unwrap_or_else(|| Err(why.clone()));
                next.map(|()| Received::All).map_err(|_| why)
            }
            Err(closed) => Err(closed.to_string()),
        }
    }
}

impl Link {
    /// When the certificate of the node ends, as a reading of BOOTTIME; `u64::MAX`: there is none, or it does not matter.
    pub(super) fn certificate_ends_at(&self) -> u64 {
        match &self.connection {
            Some(connection) if !self.outlives => connection.certificate_ends_at(),
            _ => u64::MAX,
        }
    }

    /// Verifies the node's certificate again; `Err` says why it fails.
    pub(super) fn examine_certificate(&mut self, now: &Sample) -> Result<(), String> {
        let (Some((tls, expected)), Some(connection)) = (&self.tls, &self.connection) else {
            return Ok(());
        };
        self.outlives |= connection.is_certificate_over(now);
        tls.examine(connection, expected, now).map_err(|why| {
            let at = self.address.map_or_else(String::new, |address| format!("{address}: "));
            format!("{at}{why}")
        })
    }

    /// The reason to report if no other address is left.
    fn why(&mut self, closed: &Closed) -> String {
        let why = closed.to_string();
        if matches!(closed, Closed::Tls(_)) {
            self.unfit.get_or_insert_with(|| why.clone());
        }
        self.unfit.clone().unwrap_or(why)
    }

    /// Dials again with the hello of 0.1.0: a node of that version closes the connection at the
    /// extensible hello, without an answer.
    fn dial_as_0_1(
        &mut self,
        closed: &Closed,
        registrar: &Registrar,
    ) -> Option<Result<(), String>> {
        let address = self.address?;
        // 0.1.0 has no TLS either.
        let is_unheard =
            matches!(closed, Closed::ByPeer) && self.form == Form::Named && self.tls.is_none();
        is_unheard.then(|| self.dial_one(address, Form::Fixed, registrar))
    }
}

/// The first frame is a welcome or a refusal, all others are messages.
fn decode(frame: FrameView<'_>, stage: Stage) -> Result<Said, FrameError> {
    match (frame.kind, stage) {
        (FrameKind::Welcome, Stage::Dialing | Stage::Greeting) => {
            Ok(Said::Welcome(Welcomed::from_values(&frame.decode()?)?))
        }
        (FrameKind::ClientWelcome, Stage::Dialing | Stage::Greeting) => {
            Ok(Said::Welcome(frame.decode::<ClientWelcome>()?.into()))
        }
        (FrameKind::Refused, _) => {
            let Refused { code, text } = frame.decode()?;
            Ok(Said::Refused(Refused { code, text: one_line(&text, REFUSAL_TEXT_BYTES_MAX) }))
        }
        (FrameKind::Server, Stage::Welcomed) => Ok(Said::Message(frame.decode()?)),
        (kind, _) => Err(FrameError::Kind(kind as u8)),
    }
}

/// Bytes of one read, before its frames are handled.
const RECEIVE_BYTES: usize = 256 << 10;
