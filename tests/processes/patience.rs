//! Waiting for what must happen, long enough for the slowest machine, and never for ever.

use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

/// No test passes or fails by this bound but one that hangs.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Asks again and again until there is an answer. What is asked should itself take a round trip, so that
/// the wait costs little.
#[track_caller]
pub fn until<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < deadline, "{what}: not within {PATIENCE:?}");
        std::thread::yield_now();
    }
}

/// The next of `events`.
#[track_caller]
pub fn next<T>(what: &str, events: &Receiver<T>) -> T {
    match events.recv_timeout(PATIENCE) {
        Ok(event) => event,
        Err(RecvTimeoutError::Timeout) => panic!("{what}: not within {PATIENCE:?}"),
        Err(RecvTimeoutError::Disconnected) => panic!("{what}: whoever should say so has ended"),
    }
}
