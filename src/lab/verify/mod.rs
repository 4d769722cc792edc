//! `tenure verify`: checks the logs of clients, observers and resources against Tenure's promises.

mod beliefs;
mod breaks;
mod delays;
mod grants;
mod handovers;
pub mod history;
pub mod line;
mod observers;
mod orders;
mod read;
mod rights;
mod starvation;
mod tokens;
mod validations;
mod violation;
mod writes;

use crate::cli::failure::{Failure, NO};
use crate::cli::output;
use breaks::Taken;
use clap::Args;
use grants::Grants;
use history::History;
use std::path::PathBuf;
use violation::Violations;

/// Check event logs of clients: no two beliefs at once, tokens rising, nobody starved.
///
/// A log has one JSON object per line; docs/developers/chaos.md has the format, which any language can write. The exit code is 0 if
/// all that was promised was kept, 1 if not (with the lines that show it), 2 if a line cannot be understood.
#[derive(Args, Debug)]
pub struct Options {
    /// Logs; those of one client in the order of time
    #[arg(value_name = "LOG", required = true)]
    logs: Vec<PathBuf>,
    /// How many grants may go to others while one waits and nothing is done to the cluster
    #[arg(long, value_name = "N", default_value_t = OVERTAKEN_MAX)]
    overtaken: u64,
}

pub fn run(options: &Options) -> Result<u8, Failure> {
    let verdict = judge(&options.logs, options.overtaken)?;
    output::conclude(&verdict.to_text())?;
    Ok(if verdict.is_kept() { 0 } else { NO })
}

/// Reads `logs` and checks them.
///
/// # Errors
/// A log cannot be read, or a line of it cannot be understood.
pub fn judge(logs: &[PathBuf], overtaken_max: u64) -> Result<Verdict, Failure> {
    let history = read::read(logs)?;
    let mut found = Violations::default();
    let (grants, taken) = (Grants::of(&history), Taken::of(&history));
    beliefs::check(&history, &taken, &mut found);
    tokens::check(&history, &mut found);
    writes::check(&history, &mut found);
    observers::check(&history, &grants, &mut found);
    validations::check(&history, &grants, &taken, &mut found);
    let uses = Uses {
        several: several(&history),
        delays: delays::check(&history, &grants, &taken, &mut found),
        handovers: handovers::check(&history, &grants, &mut found),
        breaks: breaks::check(&history, &grants, &mut found),
        rights: rights::check(&history, &mut found),
    };
    let overtaken = starvation::check(&history, overtaken_max, &mut found);
    Ok(Verdict { history, found, uses, overtaken })
}

/// When each grant of several names was logged, once for all its names.
fn several(history: &History) -> Vec<u64> {
    let firsts = history.beliefs.iter().scan(0, |left, belief| {
        let is_first = *left == 0;
        *left = if is_first { belief.names - 1 } else { *left - 1 };
        Some((is_first && belief.names > 1).then_some(belief.from))
    });
    firsts.flatten().collect()
}

/// The history, and its violations.
#[derive(Debug)]
pub struct Verdict {
    /// The history.
    pub history: History,
    /// Checked features that not every log has.
    pub uses: Uses,
    found: Violations,
    overtaken: u64,
}

/// Uses of features, by the clock of the logs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Uses {
    /// Grants of several names.
    pub several: Vec<u64>,
    /// Killed holders that left a lock delay, and were followed by another.
    pub delays: Vec<u64>,
    /// Handovers to a named waiter whose next grant is known.
    pub handovers: Vec<u64>,
    /// Breaks at once.
    pub breaks: Vec<u64>,
    /// Acquires that were denied, and grants that stayed when their right was taken away.
    pub rights: rights::Seen,
}

impl Verdict {
    /// Whether there are no violations.
    #[must_use]
    pub fn is_kept(&self) -> bool {
        self.found.are_none()
    }

    /// The violations, if any, and the counts of what was checked.
    #[must_use]
    pub fn to_text(&self) -> String {
        let head =
            if self.is_kept() { "OK: no violation.\n".to_owned() } else { self.found.to_text() };
        let rows: Vec<Vec<String>> = self
            .counts()
            .into_iter()
            .map(|(what, count)| vec![what.to_owned(), count.to_string()])
            .collect();
        format!("{head}{}{}", output::table(&rows), self.remarks())
    }

    fn counts(&self) -> Vec<(&'static str, u64)> {
        let history = &self.history;
        let count = |n: usize| n as u64;
        let accepted = history.writes.iter().filter(|write| write.accepted).count();
        let marks = history.marks.iter().filter(|mark| mark.turn == history::Turn::Healed);
        let all = [
            ("lines", history.lines),
            ("clients and observers", count(history.clients.count())),
            ("locks", count(history.locks.count())),
            ("grants", count(history.beliefs.len())),
            ("grants of several names", count(self.uses.several.len())),
            ("grants after a killed holder's lock delay", count(self.uses.delays.len())),
            ("handovers to a named waiter", count(self.uses.handovers.len())),
            ("breaks that took at once", count(self.uses.breaks.len())),
            ("acquires that were denied", count(self.uses.rights.denied.len())),
            ("grants that stayed without their right", count(self.uses.rights.stayed.len())),
            ("tokens validated", history.orders.validations),
            ("waits", count(history.waits.len())),
            ("most grants to others while one waited in calm", self.overtaken),
            ("writes accepted by token", count(accepted)),
            ("writes refused by token", count(history.writes.len() - accepted)),
            ("writes without tokens", history.unchecked),
            ("writes that those undid", history.unchecked_undid),
            ("holders seen by observers", count(history.sightings.len())),
            ("marks of healing", count(marks.count())),
            ("lines cut off at the end of a log", history.cut_lines),
        ];
        all.into_iter().filter(|(_, count)| *count > 0).collect()
    }

    /// Remarks on what could not be checked.
    fn remarks(&self) -> String {
        let mut text = String::new();
        if self.history.beliefs.is_empty() {
            text.push_str("There is no grant in these logs: nothing was proved of beliefs.\n");
        }
        if self.history.marks.is_empty() {
            text.push_str("There is no \"healed\" in these logs: starvation was not checked.\n");
        }
        let boots = self.history.boots.count();
        if boots > 1 {
            text.push_str(&format!(
                "These logs are of {boots} boots: stamps were compared within each, and between them tokens alone.\n"
            ));
        }
        text
    }
}

/// Nanoseconds of milliseconds.
fn nanos(ms: u32) -> u64 {
    u64::from(ms) * 1_000_000
}

/// The default of --overtaken: the queue is first come, first served, but a cut-off client is in it
/// only after it has reconnected.
const OVERTAKEN_MAX: u64 = 1000;
