//! The two phases after the faults: a healed core, which must live (O15), then all, which must be equal (O17).

use crate::base::NodeId;
use crate::base::rng::Rng;
use crate::base::time::nanos;
use crate::sim::checkers::Violation;
use crate::sim::checkers::durability::Ending;
use crate::sim::checkers::equality::check_equal;
use crate::sim::checkers::members::Members;
use crate::sim::disk::host::Pauses;
use crate::sim::network::HostId;
use crate::sim::node::talk::Build;
use crate::sim::node::{Fate, slot_of};
use crate::sim::plan::{MS, SECOND};
use crate::sim::world::event::Event;
use crate::sim::world::{Phase, World};

/// Fate of a node outside the healed core, for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outside {
    /// Its process ends, or its machine loses power.
    Down,
    /// Its process stands still.
    Stopped,
    /// Nothing gets to it or from it.
    CutOff,
    /// The node hears nobody (NT5).
    Deaf,
    /// Nobody hears it (NT4).
    Mute,
    /// Messages take many election timeouts.
    Far,
    /// Its connections to other nodes break again and again, unless it leads (NT10).
    Breaking,
}

impl World {
    /// The faults end. A random majority of the nodes is healed for good; faults of the others stay.
    pub(in crate::sim) fn begin_core(&mut self) {
        self.phase = Phase::Core;
        self.network.heal(self.now);
        if let Some(line) = self.operator.line() {
            self.end_order(line);
        }
        self.visitors.lines().into_iter().for_each(|line| self.end_visit(line));
        self.end_strangers();
        self.dismiss_crowd();
        let core = self.draw_core();
        self.trace.line(self.now, format_args!("a core is healed: slots {core:?}"));
        for slot in 0..self.nodes.len() {
            match self.nodes[slot].fate {
                Fate::Unborn => {}
                Fate::Gone => self.crash(slot, Ending::Killed),
                _ if core.contains(&slot) => self.heal_node(slot),
                _ => self.shut_out(slot),
            }
        }
        for slot in 0..self.clients.len() {
            self.clients[slot].pauses = Pauses { one_in: 0, nanos_max: 0 };
            self.queue.push(self.now, Event::NewClient(slot));
        }
        let election = nanos(self.plan.server.election);
        // A process that stood still goes on only then.
        let nodes = core.iter().map(|slot| self.nodes[*slot].busy_until);
        let stopped = nodes.chain(self.clients.iter().map(|client| client.busy_until)).max();
        self.disturb(stopped.unwrap_or(0).max(self.now));
        self.settled_at = self.calm_since + SETTLE_NANOS + 40 * election;
        self.ends_by = self.calm_since + self.plan.patience_nanos;
        self.queue.push(self.finish_at(), Event::Finish);
        self.queue.push(self.settled_at + 20 * election, Event::Verdict);
    }

    /// When programs begin to come to their end.
    pub(in crate::sim) fn finish_at(&self) -> u64 {
        self.plan.core_at + self.plan.core_nanos
    }

    /// Programs give back what they have, and hold one lock once more.
    pub(in crate::sim) fn finish_programs(&mut self) {
        for slot in 0..self.clients.len() {
            if let Some(process) = &mut self.clients[slot].process {
                process.program.finish(self.now);
            }
            self.foresee_client(slot, self.now);
        }
    }

    /// Has the present phase reached its goal?
    ///
    /// # Errors
    /// Not in time.
    pub(in crate::sim) fn check_phase(&mut self) -> Result<(), Violation> {
        let (checker, missing) = match self.phase {
            Phase::Core => ("O15", self.restless()),
            _ => ("O17", self.unequal()?),
        };
        match missing {
            None if self.phase == Phase::Core => self.begin_whole(),
            None => {
                self.phase = Phase::Over;
                return Ok(());
            }
            Some(what) if self.now >= self.ends_by => return Err(Violation::new(checker, what)),
            Some(_) => {}
        }
        self.queue.push(self.now + VERDICT_NANOS, Event::Verdict);
        Ok(())
    }

