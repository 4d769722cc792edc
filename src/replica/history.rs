//! The last changes of holders, for observers that come from another leader.
//!
//! Every replica keeps them, so that the next leader can tell an observer what it missed on its
//! way. They are no part of the replicated state: a replica that restarted, or installed a
//! snapshot, knows no earlier ones, and says so (`covers`).
//!
//! Every lock that is taken or given back is recorded on every replica, and hardly ever read. So a change is bytes
//! behind those of the change before it: recording one allocates nothing, and touches memory in order. Finding the
//! changes of one name walks over 8 bytes of each.

use crate::base::limits::{
    CLIENT_NAME_BYTES_MAX, HISTORY_BYTES_MAX, HISTORY_CHANGES_MAX, NAME_BYTES_MAX, VALUE_BYTES_MAX,
};
use crate::base::{Index, Token, checksum};
use crate::lock::{HoldingRef, Name};
use std::collections::VecDeque;

/// A bounded number of changes in order, each with the index of its entry.
#[derive(Clone, Debug)]
pub struct History {
    /// All changes after this entry are here.
    begins: Index,
    marks: VecDeque<Mark>,
    /// The bytes of the changes; a change is within one page.
    pages: VecDeque<Vec<u8>>,
    /// The number of the first page, which wraps around.
    first_page: u16,
    /// A page whose changes were forgotten.
    spare: Vec<u8>,
    /// The bytes of all texts and values.
    bytes: usize,
}

/// A change, found by its name.
#[derive(Clone, Copy, Debug)]
struct Mark {
    /// A checksum of the name: most others are skipped without a look at their text.
    name: u32,
    page: u16,
    offset: u16,
}

/// A change as it was recorded: the index, token and time, three lengths, and the texts. No grant has the token 0: the
/// lock is vacant.
#[derive(Clone, Copy, Debug)]
struct Change<'a>(&'a [u8]);

impl History {
    /// A history of the changes after the entry at `index`.
    #[must_use]
    pub fn new(index: Index) -> Self {
        Self {
            begins: index,
            marks: VecDeque::new(),
            pages: VecDeque::new(),
            first_page: 0,
            spare: Vec::new(),
            bytes: 0,
        }
    }

    /// Records a change of `name` by the entry at `index`; the oldest changes make room for it.
    pub fn record(&mut self, index: Index, name: &Name, holder: Option<HoldingRef<'_>>) {
        let name = name.as_bytes();
        let held = holder.as_ref();
        self.bytes += name.len() + held.map_or(0, |held| held.client.len() + held.value.len());
        let (page, offset) = self.put(index, name, holder);
        self.marks.push_back(Mark { name: checksum::crc32c(name), page, offset });
        while self.marks.len() > HISTORY_CHANGES_MAX || self.bytes > HISTORY_BYTES_MAX {
            self.forget_oldest();
        }
    }

    /// Whether no change after the entry at `since` is missing.
    #[must_use]
    pub fn covers(&self, since: Index) -> bool {
        since >= self.begins
    }

