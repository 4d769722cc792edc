//! A server's process: its connections, their handshakes, and the frames on them.

use crate::base::{ConnectionId, NodeId};
use crate::server::{Input, Server, ServerError};
use crate::sim::disk::SimDisk;
use crate::sim::network::{Arrival, HostId, LineId, Network, Side};
use crate::sim::node::host_of;
use crate::sim::outlet::{Outgoing, Outlet};
use crate::sim::talk::{Stage, Talk, frame};
use crate::wire::{ClientHello, Frame, FrameKind, PeerHello, PeerMessage, Request, encode_frame};
use std::collections::BTreeMap;

/// A server with its connections.
#[derive(Debug)]
pub struct Process {
    /// The production code.
    pub server: Server<SimDisk>,
    inputs: Vec<Input>,
    talks: BTreeMap<LineId, Talk>,
    peers: BTreeMap<NodeId, LineId>,
    clients: BTreeMap<ConnectionId, LineId>,
    redials: BTreeMap<NodeId, u64>,
    next_connection: u64,
}

impl Process {
    /// A process that will dial `peers` at `now`.
    pub fn new(server: Server<SimDisk>, peers: impl Iterator<Item = NodeId>, now: u64) -> Self {
        Self {
            server,
            inputs: Vec::new(),
            talks: BTreeMap::new(),
            peers: BTreeMap::new(),
            clients: BTreeMap::new(),
            redials: peers.map(|peer| (peer, now)).collect(),
            next_connection: 0,
        }
    }

    /// One turn of the server with all that came in.
    ///
    /// # Errors
    /// The server ended.
    pub fn step(&mut self, outlet: &mut Outlet<'_>) -> Result<(), ServerError> {
        self.server.step(&mut self.inputs, outlet)
    }

