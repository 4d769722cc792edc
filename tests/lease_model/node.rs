//! A node: the real replica, a disk that keeps what was synced, and the one order of a server's turn.

use crate::lease_model::clock::Clock;
use std::collections::VecDeque;
use std::time::Duration;
use tenure::base::meters::Meters;
use tenure::base::{
    ClientSource, ConnectionId, DirectoryId, NodeId, Round, Sample, Subject, Term, WriteSeq, limits,
};
use tenure::lock::LEVEL_MAX;
use tenure::raft::{
    Config, Entry, Event, HardState, LeaderLease, LeaseTold, Membership, Message, Raft, Recovered,
    Role, Write,
};
use tenure::replica::{Output, Replica, ReplicaOptions, Storage, Turn};
use tenure::wire::Abilities;
use tenure::wire::{Request, ServerMessage};

/// One node.
#[derive(Clone, Debug)]
pub struct Node {
    pub id: NodeId,
    pub clock: Clock,
    /// `None` while it is crashed.
    pub replica: Option<Replica>,
    pub disk: Disk,
    pub state: Running,
    /// The largest round that it sent, with its term: for a weakening.
    pub newest_round: (Term, Round),
    durable: WriteSeq,
    waiting: VecDeque<(WriteSeq, NodeId, Message)>,
}

/// Whether a process takes its next step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Running {
    Freely,
    /// Stopped between two steps.
    Paused,
    /// Its next sync will not return.
    Stalling,
    /// Inside a sync that does not return.
    Blocked(Vec<Write>),
}

/// What was synced.
#[derive(Clone, Debug, Default)]
pub struct Disk {
    pub hard_state: HardState,
    pub entries: Vec<Entry>,
}

/// What a node is told in one turn.
#[derive(Debug)]
pub enum Input {
    Raft(Event),
    ClientUp(ConnectionId),
    ClientDown(ConnectionId),
    Request(ConnectionId, Request),
    Deadline,
}

/// What leaves a node.
#[derive(Debug)]
pub enum Sent {
    Peer(NodeId, Message),
    Client(ConnectionId, ServerMessage),
}

/// The one place that knows how a replica is made.
fn replica(id: NodeId, seed: u64, disk: &Disk, now: &Sample) -> Replica {
    let members = (1..=NODES).map(NodeId);
    let config = Config {
        id,
        membership: Membership::founding(
            members.map(|id| (id, DirectoryId([id.0 as u8; 16]), address(id))),
        ),
        retained_bytes: 0,
        part_bytes: 64 << 10,
        heartbeat: HEARTBEAT,
        election: ELECTION,
        peer_down_wait: Duration::from_millis(10),
        log_bytes_max: limits::LOG_BYTES_MAX,
        log_reserve_bytes: limits::LOG_RESERVE_BYTES,
        seed,
    };
    let recovered =
        Recovered { hard_state: disk.hard_state, snapshot: None, entries: disk.entries.clone() };
    let options = ReplicaOptions {
        lease_ms: u32::try_from(LEASE.as_millis()).expect("short"),
        ttl_ms_max: limits::TTL_MS_MAX,
        snapshot_every_bytes: limits::SNAPSHOT_EVERY_BYTES,
        work_divisor: 1,
        level_max: LEVEL_MAX,
        names_per_part: limits::NAMES_PER_PART,
        cluster_key: None,
        requires_tls: None,
        meters: Meters::new(),
    };
    Replica::new(options, Raft::new(config, recovered, now)).expect("no snapshot")
}

impl Node {
    pub fn new(id: NodeId, seed: u64, clock: Clock) -> Self {
        let disk = Disk::default();
        Self {
            id,
            clock,
            replica: Some(replica(id, seed, &disk, &clock.sample(0))),
            disk,
            state: Running::Freely,
            newest_round: (Term(0), Round(0)),
            durable: WriteSeq(0),
            waiting: VecDeque::new(),
        }
    }

    /// The process is gone; what was not synced too.
    pub fn crash(&mut self) {
        self.replica = None;
        self.state = Running::Freely;
        self.waiting.clear();
    }

    /// Starts on what its disk holds.
    pub fn restart(&mut self, real: u64) {
        self.durable = WriteSeq(0);
        self.replica =
            Some(replica(self.id, self.id.0 + 100, &self.disk, &self.clock.sample(real)));
    }

    pub fn is_running(&self) -> bool {
        self.replica.is_some() && matches!(self.state, Running::Freely | Running::Stalling)
    }

    pub fn is_leader(&self) -> bool {
        self.replica.as_ref().is_some_and(|replica| replica.raft().role() == Role::Leader)
    }

    /// When it wants to run, in real time.
    pub fn next_instant(&self) -> u64 {
        match &self.replica {
            Some(replica) if self.is_running() => self.clock.instant_of(replica.next_deadline()),
            _ => u64::MAX,
        }
    }

