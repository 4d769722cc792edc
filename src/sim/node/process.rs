//! A server's process: its connections, their handshakes, and the frames on them.

use crate::base::rng::Rng;
use crate::base::{ConnectionId, NodeId};
use crate::raft::{LeaseTold, Message, Raft, Role};
use crate::server::{Input, Reach, Server, ServerError};
use crate::sim::charges::Progress;
use crate::sim::checkers::Violation;
use crate::sim::checkers::rights::Askers;
use crate::sim::checkers::room::Rooms;
use crate::sim::checkers::rounds::Asked;
use crate::sim::disk::SimDisk;
use crate::sim::network::{Arrival, LineId, Network, Side};
use crate::sim::node::dials::AWAIT_NANOS;
use crate::sim::node::outlet::{Outgoing, Outlet};
use crate::sim::node::talk::{Build, Stage, Talk};
use crate::wire::{
    ClientHello, Form, Frame, FrameKind, Hello, PeerHello, PeerMessage, Request, Speech,
    Submission, encode_frame,
};
use std::collections::{BTreeMap, BTreeSet};

/// A server with its connections.
#[derive(Debug)]
pub struct Process {
    /// The production code.
    pub server: Server<SimDisk>,
    pub(in crate::sim) inputs: Vec<Input>,
    /// Empty between two arrivals; kept for its room, as `gathered` is.
    frames: Vec<Frame>,
    gathered: Vec<((u64, LineId), Vec<u8>)>,
    pub(in crate::sim) talks: BTreeMap<LineId, Talk>,
    pub(in crate::sim) peers: BTreeMap<NodeId, LineId>,
    pub(in crate::sim) clients: BTreeMap<ConnectionId, LineId>,
    pub(in crate::sim) redials: BTreeMap<NodeId, u64>,
    /// No dial and no end of a handshake is due before.
    pub(super) due_at: u64,
    pub(in crate::sim) next_connection: u64,
    pub(super) own: NodeId,
    /// Dice for nonces.
    pub(super) rng: Rng,
    /// Dials, and what they rest on.
    pub(super) known: BTreeSet<NodeId>,
    reach: Option<Option<Reach>>,
    /// From this instant on a program asks whether this node leads; before, no claim is published.
    asks_from: u64,
    claim: LeaseTold,
    /// Leadership is being given up.
    departing: bool,
    /// The build that it runs.
    pub(super) build: Build,
    /// Peers that closed the connection at the hello that can grow.
    pub(super) unheard: BTreeSet<NodeId>,
    /// A message to it that must not have been sent.
    pub(in crate::sim) violation: Option<Violation>,
    /// Successors that were told too late, emptied directories that were refused, peers refused for their level,
    /// dials with the hello of 0.1.0 by a newer build, handovers for want of room, steps behind which what a leader
    /// sends does not fit, and peers that proved that they are members.
    pub odd: [u64; 7],
    /// O19: its handovers for lack of room.
    pub(super) rooms: Rooms,
    /// O26: the subject of each client's connection, and its questions.
    pub askers: Askers,
    /// Questions read for the next step that need a round.
    pub asked: Vec<(ConnectionId, Asked)>,
    /// Messages that came and that no peer sent.
    forged: u64,
}

impl Process {
    /// The process of node `own`, in which a program asks for leadership from `asks_from` on.
    pub fn new(
        server: Server<SimDisk>,
        own: NodeId,
        build: Build,
        asks_from: u64,
        seed: u64,
    ) -> Self {
        Self {
            rng: Rng::new(!seed),
            server,
            inputs: Vec::new(),
            frames: Vec::new(),
            gathered: Vec::new(),
            talks: BTreeMap::new(),
            peers: BTreeMap::new(),
            clients: BTreeMap::new(),
            redials: BTreeMap::new(),
            due_at: u64::MAX,
            next_connection: 0,
            own,
            known: BTreeSet::new(),
            reach: None,
            asks_from,
            claim: LeaseTold::Ended,
            departing: false,
            build,
            unheard: BTreeSet::new(),
            violation: None,
            odd: [0; 7],
            rooms: Rooms::default(),
            askers: Askers::default(),
            asked: Vec::new(),
            forged: 0,
        }
    }