    /// When it must dial, or give up a handshake.
    #[must_use]
    pub fn next_dial(&self) -> u64 {
        let redial = self.redials.values().copied().min().unwrap_or(u64::MAX);
        let handshake = self.talks.values().map(|talk| talk.deadline).min().unwrap_or(u64::MAX);
        redial.min(handshake)
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
                let talk =
                    self.talks.entry(line).or_insert_with(|| Talk::new(side, Stage::Unknown, now));
                let Ok(frames) = talk.read(&bytes) else {
                    panic!("{own:?} cannot read what was encoded by our own codec");
                };
                for frame in frames {
                    self.handle_frame(now, line, &frame, network);
                }
            }
            Arrival::Refused | Arrival::TimedOut => self.handle_ended(now, line, Cause::Local),
            Arrival::ClosedByPeer | Arrival::Reset => self.handle_ended(now, line, Cause::Peer),
        }
    }

    fn handle_accepted(&mut self, line: LineId, network: &mut Network, now: u64) {
        let Some(talk) = self.talks.get_mut(&line) else { return };
        if let Stage::Dialing(peer) = talk.stage {
            talk.stage = Stage::Greeting(peer);
            let hello = frame(FrameKind::PeerHello, &self.server.hello(peer));
            network.send(now, line, talk.side, hello);
        }
    }

    fn handle_frame(&mut self, now: u64, line: LineId, frame: &Frame, network: &mut Network) {
        let Some(talk) = self.talks.get(&line) else { return };
        match (talk.stage, frame.kind) {
            (Stage::Peer(from), FrameKind::Peer) => {
                let message = frame.decode::<PeerMessage>().expect("our own codec");
                self.inputs.push(Input::Peer { from, message });
            }
            (Stage::Client(connection), FrameKind::Request) => {
                let request = frame.decode::<Request>().expect("our own codec");
                self.inputs.push(Input::Client { connection, request });
            }
            (Stage::Unknown, FrameKind::PeerHello) => {
                let hello = frame.decode::<PeerHello>().expect("our own codec");
                self.welcome_peer(now, line, &hello, network);
            }
            (Stage::Greeting(_), FrameKind::PeerWelcome) => {
                let welcome = frame.decode::<PeerHello>().expect("our own codec");
                match self.server.check_hello(&welcome) {
                    Ok(()) => self.establish_peer(now, line, &welcome, network),
                    Err(_) => self.hang_up(now, line, network),
                }
            }
            (Stage::Unknown, FrameKind::ClientHello) => {
                let hello = frame.decode::<ClientHello>().expect("our own codec");
                self.welcome_client(now, line, &hello, network);
            }
            _ => self.hang_up(now, line, network),
        }
    }

    fn welcome_peer(&mut self, now: u64, line: LineId, hello: &PeerHello, network: &mut Network) {
        match self.server.check_hello(hello) {
            Ok(()) => {
                let welcome = frame(FrameKind::PeerWelcome, &self.server.hello(hello.node));
                network.send(now, line, Side::Acceptor, welcome);
                self.establish_peer(now, line, hello, network);
            }
            Err(refused) => {
                network.send(now, line, Side::Acceptor, frame(FrameKind::Refused, &refused));
                self.hang_up(now, line, network);
            }
        }
    }

    fn welcome_client(
        &mut self,
        now: u64,
        line: LineId,
        hello: &ClientHello,
        network: &mut Network,
    ) {
        match self.server.welcome(hello.cluster) {
            Ok(welcome) => {
                network.send(now, line, Side::Acceptor, frame(FrameKind::ClientWelcome, &welcome));
                self.next_connection += 1;
                let connection = ConnectionId(self.next_connection);
                self.clients.insert(connection, line);
                self.talks.get_mut(&line).expect("it spoke").establish(Stage::Client(connection));
                self.inputs.push(Input::ClientUp { connection });
            }
            Err(refused) => {
                network.send(now, line, Side::Acceptor, frame(FrameKind::Refused, &refused));
                self.hang_up(now, line, network);
            }
        }
    }

    /// The newest connection to a peer replaces an older one.
    fn establish_peer(&mut self, now: u64, line: LineId, hello: &PeerHello, network: &mut Network) {
        let peer = hello.node;
        self.talks.get_mut(&line).expect("it spoke").establish(Stage::Peer(peer));
        if let Some(older) = self.peers.insert(peer, line)
            && older != line
            && let Some(talk) = self.talks.remove(&older)
        {
            network.close(now, older, talk.side);
        }
        self.redials.remove(&peer);
        self.inputs.push(Input::PeerUp { peer, directory: hello.directory });
    }

    /// This side closes the line.
    fn hang_up(&mut self, now: u64, line: LineId, network: &mut Network) {
        if let Some(talk) = self.talks.get(&line) {
            network.close(now, line, talk.side);
        }
        self.handle_ended(now, line, Cause::Local);
    }

    fn handle_ended(&mut self, now: u64, line: LineId, cause: Cause) {
        let Some(talk) = self.talks.remove(&line) else { return };
        match talk.stage {
            Stage::Dialing(peer) | Stage::Greeting(peer) => {
                self.redials.insert(peer, now + REDIAL_NANOS);
            }
            Stage::Peer(peer) if self.peers.get(&peer) == Some(&line) => {
                self.peers.remove(&peer);
                if talk.side == Side::Dialer {
                    self.redials.insert(peer, now + REDIAL_NANOS);
                }
                if cause == Cause::Peer {
                    self.inputs.push(Input::PeerDown { peer });
                }
            }
            Stage::Client(connection) => {
                self.clients.remove(&connection);
                self.inputs.push(Input::ClientDown { connection });
            }
            Stage::Peer(_) | Stage::Unknown => {}
        }
    }

    /// Dials, and gives up handshakes that take too long.
    pub fn dial_due(&mut self, now: u64, own: HostId, network: &mut Network) {
        let late: Vec<LineId> = self
            .talks
            .iter()
            .filter(|(_, talk)| talk.deadline <= now)
            .map(|(line, _)| *line)
            .collect();
        for line in late {
            self.hang_up(now, line, network);
        }
        let due: Vec<NodeId> =
            self.redials.iter().filter(|(_, at)| **at <= now).map(|(peer, _)| *peer).collect();
        for peer in due {
            self.redials.remove(&peer);
            let line = network.dial(now, own, host_of(peer));
            self.talks.insert(line, Talk::new(Side::Dialer, Stage::Dialing(peer), now));
        }
    }

    /// Puts what left onto the lines, as far as they stand.
    pub fn send(&mut self, own: NodeId, left: &[(u64, Outgoing)], network: &mut Network) {
        let mut gathered: BTreeMap<(u64, LineId), Vec<u8>> = BTreeMap::new();
        for (at, outgoing) in left {
            let line = match outgoing {
                Outgoing::Peer(to, message) => {
                    assert!(*to != own, "{own:?} sends {message:?} to itself");
                    self.peers.get(to)
                }
                Outgoing::Client(to, _) => self.clients.get(to),
            };
            let Some(line) = line else { continue };
            let bytes = gathered.entry((*at, *line)).or_insert_with(|| Vec::with_capacity(256));
            match outgoing {
                Outgoing::Peer(_, message) => encode_frame(FrameKind::Peer, message, bytes),
                Outgoing::Client(_, message) => encode_frame(FrameKind::Server, message, bytes),
            }
        }
        for ((at, line), bytes) in gathered {
            network.send(at, line, self.talks[&line].side, bytes);
        }
    }
}

/// Who ended a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cause {
    Peer,
    Local,
}

const REDIAL_NANOS: u64 = 50_000_000;
