//! All locks, found by name where an entry names one, and by slot from there on.
//!
//! A search by name compares texts at each step, all of them cold among a million locks. So an entry looks a
//! name up once. Grants, places and stakes know the slots of their locks, and each step of an apply from a
//! slot on costs one access to an array.
//!
//! Slots are local to a replica, and no part of the state: two replicas may keep a lock in different ones, so
//! no message, order, count or snapshot depends on a slot (L2). Every order is by name. A lock keeps its slot
//! as long as anybody is in it. The slot of a dropped lock is used again by a later entry at the earliest: an
//! entry makes all of its locks before the first one is dropped.

use super::grant::Lock;
use crate::base::locks::Name;
use std::collections::BTreeSet;
use std::collections::btree_map::{BTreeMap, Entry};
use std::ops::{Bound, Deref, Index, IndexMut};
use std::sync::Arc;

/// The number of a lock's place in the pages.
#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Slot(u32);

impl Slot {
    /// Numbers begin with 0, without large gaps.
    pub(super) fn number(self) -> usize {
        self.0 as usize
    }

    fn page(self) -> usize {
        self.number() / PAGE
    }

    fn place(self) -> usize {
        self.number() % PAGE
    }
}

/// All locks of the machine.
#[derive(Clone, Debug, Default)]
pub(super) struct Locks {
    by_name: BTreeMap<Name, Slot>,
    pages: Vec<Page>,
    /// Pages with a free place. The lowest one is filled first, so that others become empty.
    roomy: BTreeSet<u32>,
    /// Memory of a page that became empty: one lock that is taken and given back over and over allocates no
    /// page each time.
    spare: Option<Box<Places>>,
}

/// Locks of neighbouring slots. An empty page has no places in memory.
#[derive(Clone, Debug, Default)]
struct Page {
    /// One bit for each place that is taken.
    taken: u64,
    places: Option<Box<Places>>,
}

type Places = [Option<Named>; PAGE];

#[derive(Clone, Debug)]
struct Named {
    name: Name,
    lock: Lock,
}

impl Locks {
    pub(super) fn len(&self) -> usize {
        self.by_name.len()
    }

    pub(super) fn find(&self, name: &Name) -> Option<Slot> {
        self.by_name.get(name).copied()
    }

    pub(super) fn by_name(&self, name: &str) -> Option<&Lock> {
        self.by_name.get(name).map(|slot| &self[*slot])
    }

    /// The slot of the lock called `name`. A missing lock is made, with this limit, and vacant.
    pub(super) fn find_or_make(&mut self, name: &Name, limit: u32) -> Slot {
        let Self { by_name, pages, roomy, spare } = self;
        match by_name.entry(name.clone()) {
            Entry::Occupied(found) => *found.get(),
            Entry::Vacant(free) => {
                let named = Named { name: name.clone(), lock: Lock::new(limit) };
                *free.insert(put(pages, roomy, spare, named))
            }
        }
    }

    /// The lock in `slot`; `None` if it was dropped.
    pub(super) fn get(&self, slot: Slot) -> Option<&Lock> {
        self.named(slot).map(|named| &named.lock)
    }

    /// The name of the lock in `slot`.
    pub(super) fn name(&self, slot: Slot) -> &Name {
        &self.named(slot).unwrap_or_else(|| panic!("no lock is in {slot:?}")).name
    }

    /// The names of the locks in `slots`.
    pub(super) fn names<'a>(&'a self, slots: &'a [Slot]) -> impl Iterator<Item = &'a Name> {
        slots.iter().map(|slot| self.name(*slot))
    }

    pub(super) fn named_mut(&mut self, slot: Slot) -> (&Name, &mut Lock) {
        let named = self.pages[slot.page()].places.as_mut();
        let named = named.and_then(|places| places[slot.place()].as_mut());
        let named = named.unwrap_or_else(|| panic!("no lock is in {slot:?}"));
        (&named.name, &mut named.lock)
    }

    pub(super) fn remove(&mut self, slot: Slot) {
        let page = &mut self.pages[slot.page()];
        let places = page.places.as_mut();
        let named = places.and_then(|places| places[slot.place()].take());
        let named = named.unwrap_or_else(|| panic!("no lock is in {slot:?}"));
        if page.taken == u64::MAX {
            self.roomy.insert(u32::try_from(slot.page()).expect("locks are bounded"));
        }
        page.taken &= !(1 << slot.place());
        if page.taken == 0 {
            self.spare = page.places.take();
        }
        self.by_name.remove(&named.name);
    }

