//! A map by request id, small for few entries and dense for many.
//!
//! Most sessions have one lock or a few, and some have thousands. A node of a `BTreeMap` has room for eleven entries
//! from the first on, and as ids come in rising order it stays half empty: each held lock would pay for two. Here
//! the entries are a sequence of short sorted blocks; only the last one grows. A step costs a binary search and a
//! shift within a block, and rarely a shift of the blocks, of which a session has 1,024 at the most. The ends cost less:
//! a new request is above all others, and those that go are mostly the oldest, so a block is a ring.

use crate::base::RequestId;
use std::collections::VecDeque;

/// Entries in order of their ids.
#[derive(Clone, Debug)]
pub(super) struct ByRequest<T> {
    length: usize,
    /// Blocks of 1 … [`BLOCK`] entries; ids rise within a block and from block to block. A single block may be
    /// empty: a session that takes and releases one lock over and over allocates nothing for it.
    blocks: Vec<Block<T>>,
}

type Block<T> = VecDeque<(RequestId, T)>;

impl<T> ByRequest<T> {
    pub(super) const fn new() -> Self {
        Self { length: 0, blocks: Vec::new() }
    }

    pub(super) fn len(&self) -> usize {
        self.length
    }

    pub(super) fn value(&self, request: RequestId) -> Option<&T> {
        let (block, place) = self.find(request)?;
        Some(&self.blocks[block][place].1)
    }

    pub(super) fn value_mut(&mut self, request: RequestId) -> Option<&mut T> {
        let (block, place) = self.find(request)?;
        Some(&mut self.blocks[block][place].1)
    }

    pub(super) fn contains(&self, request: RequestId) -> bool {
        self.find(request).is_some()
    }

    /// Adds or replaces an entry; the earlier value.
    pub(super) fn insert(&mut self, request: RequestId, value: T) -> Option<T> {
        // A request above all others goes to the last block.
        let at = self.block_of(request).min(self.blocks.len().saturating_sub(1));
        let Some(block) = self.blocks.get_mut(at) else {
            self.blocks = vec![VecDeque::from([(request, value)])];
            self.length = 1;
            return None;
        };
        let is_newest = block.back().is_none_or(|(id, _)| *id < request);
        let place = match is_newest {
            true => block.len(),
            false => match block.binary_search_by_key(&request, |(id, _)| *id) {
                Ok(place) => return Some(std::mem::replace(&mut block[place].1, value)),
                Err(place) => place,
            },
        };
        self.length += 1;
        if block.len() < BLOCK {
            block.insert(place, (request, value));
        } else if place == BLOCK {
            // Further ids rise, too: the block fills.
            let mut next = VecDeque::with_capacity(BLOCK);
            next.push_back((request, value));
            self.blocks.insert(at + 1, next);
        } else {
            let mut upper = block.split_off(BLOCK / 2);
            match place.checked_sub(BLOCK / 2) {
                Some(place) => upper.insert(place, (request, value)),
                None => block.insert(place, (request, value)),
            }
            self.blocks.insert(at + 1, upper);
        }
        None
    }

    pub(super) fn remove(&mut self, request: RequestId) -> Option<T> {
        let (at, place) = self.find(request)?;
        let is_only = self.blocks.len() == 1;
        let block = &mut self.blocks[at];
        let (_, value) = block.remove(place)?;
        self.length -= 1;
        if block.is_empty() && !is_only {
            self.blocks.remove(at);
        } else {
            give_back_room(block);
        }
        Some(value)
    }

    /// Forgets all entries below `floor`; `forgotten` gets the value of each.
    pub(super) fn remove_below(&mut self, floor: RequestId, mut forgotten: impl FnMut(T)) {
        let whole = self.block_of(floor).min(self.blocks.len().saturating_sub(1));
        for (_, value) in self.blocks.drain(..whole).flatten() {
            self.length -= 1;
            forgotten(value);
        }
        if let Some(block) = self.blocks.first_mut() {
            while block.front().is_some_and(|(id, _)| *id < floor) {
                let (_, value) = block.pop_front().expect("looked at above");
                self.length -= 1;
                forgotten(value);
            }
            give_back_room(block);
        }
    }

    pub(super) fn first(&self) -> Option<RequestId> {
        self.blocks.first()?.front().map(|(id, _)| *id)
    }

