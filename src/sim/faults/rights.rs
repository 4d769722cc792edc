//! What operators do about rights: they turn them on and off, and change rules, while programs of several principals run.

use super::below;
use crate::base::Right;
use crate::base::rng::Rng;
use crate::lock::{AccessChange, Names, Rule};
use crate::sim::plan::fault::Fault;
use crate::sim::plan::{MS, SECOND};
use crate::sim::subjects::OPERATOR;
use crate::sim::world::World;
use crate::sim::world::event::Event;
use crate::wire::Order;

impl World {
    /// Another change, now and then, until a core is healed.
    pub(in crate::sim) fn change_rights(&mut self) {
        let mut dice = Rng::new(self.now ^ DICE);
        let next = self.now + dice.between(50, 1500) * MS;
        if next + SECOND < self.plan.core_at {
            self.queue.push(next, Event::Rights);
        }
        let may = self.is_founded() && !self.operator.is_busy();
        let Some(leader) = self.leader().filter(|_| may) else { return };
        if self.nodes[leader].inside().is_none_or(|inside| inside.machine.level() < 3) {
            return;
        }
        let change = self.draw_rights(&mut dice);
        self.trace.count("changes of rights ordered");
        self.order(vec![Order::Access { change }], leader);
    }

    fn draw_rights(&self, dice: &mut Rng) -> AccessChange {
        let rights = self.judge.model.rights();
        let rule = |who: &str, names: &str, rights: &str| {
            let names = match names {
                "" => Names::of_cluster(),
                names => names.parse().expect("names"),
            };
            Rule { who: who.parse().expect("who"), names, rights: rights.parse().expect("rights") }
        };
        let admin = (OPERATOR.to_owned(), String::new());
        if rights.rules.get(&admin).is_none_or(|rights| !rights.has(Right::Operate)) {
            return AccessChange::Allow(rule(OPERATOR, "", "operate,admin"));
        }
        let pick = |dice: &mut Rng, from: &[&'static str]| from[below(dice, from.len())];
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
                AccessChange::Allow(rule(
                    who,
                    names,
                    pick(dice, &["acquire", "acquire,read", "read,break"]),
                ))
            }
        }
    }
}

/// Whether they do so in the run of a seed. Of dice of its own: all else is drawn as before.
#[must_use]
pub fn rights_change(seed: u64, classes: &[Fault]) -> bool {
    !classes.is_empty() && Rng::new(seed ^ DICE).chance(1, 2)
}

/// When they begin.
pub const RIGHTS_AT: u64 = SECOND;
/// What is drawn here changes nothing else.
const DICE: u64 = 0x5ca1_ab1e;
