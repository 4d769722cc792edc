//! What goes wrong, when, and how it is undone.

use crate::sim::checkers::Violation;
use crate::sim::checkers::durability::Ending;
use crate::sim::clock::draw_slew;
use crate::sim::host::Pauses;
use crate::sim::network::HostId;
use crate::sim::plan::{Fault, MS, SECOND};
use crate::sim::world::{Event, Phase, World};

impl World {
    /// One fault of those that are on, and the next one.
    pub(super) fn inject(&mut self) {
        if self.phase != Phase::Faults || self.plan.faults.is_empty() {
            return;
        }
        let next = self.now + self.rng.between(1, 2 * self.plan.fault_nanos);
        self.queue.push(next, Event::Fault);
        let number = self.below(self.plan.faults.len());
        let fault = self.plan.faults[number];
        self.trace.line(self.now, format_args!("{fault:?}"));
        self.inflict(fault);
    }

    fn inflict(&mut self, fault: Fault) {
        let node = self.draw_node();
        match fault {
            Fault::Kill => self.crash_and_restart(node, Ending::Killed),
            Fault::PowerCut => self.crash_and_restart(node, Ending::PowerCut),
            Fault::PowerCutOfAll => {
                self.trace.count("power cuts of all");
                (0..self.nodes.len())
                    .for_each(|slot| self.crash_and_restart(slot, Ending::PowerCut));
            }
            Fault::CrashInside => {
                let operations = u32::try_from(self.rng.below(16)).expect("few");
                self.nodes[node].host.borrow_mut().crash_after = Some(operations);
            }
            Fault::Cut => self.cut_node(node, Direction::Both),
            Fault::OneWayCut => self.cut_node(node, Direction::One),
            Fault::LoneLeader => self.leave_leader_alone(),
            Fault::Slow => self.slow_node(node),
            Fault::Reset => self.reset_line(node),
            Fault::Pause => {
                let nanos = self.draw_stop();
                self.pause_node(node, nanos);
            }
            Fault::Suspend => {
                let (host, nanos) = (self.draw_machine(), self.draw_stop());
                self.put_to_sleep(host, nanos);
            }
            Fault::Slew => {
                let (host, ppm) = (self.draw_machine(), draw_slew(&mut self.rng));
                self.slew(host, ppm);
            }
            Fault::DiskStall => {
                self.trace.count("disk stalls");
                let nanos = self.draw_stop();
                self.nodes[node].host.borrow_mut().stalled_until = self.now + nanos;
            }
            Fault::ClientPause => {
                self.trace.count("client pauses");
                let (slot, nanos) = (self.below(self.clients.len()), self.draw_stop());
                self.clients[slot].busy_until = self.now + nanos;
            }
            Fault::ClientCut => self.cut_client(),
            Fault::Fading => self.fade_client(),
        }
    }

    /// Ends a node's process; what its machine keeps depends on the ending.
    pub(super) fn crash(&mut self, slot: usize, ending: Ending) {
        let node = &mut self.nodes[slot];
        if node.process.is_none() && ending == Ending::Killed {
            return;
        }
        let at = node.busy_until.max(self.now);
        node.stop(&mut self.judge.ledgers[slot]);
        node.busy_until = 0;
        self.network.stop_listening(node.host_id);
        self.judge.handle_end(node, ending);
        for (line, side) in self.network.lines_of(node.host_id) {
            match ending {
                Ending::Killed => self.network.close(at, line, side),
                Ending::PowerCut => self.network.vanish(line, side),
            }
        }
        if ending == Ending::PowerCut {
            self.network.power_off(node.host_id);
            let mut host = node.host.borrow_mut();
            host.storage.cut_power(&mut self.rng);
            self.trace.count("power cuts");
        } else {
            self.trace.count("kills");
        }
    }

    /// Quick or slow.
    pub(super) fn foresee_restart(&mut self, slot: usize) {
        let wait = if self.rng.chance(1, 2) { 50 * MS } else { 4 * SECOND };
        let at = self.now + self.rng.between(MS, wait);
        self.queue.push(at, Event::Restart(slot));
    }

    fn crash_and_restart(&mut self, slot: usize, ending: Ending) {
        if self.nodes[slot].process.is_some() {
            self.crash(slot, ending);
            self.foresee_restart(slot);
        }
    }

    /// Nobody is told, and the process stops while its clocks run.
    fn pause_node(&mut self, slot: usize, nanos: u64) {
        self.trace.count("pauses");
        let node = &mut self.nodes[slot];
        node.busy_until = node.busy_until.max(self.now + nanos);
    }

