//! Operations of programs on grants besides releasing them: another value, handovers, breaks, and observers.

use crate::base::time::nanos;
use crate::base::{Sample, Token};
use crate::client::core::{BreakCall, Core};
use crate::lock::{BreakWay, Name};
use crate::sim::client::{ClientEvent, Surroundings};
use crate::sim::program::operations::pick;
use crate::sim::program::{Program, Purpose};
use crate::wire::Query;

impl Program {
    /// One of these, at random.
    pub(in crate::sim) fn order(
        &mut self,
        core: &mut Core,
        now: &Sample,
        around: Surroundings,
        events: &mut Vec<ClientEvent>,
    ) {
        match self.rng.below(12) {
            0..=1 => self.proclaim(core, now, events),
            2..=4 => self.transfer(core, now, events),
            5..=6 => self.break_lock(core, now, events),
            7 => self.ask_who_waits(core, now, around, events),
            8..=10 => self.follow(core, now, events),
            _ => self.follow_no_more(core, now, events),
        }
    }

    fn proclaim(&mut self, core: &mut Core, now: &Sample, events: &mut Vec<ClientEvent>) {
        let Some(lease) = self.pick_lease() else { return };
        // Of the same value nobody would hear.
        let value = self.rng.number().to_le_bytes().to_vec();
        let call = core.proclaim(now, lease, value);
        self.begin(call, Purpose::Order);
        events.push(ClientEvent::Count("proclamations"));
    }

    /// Belief ends with the call itself, in all leases on that grant (L13), whatever the server says.
    fn transfer(&mut self, core: &mut Core, now: &Sample, events: &mut Vec<ClientEvent>) {
        let Some(lease) = self.pick_lease() else { return };
        let held = self.leases.remove(&lease);
        let name = held.as_ref().map(|held| held.wished.names[0].clone());
        let to = name.and_then(|name| self.draw_waiter(&name));
        events.push(ClientEvent::Count(match to {
            Some(_) => "handovers to a waiter by name",
            None => "handovers to the next",
        }));
        let call = core.transfer(now, lease, to);
        let remaining = core.remaining(now, lease);
        assert!(remaining.is_zero(), "{lease:?} is handed over and has {remaining:?} left (L13)");
        self.begin(call, Purpose::Transfer(held));
        events.push(ClientEvent::Ended { lease });
    }

    fn break_lock(&mut self, core: &mut Core, now: &Sample, events: &mut Vec<ClientEvent>) {
        let Some((name, token)) = self.draw_grant() else { return };
        let way = self.draw_way();
        let to = self.draw_waiter(&name);
        events.push(ClientEvent::Count(match way {
            BreakWay::Ask { .. } => "breaks with a grace",
            BreakWay::Now => "breaks at once",
        }));
        let reason = "wanted".to_owned();
        let call = core.break_lock(now, BreakCall { name, token, way, to, reason });
        self.begin(call, Purpose::Order);
    }

    fn ask_who_waits(
        &mut self,
        core: &mut Core,
        now: &Sample,
        around: Surroundings,
        events: &mut Vec<ClientEvent>,
    ) {
        let name = self.habits.wishes.draw_name(&mut self.rng);
        let client = self.draw_waiter(&name);
        self.ask(core, now, Query::Waits { name, client }, around);
        events.push(ClientEvent::Count("reads of who waits"));
    }

    fn follow(&mut self, core: &mut Core, now: &Sample, events: &mut Vec<ClientEvent>) {
        if self.observers.len() < OBSERVERS_MAX {
            let name = self.habits.wishes.draw_name(&mut self.rng);
            let observer = core.observe(now, name.clone());
            self.observers.insert(observer, name);
            events.push(ClientEvent::Count("observers"));
        }
    }

    fn follow_no_more(&mut self, core: &mut Core, now: &Sample, events: &mut Vec<ClientEvent>) {
        if let Some((observer, _)) = self.observers.pop_first() {
            core.unobserve(now, observer);
            events.push(ClientEvent::Dismissed { observer });
        }
    }

    /// A grant of its own or of others, or whoever has a lock.
    fn draw_grant(&mut self) -> Option<(Name, Token)> {
        if self.rng.chance(1, 3) {
            return Some((self.habits.wishes.draw_name(&mut self.rng), Token(0)));
        }
        // The newest known most likely still stands.
        self.known.last().cloned()
    }

    fn draw_way(&mut self) -> BreakWay {
        let ttl_ms = nanos(self.habits.ttl) / 1_000_000;
        match self.rng.below(4) {
            0 => BreakWay::Now,
            1 => BreakWay::Ask { grace_ms: None },
            _ => {
                let grace_ms = u32::try_from(self.rng.below(ttl_ms)).expect("seconds");
                BreakWay::Ask { grace_ms: Some(grace_ms) }
            }
        }
    }

    /// Somebody who was seen to wait for `name`, or nobody.
    fn draw_waiter(&mut self, name: &Name) -> Option<String> {
        let seen = self.waiters.iter().filter(|(lock, _)| lock == name);
        let clients: Vec<String> = seen.map(|(_, client)| client.clone()).collect();
        pick(&mut self.rng, &clients).filter(|_| self.rng.chance(2, 3))
    }
}

/// Locks that one program follows at a time.
const OBSERVERS_MAX: usize = 2;
