//! One TLS connection without a socket: bytes in, bytes out.
//!
//! Nothing of what came is left inside: who is told of input by edges is not told again of what has been read. And nothing
//! of what is to be sent is: all of it stands in one buffer of ours, so that bounds count it.

use super::error::TlsError;
use super::sides::Judge;
use super::standing::Standing;
use super::trust;
use crate::base::{Principal, Sample};
use crate::sys::clock;
use rustls::Connection;
use rustls::pki_types::UnixTime;
use rustls::time_provider::TimeProvider;
use std::fmt;
use std::io::{BufRead, Write};
use std::sync::Arc;

/// One side of it.
pub(in crate::net) struct Session {
    tls: Connection,
    /// What is to be sent, encrypted.
    output: Vec<u8>,
    /// Bytes at its front that were sent already.
    sent: usize,
    /// The other side has said that nothing more comes.
    has_ended: bool,
    /// Something that is TLS has come.
    is_spoken: bool,
    /// What has come before the handshake was over, in bytes.
    heard: usize,
    /// Who the other side is, once that is known, if it is anybody that we know.
    peer: Option<Principal>,
    /// How long its certificate is good, once that is known.
    standing: Option<Standing>,
    /// The wall clock, of which the end of the handshake is told.
    clock: Arc<dyn TimeProvider>,
}

impl Session {
    /// What whoever dials begins with is to be sent at once.
    pub(super) fn new(tls: Connection, clock: Arc<dyn TimeProvider>) -> Self {
        let (output, sent) = (Vec::new(), 0);
        let (has_ended, is_spoken) = (false, false);
        let (peer, standing) = (None, None);
        let mut session =
            Self { tls, output, sent, has_ended, is_spoken, heard: 0, peer, standing, clock };
        session.collect();
        session
    }

    /// Whether the two ends do not know each other yet.
    pub(in crate::net) fn is_handshaking(&self) -> bool {
        self.tls.is_handshaking()
    }

    /// Whether the other side has said that nothing more comes.
    pub(in crate::net) fn has_ended(&self) -> bool {
        self.has_ended
    }

    /// Who the other side is; `None`: not known yet, or nobody that we know.
    pub(in crate::net) fn peer(&self) -> Option<&Principal> {
        self.peer.as_ref()
    }

    /// Why whoever dialed is hung up on before both ends know each other; `None`: that is no riddle.
    pub(in crate::net) fn explained(&self) -> Option<TlsError> {
        let is_riddle = self.is_handshaking() && matches!(self.tls, Connection::Client(_));
        is_riddle.then_some(if self.is_spoken { TlsError::BrokenOff } else { TlsError::HungUp })
    }

    /// Takes all bytes that came, and hands all that they say to `take`.
    ///
    /// # Errors
    /// The connection is of no use any more; what the other side is to be told of it is to be sent.
    pub(in crate::net) fn receive(
        &mut self,
        mut bytes: &[u8],
        mut take: impl FnMut(&[u8]),
    ) -> Result<(), TlsError> {
        if self.is_handshaking() {
            // The last of it may have come with what follows it.
            if self.heard > HANDSHAKE_BYTES_MAX {
                return Err(TlsError::Endless);
            }
            self.heard += bytes.len();
        }
        while !bytes.is_empty() && !self.has_ended {
            let received = self.receive_piece(&mut bytes, &mut take);
            // Answers of the handshake, and why it has failed.
            self.collect();
            received?;
        }
        Ok(())
    }

