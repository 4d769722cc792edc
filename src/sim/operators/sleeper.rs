//! A member that is off while others are replaced, and nothing else: when it comes back it does not know those on whom it
//! rests by then, and its vote is needed. Its cluster must have a leader again, and the member its log (O15).

use crate::base::NodeId;
use crate::base::rng::Rng;
use crate::raft::{Change, Seat};
use crate::sim::checkers::Violation;
use crate::sim::checkers::durability::Ending;
use crate::sim::client::address_of;
use crate::sim::node::{Fate, host_of, slot_of};
use crate::sim::plan::{MS, Plan, SECOND};
use crate::sim::world::World;
use crate::sim::world::event::Event;
use crate::wire::Order;

/// A member that is off while others are replaced.
#[derive(Clone, Copy, Debug)]
pub struct Sleeper {
    /// The node that is off.
    pub node: NodeId,
    /// The change among the others meanwhile.
    pub change: Meanwhile,
    stage: Stage,
}

/// A change while the sleeper is off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meanwhile {
    /// A fourth voter comes, and one of those that the sleeper knows dies: three of four are needed.
    OneComes,
    /// All others are replaced, and then one of the new ones dies: two of three are needed.
    AllReplaced,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// The sleeper serves.
    Awake,
    /// The sleeper is off.
    Asleep,
    /// The sleeper is on again, and `dead` is off.
    Back { dead: NodeId },
    /// The sleeper has a leader, and its log.
    Settled,
}

impl Plan {
    /// A run in which one member sleeps.
    #[must_use]
    pub fn sleeping(change: Meanwhile, rng: &mut Rng) -> Self {
        let plan = Self::rolling(rng);
        let node = NodeId(rng.between(1, NODES));
        let sleeper = Sleeper { node, change, stage: Stage::Awake };
        let members = (1..=NODES).map(NodeId).map(|node| (node, address_of(host_of(node))));
        let server = crate::server::ServerOptions { members: members.collect(), ..plan.server };
        let (nodes, machines) = (NODES, 2 * NODES - 1);
        let client = crate::sim::plan::client_options(machines, plan.habits.ttl);
        let (core_at, rolling) = (14 * SECOND, None);
        Self { nodes, machines, server, client, core_at, rolling, sleeper: Some(sleeper), ..plan }
    }
}

impl World {
    /// The next step of what happens around the sleeper, once it may be done.
    pub(in crate::sim) fn go_on_with_the_sleep(&mut self) {
        let Some(sleeper) = self.plan.sleeper else { return };
        let stage = match sleeper.stage {
            Stage::Awake => self.put_to_sleep(sleeper),
            Stage::Asleep => self.go_on_without(sleeper),
            Stage::Back { dead } => self.see_it_settle(sleeper, dead),
            Stage::Settled => return,
        };
        self.plan.sleeper = Some(Sleeper { stage, ..sleeper });
        self.queue.push(self.now + LOOK_NANOS, Event::Work);
    }

    /// Once the cluster has a key everywhere.
    fn put_to_sleep(&mut self, sleeper: Sleeper) -> Stage {
        let has_key = |slot: &usize| {
            let inside = self.nodes[*slot].inside();
            inside.is_some_and(|inside| inside.machine.cluster_key().is_some())
        };
        if !(0..usize::try_from(NODES).expect("few")).all(|slot| has_key(&slot)) {
            return Stage::Awake;
        }
        self.trace.line(self.now, format_args!("node {} goes to sleep", sleeper.node));
        self.crash(slot_of(sleeper.node), Ending::Killed);
        Stage::Asleep
    }

    /// One change of the members after the other; behind the last, one of those who are left dies.
    fn go_on_without(&mut self, sleeper: Sleeper) -> Stage {
        let Some(leader) = self.leader().filter(|_| !self.operator.is_busy()) else {
            return Stage::Asleep;
        };
        let members = self.judge.consensus.committed_members().clone();
        let seat = |node: u64| members.seat(NodeId(node));
        let (come, mut old) = match sleeper.change {
            Meanwhile::OneComes => (NODES + 1, Vec::new()),
            Meanwhile::AllReplaced => (2 * NODES - 1, (1..=NODES).map(NodeId).collect()),
        };
        old.retain(|node| *node != sleeper.node && members.contains(*node));
        let new = NODES + 1..=come;
        let change = if let Some(node) = new.clone().find(|node| seat(*node) == Some(Seat::Learner))
        {
            Some(Change::Promote { node: NodeId(node) })
        } else if let Some(node) = new.clone().find(|node| seat(*node).is_none()) {
            let node = NodeId(node);
            self.switch_on(slot_of(node));
            Some(Change::AddLearner { node, address: address_of(host_of(node)) })
        } else {
            old.first().map(|node| Change::Remove { node: *node })
        };
        if let Some(change) = change {
            self.order(vec![Order::ChangeMembers { changes: vec![change] }], leader);
            return Stage::Asleep;
        }
        let dead = self.nodes[leader].id;
        self.trace.line(self.now, format_args!("node {dead} dies, node {} wakes", sleeper.node));
        self.crash(leader, Ending::Killed);
        self.queue.push(self.now, Event::Restart(slot_of(sleeper.node)));
        Stage::Back { dead }
    }

    /// Whether it knows who leads, who is not the one that died, and has all that is committed.
    fn see_it_settle(&mut self, sleeper: Sleeper, dead: NodeId) -> Stage {
        let committed = self.judge.consensus.committed();
        let back = self.nodes[slot_of(sleeper.node)].inside();
        let is_settled = back.is_some_and(|back| {
            let leader = back.raft.leader().filter(|leader| *leader != dead);
            leader.is_some() && back.applied == committed
        });
        if !is_settled {
            return Stage::Back { dead };
        }
        self.trace.count("sleepers that came back");
        self.queue.push(self.now, Event::Restart(slot_of(dead)));
        Stage::Settled
    }

    fn switch_on(&mut self, slot: usize) {
        if self.nodes[slot].fate == Fate::Unborn {
            self.nodes[slot].fate = Fate::Comes;
            self.queue.push(self.now + 10 * MS, Event::Restart(slot));
        }
    }

    /// O15: by the end the sleeper is one of them again.
    ///
    /// # Errors
    /// It is not.
    pub(in crate::sim) fn check_sleeper(&self) -> Result<(), Violation> {
        match self.plan.sleeper {
            Some(Sleeper { node, stage, change }) if stage != Stage::Settled => {
                let what = format!(
                    "node {node}, which slept through {change:?}, is no member that serves at {} ns: {stage:?}",
                    self.now
                );
                Err(Violation::new("O15", what))
            }
            _ => Ok(()),
        }
    }
}

/// How many nodes found the cluster.
const NODES: u64 = 3;
/// How soon an operator looks again.
const LOOK_NANOS: u64 = 100 * MS;
