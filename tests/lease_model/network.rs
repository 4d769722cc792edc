//! Messages on their way, in one queue for each direction between two processes.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use tenure::base::{ConnectionId, NodeId};
use tenure::client::core::LinkId;
use tenure::raft::Message;
use tenure::wire::{ClientWelcome, Request, ServerMessage};

/// A process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Place {
    Node(NodeId),
    Client(usize),
}

/// One direction between two processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Line {
    pub from: Place,
    pub to: Place,
}

/// What is on its way.
#[derive(Clone, Debug)]
pub enum Packet {
    Peer(Message),
    /// To a node, on a client's connection.
    Connect(ConnectionId),
    Request(ConnectionId, Request),
    Disconnect(ConnectionId),
    /// To a client.
    Welcome(LinkId, ClientWelcome),
    Server(LinkId, ServerMessage),
    Closed(LinkId),
}

/// A client's connection, by the names that both sides have for it.
#[derive(Clone, Copy, Debug)]
pub struct Connection {
    pub client: usize,
    pub node: NodeId,
    pub link: LinkId,
    pub id: ConnectionId,
}

/// Everything on its way, and what stands in its way.
#[derive(Clone, Debug, Default)]
pub struct Network {
    pub lines: BTreeMap<Line, VecDeque<Packet>>,
    /// Delivered once already, and still on their way a second time.
    pub copies: Vec<(Line, Packet)>,
    /// Nothing comes out of these until they are released.
    pub held: BTreeSet<Line>,
    /// Nodes that are cut off from their peers; some together with a client that reaches nobody else.
    pub cuts: BTreeMap<NodeId, Option<usize>>,
    connections: Vec<Connection>,
    last_connection: u64,
}

impl Network {
    pub fn send(&mut self, from: Place, to: Place, packet: Packet) {
        if !self.is_severed(from, to) {
            self.lines.entry(Line { from, to }).or_default().push_back(packet);
        }
    }

    /// The first line in order that has something, and lets it through.
    pub fn first_open(&self, takes: impl Fn(Place) -> bool) -> Option<Line> {
        let open = |line: &&Line| self.is_open(line) && takes(line.to);
        self.lines.keys().find(open).copied()
    }

    fn is_open(&self, line: &Line) -> bool {
        !self.held.contains(line) && !self.is_silent(line)
    }

    pub fn take(&mut self, line: Line) -> Packet {
        let queue = self.lines.get_mut(&line).unwrap_or_else(|| panic!("nothing on {line:?}"));
        let packet = queue.pop_front().expect("queues on lines are not empty");
        if queue.is_empty() {
            self.lines.remove(&line);
        }
        packet
    }

    pub fn front(&self, line: Line) -> &Packet {
        &self.lines[&line][0]
    }

    /// What goes between a node that is cut off and its peers is lost.
    fn is_severed(&self, from: Place, to: Place) -> bool {
        match (from, to) {
            (Place::Node(a), Place::Node(b)) => {
                self.cuts.contains_key(&a) || self.cuts.contains_key(&b)
            }
            _ => false,
        }
    }

    /// A client that is cut off together with a node hears and is heard by nobody else, for the time being.
    fn is_silent(&self, line: &Line) -> bool {
        let (client, node) = match (line.from, line.to) {
            (Place::Client(client), Place::Node(node))
            | (Place::Node(node), Place::Client(client)) => (client, node),
            _ => return false,
        };
        self.cuts.iter().any(|(cut, with)| *with == Some(client) && *cut != node)
    }

    pub fn connect(&mut self, client: usize, node: NodeId, link: LinkId) -> ConnectionId {
        self.last_connection += 1;
        let id = ConnectionId(self.last_connection);
        self.connections.push(Connection { client, node, link, id });
        id
    }

    /// The standing connection that is what `is_it` says.
    pub fn connection(&self, is_it: impl Fn(&Connection) -> bool) -> Option<Connection> {
        self.connections.iter().copied().find(is_it)
    }

    /// The connection is no more; what is on its way on it is lost.
    pub fn disconnect(&mut self, gone: Connection) {
        self.connections.retain(|connection| connection.id != gone.id);
        let (client, node) = (Place::Client(gone.client), Place::Node(gone.node));
        self.lose(Line { from: client, to: node });
        self.lose(Line { from: node, to: client });
    }

    pub fn lose(&mut self, line: Line) {
        self.lines.remove(&line);
        self.held.remove(&line);
    }

    /// All that is on its way to or from a process that is gone.
    pub fn lose_all(&mut self, place: Place) {
        let is_its = |line: &Line| line.from == place || line.to == place;
        self.lines.retain(|line, _| !is_its(line));
        self.held.retain(|line| !is_its(line));
        self.copies.retain(|(line, _)| line.to != place);
    }
}
