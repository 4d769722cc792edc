//! `tenure sim`: the simulator on this build, seed by seed.

use crate::cli::failure::{Failure, NO};
use crate::cli::output;
use crate::lab::planted;
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tenure::sim::marks::Marks;
use tenure::sim::{self, Failure as Violation, Report, Trim};

/// Run whole clusters with virtual time, network and disks, and check what they promise.
#[derive(Args, Debug)]
pub struct Options {
    /// Which seeds: A..B without B, or one
    #[arg(long, alias = "seed", value_name = "A..B", default_value = "0..200", value_parser = parse_seeds)]
    #[arg(default_value_if("planted", "true", "0..10000"))]
    seeds: Seeds,
    /// Print each event to stderr
    #[arg(long)]
    trace: bool,
    /// Run each seed twice, and compare the hashes over all events
    #[arg(long)]
    twice: bool,
    /// How many seeds at once
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=64))]
    jobs: u8,
    /// What to leave out, as a failure prints it: "Kill,17,clients=2"
    #[arg(long, value_name = "LIST", default_value = "")]
    without: Trim,
    /// Print a failing seed as it is, and do not cut it down
    #[arg(long)]
    uncut: bool,
    #[command(flatten)]
    planted: planted::Planting,
    /// Planned work instead of faults: nodes are restarted in turn, and no client may notice more than a handover
    #[arg(long, conflicts_with_all = ["without", "planted"])]
    rolling: bool,
    /// Measure: a cluster of three with twenty clients for so many simulated seconds, and no fault
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, default_missing_value = "1000", conflicts_with_all = ["seeds", "trace", "twice"])]
    speed: Option<u64>,
}

/// A half-open range.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Seeds(Range<u64>);

pub fn run(options: &Options) -> Result<(), Failure> {
    match options.speed {
        _ if options.planted.are_on() => {
            planted::run(&options.planted, &options.seeds.0, options.jobs)
        }
        Some(seconds) => measure(seconds),
        None => run_seeds(options),
    }
}

fn run_seeds(options: &Options) -> Result<(), Failure> {
    if !options.trace {
        // Nodes log the faults that the simulator injects.
        log::set_max_level(log::LevelFilter::Off);
    }
    let Seeds(seeds) = &options.seeds;
    let bar = progress(seeds.end - seeds.start);
    let results = Results::default();
    let next = AtomicU64::new(seeds.start);
    let one = sim::Options { trace: options.trace, trim: options.without.clone() };
    let worker = || {
        while let Some(seed) = claim(&next, seeds.end, &results) {
            results.add(run_one(seed, &one, options));
            bar.inc(1);
        }
    };
    // The traces of two seeds at once would be unreadable.
    let threads = if options.trace { 1 } else { options.jobs };
    let began = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(worker);
        }
    });
    bar.finish_and_clear();
    results.finish(&Effort {
        wall: began.elapsed(),
        threads,
        whole: options.without == Trim::default() && !options.uncut && !options.rolling,
        rolling: options.rolling,
    })
}

/// Runs one seed, once or twice.
fn run_one(seed: u64, one: &sim::Options, options: &Options) -> Result<Report, Violation> {
    let run = if options.rolling { sim::run_rolling } else { sim::run_seed };
    let report = run(seed, one)?;
    if !options.twice {
        return Ok(report);
    }
    let again = run(seed, one)?;
    if again == report {
        return Ok(report);
    }
    let what =
        format!("two runs differ: hashes {:x} and {:x}", report.trace_hash, again.trace_hash);
    Err(Violation { seed, checker: "determinism", what })
}

/// Measures how much faster than real time a cluster without faults runs, on one core.
fn measure(seconds: u64) -> Result<(), Failure> {
    let (began, began_on_core) = (Instant::now(), time_on_core());
    let report = sim::run_plain(seconds).map_err(|found| Failure::new(NO, found.to_string()))?;
    let wall = began.elapsed();
    let on_core = time_on_core().zip(began_on_core).map_or(wall, |(now, then)| now - then);
    let rate = report.simulated_nanos as f64 / on_core.as_nanos() as f64;
    let mut rows = vec![
        vec!["times real time, one core".to_owned(), format!("{rate:.0}")],
        vec!["simulated seconds".to_owned(), (report.simulated_nanos / 1_000_000_000).to_string()],
        vec!["seconds on the core".to_owned(), format!("{:.2}", on_core.as_secs_f64())],
        vec!["wall seconds".to_owned(), format!("{:.2}", wall.as_secs_f64())],
    ];
    rows.extend(report.counts.iter().map(|(name, n)| vec![(*name).to_owned(), n.to_string()]));
    output::conclude(&output::table(&rows))
}

