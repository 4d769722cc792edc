//! A server: opened on a directory, stepped by its process, founded or founding.

use super::condition::{Listener, Told};
use super::founding::{Gathering, check_founded};
use super::opening::{begin_serving, check_memberships, log_founding};
use super::reach::Leaderless;
use super::serving::Serving;
use super::{access::check_tls, admission::Trust};
use crate::base::founding::{FoundingRecord, origin_of};
use crate::base::{
    Ancestors, ClientSource, ClusterId, ConnectionId, DirectoryId, NodeId, Sample, Subject,
};
use crate::raft::{self, Event};
use crate::replica::{Replica, Storage, Turn};
use crate::server::{Input, Outside, ServerError, ServerOptions};
use crate::wal::{Disk, Recovery, Wal, WalOptions};
use crate::wire::{
    Abilities, FoundingOffer, LeaderHint, PeerMessage, Request, ServerMessage, Speech, Values,
};
use std::collections::BTreeMap;
use std::ops::Bound;

/// A replica with its durable log.
#[derive(Debug)]
pub struct Server<D: Disk> {
    pub(super) options: ServerOptions,
    pub(super) directory: DirectoryId,
    pub(super) founding: Option<FoundingRecord>,
    /// The clusters that it was restored from, if the state does not have them.
    ancestors: Ancestors,
    wal: Wal<D>,
    phase: Phase,
    pub(super) leaderless: Leaderless,
    pub(super) told: Told,
}

#[derive(Debug)]
enum Phase {
    /// No cluster yet: no votes, no answers to requests.
    Gathering(Box<Unfounded>),
    /// A member.
    Serving(Box<Serving>),
}

/// A node without a cluster.
#[derive(Debug)]
struct Unfounded {
    gathering: Gathering,
    clients: BTreeMap<ConnectionId, (ClientSource, Abilities, Subject)>,
    /// The connected peers.
    peers: BTreeMap<NodeId, (DirectoryId, Speech, Trust)>,
    /// The statuses of those peers that have a cluster.
    said: BTreeMap<NodeId, Values>,
    /// The state of a restored directory; else empty.
    recovered: raft::Recovered,
}