    pub(super) fn last(&self) -> Option<RequestId> {
        self.blocks.last()?.back().map(|(id, _)| *id)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (RequestId, &T)> {
        self.blocks.iter().flatten().map(|(id, value)| (*id, value))
    }

    /// The entries above `request`, in order.
    pub(super) fn above(&self, request: RequestId) -> impl Iterator<Item = (RequestId, &T)> {
        let blocks = &self.blocks[self.block_of(request.next())..];
        let all = blocks.iter().flatten().map(|(id, value)| (*id, value));
        all.skip_while(move |(id, _)| *id <= request)
    }

    pub(super) fn requests(&self) -> impl Iterator<Item = RequestId> {
        self.iter().map(|(id, _)| id)
    }

    pub(super) fn values(&self) -> impl Iterator<Item = &T> {
        self.iter().map(|(_, value)| value)
    }

    fn find(&self, request: RequestId) -> Option<(usize, usize)> {
        let at = self.block_of(request);
        let place = self.blocks.get(at)?.binary_search_by_key(&request, |(id, _)| *id).ok()?;
        Some((at, place))
    }

    /// The first block that does not lie below `request` as a whole.
    fn block_of(&self, request: RequestId) -> usize {
        let is_below = |block: &Block<T>| block.back().is_some_and(|(id, _)| *id < request);
        if self.blocks.last().is_some_and(is_below) {
            return self.blocks.len();
        }
        if self.blocks.first().is_some_and(|first| !is_below(first)) {
            return 0;
        }
        self.blocks.partition_point(is_below)
    }
}

/// After removals in no order, many blocks may have few entries each.
fn give_back_room<T>(block: &mut Block<T>) {
    if block.capacity() > 4 && block.len() <= block.capacity() / 4 {
        block.shrink_to(block.capacity() / 2);
    }
}

/// Entries in one block: a shift within it moves a kilobyte, and its own three words are a byte for each entry.
const BLOCK: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::rng::Rng;
    use std::collections::BTreeMap;

    fn check<T: Copy + PartialEq + std::fmt::Debug>(
        map: &ByRequest<T>,
        plain: &BTreeMap<RequestId, T>,
    ) {
        assert!(map.iter().map(|(id, value)| (id, *value)).eq(plain.iter().map(|(i, v)| (*i, *v))));
        assert_eq!(map.len(), plain.len());
        assert_eq!(map.first(), plain.keys().next().copied());
        assert_eq!(map.last(), plain.keys().next_back().copied());
        let is_full = |block: &Block<T>| (1..=BLOCK).contains(&block.len());
        assert!(map.blocks.iter().all(is_full) || map.blocks.len() == 1);
    }

    /// Requests mostly rise, and come out of order where a waiter is granted or an answer is fixed late.
    #[test]
    fn any_mix_of_steps_agrees_with_a_tree() {
        let mut rng = Rng::new(7);
        let (mut map, mut plain) = (ByRequest::new(), BTreeMap::new());
        for step in 0..20_000 {
            let near = RequestId(rng.between(step / 2, step));
            match rng.below(if step % 2000 < 1000 { 4 } else { 12 }) {
                0 | 1 => assert_eq!(
                    map.insert(RequestId(step), step),
                    plain.insert(RequestId(step), step)
                ),
                2 | 3 => assert_eq!(map.insert(near, step), plain.insert(near, step)),
                4 if rng.chance(1, 50) => {
                    map.remove_below(near, drop);
                    plain = plain.split_off(&near);
                }
                _ => assert_eq!(map.remove(near), plain.remove(&near)),
            }
            assert_eq!(
                (map.value(near), map.contains(near)),
                (plain.get(&near), plain.contains_key(&near))
            );
            let above = plain.range(near.next()..).map(|(id, value)| (*id, value));
            assert!(map.above(near).take(40).eq(above.take(40)));
            if step % 50 == 0 {
                check(&map, &plain);
            }
        }
        map.remove_below(RequestId(20_000), drop);
        check(&map, &BTreeMap::new());
    }

    #[test]
    fn one_entry_that_comes_and_goes_keeps_its_room() {
        let mut map = ByRequest::new();
        map.insert(RequestId(1), ());
        let room = map.blocks[0].as_slices().0.as_ptr();
        for request in 2..100 {
            map.remove_below(RequestId(request), drop);
            map.insert(RequestId(request), ());
            let block = &map.blocks[0];
            let (first, _) = block.as_slices();
            assert_eq!((map.len(), block.capacity(), first.as_ptr()), (1, 1, room));
        }
    }

    #[test]
    fn entries_that_come_in_order_leave_no_room_unused_and_those_that_go_give_it_back() {
        let mut map = ByRequest::new();
        for request in 0..1000 {
            map.insert(RequestId(request), request);
        }
        let room = |map: &ByRequest<u64>| map.blocks.iter().map(VecDeque::capacity).sum::<usize>();
        assert!(room(&map) < 1000 + BLOCK, "{}", room(&map));
        for request in (0..1000).filter(|request| request % 20 > 0) {
            assert_eq!(map.remove(RequestId(request)), Some(request));
        }
        assert!(room(&map) <= 50 * 8, "{}", room(&map));
    }
}
