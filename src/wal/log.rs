//! The end of the log, where records are added: one buffered write and one fdatasync for each batch.

use super::envelope::Owner;
use super::record::{self, Content, Link, Place};
use super::recovery::End;
use super::segment::{self, HEADER_BYTES, Header, SPARE, TEMPORARY};
use super::spare::Spare;
use super::{Disk, DiskError, FileId};

/// The last segment, open, with the records that are not handed to it yet.
#[derive(Debug)]
pub(super) struct Log {
    owner: Owner,
    owner_checksum: u32,
    segment: u64,
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
    /// Continues behind `end`, which is settled; `file` is its segment.
    pub(super) fn new(owner: Owner, file: FileId, end: &End, new_segment_bytes: u64) -> Self {
        Self {
            owner,
            owner_checksum: owner.checksum(),
            segment: end.segment,
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
        let place = Place { segment: self.segment, offset };
        self.previous =
            record::encode(content, self.owner_checksum, place, link, &mut self.pending);
        self.next_sequence += 1;
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

    /// What the present segment has room for.
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

    /// Goes on to the next segment. What is pending is durable before the next one has its name:
    /// recovery counts on it (only the last segment can be torn).
    fn begin_segment<D: Disk>(&mut self, disk: &mut D, spare: &mut Spare) -> Result<(), DiskError> {
        self.flush(disk)?;
        let header = Header {
            number: self.segment + 1,
            bytes: self.new_segment_bytes,
            first_sequence: self.next_sequence,
            previous: self.previous,
        };
        let (temporary, file) = match spare.take(disk)? {
            Some(file) => (SPARE, file),
            None => (TEMPORARY, segment::make_zeros(disk, header.bytes)?),
        };
        segment::take_into_use(disk, &self.owner, &header, temporary, file)?;
        disk.close(self.file);
        self.file = file;
        self.segment = header.number;
        self.segment_bytes = header.bytes;
        self.written = HEADER_BYTES;
        Ok(())
    }
}

/// Makes the first segment of a new directory.
pub(super) fn create_first_segment<D: Disk>(
    disk: &mut D,
    owner: &Owner,
    bytes: u64,
) -> Result<(), DiskError> {
    let header = Header { number: 1, bytes, first_sequence: 1, previous: 0 };
    let file = segment::make_zeros(disk, bytes)?;
    segment::take_into_use(disk, owner, &header, TEMPORARY, file)?;
    disk.close(file);
    Ok(())
}
