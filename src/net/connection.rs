//! One TCP connection: bytes in → frames, frames → bytes out, both bounded.

use crate::wire::{Frame, FrameError, FrameKind};
use serde::Serialize;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, RawFd};

/// Why a connection is of no use any more.
#[derive(Debug, thiserror::Error)]
pub enum Closed {
    /// The other side closed it or reset it.
    #[error("the other side closed the connection")]
    ByPeer,
    /// The system says so (refused, unreachable, timed out, …).
    #[error("{0}")]
    Failed(io::Error),
    /// The bytes that came are no frames of ours.
    #[error("{0}")]
    Protocol(#[from] FrameError),
    /// More is queued than the bound allows: the other side does not read.
    #[error("the other side does not read what it is sent")]
    Full,
}

/// How reading ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Received {
    /// All that was there is read; wait for the socket.
    All,
    /// The budget is used up; there may be more: call again in the next turn.
    More,
}

/// A non-blocking TCP connection (TCP_NODELAY). Works with edge- and level-triggered polling.
#[derive(Debug)]
pub struct Connection {}

#[allow(unused_variables)]
impl Connection {
    /// Takes an accepted socket. `out_bytes_max` bounds what may wait to be sent.
    ///
    /// # Errors
    /// The socket's options cannot be set.
    pub fn accepted(stream: mio::net::TcpStream, out_bytes_max: usize) -> io::Result<Self> {
        todo!()
    }

    /// Begins to connect; writable once it stands, readable with an error if it failed.
    ///
    /// # Errors
    /// It failed at once.
    pub fn dial(address: SocketAddr, out_bytes_max: usize) -> io::Result<Self> {
        todo!()
    }

    /// The socket, to register with a `mio::Poll`.
    pub fn source(&mut self) -> &mut mio::net::TcpStream {
        todo!()
    }

    /// Whether the connection stands; finishes a dial. `Ok(false)`: not yet.
    ///
    /// # Errors
    /// The dial failed.
    pub fn check_connected(&mut self) -> Result<bool, Closed> {
        todo!()
    }

    /// Reads what is there, at most about `budget` bytes, and appends whole frames to `frames`.
    ///
    /// # Errors
    /// [`Closed`]; frames that came before it are in `frames`.
    pub fn receive(&mut self, frames: &mut Vec<Frame>, budget: usize) -> Result<Received, Closed> {
        todo!()
    }

    /// Puts one frame into the output buffer.
    ///
    /// # Errors
    /// [`Closed::Full`].
    pub fn queue<T: Serialize>(&mut self, kind: FrameKind, value: &T) -> Result<(), Closed> {
        todo!()
    }

    /// Sends what is queued as far as the socket takes it, with `sendmsg(MSG_NOSIGNAL)`: a write to a
    /// dead peer must not kill a host by SIGPIPE.
    ///
    /// # Errors
    /// [`Closed`].
    pub fn flush(&mut self) -> Result<(), Closed> {
        todo!()
    }

    /// Whether something waits to be sent.
    #[must_use]
    pub fn wants_write(&self) -> bool {
        todo!()
    }
}

impl AsRawFd for Connection {
    fn as_raw_fd(&self) -> RawFd {
        todo!()
    }
}
