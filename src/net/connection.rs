//! One connection: bytes in → frames, frames → bytes out, both bounded. Over TCP, over TLS, or within this process.

mod over_tls;

use crate::net::local_stream::LocalStream;
use crate::net::output::Output;
use crate::net::socket;
use crate::net::tls::{EitherStream, StreamError, TlsError, TlsStream};
use crate::sys::inherited;
use crate::wire::{FrameDecoder, FrameError, FrameKind, TakeFrame};
use mio::Interest;
use mio::event::Source;
use mio::net::TcpStream;
use mio::unix::SourceFd;
use serde::Serialize;
use socket2::{SockRef, TcpKeepalive};
use std::io::{self, ErrorKind};
use std::mem::MaybeUninit;
use std::net::{IpAddr, Shutdown, SocketAddr};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::time::Duration;

/// A non-blocking connection, of TCP (TCP_NODELAY, SO_KEEPALIVE) or between two threads of this process: the same
/// frames, bounds and ends. Works with edge- and level-triggered polling: `receive` reads until there is no more, or says that there
/// may be.
#[derive(Debug)]
pub struct Connection {
    stream: Stream,
    stage: Stage,
    decoder: FrameDecoder,
    output: Output,
    /// A frame has come.
    is_heard: bool,
}

#[derive(Debug)]
enum Stream {
    Tcp(TcpStream),
    Tls(TlsStream),
    /// One of the two: its first bytes will tell.
    Either(EitherStream),
    Local(LocalStream),
}

/// How far a dial has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Dialing,
    Standing,
}

