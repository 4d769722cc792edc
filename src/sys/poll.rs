//! poll(2) over a handful of file descriptors, for threads that wait for few of them.

use std::io;
use std::os::fd::RawFd;
use std::time::Duration;

/// Events to wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interest {
    /// Input, or the other side's end.
    Read,
    /// Room for output, or the other side's end.
    Write,
    /// Reading and writing.
    ReadWrite,
    /// The other side's end alone.
    End,
}

/// Events that have happened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ready {
    /// Reading gives data, an end, or an error at once.
    pub readable: bool,
    /// Writing takes something, or fails at once.
    pub writable: bool,
}

/// Waits until one of the descriptors is ready or `timeout` (rounded up to a millisecond; `None`: for
/// ever) has passed. A signal's arrival is not an end of the wait: it reports nothing ready.
///
/// # Errors
/// poll(2)'s own, besides EINTR.
pub fn wait(set: &mut [(RawFd, Interest, Ready)], timeout: Option<Duration>) -> io::Result<()> {
    let mut fds: Vec<libc::pollfd> = set
        .iter()
        .map(|(fd, interest, _)| libc::pollfd {
            fd: *fd,
            events: match interest {
                Interest::Read => libc::POLLIN,
                Interest::End => 0,
                Interest::Write => libc::POLLOUT,
                Interest::ReadWrite => libc::POLLIN | libc::POLLOUT,
            },
            revents: 0,
        })
        .collect();
    let timeout_ms = timeout.map_or(-1, |timeout| {
        i32::try_from(timeout.as_nanos().div_ceil(1_000_000)).unwrap_or(i32::MAX)
    });
    // SAFETY: `fds` is an array of `fds.len()` pollfds that lives through the call.
    let result = unsafe { libc::poll(fds.as_mut_ptr(), fds.len() as libc::nfds_t, timeout_ms) };
    if result < 0 {
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
    for ((_, _, ready), fd) in set.iter_mut().zip(&fds) {
        let ended = fd.revents & (libc::POLLHUP | libc::POLLERR | libc::POLLNVAL) != 0;
        ready.readable = ended || fd.revents & libc::POLLIN != 0;
        ready.writable = ended || fd.revents & libc::POLLOUT != 0;
    }
    Ok(())
}
