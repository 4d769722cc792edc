//! A plain connection to one node, for questions that need no session: blocking, each wait bounded.

use crate::net::resolve_within;
use crate::wire::{
    ClientHello, ClientWelcome, Frame, FrameDecoder, FrameKind, Refused, Request, ServerMessage,
    encode_frame,
};
use crate::{Error, Status};
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// A connection that has said who is there. All its errors are UNAVAILABLE, with the reason.
#[derive(Debug)]
pub(super) struct Line {
    stream: TcpStream,
    decoder: FrameDecoder,
    until: Instant,
    wait: Duration,
}

/// What a node says.
#[derive(Debug)]
pub(super) enum Said {
    /// Its answer to the hello.
    Welcome(ClientWelcome),
    /// An answer, or a push.
    Message(ServerMessage),
}

impl Line {
    /// Connects to `endpoint` as the client of this name. All that is done on it, until the next
    /// [`Line::allow`], ends after `wait`.
    pub(super) fn dial(endpoint: &str, client: &str, wait: Duration) -> Result<Self, Error> {
        let until = Instant::now() + wait;
        let stream = dial(endpoint, until).map_err(|error| failed(&error, wait))?;
        let mut line = Self { stream, decoder: FrameDecoder::new(), until, wait };
        let hello = ClientHello { client: client.to_owned(), cluster: None };
        let mut bytes = Vec::new();
        encode_frame(FrameKind::ClientHello, &hello, &mut bytes);
        line.write(&bytes)?;
        Ok(line)
    }

    /// From now on another `wait` is allowed.
    pub(super) fn allow(&mut self, wait: Duration) {
        (self.wait, self.until) = (wait, Instant::now() + wait);
    }

    /// Sends a request.
    pub(super) fn send(&mut self, request: &Request) -> Result<(), Error> {
        let mut bytes = Vec::new();
        encode_frame(FrameKind::Request, request, &mut bytes);
        self.write(&bytes)
    }

    /// The next thing that the node says.
    pub(super) fn receive(&mut self) -> Result<Said, Error> {
        let mut buffer = [0; 16 << 10];
        loop {
            while let Some(frame) = self.decoder.next_frame().map_err(unusable)? {
                if let Some(said) = read(&frame)? {
                    return Ok(said);
                }
            }
            let read = left(self.until)
                .and_then(|left| self.stream.set_read_timeout(Some(left)))
                .and_then(|()| self.stream.read(&mut buffer));
            match read {
                Ok(0) => return Err(Error::new(Status::Unavailable, "it closed the connection")),
                Ok(count) => self.decoder.push(&buffer[..count]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(failed(&error, self.wait)),
            }
        }
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        // The standard library's sockets send with MSG_NOSIGNAL.
        let written = left(self.until)
            .and_then(|left| self.stream.set_write_timeout(Some(left)))
            .and_then(|()| self.stream.write_all(bytes));
        written.map_err(|error| failed(&error, self.wait))
    }
}

fn dial(endpoint: &str, until: Instant) -> io::Result<TcpStream> {
    let mut last = io::ErrorKind::AddrNotAvailable.into();
    let found = resolve_within(endpoint, left(until)?).map_err(io::Error::other)?;
    for address in found {
        match TcpStream::connect_timeout(&address, left(until)?) {
            Ok(stream) => {
                stream.set_nodelay(true)?;
                return Ok(stream);
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// Never zero: the system takes that for "for ever".
fn left(until: Instant) -> io::Result<Duration> {
    let left = until.saturating_duration_since(Instant::now());
    if left.is_zero() { Err(io::ErrorKind::TimedOut.into()) } else { Ok(left) }
}

fn read(frame: &Frame) -> Result<Option<Said>, Error> {
    match frame.kind {
        FrameKind::Refused => {
            let refused: Refused = frame.decode().map_err(unusable)?;
            Err(Error::new(Status::Unavailable, refused.text))
        }
        FrameKind::ClientWelcome => Ok(Some(Said::Welcome(frame.decode().map_err(unusable)?))),
        FrameKind::Server => Ok(Some(Said::Message(frame.decode().map_err(unusable)?))),
        _ => Ok(None),
    }
}

fn failed(error: &io::Error, wait: Duration) -> Error {
    let late = matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut);
    let why = if late { format!("no answer within {wait:?}") } else { error.to_string() };
    Error::new(Status::Unavailable, why)
}

fn unusable(error: crate::wire::FrameError) -> Error {
    Error::new(Status::Unavailable, format!("it is no node of Tenure: {error}"))
}
