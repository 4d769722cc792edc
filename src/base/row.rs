//! Values under keys that mostly come in rising order and mostly go in that order: a map as a row, without a node for each.

use crate::base::{RequestId, Token};
use std::collections::VecDeque;
use std::fmt;

/// A key of a row: a number of its own type.
pub trait Numbered: Copy + Ord {
    /// The number.
    fn number(self) -> u64;
}

impl Numbered for RequestId {
    fn number(self) -> u64 {
        self.0
    }
}

impl Numbered for Token {
    fn number(self) -> u64 {
        self.0
    }
}

/// A map in the order of its keys. What is removed from the middle leaves a gap, and gaps are never more than half of the row, so
/// that who stays for long keeps no room for those that came and went behind it.
#[derive(Clone)]
pub struct Row<K, V> {
    places: VecDeque<(K, Option<V>)>,
    len: usize,
}

impl<K: Numbered, V> Row<K, V> {
    /// An empty one.
    #[must_use]
    pub const fn new() -> Self {
        Self { places: VecDeque::new(), len: 0 }
    }

    /// How many values there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Puts `value` under `key`; gives what was there before.
    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        let place = match self.places.back() {
            Some((last, _)) if *last >= key => self.search(&key),
            _ => Err(self.places.len()),
        };
        let before = match place {
            Ok(place) => self.places[place].1.replace(value),
            Err(place) => {
                self.places.insert(place, (key, Some(value)));
                None
            }
        };
        self.len += usize::from(before.is_none());
        before
    }

    /// What is under `key`.
    #[must_use]
    pub fn get(&self, key: &K) -> Option<&V> {
        self.search(key).ok().and_then(|place| self.places[place].1.as_ref())
    }

    /// The same, to be changed.
    pub fn value_mut(&mut self, key: &K) -> Option<&mut V> {
        self.search(key).ok().and_then(|place| self.places[place].1.as_mut())
    }

    /// Whether something is under `key`.
    #[must_use]
    pub fn contains_key(&self, key: &K) -> bool {
        self.get(key).is_some()
    }

    /// Takes what is under `key`.
    pub fn remove(&mut self, key: &K) -> Option<V> {
        let place = self.search(key).ok()?;
        let removed = self.places[place].1.take()?;
        self.len -= 1;
        while self.places.front().is_some_and(|(_, value)| value.is_none()) {
            self.places.pop_front();
        }
        if self.places.len() > FEW && self.places.len() > 2 * self.len {
            self.places.retain(|(_, value)| value.is_some());
        }
        Some(removed)
    }

    /// All, in the order of their keys.
    pub fn iter(&self) -> impl Iterator<Item = (K, &V)> {
        self.places.iter().filter_map(|(key, value)| Some((*key, value.as_ref()?)))
    }

    /// Those from `key` on.
    pub fn iter_from(&self, key: &K) -> impl Iterator<Item = (K, &V)> {
        let from = self.search(key).unwrap_or_else(|place| place);
        self.places.range(from..).filter_map(|(key, value)| Some((*key, value.as_ref()?)))
    }

    /// All, to be changed.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (K, &mut V)> {
        self.places.iter_mut().filter_map(|(key, value)| Some((*key, value.as_mut()?)))
    }

    /// Those from `key` on, to be changed.
    pub fn iter_mut_from(&mut self, key: &K) -> impl Iterator<Item = (K, &mut V)> {
        let from = self.search(key).unwrap_or_else(|place| place);
        self.places.range_mut(from..).filter_map(|(key, value)| Some((*key, value.as_mut()?)))
    }

    /// The lowest key.
    #[must_use]
    pub fn first_key(&self) -> Option<K> {
        // What is removed from the front leaves no gap.
        self.places.front().map(|(key, _)| *key)
    }

    /// The keys.
    pub fn keys(&self) -> impl Iterator<Item = K> {
        self.iter().map(|(key, _)| key)
    }

    /// The values, in the order of their keys.
    pub fn values(&self) -> impl Iterator<Item = &V> {
        self.iter().map(|(_, value)| value)
    }

    /// Takes all values out, in the order of their keys.
    pub fn into_values(self) -> impl Iterator<Item = V> {
        self.places.into_iter().filter_map(|(_, value)| value)
    }

    /// Where `key` is, or would be. Most keys follow each other by one, and then its distance from the first key is its place.
    #[inline]
    fn search(&self, key: &K) -> Result<usize, usize> {
        let Some((first, _)) = self.places.front() else { return Err(0) };
        if key < first {
            return Err(0);
        }
        let distance = usize::try_from(key.number() - first.number()).unwrap_or(usize::MAX);
        match self.places.get(distance) {
            Some((other, _)) if other == key => Ok(distance),
            _ => self.places.binary_search_by(|(other, _)| other.cmp(key)),
        }
    }
}

impl<K: Numbered, V> Default for Row<K, V> {
    fn default() -> Self {
        Self::new()
    }
}

impl<K: Numbered, V> Extend<(K, V)> for Row<K, V> {
    fn extend<I: IntoIterator<Item = (K, V)>>(&mut self, more: I) {
        for (key, value) in more {
            self.insert(key, value);
        }
    }
}

impl<K: Numbered + fmt::Debug, V: fmt::Debug> fmt::Debug for Row<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

/// So many places are not worth moving.
const FEW: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::rng::Rng;
    use std::collections::BTreeMap;

    impl Numbered for u64 {
        fn number(self) -> u64 {
            self
        }
    }

    fn assert_same(row: &Row<u64, u64>, map: &BTreeMap<u64, u64>) {
        assert!(row.iter().eq(map.iter().map(|(key, value)| (*key, value))), "{row:?} {map:?}");
        assert_eq!((row.len(), row.is_empty()), (map.len(), map.is_empty()));
        assert!(row.places.len() <= FEW.max(2 * row.len), "{} places", row.places.len());
    }

    #[test]
    fn a_row_is_a_map_in_the_order_of_its_keys() {
        let (mut row, mut map, mut rng, mut last) = (Row::new(), BTreeMap::new(), Rng::new(3), 0);
        for step in 0..20_000 {
            let old = rng.below(last + 2);
            match rng.below(10) {
                0..5 => {
                    last += 1 + rng.below(2);
                    assert_eq!(row.insert(last, step), map.insert(last, step));
                }
                5 => assert_eq!(row.insert(old, step), map.insert(old, step)),
                6..8 => {
                    let first = map.keys().next().copied().unwrap_or_default();
                    assert_eq!(row.remove(&first), map.remove(&first));
                }
                _ => assert_eq!(row.remove(&old), map.remove(&old)),
            }
            let asked = rng.below(last + 2);
            assert_eq!(row.get(&asked), map.get(&asked));
            assert_eq!(row.contains_key(&asked), map.contains_key(&asked));
            let from = row.iter_from(&asked).map(|(key, _)| key).take(3);
            assert!(from.eq(map.range(asked..).map(|(key, _)| *key).take(3)));
            if step % 64 == 0 {
                assert_same(&row, &map);
                row.iter_mut().for_each(|(key, value)| *value += key);
                map.iter_mut().for_each(|(key, value)| *value += key);
            }
        }
        assert!(row.into_values().eq(map.into_values()));
    }

    #[test]
    fn who_stays_keeps_no_room_for_those_that_came_and_went() {
        let mut row = Row::new();
        row.insert(0, ());
        for key in 1..10_000 {
            row.insert(key, ());
            row.remove(&key);
        }
        assert_eq!(row.len(), 1);
        assert!(row.places.len() <= FEW + 1);
        assert_eq!(row.get(&0), Some(&()));
    }
}
