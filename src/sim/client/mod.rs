//! One simulated client: a machine, and on it a process ([`process`]).

pub mod crowd;
pub mod process;
pub mod stranger;
mod talk;
pub mod visitor;
pub mod watch;

use crate::base::{Index, Token, rng::Rng};
use crate::client::core::{CoreOptions, LeaseId, LinkId, ObserverId, Seen};
use crate::lock::Name;
use crate::sim::charges::Work;
use crate::sim::checkers::Violation;
use crate::sim::checkers::holding::{Claimant, Told};
use crate::sim::checkers::search::Op;
use crate::sim::client::process::{ClientProcess, Progress};
use crate::sim::clock::Clocks;
use crate::sim::disk::host::Pauses;
use crate::sim::marks::Mark;
use crate::sim::network::{Arrival, HostId, LineId, Network};
use crate::sim::node::talk::Build;
use crate::sim::program::Program;
use crate::wire::{Query, ReadAnswer, Request};
use std::time::Duration;

/// One client machine.
#[derive(Debug)]
pub struct SimClient {
    /// Number of the client.
    pub slot: usize,
    /// Its place in the network.
    pub host_id: HostId,
    /// Clocks of its machine.
    pub clocks: Clocks,
    /// The running process; boxed, since each step takes it out and puts it back.
    pub process: Option<Box<ClientProcess>>,
    /// The process does nothing before this.
    pub busy_until: u64,
    /// When the next step is foreseen; `u64::MAX` if none is.
    pub step_at: u64,
    /// Processes that ran here.
    pub processes: u64,
    /// When the last of them was started.
    pub started_at: u64,
    /// Pauses inside a step.
    pub pauses: Pauses,
    rng: Rng,
}

/// Effects of a client's step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientEvent {
    /// A call ended, or a step was made, that is counted by this name.
    Count(&'static str),
    /// A rare path was reached.
    Mark(Mark),
    /// A lease ended though the program did not end it.
    Lapsed { name: Name, token: Token },
    /// Something became of a line.
    Line { link: LinkId, what: &'static str },
    /// A request left.
    Sent(Request),
    /// A grant was told of.
    Granted { lease: LeaseId, told: Told },
    /// The lease is still believed in.
    Believes { lease: LeaseId },
    /// A lease is believed in no more.
    Ended { lease: LeaseId },
    /// The program writes to the resource, under a lease that it believes in.
    Writes { name: Name, token: Token },
    /// A read was answered as of `index`; at its call `floor` was committed.
    Read { index: Index, floor: Index, query: Query, answer: ReadAnswer },
    /// An observer was told of a holder.
    Observed { observer: ObserverId, seen: Seen },
    /// An observer is gone.
    Dismissed { observer: ObserverId },
    /// Its core believes or says what must not be.
    Violated(Violation),
    /// An operation on `name` returned.
    Completed { name: Name, op: Op },
    /// The session in force is so no more, and the program has not closed it. Did it not say that it moves?
    LostSession { is_stalled: bool },
    /// The session in force is in jeopardy.
    InJeopardy,
    /// A release was answered, so long after it was asked for.
    Released { waited: u64 },
    /// The program closed its session and ends.
    Closed,
    /// The program dies in the middle.
    Died,
}

/// The world, as a program sees it.
#[derive(Clone, Copy, Debug)]
pub struct Surroundings {
    /// Real time: for when to do something, and for nothing else.
    pub now: u64,
    /// The committed index, for the check of reads.
    pub committed: Index,
}

impl SimClient {
    /// A client machine without a process.
    #[must_use]
    pub fn new(slot: usize, host_id: HostId, mut rng: Rng, pauses: Pauses) -> Self {
        Self {
            slot,
            host_id,
            clocks: Clocks::draw(&mut rng),
            process: None,
            busy_until: 0,
            step_at: u64::MAX,
            processes: 0,
            started_at: 0,
            pauses,
            rng,
        }
    }

    /// Starts a new process.
    pub fn start(&mut self, now: u64, options: CoreOptions, program: Program, build: Build) {
        self.processes += 1;
        self.started_at = now;
        let options = CoreOptions {
            client: format!("client {}/{}", self.slot, self.processes),
            key: crate::base::SessionKey(self.rng.bytes16()),
            seed: self.rng.number(),
            ..options
        };
        let sample = self.clocks.sample_at(now);
        self.process = Some(Box::new(ClientProcess::new(options, program, build, &sample)));
    }

    /// Which process this is, for the checkers.
    #[must_use]
    pub fn claimant(&self) -> Claimant {
        Claimant { client: self.slot, process: self.processes }
    }

    /// How long the process may believe in `lease`, by its own clocks, at this very instant.
    #[must_use]
    pub fn remaining(&self, now: u64, lease: LeaseId) -> Duration {
        let sample = self.clocks.sample_at(now);
        self.process
            .as_ref()
            .map_or(Duration::ZERO, |process| process.core.remaining(&sample, lease))
    }

    /// Something came in; it waits until the process runs.
    pub fn push_arrival(&mut self, line: LineId, arrival: Arrival) {
        if let Some(process) = &mut self.process {
            process.push_arrival(line, arrival);
        }
    }

    /// One turn of the process.
    pub fn step(&mut self, around: Surroundings, network: &mut Network) -> Vec<ClientEvent> {
        let mut events = Vec::new();
        let now = around.now;
        let Some(mut process) = self.process.take() else { return events };
        if process.run(self, around, network, &mut events) == Progress::Done {
            process.observe(&self.clocks.sample_at(now), &mut events);
        }
        let work = Work { turns: 1, ..process.take_work() };
        self.busy_until = self.busy_until.max(now + work.nanos());
        self.process = Some(process);
        events
    }

    /// When the process wants to run next, if nothing comes in.
    #[must_use]
    pub fn next_wake(&self, now: u64) -> u64 {
        let Some(process) = &self.process else { return u64::MAX };
        if process.has_work() {
            return now;
        }
        let deadline = match process.core.next_deadline() {
            u64::MAX => u64::MAX,
            deadline => self.clocks.instant_of(deadline, now),
        };
        deadline.min(process.program.next_think())
    }

    /// Whether the process stops here, for how long.
    pub(super) fn draw_pause(&mut self, now: u64) -> bool {
        let Pauses { one_in, nanos_max } = self.pauses;
        let pauses = one_in > 0 && self.rng.chance(1, one_in);
        if pauses {
            self.busy_until = now + self.rng.between(1_000_000, nanos_max);
        }
        pauses
    }
}

/// The address of a node's machine.
#[must_use]
pub fn address_of(host: HostId) -> String {
    format!("node-{}:7400", host.0)
}
