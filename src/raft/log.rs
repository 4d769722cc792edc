//! The entries held in memory, contiguous behind a base, with their sizes summed.

use crate::base::{Index, Term};
use crate::raft::Entry;

/// The log. Invariants: entry i stands at position i − base − 1; terms never fall; `bytes_through[p]` =
/// Σ size of the entries before position p, from an arbitrary origin, so that any range is measured by one
/// subtraction. Entries at or below the base are in a snapshot.
#[derive(Clone, Debug)]
pub(super) struct Log {
    base: Index,
    base_term: Term,
    entries: Vec<Entry>,
    bytes_through: Vec<u64>,
    /// Compacted, and freed in parts: so many at once would hold up the loop.
    garbage: Vec<Entry>,
}

impl Log {
    /// A log behind `base`, of what recovery found.
    ///
    /// # Panics
    /// If the entries are not contiguous behind the base, or their terms fall: recovery promised both.
    pub fn new(base: Index, base_term: Term, entries: Vec<Entry>) -> Self {
        let mut log = Self {
            base,
            base_term,
            entries: Vec::with_capacity(entries.len()),
            bytes_through: vec![0],
            garbage: Vec::new(),
        };
        entries.into_iter().for_each(|entry| log.push(entry));
        log
    }

    /// The index before the first entry held.
    pub fn base(&self) -> Index {
        self.base
    }

    /// The last index; that of the base if empty.
    pub fn last_index(&self) -> Index {
        Index(self.base.0 + self.entries.len() as u64)
    }

    /// The term of the last entry; that of the base if empty.
    pub fn last_term(&self) -> Term {
        self.entries.last().map_or(self.base_term, |entry| entry.term)
    }

    /// The term at `index`; `None` before the base and behind the end.
    pub fn term_at(&self, index: Index) -> Option<Term> {
        if index == self.base {
            Some(self.base_term)
        } else {
            self.entry(index).map(|entry| entry.term)
        }
    }

    /// The entry at `index`.
    pub fn entry(&self, index: Index) -> Option<&Entry> {
        let position = usize::try_from(index.0.checked_sub(self.base.0 + 1)?).ok()?;
        self.entries.get(position)
    }

    /// The entries `from ..= to`; none if `to` < `from`.
    pub fn range(&self, from: Index, to: Index) -> &[Entry] {
        if to < from { &[] } else { &self.entries[self.position(from)..=self.position(to)] }
    }

    /// Bytes of the entries behind `index`; those before the base count for nothing.
    pub fn bytes_behind(&self, index: Index) -> u64 {
        let from = index.max(self.base).next();
        self.bytes_end() - self.bytes_through[self.position(from)]
    }

    /// Bytes of the entries `from ..= to`.
    pub fn bytes_between(&self, from: Index, to: Index) -> u64 {
        if to < from {
            0
        } else {
            self.bytes_through[self.position(to) + 1] - self.bytes_through[self.position(from)]
        }
    }

    /// The last index such that the entries `from ..=` it fit into `budget` bytes; `from` − 1 if none.
    pub fn last_within(&self, from: Index, budget: u64) -> Index {
        let before = self.position(from);
        let end = self.bytes_through[before].saturating_add(budget);
        let fitting = self.bytes_through[before..].partition_point(|&bytes| bytes <= end);
        Index(from.0 + fitting as u64 - 2)
    }

    /// The first index such that the entries from it through `to` fit into `budget` bytes; `to` + 1 if none.
    pub fn first_within(&self, to: Index, budget: u64) -> Index {
        let end = self.bytes_through[self.position(to.next())];
        let start = end.saturating_sub(budget);
        let before = self.bytes_through.partition_point(|&bytes| bytes < start);
        Index(self.base.0 + before as u64 + 1)
    }

    /// Appends one entry.
    pub fn push(&mut self, entry: Entry) {
        assert_eq!(entry.index, self.last_index().next(), "the log has no gaps");
        assert!(entry.term >= self.last_term(), "term {} < {}", entry.term, self.last_term());
        self.bytes_through.push(self.bytes_end() + entry.size() as u64);
        self.entries.push(entry);
    }

    /// Removes the entry at `from` and all behind it.
    pub fn truncate(&mut self, from: Index) {
        let kept = self.position(from);
        self.entries.truncate(kept);
        self.bytes_through.truncate(kept + 1);
    }

    /// Forgets the entries through `to`, which a snapshot holds the effect of.
    pub fn compact(&mut self, to: Index) {
        if to <= self.base {
            return;
        }
        let term = self.term_at(to).expect("what is compacted is in the log");
        let kept = self.position(to.next());
        let rest = self.entries.split_off(kept);
        let compacted = std::mem::replace(&mut self.entries, rest);
        self.throw_away(compacted);
        self.bytes_through = self.bytes_through.split_off(kept);
        (self.base, self.base_term) = (to, term);
    }

    /// Replaces the whole log by an empty one behind a snapshot.
    pub fn reset(&mut self, base: Index, base_term: Term) {
        let all = std::mem::take(&mut self.entries);
        self.throw_away(all);
        self.bytes_through = vec![0];
        (self.base, self.base_term) = (base, base_term);
    }

    /// Moves the smaller of two heaps: a log of 64 MiB has a million entries, and moving them takes milliseconds.
    fn throw_away(&mut self, mut entries: Vec<Entry>) {
        if self.garbage.len() < entries.len() {
            std::mem::swap(&mut self.garbage, &mut entries);
        }
        self.garbage.append(&mut entries);
    }

    /// Frees some of the compacted entries.
    pub fn collect_garbage(&mut self) {
        let rest = self.garbage.len().saturating_sub(GARBAGE_PER_TURN_MAX);
        self.garbage.truncate(rest);
        if rest == 0 {
            self.garbage = Vec::new();
        }
    }

    /// Whether a log that ends with (`last_term`, `last_index`) holds at least as much as this one
    /// (Raft §5.4.1): terms decide, then lengths.
    pub fn is_covered_by(&self, last_term: Term, last_index: Index) -> bool {
        (last_term, last_index) >= (self.last_term(), self.last_index())
    }

    /// The largest index not above `index` whose term is not above `term`, with its term. Terms never fall, so whole
    /// terms that cannot match are skipped; both sides of a rejection use it. An index below the base, if the answer
    /// lies in the compacted part.
    pub fn conflict_by_term(&self, index: Index, term: Term) -> (Index, Term) {
        let end = index.min(self.last_index());
        if end < self.base {
            return (end, Term(0));
        }
        let held = &self.entries[..self.position(end.next())];
        let found = held.partition_point(|entry| entry.term <= term);
        match found.checked_sub(1) {
            Some(last) => (held[last].index, held[last].term),
            None if self.base_term <= term => (self.base, self.base_term),
            None => (Index(self.base.0.saturating_sub(1)), Term(0)),
        }
    }

    fn position(&self, index: Index) -> usize {
        (index.0 - self.base.0 - 1) as usize
    }

    fn bytes_end(&self) -> u64 {
        self.bytes_through[self.entries.len()]
    }
}

/// Entries freed in one turn: some hundred microseconds.
const GARBAGE_PER_TURN_MAX: usize = 8192;
