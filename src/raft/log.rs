//! The entries held in memory, contiguous from index 1, with their sizes summed.

use crate::base::{Index, Term};
use crate::raft::Entry;

/// The log. Invariants: entry i stands at position i − 1; terms never fall;
/// `bytes_through[i]` = Σ size of the first i entries, so that any range is measured by one subtraction.
#[derive(Clone, Debug)]
pub(super) struct Log {
    entries: Vec<Entry>,
    bytes_through: Vec<u64>,
}

impl Log {
    /// A log of what recovery found.
    ///
    /// # Panics
    /// If the entries are not contiguous from 1, or their terms fall: recovery promised both.
    pub fn new(entries: Vec<Entry>) -> Self {
        let mut log = Self { entries: Vec::with_capacity(entries.len()), bytes_through: vec![0] };
        log.extend(entries);
        log
    }

    /// The last index, 0 if empty.
    pub fn last_index(&self) -> Index {
        Index(self.entries.len() as u64)
    }

    /// The term of the last entry, 0 if empty.
    pub fn last_term(&self) -> Term {
        self.entries.last().map_or(Term(0), |entry| entry.term)
    }

    /// The term at `index`; 0 at index 0; `None` behind the end.
    pub fn term_at(&self, index: Index) -> Option<Term> {
        if index.0 == 0 { Some(Term(0)) } else { self.entry(index).map(|entry| entry.term) }
    }

    /// The entry at `index`.
    pub fn entry(&self, index: Index) -> Option<&Entry> {
        let position = usize::try_from(index.0.checked_sub(1)?).ok()?;
        self.entries.get(position)
    }

    /// The entries `from ..= to`; empty if `to` is before `from`.
    pub fn range(&self, from: Index, to: Index) -> &[Entry] {
        if to < from { &[] } else { &self.entries[from.0 as usize - 1..to.0 as usize] }
    }

    /// Bytes of all entries.
    pub fn bytes(&self) -> u64 {
        self.bytes_through[self.entries.len()]
    }

    /// Bytes of the entries behind `index`.
    pub fn bytes_behind(&self, index: Index) -> u64 {
        self.bytes() - self.bytes_through[index.0 as usize]
    }

    /// Bytes of the entries `from ..= to`.
    pub fn bytes_between(&self, from: Index, to: Index) -> u64 {
        if to < from {
            0
        } else {
            self.bytes_through[to.0 as usize] - self.bytes_through[from.0 as usize - 1]
        }
    }

    /// The last index such that the entries `from ..=` it fit into `budget` bytes; `from` − 1 if none.
    pub fn last_within(&self, from: Index, budget: u64) -> Index {
        let before = from.0 as usize - 1;
        let end = self.bytes_through[before].saturating_add(budget);
        let fitting = self.bytes_through[before..].partition_point(|&bytes| bytes <= end);
        Index((before + fitting) as u64 - 1)
    }

    /// Appends one entry.
    pub fn push(&mut self, entry: Entry) {
        assert_eq!(entry.index, self.last_index().next(), "the log has no gaps");
        assert!(entry.term >= self.last_term(), "term {} < {}", entry.term, self.last_term());
        self.bytes_through.push(self.bytes() + entry.size() as u64);
        self.entries.push(entry);
    }

    /// Appends entries that follow the last one.
    pub fn extend(&mut self, entries: impl IntoIterator<Item = Entry>) {
        for entry in entries {
            self.push(entry);
        }
    }

    /// Removes the entry at `from` and all behind it.
    pub fn truncate(&mut self, from: Index) {
        let kept = from.0 as usize - 1;
        self.entries.truncate(kept);
        self.bytes_through.truncate(kept + 1);
    }

    /// Whether a log that ends with (`last_term`, `last_index`) holds at least as much as this one
    /// (Raft §5.4.1): terms decide, then lengths.
    pub fn is_covered_by(&self, last_term: Term, last_index: Index) -> bool {
        (last_term, last_index) >= (self.last_term(), self.last_index())
    }

    /// The largest index not above `index` whose term is not above `term`, with its term. Terms never
    /// fall, so whole terms are skipped that cannot match; both sides of a rejection use it.
    pub fn conflict_by_term(&self, index: Index, term: Term) -> (Index, Term) {
        let end = index.min(self.last_index()).0 as usize;
        let found = self.entries[..end].partition_point(|entry| entry.term <= term);
        (Index(found as u64), if found == 0 { Term(0) } else { self.entries[found - 1].term })
    }
}
