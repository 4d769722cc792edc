//! An accepted socket before its first message: the first bytes tell TLS from plaintext, and only
//! they are kept.

use super::error::TlsError;
use super::hello::{Begin, Says};
use super::sides::TlsServer;
use super::stream::{StreamError, TlsStream};
use crate::net::socket;
use mio::net::TcpStream;
use std::io::{self, ErrorKind};
use std::mem::MaybeUninit;

/// A stream whose protocol is not known yet.
#[derive(Debug)]
pub(in crate::net) struct EitherStream {
    /// `None` only while another kind of stream takes its place.
    socket: Option<TcpStream>,
    server: TlsServer,
    takes: Takes,
    /// The received bytes.
    begin: Vec<u8>,
}

/// The protocols that are accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::net) enum Takes {
    /// TLS alone.
    Tls,
    /// TLS and plaintext.
    Both,
}

/// The protocol of the peer, with its stream.
#[derive(Debug)]
pub(in crate::net) enum Spoken {
    Plain(TcpStream, Vec<u8>),
    Tls(TlsStream, Vec<u8>),
}

impl EitherStream {
    pub(in crate::net) fn new(socket: TcpStream, server: TlsServer, takes: Takes) -> Self {
        Self { socket: Some(socket), server, takes, begin: Vec::new() }
    }

    pub(in crate::net) fn socket(&self) -> &TcpStream {
        self.socket.as_ref().expect("no other stream has its socket yet")
    }

    pub(in crate::net) fn socket_mut(&mut self) -> &mut TcpStream {
        self.socket.as_mut().expect("no other stream has its socket yet")
    }

    pub(in crate::net) fn into_socket(self) -> TcpStream {
        self.socket.expect("no other stream has its socket yet")
    }

    /// Whether plaintext is accepted.
    pub(in crate::net) fn takes_plain(&self) -> bool {
        self.takes == Takes::Both
    }

    /// Sends plaintext to a silent peer, if plaintext is accepted: why it is disconnected.
    pub(in crate::net) fn send(&self, bytes: &[u8]) -> io::Result<usize> {
        match self.takes {
            Takes::Both => socket::send(self.socket(), bytes),
            Takes::Tls => Err(ErrorKind::WouldBlock.into()),
        }
    }

    /// Reads no more than is needed to know the protocol.
    pub(in crate::net) fn listen(&mut self) -> Result<Begin, StreamError> {
        loop {
            match (Begin::of(&self.begin), self.takes) {
                (Ok(Begin::Part), _) => {}
                // A TLS session reports the error, to both sides.
                (Ok(Begin::Plain), Takes::Tls) => return Ok(Begin::Whole(Says::Nothing)),
                (Ok(begin), _) => return Ok(begin),
                (Err(error), _) => {
                    // The peer may be gone.
                    let _ = socket::send(self.socket(), &OVERFLOW);
                    return Err(error.into());
                }
            }
            let mut scratch = [MaybeUninit::uninit(); socket::RECEIVE_BYTES];
            match socket::receive(self.socket(), &mut scratch) {
                Ok([]) => return Err(io::Error::from(ErrorKind::ConnectionReset).into()),
                Ok(bytes) => self.begin.extend_from_slice(bytes),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(Begin::Part),
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// The number of received bytes, and the protocol, once known: then this stream is spent.
    /// WouldBlock: not known yet.
    pub(in crate::net) fn receive(&mut self) -> Result<(usize, Spoken), StreamError> {
        let begin = self.listen()?;
        if begin == Begin::Part {
            return Err(io::Error::from(ErrorKind::WouldBlock).into());
        }
        let session = match begin {
            Begin::Part | Begin::Plain => None,
            Begin::Whole(says) => Some(self.server.accept(says).map_err(TlsError::Failed)?),
        };
        let socket = self.socket.take().expect("no other stream has its socket yet");
        let bytes = std::mem::take(&mut self.begin);
        let count = bytes.len();
        Ok(match session.map(Box::new) {
            None => (count, Spoken::Plain(socket, bytes)),
            Some(session) => (count, Spoken::Tls(TlsStream { socket, session }, bytes)),
        })
    }
}

/// The fatal alert record_overflow: the first message is too long.
const OVERFLOW: [u8; 7] = [0x15, 3, 3, 0, 2, 2, 22];
