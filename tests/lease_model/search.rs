//! The search: every placement of at most so many disturbances, depth first.

use crate::lease_model::choice::{Choice, Scope};
use crate::lease_model::world::{Next, World};
use std::collections::HashMap;
use std::fmt::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

/// How far to search.
#[derive(Clone, Copy, Debug)]
pub struct Bound {
    /// Disturbances in one run.
    pub disturbances: u32,
    /// Which ones.
    pub scope: Scope,
    /// Real time after the start, in nanoseconds.
    pub horizon: u64,
}

/// What a search came to.
#[derive(Debug, Default)]
pub struct Report {
    /// Different worlds at which choices were made.
    pub states: usize,
    /// Steps taken.
    pub steps: usize,
    /// Runs that reached the horizon.
    pub runs: usize,
    /// Those of them in which the lock was handed on.
    pub handed_on: usize,
    /// Those in which another node came to lead.
    pub led_by_another: usize,
    /// The first violation, with the run that leads to it.
    pub violation: Option<String>,
}

/// A world that is to be searched from.
struct Branch {
    world: World,
    /// Disturbances that may still begin.
    left: u32,
    trail: Option<Rc<Trail>>,
}

/// How a world came about, last step first.
struct Trail {
    at: u64,
    event: Event,
    before: Option<Rc<Trail>>,
}

#[derive(Clone, Copy, Debug)]
enum Event {
    Next(Next),
    Choice(Choice),
}

/// Searches every run from `start` within the bound, until the first violation.
pub fn search(start: &World, bound: Bound) -> Report {
    let mut report = Report::default();
    let mut seen: HashMap<u64, u32> = HashMap::new();
    let end = start.now + bound.horizon;
    let mut stack = vec![Branch { world: start.clone(), left: bound.disturbances, trail: None }];
    while let Some(mut branch) = stack.pop() {
        loop {
            if branch.world.now > end {
                report.count_run(&branch.world);
                break;
            }
            let known = seen.entry(branch.world.fingerprint()).or_insert(NEVER);
            if *known != NEVER && *known >= branch.left {
                break;
            }
            report.states += usize::from(*known == NEVER);
            *known = branch.left;
            let next = branch.world.next();
            for choice in branch.world.choices(next, bound.scope) {
                let Some(left) = branch.left.checked_sub(choice.cost()) else { continue };
                let mut other =
                    Branch { world: branch.world.clone(), left, trail: branch.trail.clone() };
                other.take(Event::Choice(choice));
                report.steps += 1;
                if other.is_violated(&mut report) {
                    return report;
                }
                stack.push(other);
            }
            branch.take(Event::Next(next));
            report.steps += 1;
            if branch.is_violated(&mut report) {
                return report;
            }
        }
    }
    report
}

impl Report {
    fn count_run(&mut self, world: &World) {
        self.runs += 1;
        self.handed_on += usize::from(world.clients[1].believes(world.now).is_some());
        self.led_by_another += usize::from(world.nodes[1..].iter().any(|node| node.is_leader()));
    }
}

impl Branch {
    fn take(&mut self, event: Event) {
        let at = self.world.now;
        let before = self.trail.take();
        self.trail = Some(Rc::new(Trail { at, event, before }));
        let world = &mut self.world;
        let done = catch_unwind(AssertUnwindSafe(|| match event {
            Event::Next(next) => world.step(next),
            Event::Choice(choice) => world.choose(choice),
        }));
        if done.is_err() {
            self.world.told.fail("a core panicked; its message stands above".to_owned());
        }
    }

    fn is_violated(&self, report: &mut Report) -> bool {
        let Some(what) = &self.world.told.violation else { return false };
        report.violation = Some(self.describe(what));
        true
    }

    /// The violation, and every step that led to it.
    fn describe(&self, what: &str) -> String {
        let mut steps = Vec::new();
        let mut trail = self.trail.as_ref();
        while let Some(step) = trail {
            steps.push(step);
            trail = step.before.as_ref();
        }
        let mut text = format!("{what}\n");
        for step in steps.iter().rev() {
            let millis = step.at as f64 / 1e6;
            writeln!(text, "  {millis:10.6} ms  {:?}", step.event).expect("a string takes it");
        }
        text
    }
}

/// For a state that was not seen.
const NEVER: u32 = u32::MAX;
