//! A blob: many bytes that do not change any more, in memory or in a file that is read in parts.
//!
//! The state of a large cluster as bytes is too much to be kept in memory beside the state: a blob on a disk stays
//! there.

use super::checksum;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

/// Bytes that can be read at any place: in memory, or in a file.
pub trait ReadAt: fmt::Debug + Send + Sync {
    /// Fills all of `into` with what stands from `offset` on.
    ///
    /// # Errors
    /// A sentence: it cannot be read, or ends before.
    fn read_at(&self, offset: u64, into: &mut [u8]) -> Result<(), String>;
}

/// Where many bytes go, one behind the other, and what has them then.
pub trait Sink {
    /// Appends `bytes`.
    ///
    /// # Errors
    /// A sentence. Nothing more can be appended.
    fn put(&mut self, bytes: &[u8]) -> Result<(), String>;

    /// All that was put there.
    ///
    /// # Errors
    /// A sentence: it cannot be read.
    fn read_back(&mut self) -> Result<Blob, String>;
}

/// Why there are no bytes for a [`Sink`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unmade {
    /// Their source is malformed, or the sink takes no more, for this reason.
    Refused(String),
    /// Their source is stored here and cannot be read, for this reason.
    Unreadable(String),
}

/// Bytes, how many they are, and their checksum. A clone shares them.
#[derive(Clone)]
pub struct Blob {
    length: u64,
    crc: u32,
    place: Place,
}

#[derive(Clone)]
enum Place {
    Memory(Arc<Vec<u8>>),
    /// From this offset on.
    Stored(Arc<dyn ReadAt>, u64),
}

impl Blob {
    /// Bytes of which the checksum is known.
    #[must_use]
    pub fn with_crc(bytes: Vec<u8>, crc: u32) -> Self {
        Self { length: bytes.len() as u64, crc, place: Place::Memory(Arc::new(bytes)) }
    }

    /// The bytes in `range` of `file`, with their checksum.
    #[must_use]
    pub fn stored(file: Arc<dyn ReadAt>, range: Range<u64>, crc: u32) -> Self {
        let length = range.end - range.start;
        Self { length, crc, place: Place::Stored(file, range.start) }
    }

    /// Number of bytes.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.length
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// The CRC-32C of all.
    #[must_use]
    pub fn crc(&self) -> u32 {
        self.crc
    }

    /// The bytes in `range`, as far as there are any.
    ///
    /// # Errors
    /// A sentence: they cannot be read.
    pub fn part(&self, range: Range<u64>) -> Result<Vec<u8>, String> {
        let (from, to) = (range.start.min(self.length), range.end.min(self.length));
        let mut part = vec![0; usize::try_from(to.saturating_sub(from)).unwrap_or(usize::MAX)];
        self.read_at(from, &mut part)?;
        Ok(part)
    }

    /// All of them.
    ///
    /// # Errors
    /// A sentence: they cannot be read.
    pub fn to_vec(&self) -> Result<Vec<u8>, String> {
        self.part(0..self.length)
    }

    /// All of them in parts, one behind the other.
    ///
    /// # Errors
    /// A sentence: they cannot be read; or what `take` says.
    pub fn each_part(
        &self,
        mut take: impl FnMut(&[u8]) -> Result<(), String>,
    ) -> Result<(), String> {
        let mut from = 0;
        while from < self.length {
            let part = self.part(from..from + PART_BYTES)?;
            take(&part)?;
            from += part.len() as u64;
        }
        Ok(())
    }

    fn is_same(&self, other: &Self) -> Result<bool, String> {
        let mut from = 0;
        self.each_part(|part| {
            let end = from + part.len() as u64;
            let is_same = other.part(from..end)? == part;
            from = end;
            is_same.then_some(()).ok_or_else(String::new)
        })?;
        Ok(true)
    }
}

impl ReadAt for Blob {
    fn read_at(&self, offset: u64, into: &mut [u8]) -> Result<(), String> {
        let ends = || "it ends before".to_owned();
        let end = offset.checked_add(into.len() as u64).filter(|end| *end <= self.length);
        end.ok_or_else(ends)?;
        match &self.place {
            Place::Memory(bytes) => bytes.read_at(offset, into),
            Place::Stored(file, from) => file.read_at(from + offset, into),
        }
    }
}

impl ReadAt for Vec<u8> {
    fn read_at(&self, offset: u64, into: &mut [u8]) -> Result<(), String> {
        Bytes(self).read_at(offset, into)
    }
}

/// Bytes that somebody else has.
#[derive(Debug)]
pub struct Bytes<'a>(pub &'a [u8]);

impl ReadAt for Bytes<'_> {
    fn read_at(&self, offset: u64, into: &mut [u8]) -> Result<(), String> {
        let from = usize::try_from(offset).ok();
        let range = from.and_then(|from| Some(from..from.checked_add(into.len())?));
        let bytes = range.and_then(|range| self.0.get(range));
        into.copy_from_slice(bytes.ok_or_else(|| "it ends before".to_owned())?);
        Ok(())
    }
}

impl From<Vec<u8>> for Blob {
    fn from(bytes: Vec<u8>) -> Self {
        let crc = checksum::crc32c(&bytes);
        Self::with_crc(bytes, crc)
    }
}

/// Equality of the bytes, wherever they are; unreadable bytes are equal to nothing.
impl PartialEq for Blob {
    fn eq(&self, other: &Self) -> bool {
        (self.length, self.crc) == (other.length, other.crc)
            && self.is_same(other).unwrap_or_default()
    }
}

impl Eq for Blob {}

impl fmt::Debug for Blob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.length)
    }
}

/// Bytes in memory.
impl Sink for Vec<u8> {
    fn put(&mut self, bytes: &[u8]) -> Result<(), String> {
        self.extend_from_slice(bytes);
        Ok(())
    }

    fn read_back(&mut self) -> Result<Blob, String> {
        Ok(Blob::from(self.clone()))
    }
}

/// Bytes in memory at a time while a blob is read as a whole.
const PART_BYTES: u64 = 256 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(count: u32) -> Vec<u8> {
        (0..count).flat_map(u32::to_le_bytes).collect()
    }

    #[test]
    fn parts_of_what_is_stored_are_those_of_what_is_in_memory() {
        let bytes = numbers(200_000);
        let file = Arc::new([b"head".as_slice(), &bytes, b"tail"].concat());
        let length = bytes.len() as u64;
        let stored = Blob::stored(file, 4..4 + length, checksum::crc32c(&bytes));
        let memory = Blob::from(bytes.clone());
        assert_eq!(stored, memory);
        assert_eq!(stored.to_vec(), Ok(bytes.clone()));
        assert_eq!(stored.part(8..16), Ok(bytes[8..16].to_vec()));
        assert_eq!(stored.part(length - 2..length + 7), Ok(bytes[bytes.len() - 2..].to_vec()));
        assert_eq!(stored.part(length + 1..length + 7), Ok(Vec::new()));
        assert!(
            stored.read_at(length - 1, &mut [0; 2]).is_err(),
            "what stands behind is not of it"
        );
    }

    #[test]
    fn what_differs_or_cannot_be_read_is_not_equal() {
        let bytes = numbers(100_000);
        let memory = Blob::from(bytes.clone());
        let mut other = bytes.clone();
        other[399_999] ^= 1;
        assert_ne!(memory, Blob::from(other.clone()));
        assert_ne!(memory, Blob::with_crc(other, memory.crc()), "a checksum that lies");
        let short = Arc::new(bytes[..300_000].to_vec());
        assert_ne!(memory, Blob::stored(short, 0..400_000, memory.crc()));
    }
}
