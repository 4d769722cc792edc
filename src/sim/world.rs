//! The simulated world: machines, network and clients, one queue of events, one thread.

use crate::base::{NodeId, Token, rng::Rng};
use crate::lock::Name;
use crate::raft::Role;
use crate::sim::checkers::Violation;
use crate::sim::checkers::durability::Ending;
use crate::sim::client::SimClient;
use crate::sim::host::Host;
use crate::sim::judge::Judge;
use crate::sim::network::{Arrival, HostId, Network, NetworkEvent};
use crate::sim::node::{SimNode, StepEnd, host_of};
use crate::sim::plan::Plan;
use crate::sim::queue::Queue;
use crate::sim::resource::Resource;
use crate::sim::run::Report;
use crate::sim::trace::Trace;

/// Everything there is in one run.
#[derive(Debug)]
pub struct World {
    /// Simulated real time, in nanoseconds.
    pub now: u64,
    /// What the seed decided.
    pub plan: Plan,
    /// What happened.
    pub trace: Trace,
    pub(super) rng: Rng,
    pub(super) queue: Queue<Event>,
    pub(super) network: Network,
    pub(super) nodes: Vec<SimNode>,
    pub(super) clients: Vec<SimClient>,
    pub(super) resource: Resource,
    pub(super) judge: Judge,
    pub(super) phase: Phase,
}

/// How far a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Faults happen.
    Faults,
    /// All is healed; everybody must come to rest.
    Healed,
    /// Everybody has.
    Over,
}

/// What can happen.
#[derive(Debug)]
pub enum Event {
    /// The network's own.
    Network(NetworkEvent),
    /// A node's turn.
    Node(usize),
    /// A client's turn.
    Client(usize),
    /// The next fault.
    Fault,
    /// A node starts again.
    Restart(usize),
    /// Links are cut.
    Cut(Vec<(HostId, HostId)>),
    /// Links are whole again.
    Mend(Vec<(HostId, HostId)>),
    /// Links are quick again.
    Hurry(Vec<(HostId, HostId)>),
    /// A machine goes to sleep for so long.
    Sleep(HostId, u64),
    /// It wakes.
    Wake(HostId),
    /// A machine's clocks are slewed.
    Slew(HostId, i64),
    /// A new process in a client's place.
    NewClient(usize),
    /// A write reaches the resource.
    Write { client: usize, process: u64, name: Name, token: Token },
    /// All faults end.
    Heal,
    /// Has everybody come to rest?
    Verdict,
}

impl World {
    /// The world of a seed, before its first event.
    #[must_use]
    pub fn new(seed: u64, trace: Trace) -> Self {
        let mut rng = Rng::new(seed);
        let plan = Plan::draw(&mut rng);
        let network = Network::new(rng.fork(), plan.delay_nanos);
        let nodes: Vec<SimNode> = (1..=plan.nodes)
            .map(|node| {
                let host = Host::new(rng.fork(), plan.node_pauses);
                SimNode::new(host_of(NodeId(node)), host, plan.server_of(NodeId(node)))
            })
            .collect();
        let clients = (0..plan.clients)
            .map(|slot| {
                SimClient::new(slot, plan.client_host(slot), rng.fork(), plan.client_pauses)
            })
            .collect();
        let mut world = Self {
            now: 0,
            trace,
            queue: Queue::new(),
            network,
            judge: Judge::new(nodes.len()),
            nodes,
            clients,
            resource: Resource::default(),
            phase: Phase::Faults,
            rng,
            plan,
        };
        world.foresee_beginning();
        world
    }

    /// Lets the next event happen.
    ///
    /// # Errors
    /// The violation that it showed.
    pub fn step(&mut self) -> Result<(), Violation> {
        let (at, event) = self.queue.pop().expect("the verdict is always foreseen");
        assert!(at >= self.now, "time ran back from {} to {at}", self.now);
        self.now = at;
        self.trace.mix(at);
        self.handle(event)?;
        for (at, event) in self.network.take_due() {
            self.queue.push(at, Event::Network(event));
        }
        Ok(())
    }

