//! The term at each index of the log, as runs: the only memory of entries that were written.

use crate::base::{Index, Term};

/// Where each term begins, in order.
#[derive(Debug, Default)]
pub(super) struct Terms {
    runs: Vec<(Index, Term)>,
}

impl Terms {
    /// The log has an entry of this term at its end.
    pub(super) fn add(&mut self, index: Index, term: Term) {
        if self.runs.last().is_none_or(|(_, last)| *last != term) {
            self.runs.push((index, term));
        }
    }

    /// Removes this index and all behind it.
    pub(super) fn truncate_from(&mut self, from: Index) {
        let kept = self.runs.partition_point(|(first, _)| *first < from);
        self.runs.truncate(kept);
    }

    /// Nothing is known any more.
    pub(super) fn clear(&mut self) {
        self.runs.clear();
    }

    /// The term at an index of the log; `None` before the first known one.
    pub(super) fn at(&self, index: Index) -> Option<Term> {
        let behind = self.runs.partition_point(|(first, _)| *first <= index);
        Some(self.runs[behind.checked_sub(1)?].1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_term_at_an_index_is_that_of_the_last_entry_written_there() {
        let mut terms = Terms::default();
        for (index, term) in [(5, 2), (6, 2), (7, 3), (8, 5)] {
            terms.add(Index(index), Term(term));
        }
        let at = |terms: &Terms| (4..9).map(|index| terms.at(Index(index))).collect::<Vec<_>>();
        assert_eq!(at(&terms), [None, Some(2), Some(2), Some(3), Some(5)].map(|t| t.map(Term)));
        terms.truncate_from(Index(6));
        terms.add(Index(6), Term(6));
        assert_eq!(at(&terms), [None, Some(2), Some(6), Some(6), Some(6)].map(|t| t.map(Term)));
        terms.truncate_from(Index(5));
        assert_eq!(terms.at(Index(5)), None);
    }
}
