//! Three nodes, two clients, what is between them, and one real time.

use crate::lease_model::client::Client;
use crate::lease_model::clock::Clock;
use crate::lease_model::network::{Connection, Line, Network, Packet, Place};
use crate::lease_model::node::{Disk, Input, NODES, Node, Sent, node_at};
use crate::lease_model::properties::Told;
use crate::lease_model::tracked::Tracked;
use crate::lease_model::weaken::Rules;
use std::time::Duration;
use tenure::base::{ClusterId, NodeId};
use tenure::client::core::{CoreAction, LinkId};
use tenure::raft::{Event, Message};
use tenure::wire::{ClientWelcome, Speech, Welcomed};

/// Everything there is. Each step happens at one instant of real time, in nanoseconds.
#[derive(Clone, Debug)]
pub struct World {
    pub now: u64,
    pub nodes: Vec<Tracked<Node>>,
    pub clients: Vec<Tracked<Client>>,
    pub network: Network,
    pub told: Told,
    pub rules: Rules,
}

/// How a world is made.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    pub rules: Rules,
    /// How much too fast the clock of each node and client is, in parts per million.
    pub node_ppm: [i64; NODES as usize],
    pub client_ppm: [i64; 2],
    pub seed: u64,
}

/// What happens next if nobody interferes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// A message arrives.
    Deliver(Line),
    /// Nothing is on its way that can arrive: time passes until somebody has something to do.
    Pass { until: u64 },
}

impl World {
    pub fn new(setting: &Setting) -> Self {
        let node = |at: usize| {
            let clock = Clock { rate_ppm: setting.node_ppm[at] };
            Node::new(NodeId(at as u64 + 1), setting.seed + at as u64, clock)
        };
        let client = |at: usize| {
            Client::new(at, CLIENT_TTLS[at], Clock { rate_ppm: setting.client_ppm[at] })
        };
        let mut world = Self {
            now: 0,
            nodes: (0..NODES as usize).map(node).map(Tracked::new).collect(),
            clients: (0..CLIENT_TTLS.len()).map(client).map(Tracked::new).collect(),
            network: Network::default(),
            told: Told::default(),
            rules: setting.rules,
        };
        (0..world.clients.len()).for_each(|client| world.drain(client));
        world
    }

