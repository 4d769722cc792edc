//! Servers on real files in temporary directories; time and messages move only by hand.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;
use tempfile::TempDir;
use tenure::base::{ConnectionId, Index, NodeId, Sample};
use tenure::lock::LockMachine;
use tenure::node::FileDisk;
use tenure::raft::Role;
use tenure::server::{Input, Outside, Server, ServerOptions};
use tenure::wire::{PeerMessage, Request, ServerMessage};

pub const MS: u64 = 1_000_000;

pub struct Cluster {
    nodes: BTreeMap<NodeId, Node>,
    cuts: BTreeSet<(NodeId, NodeId)>,
    replies: BTreeMap<ConnectionId, Vec<ServerMessage>>,
    now: u64,
    log_bytes: (u64, u64),
}

struct Node {
    directory: TempDir,
    server: Option<Server<FileDisk>>,
    inputs: Vec<Input>,
    first_flush: Option<(u64, usize)>,
}

/// What one step let out.
struct Outlet {
    now: u64,
    syncs: u64,
    peers: VecDeque<(NodeId, PeerMessage)>,
    clients: Vec<(ConnectionId, ServerMessage)>,
    first_flush: Option<(u64, usize)>,
}

impl Outside for Outlet {
    fn now(&mut self) -> Sample {
        Sample::at(self.now)
    }
    fn unix_ms(&mut self) -> u64 {
        self.now / MS
    }
    fn send_peer(&mut self, to: NodeId, message: PeerMessage) {
        self.peers.push_back((to, message));
    }
    fn send_client(&mut self, to: ConnectionId, message: ServerMessage) {
        self.clients.push((to, message));
    }
    fn flush(&mut self) {
        self.first_flush.get_or_insert((self.syncs, self.peers.len()));
    }
}

impl Cluster {
    pub fn new(nodes: u64) -> Self {
        Self::with_log_bytes(nodes, 1 << 30, 64 << 20)
    }

    pub fn with_log_bytes(nodes: u64, log_bytes_max: u64, log_reserve_bytes: u64) -> Self {
        let mut cluster = Self {
            nodes: BTreeMap::new(),
            cuts: BTreeSet::new(),
            replies: BTreeMap::new(),
            now: 1_000 * MS,
            log_bytes: (log_bytes_max, log_reserve_bytes),
        };
        for id in 1..=nodes {
            let directory = TempDir::new().unwrap();
            let node = Node { directory, server: None, inputs: Vec::new(), first_flush: None };
            cluster.nodes.insert(NodeId(id), node);
        }
        for node in cluster.nodes().collect::<Vec<_>>() {
            cluster.restart(node);
        }
        cluster
    }

    pub fn nodes(&self) -> impl Iterator<Item = NodeId> + use<> {
        self.nodes.keys().copied().collect::<Vec<_>>().into_iter()
    }

    pub fn server(&self, node: NodeId) -> &Server<FileDisk> {
        self.nodes[&node].server.as_ref().expect("the node runs")
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
        let members: Vec<(NodeId, String)> =
            self.nodes().map(|node| (node, format!("node-{node}:7400"))).collect();
        let options = ServerOptions {
            node: id,
            members,
            heartbeat: Duration::from_millis(30),
            election: Duration::from_millis(150),
            lease_ms: 150,
            ttl_ms_max: 3_600_000,
            log_bytes_max: self.log_bytes.0,
            log_reserve_bytes: self.log_bytes.1,
            segment_bytes: 1 << 20,
            boot: self.now,
            seed: id.0,
        };
        let now = Sample::at(self.now);
        let node = self.nodes.get_mut(&id).unwrap();
        let disk = FileDisk::open(node.directory.path().join("data")).unwrap();
        let entropy = [(self.now / MS % 251) as u8 ^ id.0 as u8; 16];
        node.server = Some(Server::open(options, disk, entropy, &now).unwrap());
        for peer in self.nodes().filter(|peer| *peer != id) {
            if self.nodes[&peer].server.is_some() {
                self.push(id, Input::PeerUp { peer });
                self.push(peer, Input::PeerUp { peer: id });
            }
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
        std::fs::remove_dir_all(self.nodes[&id].directory.path().join("data")).unwrap();
    }

    pub fn cut(&mut self, a: NodeId, b: NodeId) {
        self.cuts.insert((a, b));
        self.cuts.insert((b, a));
    }

    pub fn heal(&mut self) {
        self.cuts.clear();
    }

    pub fn connect_client(&mut self, node: NodeId, connection: ConnectionId) {
        self.push(node, Input::ClientUp { connection });
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

    /// One turn of one node; what it sends arrives with the next turns of the others.
    pub fn step(&mut self, id: NodeId) {
        let node = self.nodes.get_mut(&id).unwrap();
        let Some(server) = &mut node.server else { return };
        let mut outlet = Outlet {
            now: self.now,
            syncs: server.wal().sync_count(),
            peers: VecDeque::new(),
            clients: Vec::new(),
            first_flush: None,
        };
        server.step(&mut node.inputs, &mut outlet).unwrap();
        node.first_flush = outlet.first_flush;
        for (to, message) in outlet.peers {
            if !self.cuts.contains(&(id, to)) {
                self.push(to, Input::Peer { from: id, message });
            }
        }
        for (to, message) in outlet.clients {
            self.replies.entry(to).or_default().push(message);
        }
    }

    /// Turns until nobody has anything to take.
    pub fn settle(&mut self) {
        for _ in 0..1000 {
            for node in self.nodes() {
                self.step(node);
            }
            if self.nodes.values().all(|node| node.inputs.is_empty()) {
                return;
            }
        }
        panic!("the nodes do not come to rest");
    }

    pub fn advance(&mut self, nanos: u64) {
        self.now += nanos;
        self.settle();
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
