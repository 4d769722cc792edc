//! Reading the log back: the walk along the chain, and the decision what its end is (W5).
//!
//! At the place where the next record should begin there is either empty space, or bytes that are no
//! record. Those are a torn tail iff they were not yet durable when the process ended: iff no valid
//! record of a later batch lies behind them, for a batch is begun only after the one before was synced.
//! Anything else is corruption, and then nothing is changed. All of this only reads; [`End::settle`]
//! writes.
//!
//! The walk begins at the oldest segment that compaction left, behind the index that its header names.

use super::bytes::to_usize;
use super::envelope::Owner;
use super::record::{self, ALIGNMENT, Change, Place, Record};
use super::segment::{self, Begun, HEADER_BYTES, Header, SegmentFile};
use super::terms::Terms;
use super::{ADVICE, Disk, DiskError, FileId, WalError};
use crate::base::{Index, Term};
use crate::raft::{Entry, LogStart};
use std::collections::VecDeque;

/// Content of the segments.
#[derive(Debug)]
pub(super) struct Recovered {
    /// The entries begin behind this one.
    pub(super) base: Index,
    /// The term there; `None` if the log does not say.
    pub(super) base_term: Option<Term>,
    /// Contiguous entries.
    pub(super) entries: Vec<Entry>,
    /// The segments that there are; at least one.
    pub(super) segments: VecDeque<Begun>,
    pub(super) end: End,
}

impl Recovered {
    /// The last index, that of the base if there are no entries.
    pub(super) fn last_index(&self) -> Index {
        Index(self.base.0 + self.entries.len() as u64)
    }

    /// The terms that are known.
    pub(super) fn terms(&self) -> Terms {
        let mut terms = Terms::default();
        if let Some(term) = self.base_term {
            terms.add(self.base, term);
        }
        self.entries.iter().for_each(|entry| terms.add(entry.index, entry.term));
        terms
    }

    /// Whether the log goes through the entry at which this snapshot stands. If not, it is older than the
    /// snapshot, or of another past: then nothing of it is needed (Raft §7). The base is at most the
    /// snapshot's index.
    pub(super) fn agrees_with(&self, snapshot: LogStart) -> bool {
        let LogStart { index, term } = snapshot;
        match (index.0 - self.base.0).checked_sub(1) {
            // Segments are removed only while the log agrees with the snapshot: see `Wal::compact`.
            None => self.base_term.is_none_or(|found| found == term),
            Some(at) => self.entries.get(to_usize(at)).is_some_and(|entry| entry.term == term),
        }
    }
}

/// Where the log ends, in its last segment.
#[derive(Debug)]
pub(super) struct End {
    pub(super) segment: u64,
    pub(super) segment_bytes: u64,
    /// Behind the last record.
    pub(super) offset: u64,
    /// The checksum of that record.
    pub(super) previous: u32,
    pub(super) next_sequence: u64,
    /// The bytes behind the last record, up to the last that is not zero.
    pub(super) torn_bytes: u64,
    /// The records of the last batch that are in this segment.
    last_batch: Vec<u8>,
}

impl End {
    /// Writes the last batch once more and zeros the torn bytes behind it, then syncs. The batch may be in the page
    /// cache alone, either because the process died before its sync, or because that sync failed: then the kernel
    /// believes its pages clean, and only new writes reach the disk.
    pub(super) fn settle<D: Disk>(&mut self, disk: &mut D, file: FileId) -> Result<(), DiskError> {
        let mut bytes = std::mem::take(&mut self.last_batch);
        let start = self.offset - bytes.len() as u64;
        bytes.resize(bytes.len() + to_usize(self.torn_bytes), 0);
        if bytes.is_empty() {
            return Ok(());
        }
        disk.write_at(file, start, &bytes)?;
        disk.sync_data(file)
    }
}

