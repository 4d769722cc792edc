//! A client's process: the real client core, and a program that uses it.
//!
//! The process can stop between any two of: reading a clock, telling the core, sending what the core says.
//! Each part happens at one instant of real time; a pause puts the rest off.

use crate::base::{ClusterId, Sample};
use crate::client::core::{
    Core, CoreAction, CoreOptions, EndReason, LeaseId, LinkId, SessionState,
};
use crate::sim::charges::Work;
use crate::sim::checkers::Violation;
use crate::sim::client::talk::{ClientTalk, host_at};
use crate::sim::client::watch::{ClientWatch, Home};
use crate::sim::client::{ClientEvent, SimClient, Surroundings};
use crate::sim::marks::Mark;
use crate::sim::network::{Arrival, HostId, LineId, Network, Side};
use crate::sim::node::talk::{Build, client_hello, frame, read_frames};
use crate::sim::program::Program;
use crate::wire::{
    ClientWelcome, Form, Frame, FrameKind, Refused, RefusedCode, Request, ServerMessage, Welcomed,
};
use std::collections::{BTreeMap, VecDeque};

/// A client process.
#[derive(Debug)]
pub struct ClientProcess {
    /// The production code.
    pub core: Core,
    /// The program that uses it.
    pub program: Program,
    /// Messages to it, as far as its beliefs depend on them.
    pub watch: ClientWatch,
    name: String,
    cluster: Option<ClusterId>,
    talks: BTreeMap<LineId, ClientTalk>,
    links: BTreeMap<LinkId, LineId>,
    arrivals: VecDeque<(LineId, Arrival)>,
    /// Read, with the sample that was taken then, and not yet handled: the process stopped in between.
    read: Option<(Sample, LineId, Arrival)>,
    /// Said by the core, and not yet done.
    undone: VecDeque<CoreAction>,
    /// A node said that this is another cluster than before.
    is_stranger: bool,
    /// The process goes on in a cluster that was restored from its own.
    has_gone_over: bool,
    build: Build,
    /// Work of the present turn.
    work: Work,
    /// A message that a server must not have sent.
    violation: Option<Violation>,
}

/// Whether a step came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::sim) enum Progress {
    Done,
    Paused,
}

impl ClientProcess {
    /// A process that has not done anything yet.
    #[must_use]
    pub fn new(options: CoreOptions, program: Program, build: Build, sample: &Sample) -> Self {
        Self {
            name: options.client.clone(),
            watch: ClientWatch::new(options.progress),
            core: Core::new(options, sample),
            program,
            cluster: None,
            talks: BTreeMap::new(),
            links: BTreeMap::new(),
            arrivals: VecDeque::new(),
            read: None,
            undone: VecDeque::new(),
            is_stranger: false,
            has_gone_over: false,
            build,
            work: Work::default(),
            violation: None,
        }
    }

    /// Work of the turn that ends.
    pub(in crate::sim) fn take_work(&mut self) -> Work {
        std::mem::take(&mut self.work)
    }

    /// Something came in; it waits for the next turn.
    pub fn push_arrival(&mut self, line: LineId, arrival: Arrival) {
        self.arrivals.push_back((line, arrival));
    }

    /// Whether it was welcomed by a cluster, and will be so by no other.
    #[must_use]
    pub fn knows_cluster(&self) -> bool {
        self.cluster.is_some()
    }

    pub(in crate::sim) fn has_work(&self) -> bool {
        self.read.is_some() || !self.undone.is_empty() || !self.arrivals.is_empty()
    }

