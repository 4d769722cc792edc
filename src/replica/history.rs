//! The last changes of holders, for observers that come from another leader.
//!
//! Every replica keeps them, so that the next leader can tell an observer what it missed on its
//! way. They are no part of the replicated state: a replica that restarted, or installed a
//! snapshot, knows no earlier ones, and says so (`covers`). Recording a change copies and looks up
//! nothing; finding those of one name walks over 4 bytes of each.

use crate::base::limits::{HISTORY_BYTES_MAX, HISTORY_CHANGES_MAX};
use crate::base::{Index, checksum};
use crate::lock::{HolderChange, Name};
use std::collections::VecDeque;

/// A bounded number of changes in order, each with the index of its entry.
#[derive(Clone, Debug)]
pub struct History {
    /// All changes after this entry are here.
    begins: Index,
    changes: VecDeque<(Index, HolderChange)>,
    /// A checksum of the name of each change: most others are skipped without a look at their text.
    names: VecDeque<u32>,
    /// The bytes of all texts and values.
    bytes: usize,
}

impl History {
    /// A history of the changes after the entry at `index`.
    #[must_use]
    pub fn new(index: Index) -> Self {
        Self { begins: index, changes: VecDeque::new(), names: VecDeque::new(), bytes: 0 }
    }

    /// Records a change; the oldest make room for it.
    pub fn record(&mut self, index: Index, change: HolderChange) {
        self.bytes += bytes_of(&change);
        self.names.push_back(checksum_of(&change.name));
        self.changes.push_back((index, change));
        while self.changes.len() > HISTORY_CHANGES_MAX || self.bytes > HISTORY_BYTES_MAX {
            let (index, change) = self.changes.pop_front().expect("the bounds admit the newest");
            self.names.pop_front();
            self.bytes -= bytes_of(&change);
            self.begins = index;
        }
    }

    /// Whether no change after the entry at `since` is missing.
    #[must_use]
    pub fn covers(&self, since: Index) -> bool {
        since >= self.begins
    }

    /// The changes of `name` after the entry at `since`, in order.
    pub fn changes_of<'a>(
        &'a self,
        name: &'a Name,
        since: Index,
    ) -> impl Iterator<Item = &'a (Index, HolderChange)> + 'a {
        let first = self.changes.partition_point(|(index, _)| *index <= since);
        let wanted = checksum_of(name);
        let names = self.names.range(first..).zip(self.changes.range(first..));
        let alike = names.filter(move |(sum, _)| **sum == wanted).map(|(_, recorded)| recorded);
        alike.filter(move |(_, change)| change.name == *name)
    }
}

fn checksum_of(name: &Name) -> u32 {
    checksum::crc32c(name.as_str().as_bytes())
}

fn bytes_of(change: &HolderChange) -> usize {
    let held = change.holder.as_ref().map_or(0, |held| held.client.len() + held.value.len());
    change.name.as_str().len() + held
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Token;
    use crate::lock::Holding;

    fn name(text: &str) -> Name {
        Name::try_from(text).unwrap()
    }

    fn change(text: &str, value: &[u8]) -> HolderChange {
        let holder = Holding {
            token: Token(1),
            client: "client".into(),
            value: value.into(),
            since_unix_ms: 0,
        };
        HolderChange { name: name(text), holder: Some(holder) }
    }

    fn indexes(history: &History, text: &str, since: u64) -> Vec<u64> {
        let name = name(text);
        history.changes_of(&name, Index(since)).map(|(index, _)| index.0).collect()
    }

    #[test]
    fn the_changes_of_one_name_come_in_order_from_behind_an_index() {
        let mut history = History::new(Index(10));
        for (index, text) in [(11, "a"), (12, "b"), (13, "a"), (13, "b"), (15, "a")] {
            history.record(Index(index), change(text, b""));
        }
        assert_eq!(indexes(&history, "a", 10), [11, 13, 15]);
        assert_eq!(indexes(&history, "a", 11), [13, 15]);
        assert_eq!(indexes(&history, "b", 12), [13]);
        assert_eq!(indexes(&history, "b", 13), [0; 0]);
        assert_eq!(indexes(&history, "c", 10), [0; 0]);
    }

    #[test]
    fn nothing_is_known_of_before_it_began() {
        let history = History::new(Index(10));
        assert!(!history.covers(Index(9)));
        assert!(history.covers(Index(10)));
    }

    #[test]
    fn of_too_many_changes_the_oldest_are_forgotten_and_it_says_so() {
        let mut history = History::new(Index(0));
        for index in 1..=HISTORY_CHANGES_MAX as u64 {
            history.record(Index(index), change("a", b""));
        }
        assert!(history.covers(Index(0)));
        history.record(Index(HISTORY_CHANGES_MAX as u64 + 1), change("a", b""));
        assert!(!history.covers(Index(0)));
        assert!(history.covers(Index(1)));
        assert_eq!(indexes(&history, "a", 1).len(), HISTORY_CHANGES_MAX);
    }

    #[test]
    fn of_changes_with_large_values_fewer_are_kept() {
        let mut history = History::new(Index(0));
        let value = [0; 4096];
        let each = bytes_of(&change("a", &value));
        let kept = (HISTORY_BYTES_MAX / each) as u64;
        (1..=kept + 3).for_each(|index| history.record(Index(index), change("a", &value)));
        assert!(history.covers(Index(3)) && !history.covers(Index(2)));
        assert_eq!(history.bytes, kept as usize * each);
        assert_eq!(history.names.len(), history.changes.len());
    }

    #[test]
    fn an_entry_that_is_forgotten_in_part_is_not_covered() {
        let mut history = History::new(Index(0));
        history.record(Index(1), change("a", b""));
        history.record(Index(1), change("b", b""));
        (2..=HISTORY_CHANGES_MAX as u64)
            .for_each(|index| history.record(Index(index), change("c", b"")));
        assert!(!history.covers(Index(0)) && history.covers(Index(1)));
        assert_eq!(indexes(&history, "b", 1), [0; 0]);
    }
}
