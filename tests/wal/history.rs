//! A node's life with its log, and the account of what was promised in it.

use crate::disk::TestDisk;
use tenure::base::founding::FoundingRecord;
use tenure::base::rng::Rng;
use tenure::base::{DirectoryId, Index, NodeId, Term, WriteSeq};
use tenure::raft::{Entry, EntryHeader, EntryKind, HardState, Payload, Write};
use tenure::wal::{Recovery, Wal, WalError, WalOptions};

pub const NODE: NodeId = NodeId(2);
pub const FRESH: DirectoryId = DirectoryId([0xd1; 16]);
/// Small, so that a short life fills several.
pub const OPTIONS: WalOptions = WalOptions { segment_bytes: 4096 };

/// What a restart may find: at least what was promised, at most what was asked for.
#[derive(Clone, Debug)]
pub struct Account {
    directory: Option<DirectoryId>,
    is_founded: bool,
    /// The log after the last sync, and after each record since.
    logs: Vec<Vec<Entry>>,
    /// The hard state that was promised, and the one under way.
    hard_states: Vec<HardState>,
    next_payload: u64,
}

impl Account {
    pub fn new() -> Self {
        Self {
            directory: None,
            is_founded: false,
            logs: vec![Vec::new()],
            hard_states: vec![HardState::default()],
            next_payload: 0,
        }
    }

    /// Compares what was found with what was promised; from then on that is what stands.
    pub fn check(&mut self, recovery: &Recovery) {
        if let Some(directory) = self.directory {
            assert_eq!(recovery.directory, directory, "the directory id was durable");
        }
        assert!(recovery.founding.is_some() || !self.is_founded, "the founding was durable");
        assert!(
            self.logs.contains(&recovery.entries),
            "{} entries are none of the logs that may be found, of {:?} entries",
            recovery.entries.len(),
            self.logs.iter().map(Vec::len).collect::<Vec<_>>()
        );
        assert!(
            self.hard_states.contains(&recovery.hard_state),
            "{:?} is none of {:?}",
            recovery.hard_state,
            self.hard_states
        );
        self.directory = Some(recovery.directory);
        self.logs = vec![recovery.entries.clone()];
        self.hard_states = vec![recovery.hard_state];
    }

    fn log(&self) -> &[Entry] {
        self.logs.last().expect("there is always one")
    }

    fn term(&self) -> Term {
        self.hard_states.last().expect("there is always one").term
    }

    /// A write as a replica might issue it, entered into the account as asked for.
    pub fn next_write(&mut self, rng: &mut Rng) -> Write {
        let hard_state = rng.chance(1, 4).then(|| self.next_hard_state(rng));
        let length = self.log().len() as u64;
        let truncate_from =
            (length > 0 && rng.chance(1, 6)).then(|| Index(length + 1 - rng.below(length.min(4))));
        if let Some(from) = truncate_from {
            let kept = usize::try_from(from.0 - 1).unwrap();
            self.logs.push(self.log()[..kept].to_vec());
        }
        let entries: Vec<Entry> = (0..rng.below(5)).map(|_| self.next_entry(rng)).collect();
        Write { seq: WriteSeq(1), hard_state, start: None, truncate_from, entries }
    }

    fn next_hard_state(&mut self, rng: &mut Rng) -> HardState {
        let vote = rng.chance(1, 2).then(|| NodeId(rng.between(1, 3)));
        let state = HardState { term: self.term().next(), vote };
        self.hard_states.push(state);
        state
    }

    fn next_entry(&mut self, rng: &mut Rng) -> Entry {
        self.next_payload += 1;
        let mut payload = self.next_payload.to_le_bytes().to_vec();
        let length = if rng.chance(1, 8) { rng.below(2500) } else { rng.below(200) };
        payload.resize(8 + usize::try_from(length).unwrap(), rng.below(256) as u8);
        let entry = entry(self.log().len() as u64 + 1, self.term(), payload);
        let mut log = self.log().to_vec();
        log.push(entry.clone());
        self.logs.push(log);
        entry
    }

    /// The last write returned: its hard state is promised.
    pub fn appended(&mut self) {
        self.hard_states.drain(..self.hard_states.len() - 1);
    }

    /// A sync returned: all is promised.
    pub fn synced(&mut self) {
        self.logs.drain(..self.logs.len() - 1);
    }
}

/// One start of a node and what it does until it ends or its disk does.
pub fn live(
    disk: &TestDisk,
    account: &mut Account,
    rng: &mut Rng,
    turns: u32,
) -> Result<(), WalError> {
    // Another id at each start: only an empty directory may take it.
    let fresh = DirectoryId(rng.bytes16());
    let (mut wal, recovery) = Wal::open_with(disk.clone(), NODE, fresh, &OPTIONS)?;
    account.check(&recovery);
    if recovery.founding.is_none() {
        wal.found(&founding(recovery.directory))?;
    }
    account.is_founded = true;
    for _ in 0..turns {
        wal.prepare();
        for _ in 0..rng.between(1, 3) {
            wal.append(&account.next_write(rng))?;
            account.appended();
        }
        wal.sync()?;
        account.synced();
    }
    Ok(())
}

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
