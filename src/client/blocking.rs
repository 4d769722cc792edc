//! A blocking connection to one node, for questions that need no session; each wait is bounded.

use crate::base::limits::REFUSAL_TEXT_BYTES_MAX;
use crate::base::text::one_line;
use crate::net::{BlockingTls, TlsDialer, TlsError, begins_as_tls, resolve_within};
use crate::sys::inherited;
use crate::wire::{
    Abilities, Ability, ClientHello, ClientWelcome, Frame, FrameDecoder, FrameKind, Hello, Refused,
    Request, ServerMessage, Speech, Values, Welcomed, encode_frame,
};
use crate::{Error, Status};
use serde::Serialize;
use socket2::{Domain, Protocol, Socket, Type};
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// A connection that has sent its hello. All its errors are UNAVAILABLE, with the reason.
#[derive(Debug)]
pub(super) struct BlockingConnection {
    stream: Stream,
    decoder: FrameDecoder,
    until: Instant,
    wait: Duration,
    /// The abilities that the node names.
    abilities: Abilities,
}

/// The transport.
#[derive(Debug)]
enum Stream {
    Plain(TcpStream),
    Tls(BlockingTls),
}

impl Stream {
    fn over(socket: TcpStream, endpoint: &str, tls: Option<&TlsDialer>) -> Result<Self, Error> {
        let Some(tls) = tls else { return Ok(Self::Plain(socket)) };
        let unavailable = |why: String| Error::new(Status::Unavailable, why);
        let expected = tls.expected(endpoint).map_err(unavailable)?;
        let secured = tls.secure_blocking(socket, expected);
        secured.map(Self::Tls).map_err(|error| unavailable(error.to_string()).because_of(error))
    }

    /// Sets the deadline of the next read or write.
    fn set_deadline(&mut self, until: Instant) -> io::Result<()> {
        match self {
            Self::Plain(socket) => {
                let left = Some(left(until)?);
                socket.set_read_timeout(left).and_then(|()| socket.set_write_timeout(left))
            }
            Self::Tls(tls) => {
                tls.set_deadline(until);
                Ok(())
            }
        }
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.read(buffer),
            Self::Tls(tls) => tls.read(buffer),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.write(bytes),
            Self::Tls(tls) => tls.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(socket) => socket.flush(),
            Self::Tls(tls) => tls.flush(),
        }
    }
}

/// A message of a node.
#[derive(Debug)]
pub(super) enum Said {
    /// The welcome, and the speech that it settles.
    Welcome(Welcomed),
    /// An answer, or a push.
    Message(ServerMessage),
}

impl BlockingConnection {
    /// Connects to `endpoint` as the client `name`, and waits for the welcome. All calls until the
    /// next [`BlockingConnection::allow`] end after `wait` in sum.
    pub(super) fn dial(
        endpoint: &str,
        tls: Option<&TlsDialer>,
        client: &str,
        wait: Duration,
    ) -> Result<(Self, Welcomed), Error> {
        let times = (Instant::now() + wait, wait);
        match Self::introduce((endpoint, tls), client, times) {
            Err(Unheard::Plain(why)) if tls.is_some_and(TlsDialer::may_be_plain) => {
                log::warn!("{endpoint} is asked without TLS: {why}");
                Self::introduce((endpoint, None), client, times)
            }
            introduced => introduced,
        }
        .map_err(|unheard| match unheard {
            Unheard::Closed => closed(),
            Unheard::Plain(error) | Unheard::Failed(error) => error,
        })
    }

    fn introduce(
        to: (&str, Option<&TlsDialer>),
        client: &str,
        times: (Instant, Duration),
    ) -> Result<(Self, Welcomed), Unheard> {
        let hello = ClientHello { client: client.to_owned(), cluster: None };
        // A credential is sent only over TLS, to a verified node.
        let credential = to.1.and_then(TlsDialer::credential);
        let named = Hello::Client(hello.clone(), Speech::own(), credential).to_values();
        match Self::greet(to, (FrameKind::Hello, &named), times) {
            // A node of 0.1.0 closes at a hello that it does not know; it has no TLS either.
            Err(Unheard::Closed) if to.1.is_none() => {
                Self::greet(to, (FrameKind::ClientHello, &hello), times)
            }
            greeted => greeted,
        }
    }

    fn greet<T: Serialize>(
        (endpoint, tls): (&str, Option<&TlsDialer>),
        (kind, hello): (FrameKind, &T),
        (until, wait): (Instant, Duration),
    ) -> Result<(Self, Welcomed), Unheard> {
        let socket = dial(endpoint, until).map_err(|error| failed(error, wait))?;
        let stream = Stream::over(socket, endpoint, tls)?;
        let (decoder, abilities) = (FrameDecoder::new(), Abilities::NONE);
        let mut line = Self { stream, decoder, until, wait, abilities };
        let mut bytes = Vec::new();
        encode_frame(kind, hello, &mut bytes);
        line.write(&bytes).map_err(|error| unheard(error, wait))?;
        loop {
            let said = line.receive_or_end();
            let is_silent = !matches!(said, Ok(Some(_)));
            if is_silent && tls.is_none() && begins_as_tls(line.decoder.unread()) {
                let text = TlsError::SpeaksTls.to_string();
                return Err(Error::new(Status::Unavailable, text).into());
            }
            match said? {
                None => return Err(Unheard::Closed),
                Some(Said::Welcome(welcomed)) => {
                    line.abilities = welcomed.speech.abilities;
                    return Ok((line, welcomed));
                }
                Some(Said::Message(_)) => {}
            }
        }
    }

