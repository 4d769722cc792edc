//! The server's side of TLS on a non-blocking socket that its caller polls: for the admin endpoint.

use super::hello::Says;
use super::session::Session;
use super::sides::TlsServer;
use crate::base::Principal;
use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;

/// Our side of an accepted connection; its socket is the caller's. It holds little more than a
/// record each way: no more is read before the plaintext is taken, and no more encrypted before the
/// ciphertext is sent.
#[derive(Debug)]
pub struct AnsweringTls {
    session: Box<Session>,
    /// Received plaintext that was not taken yet.
    plain: Vec<u8>,
}

impl TlsServer {
    /// Begins the server's side of a connection.
    ///
    /// # Errors
    /// The provider lacks what TLS 1.3 needs.
    pub fn answer(&self) -> Result<AnsweringTls, String> {
        Ok(AnsweringTls { session: Box::new(self.accept(Says::Nothing)?), plain: Vec::new() })
    }
}

impl AnsweringTls {
    /// The peer's principal; `None`: not known yet, or without a certificate.
    #[must_use]
    pub fn peer(&self) -> Option<&Principal> {
        self.session.peer()
    }

    /// Whether ciphertext waits for room in the socket.
    #[must_use]
    pub fn has_pending(&self) -> bool {
        !self.session.pending().is_empty()
    }

    /// Whether plaintext can be read for which the socket gives no more readiness.
    #[must_use]
    pub fn has_plain(&self) -> bool {
        !self.plain.is_empty()
    }

    /// Reads plaintext. 0: the peer has ended the connection.
    ///
    /// # Errors
    /// WouldBlock: nothing yet. An error with a `TlsError`: the connection is dead, and the peer
    /// was told.
    pub fn read(&mut self, socket: &TcpStream, buffer: &mut [u8]) -> io::Result<usize> {
        if self.plain.is_empty() && !self.session.has_ended() {
            self.receive(socket)?;
        }
        let count = buffer.len().min(self.plain.len());
        buffer[..count].copy_from_slice(&self.plain[..count]);
        self.plain.drain(..count);
        Ok(count)
    }

    fn receive(&mut self, mut socket: &TcpStream) -> io::Result<()> {
        let mut bytes = [0; READ_BYTES];
        let count = socket.read(&mut bytes)?;
        let plain = &mut self.plain;
        let received = self.session.receive(&bytes[..count], |piece| plain.extend(piece));
        // An answer of the handshake, or the alert of its failure. The rest waits for room.
        let sent = self.flush(socket);
        received.map_err(io::Error::other)?;
        sent.or_else(|error| if is_full(&error) { Ok(()) } else { Err(error) })?;
        let says_nothing = self.plain.is_empty() && !self.session.has_ended() && count > 0;
        if says_nothing { Err(ErrorKind::WouldBlock.into()) } else { Ok(()) }
    }

    /// Takes a part of `bytes`, once all earlier ciphertext is sent; gives its length. Its
    /// ciphertext may wait for room.
    ///
    /// # Errors
    /// WouldBlock: nothing is taken. Else the connection is dead.
    pub fn write(&mut self, socket: &TcpStream, bytes: &[u8]) -> io::Result<usize> {
        self.flush(socket)?;
        let count = self.session.encrypt(bytes).map_err(io::Error::other)?;
        if count == 0 && !bytes.is_empty() {
            return Err(ErrorKind::WouldBlock.into());
        }
        match self.flush(socket) {
            Err(error) if !is_full(&error) => Err(error),
            _ => Ok(count),
        }
    }

    /// Sends the ciphertext.
    ///
    /// # Errors
    /// WouldBlock: some is left. Else the connection is dead.
    pub fn flush(&mut self, mut socket: &TcpStream) -> io::Result<()> {
        while self.has_pending() {
            let count = socket.write(self.session.pending())?;
            self.session.take_sent(count);
        }
        Ok(())
    }

    /// Tells the peer that no more bytes follow (close_notify), if the socket has room.
    pub fn end(&mut self, socket: &TcpStream) {
        self.session.end();
        // The peer may be gone.
        let _ = self.flush(socket);
    }
}

fn is_full(error: &io::Error) -> bool {
    error.kind() == ErrorKind::WouldBlock
}

/// A request, or half a handshake; the next read takes more.
const READ_BYTES: usize = 4 << 10;
