//! Cleaning up after a command that a signal ends.

use crate::cli::failure::Failure;
use crate::cli::scratch::Scratch;
use crate::cli::signals::{ENDING, Signals};
use tenure::sys::poll::{self, Interest, Ready};
use tenure::sys::thread;

/// Removes `scratch` also when a signal ends this process.
///
/// # Errors
/// No thread, no descriptor.
pub fn remove_on_signal(scratch: &Scratch) -> Result<(), Failure> {
    let (signals, path) = (Signals::catch(ENDING)?, scratch.path().to_owned());
    let wait = move || {
        let mut set = [(signals.fd(), Interest::Read, Ready::default())];
        while signals.take().is_empty() && poll::wait(&mut set, None).is_ok() {}
        // Our nodes may write until the process exits; the rest is removed all the same.
        let _ = std::fs::remove_dir_all(&path);
        std::process::exit(SIGNALLED);
    };
    let spawned = thread::spawn("tenure-signals", wait);
    spawned.map(drop).map_err(|error| {
        Failure::unavailable(format!("cannot start a thread: {error}; raise `ulimit -u`"))
    })
}

/// The exit code: 128 + SIGTERM, whichever signal it was.
const SIGNALLED: i32 = 143;
