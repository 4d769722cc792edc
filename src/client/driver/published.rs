//! A session's belief as all threads read it, without locks.

use crate::base::{Sample, SessionId};
use crate::client::core::Belief;
use crate::net::Wake;
use crate::sys::clock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering, fence};
use std::time::Duration;

/// A belief behind a sequence lock: the number is odd while it is written, and changes with each write.
/// Written under the client's mutex alone.
#[derive(Debug)]
pub(crate) struct Published {
    session: SessionId,
    sequence: AtomicU64,
    words: [AtomicU64; 6],
    /// Set by whoever sees that nothing remains, and never cleared: zero is for good (safety L24).
    lapsed: AtomicBool,
    wake: Wake,
}

impl Published {
    /// Of a new session. `wake` ends the sleep of the thread that tells the core of a lapse.
    pub(super) fn new(belief: &Belief, wake: Wake) -> Self {
        let published = Self {
            session: belief.session,
            sequence: AtomicU64::new(0),
            words: Default::default(),
            lapsed: AtomicBool::new(false),
            wake,
        };
        published.publish(belief);
        published
    }

    pub(super) fn session(&self) -> SessionId {
        self.session
    }

    /// For one writer at a time.
    pub(super) fn publish(&self, belief: &Belief) {
        let sequence = self.sequence.load(Ordering::Relaxed);
        self.sequence.store(sequence.wrapping_add(1), Ordering::Relaxed);
        // The words must not be seen before the odd number.
        fence(Ordering::Release);
        let Sample { boot_before, monotonic, raw, boot_after } = belief.start;
        let length = crate::base::time::nanos(belief.length);
        let values = [boot_before, monotonic, raw, boot_after, length, belief.fires_at];
        for (word, value) in self.words.iter().zip(values) {
            word.store(value, Ordering::Relaxed);
        }
        self.sequence.store(sequence.wrapping_add(2), Ordering::Release);
    }

    /// The instant of BOOTTIME for which loss timers are armed.
    pub(super) fn fires_at(&self) -> u64 {
        self.read(|belief| belief.fires_at)
    }

    /// How long the session may still be believed in. The belief is read, then the clocks, then that the
    /// belief was the same all the while (L6).
    pub(super) fn remaining(&self) -> Duration {
        if self.lapsed.load(Ordering::SeqCst) {
            return Duration::ZERO;
        }
        let remaining = self.read(|belief| belief.remaining(&clock::sample_end()));
        if remaining.is_zero() && !self.lapsed.swap(true, Ordering::SeqCst) {
            // Another thread may be extending it at this moment: the core must learn that it is too late.
            self.wake.wake();
        }
        remaining
    }

    /// Zero from now on.
    pub(super) fn lapse(&self) {
        self.lapsed.store(true, Ordering::SeqCst);
    }

    pub(super) fn is_lapsed(&self) -> bool {
        self.lapsed.load(Ordering::SeqCst)
    }

    fn read<T>(&self, measure: impl Fn(&Belief) -> T) -> T {
        loop {
            let before = self.sequence.load(Ordering::Acquire);
            let [boot_before, monotonic, raw, boot_after, length, fires_at] =
                std::array::from_fn(|at| self.words[at].load(Ordering::Relaxed));
            let start = Sample { boot_before, monotonic, raw, boot_after };
            let length = Duration::from_nanos(length);
            let value = measure(&Belief { session: self.session, start, length, fires_at });
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
    use crate::net::{Key, Poller};
    use std::sync::Arc;

    fn belief(session: u64, fires_at: u64) -> Belief {
        let length = Duration::from_secs(3600);
        Belief { session: SessionId(session), start: clock::sample(), length, fires_at }
    }

    fn published(fires_at: u64) -> (Poller, Published) {
        let poller = Poller::new(1).unwrap();
        let wake = poller.wake(Key(0)).unwrap();
        (poller, Published::new(&belief(1, fires_at), wake))
    }

    #[test]
    fn zero_is_for_good_whatever_is_published_after_it() {
        let (mut poller, published) = published(1);
        assert_eq!(published.remaining(), Duration::ZERO);
        published.publish(&belief(1, u64::MAX));
        assert_eq!(published.remaining(), Duration::ZERO);
        assert!(published.is_lapsed());
        // The driver is woken to tell the core.
        poller.wait(None).unwrap();
    }

    #[test]
    fn a_reader_never_sees_half_of_a_belief() {
        let (_poller, published) = published(u64::MAX);
        let published = Arc::new(published);
        let writer = Arc::clone(&published);
        let mut pair = belief(1, u64::MAX);
        let (start, length) = (pair.start, pair.length);
        published.publish(&pair);
        let writing = std::thread::spawn(move || {
            for round in 0..200_000u64 {
                pair.start.raw = start.raw - round % 1000;
                pair.length = length - Duration::from_nanos(round % 1000);
                writer.publish(&pair);
            }
        });
        while !writing.is_finished() {
            let (shift, cut) = published.read(|belief| {
                let cut = length.saturating_sub(belief.length);
                (start.raw.wrapping_sub(belief.start.raw), cut.as_nanos() as u64)
            });
            assert_eq!(shift, cut);
        }
        writing.join().unwrap();
    }
}