    /// How far the run is.
    #[must_use]
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// The last verdicts, and the report.
    ///
    /// # Errors
    /// Beliefs that overlap.
    pub fn finish(mut self) -> Result<Report, Violation> {
        self.trace.add("handovers", self.judge.holding.handovers);
        self.trace.add("grants", self.judge.states.grants);
        self.trace.add("entries committed", self.judge.consensus.committed().0);
        for node in &self.nodes {
            let host = node.host.borrow();
            self.trace.add("pauses inside a node's step", host.paused);
            self.trace.add("unsynced sectors and names dropped", host.storage.dropped);
        }
        let summary = self.judge.holding.check()?;
        self.trace.add("beliefs checked", summary.beliefs as u64);
        Ok(Report {
            simulated_nanos: self.now,
            trace_hash: self.trace.hash(),
            counts: self.trace.into_counts(),
        })
    }

    fn foresee_beginning(&mut self) {
        for slot in 0..self.nodes.len() {
            self.queue.push(self.rng.below(50_000_000), Event::Restart(slot));
        }
        for slot in 0..self.clients.len() {
            self.queue.push(self.rng.below(500_000_000), Event::NewClient(slot));
        }
        self.queue.push(self.rng.below(self.plan.fault_nanos), Event::Fault);
        self.queue.push(self.plan.heal_at, Event::Heal);
    }

    fn handle(&mut self, event: Event) -> Result<(), Violation> {
        match event {
            Event::Network(event) => self.handle_network(event),
            Event::Node(slot) => return self.step_node(slot),
            Event::Client(slot) => return self.step_client(slot),
            Event::Fault => self.inject(),
            Event::Restart(slot) => return self.start_node(slot),
            Event::Cut(links) if self.phase == Phase::Faults => {
                links.iter().for_each(|(from, to)| self.network.cut(*from, *to));
            }
            Event::Cut(_) => {}
            Event::Mend(links) => {
                links.iter().for_each(|(from, to)| self.network.mend(self.now, *from, *to));
            }
            Event::Hurry(links) => {
                links.iter().for_each(|(from, to)| self.network.slow(*from, *to, 0));
            }
            Event::Sleep(host, nanos) => self.put_to_sleep(host, nanos),
            Event::Wake(host) => self.wake(host),
            Event::Slew(host, ppm) => self.slew(host, ppm),
            Event::NewClient(slot) => self.start_client(slot),
            Event::Write { client, process, name, token } => {
                return self.resource.write(client, process, &name, token, &mut self.trace);
            }
            Event::Heal => self.heal(),
            Event::Verdict => return self.check_rest(),
        }
        Ok(())
    }

    fn handle_network(&mut self, event: NetworkEvent) {
        match event {
            NetworkEvent::Dial { line, attempt } => {
                self.network.handle_dial(self.now, line, attempt)
            }
            NetworkEvent::GiveUp { line, side, since } => {
                self.network.handle_give_up(self.now, line, side, since);
            }
            NetworkEvent::Deliver { line, side } => {
                let Some((host, arrival)) = self.network.handle_deliver(self.now, line, side)
                else {
                    return;
                };
                if let Arrival::Bytes(bytes) = &arrival {
                    self.trace.mix(u64::from(crate::base::checksum::crc32c(bytes)));
                    self.trace.count("messages");
                }
                if !matches!(arrival, Arrival::Bytes(_)) {
                    self.trace.line(self.now, format_args!("{host:?} {line:?} {arrival:?}"));
                }
                match self.client_at(host) {
                    Some(slot) => {
                        self.clients[slot].push_arrival(line, arrival);
                        self.foresee_client(slot, self.now);
                    }
                    None => {
                        self.nodes[host.0].push_arrival(line, side, arrival);
                        self.foresee_node(host.0, self.now);
                    }
                }
            }
        }
    }

