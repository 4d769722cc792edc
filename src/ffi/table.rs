//! A lock-free slot map: the store behind the handles.
//!
//! A key is a slot and a generation. One atomic word per slot carries
//!
//! ```text
//! generation (32 bits) | open (1 bit) | visits (31 bits)
//! ```
//!
//! A visitor enters by compare-and-swap of that word, which fails for every generation but the
//! present one, and leaves by a decrement. Freeing clears `open`; the last visit to leave a slot
//! that is not open takes the object out, raises the generation, and frees the slot. So an object
//! is dropped once, after the last call that uses it, on that call's thread; and nobody ever waits.
//!
//! Nothing here blocks, so a child of fork(2) finds no lock held by a thread that it does not have.

use std::ops::Deref;
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, AtomicU64, Ordering, fence};

/// Slots of one type. Memory grows by doubling, and is never given back.
#[derive(Debug)]
pub(super) struct Table<T: Send + Sync> {
    /// Block k holds `FIRST_BLOCK << k` slots.
    blocks: [AtomicPtr<Slot<T>>; BLOCKS],
    /// Slots that were used and are free: change count (32 bits) | index + 1 (32 bits, 0 = none).
    free: AtomicU64,
    /// The first unused index.
    fresh: AtomicU32,
}

/// The slot of an object, and its generation among the objects of that slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Key {
    /// Below [`SLOTS_MAX`].
    pub index: u32,
    /// 1 or larger.
    pub generation: u32,
}

/// Access to an object, which lives at least as long as the visit.
#[derive(Debug)]
pub(super) struct Visit<'a, T: Send + Sync> {
    table: &'a Table<T>,
    slot: &'a Slot<T>,
    key: Key,
}

#[derive(Debug)]
struct Slot<T> {
    state: AtomicU64,
    object: AtomicPtr<T>,
    /// The fork generation of the process that made the object.
    fork: AtomicU32,
    /// A call panicked in the object.
    broken: AtomicBool,
    /// In the free list: index + 1 of the next slot; 0: none.
    next: AtomicU32,
}

/// Why a key opens nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Closed {
    /// No such object, or no longer.
    Stale,
    /// The parent made the object, before a fork.
    Forked,
    /// A call panicked in the object.
    Broken,
}

impl<T: Send + Sync> Table<T> {
    pub const fn new() -> Self {
        Self {
            blocks: [const { AtomicPtr::new(ptr::null_mut()) }; BLOCKS],
            free: AtomicU64::new(0),
            fresh: AtomicU32::new(0),
        }
    }

    /// Stores `object`, made in the process of fork generation `fork`.
    ///
    /// # Errors
    /// The table is full: the object itself.
    pub fn insert(&self, object: T, fork: u32) -> Result<Key, T> {
        let Some(index) = self.take_free().or_else(|| self.take_fresh()) else {
            return Err(object);
        };
        let slot = self.slot_or_allocate(index);
        slot.object.store(Box::into_raw(Box::new(object)), Ordering::Relaxed);
        slot.fork.store(fork, Ordering::Relaxed);
        slot.broken.store(false, Ordering::Relaxed);
        let generation = generation_of(slot.state.load(Ordering::Relaxed)).max(1);
        slot.state.store(pack(generation) | OPEN, Ordering::Release);
        Ok(Key { index, generation })
    }

