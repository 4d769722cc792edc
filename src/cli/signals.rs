//! Signals as something to poll: which ones arrived, and a descriptor that is readable when one did.

use crate::cli::failure::Failure;
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};
use signal_hook::{flag, low_level::pipe};
use std::io::Read;
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tenure::sys::inherited::Inherited;
use tenure::sys::process;

/// Those that end a program; SIGHUP when its terminal goes.
pub const ENDING: &[i32] = &[SIGTERM, SIGINT, SIGHUP];
/// Those that `tenure lock` hands on to its command.
pub const FORWARDED: &[i32] = &[SIGTERM, SIGINT, SIGHUP, SIGQUIT];

/// Signals that are caught from now on, for the rest of the process.
#[derive(Debug)]
pub struct Signals {
    wake: UnixStream,
    arrived: Vec<(i32, Arc<AtomicBool>)>,
}

impl Signals {
    /// Catches `signals`, but for those that were ignored when this program was started (nohup); blocked ones,
    /// too.
    ///
    /// # Errors
    /// The process has no descriptor left.
    pub fn catch(signals: &[i32]) -> Result<Self, Failure> {
        Self::register(signals).map_err(|error| {
            Failure::unavailable(format!("cannot catch signals: {error}; raise `ulimit -n`"))
        })
    }

    fn register(signals: &[i32]) -> std::io::Result<Self> {
        let (wake, write) = UnixStream::pair()?;
        wake.set_nonblocking(true)?;
        let mut arrived = Vec::new();
        let inherited = Inherited::of_this_process();
        for &signal in signals.iter().filter(|&&signal| !inherited.ignores(signal)) {
            let set = Arc::new(AtomicBool::new(false));
            // The flag first: whoever is woken finds it set.
            flag::register(signal, Arc::clone(&set))?;
            pipe::register(signal, write.try_clone()?)?;
            process::unblock(signal);
            arrived.push((signal, set));
        }
        Ok(Self { wake, arrived })
    }

    /// Readable when a signal arrived that was not taken.
    #[must_use]
    pub fn fd(&self) -> RawFd {
        self.wake.as_raw_fd()
    }

    /// The signals that arrived since the last call, each once.
    pub fn take(&self) -> Vec<i32> {
        let mut bytes = [0u8; 64];
        while matches!((&self.wake).read(&mut bytes), Ok(count) if count == bytes.len()) {}
        let taken = |(signal, set): &(i32, Arc<AtomicBool>)| {
            set.swap(false, Ordering::SeqCst).then_some(*signal)
        };
        self.arrived.iter().filter_map(taken).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use signal_hook::consts::{SIGUSR1, SIGUSR2};
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
}