/// The processor time of this thread, if the kernel tells it: other load on the machine does not
/// count.
fn time_on_core() -> Option<Duration> {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    told.split(' ').next()?.parse().ok().map(Duration::from_nanos)
}

/// The next seed to run; `None` once a lower seed has a violation.
fn claim(next: &AtomicU64, end: u64, results: &Results) -> Option<u64> {
    let seed = next.fetch_add(1, Ordering::Relaxed);
    (seed < end && results.first_violation().is_none_or(|violation| seed < violation))
        .then_some(seed)
}

/// The cost of a run.
#[derive(Clone, Copy, Debug)]
struct Effort {
    wall: Duration,
    threads: u8,
    /// The schedule is whole: a failure is worth cutting down.
    whole: bool,
    rolling: bool,
}

/// Sums over all seeds that ran.
#[derive(Debug, Default)]
struct Results(Mutex<Sums>);

#[derive(Debug, Default)]
struct Sums {
    seeds: u64,
    simulated_nanos: u64,
    counts: BTreeMap<&'static str, u64>,
    marks: Marks,
    violation: Option<Violation>,
}

impl Results {
    fn add(&self, result: Result<Report, Violation>) {
        let mut sums = self.0.lock().expect("no seed panics while it adds");
        sums.seeds += 1;
        match result {
            Ok(report) => {
                sums.simulated_nanos += report.simulated_nanos;
                for (name, count) in report.counts {
                    *sums.counts.entry(name).or_default() += count;
                }
                sums.marks.merge(&report.marks);
            }
            // Seeds end in any order; the lowest is shown, so that a build always reports the same.
            Err(violation) if sums.violation.as_ref().is_none_or(|v| violation.seed < v.seed) => {
                sums.violation = Some(violation);
            }
            Err(_) => {}
        }
    }

    fn first_violation(&self) -> Option<u64> {
        self.0.lock().expect("no seed panics while it adds").violation.as_ref().map(|v| v.seed)
    }

    fn finish(self, effort: &Effort) -> Result<(), Failure> {
        let sums = self.0.into_inner().expect("no seed panicked");
        output::conclude(&sums.to_text(effort))?;
        let Some(violation) = &sums.violation else { return Ok(()) };
        if effort.whole && violation.checker != "determinism" {
            output::conclude(&cut_down(violation))?;
        }
        let seed = violation.seed;
        let rolling = if effort.rolling { " --rolling" } else { "" };
        let how = "shows how";
        Err(Failure::new(
            NO,
            format!("{violation} ({}); `tenure sim{rolling} --seed {seed} --trace` {how}", build()),
        ))
    }
}

/// Shrinks a failing seed's schedule to the parts that the failure needs.
fn cut_down(violation: &Violation) -> String {
    // Silent: each try that panics would print.
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let shrunk = sim::shrink(violation, SHRINK_RUNS_MAX);
    std::panic::set_hook(hook);
    let injections: Vec<String> =
        shrunk.schedule.iter().map(|injection| format!("  {injection}\n")).collect();
    format!(
        "\ncut down in {} runs to {} clients, {:?} and {} injections:\n{}{}: {}\nreplay it with: tenure sim --seed {} --without '{}' --trace\n\n",
        shrunk.runs,
        shrunk.clients,
        shrunk.classes,
        shrunk.schedule.len(),
        injections.concat(),
        shrunk.failure.checker,
        shrunk.failure.what,
        violation.seed,
        shrunk.trim,
    )
}

/// The version and build that ran.
fn build() -> String {
    match option_env!("TENURE_COMMIT") {
        Some(commit) => format!("commit {commit}"),
        None => format!("version {}", env!("CARGO_PKG_VERSION")),
    }
}

impl Sums {
    fn to_text(&self, effort: &Effort) -> String {
        let seconds = self.simulated_nanos / 1_000_000_000;
        let spent = effort.wall.as_secs_f64() * f64::from(effort.threads);
        let rate = self.simulated_nanos as f64 / 1e9 / spent.max(1e-9);
        let mut rows = vec![
            vec!["seeds".to_owned(), self.seeds.to_string()],
            vec!["simulated seconds".to_owned(), seconds.to_string()],
            vec!["simulated seconds per second and core".to_owned(), format!("{rate:.0}")],
        ];
        rows.extend(self.counts.iter().map(|(name, n)| vec![(*name).to_owned(), n.to_string()]));
        let marks = self.marks.iter().filter(|(_, n)| *n > 0);
        let marks = marks.map(|(name, n)| vec![name.to_owned(), n.to_string()]).collect::<Vec<_>>();
        let reached = marks.len();
        let missed: Vec<&str> =
            self.marks.iter().filter(|(_, n)| *n == 0).map(|(name, _)| name).collect();
        let all = reached + missed.len();
        let mut text = output::table(&rows);
        text +=
            &format!("\n{reached} of {all} rare paths were reached:\n{}", output::table(&marks));
        if !missed.is_empty() && self.seeds >= SEEDS_FOR_MARKS {
            text += &format!("\nnever reached:\n  {}\n", missed.join("\n  "));
        }
        text + &self.injected(rate)
    }

