//! One end of a line as a process sees it: frames, and how far the handshake is.

use crate::base::{ClusterId, ConnectionId, NodeId};
use crate::sim::network::Side;
use crate::wire::{ClientHello, Frame, FrameDecoder, FrameError, FrameKind, encode_frame};
use serde::Serialize;

/// How far a server's conversation is, and with whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Dialed; not accepted yet.
    Dialing(NodeId),
    /// The hello is sent; the welcome is awaited.
    Greeting(NodeId),
    /// Accepted; the hello is awaited.
    Unknown,
    /// A peer.
    Peer(NodeId),
    /// A client.
    Client(ConnectionId),
}

/// One end of a line at a server.
#[derive(Debug)]
pub struct Talk {
    /// Which end.
    pub side: Side,
    /// How far.
    pub stage: Stage,
    /// When the handshake must be over.
    pub deadline: u64,
    decoder: FrameDecoder,
}

impl Talk {
    /// A conversation that begins at `now`.
    #[must_use]
    pub fn new(side: Side, stage: Stage, now: u64) -> Self {
        let deadline = now + HANDSHAKE_NANOS;
        Self { side, stage, deadline, decoder: FrameDecoder::new() }
    }

    /// The handshake is over.
    pub fn establish(&mut self, stage: Stage) {
        (self.stage, self.deadline) = (stage, u64::MAX);
    }

    /// Puts the frames that `bytes` complete into `frames`.
    ///
    /// # Errors
    /// Bytes that are no frames.
    pub fn read(&mut self, bytes: &[u8], frames: &mut Vec<Frame>) -> Result<(), FrameError> {
        read_frames(&mut self.decoder, bytes, frames)
    }
}

/// Puts the frames that `bytes` complete into `frames`; fed in two pieces, since streams have no borders.
///
/// # Errors
/// Bytes that are no frames.
pub fn read_frames(
    decoder: &mut FrameDecoder,
    bytes: &[u8],
    frames: &mut Vec<Frame>,
) -> Result<(), FrameError> {
    let (first, second) = bytes.split_at(bytes.len() / 3);
    for piece in [first, second] {
        decoder.push(piece);
        while let Some(frame) = decoder.next_frame()? {
            frames.push(frame);
        }
    }
    Ok(())
}

/// One frame.
pub fn frame<T: Serialize>(kind: FrameKind, value: &T) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(128);
    encode_frame(kind, value, &mut bytes);
    bytes
}

/// The first frame of a client of that name, which knew `cluster`.
pub fn client_hello(client: &str, cluster: Option<ClusterId>) -> Vec<u8> {
    frame(FrameKind::ClientHello, &ClientHello { client: client.to_owned(), cluster })
}

const HANDSHAKE_NANOS: u64 = 1_500_000_000;
