//! The kinds of operation that a program draws from, and how it comes to its end.

use crate::base::{Sample, rng::Rng};
use crate::client::core::{AcquireCall, CallId, Core, LeaseId, Wait};
use crate::lock::Name;
use crate::sim::client::{ClientEvent, Surroundings};
use crate::sim::program::{Aim, Program, Purpose};
use crate::wire::Query;
use std::time::Duration;

impl Program {
    pub(super) fn roam(
        &mut self,
        core: &mut Core,
        now: &Sample,
        around: Surroundings,
        events: &mut Vec<ClientEvent>,
    ) {
        let [closes, dies] = self.habits.ends;
        match self.rng.below(10_000) {
            draw if draw < closes => return self.close(core, now, events),
            draw if draw < closes + dies => return events.push(ClientEvent::Died),
            _ => {}
        }
        match self.rng.below(16) {
            0..=1 => self.acquire(core, now, Wait::Try, events),
            2..=3 => {
                let wait = self.rng.duration(Duration::from_millis(1), 2 * self.habits.ttl);
                self.acquire(core, now, Wait::For(wait), events);
            }
            4..=6 => self.acquire(core, now, Wait::Forever, events),
            7..=10 => {
                if let Some(lease) = self.pick_lease() {
                    self.release(core, now, lease, events);
                }
            }
            11 if self.rng.chance(1, 3) => self.cancel(core, now, events),
            11 => {}
            12 => self.read(core, now, around, events),
            13 => self.validate(core, now, around, events),
            _ => self.write(core, now, events),
        }
    }

    fn acquire(
        &mut self,
        core: &mut Core,
        now: &Sample,
        wait: Wait,
        events: &mut Vec<ClientEvent>,
    ) {
        if self.calls.len() + self.leases.len() >= self.habits.calls_max {
            return;
        }
        let owner = if self.rng.chance(1, 4) { self.rng.between(1, 2) } else { 0 };
        let value = vec![7; self.habits.value_bytes];
        let call = AcquireCall { name: self.draw_name(), wait, value, owner };
        self.calls.insert(core.acquire(now, call), Purpose::Acquire);
        events.push(ClientEvent::Count(match wait {
            Wait::Try => "tries",
            Wait::For(_) => "timed acquires",
            Wait::Forever => "acquires for ever",
        }));
    }

    /// Belief ends with the call itself (L13), whatever the server says.
    pub(super) fn release(
        &mut self,
        core: &mut Core,
        now: &Sample,
        lease: LeaseId,
        events: &mut Vec<ClientEvent>,
    ) {
        let call = core.release(now, lease);
        self.calls.insert(call, Purpose::Release);
        let remaining = core.remaining(now, lease);
        assert!(remaining.is_zero(), "{lease:?} is released and has {remaining:?} left (L13)");
        self.leases.remove(&lease);
        events.push(ClientEvent::Ended { lease });
        events.push(ClientEvent::Count("releases"));
    }

    fn cancel(&mut self, core: &mut Core, now: &Sample, events: &mut Vec<ClientEvent>) {
        let waiting: Vec<CallId> = self
            .calls
            .iter()
            .filter(|(_, purpose)| **purpose == Purpose::Acquire)
            .map(|(call, _)| *call)
            .collect();
        if let Some(call) = pick(&mut self.rng, &waiting) {
            core.cancel(now, call);
            events.push(ClientEvent::Count("withdrawals"));
        }
    }

    fn read(
        &mut self,
        core: &mut Core,
        now: &Sample,
        around: Surroundings,
        events: &mut Vec<ClientEvent>,
    ) {
        let name = self.draw_name();
        self.ask(core, now, Query::Lock { name }, around);
        events.push(ClientEvent::Count("reads of the holder"));
    }

    fn validate(
        &mut self,
        core: &mut Core,
        now: &Sample,
        around: Surroundings,
        events: &mut Vec<ClientEvent>,
    ) {
        if let Some((name, token)) = pick(&mut self.rng, &self.known) {
            self.ask(core, now, Query::Validate { name, token }, around);
            events.push(ClientEvent::Count("validations"));
        }
    }

    fn ask(&mut self, core: &mut Core, now: &Sample, query: Query, around: Surroundings) {
        if self.calls.len() < 2 * self.habits.calls_max {
            let floor = around.committed;
            self.calls.insert(core.read(now, query), Purpose::Read { floor });
        }
    }

    fn write(&mut self, core: &Core, now: &Sample, events: &mut Vec<ClientEvent>) {
        let Some(lease) = self.pick_lease() else { return };
        if !core.remaining(now, lease).is_zero() {
            let (name, token) = self.leases[&lease].clone();
            events.push(ClientEvent::Writes { name, token });
            events.push(ClientEvent::Count("writes"));
        }
    }

    fn close(&mut self, core: &mut Core, now: &Sample, events: &mut Vec<ClientEvent>) {
        self.aim = Aim::Close;
        self.calls.insert(core.close(now), Purpose::Close);
        for lease in self.leases() {
            let remaining = core.remaining(now, lease);
            assert!(remaining.is_zero(), "{lease:?} of a closed session has {remaining:?} left");
            self.leases.remove(&lease);
            events.push(ClientEvent::Ended { lease });
        }
        events.push(ClientEvent::Count("closes"));
    }

    pub(super) fn give_back(
        &mut self,
        core: &mut Core,
        now: &Sample,
        events: &mut Vec<ClientEvent>,
    ) {
        for lease in self.leases() {
            self.release(core, now, lease, events);
        }
        if self.calls.is_empty() {
            let call = AcquireCall {
                name: self.draw_name(),
                wait: Wait::Forever,
                value: Vec::new(),
                owner: 0,
            };
            self.calls.insert(core.acquire(now, call), Purpose::Last);
        }
    }

    fn draw_name(&mut self) -> Name {
        let number = self.rng.below(self.habits.locks);
        Name::try_from(format!("lock-{number}")).expect("a short name")
    }

    fn pick_lease(&mut self) -> Option<LeaseId> {
        let leases = self.leases();
        pick(&mut self.rng, &leases)
    }
}

fn pick<T: Clone>(rng: &mut Rng, from: &[T]) -> Option<T> {
    let position = usize::try_from(rng.below(from.len() as u64)).expect("a small list");
    from.get(position).cloned()
}
