//! Accepted connections without a hello: bounded in time, and the first to be closed where there is
//! no room.
//!
//! Silent connections take room from others of their own address before they take any from other
//! addresses; connections whose input we have not answered yet are closed last.

use crate::base::ClientSource;
use crate::net::Key;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::IpAddr;

/// The source of a connection; `None`: this process.
pub(super) fn source_of(address: Option<IpAddr>) -> ClientSource {
    match address.map(|address| address.to_canonical()) {
        None => ClientSource::default(),
        Some(IpAddr::V4(address)) => ClientSource::v4(address.to_bits()),
        Some(IpAddr::V6(address)) => ClientSource::v6(address.to_bits()),
    }
}

/// All such connections. Instants are readings of BOOTTIME.
#[derive(Debug, Default)]
pub(super) struct Greetings {
    sources: BTreeMap<ClientSource, Source>,
    /// The number of connections of each source.
    counts: BTreeSet<(usize, ClientSource)>,
    /// The deadlines, in order; also of connections that have sent their hello, or are gone.
    untils: VecDeque<(u64, Key, ClientSource)>,
    len: usize,
}

/// The connections of one source.
#[derive(Debug, Default)]
struct Source {
    /// Connections whose input we wait for.
    silent: BTreeSet<Key>,
    /// Connections whose input waits for us.
    heard: BTreeSet<Key>,
}

impl Source {
    fn len(&self) -> usize {
        self.silent.len() + self.heard.len()
    }

    fn contains(&self, key: Key) -> bool {
        self.silent.contains(&key) || self.heard.contains(&key)
    }

    /// The oldest silent connection, else the one that has waited least for us, if it came before
    /// `newest`.
    fn first_to_go(&self, newest: Key) -> Option<Key> {
        let oldest = self.silent.first().filter(|key| **key < newest);
        oldest.or_else(|| self.heard.range(..newest).next_back()).copied()
    }
}

impl Greetings {
    /// Adds a connection from `source` that must send its hello before `until`, which is no earlier
    /// than any before.
    pub(super) fn add(&mut self, key: Key, source: ClientSource, until: u64) {
        let count = self.count(source);
        self.recount(source, count, count + 1);
        self.sources.entry(source).or_default().silent.insert(key);
        self.untils.push_back((until, key, source));
        self.len += 1;
    }

    /// Extends a deadline.
    pub(super) fn extend(&mut self, key: Key, source: ClientSource, until: u64) {
        self.untils.push_back((until, key, source));
    }

    /// Notes input that waits to be answered.
    pub(super) fn note_heard(&mut self, key: Key, source: ClientSource) {
        let Some(of) = self.sources.get_mut(&source) else { return };
        if of.silent.remove(&key) {
            of.heard.insert(key);
        }
    }

    /// Notes an answer: the next message is the other side's.
    pub(super) fn note_answered(&mut self, key: Key, source: ClientSource) {
        let Some(of) = self.sources.get_mut(&source) else { return };
        if of.heard.remove(&key) {
            of.silent.insert(key);
        }
    }

