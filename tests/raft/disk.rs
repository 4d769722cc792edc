//! A node's disk, and its recovery.

use tenure::raft::{Entry, HardState, Recovered, Snapshot, Write};

/// Durable data of a node.
#[derive(Clone, Debug, Default)]
pub struct Disk {
    pub hard_state: HardState,
    pub snapshot: Option<Snapshot>,
    /// Entries behind `base`.
    pub entries: Vec<Entry>,
    pub base: u64,
}

impl Disk {
    pub fn last_index(&self) -> u64 {
        self.base + self.entries.len() as u64
    }

    pub fn snapshot_index(&self) -> u64 {
        self.snapshot.as_ref().map_or(0, |snapshot| snapshot.meta.index.0)
    }

    /// Whether the entry, or a snapshot that holds its effect, is there.
    pub fn holds(&self, entry: &Entry) -> bool {
        let position = entry.index.0.checked_sub(self.base + 1);
        let held = position.and_then(|position| self.entries.get(position as usize));
        entry.index.0 <= self.snapshot_index() || held == Some(entry)
    }

    /// Makes a write durable.
    pub fn write(&mut self, write: &Write) {
        if let Some(hard_state) = write.hard_state {
            let HardState { term, vote } = self.hard_state;
            let stands = hard_state.term > term
                || hard_state.term == term && (vote.is_none() || vote == hard_state.vote);
            assert!(stands, "{hard_state:?} takes back {:?} (R6)", self.hard_state);
            self.hard_state = hard_state;
        }
        if let Some(start) = write.start {
            let stored = self.snapshot_index();
            assert!(
                stored >= start.index.0,
                "a log behind {}, a snapshot of {stored}",
                start.index
            );
            self.base = start.index.0;
            self.entries.clear();
        }
        if let Some(from) = write.truncate_from {
            self.entries.truncate((from.0 - self.base) as usize - 1);
        }
        for entry in &write.entries {
            assert_eq!(entry.index.0, self.last_index() + 1, "the disk has no gaps");
            self.entries.push(entry.clone());
        }
    }

    /// Forgets the entries that the snapshot holds the effect of.
    pub fn compact(&mut self) {
        let overlap = self.snapshot_index().saturating_sub(self.base);
        let overlap = overlap.min(self.entries.len() as u64);
        self.entries.drain(..overlap as usize);
        self.base += overlap;
    }

    /// State that a start finds. A log that ends before the snapshot, or has another past, starts over behind it: the
    /// write that said so was lost.
    pub fn recover(&mut self) -> Recovered {
        if let Some(snapshot) = &self.snapshot {
            let (index, term) = (snapshot.meta.index, snapshot.meta.term);
            let newest = self.hard_state.term;
            assert!(term <= newest, "a snapshot of term {term} on a disk of term {newest}");
            let position = (index.0 - self.base).checked_sub(1);
            let own = position.map(|position| self.entries.get(position as usize));
            if own.is_some_and(|entry| entry.is_none_or(|entry| entry.term != term)) {
                self.entries.clear();
                self.base = index.0;
            }
        }
        Recovered {
            hard_state: self.hard_state,
            snapshot: self.snapshot.clone(),
            entries: self.entries.clone(),
        }
    }
}
