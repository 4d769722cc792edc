//! The simulated world: machines, network and clients, one queue of events, one thread.

pub mod clients;
pub mod event;
pub mod nodes;
pub mod phases;
pub mod queue;
mod report;
pub mod watch;

use crate::base::{ClusterId, Index, NodeId, rng::Rng};
use crate::sim::checkers::calm::Calm;
use crate::sim::checkers::durability::Ending;
use crate::sim::checkers::judge::Judge;
use crate::sim::checkers::{Violation, bounds};
use crate::sim::client::SimClient;
use crate::sim::client::crowd::Guests;
use crate::sim::client::stranger::Strangers;
use crate::sim::client::visitor::Visitors;
use crate::sim::disk::host::Host;
use crate::sim::faults::FOUNDING;
use crate::sim::faults::crowd::CROWD_AT;
use crate::sim::faults::rights::RIGHTS_AT;
use crate::sim::marks::Mark;
use crate::sim::network::links::Links;
use crate::sim::network::replay::History;
use crate::sim::network::{Arrival, HostId, Network, NetworkEvent};
use crate::sim::node::{Fate, SimNode, host_of};
use crate::sim::operators::Operator;
use crate::sim::operators::rolling::WORK_AT;
use crate::sim::plan::Plan;
use crate::sim::plan::fault::Fault;
use crate::sim::program::resource::Resource;
use crate::sim::trace::Trace;
use crate::sim::world::event::Event;
use crate::sim::world::queue::Queue;
use std::collections::BTreeSet;

/// Everything there is in one run.
#[derive(Debug)]
pub struct World {
    /// Simulated real time, in nanoseconds.
    pub now: u64,
    /// The plan that the seed decided.
    pub plan: Plan,
    /// Trace of the run.
    pub trace: Trace,
    pub(super) rng: Rng,
    pub(super) queue: Queue<Event>,
    pub(super) network: Network,
    pub(super) nodes: Vec<SimNode>,
    pub(super) clients: Vec<SimClient>,
    pub(super) operator: Operator,
    pub(super) visitors: Visitors,
    pub(super) strangers: Strangers,
    pub(super) guests: Guests,
    /// O25: a crowd costs nobody the lead.
    pub(super) calm: Calm,
    /// The entry that put the members in force that the world knows of.
    pub(super) members_index: Index,
    /// The newest incarnation of the cluster.
    pub(super) epoch: u64,
    /// When the cluster was restored last.
    pub(super) restored_at: u64,
    /// Clusters before the present one.
    pub(super) past_clusters: BTreeSet<ClusterId>,
    /// When each node was elected last.
    pub(super) elected_at: Vec<u64>,
    /// The node whose turn to restart it is.
    pub(super) next_to_stop: usize,
    /// The next elected leader is told to hand over.
    pub(super) moves_on: bool,
    pub(super) resource: Resource,
    pub(super) judge: Judge,
    pub(super) phase: Phase,
    /// When something was last not as it should be, or will be until.
    pub(super) calm_since: u64,
    /// From here on the healed core must keep its leader.
    pub(super) settled_at: u64,
    /// Leaders that were elected while machines were merely late.
    pub(super) elected_late: u64,
    /// When the present phase must be over at the latest.
    pub(super) ends_by: u64,
}

/// How far a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Faults strike.
    Faults,
    /// A majority of the nodes is healed for good, the rest is out for good; everybody must come to rest.
    Core,
    /// All is healed and restarted; all nodes must become equal.
    Whole,
    /// Everybody has.
    Over,
}

