//! Until when a lease that was asked to end may be believed in (L23), as all threads read it, without locks.

use super::words::Words;
use crate::base::Sample;
use crate::base::time::nanos;
use crate::client::core::Deadline;
use crate::sys::clock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// A deadline, once there is one. Written under the client's mutex alone.
#[derive(Debug)]
pub(super) struct Asked {
    is_asked: AtomicBool,
    words: Words<5>,
}

impl Asked {
    /// Not asked.
    pub(super) fn new() -> Self {
        Self { is_asked: AtomicBool::new(false), words: Words::new([0; 5]) }
    }

    pub(super) fn is_asked(&self) -> bool {
        self.is_asked.load(Ordering::SeqCst)
    }

    /// It ends at `deadline` at the latest. A later one than was said before changes nothing.
    pub(super) fn ask(&self, deadline: &Deadline) {
        let now = clock::sample_end();
        if self.remaining().is_some_and(|left| left <= deadline.remaining(&now)) {
            return;
        }
        let Sample { boot_before, monotonic, raw, boot_after } = deadline.start;
        self.words.write([boot_before, monotonic, raw, boot_after, nanos(deadline.length)]);
        // Whoever sees that it was asked finds the deadline.
        self.is_asked.store(true, Ordering::SeqCst);
    }

    /// How long the deadline leaves; `None`: it was not asked. The deadline is read, then the clocks, then that it
    /// was the same all the while (L6).
    pub(super) fn remaining(&self) -> Option<Duration> {
        self.is_asked()
            .then(|| self.words.read(|words| deadline(words).remaining(&clock::sample_end())))
    }
}

fn deadline([boot_before, monotonic, raw, boot_after, length]: [u64; 5]) -> Deadline {
    let start = Sample { boot_before, monotonic, raw, boot_after };
    Deadline { start, length: Duration::from_nanos(length) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(seconds: u64) -> Deadline {
        Deadline { start: clock::sample(), length: Duration::from_secs(seconds) }
    }

    #[test]
    fn the_earliest_deadline_stands() {
        let asked = Asked::new();
        assert_eq!(asked.remaining(), None);
        asked.ask(&after(1000));
        assert!(asked.remaining().unwrap() > Duration::from_secs(500));
        asked.ask(&after(100));
        asked.ask(&after(2000));
        let left = asked.remaining().unwrap();
        assert!(left <= Duration::from_secs(100) && !left.is_zero());
    }

    #[test]
    fn nothing_is_left_of_no_grace() {
        let asked = Asked::new();
        asked.ask(&after(0));
        assert_eq!(asked.remaining(), Some(Duration::ZERO));
    }
}
