//! The entries of the Raft log in memory, contiguous behind a base, with running sums of their sizes (Raft
//! §5.3, §7).
//!
//! The entries are in blocks: a log of 64 MiB may have a million small entries, and one vector of them would
//! take tens of milliseconds of a turn to grow, or to compact at its front. No block moves; a compaction
//! frees whole blocks, and few entries of one.

use crate::base::{Index, Term};
use crate::raft::Entry;
use std::collections::VecDeque;

/// The log. Invariants: block k holds the entries k × `BLOCK_LEN` to (k + 1) × `BLOCK_LEN` − 1, only some of
/// them in the first and the last block; terms never fall. Entries at or below the base are in a snapshot.
#[derive(Clone, Debug)]
pub(super) struct Log {
    base: Index,
    base_term: Term,
    /// Σ size of the entries up to the base, from an arbitrary origin.
    base_bytes: u64,
    /// What each entry that comes is asked for first.
    end: End,
    blocks: VecDeque<Block>,
    /// Compacted blocks, freed in parts: all at once would hold up the loop.
    garbage: Vec<Block>,
}

/// Where the log ends: its last entry, or the base.
#[derive(Clone, Copy, Debug)]
struct End {
    index: Index,
    term: Term,
    /// Σ size of all entries, from the log's origin.
    bytes: u64,
}

/// Adjacent entries. `bytes_through[p]` = Σ size of all entries through the one at p, from the log's origin,
/// so that any range is measured by one subtraction.
#[derive(Clone, Debug)]
struct Block {
    entries: Vec<Entry>,
    bytes_through: Vec<u64>,
}

impl Block {
    fn new() -> Self {
        let entries = Vec::with_capacity(BLOCK_LEN as usize);
        Self { entries, bytes_through: Vec::with_capacity(BLOCK_LEN as usize) }
    }

    fn truncate(&mut self, kept: usize) {
        self.entries.truncate(kept);
        self.bytes_through.truncate(kept);
    }

    fn forget_first(&mut self, count: usize) {
        self.entries.drain(..count);
        self.bytes_through.drain(..count);
    }
}

impl Log {
    /// A log behind `base`, of the entries that recovery found.
    ///
    /// # Panics
    /// The entries are not contiguous behind the base, or their terms fall: recovery promised both.
    pub fn new(base: Index, base_term: Term, entries: impl Iterator<Item = Entry>) -> Self {
        let (blocks, end) = (VecDeque::new(), End { index: base, term: base_term, bytes: 0 });
        let mut log = Self { base, base_term, base_bytes: 0, end, blocks, garbage: Vec::new() };
        entries.for_each(|entry| log.push(entry));
        log
    }

    /// The index before the first entry held.
    pub fn base(&self) -> Index {
        self.base
    }

    /// The last index; the base if the log is empty.
    pub fn last_index(&self) -> Index {
        self.end.index
    }

    /// The term of the last entry; the base's if the log is empty.
    pub fn last_term(&self) -> Term {
        self.end.term
    }

    /// The term at `index`; `None` below the base and behind the end.
    pub fn term_at(&self, index: Index) -> Option<Term> {
        if index == self.base {
            Some(self.base_term)
        } else {
            self.entry(index).map(|entry| entry.term)
        }
    }

    /// The entry at `index`.
    pub fn entry(&self, index: Index) -> Option<&Entry> {
        if index <= self.base {
            return None;
        }
        let (block, position) = self.place(index);
        self.blocks.get(block)?.entries.get(position)
    }

    /// The entries `from ..= to`, all in the log; none if `to` < `from`.
    pub fn range(&self, from: Index, to: Index) -> impl DoubleEndedIterator<Item = &Entry> + Clone {
        self.slices(from, to).flatten()
    }

    /// Copies of the entries `from ..= to`; their payloads are shared.
    pub fn copied(&self, from: Index, to: Index) -> Vec<Entry> {
        let mut copies = Vec::with_capacity((to.0 + 1).saturating_sub(from.0) as usize);
        self.slices(from, to).for_each(|slice| copies.extend_from_slice(slice));
        copies
    }

    fn slices(&self, from: Index, to: Index) -> impl DoubleEndedIterator<Item = &[Entry]> + Clone {
        let is_empty = to < from;
        let (first, start) = if is_empty { (0, 0) } else { self.place(from) };
        let (last, end) = if is_empty { (0, 0) } else { self.place(to) };
        let blocks = if is_empty { 0..0 } else { first..last + 1 };
        let numbered = (blocks.start..blocks.end).zip(self.blocks.range(blocks));
        numbered.map(move |(number, block)| {
            let start = if number == first { start } else { 0 };
            let end = if number == last { end + 1 } else { block.entries.len() };
            &block.entries[start..end]
        })
    }

    /// Bytes of the entries behind `index`; entries up to the base count for nothing.
    pub fn bytes_behind(&self, index: Index) -> u64 {
        self.end.bytes - self.bytes_through(index.max(self.base))
    }

    /// Bytes of the entries `from ..= to`.
    pub fn bytes_between(&self, from: Index, to: Index) -> u64 {
        if to < from { 0 } else { self.bytes_through(to) - self.bytes_through(before(from)) }
    }

