//! Acts of operators: they add, promote, demote and remove members, move leadership, save snapshots; and of programs
//! that resign.

use super::below;
use crate::base::rng::Rng;
use crate::base::time::nanos;
use crate::base::{Index, NodeId};
use crate::raft::{Change, Member, Membership, Seat};
use crate::sim::checkers::members::Members;
use crate::sim::client::address_of;
use crate::sim::marks::Mark;
use crate::sim::network::{Arrival, LineId};
use crate::sim::node::talk::Build;
use crate::sim::node::{Fate, host_of, slot_of};
use crate::sim::operators::Outcome;
use crate::sim::plan::{MS, SECOND};
use crate::sim::world::World;
use crate::sim::world::event::Event;
use crate::wire::Order;

impl World {
    /// One change of the members, perhaps of several at once.
    pub(in crate::sim) fn change_members(&mut self, dice: &mut Rng) {
        let Some(leader) = self.leader().filter(|_| self.is_founded()) else { return };
        let Some(inside) = self.nodes[leader].inside() else { return };
        let membership = inside.raft.membership().1.clone();
        if dice.chance(1, 10) {
            return self.empty_learner(&membership, dice);
        }
        let changes = self.draw_changes(&membership, dice);
        if changes.is_empty() || self.operator.is_busy() {
            return;
        }
        for change in &changes {
            if let Change::AddLearner { node, .. } = change {
                self.bear(slot_of(*node), dice);
            }
        }
        self.trace.count("changes of members ordered");
        let mut orders = vec![Order::ChangeMembers { changes }];
        if dice.chance(1, 4) {
            orders.extend(self.draw_second(&membership, dice));
        }
        self.order(orders, leader);
    }

    /// Another change, of somebody who does not know of the first one: one of the two is refused.
    fn draw_second(&mut self, membership: &Membership, dice: &mut Rng) -> Option<Order> {
        let changes = self.draw_changes(membership, dice);
        let adds = |change: &Change| matches!(change, Change::AddLearner { .. });
        if changes.is_empty() || changes.iter().any(adds) {
            return None;
        }
        self.trace.count("changes of members ordered at once with another");
        Some(Order::ChangeMembers { changes })
    }

    /// Leadership is to go to a certain node, or to any.
    pub(in crate::sim) fn move_leader(&mut self, dice: &mut Rng) {
        let Some(leader) = self.leader().filter(|_| !self.operator.is_busy()) else { return };
        let to = self.draw_successor(leader, dice);
        self.trace.count("moves of leadership ordered");
        self.order(vec![Order::MoveLeader { to }], leader);
    }

    /// A program on the leader's machine gives leadership up: it reads 0 there from this instant on.
    pub(in crate::sim) fn resign(&mut self, dice: &mut Rng) {
        let Some(leader) = self.leader() else { return };
        let to = self.draw_successor(leader, dice);
        self.trace.count("resignations");
        self.nodes[leader].resign(to);
        self.foresee_node(leader, self.now);
    }

    /// A snapshot is to be made and fetched, from any node.
    pub(in crate::sim) fn save_snapshot(&mut self, slot: usize) {
        if !self.operator.is_busy() {
            self.trace.count("snapshots asked for");
            self.order(vec![Order::Snapshot { at_least: None, offset: 0 }], slot);
        }
    }

    /// Somebody comes whose client is not ours, and stays for up to two TTLs.
    pub(in crate::sim) fn receive_visitor(&mut self, slot: usize, dice: &mut Rng) {
        let ttl = nanos(self.plan.habits.ttl);
        let ttl_ms = u32::try_from(ttl / MS).expect("a few seconds");
        let to = (self.nodes[self.leader().unwrap_or(slot)].host_id, ttl_ms);
        let line = self.visitors.come(self.now, to, dice.fork(), &mut self.network);
        self.trace.count("visits");
        self.queue.push(self.now + dice.below(2 * ttl), Event::EndVisit(line));
    }

    /// The visitor on this line leaves, if it is not gone.
    pub(in crate::sim) fn end_visit(&mut self, line: LineId) {
        self.visitors.leave(self.now, line, &mut self.network);
        self.nodes.iter_mut().for_each(|node| node.drop_arrivals(line));
    }

