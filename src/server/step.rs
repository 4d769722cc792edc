//! A server: opened on a directory, stepped by its process, founded or founding.

use super::founding::{Gathering, check_founded};
use super::serving::Serving;
use crate::base::founding::{FoundingRecord, origin_of};
use crate::base::{Ancestors, ClusterId, ConnectionId, DirectoryId, Index, NodeId, Sample};
use crate::raft::{self, Event, Membership, Raft};
use crate::replica::{Replica, ReplicaOptions, Storage, Turn};
use crate::server::{Input, Outside, ServerError, ServerOptions};
use crate::wal::{Disk, Recovery, Wal, WalOptions};
use crate::wire::{
    Abilities, FoundingOffer, LeaderHint, PeerMessage, Request, ServerMessage, Speech,
};
use std::collections::BTreeMap;
use std::time::Duration;

/// A replica with its durable log.
#[derive(Debug)]
pub struct Server<D: Disk> {
    pub(super) options: ServerOptions,
    pub(super) directory: DirectoryId,
    pub(super) founding: Option<FoundingRecord>,
    /// The clusters that it was restored from, where the state does not say so.
    ancestors: Ancestors,
    wal: Wal<D>,
    phase: Phase,
}

#[derive(Debug)]
enum Phase {
    /// No cluster yet: nothing is voted on, no request is answered.
    Gathering(Box<Unfounded>),
    /// A member.
    Serving(Box<Serving>),
}