    /// The last index such that the entries `from ..=` index fit into `budget` bytes; `from` − 1 if
    /// none.
    pub fn last_within(&self, from: Index, budget: u64) -> Index {
        let end = self.bytes_through(before(from)).saturating_add(budget);
        before(self.first_where(from, |index| self.bytes_through(index) > end))
    }

    /// The first index such that the entries index `..= to` fit into `budget` bytes; `to` + 1 if none.
    pub fn first_within(&self, to: Index, budget: u64) -> Index {
        let start = self.bytes_through(to).saturating_sub(budget);
        self.first_where(self.base.next(), |index| self.bytes_through(before(index)) >= start)
    }

    pub fn push(&mut self, entry: Entry) {
        assert_eq!(entry.index, self.last_index().next(), "the log has no gaps");
        assert!(entry.term >= self.last_term(), "term {} < {}", entry.term, self.last_term());
        let bytes = self.end.bytes + entry.size() as u64;
        let (block, _) = self.place(entry.index);
        if block == self.blocks.len() {
            self.blocks.push_back(Block::new());
        }
        let block = &mut self.blocks[block];
        self.end = End { index: entry.index, term: entry.term, bytes };
        block.bytes_through.push(bytes);
        block.entries.push(entry);
    }

    /// Removes the entry at `from` and all behind it.
    pub fn truncate(&mut self, from: Index) {
        let (last, (block, kept)) = (before(from), self.place(from));
        let term = self.term_at(last).expect("what is truncated stands behind the base");
        self.end = End { index: last, term, bytes: self.bytes_through(last) };
        self.blocks.truncate(if kept == 0 { block } else { block + 1 });
        if let Some(block) = self.blocks.get_mut(block) {
            block.truncate(kept);
        }
    }

    /// Forgets the entries through `to`, whose effect is in a snapshot.
    pub fn compact(&mut self, to: Index) {
        if to <= self.base {
            return;
        }
        let term = self.term_at(to).expect("what is compacted is in the log");
        let (bytes, end) = (self.bytes_through(to), self.last_index());
        let (whole, some) = self.place(to.next());
        self.garbage.extend(self.blocks.drain(..whole));
        if to == end {
            self.garbage.extend(self.blocks.drain(..));
        } else if some > 0 {
            // The one block with entries on both sides of `to`.
            self.blocks[0].forget_first(some);
        }
        (self.base, self.base_term, self.base_bytes) = (to, term, bytes);
    }

    /// Replaces the whole log by an empty one behind a snapshot.
    pub fn reset(&mut self, base: Index, base_term: Term) {
        self.garbage.extend(self.blocks.drain(..));
        (self.base, self.base_term, self.base_bytes) = (base, base_term, 0);
        self.end = End { index: base, term: base_term, bytes: 0 };
    }

    /// Frees some of the compacted entries.
    pub fn collect_garbage(&mut self) {
        let rest = self.garbage.len().saturating_sub(GARBAGE_BLOCKS_PER_TURN_MAX);
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
        let behind = self.first_where(self.base.next(), |index| {
            index > end || self.term_at(index).is_none_or(|held| held > term)
        });
        match self.entry(before(behind)) {
            Some(found) => (found.index, found.term),
            None if self.base_term <= term => (self.base, self.base_term),
            None => (Index(self.base.0.saturating_sub(1)), Term(0)),
        }
    }

    /// The first index from `from` on for which `holds` is true, or the one behind the end; `holds` stays
    /// true from there on.
    fn first_where(&self, from: Index, holds: impl Fn(Index) -> bool) -> Index {
        let (mut low, mut high) = (from, self.last_index().next());
        while low < high {
            let middle = Index(low.0.midpoint(high.0));
            if holds(middle) { high = middle } else { low = middle.next() }
        }
        low
    }

    /// The number of the block, and the position in it, of `index`, which is behind the base.
    fn place(&self, index: Index) -> (usize, usize) {
        let (number, start) = (index.0 / BLOCK_LEN, self.base.0 + 1);
        let first_of_block = start.max(number * BLOCK_LEN);
        ((number - start / BLOCK_LEN) as usize, (index.0 - first_of_block) as usize)
    }

    /// Σ size of the entries through `index`, which is the base or in the log.
    fn bytes_through(&self, index: Index) -> u64 {
        if index == self.base {
            return self.base_bytes;
        }
        let (block, position) = self.place(index);
        self.blocks[block].bytes_through[position]
    }
}

fn before(index: Index) -> Index {
    Index(index.0 - 1)
}

/// Entries of a block: 56 KiB, which is also the most that one growth of a block moves.
const BLOCK_LEN: u64 = 1024;