    fn receive_piece(
        &mut self,
        bytes: &mut &[u8],
        take: &mut impl FnMut(&[u8]),
    ) -> Result<(), TlsError> {
        let failed = |error: std::io::Error| TlsError::Failed(error.to_string());
        let was_handshaking = self.is_handshaking();
        self.tls.read_tls(bytes).map_err(failed)?;
        let state = match self.tls.process_new_packets() {
            Ok(state) => state,
            Err(error) if !self.is_spoken => return Err(TlsError::of_first_bytes(error)),
            Err(error) => return Err(error.into()),
        };
        self.is_spoken |= !self.tls.wants_write() || !self.tls.is_handshaking();
        let mut left = state.plaintext_bytes_to_read();
        while left > 0 {
            let mut reader = self.tls.reader();
            let chunk = reader.fill_buf().map_err(failed)?;
            let count = chunk.len();
            take(chunk);
            reader.consume(count);
            left -= count;
        }
        self.has_ended = state.peer_has_closed();
        if was_handshaking && !self.is_handshaking() {
            let shown = self.tls.peer_certificates().unwrap_or_default();
            self.peer = shown.first().and_then(trust::principal_of);
            let wall = self.clock.current_time().unwrap_or_else(UnixTime::now);
            // Whoever shows a credential has no certificate that ends.
            self.standing =
                (!shown.is_empty()).then(|| Standing::begin(shown, wall, clock::sample()));
        }
        Ok(())
    }

    /// Whether it was dialed by us.
    pub(in crate::net) fn is_dialed(&self) -> bool {
        matches!(self.tls, Connection::Client(_))
    }

    /// When the certificate of the other side is to be looked at again, as a reading of BOOTTIME; `u64::MAX`: nobody is known.
    pub(in crate::net) fn ends_at(&self) -> u64 {
        self.standing.as_ref().map_or(u64::MAX, Standing::ends_at)
    }

    /// Whether the certificate of the other side has ended since the handshake.
    pub(in crate::net) fn is_over(&self, now: &Sample) -> bool {
        self.standing.is_some_and(|standing| standing.is_over(now))
    }

    /// Whether a handshake would still end well by what `judge` trusts today. One that lasts is judged by its end.
    ///
    /// # Errors
    /// What is wrong with the certificate of the other side.
    pub(in crate::net) fn examine(&self, judge: Judge<'_>, now: &Sample) -> Result<(), TlsError> {
        let Some(standing) = &self.standing else { return Ok(()) };
        let Some((first, others)) = self.tls.peer_certificates().and_then(<[_]>::split_first)
        else {
            return Err(TlsError::NoCertificate);
        };
        judge.verify(first, others, standing.wall(now)).map_err(TlsError::from)
    }

    /// Encrypts what of `bytes` may be sent now; how much that was. Nothing before the other side is known.
    pub(in crate::net) fn encrypt(&mut self, bytes: &[u8]) -> Result<usize, TlsError> {
        if self.is_handshaking() {
            return Ok(0);
        }
        let piece = &bytes[..bytes.len().min(PIECE_BYTES)];
        let failed = |error: std::io::Error| TlsError::Failed(error.to_string());
        let count = self.tls.writer().write(piece).map_err(failed)?;
        self.collect();
        Ok(count)
    }

    /// Tells the other side that nothing more comes.
    pub(in crate::net) fn end(&mut self) {
        self.tls.send_close_notify();
        self.collect();
    }

    /// What is to be sent next.
    pub(in crate::net) fn pending(&self) -> &[u8] {
        &self.output[self.sent..]
    }

    /// Takes away `count` bytes that the socket took.
    pub(in crate::net) fn take_sent(&mut self, count: usize) {
        self.sent += count;
        assert!(self.sent <= self.output.len(), "{count} bytes sent of fewer");
        if self.pending().is_empty() {
            self.output.clear();
            self.sent = 0;
            // There may be a hundred thousand connections.
            self.output.shrink_to(KEPT_BYTES);
        }
    }

    /// All that TLS wants to send, into our buffer.
    fn collect(&mut self) {
        while self.tls.wants_write() {
            self.tls.write_tls(&mut self.output).expect("memory takes all");
        }
    }
}

/// Without the bytes, and without the keys.
impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Session({} bytes)", self.pending().len())
    }
}

/// What is encrypted at a time: what waits encrypted stays little more than the socket takes.
const PIECE_BYTES: usize = 32 << 10;
/// What whoever is not known may say: chains of certificates have a few thousand bytes.
const HANDSHAKE_BYTES_MAX: usize = 32 << 10;
/// Memory that an empty buffer keeps.
const KEPT_BYTES: usize = 4 << 10;
