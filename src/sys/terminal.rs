//! The controlling terminal: who has its foreground, and reading keys one by one.

use std::io;
use std::os::fd::{AsRawFd, RawFd};

const STDIN: RawFd = libc::STDIN_FILENO;

/// The foreground of the terminal on stdin, lent to a process group; taken back when dropped.
#[derive(Debug)]
pub struct Foreground {
    own: libc::pid_t,
}

impl Foreground {
    /// Makes `group` the foreground group. `None` if stdin is no terminal, or another group has it (this
    /// process runs in the background).
    #[must_use]
    pub fn lend(group: u32) -> Option<Self> {
        // SAFETY: no pointers.
        let (own, present) = unsafe { (libc::getpgrp(), libc::tcgetpgrp(STDIN)) };
        if present != own {
            return None;
        }
        set_foreground(group as libc::pid_t);
        Some(Self { own })
    }
}

impl Drop for Foreground {
    fn drop(&mut self) {
        set_foreground(self.own);
    }
}

/// tcsetpgrp(3) from the background stops the caller by SIGTTOU unless that is blocked.
fn set_foreground(group: libc::pid_t) {
    // SAFETY: a sigset_t is plain data, valid when zeroed; both sets live through the calls.
    unsafe {
        let mut ttou: libc::sigset_t = std::mem::zeroed();
        let mut before: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut ttou);
        libc::sigaddset(&raw mut ttou, libc::SIGTTOU);
        libc::pthread_sigmask(libc::SIG_BLOCK, &raw const ttou, &raw mut before);
        libc::tcsetpgrp(STDIN, group);
        libc::pthread_sigmask(libc::SIG_SETMASK, &raw const before, std::ptr::null_mut());
    }
}

/// Stdin without line editing and echo, so that a key is read when it is pressed. Signals of keys
/// (Ctrl-C) stay. The former state comes back when it is dropped.
pub struct KeyMode {
    before: libc::termios,
}

impl KeyMode {
    /// Begins.
    ///
    /// # Errors
    /// Stdin is no terminal.
    pub fn begin() -> io::Result<Self> {
        // SAFETY: a termios is plain data, valid when zeroed, and lives through the call.
        let before = unsafe {
            let mut before: libc::termios = std::mem::zeroed();
            if libc::tcgetattr(STDIN, &raw mut before) != 0 {
                return Err(io::Error::last_os_error());
            }
            before
        };
        let mut keys = before;
        keys.c_lflag &= !(libc::ICANON | libc::ECHO);
        set_attributes(&keys)?;
        Ok(Self { before })
    }
}

impl std::fmt::Debug for KeyMode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("KeyMode")
    }
}

impl Drop for KeyMode {
    fn drop(&mut self) {
        // A terminal that is gone needs no state.
        let _ = set_attributes(&self.before);
    }
}

fn set_attributes(attributes: &libc::termios) -> io::Result<()> {
    // SAFETY: `attributes` is a valid termios that lives through the call.
    match unsafe { libc::tcsetattr(io::stdin().as_raw_fd(), libc::TCSANOW, attributes) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}