impl World {
    /// The world of a seed, before its first event.
    #[must_use]
    pub fn new(plan: Plan, mut rng: Rng, trace: Trace) -> Self {
        let history =
            plan.classes.contains(&Fault::Replay).then(|| History::before(plan.operator_host()));
        let network = Network::new(Links::new(rng.fork(), plan.delay_nanos), history);
        let nodes: Vec<SimNode> = (1..=plan.machines)
            .map(|node| {
                let host = Host::new(rng.fork(), plan.node_pauses);
                host.borrow_mut().storage.forgets_renames =
                    plan.classes.contains(&Fault::LostRename);
                host.borrow_mut().slowness = plan.slowness;
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
            elected_at: vec![0; nodes.len()],
            next_to_stop: 0,
            moves_on: false,
            judge: Judge::new(nodes.len(), plan.nodes, plan.server.names_per_part),
            nodes,
            clients,
            operator: Operator::new(plan.operator_host()),
            visitors: Visitors::new(plan.visitors_host()),
            strangers: Strangers::new(plan.visitors_host()),
            guests: Guests::new(plan.visitors_host()),
            calm: Calm::default(),
            members_index: FOUNDING,
            epoch: 0,
            restored_at: 0,
            past_clusters: BTreeSet::new(),
            resource: Resource::default(),
            phase: Phase::Faults,
            calm_since: 0,
            settled_at: u64::MAX,
            elected_late: 0,
            ends_by: u64::MAX,
            rng,
            plan,
        };
        if world.plan.crowd.is_some() {
            world.judge.states.look_at_one_of(256);
        } else if world.plan.habits.wishes.are_wide() {
            world.judge.states.look_at_one_of(16);
        }
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
        for (at, event) in self.network.drain_due() {
            self.queue.push(at, Event::Network(event));
        }
        Ok(())
    }

    /// How far the run is.
    #[must_use]
    pub fn phase(&self) -> Phase {
        self.phase
    }

    fn foresee_beginning(&mut self) {
        for slot in 0..self.nodes.len() {
            self.nodes[slot].set_build(self.plan.first_build(&mut self.rng));
        }
        for slot in 0..usize::try_from(self.plan.nodes).expect("few") {
            self.queue.push(self.rng.below(50_000_000), Event::Restart(slot));
        }
        for slot in 0..self.clients.len() {
            self.queue.push(self.rng.below(500_000_000), Event::NewClient(slot));
        }
        for injection in std::mem::take(&mut self.plan.schedule) {
            self.queue.push(injection.at, Event::Strike(Box::new(injection)));
        }
        if self.plan.rolling.is_some() || self.plan.sleeper.is_some() {
            self.queue.push(WORK_AT, Event::Work);
        }
        if self.plan.rights.is_some() {
            self.queue.push(RIGHTS_AT, Event::Rights);
        }
        if self.plan.crowd.is_some() {
            self.queue.push(CROWD_AT, Event::Crowd);
        }
        if let Some(lateness) = self.plan.lateness {
            self.begin_lateness();
            self.queue.push(lateness.until, Event::OnTime);
        }
        let again = self.plan.restore.and_then(|restore| restore.again_at);
        for at in self.plan.restore.map(|restore| restore.at).into_iter().chain(again) {
            self.queue.push(at, Event::Restore);
        }
        self.queue.push(self.plan.core_at, Event::Core);
    }

    fn handle(&mut self, event: Event) -> Result<(), Violation> {
        match event {
            Event::Network(event) => {
                self.handle_network(event);
                return self.strangers.check();
            }
            Event::Node(slot) => return self.step_node(slot),
            Event::Client(slot) => return self.step_client(slot),
            Event::Restart(slot) => return self.start_node(slot),
            Event::Publish { slot, start, claim } => return self.publish(slot, start, *claim),
            Event::Wake(host) => self.wake(host),
            Event::MakeRoom(slot) => self.nodes[slot].host.borrow_mut().faults.is_full = false,
            Event::AskAgain(line) => self.ask_again(line),
            Event::EndOrder(line) => self.end_order(line),
            Event::EndVisit(line) => self.end_visit(line),
            Event::EndStranger(line) => self.end_stranger(line),
            Event::Retire(slot) if self.nodes[slot].fate == Fate::Gone => {
                self.crash(slot, Ending::Killed);
            }
            Event::Retire(_) => {}
            Event::Restore if self.phase == Phase::Faults => self.restore(),
            Event::Rights => self.change_rights(),
            Event::Work if self.phase != Phase::Faults => {}
            Event::Work if self.plan.sleeper.is_some() => self.go_on_with_the_sleep(),
            Event::Work => self.go_on_with_the_work(),
            Event::NewClient(slot) => self.start_client(slot),
            Event::Write(write) => {
                return self.resource.write(*write, &self.judge.model, &mut self.trace);
            }
            Event::Inspect { client, since } => return self.inspect_grave(client, since),
            Event::Crowd if self.phase == Phase::Faults => self.receive_crowd(),
            Event::Crowd => {}
            Event::OnTime => self.end_lateness(),
            Event::Core => {
                self.check_sleeper()?;
                self.check_forgotten()?;
                self.check_turns()?;
                self.begin_core();
            }
            Event::Break(slot) if self.phase == Phase::Core => self.break_lines(slot),
            Event::Break(_) => {}
            Event::Finish => self.finish_programs(),
            Event::Verdict => return self.check_phase(),
            // Ends of faults that were foreseen are void once a core is healed.
            fault if self.phase == Phase::Faults => return self.handle_fault(fault),
            _ => {}
        }
        Ok(())
    }

    fn handle_fault(&mut self, event: Event) -> Result<(), Violation> {
        match event {
            Event::Strike(injection) => {
                bounds::check_way(self.network.bytes_on_one_way())?;
                self.strike(*injection);
            }
            Event::Cut(links) => self.cut(&links),
            Event::Mend(links) => {
                links.iter().for_each(|(from, to)| self.network.mend(self.now, *from, *to));
            }
            Event::Lapse(slot) => self.lose_power_for_a_moment(slot),
            Event::MoveOn => {
                let mut dice = self.rng.fork();
                self.move_leader(&mut dice);
            }
            Event::Flap(flapping) => self.go_down(*flapping),
            Event::Calm(links) => links.iter().for_each(|(from, to)| {
                self.network.links().slow(*from, *to, 0);
                self.network.links().lose(*from, *to, 0);
            }),
            Event::Still(host, how, nanos) => self.still(host, how, nanos),
            Event::Slew(host, ppm) => self.slew(host, ppm),
            other => unreachable!("{other:?} is no fault"),
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
                    self.trace.messages += 1;
                }
                match arrival {
                    Arrival::TimedOut => self.trace.marks.hit(Mark::LineGivenUp),
                    Arrival::Refused => self.trace.marks.hit(Mark::DialRefused),
                    _ => {}
                }
                if self.trace.is_printed() && !matches!(arrival, Arrival::Bytes(_)) {
                    self.trace.line(self.now, format_args!("{host:?} {line:?} {arrival:?}"));
                }
                match self.client_at(host) {
                    _ if host == self.operator.host_id => self.handle_operator(line, arrival),
                    _ if self.strangers.are_on(line) && host == self.visitors.host_id => {
                        let network = &mut self.network;
                        self.strangers.handle_arrival(self.now, line, arrival, network);
                    }
                    _ if self.guests.are_on(line) && host == self.visitors.host_id => {
                        self.guests.handle_arrival(self.now, line, arrival, &mut self.network);
                    }
                    _ if host == self.visitors.host_id => {
                        let network = &mut self.network;
                        self.visitors.handle_arrival(self.now, line, arrival, network);
                    }
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
}

/// The least time from one turn of a process to the next that it asks for itself.
pub(super) const STEP_NANOS_MIN: u64 = 1_000;
