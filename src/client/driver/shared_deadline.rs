//! The deadline of a lease that was asked to end (L23), read by all threads without locks.

use crate::base::Sample;
use crate::base::time::nanos;
use crate::client::core::Deadline;
use crate::sys::clock;
use crate::sys::seqlock::SeqLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// A deadline, once there is one. Written under the client's mutex alone.
#[derive(Debug)]
pub(super) struct SharedDeadline {
    is_asked: AtomicBool,
    /// The program has not seen the order yet.
    is_unread: AtomicBool,
    words: SeqLock<6>,
}

/// The instants of a loss timer, as readings of BOOTTIME: when it fires, and when to arm it again,
/// if there is time for that. It is armed for less than what is left, since the timer's clock may
/// run slow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Armed {
    pub(super) fires_at: u64,
    pub(super) again_at: Option<u64>,
}

impl SharedDeadline {
    /// No deadline: not asked to end.
    pub(super) fn new() -> Self {
        let (is_asked, is_unread) = (AtomicBool::new(false), AtomicBool::new(false));
        Self { is_asked, is_unread, words: SeqLock::new([0, 0, 0, 0, 0, UNARMED]) }
    }

    pub(super) fn is_asked(&self) -> bool {
        self.is_asked.load(Ordering::SeqCst)
    }

    /// Whether the lease was asked to end, and the program has not seen that yet.
    pub(super) fn is_unread(&self) -> bool {
        self.is_unread.load(Ordering::SeqCst)
    }

    /// The program has seen the order.
    pub(super) fn read(&self) {
        self.is_unread.store(false, Ordering::SeqCst);
    }

    /// Sets the deadline; one later than the present changes nothing.
    pub(super) fn ask(&self, deadline: &Deadline) {
        let now = clock::sample_end();
        if self.remaining().is_some_and(|left| left <= deadline.remaining(&now)) {
            return;
        }
        self.write(deadline, UNARMED);
        self.is_unread.store(true, Ordering::SeqCst);
        // After the deadline is written: a reader that sees the flag finds the deadline.
        self.is_asked.store(true, Ordering::SeqCst);
    }

    /// The time that the deadline, and the timer armed for it, leave; `None`: not asked to end. The
    /// deadline is read before the clocks, and checked after them to be unchanged (L6).
    pub(super) fn remaining(&self) -> Option<Duration> {
        let left = |words: [u64; 6]| {
            let now = clock::sample_end();
            let until_timer = Duration::from_nanos(words[5].saturating_sub(now.boot()));
            deadline(words).remaining(&now).min(until_timer)
        };
        self.is_asked().then(|| self.words.read(left))
    }

    /// The instant at which the timer for the deadline fires.
    pub(super) fn fires_at(&self) -> u64 {
        self.words.read(|words| words[5])
    }

    /// The instants to arm a timer for now; `None`: not asked to end. Once armed,
    /// [`SharedDeadline::publish`] is to be called.
    pub(super) fn armed(&self) -> Option<Armed> {
        let now = clock::sample();
        let armed = |words: [u64; 6]| {
            let left = deadline(words).remaining(&now);
            // As for a session's belief: the timer's clock may be slow by 8.3 %.
            let fires_at = now.hint(left - left / 8);
            let again_at = (left > SHORT).then(|| now.hint(left - left / 4));
            Armed { fires_at, again_at }
        };
        self.is_asked().then(|| self.words.read(armed))
    }

    /// Publishes that a timer is armed for `fires_at`: what has fired has ended (L24).
    pub(super) fn publish(&self, fires_at: u64) {
        self.write(&self.words.read(deadline), fires_at);
    }

    fn write(&self, deadline: &Deadline, fires_at: u64) {
        let Sample { boot_before, monotonic, raw, boot_after } = deadline.start;
        let length = nanos(deadline.length);
        self.words.write([boot_before, monotonic, raw, boot_after, length, fires_at]);
    }
}

fn deadline([boot_before, monotonic, raw, boot_after, length, _]: [u64; 6]) -> Deadline {
    let start = Sample { boot_before, monotonic, raw, boot_after };
    Deadline { start, length: Duration::from_nanos(length) }
}

/// No timer is armed for the deadline.
const UNARMED: u64 = u64::MAX;
/// With less left the timer is armed for the last time: it fires too early by an eighth of this at
/// most.
const SHORT: Duration = Duration::from_millis(20);

#[cfg(test)]
mod tests {
    use super::*;

    fn after(seconds: u64) -> Deadline {
        Deadline { start: clock::sample(), length: Duration::from_secs(seconds) }
    }

    #[test]
    fn the_earliest_deadline_stands() {
        let asked = SharedDeadline::new();
        assert_eq!(asked.remaining(), None);
        asked.ask(&after(1000));
        assert!(asked.remaining().unwrap() > Duration::from_secs(500));
        asked.ask(&after(100));
        asked.ask(&after(2000));
        let left = asked.remaining().unwrap();
        assert!(left <= Duration::from_secs(100) && !left.is_zero());
    }

    #[test]
    fn nothing_is_left_behind_the_instant_for_which_a_timer_was_armed() {
        let asked = SharedDeadline::new();
        assert_eq!(asked.armed(), None);
        asked.ask(&after(1000));
        let armed = asked.armed().unwrap();
        assert!(armed.again_at.unwrap() < armed.fires_at);
        asked.publish(armed.fires_at);
        assert!(asked.remaining().unwrap() <= Duration::from_secs(875));
        asked.publish(1);
        assert_eq!(asked.remaining(), Some(Duration::ZERO));
        let asked = SharedDeadline::new();
        asked.ask(&Deadline { start: clock::sample(), length: SHORT });
        assert_eq!(asked.armed().unwrap().again_at, None);
    }

    #[test]
    fn nothing_is_left_of_no_grace() {
        let asked = SharedDeadline::new();
        asked.ask(&after(0));
        assert_eq!(asked.remaining(), Some(Duration::ZERO));
    }
}