    /// Removes a connection that has sent its hello, or is gone.
    pub(super) fn remove(&mut self, key: Key, source: ClientSource) {
        let Some(of) = self.sources.get_mut(&source) else { return };
        if !of.silent.remove(&key) && !of.heard.remove(&key) {
            return;
        }
        let count = of.len();
        if count == 0 {
            self.sources.remove(&source);
        }
        self.recount(source, count + 1, count);
        self.len -= 1;
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// The number of connections of `source`.
    pub(super) fn count(&self, source: ClientSource) -> usize {
        self.sources.get(&source).map_or(0, Source::len)
    }

    /// The connection to close for others: of the source with the most, if it came before `newest`.
    pub(super) fn first_to_go(&self, newest: Key) -> Option<Key> {
        let (_, source) = self.counts.last()?;
        self.first_of(*source, newest)
    }

    /// The connection of `source` to close for others.
    pub(super) fn first_of(&self, source: ClientSource, newest: Key) -> Option<Key> {
        self.sources.get(&source)?.first_to_go(newest)
    }

    /// Takes a connection whose hello is overdue.
    pub(super) fn overdue(&mut self, now: u64) -> Option<Key> {
        loop {
            let (until, key, source) = *self.untils.front()?;
            let is_open = self.sources.get(&source).is_some_and(|of| of.contains(key));
            if is_open && until > now {
                return None;
            }
            self.untils.pop_front();
            if is_open {
                return Some(key);
            }
        }
    }

    /// The earliest deadline.
    pub(super) fn next_deadline(&self) -> u64 {
        self.untils.front().map_or(u64::MAX, |(until, ..)| *until)
    }

    fn recount(&mut self, source: ClientSource, before: usize, now: usize) {
        self.counts.remove(&(before, source));
        if now > 0 {
            self.counts.insert((now, source));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(address: &str) -> ClientSource {
        source_of(Some(address.parse().unwrap()))
    }

    fn greetings(of: &[(u64, ClientSource)]) -> Greetings {
        let mut greetings = Greetings::default();
        of.iter().for_each(|(key, source)| greetings.add(Key(*key), *source, *key * 10));
        greetings
    }

    #[test]
    fn the_oldest_of_the_source_that_has_most_goes_first() {
        let (few, many) = (source("10.0.0.1"), source("10.0.0.2"));
        let mut greetings = greetings(&[(1, few), (2, many), (3, many), (4, many)]);
        assert_eq!(greetings.first_to_go(Key(5)), Some(Key(2)));
        greetings.remove(Key(2), many);
        assert_eq!(greetings.first_to_go(Key(5)), Some(Key(3)));
        assert_eq!(greetings.first_to_go(Key(3)), None, "it came in the same turn");
        [3, 4].into_iter().for_each(|key| greetings.remove(Key(key), many));
        assert_eq!((greetings.first_to_go(Key(5)), greetings.len()), (Some(Key(1)), 1));
    }

    #[test]
    fn whose_word_waits_for_us_goes_last() {
        let one = source("10.0.0.1");
        let mut greetings = greetings(&[(1, one), (2, one), (3, one), (4, one)]);
        [1, 2, 3].into_iter().for_each(|key| greetings.note_heard(Key(key), one));
        assert_eq!(greetings.first_to_go(Key(5)), Some(Key(4)));
        assert_eq!(greetings.first_to_go(Key(4)), Some(Key(3)), "it has waited least");
        greetings.note_answered(Key(2), one);
        assert_eq!((greetings.first_of(one, Key(5)), greetings.count(one)), (Some(Key(2)), 4));
        [1, 2, 3].into_iter().for_each(|key| greetings.remove(Key(key), one));
        greetings.note_heard(Key(1), one);
        assert_eq!((greetings.count(one), greetings.len()), (1, 1));
    }

    #[test]
    fn what_was_removed_is_not_overdue_and_counts_no_more() {
        let one = source("10.0.0.1");
        let mut greetings = greetings(&[(1, one), (2, one), (3, one)]);
        greetings.remove(Key(1), one);
        greetings.remove(Key(1), one);
        assert_eq!((greetings.overdue(9), greetings.overdue(20)), (None, Some(Key(2))));
        greetings.remove(Key(2), one);
        assert_eq!((greetings.overdue(29), greetings.next_deadline()), (None, 30));
        greetings.remove(Key(3), one);
        assert_eq!((greetings.overdue(29), greetings.len()), (None, 0));
        assert_eq!((greetings.next_deadline(), greetings.first_to_go(Key(9))), (u64::MAX, None));
    }

    #[test]
    fn a_customer_of_ipv6_is_one_source_and_a_mapped_address_is_that_of_ipv4() {
        assert_eq!(source("2001:db8:1:2::3"), source("2001:db8:1:2:9:9:9:9"));
        assert_ne!(source("2001:db8:1:2::3"), source("2001:db8:1:3::3"));
        assert_eq!(source("::ffff:10.0.0.1"), source("10.0.0.1"));
        assert!(source_of(None).is_local() && !source("::1").is_local());
        assert_ne!(source("::1"), source("0.0.0.1"));
    }
}