/// Reads these segments, whose numbers rise. There is at least one.
pub(super) fn recover<D: Disk>(
    disk: &mut D,
    owner: &Owner,
    segments: &[SegmentFile],
) -> Result<Recovered, WalError> {
    check_contiguous(segments)?;
    let mut bytes = Vec::new();
    let first = segment::read(disk, owner, &segments[0], &mut bytes)?;
    let mut walk = Walk::begin(owner, &first);
    walk.follow(&bytes)?;
    for file in &segments[1..] {
        let header = segment::read(disk, owner, file, &mut bytes)?;
        walk.enter(&header)?;
        walk.follow(&bytes)?;
    }
    walk.check_no_later_batch(&bytes)?;
    Ok(walk.finish(&bytes))
}

/// The state of the walk: everything before `place` is intact.
#[derive(Debug)]
struct Walk {
    owner_checksum: u32,
    place: Place,
    previous: u32,
    next_sequence: u64,
    /// The batch of the last record, and where it begins in this segment. Before the first record it is
    /// not known: the batch may have begun in a segment that is gone.
    batch: Option<u64>,
    batch_offset: u64,
    /// The entries begin behind this one.
    base: Index,
    base_term: Option<Term>,
    entries: Vec<Entry>,
    segments: VecDeque<Begun>,
}

impl Walk {
    /// At the first record of the first segment that is left.
    fn begin(owner: &Owner, header: &Header) -> Self {
        Self {
            owner_checksum: owner.checksum(),
            place: Place { segment: header.number, offset: HEADER_BYTES },
            previous: header.previous,
            next_sequence: header.first_sequence,
            batch: None,
            batch_offset: HEADER_BYTES,
            base: header.last_index,
            base_term: None,
            entries: Vec::new(),
            segments: VecDeque::from([header.begun()]),
        }
    }

    /// Goes on to the next segment, which must continue where the one before ended: it was begun only
    /// when all of that was durable, so an earlier end is damage.
    fn enter(&mut self, header: &Header) -> Result<(), WalError> {
        let continues = header.first_sequence == self.next_sequence
            && header.previous == self.previous
            && header.last_index == self.last_index();
        if !continues {
            return Err(corrupt(
                self.place,
                &format!("the next segment continues behind record {}", header.first_sequence - 1),
            ));
        }
        self.place = Place { segment: header.number, offset: HEADER_BYTES };
        self.batch_offset = HEADER_BYTES;
        self.segments.push_back(header.begun());
        Ok(())
    }

    fn last_index(&self) -> Index {
        Index(self.base.0 + self.entries.len() as u64)
    }

    /// Takes all records of a segment, up to the first place that holds none.
    fn follow(&mut self, bytes: &[u8]) -> Result<(), WalError> {
        while let Some(record) = self.next_record(bytes) {
            let change = record
                .change()
                .ok_or_else(|| corrupt(self.place, "this version cannot read the record there"))?;
            self.apply(change)?;
            if self.batch != Some(record.link.batch) {
                self.batch = Some(record.link.batch);
                self.batch_offset = self.place.offset;
            }
            self.previous = record.crc;
            self.next_sequence += 1;
            self.place.offset += record.bytes();
        }
        Ok(())
    }

