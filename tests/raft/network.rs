//! A network of cores in one real time, delivered by hand, with the rules that must always hold checked at
//! each step.

use crate::checks::Checks;
use crate::harness::{ELECTION, Node};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;
use tenure::base::{DirectoryId, Index, NodeId};
use tenure::raft::{Change, Event, LeaseTold, MembershipError, Message, Role};

/// More than any exchange needs that ends.
const MESSAGES_MAX: usize = 10_000;

/// Cores that talk to each other.
pub struct Network {
    /// Node i stands at position i − 1.
    pub nodes: Vec<Node>,
    pub checks: Checks,
    /// On their way: from, to, what.
    pub queue: VecDeque<(u64, u64, Message)>,
    /// Whether snapshots that a leader sends are stored as soon as they are whole.
    pub stores_at_once: bool,
    /// The leader-lease duration; none: nothing is claimed.
    delta: Option<Duration>,
    /// Voters of the founding.
    founders: u64,
    /// Pairs (from, to) between which messages are lost.
    cut: BTreeSet<(u64, u64)>,
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

    pub fn of(nodes: Vec<Node>) -> Self {
        Self {
            founders: nodes.len() as u64,
            nodes,
            checks: Checks::default(),
            queue: VecDeque::new(),
            stores_at_once: true,
            delta: None,
            cut: BTreeSet::new(),
        }
    }

    pub fn node(&mut self, id: u64) -> &mut Node {
        &mut self.nodes[id as usize - 1]
    }