    /// Enough nodes for a quorum of all members that may come to be in force, none of them damaged.
    fn draw_core(&mut self) -> Vec<usize> {
        let is_member = |node: NodeId, members: &Members| members.contains(node);
        let mut core: Vec<usize> = (0..self.nodes.len())
            .filter(|slot| {
                let node = self.nodes[*slot].id;
                let mut possible = self.judge.consensus.possible_members();
                self.is_able(*slot) && possible.any(|members| is_member(node, members))
            })
            .collect();
        assert!(self.is_enough(&core), "only {core:?} are whole");
        // A cluster is founded only once all its founders were there.
        let attempts = if self.is_founded() { self.rng.below(core.len() as u64 + 1) } else { 0 };
        for _ in 0..attempts {
            let position = self.rng.below(core.len() as u64);
            let mut fewer = core.clone();
            fewer.remove(usize::try_from(position).expect("few nodes"));
            if self.is_enough(&fewer) {
                core = fewer;
            }
        }
        core
    }

    fn is_enough(&self, core: &[usize]) -> bool {
        let mut possible = self.judge.consensus.possible_members();
        possible.all(|members| members.is_quorum(|node| core.contains(&slot_of(node))))
    }

    fn heal_node(&mut self, slot: usize) {
        let node = &mut self.nodes[slot];
        if node.fate == Fate::Stays {
            node.fate = Fate::Comes;
        }
        let mut host = node.host.borrow_mut();
        host.pauses = Pauses { one_in: 0, nanos_max: 0 };
        (host.crash_after, host.crash_at_sync, host.crash_in_start) = (None, None, None);
        host.faults.heal();
        drop(host);
        self.queue.push(self.now, Event::Restart(slot));
    }

    fn shut_out(&mut self, slot: usize) {
        let how = match self.rng.below(7) {
            0 => Outside::Down,
            1 => Outside::Stopped,
            2 => Outside::CutOff,
            3 => Outside::Deaf,
            4 => Outside::Mute,
            5 => Outside::Far,
            _ => Outside::Breaking,
        };
        self.trace.line(self.now, format_args!("node {} is {how:?} for good", slot + 1));
        self.trace.count("nodes shut out for good");
        let host = self.nodes[slot].host_id;
        let others = (0..self.nodes.len() + self.clients.len()).map(HostId);
        let others: Vec<HostId> = others.filter(|other| *other != host).collect();
        match how {
            Outside::Down => {
                let ending = if self.rng.chance(1, 2) { Ending::Killed } else { Ending::PowerCut };
                self.crash(slot, ending);
                self.keep_down(slot);
            }
            Outside::Stopped if self.nodes[slot].process.is_none() => self.keep_down(slot),
            Outside::Stopped => self.nodes[slot].busy_until = self.now + FOREVER_NANOS,
            Outside::Breaking => {
                // The node may lead: nothing else may be wrong with it.
                self.heal_node(slot);
                self.break_lines(slot);
            }
            Outside::CutOff | Outside::Deaf | Outside::Mute => {
                for other in others {
                    if how != Outside::Mute {
                        self.network.links().cut(other, host);
                    }
                    if how != Outside::Deaf {
                        self.network.links().cut(host, other);
                    }
                }
            }
            Outside::Far => {
                // Long enough that it surely cannot lead: nothing in between, which would come and go.
                let delay = 8 * nanos(self.plan.server.election) + 100 * MS;
                for other in others {
                    self.network.links().slow(other, host, delay);
                    self.network.links().slow(host, other, delay);
                }
            }
        }
    }

    /// Its process does not start any more in this phase.
    fn keep_down(&mut self, slot: usize) {
        let fate = &mut self.nodes[slot].fate;
        if *fate == Fate::Comes {
            *fate = Fate::Stays;
        }
    }

