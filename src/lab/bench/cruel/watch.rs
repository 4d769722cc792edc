//! The watch: asks all nodes for their status in turn, on a thread of its own, while acts go on.

use crate::cli::connect::Connection;
use crate::cli::failure::Failure;
use crate::lab::bench::readings::Reading;
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tenure::sys::thread;

/// The readings so far. A drop ends the watch.
#[derive(Debug)]
pub struct Watch {
    to: Connection,
    readings: Arc<Mutex<Vec<Reading>>>,
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Watch {
    pub fn start(to: &Connection) -> Result<Self, Failure> {
        let (readings, is_over) = (Arc::default(), Arc::new(AtomicBool::new(false)));
        let run = {
            let (to, readings) = (to.clone(), Arc::clone(&readings));
            let is_over = Arc::clone(&is_over);
            move || run(&to, &readings, &is_over)
        };
        let thread = thread::spawn("tenure-watch", run).map_err(|error| {
            Failure::unavailable(format!("cannot start a thread: {error}; raise `ulimit -u`"))
        })?;
        Ok(Self { to: to.clone(), readings, is_over, thread: Some(thread) })
    }

    /// Takes one more reading now.
    pub fn now(&self) -> Reading {
        Reading::take(&self.to)
    }

    /// The readings after `since`, and one more.
    pub fn since(&self, since: Instant) -> Vec<Reading> {
        let last = self.now();
        let readings = self.readings.lock();
        let known = readings.iter().filter(|reading| reading.at > since).cloned();
        known.chain([last]).collect()
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // Its panic was told already.
            let _ = thread.join();
        }
    }
}

fn run(to: &Connection, readings: &Mutex<Vec<Reading>>, is_over: &AtomicBool) {
    while !is_over.load(Ordering::Relaxed) {
        let reading = Reading::take(to);
        readings.lock().push(reading);
        std::thread::sleep(EVERY);
    }
}

/// Nodes tell the longest time of a minute: twice a second misses none, and is no load.
const EVERY: Duration = Duration::from_millis(500);