    /// Something came in at the operator's machine.
    pub(in crate::sim) fn handle_operator(&mut self, line: LineId, arrival: Arrival) {
        let outcome = self.operator.handle_arrival(self.now, line, arrival, &mut self.network);
        match &outcome {
            Outcome::UnderWay => return,
            Outcome::AskAgain => {
                self.queue.push(self.now + 20 * MS, Event::AskAgain(line));
                return;
            }
            Outcome::Done => self.trace.count("orders done"),
            Outcome::Refused(_) => self.trace.count("orders refused"),
            Outcome::Elsewhere => self.trace.count("orders sent elsewhere"),
            Outcome::Unknown => self.trace.count("orders of unknown outcome"),
        }
        self.trace.line(self.now, format_args!("the order ends: {outcome:?}"));
        self.end_order(line);
    }

    /// The order on this line has taken too long, or is over.
    pub(in crate::sim) fn end_order(&mut self, line: LineId) {
        if self.operator.line() == Some(line) {
            self.operator.end(self.now, &mut self.network);
            self.nodes.iter_mut().for_each(|node| node.drop_arrivals(line));
            self.disturb(self.now);
        }
    }

    pub(in crate::sim) fn ask_again(&mut self, line: LineId) {
        if self.operator.line() == Some(line) {
            self.operator.ask(self.now, &mut self.network);
        }
    }

    /// Nodes that are members no more are shut down for good, soon.
    pub(in crate::sim) fn follow_members(&mut self) {
        let index = self.judge.consensus.committed_members_index();
        if index == self.members_index {
            return;
        }
        let known = self.members_index;
        let before = self.judge.consensus.members_by(known).clone();
        let after = self.judge.consensus.committed_members().clone();
        self.members_index = index;
        self.trace.count("membership changes");
        self.trace.line(self.now, format_args!("members: {after:?}"));
        self.disturb(self.now);
        self.mark_members(&before, &after);
        let term = |index: Index| self.judge.consensus.committed_term(index);
        let by_another = before.is_joint() && term(known) != term(index);
        self.trace.marks.hit_if(by_another, Mark::JointLeftByAnother);
        for node in before.nodes().filter(|node| !after.contains(*node)) {
            self.nodes[slot_of(node)].fate = Fate::Gone;
            self.judge.removed.insert(node, index);
            let at = self.now + self.rng.below(SECOND / 2);
            self.disturb(at);
            self.queue.push(at, Event::Retire(slot_of(node)));
        }
    }

    fn mark_members(&mut self, before: &Members, after: &Members) {
        let promoted = |node: &NodeId| {
            after.seat(*node) == Some(Seat::Voter) && before.seat(*node) == Some(Seat::Learner)
        };
        let votes =
            |members: &Members, node| members.seat(node).is_some_and(|seat| seat != Seat::Learner);
        // The leader steps down in the step in which this is committed.
        let last = self.elected_at.iter().zip(&self.nodes).max_by_key(|(at, _)| **at);
        let removed =
            last.is_some_and(|(_, node)| votes(before, node.id) && !votes(after, node.id));
        let bound = |node: &NodeId| before.is_unbound(*node) && !after.is_unbound(*node);
        let marks = &mut self.trace.marks;
        marks.hit_if(removed, Mark::LeaderRemoved);
        marks.hit_if(after.nodes().any(|node| bound(&node)), Mark::DirectoryBound);
        marks.hit_if(after.is_joint(), Mark::JointEntered);
        marks.hit_if(before.is_joint(), Mark::JointLeft);
        marks.hit_if(after.nodes().any(|node| promoted(&node)), Mark::Promoted);
    }

    /// Whether all founders have founded the cluster.
    pub(in crate::sim) fn is_founded(&self) -> bool {
        let founders = usize::try_from(self.plan.nodes).expect("few");
        self.nodes[..founders].iter().all(|node| node.is_founded)
    }

