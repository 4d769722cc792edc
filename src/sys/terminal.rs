//! The controlling terminal: its foreground group, the stop of background groups, and reading keys one by one.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, RawFd};

const STDIN: RawFd = libc::STDIN_FILENO;

/// The terminal that controls this process, wherever its standard streams go.
#[derive(Debug)]
pub struct Terminal(File);

/// Which process group may read from a terminal, and gets the signals of its keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Front {
    /// Our own group.
    Own,
    /// The group of this number, which may have no process left.
    Other(u32),
    /// The terminal is gone.
    Nobody,
}

impl Terminal {
    /// The one of this process, if there is one.
    #[must_use]
    pub fn of_this_process() -> Option<Self> {
        let by_name = File::options().read(true).write(true).open("/dev/tty");
        // Where there is no /dev, a standard stream may be it.
        let by_stdin = || io::stdin().as_fd().try_clone_to_owned().map(File::from);
        let terminal = Self(by_name.or_else(|_| by_stdin()).ok()?);
        (terminal.front() != Front::Nobody).then_some(terminal)
    }

    /// The group in the foreground now.
    #[must_use]
    pub fn front(&self) -> Front {
        // SAFETY: no pointers.
        let (own, present) = unsafe { (libc::getpgrp(), libc::tcgetpgrp(self.0.as_raw_fd())) };
        match present {
            _ if present == own => Front::Own,
            1.. => Front::Other(present as u32),
            _ => Front::Nobody,
        }
    }

    /// Puts `group` in front.
    pub fn put_in_front(&self, group: u32) {
        // tcsetpgrp(3) from the background stops the caller by SIGTTOU unless that is blocked.
        // SAFETY: no pointers.
        without_ttou(|| unsafe { libc::tcsetpgrp(self.0.as_raw_fd(), group as libc::pid_t) });
    }

    /// Puts our own group in front.
    pub fn take_back(&self) {
        // SAFETY: no pointers.
        self.put_in_front(unsafe { libc::getpgrp() } as u32);
    }

    /// How it handles lines, echo and keys; `None` if it is gone.
    #[must_use]
    pub fn modes(&self) -> Option<Modes> {
        // SAFETY: a termios is plain data, valid when zeroed, and lives through the call.
        unsafe {
            let mut modes: libc::termios = std::mem::zeroed();
            (libc::tcgetattr(self.0.as_raw_fd(), &raw mut modes) == 0).then_some(Modes(modes))
        }
    }

    /// Makes it handle them so again.
    pub fn set_modes(&self, modes: &Modes) {
        let fd = self.0.as_raw_fd();
        // SAFETY: the termios is valid and lives through the call. A terminal that is gone needs no modes.
        without_ttou(|| unsafe { libc::tcsetattr(fd, libc::TCSANOW, &raw const modes.0) });
    }
}

/// How a terminal handles lines, echo and keys.
pub struct Modes(libc::termios);

impl std::fmt::Debug for Modes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Modes")
    }
}

/// Stops our process group as `signal` (SIGTSTP, SIGTTIN, SIGTTOU) does by default, until somebody continues it. Returns
/// at once if it is orphaned: no shell is there that could continue it, and the kernel stops no such group.
pub fn stop_own_group(signal: i32) {
    // SAFETY: a sigaction is plain data, valid when zeroed, and both live through the calls; the handler that is put
    // back was there before.
    unsafe {
        let mut default: libc::sigaction = std::mem::zeroed();
        default.sa_sigaction = libc::SIG_DFL;
        let mut before: libc::sigaction = std::mem::zeroed();
        libc::sigaction(signal, &raw const default, &raw mut before);
        libc::kill(0, signal);
        libc::sigaction(signal, &raw const before, std::ptr::null_mut());
    }
}

/// The processes that an interrupt ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interrupted {
    /// This process alone.
    Process,
    /// Its group, as by a Ctrl-C at its terminal.
    Group,
}

/// Ends `whom` by SIGINT, so that shells see what ended us. Returns if that is ignored.
pub fn end_by_interrupt(whom: Interrupted) {
    super::process::unblock(libc::SIGINT);
    let target = match whom {
        // SAFETY: no pointers.
        Interrupted::Process => unsafe { libc::getpid() },
        Interrupted::Group => 0,
    };
    // SAFETY: no handler is installed, so there is none that could be wrong; no pointers.
    unsafe {
        libc::signal(libc::SIGINT, libc::SIG_DFL);
        libc::kill(target, libc::SIGINT);
    }
}

/// Continues our process group.
pub fn continue_own_group() {
    // SAFETY: no pointers.
    unsafe { libc::kill(0, libc::SIGCONT) };
}

/// Whether anybody is left in `group`.
#[must_use]
pub fn is_left(group: u32) -> bool {
    // SAFETY: no pointers; signal 0 is sent to nobody.
    let asked = unsafe { libc::kill(-(group as libc::pid_t), 0) };
    asked == 0 || io::Error::last_os_error().raw_os_error() != Some(libc::ESRCH)
}

fn without_ttou<T>(call: impl FnOnce() -> T) -> T {
    // SAFETY: a sigset_t is plain data, valid when zeroed; both sets live through the calls.
    unsafe {
        let mut ttou: libc::sigset_t = std::mem::zeroed();
        let mut before: libc::sigset_t = std::mem::zeroed();
        libc::sigaddset(&raw mut ttou, libc::SIGTTOU);
        libc::pthread_sigmask(libc::SIG_BLOCK, &raw const ttou, &raw mut before);
        let result = call();
        libc::pthread_sigmask(libc::SIG_SETMASK, &raw const before, std::ptr::null_mut());
        result
    }
}

/// Columns and rows of the terminal that stdout is; `None`: it is none, or does not say.
#[must_use]
pub fn size_of_stdout() -> Option<(usize, usize)> {
    // SAFETY: a winsize is plain data, valid when zeroed, and lives through the call.
    let size = unsafe {
        let mut size: libc::winsize = std::mem::zeroed();
        let asked = libc::ioctl(libc::STDOUT_FILENO, libc::TIOCGWINSZ, &raw mut size);
        (asked == 0).then_some(size)?
    };
    let (columns, rows) = (usize::from(size.ws_col), usize::from(size.ws_row));
    (columns > 0 && rows > 0).then_some((columns, rows))
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
