//! The unit on the wire: a 12-byte header, then a body.
//!
//! ```text
//! 0   u32  length of the body, at most FRAME_BYTES_MAX
//! 4   u8   protocol version
//! 5   u8   kind
//! 6   u16  zero
//! 8   u32  CRC-32C of bytes 0..8 and the body
//! 12  body
//! ```
//! All little-endian. The length is checked before anything is allocated (faults H4–H6, NT25).

use serde::Serialize;
use serde::de::DeserializeOwned;

/// Bytes before the body.
pub const FRAME_HEADER_BYTES: usize = 12;
/// The version that this program speaks.
pub const PROTOCOL_VERSION: u8 = 1;

/// What a frame's body is. Numbers are never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum FrameKind {
    /// Body: [`crate::wire::PeerHello`]; the first frame of a peer that dialed.
    PeerHello = 1,
    /// Body: [`crate::wire::PeerHello`] of the peer that was dialed.
    PeerWelcome = 2,
    /// Body: [`crate::wire::ClientHello`]; the first frame of a client.
    ClientHello = 3,
    /// Body: [`crate::wire::ClientWelcome`].
    ClientWelcome = 4,
    /// Body: [`crate::wire::Refused`]; the sender closes after it.
    Refused = 5,
    /// Body: [`crate::wire::PeerMessage`].
    Peer = 16,
    /// Body: [`crate::wire::Request`].
    Request = 32,
    /// Body: [`crate::wire::ServerMessage`].
    Server = 33,
}

/// One frame, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// What the body is.
    pub kind: FrameKind,
    /// The encoded value.
    pub body: Vec<u8>,
}

#[allow(unused_variables)]
impl Frame {
    /// The value in the body.
    ///
    /// # Errors
    /// [`FrameError::Body`].
    pub fn decode<T: DeserializeOwned>(&self) -> Result<T, FrameError> {
        todo!()
    }
}

/// Bytes that are no frame of ours. The connection is closed, and counted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// Longer than any frame, or empty.
    #[error("a frame of {0} bytes is not allowed")]
    Length(u32),
    /// Another version.
    #[error("protocol version {0} is not supported (this is {PROTOCOL_VERSION})")]
    Version(u8),
    /// An unknown kind, or flags set.
    #[error("unknown frame kind {0}")]
    Kind(u8),
    /// The bytes are damaged, or not ours.
    #[error("the checksum is wrong")]
    Checksum,
    /// The body is not what its kind says.
    #[error("the body does not decode: {0}")]
    Body(String),
}

/// Appends one frame with the encoding of `value` to `out`.
///
/// # Panics
/// If the encoding is larger than a frame may be: callers bound what they put in.
#[allow(unused_variables)]
pub fn encode_frame<T: Serialize>(kind: FrameKind, value: &T, out: &mut Vec<u8>) {
    todo!()
}

/// Cuts a stream of bytes into frames. Holds at most one frame and what was read beyond it.
#[derive(Debug, Default)]
pub struct FrameDecoder {}

#[allow(unused_variables)]
impl FrameDecoder {
    /// An empty decoder.
    #[must_use]
    pub fn new() -> Self {
        todo!()
    }

    /// Takes bytes as they came.
    pub fn push(&mut self, bytes: &[u8]) {
        todo!()
    }

    /// The next whole frame; `None` until more bytes come.
    ///
    /// # Errors
    /// [`FrameError`]; the stream is of no use any more.
    pub fn next_frame(&mut self) -> Result<Option<Frame>, FrameError> {
        todo!()
    }

    /// Bytes held.
    #[must_use]
    pub fn buffered(&self) -> usize {
        todo!()
    }
}
