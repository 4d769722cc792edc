//! `tenure sim --planted`: bugs are planted in a copy of the sources, one at a time, and the simulator must
//! catch each with one of the checkers that its patch names; the code as it is must pass the same seeds.

mod patch;
mod workshop;

use crate::cli::failure::Failure;
use crate::cli::output;
use clap::Args;
use patch::Patch;
use std::ops::Range;
use std::time::{Duration, Instant};
use workshop::{Ended, Workshop};

/// Flags of `tenure sim` that are about planted bugs.
#[derive(Args, Debug)]
pub struct Planting {
    /// In a checkout: plant the bugs of tests/planted in a copy, one by one, and see which checker catches each
    #[arg(long, conflicts_with_all = ["trace", "twice", "speed", "without"])]
    planted: bool,
    /// Which of them: P05,P33
    #[arg(long, value_name = "LIST", requires = "planted", value_delimiter = ',')]
    only: Vec<String>,
}

impl Planting {
    /// Whether planted bugs are wanted.
    #[must_use]
    pub fn are_on(&self) -> bool {
        self.planted
    }
}

/// A violation that the simulator printed.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Found {
    seed: u64,
    checker: String,
    what: String,
}

/// The verdict on one row.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Verdict {
    Caught(Found),
    /// Caught, but by none of the checkers that the patch names.
    Unexpected(Found),
    Missed,
    /// The patch did not apply, build or run: why.
    Broken(String),
}

/// Runs all chosen patches.
///
/// # Errors
/// A bug was not caught as expected, or the unchanged code fails; all others were tried first.
pub fn run(options: &Planting, seeds: &Range<u64>, jobs: u8) -> Result<(), Failure> {
    let checkout = std::env::current_dir().map_err(|error| Failure::usage(error.to_string()))?;
    let workshop = Workshop::open(&checkout)?;
    let patches = choose(patch::read_all(&checkout.join("tests/planted")), &options.only)?;
    let mut bench = Bench { workshop, seeds: seeds.clone(), jobs, longest: CLEAN_SEEDS_MIN };
    output::print(&line(["row", "caught by", "seeds", "seconds", "change"]))?;
    bench.run_clean(seeds.start)?;
    let first = bench.longest;
    let mut failed = Vec::new();
    for patch in &patches {
        if !bench.run_row(patch)? {
            failed.push(patch.row.as_str());
        }
    }
    if bench.longest > first {
        bench.run_clean(seeds.start + first)?;
    }
    if failed.is_empty() {
        return output::conclude(&format!("{} bugs planted, all caught\n", patches.len()));
    }
    let text = format!("not as it should be: {}", failed.join(", "));
    Err(Failure::new(crate::cli::failure::NO, text))
}

/// The patches that were asked for.
fn choose(read: Result<Vec<Patch>, String>, only: &[String]) -> Result<Vec<Patch>, Failure> {
    let mut patches = read.map_err(Failure::usage)?;
    if let Some(row) = only.iter().find(|row| patches.iter().all(|patch| patch.row != **row)) {
        return Err(Failure::usage(format!("there is no patch for {row} in tests/planted")));
    }
    patches.retain(|patch| only.is_empty() || only.contains(&patch.row));
    Ok(patches)
}

#[derive(Debug)]
struct Bench {
    workshop: Workshop,
    seeds: Range<u64>,
    jobs: u8,
    /// How many seeds from the first the unchanged code must pass.
    longest: u64,
}

impl Bench {
    /// Runs the unchanged code, from the seed `from` on.
    fn run_clean(&mut self, from: u64) -> Result<(), Failure> {
        let began = Instant::now();
        let until = self.seeds.start.saturating_add(self.longest).min(self.seeds.end);
        let range = from..until;
        let found = self.build_and_simulate(&range, "clean");
        let found =
            found.map_err(|why| Failure::unavailable(format!("the code as it is: {why}")))?;
        if let Some(Found { seed, checker, what }) = found {
            let text = format!("the code as it is fails at seed {seed}: {checker}: {what}");
            return Err(Failure::new(crate::cli::failure::NO, text));
        }
        let seeds = (until - from).to_string();
        output::print(&line(["–", "nothing", &seeds, &seconds(began), "the code as it is"]))
    }

    /// Runs one bug, and prints its line of the table; says whether it was caught as expected.
    fn run_row(&mut self, patch: &Patch) -> Result<bool, Failure> {
        let began = Instant::now();
        let verdict = self.judge(patch);
        let all = (self.seeds.end - self.seeds.start).to_string();
        let (caught, seeds, remark) = match &verdict {
            Verdict::Caught(found) => (found.checker.clone(), self.count(found), None),
            Verdict::Unexpected(found) => {
                let Found { seed, checker, what } = found;
                let expected = patch.checkers.join(" or ");
                let remark = format!("seed {seed}: {checker}, not {expected}: {what}");
                (format!("{checker} (!)"), self.count(found), Some(remark))
            }
            Verdict::Missed => ("nobody (!)".to_owned(), all, None),
            Verdict::Broken(why) => ("broken (!)".to_owned(), "–".to_owned(), Some(why.clone())),
        };
        let change = format!("{} ({})", patch.change, patch.breaks);
        output::print(&line([&patch.row, &caught, &seeds, &seconds(began), &change]))?;
        if let Some(remark) = remark {
            output::print(&format!("     {}\n", remark.trim_end().replace('\n', "\n     ")))?;
        }
        if let Verdict::Caught(found) | Verdict::Unexpected(found) = &verdict {
            self.longest = self.longest.max(found.seed + 1 - self.seeds.start);
        }
        Ok(matches!(verdict, Verdict::Caught(_)))
    }