    /// The changes of `name` after the entry at `since`, in order: the index of each, and the holder from then on.
    pub fn changes_of<'a>(
        &'a self,
        name: &'a Name,
        since: Index,
    ) -> impl Iterator<Item = (Index, Option<HoldingRef<'a>>)> + 'a {
        let first = self.marks.partition_point(|mark| self.change(*mark).index() <= since);
        let name = name.as_bytes();
        let wanted = checksum::crc32c(name);
        let alike = self.marks.range(first..).filter(move |mark| mark.name == wanted);
        let changes =
            alike.map(|mark| self.change(*mark)).filter(move |change| change.name() == name);
        changes.map(|change| (change.index(), change.holder()))
    }

    /// Writes a change behind the newest; its place.
    fn put(&mut self, index: Index, name: &[u8], holder: Option<HoldingRef<'_>>) -> (u16, u16) {
        let (token, since, client, value) = holder.map_or((0, 0, "", &[][..]), |held| {
            (held.token.0, held.since_unix_ms, held.client, held.value)
        });
        let page = self.page_with(HEAD_BYTES + name.len() + client.len() + value.len());
        let offset = u16::try_from(page.len()).expect("a page has few bytes");
        let length =
            |length: usize| u16::try_from(length).expect("texts are bounded").to_le_bytes();
        let mut head = [0; HEAD_BYTES];
        head[..8].copy_from_slice(&index.0.to_le_bytes());
        head[8..16].copy_from_slice(&token.to_le_bytes());
        head[16..24].copy_from_slice(&since.to_le_bytes());
        head[24..26].copy_from_slice(&length(name.len()));
        head[26..28].copy_from_slice(&length(client.len()));
        head[28..30].copy_from_slice(&length(value.len()));
        for part in [&head, name, client.as_bytes(), value] {
            page.extend_from_slice(part);
        }
        let number = u16::try_from(self.pages.len() - 1).expect("pages are bounded");
        (self.first_page.wrapping_add(number), offset)
    }

    /// The last page, with room for a change of so many bytes.
    fn page_with(&mut self, bytes: usize) -> &mut Vec<u8> {
        if self.pages.back().is_none_or(|page| page.len() + bytes > PAGE_BYTES) {
            let mut page = std::mem::take(&mut self.spare);
            page.reserve_exact(PAGE_BYTES);
            self.pages.push_back(page);
        }
        self.pages.back_mut().expect("there is one")
    }

    fn forget_oldest(&mut self) {
        let oldest = self.marks.pop_front().expect("the bounds admit the newest");
        let change = self.change(oldest);
        (self.begins, self.bytes) = (change.index(), self.bytes - change.text_bytes());
        // The newest change is in the last page.
        if self.marks.front().is_some_and(|next| next.page != oldest.page) {
            self.spare = self.pages.pop_front().expect("the oldest change was in it");
            self.spare.clear();
            self.first_page = self.first_page.wrapping_add(1);
        }
    }

    fn change(&self, mark: Mark) -> Change<'_> {
        let page = &self.pages[usize::from(mark.page.wrapping_sub(self.first_page))];
        Change(&page[usize::from(mark.offset)..])
    }
}

impl<'a> Change<'a> {
    fn index(self) -> Index {
        Index(self.number(0))
    }

    fn name(self) -> &'a [u8] {
        &self.0[HEAD_BYTES..][..self.length(24)]
    }

    fn holder(self) -> Option<HoldingRef<'a>> {
        let token = Some(Token(self.number(8))).filter(|token| *token > Token(0))?;
        let (client, rest) = self.0[HEAD_BYTES + self.length(24)..].split_at(self.length(26));
        Some(HoldingRef {
            token,
            client: str::from_utf8(client).expect("it was text"),
            value: &rest[..self.length(28)],
            since_unix_ms: self.number(16),
        })
    }

    /// The bytes of its texts and its value.
    fn text_bytes(self) -> usize {
        self.length(24) + self.length(26) + self.length(28)
    }

    fn number(self, at: usize) -> u64 {
        u64::from_le_bytes(self.0[at..at + 8].try_into().expect("eight of them"))
    }

    fn length(self, at: usize) -> usize {
        usize::from(u16::from_le_bytes([self.0[at], self.0[at + 1]]))
    }
}

