//! `tenure sim`: the simulator on this build, seed by seed.

use crate::cli::failure::{Failure, NO};
use crate::cli::output;
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use tenure::sim::{self, Failure as Violation, Report};

/// Run whole clusters with virtual time, network and disks, and check what they promise.
#[derive(Args, Debug)]
pub struct Options {
    /// Which seeds: A..B without B, or one
    #[arg(long, value_name = "A..B", default_value = "0..200", value_parser = parse_seeds)]
    seeds: Seeds,
    /// Print each event to stderr
    #[arg(long)]
    trace: bool,
}

/// A half-open range.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Seeds(Range<u64>);

/// Runs it.
pub fn run(options: &Options) -> Result<(), Failure> {
    let Seeds(seeds) = &options.seeds;
    let bar = progress(seeds.end - seeds.start);
    let results = Results::default();
    let next = AtomicU64::new(seeds.start);
    let worker = || {
        while let Some(seed) = claim(&next, seeds.end, &results) {
            results.add(sim::run_seed(seed, &sim::Options { trace: options.trace }));
            bar.inc(1);
        }
    };
    // A trace of two seeds at once could not be read.
    let threads = if options.trace { 1 } else { THREADS };
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(worker);
        }
    });
    bar.finish_and_clear();
    results.finish()
}

/// The next seed to run; none once there is a violation in a lower one.
fn claim(next: &AtomicU64, end: u64, results: &Results) -> Option<u64> {
    let seed = next.fetch_add(1, Ordering::Relaxed);
    (seed < end && results.first_violation().is_none_or(|violation| seed < violation))
        .then_some(seed)
}

/// Sums over all seeds that ran.
#[derive(Debug, Default)]
struct Results(Mutex<Sums>);

#[derive(Debug, Default)]
struct Sums {
    seeds: u64,
    simulated_nanos: u64,
    counts: BTreeMap<&'static str, u64>,
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
            }
            // Seeds end in any order; the lowest one is shown, so that the same build says the same.
            Err(violation) if sums.violation.as_ref().is_none_or(|v| violation.seed < v.seed) => {
                sums.violation = Some(violation);
            }
            Err(_) => {}
        }
    }

    fn first_violation(&self) -> Option<u64> {
        self.0.lock().expect("no seed panics while it adds").violation.as_ref().map(|v| v.seed)
    }

    fn finish(self) -> Result<(), Failure> {
        let sums = self.0.into_inner().expect("no seed panicked");
        output::print(&sums.to_text())?;
        match &sums.violation {
            None => Ok(()),
            Some(violation) => Err(Failure::new(
                NO,
                format!(
                    "{violation}; run `tenure sim --seeds {} --trace` to see how",
                    violation.seed
                ),
            )),
        }
    }
}

impl Sums {
    fn to_text(&self) -> String {
        let seconds = self.simulated_nanos / 1_000_000_000;
        let mut rows = vec![
            vec!["seeds".to_owned(), self.seeds.to_string()],
            vec!["simulated seconds".to_owned(), seconds.to_string()],
        ];
        rows.extend(self.counts.iter().map(|(name, n)| vec![(*name).to_owned(), n.to_string()]));
        output::table(&rows)
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

/// Seeds at once: they share nothing.
const THREADS: usize = 2;

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
        let failure = results.finish().unwrap_err();
        assert_eq!(failure.code, NO);
        assert!(failure.message.starts_with("seed 4: O5: overlap"), "{}", failure.message);
    }

    #[test]
    fn counts_are_sums() {
        let results = Results::default();
        let counts = BTreeMap::from([("grants", 2)]);
        let report = Report { simulated_nanos: 1_500_000_000, trace_hash: 0, counts };
        results.add(Ok(report.clone()));
        results.add(Ok(report));
        let text = results.0.into_inner().unwrap().to_text();
        assert_eq!(text, "seeds              2\nsimulated seconds  3\ngrants             4\n");
    }
}
