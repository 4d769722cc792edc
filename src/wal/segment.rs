//! One segment file: its name, its header, and how it comes to be (W3).
//!
//! A segment is a file of zeros, written through, that gets its header, a sync, its name, and a sync
//! of the directory before the first record. Overwriting written blocks is what makes an fdatasync
//! cheap: no file size and no extent changes with it.
//!
//! The header is an envelope in a sector of its own. Body: segment number, u64; its length in bytes, u64;
//! the sequence of its first record, u64; the last index of the log before that record, u64; the checksum
//! of the record before it, u32. It is written when the segment is taken into use, after all records of
//! the segment before it were synced: so a segment that has a successor was durable to its end, and only
//! the last can have a torn tail. The last index tells what the segments before can still be needed for.

use super::bytes::{take_u32, take_u64, to_usize};
use super::envelope::{self, Flaw, Magic, Owner};
use super::identity::check_owner;
use super::{ADVICE, Disk, DiskError, FileId, WalError};
use crate::base::Index;
use crate::base::limits::SEGMENT_BYTES;

/// Content of a segment's header, besides its owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) number: u64,
    /// The whole file.
    pub(super) bytes: u64,
    pub(super) first_sequence: u64,
    /// The log's last index when the segment was begun.
    pub(super) last_index: Index,
    /// The checksum of the last record of the segment before.
    pub(super) previous: u32,
}

impl Header {
    pub(super) fn begun(&self) -> Begun {
        Begun { number: self.number, last_index: self.last_index }
    }

    fn body(&self) -> [u8; BODY_BYTES] {
        let mut body = [0; BODY_BYTES];
        body[..8].copy_from_slice(&self.number.to_le_bytes());
        body[8..16].copy_from_slice(&self.bytes.to_le_bytes());
        body[16..24].copy_from_slice(&self.first_sequence.to_le_bytes());
        body[24..32].copy_from_slice(&self.last_index.0.to_le_bytes());
        body[32..].copy_from_slice(&self.previous.to_le_bytes());
        body
    }

    fn from_body(mut body: &[u8]) -> Option<Self> {
        let number = take_u64(&mut body)?;
        let bytes = take_u64(&mut body)?;
        let first_sequence = take_u64(&mut body)?;
        let last_index = Index(take_u64(&mut body)?);
        let previous = take_u32(&mut body)?;
        body.is_empty().then_some(Self { number, bytes, first_sequence, last_index, previous })
    }
}

/// A segment and the name that its file has at present.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SegmentFile {
    pub(super) number: u64,
    pub(super) name: String,
}

/// A segment's file name; names sort as their numbers do.
pub(super) fn name(number: u64) -> String {
    format!("log-{number:020}")
}

/// The number of the segment that has this file name.
pub(super) fn number(file_name: &str) -> Option<u64> {
    let number = file_name.strip_prefix("log-")?.parse().ok()?;
    (name(number) == file_name).then_some(number)
}

/// Makes a file of zeros, inline, for a segment that is needed now. The sync of the header covers it.
pub(super) fn make_zeros<D: Disk>(disk: &mut D, bytes: u64) -> Result<FileId, DiskError> {
    let file = disk.create(TEMPORARY)?;
    let zeros = vec![0; to_usize(bytes.min(ZEROS_BYTES))];
    let mut offset = 0;
    while offset < bytes {
        let part = (bytes - offset).min(ZEROS_BYTES);
        disk.write_at(file, offset, &zeros[..to_usize(part)])?;
        offset += part;
    }
    Ok(file)
}

/// Makes the file of zeros `temporary` the segment that `header` describes; durable on return.
pub(super) fn take_into_use<D: Disk>(
    disk: &mut D,
    owner: &Owner,
    header: &Header,
    temporary: &str,
    file: FileId,
) -> Result<(), DiskError> {
    disk.write_at(file, 0, &envelope::seal(MAGIC, owner, &header.body()))?;
    disk.sync_data(file)?;
    disk.rename(temporary, &name(header.number))?;
    disk.sync_directory()
}

/// Reads the whole segment into `bytes` and checks its header.
pub(super) fn read<D: Disk>(
    disk: &mut D,
    owner: &Owner,
    segment: &SegmentFile,
    bytes: &mut Vec<u8>,
) -> Result<Header, WalError> {
    let file = disk.open(&segment.name)?.ok_or_else(|| missing(&segment.name))?;
    let header = read_open(disk, owner, segment, file, bytes);
    disk.close(file);
    header
}

