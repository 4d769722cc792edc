//! One connection of the admin endpoint below HTTP: where its bytes come from and go to, and who is at its other end.
//!
//! Whatever protects a connection belongs here: what reads and writes above it sees bytes, and [`Caller`].

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::os::fd::{AsRawFd, RawFd};

/// A connection that does not block.
#[derive(Debug)]
pub(super) struct Stream {
    socket: TcpStream,
    caller: Caller,
}

/// Who asks, and so what he is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Caller {
    /// Everything.
    Trusted,
    /// Whether the node is well, in a word: nothing that names anybody.
    Anybody,
}

impl Stream {
    /// Over a socket that was accepted.
    ///
    /// # Errors
    /// It cannot be made non-blocking.
    pub(super) fn accepted(socket: TcpStream) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        // The endpoint is on loopback, or whoever started the node has said that all may read it.
        Ok(Self { socket, caller: Caller::Trusted })
    }

    /// Who is at the other end.
    pub(super) fn caller(&self) -> Caller {
        self.caller
    }
}

impl Read for Stream {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        self.socket.read(bytes)
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.socket.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.socket.flush()
    }
}

impl AsRawFd for Stream {
    fn as_raw_fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }
}
