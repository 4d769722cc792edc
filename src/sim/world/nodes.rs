//! Nodes in the world: they start, take their turns, publish claims, and end.

use crate::raft::{LeaderLease, Role};
use crate::sim::checkers::Violation;
use crate::sim::checkers::consensus::Installed;
use crate::sim::checkers::durability::Ending;
use crate::sim::checkers::judge::Step;
use crate::sim::client::address_of;
use crate::sim::disk::faults::Told;
use crate::sim::marks::Mark;
use crate::sim::node::outlet::Outgoing;
use crate::sim::node::talk::Build;
use crate::sim::node::{Fate, SimNode, StepEnd, host_of};
use crate::sim::plan::MS;
use crate::sim::world::event::Event;
use crate::sim::world::{Phase, STEP_NANOS_MIN, World};
use std::collections::BTreeMap;

impl World {
    pub(in crate::sim) fn step_node(&mut self, slot: usize) -> Result<(), Violation> {
        let node = &mut self.nodes[slot];
        if node.step_at != self.now {
            return Ok(());
        }
        node.step_at = u64::MAX;
        if node.busy_until > self.now {
            self.foresee_node(slot, self.now);
            return Ok(());
        }
        self.trace.node_steps += 1;
        if node.is_resigning() {
            // Programs read 0 from this instant on (C3).
            self.judge.claims.forget(slot);
        }
        let end = node.step(self.now, &mut self.network, &mut self.judge.ledgers[slot])?;
        let [late, emptied, level, fallen_back, handed, short, proved] = node.take_odd();
        self.trace.marks.add(Mark::TransferLate, late);
        self.trace.marks.add(Mark::EmptiedRefused, emptied);
        self.trace.marks.add(Mark::OlderRefused, level);
        self.trace.marks.add(Mark::OlderHello, fallen_back);
        self.trace.marks.add(Mark::HandedForRoom, handed);
        self.trace.marks.add(Mark::ShortOfRoom, short);
        self.trace.marks.add(Mark::MemberProved, proved);
        match end {
            StepEnd::Crashed(left) => {
                self.observe(slot, &left)?;
                self.crash_inside(slot);
            }
            StepEnd::Ended(left) => {
                self.observe(slot, &left)?;
                self.end_by_disk(slot);
            }
            StepEnd::Emptied(left) => {
                self.observe(slot, &left)?;
                self.trace.marks.hit(Mark::EmptiedRefused);
                self.nodes[slot].fate = Fate::Refuses;
                self.crash(slot, Ending::Killed);
            }
            StepEnd::Goes(left) => {
                self.observe(slot, &left)?;
                self.check_wait_bound(slot)?;
                self.note_turn(slot);
                let node = &mut self.nodes[slot];
                node.process.as_ref().map_or(Ok(()), |process| process.check_refusals(node.id))?;
                node.reuse(left);
                self.foresee_publication(slot);
                self.foresee_next_turn(slot);
                self.follow_departure(slot);
            }
        }
        Ok(())
    }

    /// Shows what the step did to everybody who watches.
    fn observe(&mut self, slot: usize, left: &[(u64, Outgoing)]) -> Result<(), Violation> {
        if self.trace.is_printed() {
            for (at, outgoing) in left {
                self.trace.line(*at, format_args!("node {} says {outgoing:?}", slot + 1));
            }
        }
        let step = Step { node: &self.nodes[slot], began: self.now, left };
        let seen = self.judge.observe_node(step, &mut self.trace.marks)?;
        if !seen.expired.is_empty() {
            self.trace.add("expiries proposed", seen.expired.len() as u64);
            self.check_expired(&seen.expired)?;
        }
        let waits = seen.answers_without_claim;
        self.trace.marks.hit_if(waits, Mark::ClaimWaits);
        if let Some(installed) = seen.installed {
            self.trace.count("snapshot installs");
            self.trace.marks.hit_if(installed == Installed::LogReset, Mark::InstallResetsLog);
        }
        self.follow_members();
        if seen.elected {
            self.trace.count("leader changes");
            self.check_elected(slot)?;
            self.check_replaced(slot)?;
            self.elected_at[slot] = self.now;
            self.mark_second_leader(slot);
            if std::mem::take(&mut self.moves_on) {
                // Before it may claim (C2).
                let delta = u64::from(self.plan.server.lease_ms) * MS;
                self.queue.push(self.now + self.rng.below(delta / 4), Event::MoveOn);
            }
            let was_added = slot as u64 >= self.plan.nodes;
            self.trace.marks.hit_if(was_added, Mark::PromotedLeads);
            let mut builds = self.nodes.iter().map(SimNode::build);
            let is_mixed = builds.any(|build| build != self.nodes[slot].build());
            let mark = match self.nodes[slot].build() {
                Build::Old => Mark::OldLeads,
                Build::New => Mark::NewLeads,
            };
            self.trace.marks.hit_if(is_mixed, mark);
            self.trace.line(self.now, format_args!("node {} leads", slot + 1));
            self.disturb(self.now);
            if self.phase == Phase::Core && self.now > self.settled_at {
                let what = format!(
                    "node {} is elected at {} ns, though a core is healed and had settled by {}",
                    slot + 1,
                    self.now,
                    self.settled_at
                );
                return Err(Violation::new("O15", what));
            }
        }
        Ok(())
    }

    /// What a program on the node would read from now on of whether it leads.
    fn foresee_publication(&mut self, slot: usize) {
        let node = &mut self.nodes[slot];
        if let Some((at, claim)) = node.take_publication() {
            let claim = Box::new(claim);
            self.queue.push(at, Event::Publish { slot, start: node.starts, claim });
        }
    }

