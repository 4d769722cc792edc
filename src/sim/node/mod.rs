//! One simulated node: a machine, and on it a process that runs `server` as the real one does.
//!
//! Arrivals wait until the process runs; a step takes them all, as a turn of the loop takes what sockets
//! have. The process is busy until the local time that its step reached.

pub mod dials;
mod fate;
pub mod handshake;
pub mod outlet;
mod place;
pub mod process;
pub mod talk;

pub use fate::Fate;
pub use place::{host_of, slot_of};

use crate::base::{ClusterKey, ConnectionId, Index, NodeId, rng::Rng};
use crate::lock::LockMachine;
use crate::raft::{LeaderLease, Raft, Role};
use crate::server::{Bootstrap, Server, ServerError, ServerOptions};
use crate::sim::charges::Work;
use crate::sim::checkers::Violation;
use crate::sim::checkers::durability::Ledger;
use crate::sim::checkers::rounds::Asked;
use crate::sim::disk::SimDisk;
use crate::sim::disk::host::SharedHost;
use crate::sim::network::{Arrival, HostId, LineId, Network, Side};
use crate::sim::node::outlet::{Outgoing, Outlet, drain_durable};
use crate::sim::node::process::Process;
use crate::sim::node::talk::Build;
use crate::sim::plan::settings::Settings;

/// One simulated node.
#[derive(Debug)]
pub struct SimNode {
    /// Id of the node.
    pub id: NodeId,
    /// Its machine's place in the network.
    pub host_id: HostId,
    /// Machine of the node.
    pub host: SharedHost,
    /// The running process.
    pub process: Option<Process>,
    /// The process does nothing before this.
    pub busy_until: u64,
    /// When the next step is foreseen; `u64::MAX` if none is.
    pub step_at: u64,
    /// Starts so far.
    pub starts: u64,
    /// Whether it starts again when somebody wants it to.
    pub fate: Fate,
    /// Its disk was exchanged for an empty one: under its id it is let in no more.
    pub is_emptied: bool,
    /// Whether it was ever seen to be a member of a founded cluster.
    pub is_founded: bool,
    /// The claim that the last step left to be published.
    publication: Option<(u64, Option<LeaderLease>)>,
    claimed: Option<LeaderLease>,
    lease: Option<LeaderLease>,
    /// The build that its next start runs.
    build: Build,
    /// Told to stop: its role at that time, and since when.
    departs: Option<(Role, u64)>,
    /// A program gives leadership up, to this node or to any.
    resigns: Option<Option<NodeId>>,
    arrivals: Vec<(LineId, Side, Arrival)>,
    /// Empty; kept for its room.
    left: Vec<(u64, Outgoing)>,
    options: ServerOptions,
    settings: Settings,
}

/// How a step ended, with what left in it.
#[derive(Debug)]
pub enum StepEnd {
    /// The process goes on.
    Goes(Vec<(u64, Outgoing)>),
    /// A fault hit it in the middle.
    Crashed(Vec<(u64, Outgoing)>),
    /// Ended by itself, as it must after an error of its disk (W2).
    Ended(Vec<(u64, Outgoing)>),
    /// Ended by itself, since its directory is empty and should not be (W8).
    Emptied(Vec<(u64, Outgoing)>),
}

/// A server as checkers see it.
#[derive(Clone, Copy, Debug)]
pub struct Inside<'a> {
    /// Consensus state.
    pub raft: &'a Raft,
    /// Lock state.
    pub machine: &'a LockMachine,
    /// The newest entry that the machine has applied.
    pub applied: Index,
}

impl SimNode {
    /// A node that is not started.
    #[must_use]
    pub fn new(
        host_id: HostId,
        host: SharedHost,
        (options, settings): (ServerOptions, Settings),
    ) -> Self {
        Self {
            id: options.node,
            fate: match options.bootstrap {
                Bootstrap::Founder => Fate::Comes,
                Bootstrap::Joiner => Fate::Unborn,
            },
            host_id,
            host,
            process: None,
            busy_until: 0,
            step_at: u64::MAX,
            starts: 0,
            is_emptied: false,
            is_founded: false,
            publication: None,
            claimed: None,
            lease: None,
            build: Build::New,
            departs: None,
            resigns: None,
            arrivals: Vec::new(),
            left: Vec::new(),
            options,
            settings,
        }
    }