    /// The injected faults, in few lines.
    fn injected(&self, rate: f64) -> String {
        let count = |name: &&str| self.counts.get(name).copied().unwrap_or_default();
        let mut rows: Vec<Vec<String>> = INJECTED
            .iter()
            .map(|(what, names)| (*what, names.iter().map(count).sum::<u64>()))
            .map(|(what, sum)| vec![what.to_owned(), sum.to_string()])
            .collect();
        rows.push(vec!["simulated seconds per second".to_owned(), format!("{rate:.0}")]);
        format!("\ninjected and checked:\n{}", output::table(&rows))
    }
}

fn parse_seeds(text: &str) -> Result<Seeds, String> {
    let number = |part: &str| {
        part.parse::<u64>().map_err(|_| format!("\"{part}\" is no seed; write 0..200, or 17"))
    };
    let range = match text.split_once("..") {
        Some((start, end)) => number(start)?..number(end)?,
        None => {
            let seed = number(text)?;
            seed..seed.checked_add(1).ok_or("this seed is too large")?
        }
    };
    if range.is_empty() {
        return Err(format!("{text} holds no seed; the end must be larger than the start"));
    }
    Ok(Seeds(range))
}

/// A bar where stderr is a terminal, else nothing.
#[must_use]
pub fn progress(length: u64) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{wide_bar} {pos}/{len} {eta} left");
    ProgressBar::new(length).with_style(style.expect("the template is right"))
}

/// The sums at the end, each with its counts.
const INJECTED: &[(&str, &[&str])] = &[
    ("leader changes", &["leader changes"]),
    ("crashes", &["kills", "power cuts"]),
    (
        "cuts",
        &[
            "cuts",
            "one-way cuts",
            "flapping links",
            "leaders left alone",
            "client cuts",
            "fading links",
        ],
    ),
    (
        "disk faults",
        &["disk stalls", "disks that fill up", "nodes ended by their disks", "rotten records"],
    ),
    ("pauses past expiry", &["client pauses past expiry", "node pauses past expiry"]),
    ("transfers", &["transfers"]),
    ("membership changes", &["membership changes"]),
    ("snapshot installs", &["snapshot installs"]),
    ("restores", &["restores"]),
    ("operations checked", &["answers checked", "operations returned"]),
];

/// Fewer seeds need not reach every mark.
const SEEDS_FOR_MARKS: u64 = 20;
/// The most runs to shrink a failure: some seconds.
const SHRINK_RUNS_MAX: u32 = 400;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_are_a_range_or_one() {
        assert_eq!(parse_seeds("3..7"), Ok(Seeds(3..7)));
        assert_eq!(parse_seeds("5"), Ok(Seeds(5..6)));
        for text in ["", "a", "7..3", "3..3", "1..b", "18446744073709551615"] {
            assert!(parse_seeds(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_lowest_violating_seed_is_reported_whatever_the_order() {
        let results = Results::default();
        for seed in [9, 4, 6] {
            results.add(Err(Violation { seed, checker: "O5", what: "overlap".into() }));
        }
        assert_eq!(results.first_violation(), Some(4));
        let effort =
            Effort { wall: Duration::from_secs(1), threads: 1, whole: false, rolling: false };
        let failure = results.finish(&effort).unwrap_err();
        assert_eq!(failure.code, NO);
        assert!(failure.message.starts_with("seed 4: O5: overlap"), "{}", failure.message);
    }

    #[test]
    fn counts_are_sums() {
        let results = Results::default();
        let counts = BTreeMap::from([("grants", 2)]);
        let report = Report { simulated_nanos: 1_500_000_000, counts, ..Report::default() };
        results.add(Ok(report.clone()));
        results.add(Ok(report));
        let effort =
            Effort { wall: Duration::from_secs(1), threads: 1, whole: true, rolling: false };
        let text = results.0.into_inner().unwrap().to_text(&effort);
        let lines: Vec<&str> = text.lines().take(4).collect();
        assert_eq!(
            lines,
            [
                "seeds                                  2",
                "simulated seconds                      3",
                "simulated seconds per second and core  3",
                "grants                                 4",
            ]
        );
    }
}
