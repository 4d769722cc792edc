//! One TCP connection: bytes in → frames, frames → bytes out, both bounded.

use crate::net::output::Output;
use crate::net::socket;
use crate::wire::{Frame, FrameDecoder, FrameError, FrameKind};
use mio::net::TcpStream;
use serde::Serialize;
use socket2::SockRef;
use std::io::{self, ErrorKind};
use std::mem::MaybeUninit;
use std::net::{Shutdown, SocketAddr};
use std::os::fd::{AsRawFd, RawFd};
use std::time::Duration;

/// A non-blocking TCP connection (TCP_NODELAY). Works with edge- and level-triggered polling: `receive`
/// reads until the socket has no more, or says that it may have.
#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
    stage: Stage,
    decoder: FrameDecoder,
    output: Output,
}

/// How far a dial has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Dialing,
    Standing,
}

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

impl Connection {
    /// Takes an accepted socket. `out_bytes_max` bounds what may wait to be sent.
    ///
    /// # Errors
    /// The socket's options cannot be set.
    pub fn accepted(stream: TcpStream, out_bytes_max: usize) -> io::Result<Self> {
        Self::new(stream, Stage::Standing, out_bytes_max)
    }

    /// Begins to connect; writable once it stands, readable with an error if it failed.
    ///
    /// # Errors
    /// It failed at once.
    pub fn dial(address: SocketAddr, out_bytes_max: usize) -> io::Result<Self> {
        Self::new(TcpStream::connect(address)?, Stage::Dialing, out_bytes_max)
    }

    fn new(stream: TcpStream, stage: Stage, out_bytes_max: usize) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        let (decoder, output) = (FrameDecoder::new(), Output::new(out_bytes_max));
        Ok(Self { stream, stage, decoder, output })
    }

    /// The socket, to register with a `mio::Poll`.
    pub fn source(&mut self) -> &mut TcpStream {
        &mut self.stream
    }

    /// Gives up once bytes that were sent stay unacknowledged for `wait` (TCP_USER_TIMEOUT). Without it
    /// the kernel's growing pauses between retransmissions outlast a healed partition.
    ///
    /// # Errors
    /// The system refuses it.
    pub fn set_unacknowledged_max(&self, wait: Duration) -> io::Result<()> {
        SockRef::from(&self.stream).set_tcp_user_timeout(Some(wait))
    }

    /// Whether the connection stands; finishes a dial. `Ok(false)`: not yet.
    ///
    /// # Errors
    /// The dial failed.
    pub fn check_connected(&mut self) -> Result<bool, Closed> {
        if self.stage == Stage::Standing {
            return Ok(true);
        }
        if let Some(error) = self.stream.take_error().map_err(Closed::Failed)? {
            return Err(Closed::Failed(error));
        }
        let peer = match self.stream.peer_addr() {
            Ok(address) => address,
            Err(error) if error.kind() == ErrorKind::NotConnected => return Ok(false),
            Err(error) => return Err(Closed::Failed(error)),
        };
        // A dial to a local port on which nobody listens can be given that same port as its own, and
        // then connects to itself.
        if self.stream.local_addr().map_err(Closed::Failed)? == peer {
            return Err(Closed::Failed(ErrorKind::ConnectionRefused.into()));
        }
        self.stage = Stage::Standing;
        Ok(true)
    }

    /// Reads what is there, at most about `budget` bytes, and appends whole frames to `frames`.
    ///
    /// # Errors
    /// [`Closed`]; frames that came before it are in `frames`.
    pub fn receive(&mut self, frames: &mut Vec<Frame>, budget: usize) -> Result<Received, Closed> {
        if !self.check_connected()? {
            return Ok(Received::All);
        }
        let mut scratch = [MaybeUninit::uninit(); socket::RECEIVE_BYTES];
        let mut count = 0;
        while count < budget {
            match socket::receive(&self.stream, &mut scratch) {
                Ok([]) => return Err(Closed::ByPeer),
                Ok(bytes) => {
                    count += bytes.len();
                    self.decoder.push(bytes);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(Received::All),
                Err(error) => return Err(closed_by(error)),
            }
            // After each read, so that the decoder never holds more than a frame and one read.
            while let Some(frame) = self.decoder.next_frame()? {
                frames.push(frame);
            }
        }
        Ok(Received::More)
    }

    /// Puts one frame into the output buffer.
    ///
    /// # Errors
    /// [`Closed::Full`].
    pub fn queue<T: Serialize>(&mut self, kind: FrameKind, value: &T) -> Result<(), Closed> {
        self.output.push(kind, value).map_err(|_| Closed::Full)
    }

    /// Sends what is queued as far as the socket takes it, with `sendmsg(MSG_NOSIGNAL)`: a write to a
    /// dead peer must not kill a host by SIGPIPE.
    ///
    /// # Errors
    /// [`Closed`]; what was queued is dropped. After [`Closed::ByPeer`] the last bytes that the other
    /// side sent may still be received.
    pub fn flush(&mut self) -> Result<(), Closed> {
        if self.output.is_empty() || !self.check_connected()? {
            return Ok(());
        }
        while !self.output.is_empty() {
            match socket::send(&self.stream, self.output.pending()) {
                Ok(count) => self.output.take_sent(count),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => {
                    self.output.take_sent(self.output.len());
                    return Err(closed_by(error));
                }
            }
        }
        Ok(())
    }

    /// Whether something waits: for the socket to stand, or for room in it.
    #[must_use]
    pub fn wants_write(&self) -> bool {
        self.stage == Stage::Dialing || !self.output.is_empty()
    }

    /// Bytes that wait to be sent.
    #[must_use]
    pub fn queued_bytes(&self) -> usize {
        self.output.len()
    }

    /// Sends what the socket still takes and ends the stream, so that last words arrive before the end.
    pub fn finish(mut self) {
        // Whoever is gone already needs no last words.
        let _ = self.flush();
        let _ = self.stream.shutdown(Shutdown::Write);
    }
}

impl AsRawFd for Connection {
    fn as_raw_fd(&self) -> RawFd {
        self.stream.as_raw_fd()
    }
}

/// Tells the other side's end (also when it shows while writing) from failures between us.
fn closed_by(error: io::Error) -> Closed {
    match error.kind() {
        ErrorKind::ConnectionReset | ErrorKind::BrokenPipe => Closed::ByPeer,
        _ => Closed::Failed(error),
    }
}

#[cfg(test)]
mod tests;
