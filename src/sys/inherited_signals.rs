//! Signals as this process was started with them: which were ignored, and which blocked.
//!
//! Both outlive an exec, so a program that starts another passes them on (nohup, a daemon that ignores SIGCHLD, a
//! shell's trap ''). Rust's runtime ignores SIGPIPE before main() runs, and nothing can tell afterwards whether
//! somebody else had: so a constructor of the program notes them before that.

use super::process::check;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};

/// One bit for each signal: signal n is bit n−1.
static IGNORED: AtomicU64 = AtomicU64::new(0);
static BLOCKED: AtomicU64 = AtomicU64::new(0);

#[used]
#[unsafe(link_section = ".init_array")]
static NOTE: extern "C" fn() = note;

/// Runs before main(), with nothing of the standard library set up: two kinds of system calls, and two stores.
extern "C" fn note() {
    let ignored = SIGNALS.filter(|&signal| is_ignored(signal)).map(bit).sum();
    IGNORED.store(ignored, Ordering::Relaxed);
    // SAFETY: a sigset_t is plain data, valid when zeroed, and lives through the calls, which only read after the
    // first has written it.
    let blocked = unsafe {
        let mut mask: libc::sigset_t = std::mem::zeroed();
        libc::pthread_sigmask(libc::SIG_BLOCK, std::ptr::null(), &raw mut mask);
        SIGNALS.filter(|&signal| libc::sigismember(&raw const mask, signal) == 1).map(bit).sum()
    };
    BLOCKED.store(blocked, Ordering::Relaxed);
}

fn is_ignored(signal: i32) -> bool {
    // SAFETY: a sigaction is plain data, valid when zeroed; it lives through the call, which only reads. The call
    // refuses signals that the C library keeps for itself.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        libc::sigaction(signal, std::ptr::null(), &raw mut action) == 0
            && action.sa_sigaction == libc::SIG_IGN
    }
}

fn bit(signal: i32) -> u64 {
    1 << (signal - 1)
}

/// The signals that this process was started with.
#[derive(Clone, Copy, Debug)]
pub struct Inherited {
    ignored: u64,
    blocked: u64,
}

impl Inherited {
    /// The signals as they were before main() ran.
    #[must_use]
    pub fn of_this_process() -> Self {
        Self { ignored: IGNORED.load(Ordering::Relaxed), blocked: BLOCKED.load(Ordering::Relaxed) }
    }

    /// Whether `signal` was ignored, as nohup(1) does with SIGHUP.
    #[must_use]
    pub fn ignores(self, signal: i32) -> bool {
        self.ignored & bit(signal) != 0
    }

    /// Has the process of `command` begin with them, whatever was done in this one since.
    pub fn pass_on(self, command: &mut Command) {
        // SAFETY: the closure runs between fork and exec and makes system calls that are async-signal-safe, on data of
        // its own.
        unsafe { command.pre_exec(move || self.take_effect()) };
    }

    fn take_effect(self) -> std::io::Result<()> {
        // SAFETY: no handler is installed, so there is none that could be wrong; a sigset_t is plain data, valid when
        // zeroed, and lives through the calls.
        unsafe {
            for signal in SIGNALS.filter(|&signal| self.ignores(signal)) {
                libc::signal(signal, libc::SIG_IGN);
            }
            let mut mask: libc::sigset_t = std::mem::zeroed();
            for signal in SIGNALS.filter(|&signal| self.blocked & bit(signal) != 0) {
                libc::sigaddset(&raw mut mask, signal);
            }
            check(libc::sigprocmask(libc::SIG_SETMASK, &raw const mask, std::ptr::null_mut()))
        }
    }
}

/// Signals of the kernel. Two or three of them are the C library's, and are found neither ignored nor blocked.
const SIGNALS: std::ops::RangeInclusive<i32> = 1..=64;

// Tests of passing them on need processes of their own: tests/cli/signals.rs.
