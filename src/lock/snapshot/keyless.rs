//! A snapshot as it is handed to whoever asks: without the key of the cluster, which a restore drops anyway.

use super::{KEY_LEVEL, LENGTH_BYTES};
use crate::base::{Blob, checksum};
use std::ops::Range;

/// Where the key stands in the bytes of a snapshot. Without it they are as long as with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keyless {
    /// None below the level from which on there is one.
    key: Range<usize>,
}

impl Keyless {
    /// Of the bytes that [`LockMachine::encode`](crate::lock::LockMachine::encode) gave.
    ///
    /// # Errors
    /// A sentence: they cannot be read.
    pub fn of(blob: &Blob) -> Result<Self, String> {
        let start = blob.part(0..START_BYTES_MAX)?;
        Ok(Self { key: key_piece(&start).unwrap_or(0..0) })
    }

    /// The bytes in `range`, as far as there are: what is of the key reads "there is none".
    ///
    /// # Errors
    /// A sentence: they cannot be read.
    pub fn part(&self, blob: &Blob, range: Range<u64>) -> Result<Vec<u8>, String> {
        let mut part = blob.part(range.clone())?;
        let place = |at: usize| {
            let at = (at as u64).saturating_sub(range.start);
            usize::try_from(at).map_or(part.len(), |at| at.min(part.len()))
        };
        let key = place(self.key.start)..place(self.key.end);
        part[key].fill(0);
        Ok(part)
    }

    /// The checksum of all of them.
    ///
    /// # Errors
    /// A sentence: they cannot be read.
    pub fn crc(&self, blob: &Blob) -> Result<u32, String> {
        let end = self.key.end as u64;
        let with = checksum::crc32c(&blob.part(0..end)?);
        let without = checksum::crc32c(&self.part(blob, 0..end)?);
        Ok(checksum::with_other_start(blob.crc(), with, without, blob.len() - end))
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

/// The key's piece lies in so many bytes: what stands before is a few numbers.
const START_BYTES_MAX: u64 = 4096;