    fn judge(&self, patch: &Patch) -> Verdict {
        if let Err(why) = self.workshop.plant(patch) {
            return Verdict::Broken(format!("it no longer applies: {why}"));
        }
        let found = self.build_and_simulate(&self.seeds, &patch.row);
        if let Err(why) = self.workshop.mend(patch) {
            return Verdict::Broken(format!("it cannot be taken back: {why}"));
        }
        match found {
            Ok(Some(found)) if patch.checkers.contains(&found.checker) => Verdict::Caught(found),
            Ok(Some(found)) => Verdict::Unexpected(found),
            Ok(None) => Verdict::Missed,
            Err(why) => Verdict::Broken(why),
        }
    }

    /// Builds and simulates; gives the first violation, or an error if there was no verdict.
    fn build_and_simulate(&self, seeds: &Range<u64>, name: &str) -> Result<Option<Found>, String> {
        let built = self.workshop.build().map_err(|error| format!("cannot run cargo: {error}"))?;
        if !built.status.is_some_and(|status| status.success()) {
            return Err(format!("it does not build:\n{}", errors(&built.text)));
        }
        let ran = self.workshop.simulate(seeds, self.jobs, name);
        let Ended { status, text } = ran.map_err(|error| format!("cannot run it: {error}"))?;
        match (status, violation(&text)) {
            (Some(status), None) if status.success() => Ok(None),
            (Some(_), Some(found)) => Ok(Some(found)),
            (Some(status), None) => {
                let log = self.workshop.log(name);
                Err(format!("it ended with {status} and no violation: see {}", log.display()))
            }
            (None, _) => Err("it does not come to an end".to_owned()),
        }
    }

    /// The number of seeds until a violation.
    fn count(&self, found: &Found) -> String {
        (found.seed + 1 - self.seeds.start).to_string()
    }
}

/// The violation in the output of `tenure sim`: "…seed 17: O5: what (version …".
fn violation(text: &str) -> Option<Found> {
    let read = |line: &str| {
        let (seed, rest) = line.strip_prefix("tenure: seed ")?.split_once(": ")?;
        let (checker, what) = rest.split_once(": ")?;
        let what = what.rsplit_once(" (").map_or(what, |(what, _)| what);
        let (checker, what) = (checker.to_owned(), what.to_owned());
        Some(Found { seed: seed.parse().ok()?, checker, what })
    };
    text.lines().rev().find_map(read)
}

/// The compiler's errors, with a few lines each.
fn errors(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let from = lines.iter().position(|line| line.starts_with("error")).unwrap_or(0);
    lines[from..].iter().take(ERROR_LINES).copied().collect::<Vec<_>>().join("\n")
}

fn line([row, caught, seeds, seconds, change]: [&str; 5]) -> String {
    format!("{row:<5}{caught:<12}{seeds:>6}{seconds:>9}  {change}\n")
}

fn seconds(began: Instant) -> String {
    let elapsed: Duration = began.elapsed();
    elapsed.as_secs().to_string()
}

/// The unchanged code must pass at least so many seeds, even if each bug shows earlier.
const CLEAN_SEEDS_MIN: u64 = 1000;
/// Lines of output that are shown of a failed build.
const ERROR_LINES: usize = 12;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_violation_is_the_last_line_that_has_the_form_of_one() {
        let text =
            "seeds  5\nthread panicked at x:1\ntenure: seed 17: O5: a (b) c (version 0.1.0); see\n";
        let found = violation(text).unwrap();
        assert_eq!(
            (found.seed, found.checker.as_str(), found.what.as_str()),
            (17, "O5", "a (b) c")
        );
        assert_eq!(violation("tenure: cannot write to stdout: full"), None);
    }

    #[test]
    fn only_rows_that_there_are_can_be_asked_for() {
        let patch = |row: &str| {
            Patch::parse(&format!(
                "# {row} | a | breaks L1 | caught by O1\n+++ b/x\n@@ -1 +1 @@\n-a\n+b\n"
            ))
        };
        let both = || ["P01", "P02"].into_iter().map(patch).collect::<Result<Vec<_>, _>>();
        let rows = |only: &[&str]| {
            let only: Vec<String> = only.iter().map(ToString::to_string).collect();
            let chosen = choose(both(), &only).ok()?;
            Some(chosen.into_iter().map(|patch| patch.row).collect::<Vec<_>>())
        };
        assert_eq!(rows(&[]).unwrap(), ["P01", "P02"]);
        assert_eq!(rows(&["P02"]).unwrap(), ["P02"]);
        assert_eq!(rows(&["P03"]), None);
    }
}