    pub(super) fn client_at(&self, host: HostId) -> Option<usize> {
        host.0.checked_sub(self.nodes.len())
    }

    /// Foresees a turn of a node at `at`, or as soon as it is free.
    pub(super) fn foresee_node(&mut self, slot: usize, at: u64) {
        let node = &mut self.nodes[slot];
        let at = at.max(node.busy_until).max(self.now);
        if node.process.is_some() && at < node.step_at {
            node.step_at = at;
            self.queue.push(at, Event::Node(slot));
        }
    }

    pub(super) fn foresee_client(&mut self, slot: usize, at: u64) {
        let client = &mut self.clients[slot];
        let at = at.max(client.busy_until).max(self.now);
        if client.process.is_some() && at < client.step_at {
            client.step_at = at;
            self.queue.push(at, Event::Client(slot));
        }
    }

    fn step_node(&mut self, slot: usize) -> Result<(), Violation> {
        let node = &mut self.nodes[slot];
        if node.step_at != self.now {
            return Ok(());
        }
        node.step_at = u64::MAX;
        if node.busy_until > self.now {
            self.foresee_node(slot, self.now);
            return Ok(());
        }
        self.trace.count("node steps");
        let end = node.step(self.now, &mut self.network, &mut self.judge.ledgers[slot])?;
        match end {
            StepEnd::Crashed => self.crash_inside(slot),
            StepEnd::Goes(left) => {
                for (at, outgoing) in &left {
                    self.trace.line(*at, format_args!("node {} says {outgoing:?}", slot + 1));
                }
                let seen = self.judge.observe_node(&self.nodes[slot], &left)?;
                (0..seen.expiries).for_each(|_| self.trace.count("expiries proposed"));
                if seen.elected {
                    self.trace.count("leader changes");
                    self.trace.line(self.now, format_args!("node {} leads", slot + 1));
                }
                self.foresee_next_turn(slot);
            }
        }
        Ok(())
    }

    fn foresee_next_turn(&mut self, slot: usize) {
        let free = self.nodes[slot].busy_until;
        let wake = self.nodes[slot].next_wake(free.max(self.now));
        if wake != u64::MAX {
            self.foresee_node(slot, wake.max(self.now + STEP_NANOS_MIN));
        }
    }

    fn start_node(&mut self, slot: usize) -> Result<(), Violation> {
        if self.nodes[slot].process.is_some() {
            return Ok(());
        }
        self.trace.count("node starts");
        self.trace.line(self.now, format_args!("node {} starts", slot + 1));
        self.network.power_on(self.now, self.nodes[slot].host_id);
        match self.nodes[slot].start(self.now) {
            Ok(StepEnd::Crashed) => self.crash_inside(slot),
            Ok(StepEnd::Goes(_)) => {
                self.network.listen(self.nodes[slot].host_id);
                self.judge.handle_start(self.now, &self.nodes[slot])?;
                self.foresee_node(slot, self.now);
            }
            Err(error) => {
                let what = format!("node {} does not start: {error}", slot + 1);
                return Err(Violation::new("O16", what));
            }
        }
        Ok(())
    }

    fn crash_inside(&mut self, slot: usize) {
        self.trace.count("crashes inside a step");
        let ending = if self.rng.chance(1, 2) { Ending::Killed } else { Ending::PowerCut };
        self.crash(slot, ending);
        self.foresee_restart(slot);
    }

    /// Who leads the highest term, as far as nodes that run say.
    pub(super) fn leader(&self) -> Option<usize> {
        let leaders = self.nodes.iter().enumerate().filter_map(|(slot, node)| {
            let server = &node.process.as_ref()?.server;
            let leads = server.role() == Role::Leader;
            leads.then(|| (server.leader_hint().term, slot))
        });
        leaders.max().map(|(_, slot)| slot)
    }
}

/// The least time from one turn of a process to the next that it asks for itself.
pub(super) const STEP_NANOS_MIN: u64 = 1_000;