    pub fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.0 as usize - 1]
    }

    pub fn node_mut(&mut self, id: NodeId) -> &mut Node {
        &mut self.nodes[id.0 as usize - 1]
    }

    pub fn next(&self) -> Next {
        match self.network.first_open(|place| self.is_running(place)) {
            Some(line) => Next::Deliver(line),
            None => Next::Pass { until: self.next_instant() },
        }
    }

    pub fn step(&mut self, next: Next) {
        match next {
            Next::Deliver(line) => {
                let packet = self.network.take(line);
                self.deliver(line, packet);
            }
            Next::Pass { until } => {
                self.told.observe_claims(&self.nodes, self.now, until);
                self.now = until;
                self.fire();
            }
        }
        self.observe();
    }

    pub fn is_running(&self, place: Place) -> bool {
        match place {
            Place::Node(id) => self.node(id).is_running(),
            Place::Client(client) => !self.clients[client].paused,
        }
    }

    fn next_instant(&self) -> u64 {
        let nodes = self.nodes.iter().map(|node| node.next_instant());
        let clients = self.clients.iter().map(|client| client.next_instant());
        // A deadline that passed while its process could not run is met a little later.
        nodes.chain(clients).min().expect("somebody is there").max(self.now + LATE)
    }

    /// All who have something to do at this instant do it.
    fn fire(&mut self) {
        for at in 0..self.nodes.len() {
            if self.nodes[at].next_instant() <= self.now {
                self.turn(self.nodes[at].id, Input::Deadline);
            }
        }
        for at in 0..self.clients.len() {
            if self.clients[at].next_instant() <= self.now {
                let client = &mut *self.clients[at];
                client.core.handle_deadline(&client.clock.sample(self.now));
                self.drain(at);
            }
        }
    }

    pub fn deliver(&mut self, line: Line, packet: Packet) {
        match (line.to, packet) {
            (Place::Node(to), Packet::Peer(message)) => {
                let Place::Node(from) = line.from else { panic!("{line:?} carries {message:?}") };
                let message = self.rules.spoil_for_node(self.node(to), message);
                self.turn(to, Input::Raft(Event::Message { from, message }));
            }
            (Place::Node(to), Packet::Connect(id)) => {
                self.turn(to, Input::ClientUp(id));
                self.welcome(to, |connection| connection.id == id);
            }
            (Place::Node(to), Packet::Disconnect(id)) => self.turn(to, Input::ClientDown(id)),
            (Place::Node(to), Packet::Request(id, request)) => {
                let hasty = self.rules.hasty_answer(self.node(to), &request);
                if let Some(message) = hasty {
                    self.send(to, Sent::Client(id, message));
                }
                self.turn(to, Input::Request(id, request));
            }
            (Place::Client(to), packet) => self.tell(to, packet),
            (to, packet) => panic!("{to:?} is sent {packet:?}"),
        }
    }

    fn tell(&mut self, to: usize, packet: Packet) {
        let client = &mut *self.clients[to];
        let now = client.clock.sample(self.now);
        match self.rules.spoil_for_client(client, packet) {
            Packet::Welcome(link, welcome) => {
                client.core.handle_welcome(&now, link, welcomed(welcome));
            }
            Packet::Server(link, message) => client.core.handle_message(&now, link, message),
            Packet::Closed(link) => client.core.handle_closed(&now, link, "closed"),
            packet => panic!("client {to} is sent {packet:?}"),
        }
        self.drain(to);
    }

    fn welcome(&mut self, node: NodeId, is_it: impl Fn(&Connection) -> bool) {
        let Some(connection) = self.network.connection(is_it) else { return };
        let Some(replica) = &self.node(node).replica else { return };
        let welcome = ClientWelcome {
            node,
            cluster: Some(ClusterId([1; 16])),
            leader: replica.leader_hint(),
        };
        let packet = Packet::Welcome(connection.link, welcome);
        self.network.send(Place::Node(node), Place::Client(connection.client), packet);
    }

    /// One turn of a node, and what it sends.
    pub fn turn(&mut self, id: NodeId, input: Input) {
        let now = self.now;
        for sent in self.node_mut(id).turn(now, input) {
            self.send(id, sent);
        }
    }

    pub fn send(&mut self, from: NodeId, sent: Sent) {
        match sent {
            Sent::Peer(to, message) => {
                self.note_round(from, &message);
                self.network.send(Place::Node(from), Place::Node(to), Packet::Peer(message));
            }
            Sent::Client(id, message) => {
                let Some(connection) = self.network.connection(|one| one.id == id) else { return };
                let (to, packet) = (connection.client, Packet::Server(connection.link, message));
                self.network.send(Place::Node(from), Place::Client(to), packet);
            }
        }
    }

    fn note_round(&mut self, from: NodeId, message: &Message) {
        let round = match message {
            Message::Heartbeat(heartbeat) => (heartbeat.term, heartbeat.round),
            Message::Append(append) => (append.term, append.round),
            _ => return,
        };
        let newest = &mut self.node_mut(from).newest_round;
        *newest = round.max(*newest);
    }

    /// Does what a client's core says.
    pub fn drain(&mut self, at: usize) {
        let (actions, granted) = self.clients[at].drain(self.now);
        if let Some(token) = granted {
            self.told.observe_grant(at, token);
        }
        for action in actions {
            match action {
                CoreAction::Dial { link, endpoint } => self.dial(at, link, node_at(&endpoint)),
                CoreAction::Hangup { link } => self.hang_up(at, link),
                CoreAction::Send { link, request } => {
                    let Some(connection) = self.connection_of(at, link) else { continue };
                    let packet = Packet::Request(connection.id, request);
                    self.network.send(Place::Client(at), Place::Node(connection.node), packet);
                }
                other => panic!("the program was not told of {other:?}"),
            }
        }
    }

    fn dial(&mut self, client: usize, link: LinkId, node: NodeId) {
        let (here, there) = (Place::Client(client), Place::Node(node));
        if self.node(node).replica.is_none() {
            return self.network.send(there, here, Packet::Closed(link));
        }
        let id = self.network.connect(client, node, link);
        self.network.send(here, there, Packet::Connect(id));
    }

    fn hang_up(&mut self, client: usize, link: LinkId) {
        let Some(gone) = self.connection_of(client, link) else { return };
        self.network.disconnect(gone);
        let packet = Packet::Disconnect(gone.id);
        self.network.send(Place::Client(client), Place::Node(gone.node), packet);
    }

    fn connection_of(&self, client: usize, link: LinkId) -> Option<Connection> {
        self.network.connection(|one| one.client == client && one.link == link)
    }

    /// The connection breaks; both sides learn of it.
    pub fn reset(&mut self, gone: Connection) {
        self.network.disconnect(gone);
        let (client, node) = (Place::Client(gone.client), Place::Node(gone.node));
        self.network.send(client, node, Packet::Disconnect(gone.id));
        self.network.send(node, client, Packet::Closed(gone.link));
    }

    pub fn crash(&mut self, id: NodeId) {
        self.node_mut(id).crash();
        if self.rules == Rules::ForgetfulDisk {
            self.node_mut(id).disk = Disk::default();
        }
        self.network.lose_all(Place::Node(id));
        while let Some(gone) = self.network.connection(|one| one.node == id) {
            self.network.disconnect(gone);
            let (node, client) = (Place::Node(id), Place::Client(gone.client));
            self.network.send(node, client, Packet::Closed(gone.link));
        }
        if !self.network.cuts.contains_key(&id) {
            self.tell_peers(id, Event::PeerDown(id));
        }
    }

    pub fn restart(&mut self, id: NodeId) {
        let now = self.now;
        self.node_mut(id).restart(now);
        if !self.network.cuts.contains_key(&id) {
            self.join(id);
        }
    }

    /// Its peers see their connections to `id` closed; it does not, and hears no more of them.
    pub fn cut_off(&mut self, id: NodeId, with: Option<usize>) {
        for peer in self.peers(id) {
            self.network.lose(Line { from: Place::Node(id), to: Place::Node(peer) });
        }
        self.network.cuts.insert(id, with);
        self.tell_peers(id, Event::PeerDown(id));
    }

    pub fn heal(&mut self, id: NodeId) {
        self.network.cuts.remove(&id);
        self.join(id);
    }

    /// New connections between `id` and those of its peers that run.
    fn join(&mut self, id: NodeId) {
        for peer in self.peers(id) {
            let connects = self.node(peer).replica.is_some() && self.node(id).replica.is_some();
            if connects && !self.network.cuts.contains_key(&peer) {
                self.turn(id, Input::Raft(Event::PeerUp(peer)));
                self.turn(peer, Input::Raft(Event::PeerUp(id)));
            }
        }
    }

    fn tell_peers(&mut self, id: NodeId, event: Event) {
        for peer in self.peers(id) {
            self.turn(peer, Input::Raft(event.clone()));
        }
    }

    fn peers(&self, id: NodeId) -> Vec<NodeId> {
        self.nodes.iter().map(|node| node.id).filter(|peer| *peer != id).collect()
    }

    pub fn unblock(&mut self, id: NodeId) {
        let now = self.now;
        for sent in self.node_mut(id).unblock(now) {
            self.send(id, sent);
        }
    }

    /// Checks what must hold at every instant.
    pub fn observe(&mut self) {
        let now = self.now;
        self.told.observe_claims(&self.nodes, now, now);
        self.told.observe_beliefs(&mut self.clients, now);
        self.told.observe_machines(&self.nodes);
    }
}

/// The session under test is the first client's: short. The second one's outlives every run, so that its
/// renewals add no choices.
pub const CLIENT_TTLS: [Duration; 2] = [Duration::from_millis(300), Duration::from_millis(3_000)];
/// By how much a process that could not run meets its deadline late.
const LATE: u64 = 1_000;

/// By a node of this build.
fn welcomed(welcome: ClientWelcome) -> Welcomed {
    Welcomed { speech: Speech::own(), ..welcome.into() }
}
