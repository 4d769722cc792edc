//! A server: opened on a directory, stepped by its process, founded or founding.

use super::founding::{Gathering, check_founded};
use super::reach::Leaderless;
use super::serving::Serving;
use crate::base::founding::FoundingRecord;
use crate::base::{ClientSource, ClusterId, ConnectionId, DirectoryId, NodeId, Sample, checksum};
use crate::raft::{self, EntryKind, Event, Membership, Raft};
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
    wal: Wal<D>,
    phase: Phase,
    pub(super) leaderless: Leaderless,
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
    clients: BTreeMap<ConnectionId, (ClientSource, Abilities)>,
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
        let Recovery { directory, founding, hard_state, snapshot, entries, trimmed_bytes } =
            recovery;
        if trimmed_bytes > 0 {
            ::log::warn!(
                "the log ended in {trimmed_bytes} bytes of a write that was cut short, by a power cut or a kill: they were \
                 never acknowledged, and are removed"
            );
        }
        check_memberships(&entries)?;
        let log_is_empty = entries.is_empty() && snapshot.is_none();
        let recovered = raft::Recovered { hard_state, snapshot, entries };
        if let Some(record) = &founding {
            check_founded(record, &options, directory, log_is_empty)?;
        }
        let (phase, founding) = match founding {
            Some(record) => (serving(&options, &record, recovered, now)?, Some(record)),
            None => {
                let snapshot = recovered.snapshot.as_ref();
                let origin = snapshot.map(|snapshot| checksum::hash128(snapshot.data.bytes()));
                let gathering = Gathering::new(&options, directory, origin);
                match gathering.complete() {
                    // A cluster of one needs nobody to found itself.
                    Some(record) => {
                        wal.found(&record)?;
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
        let leaderless = Leaderless::default();
        Ok(Self { options, directory, founding, wal, phase, leaderless })
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
                self.note_leader(&now);
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
        let unfounded = match &mut self.phase {
            Phase::Gathering(unfounded) => unfounded,
            // A member from now on: what it was sent before, it did not hear.
            Phase::Serving(serving) if offer.record.is_some() => {
                serving.replica.handle_raft(now, Event::PeerUp(from));
                return Ok(());
            }
            Phase::Serving(_) => {
                outside.send_peer(from, PeerMessage::Founding(self.own_offer()));
                return Ok(());
            }
        };
        let offered = unfounded.gathering.handle_offer(from, offer)?;
        let Some(record) = offered else { return Ok(()) };
        self.wal.found(&record)?;
        let clients = std::mem::take(&mut unfounded.clients);
        let connected = std::mem::take(&mut unfounded.peers);
        let recovered = std::mem::take(&mut unfounded.recovered);
        let mut phase = serving(&self.options, &record, recovered, now)?;
        if let Phase::Serving(serving) = &mut phase {
            for (client, (source, abilities)) in clients {
                serving.replica.handle_client_up(client, source, abilities);
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

    pub(super) fn cluster(&self) -> Option<ClusterId> {
        self.founding.as_ref().map(FoundingRecord::cluster)
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
        Input::ClientUp { connection, source, abilities } => {
            replica.handle_client_up(connection, source, abilities);
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
        Input::ClientUp { connection, source, abilities } => {
            clients.insert(connection, (source, abilities));
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

/// Whether this version can read who the members are, wherever the log says it.
fn check_memberships(entries: &[raft::Entry]) -> Result<(), ServerError> {
    for entry in entries.iter().filter(|entry| entry.header.kind == EntryKind::Membership) {
        Membership::decode(entry.payload.bytes()).map_err(|error| {
            ServerError::Fatal(format!(
                "entry {} of the log says who the members are in a way that this version cannot read ({error}); run a \
                 version that can read it",
                entry.index
            ))
        })?;
    }
    Ok(())
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
