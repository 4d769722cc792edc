//! The kinds of operation that a program draws from, and how it comes to its end.

use crate::base::{Sample, rng::Rng};
use crate::client::core::{AcquireCall, CallId, Core, LeaseId, Wait};
use crate::lock::Mode;
use crate::sim::client::{ClientEvent, Surroundings};
use crate::sim::marks::Mark;
use crate::sim::program::wishes::Wished;
use crate::sim::program::{Aim, Call, Lease, Program, Purpose};
use crate::wire::Query;
use std::time::Duration;

impl Program {
    pub(in crate::sim) fn roam(
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
        if let Some(lease) = self.asked.pop_first() {
            return self.release(core, now, lease, events);
        }
        if self.rng.chance(self.habits.orders, 1_000) {
            return self.order(core, now, around, events);
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

    /// Holds its lock, or gives it back.
    pub(in crate::sim) fn cycle(
        &mut self,
        core: &mut Core,
        now: &Sample,
        events: &mut Vec<ClientEvent>,
    ) {
        match self.leases.keys().next().copied() {
            Some(lease) => self.release(core, now, lease, events),
            None if self.calls.is_empty() => {
                let call = self.habits.wishes.plain_call(self.home, Wait::Forever);
                let purpose = Purpose::Acquire(Wished::of(&call));
                self.begin(core.acquire(now, call), purpose);
                events.push(ClientEvent::Count("cycles"));
            }
            None => {}
        }
    }

    pub(in crate::sim) fn begin(&mut self, call: CallId, purpose: Purpose) {
        self.calls.insert(call, Call { purpose, began: self.now });
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
        let call = self.habits.wishes.draw_call(&mut self.rng, wait);
        count_kind(&call, events);
        let purpose = Purpose::Acquire(Wished::of(&call));
        self.begin(core.acquire(now, call), purpose);
        events.push(ClientEvent::Count(match wait {
            Wait::Try => "tries",
            Wait::For(_) => "timed acquires",
            Wait::Forever => "acquires for ever",
        }));
    }

    /// Belief ends with the call itself (L13), whatever the server says.
    pub(in crate::sim) fn release(
        &mut self,
        core: &mut Core,
        now: &Sample,
        lease: LeaseId,
        events: &mut Vec<ClientEvent>,
    ) {
        let call = core.release(now, lease);
        let remaining = core.remaining(now, lease);
        assert!(remaining.is_zero(), "{lease:?} is released and has {remaining:?} left (L13)");
        // One that was seen too late was never put down.
        let lease_held = self.leases.remove(&lease);
        self.begin(call, Purpose::Release { lease: lease_held });
        events.push(ClientEvent::Ended { lease });
        events.push(ClientEvent::Count("releases"));
    }

    fn cancel(&mut self, core: &mut Core, now: &Sample, events: &mut Vec<ClientEvent>) {
        let waiting: Vec<CallId> = self
            .calls
            .iter()
            .filter(|(_, call)| matches!(call.purpose, Purpose::Acquire(_)))
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
        let query = self.habits.wishes.draw_read(&mut self.rng);
        events.push(ClientEvent::Count(match query {
            Query::Locks { .. } => "reads of a list of locks",
            _ => "reads of the holder",
        }));
        self.ask(core, now, query, around);
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

    pub(in crate::sim) fn ask(
        &mut self,
        core: &mut Core,
        now: &Sample,
        query: Query,
        around: Surroundings,
    ) {
        if self.calls.len() < 2 * self.habits.calls_max {
            let floor = around.committed;
            self.begin(core.read(now, query.clone()), Purpose::Read { floor, query });
        }
    }

    fn write(&mut self, core: &Core, now: &Sample, events: &mut Vec<ClientEvent>) {
        let Some(lease) = self.pick_lease() else { return };
        let Lease { wished, token } = &self.leases[&lease];
        // Tokens fence only what nobody else may have meanwhile.
        if wished.share.is_whole() && !core.remaining(now, lease).is_zero() {
            let (name, token) = (pick(&mut self.rng, &wished.names), *token);
            let name = name.expect("a lease has a name");
            events.push(ClientEvent::Writes { name, token });
            events.push(ClientEvent::Count("writes"));
        }
    }

    fn close(&mut self, core: &mut Core, now: &Sample, events: &mut Vec<ClientEvent>) {
        if !self.calls.is_empty() {
            events.push(ClientEvent::Mark(Mark::ClosedWithCalls));
        }
        self.aim = Aim::Close;
        self.begin(core.close(now), Purpose::Close);
        for lease in self.leases() {
            let remaining = core.remaining(now, lease);
            assert!(remaining.is_zero(), "{lease:?} of a closed session has {remaining:?} left");
            self.leases.remove(&lease);
            events.push(ClientEvent::Ended { lease });
        }
        events.push(ClientEvent::Count("closes"));
    }

    pub(in crate::sim) fn give_back(
        &mut self,
        core: &mut Core,
        now: &Sample,
        events: &mut Vec<ClientEvent>,
    ) {
        for lease in self.leases() {
            self.release(core, now, lease, events);
        }
        if self.calls.is_empty() {
            let call = self.habits.wishes.draw_single(&mut self.rng, self.habits.last);
            let purpose = Purpose::Last(Wished::of(&call));
            self.begin(core.acquire(now, call), purpose);
        }
    }

    pub(in crate::sim) fn pick_lease(&mut self) -> Option<LeaseId> {
        let leases = self.leases();
        pick(&mut self.rng, &leases)
    }
}

fn count_kind(call: &AcquireCall, events: &mut Vec<ClientEvent>) {
    let is_shared = call.mode == Mode::Shared;
    let kinds = [
        (is_shared, "acquires to read"),
        (call.limit > 0, "acquires of permits"),
        (!call.also.is_empty(), "acquires of two names"),
        (call.owner != 0, "acquires of owners"),
        (call.delay_ms > 0, "acquires with a delay"),
    ];
    let counted = kinds.into_iter().filter(|(is_so, _)| *is_so);
    events.extend(counted.map(|(_, what)| ClientEvent::Count(what)));
}

pub(in crate::sim) fn pick<T: Clone>(rng: &mut Rng, from: &[T]) -> Option<T> {
    let position = usize::try_from(rng.below(from.len() as u64)).expect("a small list");
    from.get(position).cloned()
}