    /// Enters the object of `key`, in the process of fork generation `fork`.
    pub fn visit(&self, key: Key, fork: u32) -> Result<Visit<'_, T>, Closed> {
        let slot = self.slot(key.index).ok_or(Closed::Stale)?;
        let mut state = slot.state.load(Ordering::Relaxed);
        loop {
            if generation_of(state) != key.generation || state & OPEN == 0 {
                return Err(Closed::Stale);
            }
            // Visits are calls that run at this instant: the count of 31 bits cannot overflow.
            match slot.state.compare_exchange_weak(
                state,
                state + 1,
                Ordering::Acquire,
                Ordering::Relaxed,
            ) {
                Ok(_) => break,
                Err(now) => state = now,
            }
        }
        let visit = Visit { table: self, slot, key };
        if slot.fork.load(Ordering::Relaxed) != fork {
            return Err(Closed::Forked);
        }
        if slot.broken.load(Ordering::Relaxed) {
            return Err(Closed::Broken);
        }
        Ok(visit)
    }

    /// Ends a key whose object is broken or the parent's. The object is leaked: no code of it may
    /// run.
    pub fn leak(&self, key: Key) -> bool {
        self.slot(key.index).is_some_and(|slot| {
            // One extra visit stays counted, so that no visit is ever the last.
            change(slot, key.generation, |open| (open & !OPEN) + 1)
        })
    }

    fn slot(&self, index: u32) -> Option<&Slot<T>> {
        if index >= SLOTS_MAX {
            return None;
        }
        let (block, offset) = place(index);
        let slots = self.blocks[block].load(Ordering::Acquire);
        // SAFETY: a block that is not null has `FIRST_BLOCK << block` slots, `offset` is below that, and
        // blocks are never freed.
        (!slots.is_null()).then(|| unsafe { &*slots.add(offset) })
    }

    fn slot_or_allocate(&self, index: u32) -> &Slot<T> {
        if let Some(slot) = self.slot(index) {
            return slot;
        }
        let (block, _) = place(index);
        let slots: Box<[Slot<T>]> = (0..FIRST_BLOCK << block).map(|_| Slot::new()).collect();
        let slots = Box::into_raw(slots);
        let published = self.blocks[block].compare_exchange(
            ptr::null_mut(),
            slots.cast::<Slot<T>>(),
            Ordering::AcqRel,
            Ordering::Acquire,
        );
        if published.is_err() {
            // SAFETY: another thread was first; this block was made above and nobody else has seen it.
            drop(unsafe { Box::from_raw(slots) });
        }
        self.slot(index).expect("the block of this slot was just published")
    }

    fn take_fresh(&self) -> Option<u32> {
        let next = |fresh| (fresh < SLOTS_MAX).then_some(fresh + 1);
        self.fresh.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next).ok()
    }

    fn take_free(&self) -> Option<u32> {
        let mut head = self.free.load(Ordering::Acquire);
        loop {
            let index = (head as u32).checked_sub(1)?;
            // The change count makes the exchange fail if this slot left and came back meanwhile.
            let next = self.slot_or_allocate(index).next.load(Ordering::Relaxed);
            let new = (head >> 32).wrapping_add(1) << 32 | u64::from(next);
            match self.free.compare_exchange_weak(head, new, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => return Some(index),
                Err(now) => head = now,
            }
        }
    }

    fn give_free(&self, index: u32) {
        let slot = self.slot_or_allocate(index);
        let mut head = self.free.load(Ordering::Relaxed);
        loop {
            slot.next.store(head as u32, Ordering::Relaxed);
            let new = (head >> 32).wrapping_add(1) << 32 | u64::from(index + 1);
            match self.free.compare_exchange_weak(head, new, Ordering::Release, Ordering::Relaxed) {
                Ok(_) => return,
                Err(now) => head = now,
            }
        }
    }

    /// Frees a closed slot after its last visit.
    fn empty(&self, slot: &Slot<T>, key: Key) {
        let object = slot.object.swap(ptr::null_mut(), Ordering::Relaxed);
        // A slot whose generations are used up is retired, so that no key ever fits twice.
        if let Some(generation) = key.generation.checked_add(1) {
            slot.state.store(pack(generation), Ordering::Release);
            self.give_free(key.index);
        }
        // SAFETY: it came from `Box::into_raw` in `insert`; only the last visit of a closed slot gets here,
        // and it swapped the pointer out.
        drop(unsafe { Box::from_raw(object) });
    }
}

impl<T: Send + Sync> Visit<'_, T> {
    /// Closes the slot to new visits; the object is dropped with the last one. False if the slot
    /// was closed before.
    pub fn close(&self) -> bool {
        change(self.slot, self.key.generation, |open| open & !OPEN)
    }
}

impl<T: Send + Sync> Deref for Visit<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: this visit is counted in the slot's state, so the object is not taken out before `drop`;
        // the Acquire of entering saw the Release of `insert`.
        unsafe { &*self.slot.object.load(Ordering::Relaxed) }
    }
}

impl<T: Send + Sync> Drop for Visit<'_, T> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.slot.broken.store(true, Ordering::Relaxed);
        }
        let before = self.slot.state.fetch_sub(1, Ordering::Release);
        if before & (OPEN | VISITS) == 1 {
            fence(Ordering::Acquire);
            self.table.empty(self.slot, self.key);
        }
    }
}

impl<T> Slot<T> {
    fn new() -> Self {
        Self {
            state: AtomicU64::new(0),
            object: AtomicPtr::new(ptr::null_mut()),
            fork: AtomicU32::new(0),
            broken: AtomicBool::new(false),
            next: AtomicU32::new(0),
        }
    }
}

/// Changes the state of a slot that is open in this generation, in one step.
fn change<T>(slot: &Slot<T>, generation: u32, next: impl Fn(u64) -> u64) -> bool {
    let next =
        |state| (generation_of(state) == generation && state & OPEN != 0).then(|| next(state));
    slot.state.fetch_update(Ordering::AcqRel, Ordering::Relaxed, next).is_ok()
}

fn generation_of(state: u64) -> u32 {
    (state >> 32) as u32
}

fn pack(generation: u32) -> u64 {
    u64::from(generation) << 32
}

/// The block of a slot, and the slot's offset in it: block k begins at `FIRST_BLOCK · (2ᵏ − 1)`.
fn place(index: u32) -> (usize, usize) {
    let scaled = index as usize / FIRST_BLOCK + 1;
    let block = scaled.ilog2() as usize;
    (block, index as usize - FIRST_BLOCK * ((1 << block) - 1))
}

