//! Network namespaces without names: one lives as long as its file or a process in it, and needs no cleaning up.

use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::process::CommandExt;
use std::process::Command;

/// A network of its own: no interface but a loopback that is down. It goes, with all links into it, when this is dropped
/// and the last process in it has ended, by whatever signal.
#[derive(Debug)]
pub struct Namespace(File);

impl Namespace {
    /// A new one. The calling thread stays where it is.
    ///
    /// # Errors
    /// PermissionDenied without CAP_SYS_ADMIN; others where the kernel has no network namespaces.
    pub fn new() -> io::Result<Self> {
        let make = || {
            // SAFETY: no pointers. Only this thread moves, and it ends at once.
            match unsafe { libc::unshare(libc::CLONE_NEWNET) } {
                0 => File::open("/proc/thread-self/ns/net"),
                _ => Err(io::Error::last_os_error()),
            }
        };
        let made = super::thread::spawn("tenure-namespace", make)?.join();
        made.expect("a system call and an open do not panic").map(Self)
    }

    /// Moves the calling thread into it, and with it the threads and processes that it starts from then on.
    ///
    /// # Errors
    /// setns(2)'s own.
    pub fn enter(&self) -> io::Result<()> {
        enter(self.0.as_raw_fd())
    }

    /// Lets the process of `command` run in it.
    pub fn hold(&self, command: &mut Command) {
        let fd = self.0.as_raw_fd();
        // SAFETY: the closure runs between fork and exec and makes one system call, which is async-signal-safe. The
        // descriptor was inherited by the fork; if it was closed since, the call fails and so does the spawn.
        unsafe { command.pre_exec(move || enter(fd)) };
    }

    /// A path by which other programs find it while this process lives.
    #[must_use]
    pub fn path(&self) -> String {
        format!("/proc/{}/fd/{}", std::process::id(), self.0.as_raw_fd())
    }
}

fn enter(fd: RawFd) -> io::Result<()> {
    // SAFETY: no pointers; a descriptor of another kind is refused.
    match unsafe { libc::setns(fd, libc::CLONE_NEWNET) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}
