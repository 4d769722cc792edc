//! A few words that are written by one thread at a time and read together by all, without locks.

use std::sync::atomic::{AtomicU64, Ordering, fence};

/// A sequence lock: the number is odd while the words are written, and changes with each write.
#[derive(Debug)]
pub(super) struct Words<const N: usize> {
    sequence: AtomicU64,
    words: [AtomicU64; N],
}

impl<const N: usize> Words<N> {
    pub(super) fn new(values: [u64; N]) -> Self {
        Self { sequence: AtomicU64::new(0), words: values.map(AtomicU64::new) }
    }

    /// For one writer at a time.
    pub(super) fn write(&self, values: [u64; N]) {
        let sequence = self.sequence.load(Ordering::Relaxed);
        self.sequence.store(sequence.wrapping_add(1), Ordering::Relaxed);
        // The words must not be seen before the odd number.
        fence(Ordering::Release);
        for (word, value) in self.words.iter().zip(values) {
            word.store(value, Ordering::Relaxed);
        }
        self.sequence.store(sequence.wrapping_add(2), Ordering::Release);
    }

    /// What `measure` makes of them; they were the same before and after it, so clocks that it reads were read in
    /// between (L6).
    pub(super) fn read<T>(&self, measure: impl Fn([u64; N]) -> T) -> T {
        loop {
            let before = self.sequence.load(Ordering::Acquire);
            let values = std::array::from_fn(|at| self.words[at].load(Ordering::Relaxed));
            let value = measure(values);
            // The words must have been read before the second look at the number.
            fence(Ordering::Acquire);
            if before & 1 == 0 && self.sequence.load(Ordering::Relaxed) == before {
                return value;
            }
            std::hint::spin_loop();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[test]
    fn a_reader_never_sees_half_of_a_write() {
        let words = Arc::new(Words::new([0; 6]));
        let writer = Arc::clone(&words);
        let writing = std::thread::spawn(move || {
            for round in 1..200_000 {
                writer.write([round; 6]);
            }
        });
        while !writing.is_finished() {
            let seen = words.read(|values| values);
            assert_eq!(seen, [seen[0]; 6]);
        }
        writing.join().unwrap();
    }
}
