//! One seed, from start to verdict.

use crate::base::rng::Rng;
use crate::sim::checkers::Violation;
use crate::sim::marks::Marks;
use crate::sim::operators::sleeper::Meanwhile;
use crate::sim::plan::Plan;
use crate::sim::plan::schedule::Trim;
use crate::sim::trace::{Lines, Trace};
use crate::sim::world::{Phase, World};
use std::any::Any;
use std::collections::BTreeMap;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Options of a run.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Print each event to stderr as it happens.
    pub trace: bool,
    /// Parts of the seed's schedule to leave out.
    pub trim: Trim,
}

impl Options {
    fn lines(&self) -> Lines {
        if self.trace { Lines::Printed } else { Lines::Dropped }
    }
}

/// Result of a run; `tenure sim` prints sums over seeds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Length of the run, in simulated nanoseconds.
    pub simulated_nanos: u64,
    /// A hash over all events: equal for equal seeds and builds.
    pub trace_hash: u64,
    /// Named counts ("leader changes", "kills", "cuts", …), in byte order.
    pub counts: BTreeMap<&'static str, u64>,
    /// Rare paths that were reached.
    pub marks: Marks,
}

impl Report {
    /// Adds another seed's report: times and counts add up, hashes are mixed in order.
    pub fn add(&mut self, other: &Self) {
        self.simulated_nanos += other.simulated_nanos;
        self.trace_hash = self.trace_hash.rotate_left(1) ^ other.trace_hash;
        for (what, count) in &other.counts {
            *self.counts.entry(what).or_default() += count;
        }
        self.marks.merge(&other.marks);
    }
}

/// A checker that found a violation.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("seed {seed}: {checker}: {what}")]
pub struct Failure {
    /// The seed that failed.
    pub seed: u64,
    /// Name of the checker, as "O5".
    pub checker: &'static str,
    /// The violation, with its values.
    pub what: String,
}

/// Runs one seed.
///
/// ```
/// let report = tenure::sim::run_seed(7, &tenure::sim::Options::default()).unwrap();
/// assert!(report.simulated_nanos > 0);
/// ```
///
/// # Errors
/// The first violation.
pub fn run_seed(seed: u64, options: &Options) -> Result<Report, Failure> {
    judge(seed, || {
        let (plan, rng) = Plan::of_seed(seed, &options.trim);
        run(World::new(plan, rng, Trace::new(options.lines())))
    })
}

/// Runs `seconds` simulated seconds without any fault, for measuring: three nodes, twenty clients, each of
/// which holds a lock and gives it back once in a second.
///
/// # Errors
/// The first violation.
pub fn run_plain(seconds: u64) -> Result<Report, Failure> {
    let world = || World::new(Plan::plain(seconds), Rng::new(0), Trace::new(Lines::Dropped));
    judge(0, || run(world()))
}

/// Runs the planned work of `seed`: nodes that are restarted in turn, as operators do it, and no fault.
/// Of the options it looks at `trace` alone.
///
/// # Errors
/// The first violation.
pub fn run_rolling(seed: u64, options: &Options) -> Result<Report, Failure> {
    judge(seed, || {
        let mut rng = Rng::new(seed);
        let plan = Plan::rolling(&mut rng);
        run(World::new(plan, rng, Trace::new(options.lines())))
    })
}

/// Runs the seed of a member that is off, and comes back when its vote is needed: meanwhile all others are replaced, or a
/// fourth voter comes where `seed` is odd. Of the options it looks at `trace` alone.
///
/// # Errors
/// The first violation.
pub fn run_sleeping(seed: u64, options: &Options) -> Result<Report, Failure> {
    judge(seed, || {
        let mut rng = Rng::new(seed);
        let all = seed.is_multiple_of(2);
        let change = if all { Meanwhile::AllReplaced } else { Meanwhile::OneComes };
        let plan = Plan::sleeping(change, &mut rng);
        run(World::new(plan, rng, Trace::new(options.lines())))
    })
}

fn judge(seed: u64, run: impl FnOnce() -> Result<Report, Violation>) -> Result<Report, Failure> {
    let ran = catch_unwind(AssertUnwindSafe(run));
    let violation = match ran {
        Ok(Ok(report)) => return Ok(report),
        Ok(Err(violation)) => violation,
        Err(panic) => Violation::new("O16", words_of(panic.as_ref())),
    };
    let Violation { checker, what } = violation;
    Err(Failure { seed, checker, what })
}

/// Runs seeds in order and sums their reports; `on_progress` hears of each.
///
/// # Errors
/// The first failing seed.
pub fn run_seeds(
    seeds: Range<u64>,
    options: &Options,
    mut on_progress: impl FnMut(u64, &Report),
) -> Result<Report, Failure> {
    let mut sum = Report::default();
    for seed in seeds {
        let report = run_seed(seed, options)?;
        on_progress(seed, &report);
        sum.add(&report);
    }
    Ok(sum)
}

fn run(mut world: World) -> Result<Report, Violation> {
    let mut events = 0u64;
    while world.phase() != Phase::Over {
        world.step()?;
        events += 1;
        if events > EVENTS_MAX + world.now / NANOS_PER_EVENT {
            let what =
                format!("{events} events by {} ns: somebody spins; {:?}", world.now, world.trace);
            return Err(Violation::new("O15", what));
        }
    }
    world.finish()
}

/// The words of a panic.
fn words_of(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(ToString::to_string);
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
    format!("a panic: {}", text.unwrap_or_else(|| "without words".into()))
}

/// Far above what any run needs: two million, and one for each 10 µs.
const EVENTS_MAX: u64 = 2_000_000;
const NANOS_PER_EVENT: u64 = 10_000;
