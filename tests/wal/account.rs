//! A node's life with its log, and the account of what was promised in it.
//!
//! The account keeps whole logs, from index 1, whatever snapshots and compaction leave of them on the disk.
//! What a snapshot holds is told by its bytes: a digest of the log up to where it stands.

use crate::wal::disk::TestDisk;
use crate::wal::history::{NODE, OPTIONS, begin, entry, founding, snapshot, write};
use tenure::base::rng::Rng;
use tenure::base::{Blob, DirectoryId, Index, NodeId, Term, WriteSeq, checksum};
use tenure::raft::{Entry, HardState, LogStart, Snapshot, Write};
use tenure::wal::{Recovery, SnapshotEnd, Wal, WalError};

/// Bounds of what a restart may find: at least what was promised, at most what was asked for.
#[derive(Clone, Debug)]
pub struct Account {
    directory: Option<DirectoryId>,
    is_founded: bool,
    /// The log after the last sync, and after each record since.
    logs: Vec<Vec<Entry>>,
    /// The hard state that was promised, and the one under way.
    hard_states: Vec<HardState>,
    /// The log up to the snapshot that is surely there; empty for none.
    stored: Vec<Entry>,
    /// The log up to the snapshot under way; empty for none.
    storing: Vec<Entry>,
    /// No entry up to here is ever removed (R9).
    committed: u64,
    next_payload: u64,
    pub seen: Seen,
}

/// Events of a life so far: a test that never meets one proves nothing about it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Seen {
    pub taken: u32,
    pub installed: u32,
    pub dropped: u32,
    pub compacted_starts: u32,
}

impl Account {
    pub fn new() -> Self {
        Self {
            directory: None,
            is_founded: false,
            logs: vec![Vec::new()],
            hard_states: vec![HardState::default()],
            stored: Vec::new(),
            storing: Vec::new(),
            committed: 0,
            next_payload: 0,
            seen: Seen::default(),
        }
    }

    /// Compares what was found with what was promised; from then on that is what stands.
    pub fn check(&mut self, recovery: &Recovery) {
        if let Some(directory) = self.directory {
            assert_eq!(recovery.directory, directory, "the directory id was durable");
        }
        assert!(recovery.founding.is_some() || !self.is_founded, "the founding was durable");
        let stored = self.check_snapshot(recovery.snapshot.as_ref());
        let log = self.check_log(&recovery.entries, &stored);
        assert!(
            self.hard_states.contains(&recovery.hard_state),
            "{:?} is none of {:?}",
            recovery.hard_state,
            self.hard_states
        );
        self.directory = Some(recovery.directory);
        self.committed = self.committed.max(stored.len() as u64);
        (self.logs, self.stored, self.storing) = (vec![log], stored, Vec::new());
        self.hard_states = vec![recovery.hard_state];
    }

    /// The past that the snapshot stands for: the promised one, or the one that was under way.
    fn check_snapshot(&self, found: Option<&Snapshot>) -> Vec<Entry> {
        let possible = [&self.stored, &self.storing];
        let past = possible.into_iter().find(|past| snapshot_of(past).as_ref() == found);
        past.unwrap_or_else(|| panic!("{found:?} is no snapshot of {self:?}")).clone()
    }

    /// The whole log of which `entries` are what is not, or not only, in the snapshot.
    fn check_log(&mut self, entries: &[Entry], stored: &[Entry]) -> Vec<Entry> {
        let may_be: Vec<Vec<Entry>> =
            self.logs.iter().map(|log| behind_snapshot(log, stored)).collect();
        let fits =
            |log: &&Vec<Entry>| log.ends_with(entries) && log.len() - entries.len() <= stored.len();
        let log = may_be.iter().find(fits).unwrap_or_else(|| {
            let lengths = self.logs.iter().map(Vec::len).collect::<Vec<_>>();
            let count = entries.len();
            panic!("{count} entries are none of the logs that may be found, of {lengths:?} entries")
        });
        self.seen.dropped += u32::from(self.logs.iter().all(|asked| !log.starts_with(asked)));
        self.seen.compacted_starts += u32::from(entries.first().is_some_and(|e| e.index.0 > 1));
        log.clone()
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
        let free = length - self.committed.min(length);
        let truncate_from =
            (free > 0 && rng.chance(1, 6)).then(|| Index(length + 1 - rng.below(free.min(4))));
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
        let mut payload = self.next_payload();
        let length = if rng.chance(1, 8) { rng.below(2500) } else { rng.below(200) };
        payload.resize(8 + usize::try_from(length).unwrap(), rng.below(256) as u8);
        let entry = entry(self.log().len() as u64 + 1, self.term(), payload);
        let mut log = self.log().to_vec();
        log.push(entry.clone());
        self.logs.push(log);
        entry
    }

