//! Threads in somebody else's process: named `tenure-…`, with all signals blocked, so that the host's
//! handlers never run on them.

use std::cell::Cell;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{Builder, JoinHandle};

/// The number of this thread: no other thread of the process has it, before or after.
#[must_use]
pub fn number() -> u64 {
    thread_local!(static NUMBER: Cell<u64> = const { Cell::new(0) });
    static LAST: AtomicU64 = AtomicU64::new(0);
    NUMBER.with(|number| {
        if number.get() == 0 {
            number.set(LAST.fetch_add(1, Ordering::Relaxed) + 1);
        }
        number.get()
    })
}

/// Starts a thread under `name` (at most 15 bytes are shown by the system).
///
/// # Errors
/// The process may have no more threads.
pub fn spawn<T: Send + 'static>(
    name: &str,
    body: impl FnOnce() -> T + Send + 'static,
) -> io::Result<JoinHandle<T>> {
    // A new thread inherits the mask of the one that makes it: block here, make it, restore.
    let before = block_all_signals();
    let thread = Builder::new().name(name.to_owned()).spawn(body);
    restore(&before);
    thread
}

fn block_all_signals() -> libc::sigset_t {
    // SAFETY: a sigset_t is plain data, valid when zeroed; both sets live through the calls.
    unsafe {
        let mut all: libc::sigset_t = std::mem::zeroed();
        let mut before: libc::sigset_t = std::mem::zeroed();
        libc::sigfillset(&raw mut all);
        libc::pthread_sigmask(libc::SIG_SETMASK, &raw const all, &raw mut before);
        before
    }
}

fn restore(mask: &libc::sigset_t) {
    // SAFETY: `mask` is a mask that pthread_sigmask gave.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, mask, std::ptr::null_mut()) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_thread_has_a_number_of_its_own_for_good() {
        let others: Vec<u64> = (0..3).map(|_| std::thread::spawn(number).join().unwrap()).collect();
        assert_eq!(number(), number());
        let mut all = [&others[..], &[number()]].concat();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), 4, "{others:?}");
    }

    #[test]
    fn our_threads_block_all_signals_and_the_caller_keeps_its_mask() {
        let blocked = |signal| {
            // SAFETY: plain data, read only after pthread_sigmask wrote it.
            unsafe {
                let mut mask: libc::sigset_t = std::mem::zeroed();
                libc::pthread_sigmask(libc::SIG_SETMASK, std::ptr::null(), &raw mut mask);
                libc::sigismember(&raw const mask, signal) == 1
            }
        };
        let before = blocked(libc::SIGUSR1);
        let inside = spawn("tenure-test", move || blocked(libc::SIGUSR1)).unwrap();
        assert!(inside.join().unwrap());
        assert_eq!(blocked(libc::SIGUSR1), before);
    }
}
