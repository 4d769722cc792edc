//! TLS on a socket that waits: for short questions on threads of their own.

use super::session::Session;
use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::net::TcpStream;

/// Reads and writes as its socket does, with the socket's timeouts.
#[derive(Debug)]
pub struct BlockingTls {
    socket: TcpStream,
    session: Box<Session>,
    /// What has come, and was not read.
    plain: VecDeque<u8>,
}

impl BlockingTls {
    pub(super) fn new(socket: TcpStream, session: Session) -> Self {
        Self { socket, session: Box::new(session), plain: VecDeque::new() }
    }

    /// For its timeouts.
    #[must_use]
    pub fn socket(&self) -> &TcpStream {
        &self.socket
    }

    fn send_pending(&mut self) -> io::Result<()> {
        while !self.session.pending().is_empty() {
            let count = self.socket.write(self.session.pending())?;
            self.session.take_sent(count);
        }
        Ok(())
    }

    /// One read of the socket. `Ok(false)`: nothing more comes.
    fn receive(&mut self) -> io::Result<bool> {
        self.send_pending()?;
        let mut buffer = [0; 16 << 10];
        let count = self.socket.read(&mut buffer)?;
        let plain = &mut self.plain;
        let received = self.session.receive(&buffer[..count], |piece| plain.extend(piece));
        // Also why it has failed; whoever is gone shows that to the next read.
        let sent = self.send_pending();
        received.map_err(io::Error::other)?;
        sent?;
        Ok(count > 0)
    }
}

impl Read for BlockingTls {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.plain.is_empty() && !self.session.has_ended() {
            if !self.receive()? {
                break;
            }
        }
        self.plain.read(buffer)
    }
}

impl Write for BlockingTls {
    /// Waits for the handshake first.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        while self.session.is_handshaking() {
            if !self.receive()? {
                return Err(io::ErrorKind::ConnectionReset.into());
            }
        }
        let count = self.session.encrypt(bytes).map_err(io::Error::other)?;
        self.send_pending()?;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.send_pending()
    }
}
