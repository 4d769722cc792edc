//! One simulated node: a machine, and on it a process that runs `server` as the real one does.
//!
//! Arrivals wait until the process runs; a step takes them all, as a turn of the loop takes what sockets
//! have. The process is busy until the local time that its step reached.

use crate::base::{ConnectionId, NodeId};
use crate::server::{Input, Server, ServerError, ServerOptions};
use crate::sim::checkers::Violation;
use crate::sim::checkers::durability::Ledger;
use crate::sim::disk::SimDisk;
use crate::sim::host::SharedHost;
use crate::sim::network::{Arrival, HostId, LineId, Network, Side};
use crate::sim::outlet::{Outgoing, Outlet, drain_durable};
use crate::sim::talk::{Stage, Talk, frame};
use crate::wire::{ClientHello, Frame, FrameKind, PeerHello, PeerMessage, Request};
use std::collections::BTreeMap;

/// One node.
#[derive(Debug)]
pub struct SimNode {
    /// Its id.
    pub id: NodeId,
    /// Its machine's place in the network.
    pub host_id: HostId,
    /// Its machine.
    pub host: SharedHost,
    /// The running process.
    pub process: Option<Process>,
    /// The process does nothing before this.
    pub busy_until: u64,
    /// When the next step is foreseen; `u64::MAX` if none is.
    pub step_at: u64,
    /// Starts so far.
    pub starts: u64,
    arrivals: Vec<(LineId, Side, Arrival)>,
    options: ServerOptions,
}

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

/// How a step ended.
#[derive(Debug)]
pub enum StepEnd {
    /// The process goes on.
    Goes(Vec<(u64, Outgoing)>),
    /// A fault hit it in the middle.
    Crashed,
}

impl SimNode {
    /// A node that is not started.
    #[must_use]
    pub fn new(host_id: HostId, host: SharedHost, options: ServerOptions) -> Self {
        Self {
            id: options.node,
            host_id,
            host,
            process: None,
            busy_until: 0,
            step_at: u64::MAX,
            starts: 0,
            arrivals: Vec::new(),
            options,
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
        let options = ServerOptions { boot: self.starts, seed, ..self.options.clone() };
        let server = Server::open(options, SimDisk::new(self.host.clone()), entropy, &sample);
        if self.host.borrow().crashed {
            return Ok(StepEnd::Crashed);
        }
        let server = server?;
        self.busy_until = self.host.borrow().local;
        let higher =
            self.options.members.iter().map(|(peer, _)| *peer).filter(|peer| *peer > self.id);
        self.process = Some(Process {
            server,
            inputs: Vec::new(),
            talks: BTreeMap::new(),
            peers: BTreeMap::new(),
            clients: BTreeMap::new(),
            redials: higher.map(|peer| (peer, now)).collect(),
            next_connection: 0,
        });
        Ok(StepEnd::Goes(Vec::new()))
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
        self.host.borrow_mut().local = now;
        for (line, side, arrival) in self.arrivals.drain(..) {
            process.handle_arrival(now, self.id, line, side, arrival, network);
        }
        process.dial_due(now, self.host_id, network);
        let mut outlet = Outlet::new(self.id, self.host.clone(), ledger);
        let ended = process.server.step(&mut process.inputs, &mut outlet);
        let left = outlet.finish()?;
        self.busy_until = self.host.borrow().local;
        process.send(self.id, &left, network);
        if self.host.borrow().crashed {
            return Ok(StepEnd::Crashed);
        }
        match ended {
            Ok(()) => Ok(StepEnd::Goes(left)),
            Err(error) => Err(Violation::new("O16", format!("node {} ended: {error}", self.id))),
        }
    }

    /// The process is gone; `host` is left as it is.
    pub fn stop(&mut self, ledger: &mut Ledger) {
        drain_durable(&self.host, ledger);
        for write in self.host.borrow().storage.unsynced_writes() {
            ledger.handle_unsynced(write);
        }
        self.process = None;
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
        let redial = process.redials.values().copied().min().unwrap_or(u64::MAX);
        let handshake = process.talks.values().map(|talk| talk.deadline).min().unwrap_or(u64::MAX);
        server.min(redial).min(handshake)
    }
}

impl Process {
    fn handle_arrival(
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

    fn dial_due(&mut self, now: u64, own: HostId, network: &mut Network) {
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
    fn send(&mut self, own: NodeId, left: &[(u64, Outgoing)], network: &mut Network) {
        let mut gathered: BTreeMap<(u64, LineId), Vec<u8>> = BTreeMap::new();
        for (at, outgoing) in left {
            let (line, bytes) = match outgoing {
                Outgoing::Peer(to, message) => {
                    assert!(*to != own, "{own:?} sends {message:?} to itself");
                    (self.peers.get(to), frame(FrameKind::Peer, message))
                }
                Outgoing::Client(to, message) => {
                    (self.clients.get(to), frame(FrameKind::Server, message))
                }
            };
            if let Some(line) = line {
                gathered.entry((*at, *line)).or_default().extend(bytes);
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

/// Where a node's machine is in the network: nodes come first.
#[must_use]
pub fn host_of(node: NodeId) -> HostId {
    HostId(usize::try_from(node.0 - 1).expect("few nodes"))
}

const REDIAL_NANOS: u64 = 50_000_000;
