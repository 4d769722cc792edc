//! One connection of the admin endpoint below HTTP: its bytes, and the caller at its other end.
//!
//! The protection of a connection belongs here: the layer above sees bytes, and [`Caller`]. HTTP
//! and HTTPS share the port: no request begins with the first byte of a TLS handshake.

use crate::base::Principal;
use crate::net::{AnsweringTls, TlsServer};
use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::os::fd::{AsRawFd, RawFd};

/// A connection that does not block.
#[derive(Debug)]
pub(super) struct Stream {
    socket: TcpStream,
    speech: Speech,
    /// The caller that a plaintext client is.
    plain: Caller,
}

/// The protocol of the other side.
#[derive(Debug)]
enum Speech {
    /// No byte has arrived yet.
    Unheard(TlsServer),
    Plain,
    Tls(AnsweringTls),
}

/// The caller, which decides what it may read: each more than the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Caller {
    /// May read whether the node is well, in a word: no names, no addresses.
    Anybody,
    /// A client with a certificate of this cluster, and any client on a loopback address: may read
    /// everything. No page has the name of a lock or a client, so no access rule is asked, as for
    /// the status at the node's port.
    Known,
}

impl Caller {
    /// The caller with a verified certificate of `principal`.
    fn of(principal: Option<&Principal>) -> Self {
        match principal {
            Some(Principal::Operator(_) | Principal::Node(_) | Principal::Client(_)) => Self::Known,
            Some(Principal::Local(_)) | None => Self::Anybody,
        }
    }
}

impl Stream {
    /// A stream over an accepted socket. A plaintext client is `plain`; with `tls` HTTPS is spoken,
    /// too.
    ///
    /// # Errors
    /// The socket cannot be made non-blocking.
    pub(super) fn accepted(
        socket: TcpStream,
        plain: Caller,
        tls: Option<TlsServer>,
    ) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        let speech = tls.map_or(Speech::Plain, Speech::Unheard);
        Ok(Self { socket, speech, plain })
    }

    /// The caller, as far as the handshake tells.
    pub(super) fn caller(&self) -> Caller {
        match &self.speech {
            Speech::Unheard(_) => Caller::Anybody,
            Speech::Plain => self.plain,
            Speech::Tls(tls) => Caller::of(tls.peer()).max(self.plain),
        }
    }

    /// Whether written bytes wait to be sent.
    pub(super) fn has_pending(&self) -> bool {
        matches!(&self.speech, Speech::Tls(tls) if tls.has_pending())
    }

    /// Whether bytes can be read for which the socket gives no more readiness.
    pub(super) fn has_input(&self) -> bool {
        matches!(&self.speech, Speech::Tls(tls) if tls.has_plain())
    }

    /// Tells the other side that no more bytes follow.
    pub(super) fn end(&mut self) {
        if let Speech::Tls(tls) = &mut self.speech {
            tls.end(&self.socket);
        }
    }

    /// Peeks at the first byte.
    fn hear(&mut self) -> io::Result<()> {
        let Speech::Unheard(server) = &self.speech else { return Ok(()) };
        let mut first = [0];
        self.speech = match self.socket.peek(&mut first)? {
            1 if first[0] == HANDSHAKE => Speech::Tls(server.answer().map_err(io::Error::other)?),
            _ => Speech::Plain,
        };
        Ok(())
    }
}

impl Read for Stream {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        self.hear()?;
        match &mut self.speech {
            Speech::Tls(tls) => tls.read(&self.socket, bytes),
            Speech::Plain => self.socket.read(bytes),
            Speech::Unheard(_) => Err(ErrorKind::WouldBlock.into()),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.speech {
            Speech::Tls(tls) => tls.write(&self.socket, bytes),
            Speech::Plain | Speech::Unheard(_) => self.socket.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.speech {
            Speech::Tls(tls) => tls.flush(&self.socket),
            Speech::Plain | Speech::Unheard(_) => self.socket.flush(),
        }
    }
}

impl AsRawFd for Stream {
    fn as_raw_fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }
}

/// The first byte of TLS: a record of the handshake.
const HANDSHAKE: u8 = 0x16;