/// The reason of a connection's end.
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
    /// The two ends do not come together over TLS, or one of them does not speak it.
    #[error("{0}")]
    Tls(#[from] TlsError),
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
        Self::tcp(stream, Stage::Standing, out_bytes_max)
    }

    /// The two ends of a connection within this process; each may hold so much to be sent.
    ///
    /// # Errors
    /// The process has no file descriptor left.
    pub fn local_pair(out_bytes_max: (usize, usize)) -> io::Result<(Self, Self)> {
        let (one, two) = LocalStream::pair()?;
        let end = |stream, bytes_max| Self::new(Stream::Local(stream), Stage::Standing, bytes_max);
        Ok((end(one, out_bytes_max.0), end(two, out_bytes_max.1)))
    }

    /// Begins to connect; writable once it stands, readable with an error if it failed.
    ///
    /// # Errors
    /// The dial failed at once.
    pub fn dial(address: SocketAddr, out_bytes_max: usize) -> io::Result<Self> {
        let stream = inherited::by_no_child(|| TcpStream::connect(address))?;
        Self::tcp(stream, Stage::Dialing, out_bytes_max)
    }

    fn tcp(stream: TcpStream, stage: Stage, out_bytes_max: usize) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        let asked = TcpKeepalive::new().with_time(ASKED_AFTER).with_interval(ASKED_EVERY);
        SockRef::from(&stream).set_tcp_keepalive(&asked.with_retries(ASKED_TIMES))?;
        Ok(Self::new(Stream::Tcp(stream), stage, out_bytes_max))
    }

    fn new(stream: Stream, stage: Stage, out_bytes_max: usize) -> Self {
        let (decoder, output) = (FrameDecoder::new(), Output::new(out_bytes_max));
        Self { stream, stage, decoder, output, is_heard: false }
    }

    /// Keeps room for so many bytes each way while nothing is on its way: not for a connection of which there are many.
    pub fn keep_room(&mut self, bytes: usize) {
        self.decoder.keep(bytes);
        self.output.keep(bytes);
    }

    /// Hands the descriptor to be polled to `register`, with the events to poll it for.
    pub(super) fn poll_with<T>(
        &mut self,
        interest: Interest,
        register: impl FnOnce(&mut dyn Source, Interest) -> T,
    ) -> T {
        match &mut self.stream {
            Stream::Tcp(stream) => register(stream, interest),
            Stream::Tls(stream) => register(&mut stream.socket, interest),
            Stream::Either(stream) => register(stream.socket_mut(), interest),
            Stream::Local(stream) => {
                register(&mut SourceFd(&stream.as_raw_fd()), without_room(interest))
            }
        }
    }

    /// The address of the other side; `None`: it is in this process, or gone already.
    #[must_use]
    pub fn address(&self) -> Option<IpAddr> {
        self.socket()?.peer_addr().ok().map(|address| address.ip())
    }

    /// Gives up once bytes that were sent stay unacknowledged for `wait` (TCP_USER_TIMEOUT). Without it
    /// the kernel's growing pauses between retransmissions outlast a healed partition. Within a process nothing
    /// is lost on the way.
    ///
    /// # Errors
    /// The system refuses it.
    pub fn set_unacknowledged_max(&self, wait: Duration) -> io::Result<()> {
        let Some(socket) = self.socket() else { return Ok(()) };
        SockRef::from(socket).set_tcp_user_timeout(Some(wait))
    }

    /// Whether the connection stands, as far as was seen.
    #[must_use]
    pub fn is_standing(&self) -> bool {
        self.stage == Stage::Standing && !self.is_handshaking()
    }

    /// Whether the connection stands; finishes a dial. `Ok(false)`: not yet.
    ///
    /// # Errors
    /// The dial failed.
    pub fn check_connected(&mut self) -> Result<bool, Closed> {
        Ok(self.check_dialed()? && !self.is_handshaking())
    }

    /// Whether the socket is connected.
    fn check_dialed(&mut self) -> Result<bool, Closed> {
        let Some(stream) = self.socket() else { return Ok(true) };
        if self.stage == Stage::Standing {
            return Ok(true);
        }
        if let Some(error) = stream.take_error().map_err(Closed::Failed)? {
            return Err(Closed::Failed(error));
        }
        let peer = match stream.peer_addr() {
            Ok(address) => address,
            Err(error) if error.kind() == ErrorKind::NotConnected => return Ok(false),
            Err(error) => return Err(Closed::Failed(error)),
        };
        // A dial to a local port on which nobody listens can be given that same port as its own, and
        // then connects to itself.
        if stream.local_addr().map_err(Closed::Failed)? == peer {
            return Err(Closed::Failed(ErrorKind::ConnectionRefused.into()));
        }
        self.stage = Stage::Standing;
        Ok(true)
    }

    /// Reads available bytes, about `budget` at most, and appends whole frames to `frames`.
    ///
    /// # Errors
    /// [`Closed`]; frames that came before it are in `frames`.
    pub fn receive(
        &mut self,
        frames: &mut impl TakeFrame,
        budget: usize,
    ) -> Result<Received, Closed> {
        if !self.check_dialed()? {
            return Ok(Received::All);
        }
        let was_handshaking = self.is_handshaking();
        let received = self.receive_frames(frames, budget).map_err(|closed| self.explained(closed));
        if was_handshaking && received.is_ok() {
            self.flush_after_handshake()?;
        }
        received
    }

    fn receive_frames(
        &mut self,
        frames: &mut impl TakeFrame,
        budget: usize,
    ) -> Result<Received, Closed> {
        let mut count = 0;
        while count < budget {
            let piece = self.receive_piece();
            // After each read, so that the decoder never holds more than a frame and one read.
            while let Some(frame) = self.decoder.next_view()? {
                self.is_heard = true;
                frames.take_frame(frame);
            }
            match piece {
                Ok(0) => return Err(Closed::ByPeer),
                Ok(bytes) => count += bytes,
                Err(error) if error.is_would_block() => return Ok(Received::All),
                Err(error) => return Err(closed_by(error)),
            }
        }
        Ok(Received::More)
    }

    /// Hands one read to the decoder; how much that was, 0 at the end.
    fn receive_piece(&mut self) -> Result<usize, StreamError> {
        match &mut self.stream {
            Stream::Tcp(stream) => {
                let mut scratch = [MaybeUninit::uninit(); socket::RECEIVE_BYTES];
                let bytes = socket::receive(stream, &mut scratch)?;
                self.decoder.push(bytes);
                Ok(bytes.len())
            }
            Stream::Tls(stream) => stream.receive(|bytes| self.decoder.push(bytes)),
            Stream::Either(_) => self.receive_first(),
            Stream::Local(stream) => Ok(stream.receive(|bytes| self.decoder.push(bytes))?),
        }
    }

    /// Puts one frame into the output buffer.
    ///
    /// # Errors
    /// [`Closed::Full`].
    pub fn queue<T: Serialize>(&mut self, kind: FrameKind, value: &T) -> Result<(), Closed> {
        self.output.push(kind, value).map_err(|_| Closed::Full)
    }

    /// Sends queued bytes as far as the socket takes them, with `sendmsg(MSG_NOSIGNAL)`: a write to a dead peer must
    /// not kill a host by SIGPIPE.
    ///
    /// # Errors
    /// [`Closed`]; queued bytes are dropped. After [`Closed::ByPeer`] the last bytes that the other side sent may
    /// still be received.
    pub fn flush(&mut self) -> Result<(), Closed> {
        if self.queued_bytes() == 0 || !self.check_dialed()? {
            return Ok(());
        }
        while self.queued_bytes() > 0 {
            let sent = match &mut self.stream {
                Stream::Tcp(stream) => {
                    socket::send(stream, self.output.pending()).map_err(StreamError::from)
                }
                Stream::Tls(stream) => stream.send(self.output.pending()),
                Stream::Either(stream) => {
                    stream.send(self.output.pending()).map_err(StreamError::from)
                }
                Stream::Local(stream) => {
                    stream.send(self.output.pending()).map_err(StreamError::from)
                }
            };
            match sent {
                Ok(count) => self.output.take_sent(count),
                Err(error) if error.is_would_block() => break,
                Err(error) => {
                    self.output.take_sent(self.output.len());
                    return Err(closed_by(error));
                }
            }
        }
        Ok(())
    }

    /// Whether it is to be polled for writing: it does not stand yet, or something waits for room.
    #[must_use]
    pub fn wants_write(&self) -> bool {
        match &self.stream {
            Stream::Local(_) => false,
            _ if self.stage == Stage::Dialing => true,
            Stream::Tcp(_) => !self.output.is_empty(),
            Stream::Either(stream) => stream.takes_plain() && !self.output.is_empty(),
            // Bytes that wait for the handshake wait for the other side, not for room.
            Stream::Tls(stream) => {
                stream.queued_bytes() > 0 || (!self.output.is_empty() && !self.is_handshaking())
            }
        }
    }

    /// Whether it is to be flushed when it is readable: within a process that tells of room, too.
    #[must_use]
    pub fn wants_flush_when_read(&self) -> bool {
        matches!(self.stream, Stream::Local(_)) && !self.output.is_empty()
    }

    /// Bytes that wait to be sent, encrypted or not yet.
    #[must_use]
    pub fn queued_bytes(&self) -> usize {
        self.output.len() + self.encrypted_bytes()
    }

    /// Memory that what waits to be sent takes.
    #[must_use]
    pub fn held_bytes(&self) -> usize {
        self.output.held() + self.encrypted_bytes()
    }

    /// Forgets queued bytes, but for the rest of a frame that was sent in part: later frames come behind that.
    pub fn cut(&mut self) {
        self.output.cut();
    }

    /// Ends our half of the stream; the other side's can still be read.
    pub fn end_stream(&mut self) {
        self.end_tls();
        if let Some(socket) = self.socket() {
            // A peer that is gone needs no end.
            let _ = socket.shutdown(Shutdown::Write);
        }
    }

    /// Sends queued bytes as far as the socket takes them and ends the stream, so that last words arrive before the
    /// end. Gives the socket as [`Connection::into_socket`] does.
    pub fn finish(mut self) -> Option<OwnedFd> {
        // A peer that is gone needs no last words.
        let _ = self.flush();
        self.end_stream();
        self.into_socket()
    }

    /// The socket, for a caller that will close it; `None`: the connection has ended.
    #[must_use]
    pub fn into_socket(self) -> Option<OwnedFd> {
        match self.stream {
            Stream::Tcp(stream) => Some(std::net::TcpStream::from(stream).into()),
            Stream::Tls(stream) => Some(std::net::TcpStream::from(stream.socket).into()),
            Stream::Either(stream) => Some(std::net::TcpStream::from(stream.into_socket()).into()),
            Stream::Local(_) => None,
        }
    }
}

