//! One file descriptor that is readable while an event is set or from an instant on: an eventfd and a
//! timerfd behind an epoll instance, for hosts that can poll only one.

use crate::sys::event::EventFd;
use crate::sys::timer::TimerFd;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

/// Level-triggered, close-on-exec. The instant fires in the kernel, also when our threads are wedged.
#[derive(Debug)]
pub struct WatchFd {
    both: OwnedFd,
    event: EventFd,
    timer: TimerFd,
}

impl WatchFd {
    /// A new one, neither set nor armed.
    ///
    /// # Errors
    /// The process has no three file descriptors left.
    pub fn new() -> io::Result<Self> {
        let (event, timer) = (EventFd::new()?, TimerFd::new()?);
        // SAFETY: no pointers; the result is checked.
        let both = unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) };
        if both < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: `both` was just made and is owned by nobody else.
        let both = unsafe { OwnedFd::from_raw_fd(both) };
        add(&both, event.as_raw_fd())?;
        add(&both, timer.as_raw_fd())?;
        Ok(Self { both, event, timer })
    }

    /// Makes it readable until [`WatchFd::clear`].
    pub fn set(&self) {
        self.event.set();
    }

    /// Undoes [`WatchFd::set`]; the instant stays.
    pub fn clear(&self) {
        self.event.clear();
    }

    /// Makes it readable from `boot_nanos` (a reading of CLOCK_BOOTTIME) on, and not before it.
    pub fn arm(&self, boot_nanos: u64) {
        self.timer.arm(boot_nanos);
    }

    /// Takes the instant back.
    pub fn disarm(&self) {
        // Three hundred years of uptime.
        self.timer.arm(u64::MAX);
    }
}

fn add(epoll: &OwnedFd, fd: RawFd) -> io::Result<()> {
    let mut interest = libc::epoll_event { events: libc::EPOLLIN as u32, u64: 0 };
    // SAFETY: `interest` is a valid epoll_event that lives through the call, which copies it.
    let result =
        unsafe { libc::epoll_ctl(epoll.as_raw_fd(), libc::EPOLL_CTL_ADD, fd, &raw mut interest) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

impl AsFd for WatchFd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.both.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::poll::{Interest, Ready, wait};
    use std::time::Duration;

    fn is_readable(watch: &WatchFd) -> bool {
        let mut set = [(watch.as_fd().as_raw_fd(), Interest::Read, Ready::default())];
        wait(&mut set, Some(Duration::ZERO)).unwrap();
        set[0].2.readable
    }

    #[test]
    fn readable_while_set_or_past_the_instant() {
        let watch = WatchFd::new().unwrap();
        assert!(!is_readable(&watch));
        watch.set();
        watch.set();
        assert!(is_readable(&watch));
        watch.clear();
        assert!(!is_readable(&watch));
        watch.arm(1);
        assert!(is_readable(&watch));
        watch.clear();
        assert!(is_readable(&watch), "the instant stays until it is moved");
        watch.disarm();
        assert!(!is_readable(&watch));
    }
}
