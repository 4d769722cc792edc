//! One simulated client: a machine, on it a process with the real client core, and a program that uses it.
//!
//! The process can stop between any two of: reading a clock, telling the core, sending what the core says.
//! Each part happens at one instant of real time; a pause puts the rest off.

use crate::base::{ClusterId, Index, Sample, Token, rng::Rng};
use crate::client::core::{Action, Core, CoreOptions, LeaseId, LinkId, SessionState};
use crate::lock::Name;
use crate::sim::checkers::holding::Claimant;
use crate::sim::checkers::search::Op;
use crate::sim::clock::Clocks;
use crate::sim::host::Pauses;
use crate::sim::marks::Mark;
use crate::sim::network::{Arrival, HostId, LineId, Network, Side};
use crate::sim::program::Program;
use crate::sim::talk::{frame, read_frames};
use crate::wire::{
    ClientHello, ClientWelcome, Frame, FrameDecoder, FrameKind, ReadAnswer, Refused, RefusedCode,
    Request, ServerMessage,
};
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

/// One client machine.
#[derive(Debug)]
pub struct SimClient {
    /// Which one.
    pub slot: usize,
    /// Its place in the network.
    pub host_id: HostId,
    /// Its clocks.
    pub clocks: Clocks,
    /// The running process.
    pub process: Option<ClientProcess>,
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

/// A client process.
#[derive(Debug)]
pub struct ClientProcess {
    /// The production code.
    pub core: Core,
    /// What uses it.
    pub program: Program,
    name: String,
    cluster: Option<ClusterId>,
    talks: BTreeMap<LineId, ClientTalk>,
    links: BTreeMap<LinkId, LineId>,
    arrivals: VecDeque<(LineId, Arrival)>,
    /// Read, with the sample that was taken then, and not yet handled: the process stopped in between.
    read: Option<(Sample, LineId, Arrival)>,
    /// Said by the core, and not yet done.
    undone: VecDeque<Action>,
    /// A node said that this is another cluster than before.
    is_stranger: bool,
}

#[derive(Debug)]
struct ClientTalk {
    link: LinkId,
    decoder: FrameDecoder,
}

/// What a client's step brought about.
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
    Granted { lease: LeaseId, name: Name, token: Token },
    /// The lease is still believed in.
    Believes { lease: LeaseId },
    /// It is not any more.
    Ended { lease: LeaseId },
    /// The program writes to the resource, under a lease that it believes in.
    Writes { name: Name, token: Token },
    /// A read of `name` was answered as of `index`; at its call `floor` was committed. It asked for the
    /// holder, or whether a token holds it.
    Read { index: Index, floor: Index, name: Name, asked: Option<Token>, answer: ReadAnswer },
    /// An operation on `name` returned.
    Completed { name: Name, op: Op },
    /// The session in force is so no more, and the program has not closed it.
    LostSession,
    /// The program closed its session and ends.
    Closed,
    /// The program dies in the middle.
    Died,
}

/// What the program sees of the world.
#[derive(Clone, Copy, Debug)]
pub struct Surroundings {
    /// Real time: for when to do something, and for nothing else.
    pub now: u64,
    /// What is committed, for the check of reads.
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
    pub fn start(&mut self, now: u64, options: CoreOptions, program: Program) {
        self.processes += 1;
        self.started_at = now;
        let name = format!("client {}/{}", self.slot, self.processes);
        let options = CoreOptions {
            client: name.clone(),
            key: crate::base::SessionKey(self.rng.bytes16()),
            seed: self.rng.number(),
            ..options
        };
        self.process = Some(ClientProcess {
            core: Core::new(options, &self.clocks.sample_at(now)),
            program,
            name,
            cluster: None,
            talks: BTreeMap::new(),
            links: BTreeMap::new(),
            arrivals: VecDeque::new(),
            read: None,
            undone: VecDeque::new(),
            is_stranger: false,
        });
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
            process.arrivals.push_back((line, arrival));
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
    fn draw_pause(&mut self, now: u64) -> bool {
        let Pauses { one_in, nanos_max } = self.pauses;
        let pauses = one_in > 0 && self.rng.chance(1, one_in);
        if pauses {
            self.busy_until = now + self.rng.between(1_000_000, nanos_max);
        }
        pauses
    }
}

/// Whether a step came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Progress {
    Done,
    Paused,
}

impl ClientProcess {
    /// Whether it was welcomed by a cluster, and will be so by no other.
    #[must_use]
    pub fn knows_cluster(&self) -> bool {
        self.cluster.is_some()
    }

    fn has_work(&self) -> bool {
        self.read.is_some() || !self.undone.is_empty() || !self.arrivals.is_empty()
    }

    fn run(
        &mut self,
        machine: &mut SimClient,
        around: Surroundings,
        network: &mut Network,
        events: &mut Vec<ClientEvent>,
    ) -> Progress {
        let now = around.now;
        if let Some((sample, line, arrival)) = self.read.take() {
            self.handle_arrival(&sample, machine.host_id, line, arrival, network, now);
        }
        self.perform(machine, around, network, events);
        while let Some((line, arrival)) = self.arrivals.pop_front() {
            let sample = machine.clocks.sample_at(now);
            if machine.draw_pause(now) {
                self.read = Some((sample, line, arrival));
                return Progress::Paused;
            }
            self.handle_arrival(&sample, machine.host_id, line, arrival, network, now);
            self.undone.extend(self.core.take_actions(&sample));
            if machine.draw_pause(now) {
                return Progress::Paused;
            }
            self.perform(machine, around, network, events);
        }
        let sample = machine.clocks.sample_at(now);
        if sample.boot() >= self.core.next_deadline() {
            self.core.handle_deadline(&sample);
            self.perform(machine, around, network, events);
        }
        if now >= self.program.next_think() {
            self.program.think(&mut self.core, &sample, around, events);
            self.perform(machine, around, network, events);
        }
        if self.is_stranger && self.program.leases().is_empty() {
            events.push(ClientEvent::Died);
        }
        Progress::Done
    }