    /// A message that no peer sent, first of those that came in. What a server is told is not looked at before.
    pub fn forge(&mut self, from: NodeId, message: Message) {
        let message = PeerMessage::Raft(message);
        self.inputs.insert(0, Input::Peer { from, message });
        self.forged += 1;
    }

    /// Checks that forged messages are refused, and no others (R15).
    ///
    /// # Errors
    /// One was not, or another was.
    pub fn check_refusals(&self, node: NodeId) -> Result<(), Violation> {
        let Some(replica) = self.server.replica() else { return Ok(()) };
        let (refused, forged) = (replica.raft().refused_messages(), self.forged);
        if refused == forged {
            return Ok(());
        }
        let what = format!("node {node} refused {refused} messages of peers, {forged} were forged");
        Err(Violation::new("O3", what))
    }

    /// One turn of the server with all that came in.
    ///
    /// # Errors
    /// The server ended.
    pub fn step(&mut self, outlet: &mut Outlet<'_>) -> Result<(), ServerError> {
        let before = Progress::of(&self.server);
        self.server.step(&mut self.inputs, outlet)?;
        outlet.charge(before.work_until(&self.server));
        let Some(replica) = self.server.replica() else { return Ok(()) };
        self.odd[5] += u64::from(replica.raft().is_short_of_room());
        match self.rooms.check(self.own, replica.lacks_nothing(), replica.handed_over_for_room()) {
            Ok(handed) => self.odd[4] += u64::from(handed),
            Err(violation) => self.violation = self.violation.take().or(Some(violation)),
        }
        Ok(())
    }

    /// A message to it since the last call that must not have been sent.
    pub fn take_violation(&mut self) -> Option<Violation> {
        self.violation.take()
    }

    /// The build that it runs.
    pub(super) fn build(&self) -> Build {
        self.build
    }

    /// Whether programs may have been told of a claim.
    #[must_use]
    pub fn claim(&self) -> LeaseTold {
        self.claim
    }

    /// Whether they may be told of one now.
    #[must_use]
    pub fn may_claim(&self) -> bool {
        self.claim == LeaseTold::Standing && !self.departing
    }

    /// Leadership reads 0 from here on, and goes to `to`, or to any.
    pub fn resign(&mut self, to: Option<NodeId>) {
        if self.server.role() == Role::Leader {
            self.departing = true;
            self.inputs.push(Input::HandOver { to, claim: LeaseTold::Ended });
        }
    }

    /// After a turn, at `now`, before a claim is read: whether one may be.
    pub fn post(&mut self, now: u64) {
        let raft = self.server.replica().map(|replica| replica.raft());
        self.departing &= raft.is_some_and(Raft::is_transferring);
        if now >= self.asks_from {
            self.claim = LeaseTold::Standing;
        }
    }

    /// The peers are those whom the newest membership names: they are dialed, by the lower id at once and by the
    /// higher one after a while; others are hung up on unless they may stay, and clients that came before there was a
    /// cluster.
    pub fn follow_members(&mut self, now: u64, network: &mut Network) {
        let reach = self.server.reach();
        if self.reach == Some(reach) {
            return;
        }
        if self.reach == Some(None) {
            // As a node does once it is of a cluster.
            let lines: Vec<LineId> = self.clients.values().copied().collect();
            lines.into_iter().for_each(|line| self.hang_up(now, line, network));
        }
        self.reach = Some(reach);
        self.known = self.server.peers().into_iter().map(|(peer, _)| peer).collect();
        self.redials.retain(|peer, _| self.known.contains(peer));
        let is_stranger = |talk: &Talk| match talk.stage {
            Stage::Peer(peer) => !self.known.contains(&peer) && !self.server.may_stay(peer),
            _ => talk.peer().is_some_and(|peer| !self.known.contains(&peer)),
        };
        let strangers = self.talks.iter().filter(|(_, talk)| is_stranger(talk));
        let strangers: Vec<LineId> = strangers.map(|(line, _)| *line).collect();
        strangers.into_iter().for_each(|line| self.hang_up(now, line, network));
        for peer in self.known.clone() {
            let is_met = self.talks.values().any(|talk| talk.peer() == Some(peer));
            if !is_met {
                let at = if self.own < peer { now } else { now + AWAIT_NANOS };
                self.redials.entry(peer).or_insert(at);
                self.due_at = self.due_at.min(at);
            }
        }
    }