    /// Starts the process: it recovers its directory, which takes time. `Crashed` if it was hit meanwhile.
    ///
    /// # Errors
    /// The directory cannot be used.
    pub fn start(&mut self, now: u64) -> Result<StepEnd, ServerError> {
        self.arrivals.clear();
        self.starts += 1;
        self.host.borrow_mut().restart(now);
        let (sample, entropy, seed) = {
            let mut host = self.host.borrow_mut();
            (host.read_clocks(), host.rng.bytes16(), host.rng.number())
        };
        let (boot, speech) = (self.starts, self.build.speech());
        let cluster_key = Some(ClusterKey(Rng::new(seed).bytes32()));
        let options = ServerOptions { boot, seed, speech, cluster_key, ..self.options.clone() };
        let options = self.settings.of_start(options, seed);
        let server = Server::open(options, SimDisk::new(self.host.clone()), entropy, &sample);
        if self.host.borrow().crashed {
            return Ok(StepEnd::Crashed(Vec::new()));
        }
        let server = server?;
        self.host.borrow_mut().charge(Work::of_start(&server));
        self.busy_until = self.host.borrow().local;
        let waits = {
            let rng = &mut self.host.borrow_mut().rng;
            if rng.chance(3, 4) { 0 } else { rng.below(ASKS_WITHIN_NANOS) }
        };
        self.process = Some(Process::new(server, self.id, self.build, now + waits, seed));
        Ok(StepEnd::Goes(Vec::new()))
    }

    /// The build that its next start runs.
    #[must_use]
    pub fn build(&self) -> Build {
        self.build
    }

    /// Somebody replaces the program: its next start runs that build.
    pub fn set_build(&mut self, build: Build) {
        self.build = build;
    }

    /// Something came in; it waits until the process runs.
    pub fn push_arrival(&mut self, line: LineId, side: Side, arrival: Arrival) {
        if self.process.is_some() {
            self.arrivals.push((line, side, arrival));
        }
    }

    /// One turn of the process.
    ///
    /// # Errors
    /// A violation: an acknowledgement too early, or a node that ended by itself.
    pub fn step(
        &mut self,
        now: u64,
        network: &mut Network,
        ledger: &mut Ledger,
    ) -> Result<StepEnd, Violation> {
        let Some(process) = &mut self.process else { return Ok(StepEnd::Goes(Vec::new())) };
        {
            let mut host = self.host.borrow_mut();
            (host.local, host.operations, host.worked) = (now, 0, 0);
        }
        process.asked.clear();
        let bytes_in = self.arrivals.iter().map(|(.., arrival)| arrival.bytes()).sum();
        for (line, side, arrival) in self.arrivals.drain(..) {
            process.handle_arrival(now, self.id, line, side, arrival, network);
        }
        if let Some(violation) = process.take_violation() {
            return Err(violation);
        }
        process.follow_members(now, network);
        process.dial_due(now, self.host_id, network);
        if let Some(to) = self.resigns.take() {
            process.resign(to);
            self.claimed = None;
        }
        let messages_in = process.inputs.len() as u64;
        let read = Work { turns: 1, messages_in, bytes_in, ..Work::default() };
        self.host.borrow_mut().charge(read);
        let (who, left) = ((self.id, process.claim()), std::mem::take(&mut self.left));
        let mut outlet = Outlet::new(who, self.host.clone(), ledger, left);
        let ended = process.step(&mut outlet);
        let left = match &ended {
            Ok(()) => outlet.finish()?,
            // The messages that the step had left to send are lost.
            Err(_) => outlet.abandon()?,
        };
        let (crashed, told) = {
            let host = self.host.borrow();
            (host.crashed, host.faults.told)
        };
        process.send(self.id, &left, network);
        if ended.is_ok() {
            self.read_claim();
        }
        self.is_founded |= self.inside().is_some();
        self.busy_until = self.host.borrow().local;
        match ended {
            _ if crashed => Ok(StepEnd::Crashed(left)),
            Ok(()) if told.is_none() => Ok(StepEnd::Goes(left)),
            Err(_) if told.is_some() => Ok(StepEnd::Ended(left)),
            Err(_) if self.is_emptied => Ok(StepEnd::Emptied(left)),
            Ok(()) => {
                let what = format!("node {} goes on after its disk said {told:?} (W2)", self.id);
                Err(Violation::new("O4", what))
            }
            Err(error) => Err(Violation::new("O16", format!("node {} ended: {error}", self.id))),
        }
    }

    /// Takes back the buffer of a step's messages, for the next step.
    pub fn reuse(&mut self, mut left: Vec<(u64, Outgoing)>) {
        left.clear();
        self.left = left;
    }

    /// A program gives leadership up: from its next step on the process claims nothing, until it is known
    /// how that ended.
    pub fn resign(&mut self, to: Option<NodeId>) {
        if self.process.is_some() {
            self.resigns = Some(to);
        }
    }

    /// The process is told to stop: a leader hands over first.
    pub fn depart(&mut self, now: u64) {
        if let Some(process) = &self.process {
            self.departs = Some((process.server.role(), now));
            self.resign(None);
        }
    }

