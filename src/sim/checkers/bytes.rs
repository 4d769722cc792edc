//! An independent reader of the log's bytes, after `docs/developers/wal-format.md`, so that the ledger of durable data rests on
//! the disk and not on the word of the server.

use crate::base::{Index, NodeId, Term, checksum};
use crate::raft::HardState;

/// A promise in one durable write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durable {
    /// An entry of the log.
    Entry { index: Index, term: Term },
    /// Removes this index and all behind it.
    TruncateFrom(Index),
    /// The log starts over behind this entry, which a snapshot stands for.
    Start { index: Index, term: Term },
    /// Term and vote.
    HardState(HardState),
}

/// Promises in `write`, one call of `write_at`. None in headers, identities and founding records.
#[must_use]
pub fn read(write: &[u8]) -> Vec<Durable> {
    if write.starts_with(b"TENURE") {
        return hard_states(write);
    }
    let (mut found, mut rest) = (Vec::new(), write);
    while let Some((record, behind)) = next_record(rest) {
        found.extend(record);
        rest = behind;
    }
    found
}

/// Where the snapshot in `file` stands, if the file is whole: its index and term.
#[must_use]
pub fn read_snapshot(file: &[u8]) -> Option<(Index, Term)> {
    let length = u32_at(file, 12)? as usize;
    let end = ENVELOPE_HEAD_BYTES + length;
    let (head, data) = (file.get(..end)?, file.get(end + 4..)?);
    let body = &head[ENVELOPE_HEAD_BYTES..];
    let is_whole = file.starts_with(b"TENUREsn")
        && u32_at(file, end)? == checksum::crc32c(head)
        && u64_at(body, 0)? == data.len() as u64
        && u32_at(body, 8)? == checksum::crc32c(data);
    is_whole.then_some((Index(u64_at(body, 12)?), Term(u64_at(body, 20)?)))
}

/// Where one record lies in its segment, without its padding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordSpan {
    /// From the beginning of the file.
    pub offset: u64,
    /// Head and payload.
    pub bytes: u64,
    /// The sequence of the first record of its batch.
    pub batch: u64,
}

/// The records in the file of a segment, in order, as far as they look like some.
#[must_use]
pub fn segment_records(file: &[u8]) -> Vec<RecordSpan> {
    let (mut spans, mut offset) = (Vec::new(), SEGMENT_HEADER_BYTES);
    while let Some((Some(_), rest)) = file.get(offset..).and_then(next_record) {
        let payload = u32_at(&file[offset..], 0).unwrap_or_default() as usize;
        let batch = u64_at(&file[offset..], 24).unwrap_or_default();
        let bytes = (RECORD_HEAD_BYTES + payload) as u64;
        spans.push(RecordSpan { offset: offset as u64, bytes, batch });
        offset = file.len() - rest.len();
    }
    spans
}

/// All slots in the write: a new file has both in one.
fn hard_states(write: &[u8]) -> Vec<Durable> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(slot) = write.get(at..at + SLOT_BYTES) {
        if slot.starts_with(b"TENUREhs") {
            let body = &slot[ENVELOPE_HEAD_BYTES..];
            let vote = u64_at(body, 16).filter(|vote| *vote != 0).map(NodeId);
            let term = Term(u64_at(body, 8).unwrap_or_default());
            found.push(Durable::HardState(HardState { term, vote }));
        }
        at += 512;
    }
    found
}

fn next_record(bytes: &[u8]) -> Option<(Option<Durable>, &[u8])> {
    let length = u32_at(bytes, 0)? as usize;
    let whole = (RECORD_HEAD_BYTES + length).next_multiple_of(8);
    let kind = u32_at(bytes, 12)?;
    let payload = bytes.get(RECORD_HEAD_BYTES..RECORD_HEAD_BYTES + length)?;
    let said = match kind {
        1 => Some(Durable::Entry {
            term: Term(u64_at(payload, 0)?),
            index: Index(u64_at(payload, 8)?),
        }),
        2 => Some(Durable::TruncateFrom(Index(u64_at(payload, 0)?))),
        3 => Some(Durable::Start {
            index: Index(u64_at(payload, 0)?),
            term: Term(u64_at(payload, 8)?),
        }),
        _ => return None,
    };
    Some((said, bytes.get(whole..)?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at + 4).map(|four| u32::from_le_bytes(four.try_into().expect("four")))
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at..at + 8).map(|eight| u64::from_le_bytes(eight.try_into().expect("eight")))
}

const SEGMENT_HEADER_BYTES: usize = 512;
const RECORD_HEAD_BYTES: usize = 32;
const ENVELOPE_HEAD_BYTES: usize = 40;
const SLOT_BYTES: usize = ENVELOPE_HEAD_BYTES + 24 + 4;
