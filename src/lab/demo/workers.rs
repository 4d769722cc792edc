//! Eight workers that want three locks, and the log of their beliefs.

use parking_lot::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tenure::Status;
use tenure::base::rng::Rng;
use tenure::client::{AcquireOptions, Client, Lease, Wait};
use tenure::sim::checkers::belief::Held;
use tenure::sys::clock;

/// The locks.
pub const LOCKS: [&str; 3] = ["orders", "mail", "report"];
/// The workers.
pub const WORKERS: [&str; 8] = ["A", "B", "C", "D", "E", "F", "G", "H"];

/// All beliefs in the order of their beginnings, stamped with CLOCK_BOOTTIME.
#[derive(Debug, Default)]
pub struct Beliefs(Mutex<Vec<Held>>);

/// One belief in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry(usize);

impl Beliefs {
    /// Logs that `client` holds `lease`, once the acquire has returned.
    pub fn begin(&self, client: &str, lease: &Lease) -> Entry {
        let from = clock::boot_nanos();
        self.add(Held {
            client: client.to_owned(),
            name: lease.name().to_owned(),
            token: lease.token().0,
            from,
            until: from,
        })
    }

    /// Adds a belief from another process's log.
    pub fn add(&self, held: Held) -> Entry {
        let mut all = self.0.lock();
        all.push(held);
        Entry(all.len() - 1)
    }

    /// Looks at `lease`, and logs it if it may still be believed in. The stamp is read before the
    /// lease: at that instant the belief surely stood.
    pub fn renew(&self, entry: Entry, lease: &Lease) -> Belief {
        let at = clock::boot_nanos();
        if lease.remaining().is_zero() {
            return Belief::Ended;
        }
        self.0.lock()[entry.0].until = at;
        Belief::Stands
    }

    /// All of them.
    #[must_use]
    pub fn all(&self) -> Vec<Held> {
        self.0.lock().clone()
    }
}

/// Whether a lease may be believed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Belief {
    Stands,
    Ended,
}

/// One worker: takes a lock at random, holds it for a while, lets it go, until told to stop.
pub fn work(worker: &str, client: &Client, beliefs: &Beliefs, stop: &AtomicBool, seed: u64) {
    let mut rng = Rng::new(seed);
    while !stop.load(Ordering::Relaxed) {
        let name = LOCKS[rng.below(LOCKS.len() as u64) as usize];
        match client.acquire(name, PATIENCE, AcquireOptions::default()) {
            Ok(lease) => {
                hold(&lease, worker, beliefs, rng.duration(HOLD.0, HOLD.1));
                if let Err(error) = lease.release(PATIENCE) {
                    log::debug!("worker {worker}: release of {name}: {error}");
                }
            }
            Err(error) if error.status == Status::Timeout => {}
            Err(error) => {
                log::debug!("worker {worker}: acquire of {name}: {error}");
                std::thread::sleep(PAUSE.1);
            }
        }
        std::thread::sleep(rng.duration(PAUSE.0, PAUSE.1));
    }
}

fn hold(lease: &Lease, worker: &str, beliefs: &Beliefs, long: Duration) {
    let entry = beliefs.begin(worker, lease);
    let end = Instant::now() + long;
    while beliefs.renew(entry, lease) == Belief::Stands {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return;
        }
        std::thread::sleep(left.min(LOOK_EVERY));
    }
}

/// How long a worker waits before it checks whether to stop.
const PATIENCE: Wait = Wait::For(Duration::from_millis(500));
const HOLD: (Duration, Duration) = (Duration::from_millis(120), Duration::from_millis(600));
const PAUSE: (Duration, Duration) = (Duration::from_millis(10), Duration::from_millis(80));
const LOOK_EVERY: Duration = Duration::from_millis(5);