    /// A learner's disk is exchanged for an empty one.
    fn empty_learner(&mut self, membership: &Membership, dice: &mut Rng) {
        let is_bound = |member: &&Member| {
            member.seat == Seat::Learner
                && member.directory.is_some()
                && member.node.0 > self.plan.nodes
        };
        let learner = membership.members().iter().find(is_bound).map(|member| slot_of(member.node));
        // Nobody may be about to make it a voter.
        let Some(slot) = learner.filter(|_| !self.operator.is_busy()) else { return };
        let mut possible = self.judge.consensus.possible_members();
        let id = self.nodes[slot].id;
        if !self.is_able(slot) || possible.any(|members| members.seat(id) != Some(Seat::Learner)) {
            return;
        }
        drop(possible);
        self.trace.count("disks emptied");
        self.exchange_disk(slot, dice);
    }

    pub(in crate::sim) fn order(&mut self, orders: Vec<Order>, slot: usize) {
        self.trace.line(self.now, format_args!("node {} is ordered: {orders:?}", slot + 1));
        let host = self.nodes[slot].host_id;
        let line = self.operator.begin(self.now, orders, host, &mut self.network);
        self.disturb(self.now + PATIENCE_NANOS);
        self.queue.push(self.now + PATIENCE_NANOS, Event::EndOrder(line));
    }

    /// A new machine is switched on.
    fn bear(&mut self, slot: usize, dice: &mut Rng) {
        if self.nodes[slot].fate == Fate::Unborn {
            self.nodes[slot].fate = Fate::Comes;
            // The version that the cluster runs: an older one is refused for its level.
            if self
                .nodes
                .iter()
                .any(|node| node.inside().is_some_and(|one| one.machine.level() > 1))
            {
                self.nodes[slot].set_build(Build::New);
            }
            self.queue.push(self.now + dice.below(SECOND), Event::Restart(slot));
        }
    }

    fn draw_successor(&self, leader: usize, dice: &mut Rng) -> Option<NodeId> {
        let members: Vec<NodeId> = self.judge.consensus.committed_members().nodes().collect();
        let others: Vec<NodeId> =
            members.into_iter().filter(|node| slot_of(*node) != leader).collect();
        if others.is_empty() || dice.chance(1, 2) {
            return None;
        }
        Some(others[below(dice, others.len())])
    }

    fn draw_changes(&self, membership: &Membership, dice: &mut Rng) -> Vec<Change> {
        let wanted = if dice.chance(1, 2) { 1 } else { dice.between(2, 3) };
        let mut changes = Vec::new();
        for _ in 0..4 * wanted {
            let Some(change) = self.draw_change(membership, dice) else { continue };
            let mut longer = changes.clone();
            longer.push(change);
            if membership.changed(&longer).is_ok_and(|next| self.can_serve(&next)) {
                changes = longer;
            }
            if changes.len() as u64 == wanted {
                break;
            }
        }
        changes
    }

    fn draw_change(&self, membership: &Membership, dice: &mut Rng) -> Option<Change> {
        let members = membership.members();
        let node = members[below(dice, members.len())].node;
        match dice.below(8) {
            0..=2 => {
                let machines = (1..=self.nodes.len() as u64).map(NodeId);
                let new = |node: &NodeId| {
                    membership.member(*node).is_none() && !membership.is_removed(*node)
                };
                let new: Vec<NodeId> = machines.filter(new).collect();
                let node = *new.get(below(dice, new.len().max(1)))?;
                Some(Change::AddLearner { node, address: address_of(host_of(node)) })
            }
            3..=4 => {
                let learner = members.iter().find(|member| member.seat == Seat::Learner);
                Some(Change::Promote { node: learner?.node })
            }
            5..=6 => Some(Change::Demote { node }),
            _ => Some(Change::Remove { node }),
        }
    }

    /// Whether enough of its voters are whole, in each half.
    fn can_serve(&self, next: &Membership) -> bool {
        Members::of(next).is_quorum(|node| self.is_able(slot_of(node)))
    }

    /// Whether the node can take part, once it is healed.
    pub(in crate::sim) fn is_able(&self, slot: usize) -> bool {
        let node = &self.nodes[slot];
        matches!(node.fate, Fate::Comes | Fate::Stays) && !node.is_damaged() && !node.is_emptied
    }
}

/// How long an operator waits for an answer.
const PATIENCE_NANOS: u64 = 3 * SECOND;

/// Nothing was changed since the founding.
pub(in crate::sim) const FOUNDING: Index = Index(0);
