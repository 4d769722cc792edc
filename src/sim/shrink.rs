//! A failing seed's schedule, cut down while the same checker still fails.
//!
//! First whole classes of faults go, then all that strikes late, then single injections in ever smaller
//! groups (Zeller and Hildebrandt, 2002), then clients. Each try is a whole run, so their number is bounded.

use crate::sim::plan::Plan;
use crate::sim::plan::fault::Fault;
use crate::sim::plan::schedule::{Injection, Trim};
use crate::sim::run::{Failure, Options, run_seed};

/// The smallest failing run that was found.
#[derive(Clone, Debug)]
pub struct Shrunk {
    /// How it fails now.
    pub failure: Failure,
    /// Parts of the schedule that it leaves out.
    pub trim: Trim,
    /// The classes of faults that are left.
    pub classes: Vec<Fault>,
    /// The injections that are left.
    pub schedule: Vec<Injection>,
    /// How many clients are left.
    pub clients: usize,
    /// How many runs it took.
    pub runs: u32,
}

/// Cuts the schedule of `failure` down, in at most `runs_max` runs.
#[must_use]
pub fn shrink(failure: &Failure, runs_max: u32) -> Shrunk {
    let mut search = Search { best: failure.clone(), trim: Trim::default(), runs: 0, runs_max };
    search.drop_classes();
    search.end_early();
    search.drop_injections();
    search.drop_clients();
    let plan = search.plan();
    Shrunk {
        failure: search.best,
        trim: search.trim,
        classes: plan.classes,
        schedule: plan.schedule,
        clients: plan.clients,
        runs: search.runs,
    }
}

struct Search {
    best: Failure,
    trim: Trim,
    runs: u32,
    runs_max: u32,
}

impl Search {
    fn plan(&self) -> Plan {
        Plan::of_seed(self.best.seed, &self.trim).0
    }

    /// Keeps `trim` if the same checker fails with it.
    fn attempt(&mut self, trim: Trim) -> bool {
        if self.runs >= self.runs_max {
            return false;
        }
        self.runs += 1;
        let options = Options { trim: trim.clone(), ..Options::default() };
        match run_seed(self.best.seed, &options) {
            Err(failure) if failure.checker == self.best.checker => {
                (self.best, self.trim) = (failure, trim);
                true
            }
            _ => false,
        }
    }

    fn drop_classes(&mut self) {
        for class in self.plan().classes {
            let mut trim = self.trim.clone();
            trim.classes.insert(class);
            self.attempt(trim);
        }
    }

    fn end_early(&mut self) {
        // By halves: the first part of the rest, as long as that fails too.
        loop {
            let schedule = self.plan().schedule;
            let Some(middle) = schedule.get(schedule.len() / 2) else { return };
            let trim = Trim { until: Some(middle.at), ..self.trim.clone() };
            if schedule.len() < 2 || !self.attempt(trim) {
                return;
            }
        }
    }

    fn drop_injections(&mut self) {
        let mut size = self.plan().schedule.len().div_ceil(2);
        while size > 0 {
            let numbers: Vec<usize> =
                self.plan().schedule.iter().map(|injection| injection.number).collect();
            for group in numbers.chunks(size) {
                let mut trim = self.trim.clone();
                trim.injections.extend(group);
                self.attempt(trim);
            }
            size /= 2;
        }
    }

    fn drop_clients(&mut self) {
        for clients in 1..self.plan().clients {
            if self.attempt(Trim { clients: Some(clients), ..self.trim.clone() }) {
                return;
            }
        }
    }
}
