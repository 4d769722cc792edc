//! One record of the log: its bytes, and the checksum that binds it to its place (W4).
//!
//! ```text
//!  0  payload length, u32      4  crc, u32              8  crc of the record before, u32
//! 12  kind, u32               16  sequence, u64        24  batch, u64          32  payload
//! ```
//! padded with zeros to a multiple of 8. The crc covers owner, segment, offset and every other byte of
//! the record, so stale, misplaced and recycled bytes are no records. The batch of a record is the
//! sequence of the first record that the same fdatasync covers: so a record behind damage tells by
//! itself whether the damaged place had been made durable before it was written (W5).

use super::bytes::{take_u8, take_u32, take_u64, to_usize};
use crate::base::limits::ENTRY_BYTES_MAX;
use crate::base::{Index, Term, checksum};
use crate::raft::{Entry, EntryHeader, EntryKind, LogStart, Payload};

/// Where a record begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) segment: u64,
    pub(super) offset: u64,
}

/// A record's links to those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Link {
    /// The checksum of the record before; 0 before the first.
    pub(super) previous: u32,
    /// Its number; the first record has 1.
    pub(super) sequence: u64,
    /// The sequence of the first record of its batch.
    pub(super) batch: u64,
}

/// Content of a record to be written.
#[derive(Clone, Copy, Debug)]
pub(super) enum Content<'a> {
    Start(LogStart),
    Entry(&'a Entry),
    TruncateFrom(Index),
}

/// Content of a record as read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Change {
    Start(LogStart),
    Append(Entry),
    TruncateFrom(Index),
}

/// Bytes whose checksum is right for their place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Record<'a> {
    pub(super) crc: u32,
    pub(super) link: Link,
    pub(super) kind: u32,
    pub(super) payload: &'a [u8],
}

impl Content<'_> {
    /// How many bytes the record takes.
    pub(super) fn record_bytes(&self) -> u64 {
        padded(self.payload_bytes() as u64)
    }

    /// The last index of the log with this record at its end.
    pub(super) fn last_index(&self) -> Index {
        match self {
            Self::Start(start) => start.index,
            Self::Entry(entry) => entry.index,
            Self::TruncateFrom(index) => Index(index.0 - 1),
        }
    }

    fn payload_bytes(&self) -> usize {
        match self {
            Self::Start(_) => 16,
            Self::Entry(entry) => ENTRY_HEAD_BYTES + entry.payload.bytes().len(),
            Self::TruncateFrom(_) => 8,
        }
    }

    fn kind(&self) -> u32 {
        match self {
            Self::Start(_) => KIND_START,
            Self::Entry(_) => KIND_ENTRY,
            Self::TruncateFrom(_) => KIND_TRUNCATE,
        }
    }

    fn write_payload(&self, out: &mut Vec<u8>) {
        match self {
            Self::Entry(entry) => {
                out.extend_from_slice(&entry.term.0.to_le_bytes());
                out.extend_from_slice(&entry.index.0.to_le_bytes());
                out.extend_from_slice(&entry.header.proposer_unix_ms.to_le_bytes());
                out.push(entry.header.format);
                out.push(entry_kind_number(entry.header.kind));
                out.extend_from_slice(entry.payload.bytes());
            }
            Self::TruncateFrom(index) => out.extend_from_slice(&index.0.to_le_bytes()),
            Self::Start(start) => {
                out.extend_from_slice(&start.index.0.to_le_bytes());
                out.extend_from_slice(&start.term.0.to_le_bytes());
            }
        }
    }
}

impl Record<'_> {
    /// How many bytes it takes.
    pub(super) fn bytes(&self) -> u64 {
        padded(self.payload.len() as u64)
    }

    /// Its content; `None` if this program does not know the kind, or the payload is malformed.
    pub(super) fn change(&self) -> Option<Change> {
        let mut rest = self.payload;
        match self.kind {
            KIND_ENTRY => read_entry(rest).map(Change::Append),
            KIND_TRUNCATE => {
                let index = Index(take_u64(&mut rest)?);
                rest.is_empty().then_some(Change::TruncateFrom(index))
            }
            KIND_START => {
                let index = Index(take_u64(&mut rest)?);
                let term = Term(take_u64(&mut rest)?);
                rest.is_empty().then_some(Change::Start(LogStart { index, term }))
            }
            _ => None,
        }
    }
}