/// Blocks freed in one turn: some hundred microseconds.
const GARBAGE_BLOCKS_PER_TURN_MAX: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Payload;
    use crate::base::rng::Rng;
    use crate::raft::{EntryHeader, EntryKind};

    /// The same log in one vector.
    struct Model {
        base: Index,
        base_term: Term,
        entries: Vec<Entry>,
    }

    impl Model {
        fn at(&self, index: Index) -> Option<&Entry> {
            self.entries.iter().find(|entry| entry.index == index)
        }

        fn bytes(&self, from: Index, to: Index) -> u64 {
            let within = self.entries.iter().filter(|entry| (from..=to).contains(&entry.index));
            within.map(|entry| entry.size() as u64).sum()
        }

        fn last(&self) -> Index {
            self.entries.last().map_or(self.base, |entry| entry.index)
        }

        fn term_at(&self, index: Index) -> Option<Term> {
            let base = (index == self.base).then_some(self.base_term);
            base.or_else(|| self.at(index).map(|entry| entry.term))
        }

        fn conflict(&self, index: Index, term: Term) -> (Index, Term) {
            if index < self.base {
                return (index, Term(0));
            }
            let held = self.entries.iter().rfind(|e| e.index <= index && e.term <= term);
            let base = (self.base, self.base_term);
            let base = if base.1 <= term { base } else { (before(self.base), Term(0)) };
            held.map_or(base, |entry| (entry.index, entry.term))
        }
    }

    fn entry(index: Index, term: Term, len: usize) -> Entry {
        let header = EntryHeader { format: 1, kind: EntryKind::Command, proposer_unix_ms: 0 };
        Entry { term, index, header, payload: Payload::from(vec![7; len]) }
    }

    fn compare(log: &Log, model: &Model, rng: &mut Rng) {
        assert_eq!((log.base(), log.last_index()), (model.base, model.last()));
        let last = model.entries.last();
        assert_eq!(log.last_term(), last.map_or(model.base_term, |entry| entry.term));
        let any = |rng: &mut Rng| Index(rng.between(model.base.0 + 1, model.last().0 + 1));
        let (from, to) = (any(rng), before(any(rng)));
        let within = || model.entries.iter().filter(|entry| (from..=to).contains(&entry.index));
        assert!(log.range(from, to).eq(within()));
        assert!(log.range(from, to).rev().eq(within().rev()));
        assert!(log.copied(from, to).iter().eq(within()));
        for index in [from, to, Index(model.base.0), Index(model.base.0 / 2)] {
            assert_eq!(log.entry(index), model.at(index));
            assert_eq!(log.term_at(index), model.term_at(index));
        }
        assert_eq!(log.bytes_between(from, to), model.bytes(from, to));
        assert_eq!(log.bytes_behind(to), model.bytes(to.next(), model.last()));
        let budget = rng.between(0, 2 * model.bytes(from, model.last()) + 10);
        let fits = |within: &mut dyn Iterator<Item = &Entry>| {
            let mut rest = budget;
            let fitting = |entry: &&Entry| {
                let left = rest.checked_sub(entry.size() as u64);
                rest = left.unwrap_or_default();
                left.is_some()
            };
            within.take_while(fitting).count() as u64
        };
        let fitting = fits(&mut model.entries.iter().filter(|entry| entry.index >= from));
        assert_eq!(log.last_within(from, budget), Index(from.0 + fitting - 1));
        let fitting = fits(&mut model.entries.iter().rev().filter(|entry| entry.index <= to));
        assert_eq!(log.first_within(to, budget), Index(to.0 + 1 - fitting));
        let term = Term(rng.between(0, log.last_term().0 + 1));
        assert_eq!(log.conflict_by_term(to, term), model.conflict(to, term));
    }

    #[test]
    fn log_in_blocks_is_what_one_vector_would_be() {
        let mut rng = Rng::new(7);
        let (base, base_term) = (Index(5), Term(2));
        let mut model = Model { base, base_term, entries: Vec::new() };
        let mut log = Log::new(base, base_term, std::iter::empty());
        for _ in 0..400 {
            let room = 3 * BLOCK_LEN - model.entries.len().min(3 * BLOCK_LEN as usize) as u64;
            for _ in 0..rng.between(0, room.min(700)) {
                let term = Term(log.last_term().0 + u64::from(rng.between(0, 200) == 0));
                let new = entry(model.last().next(), term, rng.between(0, 90) as usize);
                model.entries.push(new.clone());
                log.push(new);
            }
            let any = Index(rng.between(model.base.0 + 1, model.last().0 + 1));
            match rng.between(0, 20) {
                0..4 => {
                    model.entries.retain(|entry| entry.index < any);
                    log.truncate(any);
                }
                // At the seams of blocks, too, and all of the log.
                kind @ 4..12 => {
                    let seam = Index(any.0 / BLOCK_LEN * BLOCK_LEN);
                    let to = [any, seam, Index(seam.0.saturating_sub(1)), model.last()]
                        [kind as usize % 4];
                    let to = to.clamp(model.base, model.last());
                    let term = model.term_at(to).unwrap();
                    model.entries.retain(|entry| entry.index > to);
                    (model.base, model.base_term) = (to, term);
                    log.compact(to);
                }
                12 => {
                    (model.base, model.base_term) = (any, log.last_term());
                    model.entries.clear();
                    log.reset(any, log.last_term());
                }
                _ => {}
            }
            log.collect_garbage();
            compare(&log, &model, &mut rng);
        }
    }
}
