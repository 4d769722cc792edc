//! A network of cores on one clock, delivered by hand, with the rules that must always hold checked at
//! each step.

use crate::harness::{Disk, ELECTION, Node, config};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use tenure::base::{Index, NodeId, Term};
use tenure::raft::{Entry, Event, Message, Role};

/// More than any exchange needs that ends.
const MESSAGES_MAX: usize = 10_000;

/// Cores that talk to each other.
pub struct Network {
    /// Node i stands at position i − 1.
    pub nodes: Vec<Node>,
    /// Pairs (from, to) between which messages are lost.
    cut: BTreeSet<(u64, u64)>,
    queue: VecDeque<(u64, u64, Message)>,
    /// Who led each term (R1).
    leaders: BTreeMap<Term, u64>,
    /// What was committed anywhere (R5).
    committed: Vec<Entry>,
}

impl Network {
    pub fn new(voters: u64) -> Self {
        Self::of((1..=voters).map(|id| Node::new(id, voters)).collect())
    }

    /// Nodes that recovered `term` and these logs.
    pub fn with_logs(term: u64, logs: &[&[u64]]) -> Self {
        let voters = logs.len() as u64;
        let node = |(id, terms): (u64, &&[u64])| Node::with_log(id, voters, term, terms);
        Self::of((1..).zip(logs).map(node).collect())
    }

    fn of(nodes: Vec<Node>) -> Self {
        Self {
            nodes,
            cut: BTreeSet::new(),
            queue: VecDeque::new(),
            leaders: BTreeMap::new(),
            committed: Vec::new(),
        }
    }

    pub fn node(&mut self, id: u64) -> &mut Node {
        &mut self.nodes[id as usize - 1]
    }

    /// Loses all messages between `a` and `b`, both ways.
    pub fn cut(&mut self, a: u64, b: u64) {
        self.cut.extend([(a, b), (b, a)]);
    }

    /// Loses messages from `from` to `to` only.
    pub fn cut_one_way(&mut self, from: u64, to: u64) {
        self.cut.insert((from, to));
    }

    /// Cuts `id` off from all others.
    pub fn isolate(&mut self, id: u64) {
        for other in 1..=self.nodes.len() as u64 {
            self.cut(id, other);
        }
    }

    /// All messages pass again.
    pub fn heal(&mut self) {
        self.cut.clear();
    }

    /// `id` stops and starts again from what is durable.
    pub fn restart(&mut self, id: u64) {
        let voters = self.nodes.len() as u64;
        let node = self.node(id);
        let disk: Disk = node.disk.clone();
        *node = Node::start(config(id, voters), disk, node.clock);
        self.queue.retain(|(from, to, _)| *from != id && *to != id);
    }

    /// Others see `id`'s connections close.
    pub fn close_connections_of(&mut self, id: u64) {
        self.isolate(id);
        for node in self.nodes.iter_mut().filter(|node| node.id.0 != id) {
            node.handle(Event::PeerDown(NodeId(id)));
        }
    }

    /// Lets election timeouts pass and `id` campaign, alone.
    pub fn campaign(&mut self, id: u64) {
        self.advance(2 * ELECTION);
        self.node(id).handle(Event::Deadline);
        self.deliver();
    }

    /// As [`Network::campaign`], and it must win.
    pub fn elect(&mut self, id: u64) {
        self.campaign(id);
        assert_eq!(self.node(id).raft.role(), Role::Leader, "node {id} was not elected");
    }

    /// Moves all clocks, and nothing else.
    pub fn advance(&mut self, millis: u64) {
        for node in &mut self.nodes {
            node.clock += millis;
        }
    }

    /// Lets time pass in steps of a millisecond; each node does what is due, all messages arrive at once.
    pub fn run(&mut self, millis: u64) {
        for _ in 0..millis {
            self.advance(1);
            for node in &mut self.nodes {
                if node.raft.next_deadline() <= node.now().boot() {
                    node.handle(Event::Deadline);
                }
            }
            self.deliver();
        }
    }

    /// Delivers until all is quiet.
    pub fn deliver(&mut self) {
        for _ in 0..MESSAGES_MAX {
            self.collect();
            let Some((from, to, message)) = self.queue.pop_front() else { return };
            self.node(to).receive(from, message);
        }
        panic!("no end of messages");
    }

    /// The node that leads the highest term.
    pub fn leader(&self) -> Option<u64> {
        let leaders = self.nodes.iter().filter(|node| node.raft.role() == Role::Leader);
        leaders.max_by_key(|node| node.raft.term()).map(|node| node.id.0)
    }

    /// The highest term at any node.
    pub fn term(&self) -> u64 {
        self.nodes.iter().map(|node| node.raft.term().0).max().expect("there are nodes")
    }

    fn collect(&mut self) {
        for node in &mut self.nodes {
            node.settle();
            let from = node.id.0;
            for (to, message) in node.sent() {
                if !self.cut.contains(&(from, to)) {
                    self.queue.push_back((from, to, message));
                }
            }
        }
        self.check();
    }

    fn check(&mut self) {
        for node in &self.nodes {
            if node.raft.role() == Role::Leader {
                let leader = *self.leaders.entry(node.raft.term()).or_insert(node.id.0);
                assert_eq!(leader, node.id.0, "two leaders in term {} (R1)", node.raft.term());
            }
            for index in 1..=node.raft.commit().0 {
                let entry = node.raft.entry(Index(index)).expect("committed");
                match self.committed.get(index as usize - 1) {
                    None => self.committed.push(entry.clone()),
                    Some(first) => assert_eq!(first, entry, "committed differently (R5)"),
                }
            }
        }
    }
}
