//! A TLS session on a socket: as any stream to whoever reads and writes it.

use super::error::TlsError;
use super::session::Session;
use crate::net::socket;
use mio::net::TcpStream;
use std::io::{self, ErrorKind};
use std::mem::MaybeUninit;

/// What a socket and the session above it have come to.
#[derive(Debug)]
pub(in crate::net) struct TlsStream {
    pub(in crate::net) socket: TcpStream,
    pub(in crate::net) session: Box<Session>,
}

/// Why nothing comes through a stream, or leaves.
#[derive(Debug)]
pub(in crate::net) enum StreamError {
    /// The socket's, or it has nothing.
    Socket(io::Error),
    /// The session's.
    Tls(TlsError),
}

impl From<io::Error> for StreamError {
    fn from(error: io::Error) -> Self {
        Self::Socket(error)
    }
}

impl From<TlsError> for StreamError {
    fn from(error: TlsError) -> Self {
        Self::Tls(error)
    }
}

impl StreamError {
    /// Nothing is there yet, or there is no room.
    pub(in crate::net) fn is_would_block(&self) -> bool {
        matches!(self, Self::Socket(error) if error.kind() == ErrorKind::WouldBlock)
    }
}

impl TlsStream {
    /// Takes what came in one read, and hands what it says to `take`. How many bytes came, encrypted: some that say nothing are
    /// no end. 0: the other side has ended it, with or without a word of that.
    pub(in crate::net) fn receive(
        &mut self,
        take: impl FnMut(&[u8]),
    ) -> Result<usize, StreamError> {
        if self.session.has_ended() {
            return Ok(0);
        }
        let mut scratch = [MaybeUninit::uninit(); socket::RECEIVE_BYTES];
        let bytes = socket::receive(&self.socket, &mut scratch).map_err(StreamError::Socket)?;
        let count = bytes.len();
        self.take(bytes, take).map(|()| count)
    }

    /// Takes what came, and hands what it says to `take`.
    pub(in crate::net) fn take(
        &mut self,
        bytes: &[u8],
        take: impl FnMut(&[u8]),
    ) -> Result<(), StreamError> {
        let received = self.session.receive(bytes, take);
        // What the handshake answers, or why it fails. Whoever is gone shows that to the next read.
        let _ = self.send_pending();
        received.map_err(StreamError::Tls)
    }

    /// Sends what is encrypted already, and then of `bytes`; how many of these are encrypted now.
    pub(in crate::net) fn send(&mut self, bytes: &[u8]) -> Result<usize, StreamError> {
        self.send_pending().map_err(StreamError::Socket)?;
        let count = self.session.encrypt(bytes).map_err(StreamError::Tls)?;
        if count == 0 && !bytes.is_empty() {
            return Err(StreamError::Socket(ErrorKind::WouldBlock.into()));
        }
        match self.send_pending() {
            // They are ours now, and leave with the next.
            Err(error) if error.kind() != ErrorKind::WouldBlock => Err(StreamError::Socket(error)),
            _ => Ok(count),
        }
    }

    /// Encrypted bytes that wait to be sent.
    pub(in crate::net) fn queued_bytes(&self) -> usize {
        self.session.pending().len()
    }

    /// Tells the other side that nothing more comes, behind what was sent.
    pub(in crate::net) fn end(&mut self) {
        self.session.end();
        // Whoever is gone already needs no end.
        let _ = self.send_pending();
    }

    /// Sends what is encrypted. WouldBlock: some is left.
    fn send_pending(&mut self) -> io::Result<()> {
        while !self.session.pending().is_empty() {
            match socket::send(&self.socket, self.session.pending()) {
                Ok(count) => self.session.take_sent(count),
                Err(error) => {
                    if error.kind() != ErrorKind::WouldBlock {
                        self.session.take_sent(self.session.pending().len());
                    }
                    return Err(error);
                }
            }
        }
        Ok(())
    }
}
