//! What operators do about rights: they turn them on and off, and change rules, while programs of several principals run.
//!
//! In half of the runs rules are few and wide: everything for everybody, and parts of that for some. In the others each lock has a rule of its
//! own, so that of several names one may lack alone, and a lock that some may not read goes on being taken.

use super::below;
use crate::base::rng::Rng;
use crate::base::{Right, Rights};
use crate::lock::{AccessChange, Names, Rule};
use crate::sim::checkers::model::ModelRights;
use crate::sim::plan::fault::Fault;
use crate::sim::plan::{MS, Plan, SECOND};
use crate::sim::subjects::OPERATOR;
use crate::sim::world::World;
use crate::sim::world::event::Event;
use crate::wire::Order;

/// How an operator changes them in a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RightsHabits {
    /// What is drawn here changes nothing else.
    dice: u64,
    /// From one change to the next, in milliseconds.
    pace: (u64, u64),
    grain: Grain,
}

/// What rules are about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Grain {
    /// Everything, and some names beside.
    Wide,
    /// Each lock by itself.
    Fine,
}

impl RightsHabits {
    /// They change in the run of a seed, in half of those that have faults. Of dice of their own: all else is drawn as before.
    pub(in crate::sim) fn decide(seed: u64, plan: &mut Plan) {
        let mut rng = Rng::new(seed ^ DICE);
        if plan.classes.is_empty() || !rng.chance(1, 2) {
            return;
        }
        let pace = if rng.chance(1, 2) { (20, 300) } else { (50, 1500) };
        let grain = if rng.chance(1, 2) { Grain::Wide } else { Grain::Fine };
        plan.rights = Some(Self { dice: rng.number(), pace, grain });
        plan.habits.wishes.list();
    }
}

impl World {
    /// Another change, now and then, until a core is healed.
    pub(in crate::sim) fn change_rights(&mut self) {
        let Some(RightsHabits { dice, pace, grain }) = self.plan.rights else { return };
        let mut dice = Rng::new(self.now ^ dice);
        let next = self.now + dice.between(pace.0, pace.1) * MS;
        if next + SECOND < self.plan.core_at {
            self.queue.push(next, Event::Rights);
        }
        let may = self.is_founded() && !self.operator.is_busy();
        let Some(leader) = self.leader().filter(|_| may) else { return };
        if self.nodes[leader].inside().is_none_or(|inside| inside.machine.level() < 3) {
            return;
        }
        let change = self.draw_rights(&mut dice, grain);
        self.trace.count("changes of rights ordered");
        self.order(vec![Order::Access { change }], leader);
    }

    fn draw_rights(&self, dice: &mut Rng, grain: Grain) -> AccessChange {
        let rights = self.judge.model.rights();
        let admin = (OPERATOR.to_owned(), String::new());
        if rights.rules.get(&admin).is_none_or(|rights| !rights.has(Right::Operate)) {
            return AccessChange::Allow(rule(OPERATOR, "", "operate,admin"));
        }
        match grain {
            Grain::Wide => draw_wide(dice, rights),
            Grain::Fine => {
                let names = self.plan.habits.wishes.names().map(|name| name.as_str());
                let is_visited = self.plan.classes.contains(&Fault::Visitor);
                let visited = is_visited.then_some(VISITED).into_iter().flatten();
                draw_fine(dice, rights, &names.chain(visited).collect::<Vec<_>>())
            }
        }
    }
}

fn draw_wide(dice: &mut Rng, rights: &ModelRights) -> AccessChange {
    let everything = ("*".to_owned(), "*".to_owned());
    if !rights.rules.contains_key(&everything) && dice.chance(1, 2) {
        return AccessChange::Allow(rule("*", "*", "acquire,read,break"));
    }
    if !rights.is_on && dice.chance(2, 3) {
        return AccessChange::On;
    }
    let others: Vec<_> = rights.rules.iter().filter(|(of, _)| !of.1.is_empty()).collect();
    match dice.below(12) {
        0 => AccessChange::Off,
        1..=5 if !others.is_empty() => {
            let ((who, names), _) = others[below(dice, others.len())];
            let taken = pick(dice, &["acquire", "read", "acquire,read", "acquire,read,break"]);
            AccessChange::Deny(rule(who, names, taken))
        }
        _ => {
            let who = pick(dice, &["client/red/*", "client/red/a", "client/*", "local/*", "*"]);
            let names = pick(dice, &["lock-0", "lock-1", "lock-0/", "visited-1", "*"]);
            let given = pick(dice, &["acquire", "acquire,read", "read,break"]);
            AccessChange::Allow(rule(who, names, given))
        }
    }
}

/// Of one of `locks`: what lacks is given, or something is taken away, from everybody or from one principal's own rule.
fn draw_fine(dice: &mut Rng, rights: &ModelRights, locks: &[&str]) -> AccessChange {
    let lock = locks[below(dice, locks.len())];
    let who = pick(dice, &["*", "*", "*", "client/red/*"]);
    let all: Rights = "acquire,read,break".parse().expect("rights");
    let has = rights.rules.get(&(who.to_owned(), lock.to_owned())).copied().unwrap_or_default();
    if !rights.is_on && has == all {
        return AccessChange::On;
    }
    if dice.chance(1, 20) {
        return AccessChange::Off;
    }
    if has.is_empty() || (has != all && dice.chance(2, 3)) {
        return AccessChange::Allow(rule(who, lock, "acquire,read,break"));
    }
    AccessChange::Deny(rule(who, lock, pick(dice, &["acquire", "read", "acquire,read"])))
}

fn rule(who: &str, names: &str, rights: &str) -> Rule {
    let names = match names {
        "" => Names::of_cluster(),
        names => names.parse().expect("names"),
    };
    Rule { who: who.parse().expect("who"), names, rights: rights.parse().expect("rights") }
}

fn pick(dice: &mut Rng, from: &[&'static str]) -> &'static str {
    from[below(dice, from.len())]
}

/// Locks of visitors.
const VISITED: [&str; 2] = ["visited-1", "visited-3"];
/// When they begin.
pub const RIGHTS_AT: u64 = SECOND;
const DICE: u64 = 0x5ca1_ab1e;
