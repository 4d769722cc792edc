//! The probe: one more client that takes and releases a lock of its own, with pauses, and so feels
//! what others feel.

use crate::cli::connect::Connection;
use crate::cli::failure::Failure;
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tenure::client::{AcquireOptions, Client, Wait};
use tenure::sys::thread;

/// The probe, on a thread of its own that a drop ends.
#[derive(Debug)]
pub struct Probe {
    felt: Arc<Mutex<Vec<Felt>>>,
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// One cycle of the probe.
#[derive(Clone, Copy, Debug)]
struct Felt {
    begun: Instant,
    took: Duration,
    is_failed: bool,
}

/// The cycles within a span of time.
#[derive(Clone, Copy, Debug, Default)]
pub struct Summary {
    pub cycles: u64,
    pub failed: u64,
    pub p50: Duration,
    pub p99: Duration,
    pub max: Duration,
}

impl Probe {
    pub fn start(to: &Connection) -> Result<Self, Failure> {
        let client = to.open()?;
        let (felt, is_over) = (Arc::default(), Arc::new(AtomicBool::new(false)));
        let run = {
            let (felt, is_over) = (Arc::clone(&felt), Arc::clone(&is_over));
            move || run(&client, &felt, &is_over)
        };
        let thread = thread::spawn("tenure-probe", run).map_err(|error| {
            Failure::unavailable(format!("cannot start a thread: {error}; raise `ulimit -u`"))
        })?;
        Ok(Self { felt, is_over, thread: Some(thread) })
    }

    /// The cycles that ended after `since`, and the present one.
    pub fn since(&self, since: Instant) -> Summary {
        // A cycle under way at `since` counts.
        let is_of = |felt: &&Felt| felt.begun + felt.took >= since;
        let felt: Vec<Felt> = self.felt.lock().iter().filter(is_of).copied().collect();
        let mut times: Vec<Duration> = felt.iter().map(|felt| felt.took).collect();
        times.sort_unstable();
        let at = |percent: usize| {
            times.get((times.len() * percent / 100).min(times.len().saturating_sub(1)))
        };
        let at = |percent| at(percent).copied().unwrap_or_default();
        let failed = felt.iter().filter(|felt| felt.is_failed).count() as u64;
        Summary { cycles: felt.len() as u64, failed, p50: at(50), p99: at(99), max: at(100) }
    }

    /// Waits for the end of a cycle that begins after this call: all cycles until now are recorded
    /// then.
    pub fn wait_for_next(&self) {
        let now = Instant::now();
        while !self.felt.lock().iter().rev().any(|felt| felt.begun >= now) {
            if self.thread.as_ref().is_none_or(JoinHandle::is_finished) {
                return;
            }
            std::thread::sleep(PAUSE);
        }
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // Its panic was told already.
            let _ = thread.join();
        }
    }
}

fn run(client: &Client, felt: &Mutex<Vec<Felt>>, is_over: &AtomicBool) {
    while !is_over.load(Ordering::Relaxed) {
        let begun = Instant::now();
        let cycle = client
            .acquire(NAME, WAIT, AcquireOptions::default())
            .and_then(|lease| lease.release(WAIT));
        let (took, is_failed) = (begun.elapsed(), cycle.is_err());
        felt.lock().push(Felt { begun, took, is_failed });
        std::thread::sleep(PAUSE);
    }
    // If this fails, the session ends by its TTL.
    let _ = client.close(WAIT);
}

const NAME: &str = "cruel/probe";
const WAIT: Wait = Wait::For(Duration::from_secs(30));
/// A light load, yet often enough to meet each long turn.
const PAUSE: Duration = Duration::from_millis(5);
