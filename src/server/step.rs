//! A server: opened on a directory, stepped by its process, founded or founding.

use super::admission;
use super::founding::{Gathering, check_record};
use super::serving::Serving;
use crate::base::founding::FoundingRecord;
use crate::base::time::RHO_PPM;
use crate::base::{ClusterId, ConnectionId, DirectoryId, NodeId, Sample};
use crate::raft::{self, Event, LeaderLease, Raft, Role};
use crate::replica::{Replica, ReplicaOptions, Storage};
use crate::server::{Input, Outside, ServerError, ServerOptions};
use crate::wal::{Disk, Recovery, Wal, WalOptions};
use crate::wire::{
    ClientWelcome, FoundingOffer, LeaderHint, NodeStatus, PeerHello, PeerMessage, Refused, Request,
    ServerMessage,
};
use std::collections::BTreeSet;
use std::time::Duration;

/// A replica with its durable log.
#[derive(Debug)]
pub struct Server<D: Disk> {
    options: ServerOptions,
    members: Vec<NodeId>,
    directory: DirectoryId,
    founding: Option<FoundingRecord>,
    wal: Wal<D>,
    phase: Phase,
}

#[derive(Debug)]
enum Phase {
    /// No cluster yet: nothing is voted on, no request is answered.
    Gathering { gathering: Gathering, clients: BTreeSet<ConnectionId> },
    /// A member.
    Serving(Box<Serving>),
}

impl<D: Disk> Server<D> {
    /// Recovers the directory that `disk` shows. `entropy` names a fresh directory.
    ///
    /// # Errors
    /// [`ServerError`]: says what is wrong with the directory or the options, and what to do.
    pub fn open(
        options: ServerOptions,
        disk: D,
        entropy: [u8; 16],
        now: &Sample,
    ) -> Result<Self, ServerError> {
        options.check()?;
        let wal_options = WalOptions { segment_bytes: options.segment_bytes };
        let (mut wal, recovery) =
            Wal::open_with(disk, options.node, DirectoryId(entropy), &wal_options)?;
        let mut members: Vec<NodeId> = options.members.iter().map(|(node, _)| *node).collect();
        members.sort_unstable();
        let Recovery { directory, founding, hard_state, entries, .. } = recovery;
        let recovered = raft::Recovered { hard_state, snapshot: None, entries };
        if let Some(record) = &founding {
            check_record(record, options.node, directory, &members)?;
        }
        let gathering = Gathering::new(options.node, directory, members.clone());
        let founding = match (founding, gathering.complete()) {
            // A cluster of one needs nobody to found itself.
            (None, Some(record)) => {
                wal.found(&record)?;
                Some(record)
            }
            (founding, _) => founding,
        };
        let phase = match founding {
            Some(_) => Phase::Serving(Box::new(serving(&options, &members, recovered, now))),
            None => Phase::Gathering { gathering, clients: BTreeSet::new() },
        };
        Ok(Self { options, members, directory, founding, wal, phase })
    }

    /// One turn: takes all `inputs` (draining them) and whatever time has made due, and does everything
    /// that follows, in the one order. Call it when there is input and at `next_deadline`.
    ///
    /// # Errors
    /// Final: the process ends the node.
    pub fn step(
        &mut self,
        inputs: &mut Vec<Input>,
        outside: &mut impl Outside,
    ) -> Result<(), ServerError> {
        // Sampled after the inputs were read and before any byte of this turn leaves: it may start
        // waits and beliefs alike (L19).
        let now = outside.now();
        let storage = if self.wal.prepare() { Storage::Open } else { Storage::Tight };
        if let Phase::Serving(serving) = &mut self.phase {
            serving.replica.handle_turn(&now, outside.unix_ms(), storage);
        }
        for input in inputs.drain(..) {
            self.handle(&now, input, outside)?;
        }
        match &mut self.phase {
            Phase::Gathering { .. } => Ok(()),
            Phase::Serving(serving) => {
                serving.replica.handle_deadline(&now);
                serving.settle(now, &mut self.wal, outside)
            }
        }
    }