    /// A node that is out of the core loses its connections to the others, about once in an election timeout. One
    /// that leads keeps them: otherwise it might be elected between two breaks, for ever.
    pub(in crate::sim) fn break_lines(&mut self, slot: usize) {
        let host = self.nodes[slot].host_id;
        if self.leader() != Some(slot) {
            for (line, side) in self.network.lines_of(host) {
                let other = self.network.other_host(line, side).expect("a line has two ends");
                if self.client_at(other).is_none() {
                    self.network.reset_towards(self.now, line, side);
                    self.network.reset_towards(self.now, line, side.other());
                }
            }
        }
        let election = nanos(self.plan.server.election);
        let next = self.now + self.rng.between(election / 2, 2 * election);
        self.queue.push(next, Event::Break(slot));
    }

    /// Everything is healed, and every node restarts.
    fn begin_whole(&mut self) {
        self.phase = Phase::Whole;
        self.trace.line(self.now, format_args!("all is healed, and all nodes start anew"));
        self.network.heal(self.now);
        let members = self.judge.consensus.committed_members().clone();
        for slot in 0..self.nodes.len() {
            if !members.contains(self.nodes[slot].id) {
                self.crash(slot, Ending::Killed);
                self.nodes[slot].fate = Fate::Gone;
                continue;
            }
            let stopped = self.nodes[slot].busy_until >= self.now + FOREVER_NANOS / 2;
            if stopped {
                self.nodes[slot].busy_until = self.now;
            }
            let mut dice: Rng = self.rng.fork();
            let ending = if dice.chance(1, 2) { Ending::Killed } else { Ending::PowerCut };
            self.crash(slot, ending);
            self.nodes[slot].set_build(Build::New);
            self.heal_node(slot);
        }
        self.ends_by = self.now + self.plan.patience_nanos;
    }

    /// O15: processes and locks that are not at rest yet.
    fn restless(&self) -> Option<String> {
        for client in &self.clients {
            let Some(process) = &client.process else {
                return Some(format!("client {} does not run", client.slot));
            };
            if !process.program.is_at_rest() {
                let doing = process.program.describe();
                let (slot, busy, step) = (client.slot, client.busy_until, client.step_at);
                let wake = client.next_wake(self.now);
                return Some(format!(
                    "client {slot} is not at rest: {doing}; busy until {busy}, next step at {step}, wants {wake}"
                ));
            }
            if self.lives_in_past(client.slot) {
                return Some(format!("client {} has not gone over", client.slot));
            }
            let (model, who) = (&self.judge.model, client.claimant());
            for (observer, name) in &process.program.observers {
                let missing = self.judge.observing.missing(model, (who, *observer), name);
                if missing.is_some() {
                    return missing;
                }
            }
        }
        match self.leader() {
            Some(_) => None,
            None => Some("nobody leads".to_owned()),
        }
    }

    /// O17: which node has not applied all that is committed yet.
    ///
    /// # Errors
    /// All have, and they differ.
    fn unequal(&self) -> Result<Option<String>, Violation> {
        let committed = self.judge.consensus.committed();
        let members = self.judge.consensus.committed_members();
        let whole = || {
            let all = self.nodes.iter().filter(|node| members.contains(node.id));
            all.filter(|node| node.fate != Fate::Refuses && !node.is_emptied)
        };
        for node in whole() {
            let reached = node.inside().map(|one| (one.applied, one.raft.last_index()));
            if reached != Some((committed, committed)) {
                return Ok(Some(format!("node {} has {reached:?} of {committed}", node.id)));
            }
        }
        let insides = whole().filter_map(|node| Some((node.id, node.inside()?)));
        check_equal(insides)?;
        Ok(None)
    }
}

const VERDICT_NANOS: u64 = 50 * MS;
const SETTLE_NANOS: u64 = 3 * SECOND;
const FOREVER_NANOS: u64 = 100_000 * SECOND;