fn read_open<D: Disk>(
    disk: &mut D,
    owner: &Owner,
    segment: &SegmentFile,
    file: FileId,
    bytes: &mut Vec<u8>,
) -> Result<Header, WalError> {
    let SegmentFile { number, name } = segment;
    let length = disk.length(file)?;
    if !(HEADER_BYTES..=BYTES_MAX).contains(&length) {
        return Err(wrong_length(name, length));
    }
    bytes.clear();
    bytes.resize(to_usize(length), 0);
    let read = disk.read_at(file, 0, bytes)?;
    let opened = envelope::open(MAGIC, bytes).map_err(|flaw| flaw.describe(name))?;
    check_owner(owner, &opened.owner, name)?;
    let header = Header::from_body(opened.body).ok_or_else(|| Flaw::Damaged.describe(name))?;
    if header.bytes != length || read as u64 != length {
        return Err(wrong_length(name, length));
    }
    if header.number != *number {
        let message = format!("{name} holds segment {}: it was renamed. {ADVICE}", header.number);
        return Err(WalError::Corrupt(message));
    }
    Ok(header)
}

/// The segment `number` under a temporary name, if it is there: it was whole and synced, and its name was
/// lost with a power cut (ST25). One that is shorter than its header says was not synced, so nothing was ever
/// written behind the header.
pub(super) fn find_unnamed<D: Disk>(
    disk: &mut D,
    owner: &Owner,
    number: u64,
) -> Result<Option<SegmentFile>, WalError> {
    for temporary in [SPARE, TEMPORARY] {
        let Some(file) = disk.open(temporary)? else { continue };
        let mut bytes = [0; HEADER_BYTES as usize];
        let read = disk.read_at(file, 0, &mut bytes).and_then(|_| disk.length(file));
        disk.close(file);
        let length = read?;
        let Ok(opened) = envelope::open(MAGIC, &bytes) else { continue };
        let is_next = Header::from_body(opened.body)
            .is_some_and(|header| header.number == number && header.bytes == length);
        if is_next && opened.owner == *owner {
            return Ok(Some(SegmentFile { number, name: temporary.to_owned() }));
        }
    }
    Ok(None)
}

/// A segment that is in its place, and where the log stood when it was begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Begun {
    pub(super) number: u64,
    pub(super) last_index: Index,
}

/// The refusal of a directory that lacks this file.
pub(super) fn missing(name: &str) -> WalError {
    WalError::Corrupt(format!("{name} is missing. {ADVICE}"))
}

fn wrong_length(name: &str, length: u64) -> WalError {
    WalError::Corrupt(format!("{name} is {length} bytes long, which it never was. {ADVICE}"))
}

/// A segment in the making, inline.
pub(super) const TEMPORARY: &str = "segment.new";
/// A segment in the making, off the loop.
pub(super) const SPARE: &str = "spare.new";
/// One sector: later writes of records never touch the header again.
pub(super) const HEADER_BYTES: u64 = 512;
/// Longer files are not ours, and are not read into memory.
pub(super) const BYTES_MAX: u64 = 8 * SEGMENT_BYTES;
const MAGIC: Magic = *b"TENURElg";
const ZEROS_BYTES: u64 = 1 << 20;
const BODY_BYTES: usize = 36;

const _: () = assert!(envelope::sealed_bytes(BODY_BYTES) as u64 <= HEADER_BYTES);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_exact_name_of_a_segment_is_one() {
        assert_eq!(number(&name(17)), Some(17));
        assert_eq!(number("log-17"), None);
        assert_eq!(number("log-0000000000000000001x"), None);
        assert_eq!(number("log-+0000000000000000017"), None);
        assert_eq!(number("spare.new"), None);
    }

    #[test]
    fn the_bytes_of_format_1_do_not_change() {
        let header = Header {
            number: 3,
            bytes: 0x80_0000,
            first_sequence: 0x0102,
            last_index: Index(0x0304),
            previous: 0xaabb_ccdd,
        };
        let expected = [
            [3, 0, 0, 0, 0, 0, 0, 0].as_slice(),
            &[0, 0, 0x80, 0, 0, 0, 0, 0],
            &[2, 1, 0, 0, 0, 0, 0, 0],
            &[4, 3, 0, 0, 0, 0, 0, 0],
            &[0xdd, 0xcc, 0xbb, 0xaa],
        ]
        .concat();
        assert_eq!(header.body().as_slice(), expected);
        assert_eq!(Header::from_body(&expected), Some(header));
        assert_eq!(Header::from_body(&expected[..28]), None);
    }
}