    fn handle(
        &mut self,
        now: &Sample,
        input: Input,
        outside: &mut impl Outside,
    ) -> Result<(), ServerError> {
        match input {
            Input::Peer { from, message: PeerMessage::Founding(offer) } => {
                self.handle_offer(now, from, offer, outside)
            }
            Input::Client { connection, request: Request::Status { read } } => {
                let status = self.status();
                outside.send_client(connection, ServerMessage::Status { read, status });
                Ok(())
            }
            other => {
                match &mut self.phase {
                    Phase::Serving(serving) => handle_serving(&mut serving.replica, now, other),
                    Phase::Gathering { gathering, clients } => {
                        handle_gathering(gathering, clients, other, outside);
                    }
                }
                Ok(())
            }
        }
    }

    fn handle_offer(
        &mut self,
        now: &Sample,
        from: NodeId,
        offer: FoundingOffer,
        outside: &mut impl Outside,
    ) -> Result<(), ServerError> {
        let Phase::Gathering { gathering, clients } = &mut self.phase else {
            if offer.record.is_none() {
                outside.send_peer(from, PeerMessage::Founding(self.own_offer()));
            }
            return Ok(());
        };
        let Some(record) = gathering.handle_offer(from, offer)? else { return Ok(()) };
        self.wal.found(&record)?;
        self.founding = Some(record);
        let nothing = raft::Recovered::default();
        let mut serving = serving(&self.options, &self.members, nothing, now);
        for connection in std::mem::take(clients) {
            serving.replica.handle_client_up(connection);
        }
        self.phase = Phase::Serving(Box::new(serving));
        for peer in self.members.iter().filter(|member| **member != self.options.node) {
            outside.send_peer(*peer, PeerMessage::Founding(self.own_offer()));
        }
        Ok(())
    }

    fn own_offer(&self) -> FoundingOffer {
        FoundingOffer { directory: self.directory, record: self.founding.clone() }
    }

    /// When to step at the latest, as a reading of BOOTTIME in nanoseconds; a hint.
    #[must_use]
    pub fn next_deadline(&self) -> u64 {
        match &self.phase {
            Phase::Gathering { .. } => u64::MAX,
            Phase::Serving(serving) => serving.replica.next_deadline(),
        }
    }

    /// What to say to the peer `to` first.
    #[must_use]
    pub fn hello(&self, to: NodeId) -> PeerHello {
        PeerHello {
            node: self.options.node,
            to,
            directory: self.directory,
            cluster: self.cluster(),
            boot: self.options.boot,
            rho_ppm: RHO_PPM,
        }
    }

    /// Whether a peer's hello (or welcome) is acceptable.
    ///
    /// # Errors
    /// What to answer before closing.
    pub fn check_hello(&self, hello: &PeerHello) -> Result<(), Refused> {
        let record = self.founding.as_ref();
        admission::check_peer(hello, self.options.node, &self.members, record)
    }

    /// Whether a client that knew `cluster` is at the right place, and what to answer it.
    ///
    /// # Errors
    /// What to answer before closing.
    pub fn welcome(&self, cluster: Option<ClusterId>) -> Result<ClientWelcome, Refused> {
        let own = self.cluster();
        admission::check_client(cluster, own)?;
        let leader = match &self.phase {
            Phase::Gathering { .. } => LeaderHint::default(),
            Phase::Serving(serving) => serving.replica.leader_hint(),
        };
        Ok(ClientWelcome { node: self.options.node, cluster: own, leader })
    }

    fn cluster(&self) -> Option<ClusterId> {
        self.founding.as_ref().map(FoundingRecord::cluster)
    }

    /// This leader's claim, for the process to publish (C4: compare with a fresh sample).
    #[must_use]
    pub fn leader_lease(&self, now: &Sample) -> Option<LeaderLease> {
        self.replica()?.raft().leader_lease(now)
    }

    /// This node's role; a follower until it is founded.
    #[must_use]
    pub fn role(&self) -> Role {
        self.replica().map_or(Role::Follower, |replica| replica.raft().role())
    }

    /// The term and its leader, as far as known.
    #[must_use]
    pub fn leader_hint(&self) -> LeaderHint {
        self.replica().map_or_else(LeaderHint::default, Replica::leader_hint)
    }