    /// One turn, unless it stops in the middle.
    pub(in crate::sim) fn run(
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
            self.watch.handle_moved(&sample);
            self.perform(machine, around, network, events);
        }
        if let Some(violation) = self.violation.take() {
            events.push(ClientEvent::Violated(violation));
        }
        if std::mem::take(&mut self.has_gone_over) {
            events.push(ClientEvent::Mark(Mark::GoneOver));
            events.push(ClientEvent::Count("clients that go over to a restored cluster"));
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
        self.work.messages_in += 1;
        self.work.bytes_in += arrival.bytes();
        match arrival {
            Arrival::Accepted => {
                self.core.handle_connected(link);
                let hello = client_hello(talk.form, &self.name, self.core.hello().cluster);
                network.send(now, line, Side::Dialer, hello);
            }
            Arrival::Bytes(bytes) => {
                let mut frames = Vec::new();
                read_frames(&mut talk.decoder, &bytes, &mut frames).unwrap_or_else(|error| {
                    panic!("{host:?} reads what our own codec wrote: {error}")
                });
                talk.is_welcomed |= !frames.is_empty();
                for frame in frames {
                    self.handle_frame(sample, link, &frame);
                }
            }
            Arrival::Refused => self.handle_closed(sample, line, link, "nobody listens there"),
            Arrival::TimedOut => self.handle_closed(sample, line, link, "no answer"),
            // As the driver does: a node of 0.1.0 does not know the newer hello.
            Arrival::ClosedByPeer | Arrival::Reset
                if talk.form == Form::Named && !talk.is_welcomed =>
            {
                let to = talk.host;
                self.talks.remove(&line);
                let line = network.dial(now, host, to);
                self.links.insert(link, line);
                self.talks.insert(line, ClientTalk::new(link, to, Form::Fixed));
            }
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
                self.handle_welcome(sample, link, welcome.into());
            }
            FrameKind::Welcome => {
                let values = frame.decode().expect("our own codec");
                let welcomed = Welcomed::from_values(&values).expect("our own");
                self.handle_welcome(sample, link, welcomed);
            }
            FrameKind::Refused => {
                let refused = frame.decode::<Refused>().expect("our own codec");
                self.is_stranger |= refused.code == RefusedCode::Cluster;
                self.core.handle_refused(sample, link, refused);
            }
            FrameKind::Server => {
                let message = frame.decode::<ServerMessage>().expect("our own codec");
                let checked = self.build.check(message.needs(), &message);
                self.violation = self.violation.take().or(checked.err());
                self.watch.handle_message(sample, &message);
                if !self.program.mixes_kinds() {
                    let refused = ClientWatch::check_refusal(&message).err();
                    self.violation = self.violation.take().or(refused);
                }
                if self.core.home() == Some(link) {
                    let (_, session) = self.core.session(sample);
                    let home = Home { link, session, ttl: self.core.ttl() };
                    let leases = self.program.leases().into_iter();
                    let held = leases.filter_map(|lease| self.program.token_of(lease));
                    self.watch.handle_listed(sample, &home, held, &message);
                }
                self.core.handle_message(sample, link, message);
            }
            kind => panic!("a client is sent {kind:?}"),
        }
    }

    /// One of another cluster makes it a stranger, unless that goes on from its own.
    fn handle_welcome(&mut self, sample: &Sample, link: LinkId, welcomed: Welcomed) {
        if let (Some(known), Some(told)) = (self.core.cluster(), welcomed.welcome.cluster) {
            let is_strange = told != known && !welcomed.ancestors.contains(known);
            self.is_stranger |= is_strange;
            if is_strange {
                self.watch.handle_contradiction();
            }
        }
        let before = self.core.cluster();
        self.core.handle_welcome(sample, link, welcomed);
        self.cluster = self.core.cluster().or(self.cluster);
        if before.is_some() && self.core.cluster() != before {
            self.has_gone_over = true;
            self.program.begin_anew();
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
            let Some(action) = self.undone.pop_front() else {
                events.extend(self.violation.take().map(ClientEvent::Violated));
                return self.watch.handle_looked(&sample);
            };
            match action {
                CoreAction::Dial { link, endpoint } => {
                    let to = host_at(&endpoint);
                    let line = network.dial(now, machine.host_id, to);
                    events.push(ClientEvent::Line { link, what: "dialed" });
                    self.links.insert(link, line);
                    self.talks.insert(line, ClientTalk::new(link, to, self.build.form()));
                }
                CoreAction::Hangup { link } => {
                    events.push(ClientEvent::Line { link, what: "hung up" });
                    self.hang_up(now, link, network);
                }
                CoreAction::Send { link, request } => {
                    events.extend(self.send(now, link, request, network));
                }
                CoreAction::LeaseAsked { lease, .. } => self.program.handle_asked(lease, events),
                CoreAction::LeaseEnded { lease, reason } => self.end_lease(lease, reason, events),
                CoreAction::Observed { observer, seen } => {
                    events.push(ClientEvent::Observed { observer, seen });
                }
                CoreAction::ObserverFailed { observer, .. } => {
                    self.program.observers.remove(&observer);
                    events.push(ClientEvent::Dismissed { observer });
                    events.push(ClientEvent::Count("observers refused"));
                }
                CoreAction::Decided { call, result } => {
                    self.program.handle_decided(
                        &mut self.core,
                        &sample,
                        call,
                        result,
                        around,
                        events,
                    );
                }
                CoreAction::SessionChanged { state, .. } => {
                    self.change_state(&sample, state, events)
                }
                CoreAction::Extend(_) => {}
            }
        }
    }

    fn send(
        &mut self,
        now: u64,
        link: LinkId,
        request: Request,
        network: &mut Network,
    ) -> Option<ClientEvent> {
        let line = *self.links.get(&link)?;
        let frame = frame(FrameKind::Request, &request);
        self.work.messages_out += 1;
        self.work.bytes_out += frame.len() as u64;
        network.send(now, line, Side::Dialer, frame);
        Some(ClientEvent::Sent(request))
    }

    fn hang_up(&mut self, now: u64, link: LinkId, network: &mut Network) {
        if let Some(line) = self.links.remove(&link) {
            self.talks.remove(&line);
            network.close(now, line, Side::Dialer);
        }
    }

    fn end_lease(&mut self, lease: LeaseId, reason: EndReason, events: &mut Vec<ClientEvent>) {
        let token = self.program.token_of(lease);
        let unheard = token.is_some_and(|token| !self.watch.was_asked(token));
        if reason == EndReason::Broken && unheard {
            events.push(ClientEvent::Mark(Mark::TakenUnheard));
        }
        self.program.handle_ended(lease, reason, events);
    }

    fn change_state(
        &mut self,
        sample: &Sample,
        state: SessionState,
        events: &mut Vec<ClientEvent>,
    ) {
        events.push(ClientEvent::Count(match state {
            SessionState::Valid => "sessions that are valid (again)",
            SessionState::Jeopardy => "sessions in jeopardy",
            SessionState::Ended => "sessions that end at their clients",
        }));
        if self.program.closes() {
            return;
        }
        if state == SessionState::Jeopardy {
            events.push(ClientEvent::InJeopardy);
        }
        let ttl = self.core.ttl();
        if let Err(violation) = self.watch.handle_state(sample, ttl, state) {
            events.push(ClientEvent::Violated(violation));
        }
        if state == SessionState::Ended {
            let is_stalled = self.watch.is_stalled(sample);
            events.push(ClientEvent::LostSession { is_stalled });
        }
    }

    /// What the program would read now of each of its leases.
    pub(in crate::sim) fn observe(&self, sample: &Sample, events: &mut Vec<ClientEvent>) {
        for lease in self.program.leases() {
            let remaining = self.core.remaining(sample, lease);
            if remaining.is_zero() {
                events.push(ClientEvent::Ended { lease });
                continue;
            }
            events.push(ClientEvent::Believes { lease });
            let token = self.program.token_of(lease).expect("it has this lease");
            if let Err(violation) = self.watch.check_belief(sample, &self.core, (token, remaining))
            {
                events.push(ClientEvent::Violated(violation));
            }
        }
    }
}
