//! A sequence lock: a few words, written by one thread at a time and read together by all, without a mutex.

use std::sync::atomic::{AtomicU64, Ordering, fence};

/// Two slots, of which one is in force and the other is written: a reader never waits for a writer, also one that
/// interrupts it (a signal handler on its thread, a thread of a higher priority on its processor). It reads again only if a
/// write came to its end meanwhile.
#[derive(Debug)]
pub struct SeqLock<const N: usize> {
    /// Counts writes; its parity names the slot in force.
    version: AtomicU64,
    slots: [[AtomicU64; N]; 2],
}

impl<const N: usize> SeqLock<N> {
    /// With `values` in force.
    #[must_use]
    pub fn new(values: [u64; N]) -> Self {
        Self {
            version: AtomicU64::new(0),
            slots: [values.map(AtomicU64::new), [0; N].map(AtomicU64::new)],
        }
    }

    /// Puts `values` in force. For one writer at a time.
    pub fn write(&self, values: [u64; N]) {
        let next = self.version.load(Ordering::Relaxed).wrapping_add(1);
        self.fill(next, values);
        self.version.store(next, Ordering::Release);
    }

    /// The result of `measure` on the words. They were in force before and after it ran, so clocks that it read were
    /// read in between (L6).
    pub fn read<T>(&self, measure: impl Fn([u64; N]) -> T) -> T {
        loop {
            let version = self.version.load(Ordering::Acquire);
            let slot = &self.slots[slot_of(version)];
            let value = measure(std::array::from_fn(|at| slot[at].load(Ordering::Relaxed)));
            // The words must have been read before the second look at the version.
            fence(Ordering::Acquire);
            if self.version.load(Ordering::Relaxed) == version {
                return value;
            }
        }
    }

    fn fill(&self, version: u64, values: [u64; N]) {
        // A reader that sees a word of this write must see the version before it at least: it then knows that the slot
        // that it read is not in force any more.
        fence(Ordering::Release);
        for (word, value) in self.slots[slot_of(version)].iter().zip(values) {
            word.store(value, Ordering::Relaxed);
        }
    }
}

fn slot_of(version: u64) -> usize {
    (version & 1) as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[test]
    fn a_reader_never_sees_half_of_a_write() {
        let lock = Arc::new(SeqLock::new([0; 6]));
        let writer = Arc::clone(&lock);
        let writing = std::thread::spawn(move || {
            for round in 1..200_000 {
                writer.write([round; 6]);
            }
        });
        while !writing.is_finished() {
            let seen = lock.read(|values| values);
            assert_eq!(seen, [seen[0]; 6]);
        }
        writing.join().unwrap();
    }

    #[test]
    fn a_reader_that_interrupts_a_writer_reads_what_was_in_force() {
        let lock = SeqLock::new([7; 6]);
        lock.fill(1, [8; 6]);
        assert_eq!(lock.read(|values| values), [7; 6]);
        lock.write([9; 6]);
        lock.fill(2, [10; 6]);
        assert_eq!(lock.read(|values| values), [9; 6]);
    }
}
