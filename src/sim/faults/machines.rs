//! Processes that end or stand still, machines that sleep, are frozen, or lose power, clocks that are slewed.

use super::below;
use crate::base::rng::Rng;
use crate::sim::checkers::durability::Ending;
use crate::sim::clock::{Clocks, draw_slew};
use crate::sim::marks::Mark;
use crate::sim::network::HostId;
use crate::sim::plan::{MS, SECOND};
use crate::sim::world::World;
use crate::sim::world::event::Event;

/// How a machine stands still with its clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stillness {
    /// Suspended: BOOTTIME goes on.
    Asleep,
    /// Stopped by a hypervisor: no clock goes on.
    Frozen,
}

impl World {
    /// Ends a node's process; what its machine keeps depends on the ending.
    pub(in crate::sim) fn crash(&mut self, slot: usize, ending: Ending) {
        let node = &mut self.nodes[slot];
        if node.process.is_none() && ending == Ending::Killed {
            return;
        }
        let at = node.busy_until.max(self.now);
        node.stop(self.now, &mut self.judge.ledgers[slot]);
        // Its last step may have gone on beyond this instant: messages of that step are not to be seen before it is
        // over.
        node.busy_until = node.host.borrow().local;
        self.network.stop_listening(node.host_id);
        self.network.forget(node.host_id);
        self.judge.handle_end(node, ending, &mut self.trace.marks);
        for (line, side) in self.network.lines_of(node.host_id) {
            match ending {
                Ending::Killed => self.network.close(at, line, side),
                Ending::PowerCut => self.network.vanish(line, side),
            }
        }
        if ending == Ending::PowerCut {
            self.network.links().power_off(node.host_id);
            let host = &mut *node.host.borrow_mut();
            host.storage.cut_power(&mut host.rng);
            self.trace.count("power cuts");
        } else {
            self.trace.count("kills");
        }
        self.disturb(self.now);
    }

    /// The process is hit in one of its next steps, at one of its next syncs, or in its next start.
    pub(in crate::sim) fn crash_soon(&mut self, slot: usize, dice: &mut Rng) {
        let number = Some(u32::try_from(dice.below(16)).expect("few"));
        let host = self.nodes[slot].host.clone();
        match dice.below(3) {
            0 => host.borrow_mut().crash_after = number,
            1 => host.borrow_mut().crash_at_sync = number,
            _ => {
                host.borrow_mut().crash_in_start = number;
                self.crash_and_restart(slot, Ending::PowerCut, dice);
            }
        }
    }

    /// Quick or slow.
    pub(in crate::sim) fn foresee_restart(&mut self, slot: usize, dice: &mut Rng) {
        let wait = if dice.chance(1, 2) { 50 * MS } else { 4 * SECOND };
        let at = self.now + dice.between(MS, wait);
        self.disturb(at);
        self.queue.push(at, Event::Restart(slot));
    }

    pub(in crate::sim) fn crash_and_restart(
        &mut self,
        slot: usize,
        ending: Ending,
        dice: &mut Rng,
    ) {
        if self.nodes[slot].process.is_some() {
            self.crash(slot, ending);
            self.foresee_restart(slot, dice);
        }
    }

    pub(in crate::sim) fn lose_power_for_a_moment(&mut self, slot: usize) {
        if self.nodes[slot].process.is_some() {
            self.crash(slot, Ending::PowerCut);
            self.disturb(self.now + MS);
            self.queue.push(self.now + MS, Event::Restart(slot));
        }
    }

    pub(in crate::sim) fn cut_power_of_all(&mut self, dice: &mut Rng) {
        self.trace.count("power cuts of all");
        for slot in 0..self.nodes.len() {
            self.crash_and_restart(slot, Ending::PowerCut, dice);
        }
    }

    /// Nobody is notified; the process stops while its clocks run.
    pub(in crate::sim) fn pause_node(&mut self, slot: usize, dice: &mut Rng) {
        self.trace.count("pauses");
        let nanos = self.draw_stop(dice);
        let until = self.now + nanos;
        if nanos > crate::base::time::nanos(self.plan.habits.ttl) {
            self.trace.count("node pauses past expiry");
        }
        let node = &mut self.nodes[slot];
        node.busy_until = node.busy_until.max(until);
        self.disturb(until);
    }

