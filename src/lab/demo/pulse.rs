//! The measuring client: it acquires and releases a lock of its own in a loop.

use crate::cli::failure::Failure;
use crate::lab::bench::{Figures, until_next_grant};
use parking_lot::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tenure::client::{AcquireOptions, Client, Wait};

/// The times of its grants, and the figures of its cycles.
#[derive(Debug)]
pub struct Pulse {
    grants: Mutex<Vec<Instant>>,
    figures: Mutex<Figures>,
}

impl Pulse {
    /// Nothing measured yet.
    #[must_use]
    pub fn new() -> Self {
        Self { grants: Mutex::new(Vec::new()), figures: Mutex::new(Figures::new()) }
    }

    /// Acquires and releases until told to stop.
    pub fn beat(&self, client: &Client, stop: &AtomicBool) -> Result<(), Failure> {
        while !stop.load(Ordering::Relaxed) {
            let begun = Instant::now();
            let lease = client.acquire("pulse", PATIENCE, AcquireOptions::default())?;
            let granted = Instant::now();
            self.grants.lock().push(granted);
            lease.release(PATIENCE)?;
            self.figures.lock().record(begun, granted, Instant::now());
            std::thread::sleep(PAUSE);
        }
        Ok(())
    }

    /// The figures of all cycles so far.
    #[must_use]
    pub fn figures(&self) -> Figures {
        self.figures.lock().clone()
    }

    /// The time from `killed` to the next grant; `None` until two have come.
    #[must_use]
    pub fn next_grant_after(&self, killed: Instant) -> Option<Duration> {
        let grants = self.grants.lock();
        let mut after = grants.iter().filter(|at| **at > killed).map(|at| *at - killed);
        let (first, second) = (after.next()?, after.next()?);
        Some(until_next_grant(first, second))
    }
}

/// Long enough for any failover.
const PATIENCE: Wait = Wait::For(Duration::from_secs(30));
/// Between two cycles, so that the workers have the processors too.
const PAUSE: Duration = Duration::from_millis(2);