    /// Cuts a node off from some or all others, for a while.
    fn cut_node(&mut self, slot: usize, direction: Direction) {
        let host = self.nodes[slot].host_id;
        let with_clients = self.rng.chance(1, 2);
        let others =
            if with_clients { self.nodes.len() + self.clients.len() } else { self.nodes.len() };
        let all = self.rng.chance(1, 2);
        let inwards = self.rng.chance(1, 2);
        let mut links = Vec::new();
        for other in (0..others).map(HostId).filter(|other| *other != host) {
            if all || self.rng.chance(1, 2) {
                links.push(if inwards { (other, host) } else { (host, other) });
            }
        }
        if direction == Direction::Both {
            links.extend(links.clone().into_iter().map(|(from, to)| (to, from)));
        }
        self.trace.count(if direction == Direction::Both { "cuts" } else { "one-way cuts" });
        self.cut_for_a_while(links);
    }

    /// The leader loses its peers and keeps its clients; the peers see their connections reset.
    fn leave_leader_alone(&mut self) {
        let Some(leader) = self.leader() else { return };
        let host = self.nodes[leader].host_id;
        let peers: Vec<HostId> =
            (0..self.nodes.len()).map(HostId).filter(|peer| *peer != host).collect();
        let mut links: Vec<_> =
            peers.iter().flat_map(|peer| [(*peer, host), (host, *peer)]).collect();
        // Some clients are on its side of the cut: they hear of no other leader.
        for client in (0..self.clients.len()).map(|slot| self.plan.client_host(slot)) {
            if self.rng.chance(1, 2) {
                links.extend(peers.iter().flat_map(|peer| [(*peer, client), (client, *peer)]));
            }
        }
        self.trace.count("leaders left alone");
        self.cut_for_a_while(links);
        for (line, side) in self.network.lines_of(host) {
            let other = self.network.other_host(line, side).expect("a line has two ends");
            if self.client_at(other).is_none() {
                self.network.reset_towards(self.now, line, side.other());
            }
        }
    }

    fn cut_client(&mut self) {
        let slot = self.below(self.clients.len());
        let host = self.clients[slot].host_id;
        let one_way = self.rng.chance(1, 3);
        let mut links = Vec::new();
        for node in self.plan.node_hosts() {
            if self.rng.chance(3, 4) {
                links.push((host, node));
                if !one_way {
                    links.push((node, host));
                }
            }
        }
        self.trace.count("client cuts");
        self.cut_for_a_while(links);
    }

    /// The last acknowledgements are on their way for long, and no renewal follows them.
    fn fade_client(&mut self) {
        let slot = self.below(self.clients.len());
        let host = self.clients[slot].host_id;
        let ttl = crate::base::time::nanos(self.plan.habits.ttl);
        let (begin, end) = (self.now + self.rng.below(ttl), self.now + 4 * ttl);
        let inwards: Vec<_> = self.plan.node_hosts().map(|node| (node, host)).collect();
        let outwards: Vec<_> = self.plan.node_hosts().map(|node| (host, node)).collect();
        // Longer than a third of the TTL the client does not wait for an answer.
        inwards.iter().for_each(|(from, to)| self.network.slow(*from, *to, ttl / 3));
        self.trace.count("fading links");
        self.queue.push(begin, Event::Cut(outwards.clone()));
        self.queue.push(end, Event::Mend(outwards));
        self.queue.push(end, Event::Hurry(inwards));
    }

    fn cut_for_a_while(&mut self, links: Vec<(HostId, HostId)>) {
        links.iter().for_each(|(from, to)| self.network.cut(*from, *to));
        let until = self.now + self.rng.between(10 * MS, 4 * SECOND);
        self.queue.push(until, Event::Mend(links));
    }

    fn slow_node(&mut self, slot: usize) {
        let host = self.nodes[slot].host_id;
        let others = self.nodes.len() + self.clients.len();
        let nanos = self.rng.between(MS, 300 * MS);
        let mut links = Vec::new();
        for other in (0..others).map(HostId).filter(|other| *other != host) {
            if self.rng.chance(1, 2) {
                links.extend([(other, host), (host, other)]);
            }
        }
        self.trace.count("slow links");
        links.iter().for_each(|(from, to)| self.network.slow(*from, *to, nanos));
        let until = self.now + self.rng.between(10 * MS, 4 * SECOND);
        self.queue.push(until, Event::Hurry(links));
    }

    fn reset_line(&mut self, slot: usize) {
        let lines = self.network.lines_of(self.nodes[slot].host_id);
        if lines.is_empty() {
            return;
        }
        let (line, side) = lines[self.below(lines.len())];
        self.trace.count("resets");
        self.network.reset_towards(self.now, line, side);
        if self.rng.chance(1, 2) {
            self.network.reset_towards(self.now, line, side.other());
        }
    }

    /// The machine sleeps as soon as its process is between two steps: inside one, time is run ahead.
    pub(super) fn put_to_sleep(&mut self, host: HostId, nanos: u64) {
        let free = self.free_at(host);
        if free > self.now {
            self.queue.push(free, Event::Sleep(host, nanos));
            return;
        }
        self.trace.count("suspends");
        let until = self.now + nanos;
        match self.client_at(host) {
            Some(slot) => {
                self.clients[slot].clocks.set_asleep(self.now, true);
                self.clients[slot].busy_until = until;
            }
            None => {
                self.nodes[host.0].host.borrow_mut().clocks.set_asleep(self.now, true);
                self.nodes[host.0].busy_until = until;
            }
        }
        self.queue.push(until, Event::Wake(host));
    }