    /// The peers to which a connection is up.
    pub fn connected(&self) -> impl Iterator<Item = NodeId> {
        self.peers.keys().copied()
    }

    /// Something came in on a line.
    pub fn handle_arrival(
        &mut self,
        now: u64,
        own: NodeId,
        line: LineId,
        side: Side,
        arrival: Arrival,
        network: &mut Network,
    ) {
        match arrival {
            Arrival::Accepted => self.handle_accepted(line, network, now),
            Arrival::Bytes(bytes) => {
                let talk = self.talks.entry(line).or_insert_with(|| {
                    let talk = Talk::new(side, Stage::Unknown, now);
                    self.due_at = self.due_at.min(talk.deadline);
                    talk
                });
                let mut frames = std::mem::take(&mut self.frames);
                if talk.read(&bytes, &mut frames).is_err() {
                    panic!("{own:?} cannot read what was encoded by our own codec");
                }
                for frame in frames.drain(..) {
                    self.handle_frame(now, line, &frame, network);
                }
                self.frames = frames;
            }
            Arrival::Refused | Arrival::TimedOut => self.handle_ended(now, line, Cause::Local),
            Arrival::ClosedByPeer | Arrival::Reset => self.handle_ended(now, line, Cause::Peer),
        }
    }

    fn handle_frame(&mut self, now: u64, line: LineId, frame: &Frame, network: &mut Network) {
        let Some(talk) = self.talks.get(&line) else { return };
        match (talk.stage, frame.kind) {
            (Stage::Peer(from), FrameKind::Peer) => {
                let message = frame.decode::<PeerMessage>().expect("our own codec");
                if let PeerMessage::Raft(Message::TimeoutNow(told)) = &message {
                    let term = self.server.leader_hint().term;
                    self.odd[0] += u64::from(told.term < term);
                }
                self.heard(self.build.check(message.needs(), &message));
                if let PeerMessage::Status(values) = &message {
                    self.rooms.note_status(from, values);
                }
                self.inputs.push(Input::Peer { from, message });
            }
            (Stage::Client(connection), FrameKind::Request) => {
                let request = frame.decode::<Request>().expect("our own codec");
                self.asked.extend(Asked::by(&request).map(|asked| (connection, asked)));
                self.askers.ask(connection, &request);
                self.inputs.push(match Submission::read(&frame.body) {
                    Some(asked) => Input::Submission { connection, asked },
                    None => Input::Client { connection, request },
                });
            }
            (Stage::Unknown, FrameKind::PeerHello) => {
                let hello = frame.decode::<PeerHello>().expect("our own codec");
                self.welcome_peer(now, line, (&hello, Speech::of_0_1(), Form::Fixed), network);
            }
            (Stage::Unknown, FrameKind::ClientHello) => {
                let hello = frame.decode::<ClientHello>().expect("our own codec");
                self.welcome_client(now, line, (&hello, &Speech::of_0_1(), Form::Fixed), network);
            }
            (Stage::Unknown, FrameKind::Hello) if self.build == Build::New => {
                let values = frame.decode().expect("our own codec");
                match Hello::from_values(&values).expect("our own hello") {
                    Hello::Peer(hello, speech) => {
                        self.welcome_peer(now, line, (&hello, speech, Form::Named), network);
                    }
                    Hello::Client(hello, speech, _) => {
                        self.welcome_client(now, line, (&hello, &speech, Form::Named), network);
                    }
                }
            }
            (Stage::Greeting(..), FrameKind::Challenge)
            | (Stage::Challenged, FrameKind::Proof | FrameKind::Refused) => {
                self.handle_candidacy(now, line, frame, network);
            }
            (Stage::Greeting(..), FrameKind::PeerWelcome) => {
                let welcome = frame.decode::<PeerHello>().expect("our own codec");
                self.handle_welcome(now, line, (&welcome, Speech::of_0_1()), network);
            }
            (Stage::Greeting(..), FrameKind::Welcome) => {
                let values = frame.decode().expect("our own codec");
                if let Ok(Hello::Peer(welcome, speech)) = Hello::from_values(&values) {
                    self.handle_welcome(now, line, (&welcome, speech), network);
                }
            }
            _ => self.hang_up(now, line, network),
        }
    }

