//! How many file descriptors this process may have, and some that are kept for when it has none left.

use super::event::EventFd;
use parking_lot::Mutex;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};

/// The soft limit of open files (RLIMIT_NOFILE), as it is now.
#[must_use]
pub fn limit() -> u64 {
    limits().rlim_cur
}

/// Raises the soft limit of open files to the hard one; returns the limit in force.
pub fn raise_limit() -> u64 {
    let limits = limits();
    let raised = libc::rlimit { rlim_cur: limits.rlim_max, ..limits };
    // SAFETY: `raised` is a valid rlimit that lives through the call. If the call is refused, the limit stays.
    unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const raised) };
    limit()
}

fn limits() -> libc::rlimit {
    let mut limits = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: `limits` is a valid rlimit for the kernel to write to, and lives through the call.
    let result = unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limits) };
    assert_eq!(result, 0, "the limit of open files cannot be read");
    limits
}

/// Whether a call failed because the process, or the system, has no descriptor left.
#[must_use]
pub fn is_shortage(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EMFILE | libc::ENFILE))
}

/// A reserve of descriptors, open for nothing. One of them is given up where a descriptor is needed and the process
/// has none left; a thread that takes all free ones cannot take these.
///
/// Between giving one up and opening another, another thread of the process may be faster: then the next one is given
/// up.
#[derive(Debug)]
pub struct Reserve(Mutex<Kept>);

#[derive(Debug)]
struct Kept {
    descriptors: Vec<OwnedFd>,
    count: usize,
}

impl Reserve {
    /// Keeps `count`, or as many as there are.
    #[must_use]
    pub fn new(count: usize) -> Self {
        let mut kept = Kept { descriptors: Vec::new(), count };
        kept.fill();
        Self(Mutex::new(kept))
    }

    /// Keeps this many from now on, as far as the process has descriptors.
    pub fn resize(&self, count: usize) {
        let mut kept = self.0.lock();
        kept.count = count;
        kept.descriptors.truncate(count);
        kept.fill();
    }

    /// Whether none of them is given up.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.0.lock().is_whole()
    }

    /// Opens the reserve again, as far as the process has descriptors.
    pub fn fill(&self) {
        self.0.lock().fill();
    }

    /// Does what needs one descriptor; if there is none, gives up one of these for it.
    ///
    /// # Errors
    /// That of `take`, also once all of these are given up.
    pub fn spend<T>(&self, mut take: impl FnMut() -> io::Result<T>) -> io::Result<T> {
        loop {
            match take() {
                Err(error) if is_shortage(&error) && self.0.lock().descriptors.pop().is_some() => {}
                taken => return taken,
            }
        }
    }

    /// Closes `fd`; if one of these was given up, its number is kept, without being free in between.
    pub fn close(&self, fd: OwnedFd) {
        self.0.lock().close(fd);
    }
}

impl Kept {
    fn is_whole(&self) -> bool {
        self.descriptors.len() == self.count
    }

    fn fill(&mut self) {
        while !self.is_whole() {
            let Ok(event) = EventFd::new() else { return };
            self.descriptors.push(event.into());
        }
    }

    fn close(&mut self, fd: OwnedFd) {
        if self.is_whole() {
            return;
        }
        let Some(kept) = self.descriptors.first() else {
            drop(fd);
            return self.fill();
        };
        // SAFETY: no pointers. `fd` keeps its number, which is ours alone: open as before the call if it fails, else
        // as a copy of `kept`.
        let copied = unsafe { libc::dup3(kept.as_raw_fd(), fd.as_raw_fd(), libc::O_CLOEXEC) };
        if copied == fd.as_raw_fd() {
            self.descriptors.push(fd);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A process that may open this many more.
    fn attempts(free: &mut u32) -> impl FnMut() -> io::Result<u32> + '_ {
        let mut attempt = 0;
        move || {
            attempt += 1;
            if *free == 0 {
                *free += 1;
                return Err(io::Error::from_raw_os_error(libc::EMFILE));
            }
            Ok(attempt)
        }
    }

    fn count(reserve: &Reserve) -> usize {
        reserve.0.lock().descriptors.len()
    }

    #[test]
    fn one_is_given_up_only_where_there_is_none_left() {
        let reserve = Reserve::new(2);
        assert_eq!(reserve.spend(attempts(&mut 1)).unwrap(), 1);
        assert!(reserve.is_whole());
        assert_eq!(reserve.spend(attempts(&mut 0)).unwrap(), 2);
        assert_eq!(count(&reserve), 1);
        assert!(!reserve.is_whole());
        reserve.fill();
        assert!(reserve.is_whole());
    }

    #[test]
    fn a_closed_descriptor_takes_the_place_of_one_that_was_given_up() {
        let reserve = Reserve::new(2);
        reserve.spend(attempts(&mut 0)).unwrap();
        let file = OwnedFd::from(EventFd::new().unwrap());
        let number = file.as_raw_fd();
        reserve.close(file);
        assert!(reserve.0.lock().descriptors.iter().any(|kept| kept.as_raw_fd() == number));
        assert!(reserve.is_whole());
    }

    #[test]
    fn every_one_is_given_up_before_the_shortage_is_told() {
        let reserve = Reserve::new(3);
        let shortage = || Err::<(), _>(io::Error::from_raw_os_error(libc::ENFILE));
        assert!(is_shortage(&reserve.spend(shortage).unwrap_err()));
        assert_eq!(count(&reserve), 0);
        let other = reserve.spend(|| Err::<(), _>(io::Error::from_raw_os_error(libc::EACCES)));
        assert!(!is_shortage(&other.unwrap_err()));
    }
}
