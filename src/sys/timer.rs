//! A timerfd on CLOCK_BOOTTIME: it fires in the kernel, also when our own threads are wedged.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

/// Readable from its instant on. Close-on-exec, non-blocking.
#[derive(Debug)]
pub struct TimerFd(OwnedFd);

/// State of a timer before it was armed again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Before {
    /// It had yet to fire.
    Pending,
    /// It had fired, or was never armed.
    Idle,
}

impl TimerFd {
    /// A new one, not armed.
    ///
    /// # Errors
    /// The process has no file descriptor left.
    pub fn new() -> io::Result<Self> {
        let flags = libc::TFD_CLOEXEC | libc::TFD_NONBLOCK;
        // SAFETY: no pointers; the result is checked.
        let fd = unsafe { libc::timerfd_create(libc::CLOCK_BOOTTIME, flags) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: `fd` was just made and is owned by nobody else.
        Ok(Self(unsafe { OwnedFd::from_raw_fd(fd) }))
    }

    /// Arms it for `boot_nanos`, a reading of CLOCK_BOOTTIME; an instant in the past fires at once. Says
    /// whether it had been pending: a timer that fired before must be treated as fired (safety L24).
    pub fn arm(&self, boot_nanos: u64) -> Before {
        let at = boot_nanos.clamp(1, i64::MAX as u64);
        let value = libc::timespec {
            tv_sec: (at / 1_000_000_000) as libc::time_t,
            tv_nsec: (at % 1_000_000_000) as libc::c_long,
        };
        let zero = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        let new = libc::itimerspec { it_interval: zero, it_value: value };
        let mut old = libc::itimerspec { it_interval: zero, it_value: zero };
        // SAFETY: both point to valid itimerspecs that live through the call.
        let result = unsafe {
            libc::timerfd_settime(
                self.0.as_raw_fd(),
                libc::TFD_TIMER_ABSTIME,
                &raw const new,
                &raw mut old,
            )
        };
        assert_eq!(result, 0, "a timerfd cannot be armed for {at}");
        if old.it_value.tv_sec == 0 && old.it_value.tv_nsec == 0 {
            Before::Idle
        } else {
            Before::Pending
        }
    }
}

impl AsFd for TimerFd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl AsRawFd for TimerFd {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::clock;
    use crate::sys::poll::{Interest, Ready, wait};

    #[test]
    fn an_instant_in_the_past_fires_at_once_and_is_then_idle() {
        let timer = TimerFd::new().unwrap();
        assert_eq!(timer.arm(clock::boot_nanos() + 3_600_000_000_000), Before::Idle);
        assert_eq!(timer.arm(1), Before::Pending);
        let mut set = [(timer.as_raw_fd(), Interest::Read, Ready::default())];
        wait(&mut set, None).unwrap();
        assert!(set[0].2.readable);
        assert_eq!(timer.arm(clock::boot_nanos() + 3_600_000_000_000), Before::Idle);
    }
}
