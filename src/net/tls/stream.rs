//! A TLS session on a socket, with the interface of any stream.

use super::error::TlsError;
use super::session::Session;
use crate::net::socket;
use mio::net::TcpStream;
use std::io::{self, ErrorKind};
use std::mem::MaybeUninit;

/// A socket with a TLS session above it.
#[derive(Debug)]
pub(in crate::net) struct TlsStream {
    pub(in crate::net) socket: TcpStream,
    pub(in crate::net) session: Box<Session>,
}

/// Why a stream cannot be read or written.
#[derive(Debug)]
pub(in crate::net) enum StreamError {
    /// An error of the socket, WouldBlock included.
    Socket(io::Error),
    /// An error of the session.
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
    /// Whether the stream only has to be polled again.
    pub(in crate::net) fn is_would_block(&self) -> bool {
        matches!(self, Self::Socket(error) if error.kind() == ErrorKind::WouldBlock)
    }
}

impl TlsStream {
    /// Reads once, and hands the plaintext to `take`. Gives the number of bytes of ciphertext,
    /// which may have no plaintext; 0: the peer has ended the connection, with close_notify or
    /// without.
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

    /// Takes received ciphertext, and hands its plaintext to `take`.
    pub(in crate::net) fn take(
        &mut self,
        bytes: &[u8],
        take: impl FnMut(&[u8]),
    ) -> Result<(), StreamError> {
        let received = self.session.receive(bytes, take);
        // An answer of the handshake, or the alert of its failure. The next read notices a peer
        // that is gone.
        let _ = self.send_pending();
        received.map_err(StreamError::Tls)
    }

    /// Sends waiting ciphertext, then of `bytes`; gives how many of these were encrypted.
    pub(in crate::net) fn send(&mut self, bytes: &[u8]) -> Result<usize, StreamError> {
        self.send_pending().map_err(StreamError::Socket)?;
        let count = self.session.encrypt(bytes).map_err(StreamError::Tls)?;
        if count == 0 && !bytes.is_empty() {
            return Err(StreamError::Socket(ErrorKind::WouldBlock.into()));
        }
        match self.send_pending() {
            // The encrypted bytes are ours now, and leave with the next send.
            Err(error) if error.kind() != ErrorKind::WouldBlock => Err(StreamError::Socket(error)),
            _ => Ok(count),
        }
    }

    /// Bytes of ciphertext that wait to be sent.
    pub(in crate::net) fn queued_bytes(&self) -> usize {
        self.session.pending().len()
    }

    /// Tells the peer that no more bytes follow (close_notify).
    pub(in crate::net) fn end(&mut self) {
        self.session.end();
        // The peer may be gone.
        let _ = self.send_pending();
    }

    /// Sends waiting ciphertext. WouldBlock: some is left.
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