    fn next_payload(&mut self) -> Vec<u8> {
        self.next_payload += 1;
        self.next_payload.to_le_bytes().to_vec()
    }

    /// Takes a snapshot of what is durable here, if that is more than the last one holds.
    fn begin_own(&mut self, wal: &mut Wal<TestDisk>, rng: &mut Rng) {
        let (first, last) = (self.committed + 1, self.log().len() as u64);
        if first > last {
            return;
        }
        self.committed = rng.between(first, last);
        self.storing = self.log()[..usize::try_from(self.committed).unwrap()].to_vec();
        begin(wal, &snapshot_of(&self.storing).expect("it holds something"));
    }

    /// Gets a snapshot from a leader of a later term, which holds entries that this log has not.
    fn begin_foreign(&mut self, wal: &mut Wal<TestDisk>, rng: &mut Rng) -> Result<(), WalError> {
        let term = self.term().next();
        let state = HardState { term: term.next(), vote: None };
        self.hard_states.push(state);
        wal.append(&Write { hard_state: Some(state), ..write(1..1, 0) })?;
        self.appended();
        let length = self.log().len() as u64;
        let common = rng.between(self.committed.min(length), length);
        let mut past = self.log()[..usize::try_from(common).unwrap()].to_vec();
        for index in common + 1..=common + rng.between(1, 9) {
            let payload = self.next_payload();
            past.push(entry(index, term, payload));
        }
        // Never behind the last one.
        if past.len() > self.stored.len() {
            self.storing = past;
            begin(wal, &snapshot_of(&self.storing).expect("it holds something"));
        }
        Ok(())
    }

    /// The storing ended; perhaps the log must start over.
    fn handle_end(&mut self, wal: &mut Wal<TestDisk>, end: &SnapshotEnd) -> Result<(), WalError> {
        self.stored = std::mem::take(&mut self.storing);
        let snapshot = snapshot_of(&self.stored).expect("it holds something");
        assert_eq!(*end, SnapshotEnd::Stored(snapshot.clone()));
        if behind_snapshot(self.log(), &self.stored) == self.log() {
            self.seen.taken += 1;
            return Ok(());
        }
        self.seen.installed += 1;
        self.committed = snapshot.meta.index.0;
        self.logs.push(self.stored.clone());
        let start = Some(LogStart { index: snapshot.meta.index, term: snapshot.meta.term });
        wal.append(&Write { start, ..write(1..1, 0) })
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

/// One start of a node, and its life until it ends or its disk does.
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
        look_after_snapshots(&mut wal, account, rng)?;
        for _ in 0..rng.between(1, 3) {
            wal.append(&account.next_write(rng))?;
            account.appended();
        }
        wal.sync()?;
        account.synced();
    }
    Ok(())
}

fn look_after_snapshots(
    wal: &mut Wal<TestDisk>,
    account: &mut Account,
    rng: &mut Rng,
) -> Result<(), WalError> {
    for _ in 0..rng.between(1, 4) {
        if let Some(end) = wal.take_snapshot()? {
            account.handle_end(wal, &end)?;
        }
    }
    if !wal.is_storing() {
        match rng.below(6) {
            0..3 => account.begin_own(wal, rng),
            3 => account.begin_foreign(wal, rng)?,
            _ => {}
        }
    }
    let kept = rng.below(6);
    wal.compact(Index((account.stored.len() as u64 + 1).saturating_sub(kept)))
}

/// The snapshot of a log, if that has an entry.
fn snapshot_of(past: &[Entry]) -> Option<Snapshot> {
    let last = past.last()?;
    let digest = past.iter().flat_map(|entry| {
        let payload = checksum::crc32c(entry.payload.bytes()).to_le_bytes();
        [&entry.index.0.to_le_bytes()[..], &entry.term.0.to_le_bytes(), &payload].concat()
    });
    let data = Blob::from(digest.collect::<Vec<u8>>());
    Some(Snapshot { data, ..snapshot(last.index.0, last.term.0, 0) })
}

/// The rest of a log when there is a snapshot of this past (Raft §7).
fn behind_snapshot(log: &[Entry], past: &[Entry]) -> Vec<Entry> {
    let Some(last) = past.last() else { return log.to_vec() };
    let there = log.get(past.len() - 1);
    let is_same = there.is_some_and(|entry| entry.term == last.term);
    if is_same { log.to_vec() } else { past.to_vec() }
}