impl AsRawFd for Connection {
    fn as_raw_fd(&self) -> RawFd {
        match &self.stream {
            Stream::Tcp(stream) => stream.as_raw_fd(),
            Stream::Tls(stream) => stream.socket.as_raw_fd(),
            Stream::Either(stream) => stream.socket().as_raw_fd(),
            Stream::Local(stream) => stream.as_raw_fd(),
        }
    }
}

/// A descriptor of memory is always writable; room is reported as readability.
fn without_room(interest: Interest) -> Interest {
    interest.remove(Interest::WRITABLE).unwrap_or(interest)
}

/// Tells the other side's end (also when it shows while writing) from failures between us.
fn closed_by(error: StreamError) -> Closed {
    match error {
        StreamError::Tls(error) => Closed::Tls(error),
        StreamError::Socket(error) => match error.kind() {
            ErrorKind::ConnectionReset | ErrorKind::BrokenPipe => Closed::ByPeer,
            _ => Closed::Failed(error),
        },
    }
}

/// A machine that vanished sends no end of its streams, and on a connection that is silent by right nothing is sent that
/// it would leave unacknowledged. So the kernel asks it once the connection was silent for this long, and ends the
/// connection, unanswered, within a minute of the last sign of life.
const ASKED_AFTER: Duration = Duration::from_secs(30);
const ASKED_EVERY: Duration = Duration::from_secs(10);
const ASKED_TIMES: u32 = 3;

#[cfg(test)]
mod tests;