    /// The leader-lease duration is `millis` from now on.
    pub fn set_lease_duration(&mut self, millis: u64) {
        self.delta = Some(Duration::from_millis(millis));
        for node in &mut self.nodes {
            node.raft.set_lease_duration(Duration::from_millis(millis));
        }
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

    /// Cuts the nodes of `side` off from the others.
    pub fn partition(&mut self, side: &[u64]) {
        let all = 1..=self.nodes.len() as u64;
        for other in all.filter(|id| !side.contains(id)) {
            side.iter().for_each(|id| self.cut(*id, other));
        }
    }

    /// All messages pass again.
    pub fn heal(&mut self) {
        self.cut.clear();
    }

    /// As [`Network::heal`], over new connections.
    pub fn reconnect(&mut self) {
        self.heal();
        let ids: Vec<NodeId> = self.nodes.iter().map(|node| node.id).collect();
        for node in &mut self.nodes {
            let own = node.id;
            ids.iter().filter(|id| **id != own).for_each(|id| node.handle(Event::PeerUp(*id)));
        }
    }

    /// `id` stops and starts again from what is durable.
    pub fn restart(&mut self, id: u64) {
        let delta = self.delta;
        let node = self.node(id);
        let (config, disk) = (node.config.clone(), node.disk.clone());
        *node = Node::start_at_rate(config, disk, node.clock, node.rate_ppm);
        if let Some(delta) = delta {
            node.raft.set_lease_duration(delta);
        }
        self.queue.retain(|(from, to, _)| *from != id && *to != id);
    }

    /// Others see `id`'s connections close.
    pub fn close_connections_of(&mut self, id: u64) {
        self.isolate(id);
        for node in self.nodes.iter_mut().filter(|node| node.id.0 != id) {
            node.handle(Event::PeerDown(NodeId(id)));
        }
    }

    /// A node that knows the founding and nothing else; nobody knows it.
    pub fn start_stranger(&mut self) -> u64 {
        let id = self.nodes.len() as u64 + 1;
        let mut node = Node::new(id, self.founders);
        node.clock = self.nodes[0].clock;
        if let Some(delta) = self.delta {
            node.raft.set_lease_duration(delta);
        }
        self.nodes.push(node);
        id
    }

    /// Asks `leader` for a change.
    pub fn change(&mut self, leader: u64, changes: &[Change]) -> Result<Index, MembershipError> {
        let node = self.node(leader);
        let now = node.now();
        node.raft.change_membership(&now, changes)
    }

    /// A new node, which `leader` adds as a learner; delivered.
    pub fn add_learner(&mut self, leader: u64) -> u64 {
        let id = self.start_stranger();
        self.change(leader, &join(id)).expect("a learner can be added");
        self.deliver();
        id
    }

    /// Has `leader` make these changes, and delivers.
    pub fn reseat(&mut self, leader: u64, changes: &[Change]) {
        self.change(leader, changes).expect("a change");
        self.deliver();
    }

    /// Has `leader` hand over to `target`. Programs resign, if they do not stand by their claim.
    pub fn transfer(&mut self, leader: u64, target: u64, claim: LeaseTold) {
        let node = self.node(leader);
        let now = node.now();
        let begun = node.raft.transfer(&now, Some(NodeId(target)), claim);
        assert_eq!(begun, Ok(()));
        if claim == LeaseTold::Ended {
            self.checks.resign(leader);
        }
    }

    /// `id` compacts its log up to the applied index.
    pub fn snapshot(&mut self, id: u64) {
        let node = self.node(id);
        node.take_snapshot(0);
        node.disk.compact();
    }

    /// Lets election timeouts pass and `id` campaign, alone.
    pub fn campaign(&mut self, id: u64) {
        self.advance(2 * ELECTION);
        self.node(id).handle(Event::Deadline);
        self.deliver();
    }

    /// As [`Network::campaign`]; the node must win.
    pub fn elect(&mut self, id: u64) {
        self.campaign(id);
        assert_eq!(self.node(id).raft.role(), Role::Leader, "node {id} was not elected");
    }

    /// Moves real time, and nothing else.
    pub fn advance(&mut self, millis: u64) {
        for node in &mut self.nodes {
            node.clock += millis;
        }
    }

    /// Each node does what is due.
    pub fn wake(&mut self) {
        for node in &mut self.nodes {
            if node.raft.next_deadline() <= node.now().boot() {
                node.handle(Event::Deadline);
            }
        }
    }

    /// Lets time pass in steps of a millisecond; each node does what is due, all messages arrive at once.
    pub fn run(&mut self, millis: u64) {
        for _ in 0..millis {
            self.advance(1);
            self.wake();
            self.deliver();
        }
    }

    /// Delivers until all is quiet.
    pub fn deliver(&mut self) {
        for _ in 0..MESSAGES_MAX {
            self.settle();
            let Some((from, to, message)) = self.queue.pop_front() else { return };
            self.node(to).receive(from, message);
        }
        panic!("no end of messages");
    }

    /// Delivers at most so many messages, and says which.
    pub fn deliver_some(&mut self, count: usize) -> Vec<Message> {
        let mut delivered = Vec::new();
        self.settle();
        while delivered.len() < count
            && let Some((from, to, message)) = self.queue.pop_front()
        {
            delivered.push(message.clone());
            self.node(to).receive(from, message);
            self.settle();
        }
        delivered
    }

    /// Lets time pass until `done`, at most `millis`; how much passed.
    pub fn run_until(&mut self, millis: u64, mut done: impl FnMut(&mut Self) -> bool) -> u64 {
        for passed in 0..millis {
            if done(self) {
                return passed;
            }
            self.run(1);
        }
        panic!("not done within {millis} ms");
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

    /// The nodes that may claim the leader lease now.
    pub fn claimants(&self) -> Vec<u64> {
        let claims = |node: &&Node| {
            let now = node.now();
            let lease = node.raft.leader_lease(&now);
            lease.is_some_and(|lease| now.elapsed_hi(&lease.start) < lease.length)
        };
        self.nodes.iter().filter(claims).map(|node| node.id.0).collect()
    }

    /// How far each node applied.
    pub fn applied(&self) -> BTreeMap<u64, u64> {
        self.nodes.iter().map(|node| (node.id.0, node.state.0.0)).collect()
    }

    /// Takes what left `id`, as far as it is not lost.
    pub fn collect(&mut self, id: u64) {
        let left = self.node(id).sent();
        let passes = |to: &u64| !self.cut.contains(&(id, *to));
        let there = self.nodes.len() as u64;
        let passing = left.into_iter().filter(|(to, _)| *to <= there && passes(to));
        self.queue.extend(passing.map(|(to, message)| (id, to, message)));
    }

    /// Looks whether all rules hold.
    pub fn check(&mut self) {
        self.checks.check(&mut self.nodes);
    }

    fn settle(&mut self) {
        for id in 1..=self.nodes.len() as u64 {
            let stores_at_once = self.stores_at_once;
            let node = self.node(id);
            node.settle();
            if stores_at_once && !node.installs.is_empty() {
                node.store_installs();
                node.settle();
            }
            self.collect(id);
        }
        self.check();
    }
}

/// The changes that add a node with a directory as a learner.
pub fn join(id: u64) -> [Change; 2] {
    let (node, directory) = (NodeId(id), DirectoryId([id as u8; 16]));
    [Change::AddLearner { node, address: format!("host{id}:1") }, Change::Bind { node, directory }]
}

pub fn promote(id: u64) -> Change {
    Change::Promote { node: NodeId(id) }
}

pub fn demote(id: u64) -> Change {
    Change::Demote { node: NodeId(id) }
}

pub fn remove(id: u64) -> Change {
    Change::Remove { node: NodeId(id) }
}
