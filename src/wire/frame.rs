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

use crate::base::limits::FRAME_BYTES_MAX;
use crate::base::{checksum, codec};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt;

/// Bytes before the body.
pub const FRAME_HEADER_BYTES: usize = 12;
/// The version that this program speaks.
pub const PROTOCOL_VERSION: u8 = 1;

/// The part of the header that the checksum covers.
const CHECKED_HEADER_BYTES: usize = 8;

const _: () = assert!(FRAME_BYTES_MAX <= u32::MAX as usize);

macro_rules! frame_kinds {
    ($($(#[$doc:meta])* $name:ident = $number:literal,)*) => {
        /// What a frame's body is. Numbers are never reused.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u8)]
        pub enum FrameKind {
            $($(#[$doc])* $name = $number,)*
        }

        impl TryFrom<u8> for FrameKind {
            type Error = FrameError;

            fn try_from(number: u8) -> Result<Self, FrameError> {
                match number {
                    $($number => Ok(Self::$name),)*
                    _ => Err(FrameError::Kind(number)),
                }
            }
        }
    };
}

frame_kinds! {
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
    /// Body: [`crate::wire::Values`] of a [`crate::wire::Hello`]; the first frame of whoever dialed, peer or client.
    Hello = 6,
    /// Body: [`crate::wire::Values`]; answers `Hello`.
    Welcome = 7,
    /// Body: [`crate::wire::Values`] of a [`crate::wire::Challenge`]; answers the `Hello` of a peer that is not known.
    Challenge = 8,
    /// Body: [`crate::wire::Values`] of a [`crate::wire::Proof`]; answers `Challenge`, and `Welcome` answers it.
    Proof = 9,
    /// Body: [`crate::wire::PeerMessage`].
    Peer = 16,
    /// Body: [`crate::wire::Request`].
    Request = 32,
    /// Body: [`crate::wire::ServerMessage`].
    Server = 33,
}

/// One frame, checked, of which somebody else has the bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct FrameView<'a> {
    /// What the body is.
    pub kind: FrameKind,
    /// The encoded value.
    pub body: &'a [u8],
}

/// One frame, checked.
#[derive(Clone, PartialEq, Eq)]
pub struct Frame {
    /// What the body is.
    pub kind: FrameKind,
    /// The encoded value.
    pub body: Vec<u8>,
}

/// Without the body: a session's key may be in it.
impl fmt::Debug for FrameView<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Frame({:?}, {} bytes)", self.kind, self.body.len())
    }
}

/// As of its view.
impl fmt::Debug for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.view().fmt(f)
    }
}

impl FrameView<'_> {
    /// The value in the body.
    ///
    /// # Errors
    /// [`FrameError::Body`].
    pub fn decode<T: DeserializeOwned>(&self) -> Result<T, FrameError> {
        codec::decode(self.body).map_err(|error| FrameError::Body(error.to_string()))
    }
}

impl Frame {
    /// The frame without its bytes.
    #[must_use]
    pub fn view(&self) -> FrameView<'_> {
        FrameView { kind: self.kind, body: &self.body }
    }

    /// The value in the body.
    ///
    /// # Errors
    /// [`FrameError::Body`].
    pub fn decode<T: DeserializeOwned>(&self) -> Result<T, FrameError> {
        self.view().decode()
    }
}

impl From<FrameView<'_>> for Frame {
    fn from(view: FrameView<'_>) -> Self {
        Self { kind: view.kind, body: view.body.to_vec() }
    }
}

/// What takes frames as they come.
pub trait TakeFrame {
    /// Takes one.
    fn take_frame(&mut self, frame: FrameView<'_>);
}

impl TakeFrame for Vec<Frame> {
    fn take_frame(&mut self, frame: FrameView<'_>) {
        self.push(frame.into());
    }
}

/// Bytes that are no frame of ours. The connection is closed, and counted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// Longer than any frame, or empty.
    #[error("a frame of {0} bytes is not allowed")]
    Length(u32),
    /// Another version.
    #[error(
        "it sent a frame of protocol version {0}; tenure {version} speaks version {PROTOCOL_VERSION}: run versions that \
         may stand in one cluster",
        version = env!("CARGO_PKG_VERSION")
    )]
    Version(u8),
    /// An unknown kind.
    #[error(
        "it sent a frame of kind {0}, which tenure {version} does not know: run versions that may stand in one cluster",
        version = env!("CARGO_PKG_VERSION")
    )]
    Kind(u8),
    /// Flags of a later version are set.
    #[error("unknown frame flags {0:#06x}")]
    Flags(u16),
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
pub fn encode_frame<T: Serialize>(kind: FrameKind, value: &T, out: &mut Vec<u8>) {
    let start = out.len();
    out.extend_from_slice(&[0; FRAME_HEADER_BYTES]);
    if let Err(error) = codec::encode_into(value, out) {
        panic!("a {kind:?} frame is larger than any frame may be: {error}");
    }
    let (header, body) = out[start..].split_at_mut(FRAME_HEADER_BYTES);
    let length = u32::try_from(body.len()).expect("the codec bounds what it encodes");
    header[..4].copy_from_slice(&length.to_le_bytes());
    header[4] = PROTOCOL_VERSION;
    header[5] = kind as u8;
    let crc = frame_checksum(&header[..CHECKED_HEADER_BYTES], body);
    header[CHECKED_HEADER_BYTES..].copy_from_slice(&crc.to_le_bytes());
}