/// Appends a record to `out` and returns its checksum. `owner` is [`super::envelope::Owner::checksum`].
pub(super) fn encode(
    content: Content<'_>,
    owner: u32,
    place: Place,
    link: Link,
    out: &mut Vec<u8>,
) -> u32 {
    let start = out.len();
    let length = content.payload_bytes();
    assert!(length <= PAYLOAD_BYTES_MAX, "a record of {length} bytes of payload");
    let length = u32::try_from(length).expect("PAYLOAD_BYTES_MAX is small");
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(&link.previous.to_le_bytes());
    out.extend_from_slice(&content.kind().to_le_bytes());
    out.extend_from_slice(&link.sequence.to_le_bytes());
    out.extend_from_slice(&link.batch.to_le_bytes());
    content.write_payload(out);
    out.resize(start + to_usize(content.record_bytes()), 0);
    let crc = record_crc(owner, place, &out[start..]);
    out[start + 4..start + 8].copy_from_slice(&crc.to_le_bytes());
    crc
}

/// The record at the start of `bytes`, which lie at `place`; `None` if there is no valid one.
pub(super) fn parse(bytes: &[u8], owner: u32, place: Place) -> Option<Record<'_>> {
    let mut rest = bytes;
    let length = take_u32(&mut rest)?;
    let crc = take_u32(&mut rest)?;
    let previous = take_u32(&mut rest)?;
    let kind = take_u32(&mut rest)?;
    let sequence = take_u64(&mut rest)?;
    let batch = take_u64(&mut rest)?;
    // Most places that a scan tries are zeros or the middle of a record: told without a checksum.
    let is_possible = kind != 0 && (1..=sequence).contains(&batch);
    if !is_possible || length as usize > PAYLOAD_BYTES_MAX {
        return None;
    }
    let whole = bytes.get(..to_usize(padded(u64::from(length))))?;
    if record_crc(owner, place, whole) != crc {
        return None;
    }
    let payload = &rest[..length as usize];
    Some(Record { crc, link: Link { previous, sequence, batch }, kind, payload })
}

/// Over owner, segment, offset, and all of the record but the checksum itself.
fn record_crc(owner: u32, place: Place, record: &[u8]) -> u32 {
    let mut head = [0; 20];
    head[..8].copy_from_slice(&place.segment.to_le_bytes());
    head[8..16].copy_from_slice(&place.offset.to_le_bytes());
    head[16..].copy_from_slice(&record[..4]);
    checksum::extend(checksum::extend(owner, &head), &record[8..])
}

fn padded(payload: u64) -> u64 {
    (HEAD_BYTES + payload).next_multiple_of(ALIGNMENT)
}

fn read_entry(mut rest: &[u8]) -> Option<Entry> {
    let term = Term(take_u64(&mut rest)?);
    let index = Index(take_u64(&mut rest)?);
    let proposer_unix_ms = take_u64(&mut rest)?;
    let format = take_u8(&mut rest)?;
    let kind = entry_kind(take_u8(&mut rest)?)?;
    let header = EntryHeader { format, kind, proposer_unix_ms };
    Some(Entry { term, index, header, payload: Payload::from(rest.to_vec()) })
}

fn entry_kind_number(kind: EntryKind) -> u8 {
    match kind {
        EntryKind::NoOp => 0,
        EntryKind::Command => 1,
        EntryKind::Membership => 2,
        EntryKind::Relinquish => 3,
    }
}

fn entry_kind(number: u8) -> Option<EntryKind> {
    match number {
        0 => Some(EntryKind::NoOp),
        1 => Some(EntryKind::Command),
        2 => Some(EntryKind::Membership),
        3 => Some(EntryKind::Relinquish),
        _ => None,
    }
}

/// Records begin at multiples of this, so that a scan behind damage need not try every byte.
pub(super) const ALIGNMENT: u64 = 8;

const HEAD_BYTES: u64 = 32;
const ENTRY_HEAD_BYTES: usize = 26;
/// Raft takes no larger entry. It also bounds a scan over bytes that a client made to look like records.
const PAYLOAD_BYTES_MAX: usize = ENTRY_HEAD_BYTES + ENTRY_BYTES_MAX;
/// Numbers are append-only: they are on disks. 0 is what empty space reads as.
const KIND_ENTRY: u32 = 1;
const KIND_TRUNCATE: u32 = 2;
const KIND_START: u32 = 3;

