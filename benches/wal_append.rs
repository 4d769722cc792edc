//! What a durable append costs on real files, beside the least that it can cost: one write and one
//! fdatasync of the same bytes into a file that was written through before.
//!
//! `cargo bench --bench wal_append`; TMPDIR chooses the disk. Compare within one run only.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use std::fs::File;
use std::hint::black_box;
use std::os::unix::fs::FileExt;
use tempfile::TempDir;
use tenure::base::founding::FoundingRecord;
use tenure::base::{DirectoryId, Index, NodeId, Term, WriteSeq};
use tenure::node::FileDisk;
use tenure::raft::{Entry, EntryHeader, EntryKind, HardState, Payload, Write};
use tenure::wal::Wal;

/// A log that grows by entries of 64 bytes.
struct Growing {
    wal: Wal<FileDisk>,
    next: u64,
    payload: Payload,
    directory: TempDir,
}

impl Growing {
    fn new() -> Self {
        let directory = TempDir::new().unwrap();
        let disk = FileDisk::open(directory.path()).unwrap();
        let (mut wal, recovery) = Wal::open(disk, NODE, DirectoryId([7; 16])).unwrap();
        wal.found(&FoundingRecord::new([(NODE, recovery.directory)])).unwrap();
        wal.append(&hard_state(1)).unwrap();
        Self { wal, next: 1, payload: Payload::from(vec![0x5a; 64]), directory }
    }

    fn append(&mut self, count: u64) {
        let entries = (self.next..self.next + count).map(|index| self.entry(index)).collect();
        self.next += count;
        let write =
            Write { seq: WriteSeq(1), hard_state: None, start: None, truncate_from: None, entries };
        self.wal.append(&write).unwrap();
    }

    fn entry(&self, index: u64) -> Entry {
        let header = EntryHeader { format: 1, kind: EntryKind::Command, proposer_unix_ms: 0 };
        let payload = self.payload.clone();
        Entry { term: Term(1), index: Index(index), header, payload }
    }

    fn turn(&mut self, count: u64) {
        self.wal.prepare();
        self.append(count);
        self.wal.sync().unwrap();
    }
}

fn hard_state(term: u64) -> Write {
    let hard_state = Some(HardState { term: Term(term), vote: Some(NODE) });
    Write { seq: WriteSeq(1), hard_state, start: None, truncate_from: None, entries: Vec::new() }
}

/// One batch of `count` entries at a time, after the floor for as many bytes.
fn durable_append(criterion: &mut Criterion, count: u64) {
    let mut group = criterion.benchmark_group(format!("durable append of {count}"));
    group.throughput(Throughput::Elements(count));
    let directory = TempDir::new().unwrap();
    let file = File::create(directory.path().join("floor")).unwrap();
    file.write_all_at(&vec![0; FLOOR_BYTES], 0).unwrap();
    file.sync_all().unwrap();
    let bytes = vec![0x5a; RECORD_BYTES * usize::try_from(count).unwrap()];
    let mut offset = 0;
    group.bench_function("floor", |bencher| {
        bencher.iter(|| {
            file.write_all_at(black_box(&bytes), offset as u64).unwrap();
            file.sync_data().unwrap();
            offset = (offset + bytes.len()) % (FLOOR_BYTES - bytes.len());
        });
    });
    let mut growing = Growing::new();
    group.bench_function("wal", |bencher| bencher.iter(|| growing.turn(count)));
    group.finish();
}

fn appends(criterion: &mut Criterion) {
    [1, 64, 1024].into_iter().for_each(|count| durable_append(criterion, count));
}

fn votes(criterion: &mut Criterion) {
    let mut growing = Growing::new();
    let mut term = 1;
    criterion.bench_function("durable vote", |bencher| {
        bencher.iter(|| {
            term += 1;
            growing.wal.append(&hard_state(term)).unwrap();
        });
    });
}

fn recovery(criterion: &mut Criterion) {
    let mut growing = Growing::new();
    (0..100).for_each(|_| growing.turn(1000));
    let Growing { wal, directory, .. } = growing;
    drop(wal);
    criterion.bench_function("recovery of 100000 entries", |bencher| {
        bencher.iter(|| {
            let disk = FileDisk::open(directory.path()).unwrap();
            let (_, recovery) = Wal::open(disk, NODE, DirectoryId([7; 16])).unwrap();
            assert_eq!(recovery.entries.len(), 100_000);
        });
    });
}

const NODE: NodeId = NodeId(1);
/// A record of 64 bytes of payload: 32 + 26 + 64, padded.
const RECORD_BYTES: usize = 128;
const FLOOR_BYTES: usize = 8 << 20;

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20);
    targets = appends, votes, recovery
}
criterion_main!(benches);
