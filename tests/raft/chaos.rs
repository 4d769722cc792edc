//! Cores under everything at once: lost, repeated and reordered messages, crashes at any write, clocks of
//! different rates, members that come and go, transfers, snapshots. All rules are checked at each step, and in
//! the end, once the network is whole, the cluster works and all members agree.

use crate::harness::*;
use crate::network::{Network, demote, join, promote, remove};
use tenure::base::rng::Rng;
use tenure::base::{Index, NodeId};
use tenure::raft::{Change, Config, Event, LeaseTold, Role, Urgency};

const SEEDS: u64 = 120;
const STEPS: u64 = 3000;
/// Nodes that ever were.
const NODES_MAX: u64 = 7;
/// Messages under way; more are lost.
const QUEUE_MAX: usize = 300;
/// In this time an election ends, changes of members are through, and all have caught up.
const CALM_MS: u64 = 2000;

struct Chaos {
    network: Network,
    rng: Rng,
    /// How often, in a thousand steps, members change, leadership moves, snapshots are taken.
    stirring: u64,
    /// The leader-lease duration, in milliseconds.
    delta: u64,
}

impl Chaos {
    fn new(seed: u64) -> Self {
        let mut rng = Rng::new(seed);
        let voters = [1, 2, 3, 3, 4, 5][rng.below(6) as usize];
        let retained_bytes = rng.below(2) * 500;
        let mut node = |id| {
            let config = Config { seed: rng.number(), retained_bytes, ..config(id, voters) };
            // The extremes that ρ allows, and what lies between.
            let rate = rng.between(0, 20_000).cast_signed() - 10_000;
            Node::start_at_rate(config, Disk::default(), 1000, rate)
        };
        let mut network = Network::of((1..=voters).map(&mut node).collect());
        let delta = [30, 80, ELECTION][rng.below(3) as usize];
        network.set_lease_duration(delta);
        network.stores_at_once = false;
        let stirring = [0, 40, 95][rng.below(3) as usize];
        Self { network, rng, stirring, delta }
    }

    fn step(&mut self) {
        let at = self.rng.below(1000);
        let stirred = self.stirring;
        match at {
            0..450 => (0..self.rng.between(1, 4)).for_each(|_| self.deliver_one()),
            450..650 => self.turn_one(),
            650..720 => self.sync_one(),
            720..800 => self.pass_time(),
            800..840 => self.propose(),
            840..842 => self.crash(),
            842..846 => self.disconnect(),
            846..860 => self.reconnect(),
            860..890 => self.store_installs(),
            890 => self.lengthen_claims(),
            _ if at < 900 + stirred / 4 => self.transfer(),
            _ if at < 900 + stirred / 2 => self.change_members(),
            _ if at < 900 + stirred => self.take_snapshot(),
            _ => self.deliver_one(),
        }
        self.network.check();
    }

    fn any_node(&mut self) -> u64 {
        let nodes = self.network.nodes.len() as u64;
        self.rng.between(1, nodes)
    }

    /// A message arrives: mostly the oldest of its link.
    fn deliver_one(&mut self) {
        let queue = &mut self.network.queue;
        if queue.is_empty() {
            return;
        }
        let any = self.rng.below(queue.len() as u64) as usize;
        let (from, to, _) = queue[any];
        let oldest = queue.iter().position(|(f, t, _)| (*f, *t) == (from, to)).expect("there is");
        let at = if self.rng.chance(1, 20) { any } else { oldest };
        let (from, to, message) = queue[at].clone();
        // Sometimes it is lost, sometimes it arrives again later.
        let (is_lost, is_repeated) = (self.rng.chance(1, 30), self.rng.chance(1, 30));
        if !is_repeated {
            queue.remove(at);
        }
        if !is_lost {
            self.network.node(to).receive(from, message);
        }
    }

    fn turn_one(&mut self) {
        let id = self.any_node();
        if self.rng.chance(3, 4) {
            self.network.node(id).settle();
        } else {
            self.network.node(id).turn();
        }
        self.network.collect(id);
        self.network.queue.truncate(QUEUE_MAX);
    }

    fn sync_one(&mut self) {
        let id = self.any_node();
        let node = self.network.node(id);
        if !node.writes.is_empty() {
            node.sync_one();
            self.network.collect(id);
        }
    }

    fn pass_time(&mut self) {
        let millis = self.rng.between(1, 12);
        for _ in 0..millis {
            self.network.advance(1);
            self.network.check();
        }
        self.network.wake();
    }

    fn propose(&mut self) {
        let Some(id) = self.network.leader() else { return };
        let bytes = self.rng.below(100) as usize;
        // Refused unless it leads.
        let _ = self.network.node(id).propose_bytes(bytes, Urgency::Normal);
    }

    /// The writes under way are lost from some point on.
    fn crash(&mut self) {
        let id = self.any_node();
        let node = self.network.node(id);
        let written = self.rng.below(node.writes.len() as u64 + 1) as usize;
        for write in &node.writes[..written] {
            node.disk.write(write);
        }
        if self.rng.chance(1, 2) {
            node.disk.compact();
        }
        self.network.restart(id);
        self.network.check();
    }

