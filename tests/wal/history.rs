//! Entries, writes, directories and snapshots for the tests.

use crate::wal::disk::TestDisk;
use tenure::base::blob::{Sink, Unmade};
use tenure::base::founding::FoundingRecord;
use tenure::base::{Blob, DirectoryId, Index, NodeId, Term, WriteSeq};
use tenure::raft::{
    Entry, EntryHeader, EntryKind, HardState, LogStart, Membership, Payload, Snapshot,
    SnapshotMeta, Write,
};
use tenure::wal::{Disk, Recovery, SnapshotEnd, Wal, WalError, WalOptions};

pub const NODE: NodeId = NodeId(2);
pub const FRESH: DirectoryId = DirectoryId([0xd1; 16]);
/// Small, so that a short life fills several.
pub const OPTIONS: WalOptions = WalOptions { segment_bytes: 4096 };

pub fn entry(index: u64, term: Term, payload: Vec<u8>) -> Entry {
    let header = EntryHeader { format: 1, kind: EntryKind::Command, proposer_unix_ms: index };
    Entry { term, index: Index(index), header, payload: Payload::from(payload) }
}

pub fn founding(directory: DirectoryId) -> FoundingRecord {
    FoundingRecord::new([(NodeId(1), DirectoryId([1; 16])), (NODE, directory)])
}

/// A founded directory in term 1.
pub fn founded(disk: &TestDisk) -> Wal<TestDisk> {
    let (mut wal, recovery) = reopen(disk).expect("the disk is sound");
    if recovery.founding.is_none() {
        wal.found(&founding(recovery.directory)).unwrap();
        let hard_state = Some(HardState { term: Term(1), vote: Some(NODE) });
        wal.append(&Write { hard_state, ..write(1..1, 0) }).unwrap();
    }
    wal
}

pub fn reopen(disk: &TestDisk) -> Result<(Wal<TestDisk>, Recovery), WalError> {
    Wal::open_with(disk.clone(), NODE, FRESH, &OPTIONS)
}

/// Entries of term 1 with these indexes and payloads of this size.
pub fn write(indexes: std::ops::Range<u64>, payload: usize) -> Write {
    let entries = indexes
        .map(|index| entry(index, Term(1), vec![u8::try_from(index % 251).unwrap(); payload]))
        .collect();
    Write { seq: WriteSeq(1), hard_state: None, start: None, truncate_from: None, entries }
}

/// A batch of its own for each of these entries.
pub fn append_each(wal: &mut Wal<TestDisk>, indexes: std::ops::Range<u64>, payload: usize) {
    for index in indexes {
        wal.append(&write(index..index + 1, payload)).unwrap();
        wal.sync().unwrap();
    }
}

/// The refusal, which changed nothing.
pub fn refused(disk: &TestDisk) -> String {
    let before = disk.contents();
    let operations = disk.operations();
    let error = reopen(disk).expect_err("the directory must be refused");
    assert_eq!(disk.operations(), operations, "a refused directory is left alone: {error}");
    assert_eq!(disk.contents(), before);
    error.to_string()
}

/// The snapshot at this index and term, with so many bytes.
pub fn snapshot(index: u64, term: u64, bytes: usize) -> Snapshot {
    let members = [(NodeId(1), DirectoryId([1; 16])), (NODE, FRESH)];
    let address = |(node, directory)| (node, directory, "10.0.0.1:7420".to_owned());
    let meta = SnapshotMeta {
        index: Index(index),
        term: Term(term),
        membership: Membership::founding(members.map(address)),
        membership_index: Index(0),
    };
    let data = (0..bytes).map(|at| (at as u64 ^ index) as u8).collect::<Vec<u8>>();
    Snapshot { meta, data: Blob::from(data) }
}

/// Begins to store it.
pub fn begin<D: Disk>(wal: &mut Wal<D>, snapshot: &Snapshot) {
    let data = snapshot.data.to_vec().unwrap();
    let content = move |sink: &mut dyn Sink| sink.put(&data).map_err(Unmade::Refused);
    wal.begin_snapshot(snapshot.meta.clone(), Box::new(content));
}

/// Waits for the end of the storing.
pub fn end<D: Disk>(wal: &mut Wal<D>) -> Result<SnapshotEnd, WalError> {
    loop {
        assert!(wal.is_storing());
        match wal.take_snapshot()? {
            Some(end) => return Ok(end),
            None => std::thread::yield_now(),
        }
    }
}

/// Stores it, on a sound disk.
pub fn store<D: Disk>(wal: &mut Wal<D>, snapshot: &Snapshot) {
    begin(wal, snapshot);
    assert_eq!(end(wal), Ok(SnapshotEnd::Stored(snapshot.clone())));
}

/// The log starts over behind this snapshot.
pub fn restart(snapshot: &Snapshot) -> Write {
    let start = LogStart { index: snapshot.meta.index, term: snapshot.meta.term };
    Write { start: Some(start), ..write(1..1, 0) }
}

/// The names of the segments.
pub fn segments(disk: &TestDisk) -> Vec<String> {
    disk.contents().into_keys().filter(|name| name.starts_with("log-")).collect()
}

/// Gives the envelope at `offset` of a file a later format, intact.
pub fn make_newer(disk: &TestDisk, name: &str, offset: usize) {
    forge(disk, name, offset, |envelope| envelope[8] = 2);
}

/// Changes the envelope at `offset` of a file, and its checksum with it.
pub fn forge(disk: &TestDisk, name: &str, offset: usize, change: impl FnOnce(&mut [u8])) {
    disk.edit(name, |bytes| {
        let envelope = &mut bytes[offset..];
        change(envelope);
        let body = u32::from_le_bytes(envelope[12..16].try_into().unwrap()) as usize;
        let crc = tenure::base::checksum::crc32c(&envelope[..40 + body]);
        envelope[40 + body..44 + body].copy_from_slice(&crc.to_le_bytes());
    });
}