    /// The claim to the leader lease that an embedding program reads at this instant.
    pub fn claim(&self, real: u64) -> Option<LeaderLease> {
        let now = self.clock.sample(real);
        let lease = self.replica.as_ref()?.raft().leader_lease(&now)?;
        (now.elapsed_hi(&lease.start) < lease.length).then_some(lease)
    }

    /// The last instant of real time at which `lease` is claimed.
    pub fn claim_end(&self, lease: &LeaderLease) -> u64 {
        self.clock.instant_of(lease.start.hint(lease.length)) - 1
    }

    /// One turn, as `server` takes it.
    pub fn turn(&mut self, real: u64, input: Input) -> Vec<Sent> {
        let now = self.clock.sample(real);
        let Some(replica) = &mut self.replica else { return Vec::new() };
        let turn =
            Turn { unix_ms: 0, storage: Storage::Open, room: u64::MAX, claim: LeaseTold::Standing };
        replica.handle_turn(&now, turn);
        match input {
            Input::Raft(event) => replica.handle_raft(&now, event),
            Input::ClientUp(connection) => {
                let source = ClientSource::default();
                let subject = Subject::Anonymous;
                replica.handle_client_up(connection, source, Abilities::own(), subject);
            }
            Input::ClientDown(connection) => replica.handle_client_down(connection),
            Input::Request(connection, request) => {
                replica.handle_request(&now, connection, request)
            }
            Input::Deadline => {}
        }
        replica.handle_deadline(&now);
        let mut sent = Vec::new();
        self.settle(real, &mut sent);
        sent
    }

    /// The sync that did not return does.
    pub fn unblock(&mut self, real: u64) -> Vec<Sent> {
        let mut sent = Vec::new();
        if let Running::Blocked(writes) = std::mem::replace(&mut self.state, Running::Freely) {
            self.sync(real, writes, &mut sent);
            self.settle(real, &mut sent);
        }
        sent
    }

    fn settle(&mut self, real: u64, sent: &mut Vec<Sent>) {
        loop {
            let writes = self.obey(real, sent);
            if writes.is_empty() {
                return;
            }
            if self.state == Running::Stalling {
                self.state = Running::Blocked(writes);
                return;
            }
            self.sync(real, writes, sent);
        }
    }

    fn obey(&mut self, real: u64, sent: &mut Vec<Sent>) -> Vec<Write> {
        let now = self.clock.sample(real);
        let Some(replica) = &mut self.replica else { return Vec::new() };
        let mut writes = Vec::new();
        for output in replica.take_outputs(&now, &mut || false).expect("entries of this version") {
            match output {
                Output::Write(write) => writes.push(write),
                Output::SendClient { to, message } => sent.push(Sent::Client(to, message)),
                Output::SendPeer { to, message, after: Some(seq) } if seq > self.durable => {
                    self.waiting.push_back((seq, to, message));
                }
                Output::SendPeer { to, message, .. } => sent.push(Sent::Peer(to, message)),
                // Says nothing of leases.
                Output::TellPeer { .. } | Output::NoteDenial { .. } => {}
            }
        }
        writes
    }

    fn sync(&mut self, real: u64, writes: Vec<Write>, sent: &mut Vec<Sent>) {
        for write in writes {
            self.durable = write.seq;
            self.disk.write(write);
        }
        let now = self.clock.sample(real);
        let replica = self.replica.as_mut().expect("it was running");
        replica.handle_persisted(&now, self.durable);
        while let Some((seq, _, _)) = self.waiting.front()
            && *seq <= self.durable
        {
            let (_, to, message) = self.waiting.pop_front().expect("looked at");
            sent.push(Sent::Peer(to, message));
        }
    }
}

impl Disk {
    fn write(&mut self, write: Write) {
        assert!(write.start.is_none(), "the model takes no snapshots");
        if let Some(hard_state) = write.hard_state {
            self.hard_state = hard_state;
        }
        if let Some(from) = write.truncate_from {
            self.entries.retain(|entry| entry.index < from);
        }
        self.entries.extend(write.entries);
    }
}

pub fn address(node: NodeId) -> String {
    format!("node-{node}:7400")
}

/// The node at an address.
pub fn node_at(address: &str) -> NodeId {
    let found = (1..=NODES).map(NodeId).find(|node| self::address(*node) == address);
    found.unwrap_or_else(|| panic!("nobody is at {address}"))
}

pub const NODES: u64 = 3;
/// Δ of the leader lease.
pub const LEASE: Duration = Duration::from_millis(100);
pub const HEARTBEAT: Duration = Duration::from_millis(200);
/// Longer than the session under test lives: a leader that hears nobody goes on as such for that long.
pub const ELECTION: Duration = Duration::from_millis(500);
