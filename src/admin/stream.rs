//! One connection of the admin endpoint below HTTP: where its bytes come from and go to, and who is at its other end.
//!
//! Whatever protects a connection belongs here: what reads and writes above it sees bytes, and [`Caller`]. HTTP and HTTPS
//! come to the same port: no request begins with the first byte of a TLS handshake.

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
    /// What whoever comes in the clear is.
    plain: Caller,
}

/// What its other side speaks.
#[derive(Debug)]
enum Speech {
    /// Nothing has come yet.
    Unheard(TlsServer),
    Plain,
    Tls(AnsweringTls),
}

/// Who asks, and so what he is told: each more than the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Caller {
    /// Whether the node is well, in a word: nothing that names anybody.
    Anybody,
    /// Whoever has a certificate of this cluster, and on a loopback address whoever comes: everything. None of it has the name of
    /// a lock or of a client, so that no rule is asked, as none is for what the node's port tells of itself.
    Known,
}

impl Caller {
    /// By what a certificate says that was verified.
    fn of(principal: Option<&Principal>) -> Self {
        match principal {
            Some(Principal::Operator(_) | Principal::Node(_) | Principal::Client(_)) => Self::Known,
            Some(Principal::Local(_)) | None => Self::Anybody,
        }
    }
}

impl Stream {
    /// Over a socket that was accepted. Whoever comes in the clear is `plain`; with `tls` he may come by HTTPS.
    ///
    /// # Errors
    /// It cannot be made non-blocking.
    pub(super) fn accepted(
        socket: TcpStream,
        plain: Caller,
        tls: Option<TlsServer>,
    ) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        let speech = tls.map_or(Speech::Plain, Speech::Unheard);
        Ok(Self { socket, speech, plain })
    }

    /// Who is at the other end, as far as that is known.
    pub(super) fn caller(&self) -> Caller {
        match &self.speech {
            Speech::Unheard(_) => Caller::Anybody,
            Speech::Plain => self.plain,
            Speech::Tls(tls) => Caller::of(tls.peer()).max(self.plain),
        }
    }

    /// Whether something waits to be sent that was written before.
    pub(super) fn has_pending(&self) -> bool {
        matches!(&self.speech, Speech::Tls(tls) if tls.has_pending())
    }

    /// Whether something can be read of which the socket says nothing any more.
    pub(super) fn has_input(&self) -> bool {
        matches!(&self.speech, Speech::Tls(tls) if tls.has_plain())
    }

    /// Tells the other side that nothing more comes.
    pub(super) fn end(&mut self) {
        if let Speech::Tls(tls) = &mut self.speech {
            tls.end(&self.socket);
        }
    }

    /// Looks at the first byte, and leaves it where it is.
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

/// How TLS begins: a record of the handshake.
const HANDSHAKE: u8 = 0x16;