    pub(in crate::sim) fn publish(
        &mut self,
        slot: usize,
        start: u64,
        claim: Option<LeaderLease>,
    ) -> Result<(), Violation> {
        let node = &self.nodes[slot];
        if node.starts != start || node.process.is_none() {
            return Ok(());
        }
        if !self.plan.bounds_clocks() {
            return Ok(());
        }
        self.trace.marks.hit_if(claim.is_none(), Mark::ClaimEnds);
        self.mark_claim(slot, claim.as_ref());
        let (now, nodes) = (self.now, &self.nodes);
        self.judge.claims.publish(slot, claim, |other, claim| {
            let sample = nodes[other].host.borrow().clocks.sample_at(now);
            claim.length.saturating_sub(sample.elapsed_hi(&claim.start))
        })
    }

    /// A claim that begins long before Δ has passed since the election rests on a `Relinquish`.
    fn mark_claim(&mut self, slot: usize, claim: Option<&LeaderLease>) {
        let delta = u64::from(self.plan.server.lease_ms) * MS;
        let soon = self.now - self.elected_at[slot] < delta / 2;
        let marks = &mut self.trace.marks;
        marks.hit_if(claim.is_some() && soon, Mark::ClaimBehindRelinquish);
    }

    fn foresee_next_turn(&mut self, slot: usize) {
        let free = self.nodes[slot].busy_until;
        let wake = self.nodes[slot].next_wake(free.max(self.now));
        if wake != u64::MAX {
            self.foresee_node(slot, wake.max(self.now + STEP_NANOS_MIN));
        }
    }

    pub(in crate::sim) fn start_node(&mut self, slot: usize) -> Result<(), Violation> {
        let node = &mut self.nodes[slot];
        if node.process.is_some() || node.fate != Fate::Comes {
            return Ok(());
        }
        if node.busy_until > self.now {
            self.queue.push(node.busy_until, Event::Restart(slot));
            return Ok(());
        }
        self.trace.count("node starts");
        self.trace.line(self.now, format_args!("node {} starts", slot + 1));
        let members = self.judge.consensus.committed_members().nodes();
        let known = members.chain([node.id]).map(|id| (id, address_of(host_of(id))));
        node.set_known(known.collect::<BTreeMap<_, _>>().into_iter().collect());
        self.network.power_on(self.now, node.host_id);
        self.disturb(self.now);
        match self.nodes[slot].start(self.now) {
            Ok(StepEnd::Crashed(_)) => {
                self.trace.marks.hit(Mark::StartCrashed);
                self.crash_inside(slot);
            }
            Ok(_) => {
                self.network.listen(self.nodes[slot].host_id);
                self.judge.handle_start(self.now, &self.nodes[slot])?;
                self.foresee_node(slot, self.now);
            }
            Err(error) => return self.handle_refused_start(slot, &error.to_string()),
        }
        Ok(())
    }

    /// A node may refuse its directory if it is damaged, and must; or its disk may have failed it.
    fn handle_refused_start(&mut self, slot: usize, why: &str) -> Result<(), Violation> {
        let (damaged, told) = {
            let host = self.nodes[slot].host.borrow();
            (host.is_damaged(), host.faults.told)
        };
        self.trace.line(self.now, format_args!("node {} does not start: {why}", slot + 1));
        if told.is_some() {
            self.end_by_disk(slot);
        } else if damaged {
            self.trace.marks.hit(Mark::DamageRefused);
            self.nodes[slot].fate = Fate::Refuses;
            self.crash(slot, Ending::Killed);
        } else {
            let what = format!("node {} does not start: {why}", slot + 1);
            return Err(Violation::new("O16", what));
        }
        Ok(())
    }

    fn crash_inside(&mut self, slot: usize) {
        self.trace.count("crashes inside a step");
        let mut dice = self.rng.fork();
        let ending = if dice.chance(1, 2) { Ending::Killed } else { Ending::PowerCut };
        self.crash(slot, ending);
        self.foresee_restart(slot, &mut dice);
    }

    fn mark_second_leader(&mut self, slot: usize) {
        let leads = |node: &SimNode| {
            node.process.as_ref().is_some_and(|process| process.server.role() == Role::Leader)
        };
        let others = self.nodes.iter().enumerate().filter(|(other, _)| *other != slot);
        let second = others.filter(|(_, node)| leads(node)).count() > 0;
        self.trace.marks.hit_if(second, Mark::TwoLeaders);
    }

    /// The process ended because its disk failed it; somebody starts it again.
    fn end_by_disk(&mut self, slot: usize) {
        let told = self.nodes[slot].host.borrow().faults.told;
        self.trace.marks.hit_if(told == Some(Told::NoSpace), Mark::NoSpace);
        self.trace.count("nodes ended by their disks");
        let mut dice = self.rng.fork();
        self.crash(slot, Ending::Killed);
        self.foresee_restart(slot, &mut dice);
    }

    /// The leader of the highest term, by the word of running nodes.
    pub(in crate::sim) fn leader(&self) -> Option<usize> {
        let leaders = self.nodes.iter().enumerate().filter_map(|(slot, node)| {
            let server = &node.process.as_ref()?.server;
            let leads = server.role() == Role::Leader;
            leads.then(|| (server.leader_hint().term, slot))
        });
        leaders.max().map(|(_, slot)| slot)
    }
}