    fn disconnect(&mut self) {
        let (one, other) = (self.any_node(), self.any_node());
        match self.rng.below(3) {
            0 => self.network.cut(one, other),
            1 => self.network.cut_one_way(one, other),
            _ => self.network.node(one).handle(Event::PeerDown(NodeId(other))),
        }
    }

    fn reconnect(&mut self) {
        self.network.heal();
        let (one, other) = (self.any_node(), self.any_node());
        self.network.node(one).handle(Event::PeerUp(NodeId(other)));
    }

    fn store_installs(&mut self) {
        let id = self.any_node();
        let is_refused = self.rng.chance(1, 5);
        let node = self.network.node(id);
        if node.installs.is_empty() {
            return;
        }
        if is_refused {
            node.installs.clear();
            node.handle(Event::SnapshotRefused);
        } else {
            node.store_installs();
        }
    }

    fn transfer(&mut self) {
        let Some(id) = self.network.leader() else { return };
        let target = NodeId(self.any_node());
        let claim = if self.rng.chance(1, 3) { LeaseTold::Ended } else { LeaseTold::Standing };
        let node = self.network.node(id);
        let now = node.now();
        if node.raft.transfer(&now, Some(target), claim).is_ok() && claim == LeaseTold::Ended {
            self.network.checks.resign(id);
        }
    }

    /// The leader-lease duration grows.
    fn lengthen_claims(&mut self) {
        self.delta += self.rng.below(30);
        self.network.set_lease_duration(self.delta);
    }

    fn change_members(&mut self) {
        let Some(leader) = self.network.leader() else { return };
        let new = self.network.nodes.len() as u64 + 1;
        if new <= NODES_MAX && self.rng.chance(1, 4) {
            if self.network.change(leader, &join(new)).is_ok() {
                self.network.start_stranger();
            }
            return;
        }
        let count = self.rng.between(1, 3);
        let changes: Vec<Change> = (0..count).map(|_| self.any_change()).collect();
        // Refused if it makes no sense.
        let _ = self.network.change(leader, &changes);
    }

    fn any_change(&mut self) -> Change {
        let id = self.any_node();
        match self.rng.below(8) {
            0..4 => promote(id),
            4..7 => demote(id),
            _ => remove(id),
        }
    }

    fn take_snapshot(&mut self) {
        let id = self.any_node();
        let bytes = self.rng.below(3) as usize * 70_000;
        let node = self.network.node(id);
        if node.state.0 > node.raft.snapshot_index() {
            node.take_snapshot(bytes);
        }
    }

    /// The network is whole again: the cluster works, and all members hold the same.
    fn check_recovery(&mut self) {
        self.network.stores_at_once = true;
        self.network.nodes.iter_mut().for_each(Node::store_installs);
        self.network.queue.clear();
        self.network.reconnect();
        self.network.run(CALM_MS);
        let leader = self.network.leader().expect("a leader");
        let index = self.network.node(leader).propose();
        self.network.run(4 * HEARTBEAT);
        let (_, membership) = self.network.node(leader).raft.membership();
        let (membership, applied) = (membership.clone(), self.network.applied());
        assert!(!membership.is_joint(), "a joint membership is left");
        for member in membership.members() {
            let applied = Index(applied[&member.node.0]);
            assert_eq!(applied, index, "{member:?}, leader {leader}");
        }
        let leads = |node: &&Node| node.raft.role() == Role::Leader;
        assert_eq!(self.network.nodes.iter().filter(leads).count(), 1);
    }
}

/// Result of one seed: entries committed, snapshots installed, the last term.
fn run(seed: u64) -> [u64; 3] {
    let mut chaos = Chaos::new(seed);
    (0..STEPS).for_each(|_| chaos.step());
    chaos.check_recovery();
    let network = chaos.network;
    let installed = network.nodes.iter().map(|node| node.restored.len() as u64).sum();
    [network.checks.committed(), installed, network.term()]
}

#[test]
fn all_rules_hold_whatever_happens_and_the_cluster_recovers() {
    let (first, count) = seeds();
    let mut sums = [0; 3];
    for seed in first..first + count {
        let ended = std::panic::catch_unwind(|| run(seed));
        let ended = ended.unwrap_or_else(|_| panic!("TENURE_RAFT_SEED={seed} repeats it alone"));
        sums.iter_mut().zip(ended).for_each(|(sum, one)| *sum += one);
    }
    // Something did happen.
    let [committed, installed, terms] = sums.map(|sum| sum / count);
    let busy = committed >= 30 && installed >= 1 && terms >= 3;
    assert!(count < SEEDS || busy, "{committed} committed, {installed} installed, {terms} terms");
}

/// All seeds, or from the one that the environment names: that one, or as many as it says.
fn seeds() -> (u64, u64) {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse().expect("a number"));
    match (number("TENURE_RAFT_SEED"), number("TENURE_RAFT_SEEDS")) {
        (None, count) => (0, count.unwrap_or(SEEDS)),
        (Some(first), count) => (first, count.unwrap_or(1)),
    }
}
