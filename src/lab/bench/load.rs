//! Threads that acquire and release through the library, each its own lock, as fast as answers
//! come.

use super::figures::{Figures, Measured};
use crate::cli::connect::Connection;
use crate::cli::failure::Failure;
use indicatif::ProgressBar;
use std::sync::Barrier;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tenure::client::{AcquireOptions, Client, Wait};

/// A load to measure.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    /// Threads.
    pub clients: u64,
    /// Clients of the library that the threads share; at most `clients`.
    pub connections: u64,
    /// Cycles of all threads together.
    pub ops: u64,
    /// The TTL of each client's session.
    pub ttl: Duration,
}

pub fn measure(load: &Load, to: &Connection, bar: &ProgressBar) -> Result<Measured, Failure> {
    let connections = open_all(load, to)?;
    let run = Run {
        started: AtomicU64::new(0),
        ops: load.ops,
        ready: Barrier::new(usize::try_from(load.clients + 1).expect("a number of threads")),
        bar,
    };
    let (elapsed, results) = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..load.clients)
            .map(|client| {
                let connection = &connections[(client % load.connections) as usize];
                let (run, name) = (&run, format!("bench/{}/{client}", std::process::id()));
                scope.spawn(move || run.client(connection, &name))
            })
            .collect();
        run.ready.wait();
        let begun = Instant::now();
        let join = |thread: std::thread::ScopedJoinHandle<'_, _>| {
            thread.join().expect("a measuring thread does not panic")
        };
        let results: Vec<Result<Figures, Failure>> = threads.into_iter().map(join).collect();
        (begun.elapsed(), results)
    });
    connections.iter().for_each(|client| to.close(client));
    let mut figures = Figures::new();
    for result in results {
        figures.merge(&result?);
    }
    Ok(Measured { clients: load.clients, figures, elapsed, losses: None, costs: None })
}

fn open_all(load: &Load, to: &Connection) -> Result<Vec<Client>, Failure> {
    let open = |_| Ok(Client::open(&to.endpoints, to.options()?.ttl(load.ttl))?);
    (0..load.connections).map(open).collect()
}

/// State shared by the threads of one measurement.
#[derive(Debug)]
struct Run<'a> {
    started: AtomicU64,
    ops: u64,
    ready: Barrier,
    bar: &'a ProgressBar,
}

impl Run<'_> {
    /// One client: warms up, waits for the others, then takes cycles until all are taken.
    fn client(&self, client: &Client, name: &str) -> Result<Figures, Failure> {
        let mut warm = Figures::new();
        let warmed = (0..WARM_UP).try_for_each(|_| cycle(client, name, &mut warm));
        // Also after a failure, since the others wait for all.
        self.ready.wait();
        warmed?;
        let mut figures = Figures::new();
        while self.started.fetch_add(1, Ordering::Relaxed) < self.ops {
            cycle(client, name, &mut figures)?;
            if figures.count().is_multiple_of(BAR_STEP) {
                self.bar.inc(BAR_STEP);
            }
        }
        Ok(figures)
    }
}

/// Acquires and releases `name` once.
pub fn cycle(client: &Client, name: &str, figures: &mut Figures) -> Result<(), Failure> {
    let begun = Instant::now();
    let lease = client.acquire(name, Wait::Forever, AcquireOptions::default())?;
    let granted = Instant::now();
    lease.release(Wait::Forever)?;
    figures.record(begun, granted, Instant::now());
    Ok(())
}

/// Cycles before the measurement: connections, caches and branch predictors are then as they stay.
pub const WARM_UP: u32 = 50;
/// Cycles between updates of the progress bar, which must not disturb the measurement.
pub const BAR_STEP: u64 = 32;
