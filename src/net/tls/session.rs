//! One TLS connection without a socket: bytes in, bytes out.
//!
//! No received bytes stay inside: edge-triggered polling would not report them again. No bytes to
//! send stay inside either: all are in one buffer of ours, so that bounds count them.

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

/// One side of a TLS connection.
pub(in crate::net) struct Session {
    tls: Connection,
    /// Ciphertext to send.
    output: Vec<u8>,
    /// How many bytes at the front of `output` were sent already.
    sent: usize,
    /// The peer has sent close_notify.
    has_ended: bool,
    /// Valid TLS was received.
    is_spoken: bool,
    /// Bytes received before the handshake was over.
    heard: usize,
    /// The peer's principal, once known; `None` for a peer without a certificate of ours.
    peer: Option<Principal>,
    /// The remaining validity of the peer's certificate, once known.
    standing: Option<Standing>,
    /// The wall clock, read at the end of the handshake.
    clock: Arc<dyn TimeProvider>,
}

impl Session {
    /// A new session; a dialer's first message is in the output at once.
    pub(super) fn new(tls: Connection, clock: Arc<dyn TimeProvider>) -> Self {
        let (output, sent) = (Vec::new(), 0);
        let (has_ended, is_spoken) = (false, false);
        let (peer, standing) = (None, None);
        let mut session =
            Self { tls, output, sent, has_ended, is_spoken, heard: 0, peer, standing, clock };
        session.collect();
        session
    }

    /// Whether the handshake is under way.
    pub(in crate::net) fn is_handshaking(&self) -> bool {
        self.tls.is_handshaking()
    }

    /// Whether the peer has ended its side (close_notify).
    pub(in crate::net) fn has_ended(&self) -> bool {
        self.has_ended
    }

    /// The peer's principal; `None`: not known yet, or no certificate of ours.
    pub(in crate::net) fn peer(&self) -> Option<&Principal> {
        self.peer.as_ref()
    }

    /// The likely reason why the peer closed during the handshake; `None`: there is nothing to
    /// explain.
    pub(in crate::net) fn explained(&self) -> Option<TlsError> {
        let is_riddle = self.is_handshaking() && matches!(self.tls, Connection::Client(_));
        is_riddle.then_some(if self.is_spoken { TlsError::BrokenOff } else { TlsError::HungUp })
    }

    /// Takes received bytes, and hands their plaintext to `take`.
    ///
    /// # Errors
    /// The connection is dead; an alert for the peer is in the output.
    pub(in crate::net) fn receive(
        &mut self,
        mut bytes: &[u8],
        mut take: impl FnMut(&[u8]),
    ) -> Result<(), TlsError> {
        if self.is_handshaking() {
            // The end of the handshake may have come with the bytes that follow it.
            if self.heard > HANDSHAKE_BYTES_MAX {
                return Err(TlsError::Endless);
            }
            self.heard += bytes.len();
        }
        while !bytes.is_empty() && !self.has_ended {
            let received = self.receive_piece(&mut bytes, &mut take);
            // Answers of the handshake, or the alert of its failure.
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
            // A client with a credential has no certificate that ends.
            self.standing =
                (!shown.is_empty()).then(|| Standing::begin(shown, wall, clock::sample()));
        }
        Ok(())
    }

    /// Whether we dialed.
    pub(in crate::net) fn is_dialed(&self) -> bool {
        matches!(self.tls, Connection::Client(_))
    }

    /// When to check the peer's certificate again, as a reading of BOOTTIME; `u64::MAX`: there is
    /// no certificate.
    pub(in crate::net) fn ends_at(&self) -> u64 {
        self.standing.as_ref().map_or(u64::MAX, Standing::ends_at)
    }

    /// Whether the peer's certificate has expired since the handshake.
    pub(in crate::net) fn is_over(&self, now: &Sample) -> bool {
        self.standing.is_some_and(|standing| standing.is_over(now))
    }

    /// Verifies the peer's certificate again by the present trust of `judge`. A handshake that is
    /// under way is judged at its end.
    ///
    /// # Errors
    /// What is wrong with the peer's certificate.
    pub(in crate::net) fn examine(&self, judge: Judge<'_>, now: &Sample) -> Result<(), TlsError> {
        let Some(standing) = &self.standing else { return Ok(()) };
        let Some((first, others)) = self.tls.peer_certificates().and_then(<[_]>::split_first)
        else {
            return Err(TlsError::NoCertificate);
        };
        judge.verify(first, others, standing.wall(now)).map_err(TlsError::from)
    }

    /// Encrypts as much of `bytes` as may be sent now; gives the length. 0 before the peer is
    /// known.
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

    /// Tells the peer that no more bytes follow (close_notify).
    pub(in crate::net) fn end(&mut self) {
        self.tls.send_close_notify();
        self.collect();
    }

    /// The ciphertext to send next.
    pub(in crate::net) fn pending(&self) -> &[u8] {
        &self.output[self.sent..]
    }

    /// Drops `count` bytes that the socket took.
    pub(in crate::net) fn take_sent(&mut self, count: usize) {
        self.sent += count;
        assert!(self.sent <= self.output.len(), "{count} bytes sent of fewer");
        if self.pending().is_empty() {
            self.output.clear();
            self.sent = 0;
            // Memory counts: there may be a hundred thousand connections.
            self.output.shrink_to(KEPT_BYTES);
        }
    }

    /// Moves all ciphertext of the library into our buffer.
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

/// Bytes encrypted at a time, so that waiting ciphertext is little more than the socket takes.
const PIECE_BYTES: usize = 32 << 10;
/// The bytes that an unknown peer may send: chains of certificates have a few thousand.
const HANDSHAKE_BYTES_MAX: usize = 32 << 10;
/// Memory that an empty buffer keeps.
const KEPT_BYTES: usize = 4 << 10;