impl Unfounded {
    fn new(gathering: Gathering, recovered: raft::Recovered) -> Self {
        let (clients, peers, said) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        Self { gathering, clients, peers, said, recovered }
    }
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
        options.meters.log_bytes_max.set(options.log_bytes_max);
        let wal_options = WalOptions { segment_bytes: options.segment_bytes };
        let (mut wal, recovery) =
            Wal::open_with(disk, options.node, DirectoryId(entropy), &wal_options)?;
        let Recovery { directory, founding, ancestors, .. } = recovery;
        let Recovery { hard_state, snapshot, entries, trimmed_bytes, .. } = recovery;
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
        let begin = |record: FoundingRecord, recovered| {
            let serving = begin_serving(&options, &record, recovered, now)?;
            Ok::<_, ServerError>((Phase::Serving(serving), Some(record)))
        };
        let (phase, founding) = match founding {
            Some(record) => begin(record, recovered)?,
            None => {
                let state = recovered.snapshot.as_ref().map(|it| it.data.to_vec()).transpose();
                let origin = state.map_err(ServerError::Fatal)?.map(|state| origin_of(&state));
                let gathering = Gathering::new(&options, directory, origin);
                match gathering.complete() {
                    // A cluster of one founds itself.
                    Some(record) => {
                        wal.found(&record)?;
                        log_founding(&record);
                        begin(record, recovered)?
                    }
                    None => {
                        (Phase::Gathering(Box::new(Unfounded::new(gathering, recovered))), None)
                    }
                }
            }
        };
        let leaderless = Leaderless::default();
        Ok(Self {
            options,
            directory,
            founding,
            ancestors,
            wal,
            phase,
            leaderless,
            told: Told::default(),
        })
    }

    /// One turn: drains `inputs`, handles all that is due, and does everything that follows, in the
    /// one order. To be called when there is input and at `next_deadline`.
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
        let storage = look_after(&mut self.wal)?;
        if let Phase::Serving(serving) = &mut self.phase {
            let (unix_ms, room, claim) = (outside.unix_ms(), self.wal.room(), outside.claim());
            let turn = Turn { unix_ms, storage, room, claim };
            let lacks = self.wal.shortage().map(ToString::to_string);
            serving.replica.set_shortage(lacks.as_deref());
            serving.replica.handle_turn(&now, turn);
            serving.take_snapshot(&now, &mut self.wal)?;
        }
        for input in inputs.drain(..) {
            self.handle(&now, input, outside)?;
        }
        if let Phase::Serving(serving) = &mut self.phase {
            serving.replica.handle_deadline(&now);
            serving.replica.advance_parts(outside.is_late(), |client| outside.takes_more(client));
            let now = serving.settle(now, &mut self.wal, outside)?;
            check_tls(&serving.replica)?;
            serving.begin_snapshot(&now, &mut self.wal);
            self.note_leader(&now);
        }
        self.tell_condition(&now, outside);
        Ok(())
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
                let status = self.status_asked(now, outside).into();
                outside.send_client(connection, ServerMessage::Status { read, status });
                Ok(())
            }
            Input::Client { connection, request: Request::Describe { read } } => {
                let values = self.status_asked(now, outside).to_values();
                outside.send_client(connection, ServerMessage::Described { read, values });
                Ok(())
            }
            other => {
                if let Input::ClientUp { connection, .. } = &other {
                    self.told.handle_newcomer(*connection);
                }
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
            // A member from now on: it did not receive earlier messages.
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
        log_founding(&record);
        let clients = std::mem::take(&mut unfounded.clients);
        let connected = std::mem::take(&mut unfounded.peers);
        let said = std::mem::take(&mut unfounded.said);
        let recovered = std::mem::take(&mut unfounded.recovered);
        let mut phase = Phase::Serving(begin_serving(&self.options, &record, recovered, now)?);
        if let Phase::Serving(serving) = &mut phase {
            for (client, (source, abilities, subject)) in clients {
                serving.replica.handle_client_up(client, source, abilities, subject);
            }
            for (peer, (directory, speech, trust)) in connected {
                let input = Input::PeerUp { peer, directory, speech, trust };
                handle_serving(&mut serving.replica, now, input);
            }
            for (peer, values) in said {
                serving.replica.handle_peer_status(peer, &values);
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
            Phase::Serving(_) if self.told.is_behind() => 0,
            Phase::Serving(serving) => serving.replica.next_deadline(),
        }
    }

    #[must_use]
    pub fn cluster(&self) -> Option<ClusterId> {
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

    /// The gathering, before there is a cluster.
    pub(super) fn gathering(&self) -> Option<&Gathering> {
        match &self.phase {
            Phase::Gathering(unfounded) => Some(&unfounded.gathering),
            Phase::Serving(_) => None,
        }
    }

    /// Whether committed entries wait to be applied: meanwhile little more input should be taken.
    #[must_use]
    pub fn is_behind(&self) -> bool {
        self.replica().is_some_and(Replica::is_behind)
    }

    /// Whether this leader refuses, for load, all requests that would be logged.
    #[must_use]
    pub fn is_saturated(&self) -> bool {
        self.leads() && self.replica().is_some_and(|replica| replica.raft().is_saturated())
    }

    /// At most `count` of the connected clients, after a bound.
    pub(super) fn clients(&self, behind: Bound<ConnectionId>, count: usize) -> Vec<Listener> {
        match &self.phase {
            Phase::Gathering(unfounded) => {
                let clients = unfounded.clients.range((behind, Bound::Unbounded)).take(count);
                clients.map(|(connection, (_, abilities, _))| (*connection, *abilities)).collect()
            }
            Phase::Serving(serving) => serving.replica.clients(behind).take(count).collect(),
        }
    }

    /// The log below, for checkers.
    #[must_use]
    pub fn wal(&self) -> &Wal<D> {
        &self.wal
    }
}

/// Makes the next segment of the log ahead of time; gives whether the disk can take more. A log
/// that has failed ends the node here, before any other act (W2), a hand-over included.
fn look_after<D: Disk>(wal: &mut Wal<D>) -> Result<Storage, ServerError> {
    match wal.prepare() {
        true if wal.shortage().is_none() => Ok(Storage::Open),
        true => Ok(Storage::Short),
        false => {
            // A sync of nothing returns an earlier failure, if there is one.
            wal.sync()?;
            Ok(Storage::Tight)
        }
    }
}

fn handle_serving(replica: &mut Replica, now: &Sample, input: Input) {
    match input {
        Input::PeerUp { peer, directory, speech, trust } => {
            replica.handle_peer_up(now, peer, directory, speech);
            if trust == Trust::Untried {
                replica.note_untried(peer);
            }
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
        Input::ClientUp { connection, source, abilities, subject } => {
            replica.handle_client_up(connection, source, abilities, subject);
        }
        Input::ClientDown { connection } => replica.handle_client_down(connection),
        Input::Client { connection, request } => replica.handle_request(now, connection, request),
        Input::Submission { connection, asked } => replica.handle_submitted(now, connection, asked),
        Input::HandOver { to, claim } => {
            if let Err(error) = replica.hand_over(now, to, claim) {
                ::log::info!("leadership stays: {error}");
            }
        }
    }
}

fn handle_gathering(unfounded: &mut Unfounded, input: Input, outside: &mut impl Outside) {
    let Unfounded { gathering, clients, peers, said, .. } = unfounded;
    match input {
        Input::PeerUp { peer, directory, speech, trust } => {
            peers.insert(peer, (directory, speech, trust));
            said.remove(&peer);
            outside.send_peer(peer, PeerMessage::Founding(gathering.offer()));
        }
        Input::PeerDown { peer } | Input::PeerLost { peer } => {
            peers.remove(&peer);
            said.remove(&peer);
        }
        Input::Peer { from, message: PeerMessage::Status(values) } => {
            said.insert(from, values);
        }
        Input::Client { connection, .. } | Input::Submission { connection, .. } => {
            outside.send_client(connection, ServerMessage::Leader(LeaderHint::default()));
        }
        Input::ClientUp { connection, source, abilities, subject } => {
            clients.insert(connection, (source, abilities, subject));
        }
        Input::ClientDown { connection } => drop(clients.remove(&connection)),
        Input::Peer { .. } | Input::HandOver { .. } => {}
    }
}