    pub(super) fn wake(&mut self, host: HostId) {
        match self.client_at(host) {
            Some(slot) => {
                self.clients[slot].clocks.set_asleep(self.now, false);
                self.foresee_client(slot, self.now);
            }
            None => {
                self.nodes[host.0].host.borrow_mut().clocks.set_asleep(self.now, false);
                self.foresee_node(host.0, self.now);
            }
        }
    }

    pub(super) fn slew(&mut self, host: HostId, ppm: i64) {
        let free = self.free_at(host);
        if free > self.now {
            self.queue.push(free, Event::Slew(host, ppm));
            return;
        }
        self.trace.count("slews");
        match self.client_at(host) {
            Some(slot) => {
                self.clients[slot].clocks.slew(self.now, ppm);
                self.foresee_client(slot, self.now);
            }
            None => {
                self.nodes[host.0].host.borrow_mut().clocks.slew(self.now, ppm);
                self.foresee_node(host.0, self.now);
            }
        }
    }

    /// All faults end: links, disks and processes are whole, nothing is drawn any more.
    pub(super) fn heal(&mut self) {
        self.phase = Phase::Healed;
        self.trace.line(self.now, format_args!("all is healed"));
        self.network.heal(self.now);
        for slot in 0..self.nodes.len() {
            let mut host = self.nodes[slot].host.borrow_mut();
            host.pauses = Pauses { one_in: 0, nanos_max: 0 };
            (host.stalled_until, host.crash_after) = (0, None);
            drop(host);
            self.queue.push(self.now, Event::Restart(slot));
        }
        for slot in 0..self.clients.len() {
            self.clients[slot].pauses = Pauses { one_in: 0, nanos_max: 0 };
            self.queue.push(self.now, Event::NewClient(slot));
            if let Some(process) = &mut self.clients[slot].process {
                process.program.finish(self.now);
            }
            self.foresee_client(slot, self.now);
        }
        self.queue.push(self.now + VERDICT_NANOS, Event::Verdict);
    }

    /// O15 and O17 in small: every program has held a lock again, and all nodes are in one state.
    ///
    /// # Errors
    /// They have not come to it in time.
    pub(super) fn check_rest(&mut self) -> Result<(), Violation> {
        let waits = self.restless();
        if waits.is_none() {
            self.phase = Phase::Over;
            return Ok(());
        }
        if let Some(what) = waits.filter(|_| self.now >= self.plan.rest_by) {
            return Err(Violation::new("O15", what));
        }
        self.queue.push(self.now + VERDICT_NANOS, Event::Verdict);
        Ok(())
    }

    /// What is not at rest yet.
    fn restless(&self) -> Option<String> {
        for client in &self.clients {
            match &client.process {
                None => return Some(format!("client {} does not run", client.slot)),
                Some(process) if !process.program.is_at_rest() => {
                    let doing = process.program.describe();
                    let (slot, busy, step) = (client.slot, client.busy_until, client.step_at);
                    let wake = client.next_wake(self.now);
                    return Some(format!(
                        "client {slot} is not at rest: {doing}; busy until {busy}, next step at {step}, wants {wake}"
                    ));
                }
                Some(_) => {}
            }
        }
        let committed = self.judge.consensus.committed();
        for node in &self.nodes {
            let replica = node.process.as_ref().and_then(|process| process.server.replica());
            let applied = replica.map(|replica| replica.applied());
            if applied != Some(committed) {
                return Some(format!("node {} applied {applied:?} of {committed}", node.id));
            }
        }
        None
    }

    fn free_at(&self, host: HostId) -> u64 {
        match self.client_at(host) {
            Some(slot) => self.clients[slot].busy_until,
            None => self.nodes[host.0].busy_until,
        }
    }

    /// The leader in half of the cases.
    fn draw_node(&mut self) -> usize {
        let any = self.below(self.nodes.len());
        if self.rng.chance(1, 2) { self.leader().unwrap_or(any) } else { any }
    }

    fn draw_machine(&mut self) -> HostId {
        HostId(self.below(self.nodes.len() + self.clients.len()))
    }

    /// How long something stands still: short, or past every timeout.
    fn draw_stop(&mut self) -> u64 {
        let ttl = crate::base::time::nanos(self.plan.habits.ttl);
        let longest = if self.rng.chance(1, 2) { 100 * MS } else { 2 * ttl };
        self.rng.between(MS, longest)
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.rng.below(bound as u64)).expect("a small number")
    }
}

/// Whether a cut is of one direction or of both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Direction {
    One,
    Both,
}

const VERDICT_NANOS: u64 = 50 * MS;