    /// Whether the node has the ability.
    pub(super) fn understands(&self, needed: Option<Ability>) -> bool {
        self.abilities.cover(needed)
    }

    /// Allows another `wait` from now on.
    pub(super) fn allow(&mut self, wait: Duration) {
        (self.wait, self.until) = (wait, Instant::now() + wait);
    }

    /// Sends a request.
    pub(super) fn send(&mut self, request: &Request) -> Result<(), Error> {
        let mut bytes = Vec::new();
        encode_frame(FrameKind::Request, request, &mut bytes);
        self.write(&bytes).map_err(|error| failed(error, self.wait))
    }

    /// Receives the next message.
    pub(super) fn receive(&mut self) -> Result<Said, Error> {
        self.receive_or_end()?.ok_or_else(closed)
    }

    /// As [`Self::receive`]; `None` if the node closed the connection.
    fn receive_or_end(&mut self) -> Result<Option<Said>, Error> {
        let mut buffer = [0; 16 << 10];
        loop {
            while let Some(frame) = self.decoder.next_frame().map_err(unusable)? {
                if let Some(said) = read(&frame)? {
                    return Ok(Some(said));
                }
            }
            let read = self.stream.set_deadline(self.until);
            let read = read.and_then(|()| self.stream.read(&mut buffer));
            match read {
                Ok(0) => return Ok(None),
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => return Ok(None),
                Ok(count) => self.decoder.push(&buffer[..count]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(failed(error, self.wait)),
            }
        }
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        // The standard library's sockets send with MSG_NOSIGNAL.
        self.stream.set_deadline(self.until)?;
        self.stream.write_all(bytes)
    }
}

fn dial(endpoint: &str, until: Instant) -> io::Result<TcpStream> {
    let mut last = io::ErrorKind::AddrNotAvailable.into();
    let found = resolve_within(endpoint, left(until)?).map_err(io::Error::other)?;
    for address in found {
        // Registered before the connect, which takes long.
        let socket = inherited::by_no_child(|| {
            Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))
        })?;
        match socket.connect_timeout(&address.into(), left(until)?) {
            Ok(()) => {
                socket.set_tcp_nodelay(true)?;
                return Ok(socket.into());
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// The time left until `until`, never zero, which the system takes for "for ever".
fn left(until: Instant) -> io::Result<Duration> {
    let left = until.saturating_duration_since(Instant::now());
    if left.is_zero() { Err(io::ErrorKind::TimedOut.into()) } else { Ok(left) }
}

fn read(frame: &Frame) -> Result<Option<Said>, Error> {
    match frame.kind {
        FrameKind::Refused => {
            let refused: Refused = frame.decode().map_err(unusable)?;
            let text = one_line(&refused.text, REFUSAL_TEXT_BYTES_MAX);
            Err(Error::new(Status::Unavailable, text))
        }
        FrameKind::Welcome => {
            let values: Values = frame.decode().map_err(unusable)?;
            Ok(Some(Said::Welcome(Welcomed::from_values(&values).map_err(unusable)?)))
        }
        FrameKind::ClientWelcome => {
            let welcome: ClientWelcome = frame.decode().map_err(unusable)?;
            Ok(Some(Said::Welcome(welcome.into())))
        }
        FrameKind::Server => Ok(Some(Said::Message(frame.decode().map_err(unusable)?))),
        _ => Ok(None),
    }
}

fn closed() -> Error {
    Error::new(Status::Unavailable, "it closed the connection")
}

/// Why a hello was not answered.
enum Unheard {
    /// The node closed the connection without an answer.
    Closed,
    /// The node does not speak TLS, and we do.
    Plain(Error),
    /// Another failure.
    Failed(Error),
}

impl From<Error> for Unheard {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

fn unheard(error: io::Error, wait: Duration) -> Unheard {
    let why = error.get_ref().and_then(|why| why.downcast_ref::<TlsError>());
    let kind = match why {
        Some(TlsError::NotTls | TlsError::HungUp) => Unheard::Plain,
        _ => Unheard::Failed,
    };
    kind(failed(error, wait))
}

fn failed(error: io::Error, wait: Duration) -> Error {
    let late = matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut);
    let why = if late { format!("no answer within {wait:?}") } else { error.to_string() };
    Error::new(Status::Unavailable, why).because_of(error)
}

fn unusable(error: crate::wire::FrameError) -> Error {
    Error::new(Status::Unavailable, format!("it is no node of Tenure: {error}")).because_of(error)
}