    pub(in crate::sim) fn pause_client(&mut self, dice: &mut Rng) {
        self.trace.count("client pauses");
        let (slot, nanos) = (below(dice, self.clients.len()), self.draw_stop(dice));
        let ttl = crate::base::time::nanos(self.plan.habits.ttl);
        if nanos > ttl && self.clients[slot].process.is_some() {
            self.trace.count("client pauses past expiry");
        }
        let beliefs = self.judge.holding.beliefs_of(self.clients[slot].claimant());
        let over = |lease| self.clients[slot].remaining(self.now + nanos, lease).is_zero();
        let outlived = beliefs.into_iter().any(over);
        self.trace.marks.hit_if(outlived, Mark::PauseOutlivesLease);
        let client = &mut self.clients[slot];
        client.busy_until = client.busy_until.max(self.now + nanos);
        self.disturb(self.now + nanos);
    }

    pub(in crate::sim) fn suspend(&mut self, dice: &mut Rng) {
        let (host, nanos) = (self.pick_machine(dice), self.draw_stop(dice));
        self.still(host, Stillness::Asleep, nanos);
    }

    pub(in crate::sim) fn freeze_any(&mut self, dice: &mut Rng) {
        let (host, nanos) = (self.pick_machine(dice), self.draw_stop(dice));
        self.still(host, Stillness::Frozen, nanos);
    }

    pub(in crate::sim) fn slew_any(&mut self, dice: &mut Rng) {
        let (host, ppm) = (self.pick_machine(dice), draw_slew(dice));
        self.slew(host, ppm);
    }

    /// The machine stands still as soon as its process is between two steps: inside one, time is run ahead.
    pub(in crate::sim) fn still(&mut self, host: HostId, how: Stillness, nanos: u64) {
        let free = self.free_at(host);
        if free > self.now {
            self.queue.push(free, Event::Still(host, how, nanos));
            return;
        }
        let until = self.now + nanos;
        self.disturb(until);
        match how {
            Stillness::Asleep => self.trace.count("suspends"),
            Stillness::Frozen => self.trace.count("hypervisor stops"),
        }
        self.with_clocks(host, |clocks, now| match how {
            Stillness::Asleep => clocks.set_asleep(now, true),
            Stillness::Frozen => clocks.set_frozen(now, true),
        });
        match self.client_at(host) {
            Some(slot) => self.clients[slot].busy_until = until,
            None => self.nodes[host.0].busy_until = until,
        }
        self.queue.push(until, Event::Wake(host));
    }

    pub(in crate::sim) fn wake(&mut self, host: HostId) {
        self.with_clocks(host, |clocks, now| clocks.set_asleep(now, false));
        self.foresee(host);
    }

    pub(in crate::sim) fn slew(&mut self, host: HostId, ppm: i64) {
        let free = self.free_at(host);
        if free > self.now {
            self.queue.push(free, Event::Slew(host, ppm));
            return;
        }
        self.trace.count("slews");
        self.with_clocks(host, |clocks, now| clocks.slew(now, ppm));
        self.foresee(host);
    }

    fn with_clocks(&mut self, host: HostId, change: impl FnOnce(&mut Clocks, u64)) {
        let now = self.now;
        match self.client_at(host) {
            Some(slot) => change(&mut self.clients[slot].clocks, now),
            None => change(&mut self.nodes[host.0].host.borrow_mut().clocks, now),
        }
    }

    fn foresee(&mut self, host: HostId) {
        match self.client_at(host) {
            Some(slot) => self.foresee_client(slot, self.now),
            None => self.foresee_node(host.0, self.now),
        }
    }

    fn free_at(&self, host: HostId) -> u64 {
        match self.client_at(host) {
            Some(slot) => self.clients[slot].busy_until,
            None => self.nodes[host.0].busy_until,
        }
    }
}
