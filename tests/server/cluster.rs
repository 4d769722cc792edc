//! Servers on real files in temporary directories; time and messages move only by hand.

use crate::server::disk::SmallDisk;
use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::PathBuf;
use std::rc::Rc;
use tempfile::TempDir;
use tenure::base::{ClientSource, ClusterKey, ConnectionId, Index, NodeId, Sample, Subject};
use tenure::lock::LockMachine;
use tenure::raft::{LeaseTold, Role};
use tenure::server::{
    Admission, Bootstrap, Candidate, Input, Outside, Server, ServerError, ServerOptions, Trust,
};
use tenure::wire::{Abilities, NodeStatus, PeerMessage, Refused, Request, ServerMessage, Speech};

pub const MS: u64 = 1_000_000;

pub struct Cluster {
    nodes: BTreeMap<NodeId, Node>,
    cuts: BTreeSet<(NodeId, NodeId)>,
    replies: BTreeMap<ConnectionId, Vec<ServerMessage>>,
    /// Each turn takes one input, and nodes hang up on those who may not stay with them.
    turns_are_short: bool,
    /// Each turn is late once it has looked at its clock so often.
    looks_in_time: u32,
    /// Connections that a node has closed.
    closed: BTreeSet<(NodeId, NodeId)>,
    /// Nodes that are to end by themselves, and why they did.
    doomed: BTreeSet<NodeId>,
    ends: BTreeMap<NodeId, String>,
    now: u64,
    /// How far MONOTONIC_RAW is behind the other clocks, everywhere.
    raw_lag: u64,
    /// What the options of all servers are made of.
    base: ServerOptions,
    /// On whose behalf the next client asks.
    pub subject: Subject,
    /// Denials to those who do not understand them.
    pub noted: Vec<(ConnectionId, String)>,
}

struct Node {
    bootstrap: Bootstrap,
    directory: TempDir,
    log_files_max: Rc<Cell<usize>>,
    discards: Rc<Cell<usize>>,
    server: Option<Server<SmallDisk>>,
    /// The build that its next start runs.
    speech: Speech,
    inputs: Vec<Input>,
    first_flush: Option<(u64, usize)>,
}

/// What one step let out.
struct Outlet {
    now: Sample,
    looks_in_time: Cell<u32>,
    syncs: u64,
    peers: VecDeque<(NodeId, PeerMessage)>,
    clients: Vec<(ConnectionId, ServerMessage)>,
    noted: Vec<(ConnectionId, String)>,
    first_flush: Option<(u64, usize)>,
}

impl Outside for Outlet {
    fn now(&mut self) -> Sample {
        self.now
    }
    fn is_late(&self) -> bool {
        let left = self.looks_in_time.get();
        self.looks_in_time.set(left.saturating_sub(1));
        left == 0
    }
    fn unix_ms(&mut self) -> u64 {
        self.now.boot() / MS
    }
    fn complete(&self, status: NodeStatus) -> NodeStatus {
        status
    }
    fn claim(&mut self) -> LeaseTold {
        LeaseTold::Standing
    }
    fn send_peer(&mut self, to: NodeId, message: PeerMessage) {
        self.peers.push_back((to, message));
    }
    fn send_client(&mut self, to: ConnectionId, message: ServerMessage) {
        self.clients.push((to, message));
    }
    fn note_denial(&mut self, to: ConnectionId, text: &str) {
        self.noted.push((to, text.to_owned()));
    }
    fn flush(&mut self) {
        self.first_flush.get_or_insert((self.syncs, self.peers.len()));
    }
}

impl Node {
    /// Whether its last turn left something over.
    fn goes_on(&self) -> bool {
        self.server.as_ref().is_some_and(|server| server.next_deadline() == 0)
    }
}

impl Cluster {
    pub fn new(nodes: u64) -> Self {
        Self::with_log_bytes(nodes, 1 << 30, 64 << 20)
    }

    pub fn with_log_bytes(nodes: u64, log_bytes_max: u64, log_reserve_bytes: u64) -> Self {
        let base = ServerOptions::new(NodeId(1), Vec::new());
        Self::with_options(nodes, ServerOptions { log_bytes_max, log_reserve_bytes, ..base })
    }

    /// Servers with these options, but for their ids and members.
    pub fn with_options(nodes: u64, base: ServerOptions) -> Self {
        let mut cluster = Self {
            nodes: BTreeMap::new(),
            cuts: BTreeSet::new(),
            replies: BTreeMap::new(),
            turns_are_short: false,
            looks_in_time: u32::MAX,
            closed: BTreeSet::new(),
            doomed: BTreeSet::new(),
            ends: BTreeMap::new(),
            now: 1_000 * MS,
            raw_lag: 0,
            base: ServerOptions { segment_bytes: 1 << 20, ..base },
            subject: Subject::Anonymous,
            noted: Vec::new(),
        };
        for id in 1..=nodes {
            cluster.add_directory(NodeId(id), Bootstrap::Founder);
        }
        for node in cluster.nodes().collect::<Vec<_>>() {
            cluster.restart(node);
        }
        cluster
    }