    /// This side closes the line.
    pub(in crate::sim) fn hang_up(&mut self, now: u64, line: LineId, network: &mut Network) {
        if let Some(talk) = self.talks.get(&line) {
            network.close(now, line, talk.side);
        }
        self.handle_ended(now, line, Cause::Local);
    }

    fn handle_ended(&mut self, now: u64, line: LineId, cause: Cause) {
        let Some(talk) = self.talks.remove(&line) else { return };
        match talk.stage {
            // As 0.1.0 does at a hello that it does not know: it is said the one that it knows.
            Stage::Greeting(peer, Form::Named) if cause == Cause::Peer => {
                self.unheard.insert(peer);
                self.redials.insert(peer, now);
                self.due_at = self.due_at.min(now);
            }
            Stage::Dialing(peer, _) | Stage::Greeting(peer, _) => {
                self.redial(now, peer);
            }
            Stage::Peer(peer) if self.peers.get(&peer) == Some(&line) => {
                self.peers.remove(&peer);
                self.redial(now, peer);
                self.inputs.push(match cause {
                    Cause::Peer => Input::PeerDown { peer },
                    Cause::Local => Input::PeerLost { peer },
                });
            }
            Stage::Client(connection) => {
                self.clients.remove(&connection);
                self.askers.disconnect(connection);
                self.inputs.push(Input::ClientDown { connection });
            }
            Stage::Peer(_) | Stage::Unknown | Stage::Challenged => {}
        }
    }

    /// Puts what left onto the lines, as far as they stand.
    pub fn send(&mut self, own: NodeId, left: &[(u64, Outgoing)], network: &mut Network) {
        let mut gathered = std::mem::take(&mut self.gathered);
        for (at, outgoing) in left {
            let line = match outgoing {
                Outgoing::Peer(to, message) => {
                    assert!(*to != own, "{own:?} sends {message:?} to itself");
                    self.peers.get(to)
                }
                Outgoing::Client(to, _) => self.clients.get(to),
            };
            let Some(line) = line else { continue };
            let key = (*at, *line);
            let place = gathered.iter().position(|(other, _)| *other == key);
            let place = place.unwrap_or_else(|| {
                gathered.push((key, Vec::with_capacity(256)));
                gathered.len() - 1
            });
            let bytes = &mut gathered[place].1;
            match outgoing {
                Outgoing::Peer(_, message) => encode_frame(FrameKind::Peer, message, bytes),
                Outgoing::Client(_, message) => encode_frame(FrameKind::Server, message, bytes),
            }
        }
        // Which line is served first among those of one instant is the same in each run.
        gathered.sort_unstable_by_key(|(key, _)| *key);
        for ((at, line), bytes) in gathered.drain(..) {
            network.send(at, line, self.talks[&line].side, bytes);
        }
        self.gathered = gathered;
    }
}

/// The side that ended a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cause {
    Peer,
    Local,
}
