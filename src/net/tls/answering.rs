//! TLS on an accepted socket that does not block, for who reads and writes it as any other and waits for it himself.

use super::hello::Says;
use super::session::Session;
use super::sides::TlsServer;
use crate::base::Principal;
use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;

/// Our side of one that was dialed; its socket is the caller's. It holds little more than a record each way: nothing is read
/// before what was read is taken, and nothing encrypted before what was encrypted is sent.
#[derive(Debug)]
pub struct AnsweringTls {
    session: Box<Session>,
    /// What has come, and was not taken.
    plain: Vec<u8>,
}

impl TlsServer {
    /// Answers one who has dialed.
    ///
    /// # Errors
    /// The provider lacks what TLS 1.3 needs.
    pub fn answer(&self) -> Result<AnsweringTls, String> {
        Ok(AnsweringTls { session: Box::new(self.accept(Says::Nothing)?), plain: Vec::new() })
    }
}

impl AnsweringTls {
    /// Who the other side is; `None`: not known yet, or it has shown no certificate.
    #[must_use]
    pub fn peer(&self) -> Option<&Principal> {
        self.session.peer()
    }

    /// Whether something encrypted waits for room in the socket.
    #[must_use]
    pub fn has_pending(&self) -> bool {
        !self.session.pending().is_empty()
    }

    /// Whether something can be read of which the socket says nothing any more.
    #[must_use]
    pub fn has_plain(&self) -> bool {
        !self.plain.is_empty()
    }

    /// Reads what was said. 0: the other side has ended it.
    ///
    /// # Errors
    /// WouldBlock: nothing yet. One that has a `TlsError` in it: the connection is of no use, and the other side was told.
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
        // An answer of the handshake, or why it fails. What finds no room waits for it.
        let sent = self.flush(socket);
        received.map_err(io::Error::other)?;
        sent.or_else(|error| if is_full(&error) { Ok(()) } else { Err(error) })?;
        let says_nothing = self.plain.is_empty() && !self.session.has_ended() && count > 0;
        if says_nothing { Err(ErrorKind::WouldBlock.into()) } else { Ok(()) }
    }

    /// Takes of `bytes` what may be sent next, once all before it is sent; how much that was. It may itself wait.
    ///
    /// # Errors
    /// WouldBlock: nothing is taken. Else the connection is of no use.
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

    /// Sends what is encrypted.
    ///
    /// # Errors
    /// WouldBlock: some is left. Else the connection is of no use.
    pub fn flush(&mut self, mut socket: &TcpStream) -> io::Result<()> {
        while self.has_pending() {
            let count = socket.write(self.session.pending())?;
            self.session.take_sent(count);
        }
        Ok(())
    }

    /// Tells the other side that nothing more comes, if the socket has room for that.
    pub fn end(&mut self, socket: &TcpStream) {
        self.session.end();
        // Whoever is gone already needs no end.
        let _ = self.flush(socket);
    }
}

fn is_full(error: &io::Error) -> bool {
    error.kind() == ErrorKind::WouldBlock
}

/// A request, or half a handshake; more comes with the next read.
const READ_BYTES: usize = 4 << 10;