    /// An empty directory for a node that is not started yet.
    pub fn add_directory(&mut self, id: NodeId, bootstrap: Bootstrap) {
        let directory = TempDir::new().unwrap();
        let (server, inputs) = (None, Vec::new());
        let (log_files_max, discards) = (Rc::new(Cell::new(usize::MAX)), Rc::default());
        let (speech, first_flush) = (Speech::own(), None);
        let node = Node {
            bootstrap,
            directory,
            log_files_max,
            discards,
            server,
            speech,
            inputs,
            first_flush,
        };
        self.nodes.insert(id, node);
    }

    /// From its next start on a node runs the build that speaks this.
    pub fn set_speech(&mut self, id: NodeId, speech: Speech) {
        self.nodes.get_mut(&id).unwrap().speech = speech;
    }

    /// From now on the disk of `id` has room for so many files of the log.
    pub fn limit_log_files(&mut self, id: NodeId, count: usize) {
        self.nodes[&id].log_files_max.set(count);
    }

    /// The data directory of a node.
    pub fn path(&self, id: NodeId) -> PathBuf {
        self.nodes[&id].directory.path().join("data")
    }

    pub fn nodes(&self) -> impl Iterator<Item = NodeId> + Clone + use<> {
        self.nodes.keys().copied().collect::<Vec<_>>().into_iter()
    }

    pub fn server(&self, node: NodeId) -> &Server<SmallDisk> {
        self.nodes[&node].server.as_ref().expect("the node runs")
    }

    /// What a node says of itself now.
    pub fn status(&self, node: NodeId) -> NodeStatus {
        self.server(node).status(&Sample::at(self.now))
    }

    pub fn role(&self, node: NodeId) -> Role {
        self.server(node).role()
    }

    pub fn machine(&self, node: NodeId) -> &LockMachine {
        self.server(node).replica().expect("founded").machine()
    }

    pub fn machine_index(&self, node: NodeId) -> Index {
        self.server(node).replica().expect("founded").applied()
    }

    /// How many syncs had been made, and how many messages for peers were queued, at the first flush.
    pub fn syncs_at_first_flush(&self, node: NodeId) -> Option<(u64, usize)> {
        self.nodes[&node].first_flush
    }

    pub fn restart(&mut self, id: NodeId) {
        self.try_restart(id).unwrap();
    }

    /// Why it does not start, if so.
    pub fn try_restart(&mut self, id: NodeId) -> Result<(), ServerError> {
        let members: Vec<(NodeId, String)> =
            self.nodes().map(|node| (node, format!("node-{node}:7400"))).collect();
        let options = ServerOptions {
            node: id,
            members,
            bootstrap: self.nodes[&id].bootstrap,
            boot: self.now,
            seed: id.0,
            cluster_key: Some(ClusterKey([0x80 | id.0 as u8; 32])),
            speech: self.nodes[&id].speech.clone(),
            ..self.base.clone()
        };
        let now = self.sample();
        let node = self.nodes.get_mut(&id).unwrap();
        let path = node.directory.path().join("data");
        let disk =
            SmallDisk::open(&path, Rc::clone(&node.log_files_max), Rc::clone(&node.discards))
                .unwrap();
        let entropy = [(self.now / MS % 251) as u8 ^ id.0 as u8; 16];
        node.server = Some(Server::open(options, disk, entropy, &now)?);
        for peer in self.nodes().filter(|peer| *peer != id) {
            self.connect(id, peer);
        }
        Ok(())
    }

    /// `one` dials `two`: a connection between them, if both run and let each other in.
    pub fn connect(&mut self, one: NodeId, two: NodeId) {
        let (Some(a), Some(b)) = (&self.nodes[&one].server, &self.nodes[&two].server) else {
            return;
        };
        let (from_a, from_b) = (a.hello(two), b.hello(one));
        let (of_a, of_b) = (a.speech().clone(), b.speech().clone());
        let admitted = admitted(a, b, [0x5a; 32]);
        if let Ok(trust) = admitted.and_then(|trust| {
            a.check_welcome(&from_b, &of_b)?;
            Ok(trust)
        }) {
            let (of_one, of_two) = (from_a.directory, from_b.directory);
            let vouched = Trust::Vouched;
            self.push(
                one,
                Input::PeerUp { peer: two, directory: of_two, speech: of_b, trust: vouched },
            );
            self.push(two, Input::PeerUp { peer: one, directory: of_one, speech: of_a, trust });
        }
    }