/// A node without a cluster.
#[derive(Debug)]
struct Unfounded {
    gathering: Gathering,
    clients: BTreeMap<ConnectionId, Abilities>,
    /// The peers that are connected.
    peers: BTreeMap<NodeId, (DirectoryId, Speech)>,
    /// What a restored directory begins with; else nothing.
    recovered: raft::Recovered,
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
        let Recovery { directory, founding, ancestors, hard_state, snapshot, entries, .. } =
            recovery;
        let log_is_empty = entries.is_empty() && snapshot.is_none();
        let recovered = raft::Recovered { hard_state, snapshot, entries };
        if let Some(record) = &founding {
            check_founded(record, &options, directory, log_is_empty)?;
        }
        let (phase, founding) = match founding {
            Some(record) => (serving(&options, &record, recovered, now)?, Some(record)),
            None => {
                let snapshot = recovered.snapshot.as_ref();
                let origin = snapshot.map(|snapshot| origin_of(snapshot.data.bytes()));
                let gathering = Gathering::new(&options, directory, origin);
                match gathering.complete() {
                    // A cluster of one needs nobody to found itself.
                    Some(record) => {
                        wal.found(&record)?;
                        log_founding(&record);
                        (serving(&options, &record, recovered, now)?, Some(record))
                    }
                    None => {
                        let (clients, peers) = (BTreeMap::new(), BTreeMap::new());
                        let unfounded = Unfounded { gathering, clients, peers, recovered };
                        (Phase::Gathering(Box::new(unfounded)), None)
                    }
                }
            }
        };
        Ok(Self { options, directory, founding, ancestors, wal, phase })
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
            let turn = Turn { unix_ms: outside.unix_ms(), storage, claim: outside.claim() };
            serving.replica.handle_turn(&now, turn);
            serving.take_snapshot(&now, &mut self.wal)?;
        }
        for input in inputs.drain(..) {
            self.handle(&now, input, outside)?;
        }
        match &mut self.phase {
            Phase::Gathering(_) => Ok(()),
            Phase::Serving(serving) => {
                serving.replica.handle_deadline(&now);
                let now = serving.settle(now, &mut self.wal, outside)?;
                serving.begin_snapshot(&now, &mut self.wal);
                Ok(())
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
                let status = outside.complete(self.status()).into();
                outside.send_client(connection, ServerMessage::Status { read, status });
                Ok(())
            }
            Input::Client { connection, request: Request::Describe { read } } => {
                let values = outside.complete(self.status()).to_values();
                outside.send_client(connection, ServerMessage::Described { read, values });
                Ok(())
            }
            other => {
                match &mut self.phase {
                    Phase::Serving(serving) => handle_serving(&mut serving.replica, now, other),
                    Phase::Gathering(unfounded) => {
                        handle_gathering(unfounded, other, outside);
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
        let Phase::Gathering(unfounded) = &mut self.phase else {
            if offer.record.is_none() {
                outside.send_peer(from, PeerMessage::Founding(self.own_offer()));
            }
            return Ok(());
        };
        let offered = unfounded.gathering.handle_offer(from, offer)?;
        let Some(record) = offered else { return Ok(()) };
        self.wal.found(&record)?;
        log_founding(&record);
        let clients = std::mem::take(&mut unfounded.clients);
        let connected = std::mem::take(&mut unfounded.peers);
        let recovered = std::mem::take(&mut unfounded.recovered);
        let mut phase = serving(&self.options, &record, recovered, now)?;
        if let Phase::Serving(serving) = &mut phase {
            for (client, abilities) in clients {
                serving.replica.handle_client_up(client, abilities);
            }
            for (peer, (directory, speech)) in connected {
                serving.replica.handle_peer_up(now, peer, directory, speech);
            }
        }
        self.phase = phase;
        self.founding = Some(record);
        for (peer, _) in self.peers() {
            outside.send_peer(peer, PeerMessage::Founding(self.own_offer()));
        }
        Ok(())
    }

    fn own_offer(&self) -> FoundingOffer {
        let record = self.founding.clone();
        let origin = record.as_ref().and_then(FoundingRecord::origin);
        FoundingOffer { directory: self.directory, origin, record }
    }

    /// When to step at the latest, as a reading of BOOTTIME in nanoseconds; a hint.
    #[must_use]
    pub fn next_deadline(&self) -> u64 {
        match &self.phase {
            Phase::Gathering(_) => u64::MAX,
            Phase::Serving(serving) => serving.replica.next_deadline(),
        }
    }

    /// The other members, and where they are reached: as configured until the log says.
    #[must_use]
    pub fn peers(&self) -> Vec<(NodeId, String)> {
        let own = self.options.node;
        let configured = self.options.members.iter().cloned();
        let all: Vec<(NodeId, String)> = match self.replica() {
            // A joiner dials those whom it was told of until the log has come here that tells of it.
            Some(replica) if replica.raft().membership().1.member(own).is_some() => {
                let members = replica.raft().membership().1.members().iter();
                let reached = |node: NodeId| Some((node, replica.address(node)?.to_owned()));
                members.filter_map(|member| reached(member.node)).collect()
            }
            Some(_) | None => configured.collect(),
        };
        all.into_iter().filter(|(node, _)| *node != own).collect()
    }

    /// The entry that says who the peers are, and whether it is committed: as long as neither changes, the same
    /// nodes are dialed and let in.
    #[must_use]
    pub fn membership_stage(&self) -> Option<(Index, bool)> {
        let raft = self.replica()?.raft();
        let (index, _) = raft.membership();
        Some((index, raft.commit() >= index))
    }

    pub(super) fn cluster(&self) -> Option<ClusterId> {
        self.founding.as_ref().map(FoundingRecord::cluster)
    }

    /// The clusters that this one was restored from, as far as this node knows; the newest first.
    #[must_use]
    pub fn ancestors(&self) -> Ancestors {
        let in_state =
            self.replica().into_iter().flat_map(|replica| replica.machine().ancestors().iter());
        Ancestors::new(in_state.chain(self.ancestors.iter()))
    }

    /// The machine below; `None` until founded.
    #[must_use]
    pub fn replica(&self) -> Option<&Replica> {
        match &self.phase {
            Phase::Gathering(_) => None,
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
        Input::PeerUp { peer, directory, speech } => {
            replica.handle_peer_up(now, peer, directory, speech);
        }
        Input::PeerDown { peer } => {
            replica.handle_peer_lost(peer);
            replica.handle_raft(now, Event::PeerDown(peer));
        }
        Input::PeerLost { peer } => replica.handle_peer_lost(peer),
        Input::Peer { from, message: PeerMessage::Raft(message) } => {
            replica.handle_raft(now, Event::Message { from, message });
        }
        Input::Peer { from, message: PeerMessage::Status(values) } => {
            replica.handle_peer_status(from, &values);
        }
        Input::Peer { message: PeerMessage::Founding(_), .. } => {}
        Input::ClientUp { connection, abilities } => {
            replica.handle_client_up(connection, abilities);
        }
        Input::ClientDown { connection } => replica.handle_client_down(connection),
        Input::Client { connection, request } => replica.handle_request(now, connection, request),
        Input::HandOver { to, claim } => {
            if let Err(error) = replica.hand_over(now, to, claim) {
                ::log::info!("leadership stays: {error}");
            }
        }
    }
}

fn handle_gathering(unfounded: &mut Unfounded, input: Input, outside: &mut impl Outside) {
    let Unfounded { gathering, clients, peers, .. } = unfounded;
    match input {
        Input::PeerUp { peer, directory, speech } => {
            peers.insert(peer, (directory, speech));
            outside.send_peer(peer, PeerMessage::Founding(gathering.offer()));
        }
        Input::PeerDown { peer } | Input::PeerLost { peer } => {
            peers.remove(&peer);
        }
        Input::Client { connection, .. } => {
            outside.send_client(connection, ServerMessage::Leader(LeaderHint::default()));
        }
        Input::ClientUp { connection, abilities } => {
            clients.insert(connection, abilities);
        }
        Input::ClientDown { connection } => {
            clients.remove(&connection);
        }
        Input::Peer { .. } | Input::HandOver { .. } => {}
    }
}

fn serving(
    options: &ServerOptions,
    record: &FoundingRecord,
    recovered: raft::Recovered,
    now: &Sample,
) -> Result<Phase, ServerError> {
    let config = raft::Config {
        id: options.node,
        membership: founding_membership(options, record),
        heartbeat: options.heartbeat,
        election: options.election,
        peer_down_wait: PEER_DOWN_WAIT,
        log_bytes_max: options.log_bytes_max,
        log_reserve_bytes: options.log_reserve_bytes,
        retained_bytes: options.retained_bytes,
        seed: options.seed,
    };
    let replica_options = ReplicaOptions {
        lease_ms: options.lease_ms,
        ttl_ms_max: options.ttl_ms_max,
        snapshot_every_bytes: options.snapshot_every_bytes,
        level_max: options.speech.level_max,
    };
    let replica = Replica::new(replica_options, Raft::new(config, recovered, now))
        .map_err(|error| ServerError::of(&error))?;
    Ok(Phase::Serving(Box::new(Serving::new(replica))))
}

fn log_founding(record: &FoundingRecord) {
    let members: Vec<String> = record.members().map(|node| node.to_string()).collect();
    let members = members.join(", ");
    ::log::info!("cluster {} is founded, by node {members}", record.cluster());
}

/// The founding members, with the addresses that this node is configured with.
fn founding_membership(options: &ServerOptions, record: &FoundingRecord) -> Membership {
    let address = |node: NodeId| {
        let configured = options.members.iter().find(|(member, _)| *member == node);
        configured.map_or_else(String::new, |(_, address)| address.clone())
    };
    let directory = |node| record.directory(node).expect("each member has a directory");
    Membership::founding(record.members().map(|node| (node, directory(node), address(node))))
}

/// Both followers see a leader's connections close together: each waits up to this long, drawn at random.
const PEER_DOWN_WAIT: Duration = Duration::from_millis(10);
