//! Membership, read from outside: from the entries that nodes were seen to append, and counted without asking the
//! production code what a quorum is (Raft §6, safety R12).

use crate::base::NodeId;
use crate::raft::{Entry, EntryKind, Membership, Seat};

/// The seats of one membership.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Members {
    seats: Vec<(NodeId, Seat)>,
    /// Members whose directory is not known yet.
    unbound: Vec<NodeId>,
}

impl Members {
    /// Nodes 1 to `nodes`, which all vote.
    #[must_use]
    pub fn founding(nodes: u64) -> Self {
        let seats = (1..=nodes).map(|node| (NodeId(node), Seat::Voter)).collect();
        Self { seats, unbound: Vec::new() }
    }

    /// The members that `entry` puts in force, if it does.
    ///
    /// # Panics
    /// The entry is unreadable.
    #[must_use]
    pub fn of_entry(entry: &Entry) -> Option<Self> {
        (entry.header.kind == EntryKind::Membership).then(|| {
            let membership = Membership::decode(entry.payload.bytes());
            let membership = membership.unwrap_or_else(|error| panic!("{entry:?}: {error}"));
            Self::of(&membership)
        })
    }

    /// The members of a membership.
    #[must_use]
    pub fn of(membership: &Membership) -> Self {
        let seats = membership.members().iter().map(|member| (member.node, member.seat));
        let unbound = membership.members().iter().filter(|member| member.directory.is_none());
        Self { seats: seats.collect(), unbound: unbound.map(|member| member.node).collect() }
    }

    /// Whether a member's directory is not known yet.
    #[must_use]
    pub fn is_unbound(&self, node: NodeId) -> bool {
        self.unbound.contains(&node)
    }

    /// Whether the nodes of which `has` is true are a majority of the voters, of both halves if it is joint.
    #[must_use]
    pub fn is_quorum(&self, has: impl Fn(NodeId) -> bool) -> bool {
        let is_majority = |half: [Seat; 3]| {
            let voters = self.seats.iter().filter(|(_, seat)| half.contains(seat));
            let (all, having) = voters.fold((0, 0), |(all, having), (node, _)| {
                (all + 1, having + usize::from(has(*node)))
            });
            2 * having > all
        };
        is_majority([Seat::Voter, Seat::Joining, Seat::Joining])
            && is_majority([Seat::Voter, Seat::Demoting, Seat::Leaving])
    }

    /// Whether the node is one of them.
    #[must_use]
    pub fn contains(&self, node: NodeId) -> bool {
        self.seats.iter().any(|(member, _)| *member == node)
    }

    /// The seat of `node`.
    #[must_use]
    pub fn seat(&self, node: NodeId) -> Option<Seat> {
        self.seats.iter().find(|(member, _)| *member == node).map(|(_, seat)| *seat)
    }

    /// Whether both halves must agree.
    #[must_use]
    pub fn is_joint(&self) -> bool {
        let stays = |seat: &Seat| matches!(seat, Seat::Voter | Seat::Learner);
        !self.seats.iter().all(|(_, seat)| stays(seat))
    }

    /// All of them.
    pub fn nodes(&self) -> impl Iterator<Item = NodeId> + '_ {
        self.seats.iter().map(|(node, _)| *node)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn members(seats: &[Seat]) -> Members {
        let seats = (1..).map(NodeId).zip(seats.iter().copied()).collect();
        Members { seats, unbound: Vec::new() }
    }

    #[test]
    fn learners_do_not_count_and_half_is_no_majority() {
        use Seat::{Learner, Voter};
        let members = members(&[Voter, Voter, Learner, Learner]);
        assert!(!members.is_quorum(|node| node != NodeId(2)));
        assert!(members.is_quorum(|node| node <= NodeId(2)));
    }

    #[test]
    fn both_halves_of_a_joint_membership_must_agree() {
        use Seat::{Joining, Leaving, Voter};
        let members = members(&[Voter, Leaving, Leaving, Joining, Joining]);
        assert!(members.is_joint());
        assert!(!members.is_quorum(|node| node <= NodeId(3)));
        assert!(!members.is_quorum(|node| node == NodeId(1) || node >= NodeId(4)));
        assert!(members.is_quorum(|node| [1, 2, 4].contains(&node.0)));
    }
}
