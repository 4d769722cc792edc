//! Clients in the world: they start, run, believe, write, and end.

use crate::base::{Index, Token};
use crate::client::core::{LeaseId, ObserverId, Seen};
use crate::lock::Name;
use crate::sim::checkers::Violation;
use crate::sim::checkers::holding::{Claimant, Told};
use crate::sim::checkers::replies::check_answer;
use crate::sim::client::{ClientEvent, Surroundings};
use crate::sim::marks::Mark;
use crate::sim::program::resource::Write;
use crate::sim::program::{Aim, Program};
use crate::sim::world::event::Event;
use crate::sim::world::{Phase, STEP_NANOS_MIN, World};
use crate::wire::{Query, ReadAnswer};

impl World {
    pub(in crate::sim) fn start_client(&mut self, slot: usize) {
        if self.clients[slot].process.is_some() {
            return;
        }
        let roams = self.phase == Phase::Faults || self.now < self.finish_at();
        let aim = if roams { Aim::Roam } else { Aim::Finish };
        let program = Program::new(self.plan.habits.clone(), self.rng.fork(), aim, self.now);
        let build = self.plan.first_build(&mut self.rng);
        self.clients[slot].start(self.now, self.plan.client.clone(), program, build);
        self.trace.count("client starts");
        self.foresee_client(slot, self.now);
    }

    pub(in crate::sim) fn step_client(&mut self, slot: usize) -> Result<(), Violation> {
        let client = &mut self.clients[slot];
        if client.step_at != self.now {
            return Ok(());
        }
        client.step_at = u64::MAX;
        if client.busy_until > self.now {
            self.foresee_client(slot, self.now);
            return Ok(());
        }
        self.trace.client_steps += 1;
        let around = Surroundings { now: self.now, committed: self.judge.consensus.committed() };
        let events = client.step(around, &mut self.network);
        for event in events {
            // Beliefs of a process that has ended count no more.
            if self.clients[slot].process.is_some() {
                self.handle_client(slot, event)?;
            }
        }
        let free = self.clients[slot].busy_until;
        let wake = self.clients[slot].next_wake(free.max(self.now));
        if wake != u64::MAX {
            self.foresee_client(slot, wake.max(self.now + STEP_NANOS_MIN));
        }
        Ok(())
    }

    fn handle_client(&mut self, slot: usize, event: ClientEvent) -> Result<(), Violation> {
        let who = self.clients[slot].claimant();
        match event {
            ClientEvent::Count(what) => self.trace.count(what),
            ClientEvent::Mark(mark) => self.trace.marks.hit(mark),
            ClientEvent::LostSession { is_stalled: true } => {
                self.trace.count("sessions lost by programs that stalled");
                self.trace.marks.hit(Mark::Stalled);
            }
            ClientEvent::LostSession { is_stalled: false } => {
                self.trace.count("sessions lost by their clients");
                self.check_lost(slot)?;
                self.check_planned_work(slot, "the end of the session")?;
            }
            ClientEvent::InJeopardy => self.check_planned_work(slot, "jeopardy of the session")?,
            ClientEvent::Released { waited } => self.check_wait(slot, waited)?,
            ClientEvent::Violated(violation) if self.plan.bounds_clocks() => return Err(violation),
            ClientEvent::Violated(_) => {}
            ClientEvent::Observed { observer, seen } => {
                self.handle_observed(slot, observer, seen)?;
            }
            ClientEvent::Dismissed { observer } => self.judge.observing.dismiss(who, observer),
            ClientEvent::Completed { name, op } => {
                self.trace.count("operations returned");
                // A client that was stopped with its clocks believes what is not so.
                if self.plan.bounds_clocks() {
                    let holders = self.plan.habits.wishes.holders_of(&name);
                    self.judge.history.record(&name, holders, op)?;
                }
            }
            ClientEvent::Line { link, what } => {
                self.trace.line(self.now, format_args!("{who} {what} {link:?}"));
            }
            ClientEvent::Sent(request) => {
                self.trace.line(self.now, format_args!("{who} asks {request:?}"));
            }
            ClientEvent::Granted { lease, told } => self.handle_granted(slot, lease, &told)?,
            ClientEvent::Believes { lease } if self.plan.bounds_clocks() => {
                self.judge.holding.confirm(self.now, who, lease)?;
            }
            ClientEvent::Believes { .. } => {}
            ClientEvent::Ended { lease } => self.judge.holding.end(who, lease),
            ClientEvent::Lapsed { name, token } => self.mark_lapse(&name, token),
            ClientEvent::Writes { name, token } => self.foresee_write(who.to_string(), name, token),
            ClientEvent::Read { index, floor, query, answer } => {
                self.handle_read(slot, (floor, index), &query, &answer)?;
            }
            ClientEvent::Closed => self.end_client(slot),
            ClientEvent::Died => {
                self.trace.count("client deaths");
                self.end_client(slot);
            }
        }
        Ok(())
    }

