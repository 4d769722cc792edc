//! The end of the log, where records are added: one buffered write and one fdatasync for each batch.

use super::envelope::Owner;
use super::record::{self, Content, Link, Place};
use super::recovery::Recovered;
use super::segment::{self, Begun, HEADER_BYTES, Header, SPARE, TEMPORARY};
use super::spare::Spare;
use super::terms::Terms;
use super::{Disk, DiskError, FileId};
use crate::base::Index;
use crate::raft::LogStart;
use std::collections::VecDeque;

/// The last segment, open, with the records that are not handed to it yet.
#[derive(Debug)]
pub(super) struct Log {
    owner: Owner,
    owner_checksum: u32,
    /// The segments that there are, the last of them the present one.
    segments: VecDeque<Begun>,
    /// The last index, with pending entries.
    last_index: Index,
    terms: Terms,
    file: FileId,
    segment_bytes: u64,
    /// How long the next segments are.
    new_segment_bytes: u64,
    /// Where `pending` will be written.
    written: u64,
    pending: Vec<u8>,
    /// The checksum of the last record.
    previous: u32,
    next_sequence: u64,
    /// The batch that is open: records were added since the last sync.
    batch: Option<u64>,
    syncs: u64,
}

impl Log {
    /// Continues behind the recovered log, whose end is settled; `file` is its last segment.
    pub(super) fn new(
        owner: Owner,
        file: FileId,
        recovered: &Recovered,
        new_segment_bytes: u64,
    ) -> Self {
        let end = &recovered.end;
        Self {
            owner,
            owner_checksum: owner.checksum(),
            segments: recovered.segments.clone(),
            last_index: recovered.last_index(),
            terms: recovered.terms(),
            file,
            segment_bytes: end.segment_bytes,
            new_segment_bytes,
            written: end.offset,
            pending: Vec::new(),
            previous: end.previous,
            next_sequence: end.next_sequence,
            batch: None,
            syncs: 0,
        }
    }

    /// Adds one record to the open batch; goes on to the next segment first if it does not fit.
    pub(super) fn add<D: Disk>(
        &mut self,
        disk: &mut D,
        spare: &mut Spare,
        content: Content<'_>,
    ) -> Result<(), DiskError> {
        let bytes = content.record_bytes();
        if bytes > self.free_bytes() {
            self.begin_segment(disk, spare)?;
            let free = self.free_bytes();
            assert!(bytes <= free, "a record of {bytes} bytes in a segment with {free}");
        }
        let sequence = self.next_sequence;
        let batch = *self.batch.get_or_insert(sequence);
        let link = Link { previous: self.previous, sequence, batch };
        let offset = self.written + self.pending.len() as u64;
        let place = Place { segment: self.present().number, offset };
        self.previous =
            record::encode(content, self.owner_checksum, place, link, &mut self.pending);
        self.next_sequence += 1;
        self.last_index = content.last_index();
        match content {
            Content::Entry(entry) => self.terms.add(entry.index, entry.term),
            Content::TruncateFrom(index) => self.terms.truncate_from(index),
            Content::Start(start) => {
                self.terms.clear();
                self.terms.add(start.index, start.term);
            }
        }
        Ok(())
    }

    /// Makes the open batch durable and closes it.
    pub(super) fn sync<D: Disk>(&mut self, disk: &mut D) -> Result<(), DiskError> {
        if self.batch.is_some() {
            self.flush(disk)?;
            self.batch = None;
        }
        Ok(())
    }

    /// Removes the oldest segment if all of its entries are below `first_needed`; whether it did. One at a time, each
    /// durable before the next, since a power cut keeps any of the removals that were not synced, and a gap is damage
    /// (ST29, ST30).
    pub(super) fn remove_oldest<D: Disk>(
        &mut self,
        disk: &mut D,
        first_needed: Index,
    ) -> Result<bool, DiskError> {
        if self.removable(first_needed) == 0 {
            return Ok(false);
        }
        disk.remove(&segment::name(self.segments[0].number))?;
        disk.sync_directory()?;
        self.segments.pop_front();
        Ok(true)
    }

    /// How many of the oldest segments hold only entries below `first_needed`: the log ended below that when the next
    /// segment was begun.
    pub(super) fn removable(&self, first_needed: Index) -> usize {
        let begun = self.segments.iter().skip(1);
        begun.take_while(|next| next.last_index < first_needed).count()
    }

    /// Whether it is durable that the log goes through the entry at which a snapshot stands, or begins
    /// there. A log that does not is of another past, which nothing but this entry tells from the true one.
    pub(super) fn surely_agrees_with(&self, snapshot: LogStart) -> bool {
        self.batch.is_none()
            && snapshot.index <= self.last_index
            && self.terms.at(snapshot.index) == Some(snapshot.term)
    }

    /// The last index, with entries that are not durable yet.
    pub(super) fn last_index(&self) -> Index {
        self.last_index
    }

    /// Bytes that still fit into the present segment.
    pub(super) fn free_bytes(&self) -> u64 {
        self.segment_bytes - self.written - self.pending.len() as u64
    }

    pub(super) fn segment_bytes(&self) -> u64 {
        self.segment_bytes
    }

    pub(super) fn new_segment_bytes(&self) -> u64 {
        self.new_segment_bytes
    }

    /// The sequence of the last record that is surely durable.
    pub(super) fn durable_sequence(&self) -> u64 {
        self.batch.unwrap_or(self.next_sequence) - 1
    }

    /// How many times records were synced.
    pub(super) fn syncs(&self) -> u64 {
        self.syncs
    }

    fn present(&self) -> &Begun {
        self.segments.back().expect("a log has a segment")
    }

    fn flush<D: Disk>(&mut self, disk: &mut D) -> Result<(), DiskError> {
        if self.pending.is_empty() {
            return Ok(());
        }
        disk.write_at(self.file, self.written, &self.pending)?;
        disk.sync_data(self.file)?;
        self.syncs += 1;
        self.written += self.pending.len() as u64;
        self.pending.clear();
        Ok(())
    }

    /// Goes on to the next segment. Pending records are durable before it has its name: recovery counts on only the
    /// last segment being torn.
    fn begin_segment<D: Disk>(&mut self, disk: &mut D, spare: &mut Spare) -> Result<(), DiskError> {
        self.flush(disk)?;
        let header = Header {
            number: self.present().number + 1,
            bytes: self.new_segment_bytes,
            first_sequence: self.next_sequence,
            last_index: self.last_index,
            previous: self.previous,
        };
        let (temporary, file) = match spare.take(disk)? {
            Some(file) => (SPARE, file),
            None => (TEMPORARY, segment::make_zeros(disk, header.bytes)?),
        };
        segment::take_into_use(disk, &self.owner, &header, temporary, file)?;
        disk.close(self.file);
        self.file = file;
        self.segments.push_back(header.begun());
        self.segment_bytes = header.bytes;
        self.written = HEADER_BYTES;
        Ok(())
    }
}

/// Makes the first segment of a new directory, whose entries will begin behind `last_index`.
pub(super) fn create_first_segment<D: Disk>(
    disk: &mut D,
    owner: &Owner,
    last_index: Index,
    bytes: u64,
) -> Result<(), DiskError> {
    let header = Header { number: 1, bytes, first_sequence: 1, last_index, previous: 0 };
    let file = segment::make_zeros(disk, bytes)?;
    segment::take_into_use(disk, owner, &header, TEMPORARY, file)?;
    disk.close(file);
    Ok(())
}