    /// The same, though they would refuse each other.
    pub fn force_connection(&mut self, one: NodeId, two: NodeId) {
        for (at, peer) in [(one, two), (two, one)] {
            let directory = self.server(peer).hello(at).directory;
            let speech = self.server(peer).speech().clone();
            let trust = Trust::Vouched;
            self.push(at, Input::PeerUp { peer, directory, speech, trust });
        }
    }

    /// A message that `from` never sent, or should not have.
    pub fn say(&mut self, from: NodeId, to: NodeId, message: tenure::raft::Message) {
        self.push(to, Input::Peer { from, message: PeerMessage::Raft(message) });
    }

    pub fn hand_over(&mut self, id: NodeId, to: Option<NodeId>, claim: LeaseTold) {
        self.push(id, Input::HandOver { to, claim });
    }

    /// The present, in nanoseconds.
    pub fn now(&self) -> u64 {
        self.now
    }

    /// Steps until the node's newest snapshot is of `index` or later. Its disk works on a thread of its own.
    pub fn wait_for_snapshot(&mut self, id: NodeId, index: Index) {
        while self.server(id).replica().expect("founded").raft().snapshot_index() < index {
            self.settle();
            std::thread::yield_now();
        }
    }

    /// The process is gone: what was on the way to it too. Peers see their connections close.
    pub fn crash(&mut self, id: NodeId) {
        let node = self.nodes.get_mut(&id).unwrap();
        node.server = None;
        node.inputs.clear();
        for peer in self.nodes().filter(|peer| *peer != id) {
            self.push(peer, Input::PeerDown { peer: id });
        }
    }

    pub fn empty_directory(&mut self, id: NodeId) {
        std::fs::remove_dir_all(self.path(id)).unwrap();
    }

    pub fn cut(&mut self, a: NodeId, b: NodeId) {
        self.cuts.insert((a, b));
        self.cuts.insert((b, a));
    }

    pub fn heal(&mut self) {
        self.cuts.clear();
    }

    pub fn connect_client(&mut self, node: NodeId, connection: ConnectionId) {
        self.connect_client_from(node, connection, ClientSource::default());
    }

    pub fn connect_client_from(
        &mut self,
        node: NodeId,
        connection: ConnectionId,
        source: ClientSource,
    ) {
        let (abilities, subject) = (Abilities::own(), self.subject.clone());
        self.push(node, Input::ClientUp { connection, source, abilities, subject });
    }

    /// One of a build that names no abilities.
    pub fn connect_old_client(&mut self, node: NodeId, connection: ConnectionId) {
        let (source, subject) = (ClientSource::default(), self.subject.clone());
        let abilities = Abilities::NONE;
        self.push(node, Input::ClientUp { connection, source, abilities, subject });
    }

    pub fn disconnect_client(&mut self, node: NodeId, connection: ConnectionId) {
        self.push(node, Input::ClientDown { connection });
    }

    pub fn request(&mut self, node: NodeId, connection: ConnectionId, request: Request) {
        self.push(node, Input::Client { connection, request });
    }

    fn push(&mut self, node: NodeId, input: Input) {
        let node = self.nodes.get_mut(&node).unwrap();
        if node.server.is_some() {
            node.inputs.push(input);
        }
    }

    /// From now on each turn takes one input, and nodes hang up on those who may not stay with them.
    pub fn shorten_turns(&mut self) {
        self.turns_are_short = true;
    }

    /// From now on each turn is late by the clock of its process, once it has looked there so often.
    pub fn delay_turns(&mut self, looks_in_time: u32) {
        self.looks_in_time = looks_in_time;
    }

    /// How often a node gave its disk something to free off the loop.
    pub fn discards(&self, id: NodeId) -> usize {
        self.nodes[&id].discards.get()
    }

    fn hang_up(&mut self, id: NodeId) {
        let Some(server) = &self.nodes[&id].server else { return };
        let dialed: Vec<NodeId> = server.peers().into_iter().map(|(peer, _)| peer).collect();
        let others = self.nodes().filter(|peer| !dialed.contains(peer) && !server.may_stay(*peer));
        let others: Vec<NodeId> = others.collect();
        self.closed.extend(others.into_iter().flat_map(|peer| [(id, peer), (peer, id)]));
    }