const OPEN: u64 = 1 << 31;
const VISITS: u64 = OPEN - 1;
const FIRST_BLOCK: usize = 64;
const BLOCKS: usize = 18;
/// The most objects at once: 64 · (2¹⁸ − 1), about 16.7 million.
pub(super) const SLOTS_MAX: u32 = FIRST_BLOCK as u32 * ((1 << BLOCKS) - 1);

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Barrier};

    type Counted = Arc<()>;

    fn count(object: &Counted) -> usize {
        Arc::strong_count(object) - 1
    }

    #[test]
    fn a_key_opens_its_object_until_it_is_closed_and_never_again() {
        let table = Table::new();
        let object = Counted::default();
        let key = table.insert(object.clone(), 0).unwrap();
        assert!(table.visit(key, 0).unwrap().close());
        assert_eq!(count(&object), 0);
        assert_eq!(table.visit(key, 0).unwrap_err(), Closed::Stale);

        let reused = table.insert(object.clone(), 0).unwrap();
        assert_eq!((reused.index, reused.generation), (key.index, key.generation + 1));
        assert_eq!(table.visit(key, 0).unwrap_err(), Closed::Stale);
    }

    #[test]
    fn an_object_outlives_its_freeing_by_the_calls_that_use_it() {
        let table = Table::new();
        let object = Counted::default();
        let key = table.insert(object.clone(), 0).unwrap();
        let user = table.visit(key, 0).unwrap();
        assert!(table.visit(key, 0).unwrap().close());
        assert!(!user.close(), "freed twice");
        assert_eq!(count(&object), 1);
        drop(user);
        assert_eq!(count(&object), 0);
    }

    #[test]
    fn keys_that_were_never_given_open_nothing() {
        let table: Table<Counted> = Table::new();
        for index in [0, 63, 64, SLOTS_MAX - 1, SLOTS_MAX, u32::MAX] {
            for generation in [0, 1, u32::MAX] {
                let key = Key { index, generation };
                assert_eq!(table.visit(key, 0).unwrap_err(), Closed::Stale);
                assert!(!table.leak(key));
            }
        }
    }

    #[test]
    fn an_object_of_the_parent_is_closed_in_the_child_and_leaked_by_freeing() {
        let table = Table::new();
        let object = Counted::default();
        let key = table.insert(object.clone(), 0).unwrap();
        assert_eq!(table.visit(key, 1).unwrap_err(), Closed::Forked);
        assert!(table.leak(key));
        assert!(!table.leak(key));
        assert_eq!(table.visit(key, 1).unwrap_err(), Closed::Stale);
        assert_eq!(count(&object), 1);
        assert_ne!(table.insert(object, 1).unwrap().index, key.index);
    }

    #[test]
    fn a_call_that_panics_breaks_its_object_alone() {
        let table = Table::new();
        let broken = table.insert(Counted::default(), 0).unwrap();
        let whole = table.insert(Counted::default(), 0).unwrap();
        let call = || {
            let _visit = table.visit(broken, 0).unwrap();
            std::panic::resume_unwind(Box::new("planted"));
        };
        assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(call)).is_err());
        assert_eq!(table.visit(broken, 0).unwrap_err(), Closed::Broken);
        assert!(table.visit(whole, 0).is_ok());
    }

    #[test]
    fn a_slot_whose_generations_are_used_up_is_not_reused() {
        let table = Table::new();
        let first = table.insert(Counted::default(), 0).unwrap();
        let last = Key { generation: u32::MAX, ..first };
        table.slot(0).unwrap().state.store(pack(u32::MAX) | OPEN, Ordering::Relaxed);
        assert!(table.visit(last, 0).unwrap().close());
        assert_ne!(table.insert(Counted::default(), 0).unwrap().index, first.index);
    }

    #[test]
    fn every_index_below_the_bound_has_a_place() {
        assert_eq!(
            [place(0), place(63), place(64), place(191)],
            [(0, 0), (0, 63), (1, 0), (1, 127)]
        );
        assert_eq!(place(SLOTS_MAX - 1), (BLOCKS - 1, (FIRST_BLOCK << (BLOCKS - 1)) - 1));
    }

    #[test]
    fn threads_that_visit_and_free_drop_every_object_once() {
        const ROUNDS: usize = 2_000;
        const THREADS: usize = 4;
        let table = Table::new();
        let object = Counted::default();
        let keys: Vec<Key> =
            (0..ROUNDS).map(|_| table.insert(object.clone(), 0).unwrap()).collect();
        let start = Barrier::new(THREADS);
        let freed: usize = std::thread::scope(|scope| {
            let work = || {
                start.wait();
                let freed = |key: &&Key| {
                    let closed = table.visit(**key, 0).is_ok_and(|visit| visit.close());
                    // Slots come back under other generations while the others still look.
                    if closed {
                        table.insert(object.clone(), 0).unwrap();
                    }
                    closed
                };
                keys.iter().filter(freed).count()
            };
            let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(work)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        assert_eq!(freed, ROUNDS);
        assert_eq!(count(&object), ROUNDS, "as many as were put in again");
    }
}