/// Cuts a stream of bytes into frames. Holds at most one frame and what was read beyond it; memory grows
/// with the bytes that came, never with the length that they declare.
#[derive(Default)]
pub struct FrameDecoder {
    buffer: Vec<u8>,
    /// Bytes at the front of `buffer` that were given out already.
    taken: usize,
    /// Memory that it keeps once it is empty, if that is more than [`KEPT_BYTES`].
    kept: usize,
}

/// Without the bytes: a session's key may be among them.
impl fmt::Debug for FrameDecoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FrameDecoder({} bytes)", self.buffer.len() - self.taken)
    }
}

impl FrameDecoder {
    /// An empty decoder.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Keeps room for so many bytes once it is empty, for a connection that always has much to say.
    pub fn keep(&mut self, bytes: usize) {
        self.kept = bytes;
    }

    /// Takes bytes as they came.
    pub fn push(&mut self, bytes: &[u8]) {
        self.discard_taken();
        self.buffer.extend_from_slice(bytes);
    }

    /// As [`Self::next_view`], with bytes of its own.
    ///
    /// # Errors
    /// As for [`Self::next_view`].
    pub fn next_frame(&mut self) -> Result<Option<Frame>, FrameError> {
        Ok(self.next_view()?.map(Frame::from))
    }

    /// The next whole frame; `None` until more bytes come. Each part of the header is checked as soon as
    /// it is there, so that a stranger is refused by its first bytes.
    ///
    /// # Errors
    /// [`FrameError`]; the stream is of no use any more.
    pub fn next_view(&mut self) -> Result<Option<FrameView<'_>>, FrameError> {
        let bytes = &self.buffer[self.taken..];
        let Some(header) = check_header(bytes)? else { return Ok(None) };
        let end = FRAME_HEADER_BYTES + header.length;
        if bytes.len() < end {
            return Ok(None);
        }
        let body = &bytes[FRAME_HEADER_BYTES..end];
        if frame_checksum(&bytes[..CHECKED_HEADER_BYTES], body) != header.crc {
            return Err(FrameError::Checksum);
        }
        self.taken += end;
        Ok(Some(FrameView { kind: header.kind, body }))
    }

    /// What has come behind the last frame.
    #[must_use]
    pub fn unread(&self) -> &[u8] {
        &self.buffer[self.taken..]
    }

    /// Bytes held.
    #[must_use]
    pub fn buffered(&self) -> usize {
        self.buffer.len() - self.taken
    }

    /// Moves what is left to the front, at most once per push, and gives back the memory of a large frame
    /// once it is gone: ten thousand idle connections must stay small.
    fn discard_taken(&mut self) {
        if self.taken == self.buffer.len() {
            self.buffer.clear();
            self.buffer.shrink_to(KEPT_BYTES.max(self.kept));
        } else {
            self.buffer.drain(..self.taken);
        }
        self.taken = 0;
    }
}

/// A header whose every field is allowed.
struct Header {
    length: usize,
    kind: FrameKind,
    crc: u32,
}

/// Checks as much of the header as `bytes` hold; `None` until all of it is there.
fn check_header(bytes: &[u8]) -> Result<Option<Header>, FrameError> {
    let Some(length) = bytes.first_chunk::<4>() else { return Ok(None) };
    let length = u32::from_le_bytes(*length);
    if length == 0 || length as usize > FRAME_BYTES_MAX {
        return Err(FrameError::Length(length));
    }
    let Some(version) = bytes.get(4) else { return Ok(None) };
    if *version != PROTOCOL_VERSION {
        return Err(FrameError::Version(*version));
    }
    let Some(kind) = bytes.get(5) else { return Ok(None) };
    let kind = FrameKind::try_from(*kind)?;
    let Some(header) = bytes.first_chunk::<FRAME_HEADER_BYTES>() else { return Ok(None) };
    let flags = u16::from_le_bytes([header[6], header[7]]);
    if flags != 0 {
        return Err(FrameError::Flags(flags));
    }
    let crc = u32::from_le_bytes([header[8], header[9], header[10], header[11]]);
    Ok(Some(Header { length: length as usize, kind, crc }))
}

fn frame_checksum(header: &[u8], body: &[u8]) -> u32 {
    checksum::extend(checksum::crc32c(header), body)
}

/// Memory that an empty decoder keeps for the next frames.
const KEPT_BYTES: usize = 8 << 10;

mod frames;

pub use frames::Frames;

#[cfg(test)]
mod tests;