    /// What this node says of itself. `refused_connections` is left for the process to fill in.
    #[must_use]
    pub fn status(&self) -> NodeStatus {
        let mut status = NodeStatus {
            node: self.options.node,
            role: role_name(self.role()).to_owned(),
            term: Default::default(),
            leader: None,
            commit: Default::default(),
            applied: Default::default(),
            last: Default::default(),
            log_bytes: 0,
            log_bytes_max: self.options.log_bytes_max,
            sessions: 0,
            locks: 0,
            members: self.options.members.clone(),
            refused_connections: 0,
            version: env!("CARGO_PKG_VERSION").to_owned(),
        };
        if let Some(replica) = self.replica() {
            let raft = replica.raft();
            status.term = raft.term();
            status.leader = raft.leader();
            status.commit = raft.commit();
            status.applied = replica.applied();
            status.last = raft.last_index();
            status.log_bytes = raft.log_bytes();
            status.sessions = replica.machine().session_count() as u64;
            status.locks = replica.machine().held_count() as u64;
        }
        status
    }

    /// The machine below; `None` until founded.
    #[must_use]
    pub fn replica(&self) -> Option<&Replica> {
        match &self.phase {
            Phase::Gathering { .. } => None,
            Phase::Serving(serving) => Some(&serving.replica),
        }
    }

    /// The log below, for checkers.
    #[must_use]
    pub fn wal(&self) -> &Wal<D> {
        &self.wal
    }
}

fn handle_serving(replica: &mut Replica, now: &Sample, input: Input) {
    match input {
        Input::PeerUp { peer } => replica.handle_raft(now, Event::PeerUp(peer)),
        Input::PeerDown { peer } => replica.handle_raft(now, Event::PeerDown(peer)),
        Input::Peer { from, message: PeerMessage::Raft(message) } => {
            replica.handle_raft(now, Event::Message { from, message });
        }
        Input::Peer { message: PeerMessage::Founding(_), .. } => {}
        Input::ClientUp { connection } => replica.handle_client_up(connection),
        Input::ClientDown { connection } => replica.handle_client_down(connection),
        Input::Client { connection, request } => replica.handle_request(connection, request),
    }
}

fn handle_gathering(
    gathering: &Gathering,
    clients: &mut BTreeSet<ConnectionId>,
    input: Input,
    outside: &mut impl Outside,
) {
    match input {
        Input::PeerUp { peer } => {
            outside.send_peer(peer, PeerMessage::Founding(gathering.offer()));
        }
        Input::Client { connection, .. } => {
            outside.send_client(connection, ServerMessage::Leader(LeaderHint::default()));
        }
        Input::ClientUp { connection } => {
            clients.insert(connection);
        }
        Input::ClientDown { connection } => {
            clients.remove(&connection);
        }
        Input::PeerDown { .. } | Input::Peer { .. } => {}
    }
}

fn serving(
    options: &ServerOptions,
    members: &[NodeId],
    recovered: raft::Recovered,
    now: &Sample,
) -> Serving {
    let config = raft::Config {
        id: options.node,
        membership: raft::Membership::founding(
            members.iter().map(|id| (*id, DirectoryId([0; 16]), String::new())),
        ),
        retained_bytes: crate::base::limits::RETAINED_BYTES,
        heartbeat: options.heartbeat,
        election: options.election,
        peer_down_wait: PEER_DOWN_WAIT,
        log_bytes_max: options.log_bytes_max,
        log_reserve_bytes: options.log_reserve_bytes,
        seed: options.seed,
    };
    let replica_options = ReplicaOptions {
        addresses: options.members.iter().cloned().collect(),
        lease_ms: options.lease_ms,
        ttl_ms_max: options.ttl_ms_max,
    };
    Serving::new(Replica::new(replica_options, Raft::new(config, recovered, now)))
}

fn role_name(role: Role) -> &'static str {
    match role {
        Role::Leader => "leader",
        Role::Follower => "follower",
        Role::PreCandidate | Role::Candidate => "candidate",
    }
}

/// Both followers see a leader's connections close together: each waits up to this long, drawn at random.
const PEER_DOWN_WAIT: Duration = Duration::from_millis(10);