    fn next_record<'a>(&self, bytes: &'a [u8]) -> Option<Record<'a>> {
        let rest = bytes.get(to_usize(self.place.offset)..)?;
        let record = record::parse(rest, self.owner_checksum, self.place)?;
        let link = record.link;
        let continues_batch = self.batch.is_none_or(|batch| batch == link.batch);
        let begins_or_continues_batch = link.batch == link.sequence || continues_batch;
        let continues_chain = link.previous == self.previous && link.sequence == self.next_sequence;
        (continues_chain && begins_or_continues_batch).then_some(record)
    }

    fn apply(&mut self, change: Change) -> Result<(), WalError> {
        let last = self.last_index();
        match change {
            Change::Append(entry) if entry.index == last.next() => self.entries.push(entry),
            Change::TruncateFrom(from) if from > self.base && from <= last.next() => {
                self.entries.truncate(to_usize(from.0 - 1 - self.base.0));
            }
            // The truncation begins in a segment that is gone.
            Change::TruncateFrom(from) if (1..=self.base.0).contains(&from.0) => {
                self.restart(Index(from.0 - 1), None);
            }
            Change::Start(start) => self.restart(start.index, Some(start.term)),
            Change::Append(Entry { index, .. }) | Change::TruncateFrom(index) => {
                let message = format!("index {index} does not follow {last}");
                return Err(corrupt(self.place, &message));
            }
        }
        Ok(())
    }

    fn restart(&mut self, base: Index, term: Option<Term>) {
        self.entries.clear();
        (self.base, self.base_term) = (base, term);
    }

    /// Whether what lies behind the end of the log in the last segment may be a torn tail. A batch that
    /// begins behind `next_sequence` was begun when the record of that number was durable.
    fn check_no_later_batch(&self, bytes: &[u8]) -> Result<(), WalError> {
        let mut place = self.place;
        while place.offset < bytes.len() as u64 {
            let rest = &bytes[to_usize(place.offset)..];
            let record = record::parse(rest, self.owner_checksum, place);
            if record.is_some_and(|record| record.link.batch > self.next_sequence) {
                let message =
                    format!("an intact record that was written later is at byte {}", place.offset);
                return Err(corrupt(self.place, &message));
            }
            place.offset += ALIGNMENT;
        }
        Ok(())
    }

    fn finish(self, bytes: &[u8]) -> Recovered {
        let (records, behind) = bytes.split_at(to_usize(self.place.offset));
        let torn = behind.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        let end = End {
            segment: self.place.segment,
            segment_bytes: bytes.len() as u64,
            offset: self.place.offset,
            previous: self.previous,
            next_sequence: self.next_sequence,
            torn_bytes: torn as u64,
            last_batch: records[to_usize(self.batch_offset)..].to_vec(),
        };
        let Self { base, base_term, entries, segments, .. } = self;
        Recovered { base, base_term, entries, segments, end }
    }
}

fn check_contiguous(segments: &[SegmentFile]) -> Result<(), WalError> {
    let first = segments[0].number;
    match (first..).zip(segments).find(|(expected, file)| *expected != file.number) {
        Some((expected, _)) => Err(segment::missing(&segment::name(expected))),
        None => Ok(()),
    }
}

fn corrupt(place: Place, what: &str) -> WalError {
    let Place { segment, offset } = place;
    let name = segment::name(segment);
    WalError::Corrupt(format!("{name} is damaged at byte {offset}: {what}. {ADVICE}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{DirectoryId, NodeId};
    use crate::raft::{EntryHeader, EntryKind, Payload};

    fn entry(index: u64) -> Entry {
        let header = EntryHeader { format: 1, kind: EntryKind::NoOp, proposer_unix_ms: 0 };
        Entry { term: Term(1), index: Index(index), header, payload: Payload::empty() }
    }

    /// Behind index 5, with the entries 6 and 7.
    fn walk() -> Walk {
        let owner = Owner { directory: DirectoryId([1; 16]), node: NodeId(1) };
        let header =
            Header { number: 2, bytes: 4096, first_sequence: 9, last_index: Index(5), previous: 0 };
        let mut walk = Walk::begin(&owner, &header);
        for index in [6, 7] {
            walk.apply(Change::Append(entry(index))).expect("it follows");
        }
        walk
    }

    #[test]
    fn a_truncation_leaves_what_lies_before_it_and_may_reach_below_the_base() {
        for (from, base, held) in [(8, 5, 2), (7, 5, 1), (6, 5, 0), (5, 4, 0), (1, 0, 0)] {
            let mut walk = walk();
            walk.apply(Change::TruncateFrom(Index(from))).expect("it follows");
            assert_eq!((walk.base, walk.entries.len()), (Index(base), held), "from {from}");
        }
    }

    #[test]
    fn a_record_that_does_not_follow_is_damage() {
        let changes = [0, 9, u64::MAX].map(|from| Change::TruncateFrom(Index(from)));
        let entries = [0, 7, 9].map(|index| Change::Append(entry(index)));
        for change in changes.into_iter().chain(entries) {
            let error = walk().apply(change).expect_err("it must be refused").to_string();
            assert!(error.contains("does not follow 7"), "{error}");
        }
    }
}