    /// A client begins to believe.
    fn handle_granted(
        &mut self,
        slot: usize,
        lease: LeaseId,
        told: &Told,
    ) -> Result<(), Violation> {
        let who = self.clients[slot].claimant();
        self.trace.count("grants believed in");
        self.trace.line(self.now, format_args!("{who} holds {told:?}"));
        self.trace.mix(told.token.0);
        self.check_grant(slot, told)?;
        if !self.plan.bounds_clocks() {
            return Ok(());
        }
        let (now, clients) = (self.now, &self.clients);
        let remaining = |other: Claimant, lease| clients[other.client].remaining(now, lease);
        self.judge.holding.begin(now, (who, lease), told, remaining)
    }

    /// Whether its client is of a cluster that is no more: nobody keeps account of that one.
    pub(in crate::sim) fn lives_in_past(&self, slot: usize) -> bool {
        let client = &self.clients[slot];
        let cluster = client.process.as_ref().and_then(|process| process.core.cluster());
        client.started_at < self.restored_at
            && cluster.is_none_or(|cluster| self.past_clusters.contains(&cluster))
    }

    /// A read was answered as of `index`; `floor` was committed before it was asked.
    fn handle_read(
        &mut self,
        slot: usize,
        (floor, index): (Index, Index),
        query: &Query,
        answer: &ReadAnswer,
    ) -> Result<(), Violation> {
        self.trace.count("reads answered");
        if self.lives_in_past(slot) {
            return Ok(());
        }
        if index >= floor {
            return check_answer(&self.judge.model, index, query, answer);
        }
        let who = self.clients[slot].claimant();
        let what = format!("{who} reads the state at {index}, {floor} was committed before (L18)");
        Err(Violation::new("O8", what))
    }

    /// An observer of a program is told something.
    fn handle_observed(
        &mut self,
        slot: usize,
        observer: ObserverId,
        seen: Seen,
    ) -> Result<(), Violation> {
        let client = &self.clients[slot];
        let process = client.process.as_ref().expect("it runs");
        let Some(name) = process.program.observers.get(&observer) else { return Ok(()) };
        if self.lives_in_past(slot) {
            return Ok(());
        }
        self.trace.line(self.now, format_args!("{} hears of {name}: {seen:?}", client.claimant()));
        let (model, observing) = (&self.judge.model, &mut self.judge.observing);
        observing.observe(model, (client.claimant(), observer), name, seen)
    }

    /// Most writes arrive soon, some long after their lease may have ended.
    fn foresee_write(&mut self, client: String, name: Name, token: Token) {
        let delay = if self.rng.chance(1, 10) { 3_000_000_000 } else { 5_000_000 };
        let at = self.now + self.rng.below(delay);
        self.queue.push(at, Event::Write(Box::new(Write { client, name, token })));
    }

    /// A client's belief ended by itself: perhaps its grant still stands.
    fn mark_lapse(&mut self, name: &Name, token: Token) {
        let held = self.judge.model.line(name).is_some_and(|line| line.is_held_by(token));
        self.trace.marks.hit_if(held, Mark::BeliefEndsFirst);
    }

    /// O8: the grant was decided while its process lived, and for its own acquire.
    fn check_grant(&self, slot: usize, told: &Told) -> Result<(), Violation> {
        let who = self.clients[slot].claimant();
        let grant = self.judge.model.grant(told.token);
        let has_all = |names: &[Name]| told.names.iter().all(|name| names.contains(name));
        if grant.is_some_and(|grant| grant.client == who.to_string() && has_all(&grant.names)) {
            return Ok(());
        }
        let what = format!("{who} is granted {told:?}, of which the log says {grant:?}");
        Err(Violation::new("O8", what))
    }

    /// The client's process is gone; half of the machines say so.
    pub(in crate::sim) fn end_client(&mut self, slot: usize) {
        let says_so = self.rng.chance(1, 2);
        self.foresee_inspection(self.clients[slot].claimant().to_string());
        self.network.forget(self.clients[slot].host_id);
        self.judge.holding.end_all(self.clients[slot].claimant());
        self.judge.observing.dismiss_all(self.clients[slot].claimant());
        self.clients[slot].process = None;
        self.clients[slot].step_at = u64::MAX;
        for (line, side) in self.network.lines_of(self.clients[slot].host_id) {
            if says_so {
                self.network.close(self.now, line, side);
            } else {
                self.network.vanish(line, side);
            }
        }
        self.queue.push(self.now + self.rng.below(2_000_000_000), Event::NewClient(slot));
    }
}