/// Bytes of a change before its texts.
const HEAD_BYTES: usize = 30;
/// Bytes of a page: offsets in it are of 16 bits.
const PAGE_BYTES: usize = 1 << 16;
/// The largest change fits into a page, and leaves little of one unused.
const _: () = assert!(
    PAGE_BYTES > 8 * (HEAD_BYTES + NAME_BYTES_MAX + CLIENT_NAME_BYTES_MAX + VALUE_BYTES_MAX)
);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::rng::Rng;
    use crate::lock::{HolderChange, Holding};

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

    fn record(history: &mut History, index: u64, change: &HolderChange) {
        let holder = change.holder.as_ref().map(Holding::as_ref);
        history.record(Index(index), &change.name, holder);
    }

    fn indexes(history: &History, text: &str, since: u64) -> Vec<u64> {
        let name = name(text);
        history.changes_of(&name, Index(since)).map(|(index, _)| index.0).collect()
    }

    #[test]
    fn the_changes_of_one_name_come_in_order_from_behind_an_index() {
        let mut history = History::new(Index(10));
        for (index, text) in [(11, "a"), (12, "b"), (13, "a"), (13, "b"), (15, "a")] {
            record(&mut history, index, &change(text, b""));
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
            record(&mut history, index, &change("a", b""));
        }
        assert!(history.covers(Index(0)));
        record(&mut history, HISTORY_CHANGES_MAX as u64 + 1, &change("a", b""));
        assert!(!history.covers(Index(0)));
        assert!(history.covers(Index(1)));
        assert_eq!(indexes(&history, "a", 1).len(), HISTORY_CHANGES_MAX);
    }

    #[test]
    fn of_changes_with_large_values_fewer_are_kept() {
        let mut history = History::new(Index(0));
        let value = [0; 4096];
        let each = "a".len() + "client".len() + value.len();
        let kept = (HISTORY_BYTES_MAX / each) as u64;
        (1..=kept + 3).for_each(|index| record(&mut history, index, &change("a", &value)));
        assert!(history.covers(Index(3)) && !history.covers(Index(2)));
        assert_eq!(history.bytes, kept as usize * each);
    }

    /// Through many pages, with the bound of changes and that of bytes.
    #[test]
    fn what_is_kept_is_what_a_list_of_the_newest_changes_has() {
        let bytes_of = |change: &HolderChange| {
            let held = change.holder.as_ref();
            change.name.as_str().len() + held.map_or(0, |it| it.client.len() + it.value.len())
        };
        for value_bytes_max in [0, 30, 4096] {
            let (mut rng, mut history) = (Rng::new(7), History::new(Index(0)));
            let (mut list, mut bytes, mut begins) = (VecDeque::new(), 0, 0);
            for step in 0..3 * HISTORY_CHANGES_MAX as u64 {
                let index = 1 + step / 2;
                let text = format!("{:0>1$}", rng.below(50), rng.between(2, 255) as usize);
                let value = vec![7; rng.between(0, value_bytes_max) as usize];
                let mut change = change(&text, &value);
                let held = change.holder.as_mut().expect("held");
                (held.token, held.since_unix_ms) = (Token(1 + step), rng.below(u64::MAX));
                held.client = "ä".repeat(rng.between(0, 127) as usize).into();
                change.holder = change.holder.filter(|_| rng.chance(2, 3));
                record(&mut history, index, &change);
                bytes += bytes_of(&change);
                list.push_back((index, change.clone()));
                while list.len() > HISTORY_CHANGES_MAX || bytes > HISTORY_BYTES_MAX {
                    let (index, change) = list.pop_front().expect("not empty");
                    (begins, bytes) = (index, bytes - bytes_of(&change));
                }
                if step % 1009 == 0 {
                    let since = rng.between(begins, index);
                    let told = history.changes_of(&change.name, Index(since));
                    let told = told.map(|(index, held)| (index.0, held.map(Holding::from)));
                    let behind = list.iter().filter(|(index, _)| *index > since);
                    let alike = behind.filter(|(_, other)| other.name == change.name);
                    assert!(told.eq(alike.map(|(index, change)| (*index, change.holder.clone()))));
                    assert_eq!((history.begins, history.bytes), (Index(begins), bytes));
                }
            }
            let room = history.pages.iter().map(Vec::capacity).sum::<usize>();
            assert!(room < bytes + list.len() * HEAD_BYTES + room / 8 + PAGE_BYTES, "{room}");
        }
    }

    #[test]
    fn an_entry_that_is_forgotten_in_part_is_not_covered() {
        let mut history = History::new(Index(0));
        record(&mut history, 1, &change("a", b""));
        record(&mut history, 1, &change("b", b""));
        (2..=HISTORY_CHANGES_MAX as u64)
            .for_each(|index| record(&mut history, index, &change("c", b"")));
        assert!(!history.covers(Index(0)) && history.covers(Index(1)));
        assert_eq!(indexes(&history, "b", 1), [0; 0]);
    }
}
