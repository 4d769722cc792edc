//! The send queue of requests, reads or observers, with back-off for those that were refused for
//! load.

use super::back_off::{BackOff, STEP_MAX};
use crate::base::Sample;
use crate::base::rng::Rng;
use std::collections::BTreeSet;

/// Keys to send, in order. Paused keys leave all at once, so that a busy leader is asked once for
/// each pause.
#[derive(Clone, Debug)]
pub(super) struct Repeats<K> {
    unsent: BTreeSet<K>,
    /// Keys that wait for the end of the pause.
    paused: BTreeSet<K>,
    pause: Pause,
}

/// The pause of all that was refused since it began.
#[derive(Clone, Debug)]
pub(super) struct Pause {
    over_at: u64,
    back_off: BackOff,
}

impl Pause {
    pub(super) fn new() -> Self {
        Self { over_at: 0, back_off: BackOff::new() }
    }

    /// The first was refused since the last one was over.
    pub(super) fn begin(&mut self, now: &Sample, rng: &mut Rng) {
        self.over_at = self.back_off.next(now, STEP_MAX, rng);
    }

    /// Something was not refused: the next pause is short again.
    pub(super) fn reset(&mut self) {
        self.back_off.reset();
    }

    /// When it is over, as a reading of BOOTTIME.
    pub(super) fn over_at(&self) -> u64 {
        self.over_at
    }
}

impl<K: Copy + Ord> Repeats<K> {
    pub(super) fn new() -> Self {
        let (unsent, paused) = (BTreeSet::new(), BTreeSet::new());
        Self { unsent, paused, pause: Pause::new() }
    }

    /// Adds a key to send.
    pub(super) fn insert(&mut self, key: K) {
        self.unsent.insert(key);
    }

    /// Removes a key.
    pub(super) fn remove(&mut self, key: K) {
        self.unsent.remove(&key);
        self.paused.remove(&key);
    }

    /// The next key to send.
    pub(super) fn first(&self) -> Option<K> {
        self.unsent.first().copied()
    }

    /// Takes the next key to send.
    pub(super) fn pop_first(&mut self) -> Option<K> {
        self.unsent.pop_first()
    }

    /// Pauses a key that was refused for load, or for now.
    pub(super) fn pause(&mut self, key: K, now: &Sample, rng: &mut Rng) {
        if self.paused.is_empty() {
            self.pause.begin(now, rng);
        }
        self.paused.insert(key);
    }

    /// After a success: the next pause is short again.
    pub(super) fn reset(&mut self) {
        self.pause.reset();
    }

    /// Ends a pause that is over.
    pub(super) fn handle_deadline(&mut self, now: &Sample) {
        if self.pause.over_at() <= now.boot() {
            self.unsent.append(&mut self.paused);
        }
    }

    /// When the pause is over.
    pub(super) fn next_deadline(&self) -> u64 {
        if self.paused.is_empty() { u64::MAX } else { self.pause.over_at() }
    }

    /// Starts over at another leader: `unsent` are to be sent, and none pauses.
    pub(super) fn begin_anew(&mut self, unsent: BTreeSet<K>) {
        self.paused.clear();
        self.unsent = unsent;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_refused_leaves_again_after_one_pause_in_order() {
        let (mut repeats, mut rng) = (Repeats::new(), Rng::new(1));
        let now = Sample::default();
        [3, 1].into_iter().for_each(|key| repeats.insert(key));
        assert_eq!(
            (repeats.pop_first(), repeats.pop_first(), repeats.first()),
            (Some(1), Some(3), None)
        );
        repeats.pause(3, &now, &mut rng);
        let at = repeats.next_deadline();
        repeats.pause(1, &now, &mut rng);
        assert_eq!(repeats.next_deadline(), at, "one pause for all");
        repeats.handle_deadline(&now);
        assert_eq!(repeats.first(), None);
        repeats.remove(3);
        repeats.handle_deadline(&Sample::at(at));
        assert_eq!((repeats.pop_first(), repeats.first()), (Some(1), None));
        assert_eq!(repeats.next_deadline(), u64::MAX);
    }

    #[test]
    fn another_leader_is_sent_everything_at_once() {
        let (mut repeats, mut rng) = (Repeats::new(), Rng::new(1));
        repeats.pause(2, &Sample::default(), &mut rng);
        repeats.begin_anew([1, 2].into());
        assert_eq!((repeats.next_deadline(), repeats.first()), (u64::MAX, Some(1)));
    }
}
