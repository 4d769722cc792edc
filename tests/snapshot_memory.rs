//! What it takes of memory to make the next snapshot, from file to file: counted at the allocator, so that nothing else may
//! run in this process.

#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};
use tenure::base::blob::{Sink, Unmade};
use tenure::base::founding::FoundingRecord;
use tenure::base::{
    Blob, DirectoryId, Index, NodeId, Owner, RequestId, SessionId, SessionKey, Term, WriteSeq,
};
use tenure::lock::{Acquire, Command, LEVEL_MAX, LockMachine, Mode, Name, Operation, Settings};
use tenure::node::FileDisk;
use tenure::raft::{HardState, Membership, SnapshotMeta, Write};
use tenure::wal::{SnapshotEnd, Wal, WalOptions};

/// The system's allocator, counted.
struct Counting;

static BYTES: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

// SAFETY: all is handed to the system's allocator, unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let before = BYTES.fetch_add(layout.size(), Ordering::Relaxed);
        PEAK.fetch_max(before + layout.size(), Ordering::Relaxed);
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        BYTES.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// A machine in which sessions hold so many locks.
fn with_locks(count: u64) -> LockMachine {
    let mut machine = LockMachine::new();
    let mut index = 0;
    let mut apply = |command: &Command| {
        index += 1;
        machine.apply(Index(index), Term(1), 0, command);
        index
    };
    apply(&Command::Settings(Settings { lease_ms: 150, ttl_ms_max: 60_000, level: LEVEL_MAX }));
    let mut session = SessionId(0);
    for number in 0..count {
        if number % 4096 == 0 {
            let (key, client) = (SessionKey([0; 16]), "host:12345".to_owned());
            session = SessionId(apply(&Command::OpenSession { ttl_ms: 10_000, key, client }));
        }
        let name = Name::try_from(format!("jobs/{number:07}").as_str()).unwrap();
        let (mode, value) = (Mode::Exclusive, Vec::new());
        let (limit, permits, owner, delay_ms, try_only) = (0, 1, Owner(0), 0, false);
        let acquire = Acquire { name, value, mode, limit, permits, owner, delay_ms, try_only };
        let (request, floor) = (RequestId(number + 1), RequestId(number + 1));
        let operation = Operation::Acquire(acquire);
        apply(&Command::Request { session, request, floor, operation });
    }
    assert_eq!(machine.held_count(), usize::try_from(count).unwrap());
    machine
}

fn founded(disk: FileDisk) -> Wal<FileDisk> {
    let (node, fresh) = (NodeId(1), DirectoryId([1; 16]));
    let options = WalOptions { segment_bytes: 1 << 20 };
    let (mut wal, recovery) = Wal::open_with(disk, node, fresh, &options).unwrap();
    wal.found(&FoundingRecord::new([(node, recovery.directory)])).unwrap();
    let hard_state = Some(HardState { term: Term(1), vote: Some(node) });
    let (start, truncate_from, entries) = (None, None, Vec::new());
    wal.append(&Write { seq: WriteSeq(1), hard_state, start, truncate_from, entries }).unwrap();
    wal.sync().unwrap();
    wal
}

/// Stores the snapshot of `index`, and says where its bytes are.
fn store(
    wal: &mut Wal<FileDisk>,
    index: u64,
    content: impl FnOnce(&mut dyn Sink) -> Result<(), Unmade> + Send + 'static,
) -> Blob {
    let members = [(NodeId(1), DirectoryId([1; 16]), "10.0.0.1:7420".to_owned())];
    let meta = SnapshotMeta {
        index: Index(index),
        term: Term(1),
        membership: Membership::founding(members),
        membership_index: Index(0),
    };
    wal.begin_snapshot(meta, Box::new(content));
    loop {
        match wal.take_snapshot().unwrap() {
            Some(SnapshotEnd::Stored(snapshot)) => return snapshot.data,
            Some(end) => panic!("{end:?}"),
            None => std::thread::yield_now(),
        }
    }
}

/// The state that serves, the one that is made again, and no more than a few parts of the files.
#[test]
fn the_next_snapshot_takes_no_more_than_half_of_state_and_snapshot_besides_them() {
    let directory = tempfile::tempdir().unwrap();
    let mut wal = founded(FileDisk::open(directory.path()).unwrap());
    let before = BYTES.load(Ordering::Relaxed);
    let machine = with_locks(100_000);
    let state = BYTES.load(Ordering::Relaxed) - before;
    let serving = machine.clone();
    let first = store(&mut wal, 1, move |sink| machine.encode_into(sink).map_err(Unmade::Refused));
    // The clone stands for the state that serves.
    let stands = BYTES.load(Ordering::Relaxed);
    PEAK.store(stands, Ordering::Relaxed);
    let source = first.clone();
    let second = store(&mut wal, 2, move |sink| {
        let again = LockMachine::decode_blob(&source, LEVEL_MAX).expect("its own bytes");
        again.encode_into(sink).map_err(Unmade::Refused)
    });
    let peak = state + PEAK.load(Ordering::Relaxed) - stands;
    let snapshot = usize::try_from(second.len()).unwrap();
    assert!(peak * 2 <= (state + snapshot) * 3, "{peak} of {state} and {snapshot}");
    assert_eq!(
        serving.state_hash(),
        LockMachine::decode_blob(&second, LEVEL_MAX).unwrap().state_hash()
    );
    // The first one is removed by now, and whoever is given it still is.
    assert_eq!(first, second);
}
