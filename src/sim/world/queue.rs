//! Queue of future events, in order of simulated real time; ties in the order in which they were foreseen.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// A queue of events of type `E`. The events stay where they are; the heap moves a key for each.
#[derive(Debug)]
pub struct Queue<E> {
    keys: BinaryHeap<Reverse<Key>>,
    events: Vec<Option<E>>,
    free: Vec<u32>,
    next: u64,
}

/// Time, then order of foresight, then the event's place: one number, since keys are compared a lot.
type Key = u128;

impl<E> Queue<E> {
    /// An empty queue.
    #[must_use]
    pub fn new() -> Self {
        Self { keys: BinaryHeap::new(), events: Vec::new(), free: Vec::new(), next: 0 }
    }

    /// Foresees `event` at `at`.
    pub fn push(&mut self, at: u64, event: E) {
        let place = self.free.pop().unwrap_or_else(|| {
            self.events.push(None);
            u32::try_from(self.events.len() - 1).expect("fewer events than that fit into memory")
        });
        self.events[place as usize] = Some(event);
        assert!(
            self.next < 1 << (64 - PLACE_BITS) && place < 1 << PLACE_BITS,
            "a key is too short"
        );
        let order = self.next << PLACE_BITS | u64::from(place);
        self.keys.push(Reverse(Key::from(at) << 64 | Key::from(order)));
        self.next += 1;
    }

    /// The next event, with its time.
    pub fn pop(&mut self) -> Option<(u64, E)> {
        let Reverse(key) = self.keys.pop()?;
        let place = (key & ((1 << PLACE_BITS) - 1)) as u32;
        let event = self.events[place as usize].take().expect("each key has its event");
        self.free.push(place);
        Some(((key >> 64) as u64, event))
    }
}

/// Events foreseen at once: a million; in all: 2^44, the number of nanoseconds in five hours.
const PLACE_BITS: u32 = 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_come_by_time_and_ties_by_order_of_foresight() {
        let mut queue = Queue::new();
        for (at, event) in [(5, "c"), (1, "a"), (5, "d"), (3, "b")] {
            queue.push(at, event);
        }
        let order: Vec<_> = std::iter::from_fn(|| queue.pop()).collect();
        assert_eq!(order, [(1, "a"), (3, "b"), (5, "c"), (5, "d")]);
    }

    #[test]
    fn places_are_used_again_and_order_stays_that_of_foresight() {
        let mut queue = Queue::new();
        for round in 0..100 {
            queue.push(round, round);
            queue.push(round, round + 1000);
            assert_eq!(queue.pop(), Some((round, round)));
            assert_eq!(queue.pop(), Some((round, round + 1000)));
        }
        assert_eq!((queue.pop(), queue.events.len()), (None, 2));
    }
}