    /// All locks, in the byte order of their names.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&Name, Slot, &Lock)> {
        self.by_name.iter().map(|(name, slot)| (name, *slot, &self[*slot]))
    }

    /// The locks from `start` on, in the byte order of their names.
    pub(super) fn starting_at<'a>(
        &'a self,
        start: Bound<&'a str>,
    ) -> impl Iterator<Item = (&'a Name, &'a Lock)> {
        let from_start = self.by_name.range::<str, _>((start, Bound::Unbounded));
        from_start.map(|(name, slot)| (name, &self[*slot]))
    }

    /// An upper bound, exclusive, of all slot numbers ever taken.
    pub(super) fn slots_end(&self) -> usize {
        self.pages.len() * PAGE
    }

    fn named(&self, slot: Slot) -> Option<&Named> {
        self.pages.get(slot.page())?.places.as_ref()?[slot.place()].as_ref()
    }
}

/// Puts a lock into the first free place.
fn put(
    pages: &mut Vec<Page>,
    roomy: &mut BTreeSet<u32>,
    spare: &mut Option<Box<Places>>,
    named: Named,
) -> Slot {
    let number = roomy.first().copied().unwrap_or_else(|| {
        let number = u32::try_from(pages.len()).expect("locks are bounded");
        pages.push(Page::default());
        roomy.insert(number);
        number
    });
    let page = &mut pages[number as usize];
    let place = page.taken.trailing_ones();
    page.taken |= 1 << place;
    if page.taken == u64::MAX {
        roomy.remove(&number);
    }
    let places = page
        .places
        .get_or_insert_with(|| spare.take().unwrap_or_else(|| Box::new([const { None }; PAGE])));
    places[place as usize] = Some(named);
    Slot(number * u64::BITS + place)
}

impl Index<Slot> for Locks {
    type Output = Lock;

    fn index(&self, slot: Slot) -> &Lock {
        self.get(slot).unwrap_or_else(|| panic!("no lock is in {slot:?}"))
    }
}

impl IndexMut<Slot> for Locks {
    fn index_mut(&mut self, slot: Slot) -> &mut Lock {
        self.named_mut(slot).1
    }
}

/// All locks of one stake, in the byte order of their names; nearly all stakes are in one, which allocates nothing.
#[derive(Clone, Debug)]
pub(super) enum Slots {
    One([Slot; 1]),
    Several(Arc<[Slot]>),
}

impl Deref for Slots {
    type Target = [Slot];

    fn deref(&self) -> &[Slot] {
        match self {
            Self::One(one) => one,
            Self::Several(all) => all,
        }
    }
}

/// Places of a page: one for each bit of a word.
const PAGE: usize = u64::BITS as usize;
/// Name and lock are next to each other, without padding.
const _: () = assert!(size_of::<Option<Named>>() == size_of::<Name>() + size_of::<Lock>());

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::rng::Rng;

    fn name(number: u64) -> Name {
        Name::try_from(format!("lock-{number:03}")).expect("a name")
    }

    #[test]
    fn a_lock_keeps_its_slot_whatever_others_come_and_go_and_empty_pages_take_no_memory() {
        let (mut rng, mut locks) = (Rng::new(7), Locks::default());
        let mut plain: BTreeMap<Name, Slot> = BTreeMap::new();
        for _ in 0..20_000 {
            let name = name(rng.below(500));
            match plain.remove(&name) {
                Some(slot) if rng.below(2) == 0 => {
                    locks.remove(slot);
                    assert!(locks.get(slot).is_none() && locks.by_name(name.as_str()).is_none());
                }
                known => {
                    let slot = locks.find_or_make(&name, 7);
                    assert!(known.is_none_or(|known| known == slot));
                    assert!(plain.values().all(|other| *other != slot));
                    assert_eq!((locks.name(slot), locks[slot].limit()), (&name, 7));
                    plain.insert(name, slot);
                }
            }
        }
        assert!(locks.iter().map(|(name, slot, _)| (name.clone(), slot)).eq(plain.clone()));
        // 500 locks, and as many pages as they fill.
        assert!(locks.pages.len() <= 500 / PAGE + 1, "{} pages", locks.pages.len());
        plain.values().for_each(|slot| locks.remove(*slot));
        assert!(locks.pages.iter().all(|page| page.places.is_none() && page.taken == 0));
        assert!(locks.spare.is_some() && locks.len() == 0);
    }
}