    fn handle_arrival(
        &mut self,
        sample: &Sample,
        host: HostId,
        line: LineId,
        arrival: Arrival,
        network: &mut Network,
        now: u64,
    ) {
        let Some(talk) = self.talks.get_mut(&line) else { return };
        let link = talk.link;
        match arrival {
            Arrival::Accepted => {
                let hello = ClientHello { client: self.name.clone(), cluster: self.cluster };
                network.send(now, line, Side::Dialer, frame(FrameKind::ClientHello, &hello));
            }
            Arrival::Bytes(bytes) => {
                let frames = read_frames(&mut talk.decoder, &bytes).unwrap_or_else(|error| {
                    panic!("{host:?} reads what our own codec wrote: {error}")
                });
                for frame in frames {
                    self.handle_frame(sample, link, &frame);
                }
            }
            Arrival::Refused => self.handle_closed(sample, line, link, "nobody listens there"),
            Arrival::TimedOut => self.handle_closed(sample, line, link, "no answer"),
            Arrival::ClosedByPeer | Arrival::Reset => {
                self.handle_closed(sample, line, link, "closed by the other side");
            }
        }
    }

    fn handle_closed(&mut self, sample: &Sample, line: LineId, link: LinkId, why: &str) {
        self.talks.remove(&line);
        self.links.remove(&link);
        self.core.handle_closed(sample, link, why);
    }

    fn handle_frame(&mut self, sample: &Sample, link: LinkId, frame: &Frame) {
        match frame.kind {
            FrameKind::ClientWelcome => {
                let welcome = frame.decode::<ClientWelcome>().expect("our own codec");
                self.cluster = welcome.cluster.or(self.cluster);
                self.core.handle_welcome(sample, link, welcome);
            }
            FrameKind::Refused => {
                let refused = frame.decode::<Refused>().expect("our own codec");
                self.is_stranger |= refused.code == RefusedCode::Cluster;
                self.core.handle_refused(sample, link, refused);
            }
            FrameKind::Server => {
                let message = frame.decode::<ServerMessage>().expect("our own codec");
                self.core.handle_message(sample, link, message);
            }
            kind => panic!("a client is sent {kind:?}"),
        }
    }

    /// Does all that the core says, and all that the program makes of it.
    fn perform(
        &mut self,
        machine: &SimClient,
        around: Surroundings,
        network: &mut Network,
        events: &mut Vec<ClientEvent>,
    ) {
        let now = around.now;
        loop {
            let sample = machine.clocks.sample_at(now);
            self.undone.extend(self.core.take_actions(&sample));
            let Some(action) = self.undone.pop_front() else { return };
            match action {
                Action::Dial { link, endpoint } => {
                    let line = network.dial(now, machine.host_id, host_at(&endpoint));
                    events.push(ClientEvent::Line { link, what: "dialed" });
                    self.links.insert(link, line);
                    self.talks.insert(line, ClientTalk { link, decoder: FrameDecoder::new() });
                }
                Action::Hangup { link } => {
                    events.push(ClientEvent::Line { link, what: "hung up" });
                    if let Some(line) = self.links.remove(&link) {
                        self.talks.remove(&line);
                        network.close(now, line, Side::Dialer);
                    }
                }
                Action::Send { link, request } => {
                    if let Some(line) = self.links.get(&link) {
                        network.send(now, *line, Side::Dialer, frame(FrameKind::Request, &request));
                        events.push(ClientEvent::Sent(request));
                    }
                }
                Action::LeaseEnded { lease, .. } => self.program.handle_ended(lease, events),
                Action::Decided { call, result } => {
                    self.program.handle_decided(
                        &mut self.core,
                        &sample,
                        call,
                        result,
                        around,
                        events,
                    );
                }
                Action::SessionChanged { state: SessionState::Ended, .. }
                    if !self.program.closes() =>
                {
                    events.push(ClientEvent::LostSession);
                }
                Action::Extend(_) | Action::SessionChanged { .. } => {}
            }
        }
    }

    /// What the program would read now of each of its leases.
    fn observe(&self, sample: &Sample, events: &mut Vec<ClientEvent>) {
        for lease in self.program.leases() {
            if self.core.remaining(sample, lease).is_zero() {
                events.push(ClientEvent::Ended { lease });
            } else {
                events.push(ClientEvent::Believes { lease });
            }
        }
    }
}

/// The address of a node's machine.
#[must_use]
pub fn address_of(host: HostId) -> String {
    format!("node-{}:7400", host.0)
}

fn host_at(endpoint: &str) -> HostId {
    let number = endpoint.strip_prefix("node-").and_then(|rest| rest.strip_suffix(":7400"));
    let number = number.and_then(|number| number.parse().ok());
    HostId(number.unwrap_or_else(|| panic!("{endpoint} is no node's address")))
}
