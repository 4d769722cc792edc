//! The alarm of a client: one timer of the kernel, which wakes the background thread for whatever is due next, in the
//! core or for a thread that waits, whoever polls the sockets meanwhile.
//!
//! It is on BOOTTIME: poll(2), epoll and condition variables count no time in which the machine sleeps, and would be late
//! by that.

use crate::sys::timer::TimerFd;
use std::io;
use std::os::fd::{AsRawFd, RawFd};

/// Set under the client's mutex. Instants are readings of BOOTTIME.
#[derive(Debug)]
pub(super) struct Alarm {
    timer: TimerFd,
    /// When it rings.
    at: u64,
}

impl Alarm {
    /// One that is not set.
    ///
    /// # Errors
    /// The process has no file descriptor left.
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self { timer: TimerFd::new()?, at: u64::MAX })
    }

    pub(super) fn fd(&self) -> RawFd {
        self.timer.as_raw_fd()
    }

    /// Rings at `due`, if not before.
    pub(super) fn set(&mut self, due: u64) {
        if due < self.at {
            self.reset(due);
        }
    }

    /// Rings at `due`, and not before.
    pub(super) fn reset(&mut self, due: u64) {
        if due != self.at {
            self.timer.arm(due);
            self.at = due;
        }
    }

    /// Nobody sleeps whom it would have to wake.
    pub(super) fn rest(&mut self) {
        self.at = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::clock;
    use crate::sys::poll::{self, Interest, Ready};
    use std::time::Duration;

    fn rings(alarm: &Alarm, timeout: Option<Duration>) -> bool {
        let mut set = [(alarm.fd(), Interest::Read, Ready::default())];
        poll::wait(&mut set, timeout).unwrap();
        set[0].2.readable
    }

    #[test]
    fn it_rings_at_the_earliest_instant_that_it_was_set_to() {
        let mut alarm = Alarm::new().unwrap();
        let hour = 3_600_000_000_000;
        let now = clock::boot_nanos();
        alarm.set(now + hour);
        alarm.set(now + 1);
        alarm.set(now + 2 * hour);
        assert!(rings(&alarm, None));
    }

    #[test]
    fn what_was_slept_through_does_not_ring_once_it_is_reset() {
        let mut alarm = Alarm::new().unwrap();
        alarm.set(1);
        assert!(rings(&alarm, None));
        alarm.rest();
        alarm.set(clock::boot_nanos());
        alarm.reset(u64::MAX);
        assert!(!rings(&alarm, Some(Duration::ZERO)));
    }
}