    /// One turn of one node; what it sends arrives with the next turns of the others.
    pub fn step(&mut self, id: NodeId) {
        let (now, closed) = (self.sample(), self.closed.clone());
        let node = self.nodes.get_mut(&id).unwrap();
        node.inputs.retain(
            |input| !matches!(input, Input::Peer { from, .. } if closed.contains(&(*from, id))),
        );
        let taken = if self.turns_are_short { 1 } else { usize::MAX }.min(node.inputs.len());
        let mut inputs: Vec<Input> = node.inputs.drain(..taken).collect();
        let Some(server) = &mut node.server else { return };
        let mut outlet = Outlet {
            now,
            looks_in_time: Cell::new(self.looks_in_time),
            syncs: server.wal().sync_count(),
            peers: VecDeque::new(),
            clients: Vec::new(),
            noted: Vec::new(),
            first_flush: None,
        };
        if let Err(error) = server.step(&mut inputs, &mut outlet) {
            assert!(self.doomed.contains(&id), "node {id} ends: {error}");
            self.ends.insert(id, error.to_string());
            node.server = None;
            return;
        }
        node.first_flush = outlet.first_flush;
        self.noted.extend(outlet.noted);
        for (to, message) in outlet.peers {
            let abilities = self.nodes[&to].speech.abilities;
            assert!(abilities.cover(message.needs()), "node {to} does not know {message:?}");
            if !self.cuts.contains(&(id, to)) && !closed.contains(&(id, to)) {
                self.push(to, Input::Peer { from: id, message });
            }
        }
        if self.turns_are_short {
            self.hang_up(id);
        }
        for (to, message) in outlet.clients {
            self.replies.entry(to).or_default().push(message);
        }
    }

    /// Lets time go on, 10 ms at a time, until the node ends by itself, and says why.
    pub fn run_into_error(&mut self, id: NodeId, steps: u64) -> String {
        self.doomed.insert(id);
        for _ in 0..steps {
            self.advance(10 * MS);
            if let Some(error) = self.ends.remove(&id) {
                return error;
            }
        }
        panic!("node {id} goes on");
    }

    /// Turns until nobody has anything to take, or to go on with.
    pub fn settle(&mut self) {
        for _ in 0..1000 {
            for node in self.nodes() {
                self.step(node);
            }
            if self.nodes.values().all(|node| node.inputs.is_empty() && !node.goes_on()) {
                return;
            }
        }
        panic!("the nodes do not come to rest");
    }

    pub fn advance(&mut self, nanos: u64) {
        self.advance_without_turns(nanos);
        self.settle();
    }

    /// From now on RAW goes slower, by so much in all.
    pub fn hold_raw_back(&mut self, nanos: u64) {
        self.raw_lag += nanos;
    }

    fn sample(&self) -> Sample {
        Sample { raw: self.now - self.raw_lag, ..Sample::at(self.now) }
    }

    pub fn advance_without_turns(&mut self, nanos: u64) {
        self.now += nanos;
    }

    pub fn advance_in_steps(&mut self, nanos: u64, step: u64) {
        for _ in 0..nanos / step {
            self.advance(step);
        }
    }

    /// Time goes on until one node leads and has applied its own no-op.
    pub fn elect(&mut self) -> NodeId {
        for _ in 0..1000 {
            self.advance(MS);
            let leader = self.nodes.iter().find(|(_, node)| {
                node.server.as_ref().is_some_and(|server| {
                    let replica = server.replica();
                    server.role() == Role::Leader
                        && replica.is_some_and(|replica| {
                            replica.raft().own_noop().is_some_and(|noop| replica.applied() >= noop)
                        })
                })
            });
            if let Some((node, _)) = leader {
                return *node;
            }
        }
        panic!("no leader within a second");
    }

    pub fn take(&mut self, connection: ConnectionId) -> Vec<ServerMessage> {
        self.replies.remove(&connection).unwrap_or_default()
    }

    pub fn settle_and_take(&mut self, connection: ConnectionId) -> Vec<ServerMessage> {
        self.settle();
        self.take(connection)
    }
}

/// What becomes of the hello of `dialer` at `acceptor`, which asks it what it must.
pub fn admitted(
    dialer: &Server<SmallDisk>,
    acceptor: &Server<SmallDisk>,
    nonce: [u8; 32],
) -> Result<Trust, Refused> {
    let to = acceptor.hello(NodeId(0)).node;
    let (hello, speech) = (dialer.hello(to), dialer.speech().clone());
    match acceptor.check_hello(&hello, &speech)? {
        Admission::Granted(trust) => Ok(trust),
        Admission::Asked => {
            let candidate = Candidate { hello, speech, nonce };
            let proof = dialer.prove(to, &acceptor.challenge(&candidate))?;
            acceptor.check_proof(&candidate, &proof)?;
            Ok(Trust::Vouched)
        }
    }
}
