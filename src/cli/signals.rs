//! Signals as a descriptor to poll (self-pipe), and the signals that arrived.

use crate::cli::failure::Failure;
use signal_hook::consts::{
    SIGABRT, SIGALRM, SIGCONT, SIGHUP, SIGINT, SIGIO, SIGPROF, SIGQUIT, SIGTERM, SIGURG, SIGUSR1,
    SIGUSR2, SIGVTALRM, SIGWINCH,
};
use signal_hook::iterator::backend::SignalDelivery;
use signal_hook::iterator::exfiltrator::SignalOnly;
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::net::UnixStream;
use std::sync::{Mutex, PoisonError};
use tenure::sys::inherited_signals::Inherited;
use tenure::sys::process;

/// The signals that end a program; SIGHUP comes when its terminal goes.
pub const ENDING: &[i32] = &[SIGTERM, SIGINT, SIGHUP];

/// The signals that `tenure lock` hands on to its command: all that a program, a person, or a timer
/// from before an exec may send. Not among them: signals for a process's own faults and limits, and
/// those of job control.
pub fn forwarded() -> Vec<i32> {
    let others = [SIGUSR1, SIGUSR2, SIGURG, SIGWINCH, SIGIO, SIGPWR, SIGSTKFLT, SIGCONT];
    [ENDING_WAITS, &others].concat().into_iter().chain(REAL_TIME).collect()
}

/// Those of [`forwarded`] that end the wait for a lock. SIGUSR1 and the like are for a running
/// service: a standby that still waits must not end by them.
pub const ENDING_WAITS: &[i32] =
    &[SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGABRT, SIGALRM, SIGVTALRM, SIGPROF];

/// The signals that end a hold without a command: those that would end any program.
pub const ENDING_HOLDS: &[i32] =
    &[SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGABRT, SIGALRM, SIGVTALRM, SIGPROF, SIGUSR1, SIGUSR2];

/// Signals that are caught as long as this lives; after that they have no effect.
#[derive(Debug)]
pub struct Signals {
    delivery: Mutex<SignalDelivery<UnixStream, SignalOnly>>,
    wake: RawFd,
    inherited: Inherited,
}

impl Signals {
    /// Catches `signals`, also blocked ones, but not those that were ignored when this program was
    /// started (nohup).
    ///
    /// # Errors
    /// The process has no descriptor left.
    pub fn catch(signals: &[i32]) -> Result<Self, Failure> {
        let inherited = Inherited::of_this_process();
        let heeded = signals.iter().copied().filter(|&signal| !inherited.ignores(signal));
        Self::catch_all(&heeded.collect::<Vec<i32>>())
    }

    /// Catches `signals`, also ignored ones: a command to which they are handed on may listen to
    /// them.
    ///
    /// # Errors
    /// The process has no descriptor left.
    pub fn catch_all(signals: &[i32]) -> Result<Self, Failure> {
        let delivery = UnixStream::pair()
            .and_then(|(read, write)| SignalDelivery::with_pipe(read, write, SignalOnly, signals));
        let delivery = delivery.map_err(|error| {
            Failure::unavailable(format!("cannot catch signals: {error}; raise `ulimit -n`"))
        })?;
        signals.iter().for_each(|&signal| process::unblock(signal));
        let wake = delivery.get_read().as_raw_fd();
        let inherited = Inherited::of_this_process();
        Ok(Self { delivery: Mutex::new(delivery), wake, inherited })
    }

    /// Readable when a signal arrived that was not taken.
    #[must_use]
    pub fn fd(&self) -> RawFd {
        self.wake
    }

    /// The signals that arrived since the last call, each once.
    pub fn take(&self) -> Vec<i32> {
        self.delivery.lock().unwrap_or_else(PoisonError::into_inner).pending().collect()
    }

    /// The first of `ending` that arrived since the last call and was not ignored when this program was started. The
    /// others are forgotten.
    pub fn take_one_of(&self, ending: &[i32]) -> Option<i32> {
        let mut arrived = self.take().into_iter();
        arrived.find(|signal| ending.contains(signal) && !self.inherited.ignores(*signal))
    }
}

/// Signals of Linux: a power failure, and the unused signal 16.
const SIGPWR: i32 = 30;
const SIGSTKFLT: i32 = 16;
/// Without 32 and 33, which are the C library's.
const REAL_TIME: std::ops::RangeInclusive<i32> = 34..=64;

#[cfg(test)]
mod tests {
    use super::*;
    use tenure::sys::poll::{Interest, Ready, wait};

    #[test]
    fn a_signal_is_told_once_and_wakes_the_poll() {
        let signals = Signals::catch(&[SIGUSR1, SIGUSR2]).unwrap();
        assert_eq!(signals.take(), Vec::<i32>::new());
        signal_hook::low_level::raise(SIGUSR2).unwrap();
        let mut set = [(signals.fd(), Interest::Read, Ready::default())];
        while !set[0].2.readable {
            wait(&mut set, None).unwrap();
        }
        assert_eq!(signals.take(), [SIGUSR2]);
        assert_eq!(signals.take(), Vec::<i32>::new());
    }

    #[test]
    fn what_ends_a_wait_or_a_hold_is_handed_on_to_a_command() {
        let forwarded = forwarded();
        for signal in [ENDING_WAITS, ENDING_HOLDS].concat() {
            assert!(forwarded.contains(&signal), "{signal}");
        }
        let max = REAL_TIME.last().unwrap();
        assert!(forwarded.iter().all(|signal| (1..=max).contains(signal)));
    }
}