    /// Whether it was told to stop, and ends now: another one leads, whom its clients have heard of from it, or none will.
    #[must_use]
    pub fn has_departed(&self, now: u64) -> bool {
        let (Some((led, since)), Some(inside)) = (self.departs, self.inside()) else {
            return false;
        };
        let raft = inside.raft;
        let leads = raft.role() == Role::Leader;
        let is_settled = !raft.is_transferring() && (leads || raft.leader().is_some());
        let is_about_to = self.resigns.is_some();
        !is_about_to && (led != Role::Leader || is_settled || now - since >= LINGER_NANOS)
    }

    /// Whether the process is about to take a resignation.
    #[must_use]
    pub fn is_resigning(&self) -> bool {
        self.resigns.is_some()
    }

    /// Arrivals on `line` that were not read are lost with it.
    pub fn drop_arrivals(&mut self, line: LineId) {
        self.arrivals.retain(|(on, ..)| *on != line);
    }

    /// From its next start on, whom it asks to let it into the cluster.
    pub fn set_known(&mut self, members: Vec<(NodeId, String)>) {
        if self.options.bootstrap == Bootstrap::Joiner {
            self.options.members = members;
        }
    }

    /// Oddities since the last call ([`Process::odd`]).
    pub fn take_odd(&mut self) -> [u64; 7] {
        self.process.as_mut().map(|process| std::mem::take(&mut process.odd)).unwrap_or_default()
    }

    /// The claim that the step left to be published, and when.
    pub fn take_publication(&mut self) -> Option<(u64, Option<LeaderLease>)> {
        self.publication.take()
    }

    /// The replica of its server, once founded.
    #[must_use]
    pub fn inside(&self) -> Option<Inside<'_>> {
        let replica = self.process.as_ref()?.server.replica()?;
        let (raft, machine) = (replica.raft(), replica.machine());
        Some(Inside { raft, machine, applied: replica.applied() })
    }

    /// Questions that its process read for its last step and that need a round.
    #[must_use]
    pub fn asked(&self) -> &[(ConnectionId, Asked)] {
        self.process.as_ref().map_or(&[], |process| &process.asked)
    }

    /// To whom its process is connected.
    pub fn peers(&self) -> impl Iterator<Item = NodeId> {
        self.process.iter().flat_map(Process::connected)
    }

    /// The claim to lead that its process published last.
    #[must_use]
    pub fn claimed(&self) -> Option<LeaderLease> {
        self.claimed
    }

    /// The claim that it may make, whether programs have asked or not.
    #[must_use]
    pub fn lease(&self) -> Option<LeaderLease> {
        self.lease
    }

    /// How much its log may hold.
    #[must_use]
    pub fn log_bytes_max(&self) -> u64 {
        self.options.log_bytes_max
    }

    /// Whether the directory holds damage that the process must refuse.
    #[must_use]
    pub fn is_damaged(&self) -> bool {
        self.host.borrow().is_damaged()
    }

    /// Publishes its claim, as a process does after each turn: it reads the clocks and posts the claim, for programs
    /// to compare with fresh readings (C4). It may stop in between.
    fn read_claim(&mut self) {
        let Some(process) = &mut self.process else { return };
        process.post(self.host.borrow().local);
        if process.server.role() != Role::Leader && self.claimed.is_none() {
            self.lease = None;
            return;
        }
        let mut host = self.host.borrow_mut();
        self.lease = process.server.leader_lease(&host.read_clocks());
        let claim = self.lease.filter(|_| process.may_claim());
        if claim != self.claimed {
            self.claimed = claim;
            self.publication = Some((host.local, claim));
        }
    }

    /// The process is gone; `host` is left as it is.
    pub fn stop(&mut self, at: u64, ledger: &mut Ledger) {
        self.host.borrow_mut().stop(at);
        drain_durable(&self.host, ledger);
        for write in self.host.borrow().storage.unsynced_writes() {
            ledger.handle_unsynced(write);
        }
        self.process = None;
        (self.publication, self.claimed, self.lease) = (None, None, None);
        (self.resigns, self.departs) = (None, None);
        self.arrivals.clear();
        self.step_at = u64::MAX;
    }

    /// When the process wants to run next, if nothing comes in.
    #[must_use]
    pub fn next_wake(&self, now: u64) -> u64 {
        let Some(process) = &self.process else { return u64::MAX };
        let deadline = process.server.next_deadline();
        let server = match deadline {
            u64::MAX => u64::MAX,
            deadline => self.host.borrow().clocks.instant_of(deadline, now),
        };
        server.min(process.next_dial())
    }
}

/// How long after a start programs ask at the latest whether they lead.
const ASKS_WITHIN_NANOS: u64 = 5_000_000_000;
/// How long a node that stops waits for another one to lead.
const LINGER_NANOS: u64 = 1_000_000_000;
