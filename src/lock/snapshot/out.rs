//! The writer of pieces: gathers and passes them on in parts, so that a state is never in memory a second
//! time, as bytes.

use super::LENGTH_BYTES;
use crate::base::blob::Sink;
use crate::base::codec;
use serde::Serialize;

pub(super) struct Out<'s> {
    sink: &'s mut dyn Sink,
    /// Bytes not passed on yet.
    gathered: Vec<u8>,
    /// The failure of the sink, after which nothing is passed on.
    failure: Option<String>,
}

impl<'s> Out<'s> {
    pub(super) fn new(sink: &'s mut dyn Sink) -> Self {
        Self { sink, gathered: Vec::new(), failure: None }
    }

    pub(super) fn put(&mut self, bytes: &[u8]) {
        self.gathered.extend_from_slice(bytes);
    }

    /// Passes on the rest.
    pub(super) fn finish(mut self) -> Result<(), String> {
        self.hand_on();
        self.failure.map_or(Ok(()), Err)
    }

    fn hand_on(&mut self) {
        if self.failure.is_none() {
            self.failure = self.sink.put(&self.gathered).err();
        }
        self.gathered.clear();
    }
}

/// Appends one piece behind its length.
pub(super) fn push<T: Serialize>(out: &mut Out<'_>, piece: &T) {
    let bytes = &mut out.gathered;
    let start = bytes.len();
    bytes.extend_from_slice(&[0; LENGTH_BYTES]);
    codec::encode_into(piece, bytes).expect("a piece is far below the codec's limit");
    let length = bytes.len() - start - LENGTH_BYTES;
    let length = u32::try_from(length).expect("below the codec's limit");
    bytes[start..start + LENGTH_BYTES].copy_from_slice(&length.to_le_bytes());
    if bytes.len() >= PART_BYTES {
        out.hand_on();
    }
}

/// The least length of a part, but for the last.
const PART_BYTES: usize = 256 << 10;
