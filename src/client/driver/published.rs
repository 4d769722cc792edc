//! A session's belief, read by all threads without locks (a sequence lock).

use super::reactor::Bell;
use crate::base::time::nanos;
use crate::base::{Sample, SessionId};
use crate::client::core::Belief;
use crate::sys::clock;
use crate::sys::seqlock::SeqLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// A belief. Written under the client's mutex alone.
#[derive(Debug)]
pub(crate) struct Published {
    session: SessionId,
    words: SeqLock<6>,
    /// Set by any thread that sees that nothing remains, and never cleared: zero is for good
    /// (safety L24).
    lapsed: AtomicBool,
    bell: Bell,
}

impl Published {
    /// The belief of a new session. `bell` calls the thread that tells the core of a lapse.
    pub(super) fn new(belief: &Belief, bell: Bell) -> Self {
        let (words, lapsed) = (SeqLock::new(words(belief)), AtomicBool::new(false));
        Self { session: belief.session, words, lapsed, bell }
    }

    pub(super) fn session(&self) -> SessionId {
        self.session
    }

    /// Publishes a new belief. One writer at a time.
    pub(super) fn publish(&self, belief: &Belief) {
        self.words.write(words(belief));
    }

    /// The reading of BOOTTIME for which loss timers are armed.
    pub(super) fn fires_at(&self) -> u64 {
        self.read(|belief| belief.fires_at)
    }

    /// How long the session may still be believed in. The belief is read before the clocks, and
    /// checked after them to be unchanged (L6).
    pub(super) fn remaining(&self) -> Duration {
        if self.lapsed.load(Ordering::SeqCst) {
            return Duration::ZERO;
        }
        let remaining = self.read(|belief| belief.remaining(&clock::sample_end()));
        if remaining.is_zero() && !self.lapsed.swap(true, Ordering::SeqCst) {
            // Another thread may be extending it at this moment: the core must learn that it is too late.
            self.bell.ring();
        }
        remaining
    }

    /// Ends the belief: zero from now on.
    pub(super) fn lapse(&self) {
        self.lapsed.store(true, Ordering::SeqCst);
    }

    pub(super) fn is_lapsed(&self) -> bool {
        self.lapsed.load(Ordering::SeqCst)
    }

    fn read<T>(&self, measure: impl Fn(&Belief) -> T) -> T {
        self.words.read(|[boot_before, monotonic, raw, boot_after, length, fires_at]| {
            let start = Sample { boot_before, monotonic, raw, boot_after };
            let length = Duration::from_nanos(length);
            measure(&Belief { session: self.session, start, length, fires_at })
        })
    }
}

fn words(belief: &Belief) -> [u64; 6] {
    let Sample { boot_before, monotonic, raw, boot_after } = belief.start;
    [boot_before, monotonic, raw, boot_after, nanos(belief.length), belief.fires_at]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::{Key, Poller};

    fn belief(session: u64, fires_at: u64) -> Belief {
        let length = Duration::from_secs(3600);
        Belief { session: SessionId(session), start: clock::sample(), length, fires_at }
    }

    fn published(fires_at: u64) -> (Poller, Published) {
        let poller = Poller::new(1).unwrap();
        let bell = Bell::alone(poller.wake(Key(0)).unwrap());
        (poller, Published::new(&belief(1, fires_at), bell))
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
}