#[cfg(test)]
mod tests {
    use super::*;

    const OWNER: u32 = 0x1234_5678;
    const PLACE: Place = Place { segment: 3, offset: 512 };
    const LINK: Link = Link { previous: 0xaabb_ccdd, sequence: 9, batch: 8 };

    fn entry(payload: &[u8]) -> Entry {
        let header =
            EntryHeader { format: 1, kind: EntryKind::Command, proposer_unix_ms: 1_700_000 };
        Entry { term: Term(4), index: Index(6), header, payload: Payload::from(payload.to_vec()) }
    }

    fn encoded(content: Content<'_>) -> Vec<u8> {
        let mut out = Vec::new();
        encode(content, OWNER, PLACE, LINK, &mut out);
        out
    }

    #[test]
    fn a_record_reads_as_it_was_written() {
        for length in 0..20 {
            let entry = entry(&vec![0xee; length]);
            let bytes = encoded(Content::Entry(&entry));
            let record = parse(&bytes, OWNER, PLACE).unwrap();
            assert_eq!((record.link, record.bytes()), (LINK, bytes.len() as u64));
            assert_eq!(record.change(), Some(Change::Append(entry)));
        }
        let bytes = encoded(Content::TruncateFrom(Index(5)));
        let record = parse(&bytes, OWNER, PLACE).unwrap();
        assert_eq!(record.change(), Some(Change::TruncateFrom(Index(5))));
        let start = LogStart { index: Index(5), term: Term(3) };
        let bytes = encoded(Content::Start(start));
        let record = parse(&bytes, OWNER, PLACE).unwrap();
        assert_eq!(record.change(), Some(Change::Start(start)));
    }

    #[test]
    fn the_numbers_of_entry_kinds_do_not_change() {
        let kinds =
            [EntryKind::NoOp, EntryKind::Command, EntryKind::Membership, EntryKind::Relinquish];
        for (number, kind) in (0..).zip(kinds) {
            let mut entry = entry(&[]);
            entry.header.kind = kind;
            let bytes = encoded(Content::Entry(&entry));
            assert_eq!(bytes[32 + 25], number);
            let record = parse(&bytes, OWNER, PLACE).unwrap();
            assert_eq!(record.change(), Some(Change::Append(entry)));
        }
    }

    #[test]
    fn any_damaged_or_missing_byte_makes_it_no_record() {
        let bytes = encoded(Content::Entry(&entry(b"payload")));
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 0x10;
            assert_eq!(parse(&damaged, OWNER, PLACE), None, "byte {at}");
            assert_eq!(parse(&bytes[..at], OWNER, PLACE), None, "cut at {at}");
        }
    }

    #[test]
    fn st6_a_record_of_another_owner_segment_or_offset_is_none() {
        let bytes = encoded(Content::Entry(&entry(b"payload")));
        assert_eq!(parse(&bytes, OWNER + 1, PLACE), None);
        assert_eq!(parse(&bytes, OWNER, Place { segment: 4, ..PLACE }), None);
        assert_eq!(parse(&bytes, OWNER, Place { offset: 520, ..PLACE }), None);
    }

    #[test]
    fn empty_space_holds_no_record() {
        assert_eq!(parse(&[0; 64], OWNER, PLACE), None);
    }

    #[test]
    fn the_bytes_of_format_1_do_not_change() {
        let bytes = encoded(Content::Entry(&entry(b"abc")));
        let expected = [
            [29, 0, 0, 0, 193, 189, 173, 209],
            [0xdd, 0xcc, 0xbb, 0xaa, 1, 0, 0, 0],
            [9, 0, 0, 0, 0, 0, 0, 0],
            [8, 0, 0, 0, 0, 0, 0, 0],
            [4, 0, 0, 0, 0, 0, 0, 0],
            [6, 0, 0, 0, 0, 0, 0, 0],
            [0xa0, 0xf0, 0x19, 0, 0, 0, 0, 0],
            [1, 1, b'a', b'b', b'c', 0, 0, 0],
        ]
        .concat();
        assert_eq!(bytes, expected);
        let start = encoded(Content::Start(LogStart { index: Index(6), term: Term(4) }));
        let expected = [[6, 0, 0, 0, 0, 0, 0, 0], [4, 0, 0, 0, 0, 0, 0, 0]].concat();
        assert_eq!((start[0], start[12], &start[32..]), (16, 3, expected.as_slice()));
    }
}
