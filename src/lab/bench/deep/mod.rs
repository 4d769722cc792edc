//! Many acquires of each client under way at once, each of a name of its own: a cycle is an acquire and a release that nobody
//! waits for.

mod costs;
mod processors;

use super::figures::Times;
use super::load::{BAR_STEP, Load};
use crate::cli::connect::Connection;
use crate::cli::failure::Failure;
use crate::cli::output;
use crate::lab::processes::Processes;
use costs::ProcessorCosts;
use indicatif::ProgressBar;
use processors::Processors;
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::sync::Barrier;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tenure::Status;
use tenure::client::{AcquireOptions, Client, Pending, Wait};

/// When a call leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flush {
    /// At once.
    Each,
    /// With those that the thread makes until it waits.
    Together,
}

/// A finished measurement.
#[derive(Debug)]
pub struct Deep {
    load: Load,
    depth: u64,
    cycles: u64,
    elapsed: Duration,
    /// From the call to the grant in the program's hands.
    grants: Times,
    /// What it cost the processors; of nodes only if they were started for it.
    costs: ProcessorCosts,
}

/// Measures clients of the library with `depth` acquires each under way, one thread for each.
pub fn measure(
    (load, depth, flush): (Load, u64, Flush),
    to: &Connection,
    processes: Option<&Processes>,
    bar: &ProgressBar,
) -> Result<Deep, Failure> {
    let clients = (0..load.clients)
        .map(|_| Ok(Client::open(&to.endpoints, to.options()?.ttl(load.ttl))?))
        .collect::<Result<Vec<_>, Failure>>()?;
    let threads = usize::try_from(load.clients + 1).expect("a number of threads");
    let run = Run {
        depth,
        flush,
        ops: load.ops,
        begun: AtomicU64::new(0),
        warm: Barrier::new(threads),
        ready: Barrier::new(threads),
        timeout: to.timeout,
        bar,
    };
    let (spent, elapsed, results) = std::thread::scope(|scope| {
        let start = |(place, client)| {
            let run = &run;
            scope.spawn(move || run.client(client, place))
        };
        let threads: Vec<_> = clients.iter().enumerate().map(start).collect();
        run.warm.wait();
        let before = Processors::read(processes);
        run.ready.wait();
        let begun = Instant::now();
        let join = |thread: std::thread::ScopedJoinHandle<'_, _>| {
            thread.join().expect("a measuring thread does not panic")
        };
        let results: Vec<Result<Times, Failure>> = threads.into_iter().map(join).collect();
        let elapsed = begun.elapsed();
        (
            before.and_then(|before| Ok(before.until(&Processors::read(processes)?))),
            elapsed,
            results,
        )
    });
    clients.iter().for_each(|client| to.close(client));
    let mut grants = Times::new();
    for result in results {
        grants.merge(&result?);
    }
    let cycles = grants.count();
    let costs = ProcessorCosts::of(&spent?, cycles, processes.and_then(|_| costs::leader(to)));
    Ok(Deep { load, depth, cycles, elapsed, grants, costs })
}

/// What the threads of one measurement share.
#[derive(Debug)]
struct Run<'a> {
    depth: u64,
    flush: Flush,
    ops: u64,
    begun: AtomicU64,
    /// All have made their first cycles.
    warm: Barrier,
    /// What was taken of the processors so far is known.
    ready: Barrier,
    timeout: Duration,
    bar: &'a ProgressBar,
}

impl Run<'_> {
    /// One client: warms up, waits for the others, then takes cycles until all are taken.
    fn client(&self, client: &Client, place: usize) -> Result<Times, Failure> {
        let name = |slot| format!("bench/{}/{place}/{slot}", std::process::id());
        let names: Vec<String> = (0..self.depth).map(name).collect();
        let mut left = WARM_UP * self.depth;
        let warmed = self.cycles(client, &names, || {
            left = left.saturating_sub(1);
            left > 0
        });
        // Also after a failure: the others wait for all.
        self.warm.wait();
        self.ready.wait();
        warmed?;
        self.cycles(client, &names, || self.begun.fetch_add(1, Ordering::Relaxed) < self.ops)
    }

    /// Keeps an acquire of each name under way while `one_more`, to the end of the last.
    fn cycles(
        &self,
        client: &Client,
        names: &[String],
        mut one_more: impl FnMut() -> bool,
    ) -> Result<Times, Failure> {
        // Each wait sends what has come together.
        let _corked = (self.flush == Flush::Together).then(|| client.cork());
        let mut grants = Times::new();
        let mut under_way = VecDeque::with_capacity(names.len());
        for name in names.iter().take_while(|_| one_more()) {
            under_way.push_back(UnderWay::begin(client, name)?);
        }
        while let Some(mut first) = under_way.pop_front() {
            // All that has come by now, in the order of the calls, which is that of the grants.
            let mut wait = Wait::For(self.timeout);
            loop {
                match first.pending.take(wait) {
                    Ok(lease) => {
                        grants.record(first.begun.elapsed());
                        lease.release(Wait::Try)?;
                    }
                    Err(error) if error.status == Status::Again && wait == Wait::Try => {
                        under_way.push_front(first);
                        break;
                    }
                    Err(error) if error.status == Status::Again => {
                        return Err(Failure::unavailable(client.why()));
                    }
                    Err(error) => return Err(error.into()),
                }
                if grants.count().is_multiple_of(BAR_STEP) {
                    self.bar.inc(BAR_STEP);
                }
                if one_more() {
                    under_way.push_back(UnderWay::begin(client, first.name)?);
                }
                wait = Wait::Try;
                let Some(next) = under_way.pop_front() else { break };
                first = next;
            }
        }
        Ok(grants)
    }
}

/// An acquire that is not decided, as far as was looked.
struct UnderWay<'a> {
    name: &'a str,
    begun: Instant,
    pending: Pending,
}

impl<'a> UnderWay<'a> {
    fn begin(client: &Client, name: &'a str) -> Result<Self, Failure> {
        let begun = Instant::now();
        let pending = client.acquire_start(name, Wait::Forever, AcquireOptions::default())?;
        Ok(Self { name, begun, pending })
    }
}

impl Deep {
    /// For people.
    pub fn to_text(&self) -> String {
        let Self { load, depth, cycles, .. } = self;
        let rate = self.cycles_per_second();
        let head = format!(
            "{cycles} cycles, clients at once: {}, acquires under way of each: {depth}, cycles per second: {rate:.0}\n",
            load.clients
        );
        let at = |quantile| format!("{:.1}", self.grants.micros(quantile));
        let times = output::table(&[
            ["", "p50 µs", "p99 µs", "p99.9 µs"].map(str::to_owned).to_vec(),
            vec!["grant".to_owned(), at(0.5), at(0.99), at(0.999)],
        ]);
        head + &times + &self.costs.to_text()
    }

    /// For machines.
    pub fn to_json(&self) -> String {
        let value: Value = json!({
            "clients": self.load.clients,
            "depth": self.depth,
            "ops": self.cycles,
            "cycles_per_second": (self.cycles_per_second() * 10.0).round() / 10.0,
            "grant_us": self.grants.to_value(),
            "cpu_us_per_cycle": self.costs.to_value(),
        });
        format!("{value}\n")
    }

    fn cycles_per_second(&self) -> f64 {
        self.cycles as f64 / self.elapsed.as_secs_f64()
    }
}

/// Cycles of each name before the measurement.
const WARM_UP: u64 = 8;
