//! A snapshot as it is handed to whoever asks: without the key of the cluster, which a restore drops anyway.

use super::{KEY_LEVEL, LENGTH_BYTES};
use crate::base::checksum;
use std::ops::Range;

/// Where the key stands in the bytes of a snapshot. Without it they are as long as with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keyless {
    /// None below the level from which on there is one.
    key: Range<usize>,
}

impl Keyless {
    /// Of the bytes that [`LockMachine::encode`](crate::lock::LockMachine::encode) gave.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self { key: key_piece(bytes).unwrap_or(0..0) }
    }

    /// The bytes in `range`, which lies in them: what is of the key reads "there is none".
    #[must_use]
    pub fn part(&self, bytes: &[u8], range: Range<usize>) -> Vec<u8> {
        let mut part = bytes[range.clone()].to_vec();
        let (from, to) = (self.key.start.max(range.start), self.key.end.min(range.end));
        if from < to {
            part[from - range.start..to - range.start].fill(0);
        }
        part
    }

    /// The checksum of all of them, of which `crc` is that with the key.
    #[must_use]
    pub fn crc(&self, bytes: &[u8], crc: u32) -> u32 {
        let end = self.key.end;
        let without = checksum::crc32c(&self.part(bytes, 0..end));
        checksum::with_other_start(crc, checksum::crc32c(&bytes[..end]), without, bytes.len() - end)
    }
}

/// Behind the format and the head.
fn key_piece(bytes: &[u8]) -> Option<Range<usize>> {
    let number = |at: usize| {
        let bytes: [u8; 4] = bytes.get(at..at + LENGTH_BYTES)?.try_into().ok()?;
        Some(u32::from_le_bytes(bytes))
    };
    if number(0)? < KEY_LEVEL {
        return None;
    }
    let at = 2 * LENGTH_BYTES + number(LENGTH_BYTES)? as usize;
    let piece = at + LENGTH_BYTES..at + LENGTH_BYTES + number(at)? as usize;
    bytes.get(piece.clone()).map(|_| piece)
}
