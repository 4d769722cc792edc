//! Membership: who the members are, whether they vote, and how one membership follows another (Raft §6; dissertation
//! §4.1–4.3).
//!
//! A membership acts from the moment at which its entry is appended (R12). A change of one voter takes one step, since
//! any two majorities before and after it intersect. A larger one goes through a joint membership, in which the
//! outgoing and the incoming voters must both agree, and which the leader leaves by itself.

use crate::base::limits::{ENTRY_BYTES_MAX, MEMBERS_MAX};
use crate::base::{DirectoryId, NodeId, codec};
use serde::{Deserialize, Serialize};

/// Suffrage of a member. The last three exist in a joint membership only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Seat {
    /// Receives the log; counts for nothing (C5).
    Learner,
    /// Counts in every quorum.
    Voter,
    /// A voter of the incoming half alone.
    Joining,
    /// A voter of the outgoing half, then a learner.
    Demoting,
    /// A voter of the outgoing half, then no member.
    Leaving,
}

impl Seat {
    /// For people, and for named values.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Learner => "learner",
            Self::Voter => "voter",
            Self::Joining => "joining",
            Self::Demoting => "demoting",
            Self::Leaving => "leaving",
        }
    }

    /// The seat of that name; `None` for one that this build does not know.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let all = [Self::Learner, Self::Voter, Self::Joining, Self::Demoting, Self::Leaving];
        all.into_iter().find(|seat| seat.name() == name)
    }
}

/// One member of the cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// Its id, never used again once it is removed (W8).
    pub node: NodeId,
    /// The data directory that it must have; `None` until a new member was first met. Nothing is sent to a
    /// member without, so that no acknowledgement of a directory that was emptied since can ever count.
    pub directory: Option<DirectoryId>,
    /// Where peers and clients reach it, as `host:port`.
    pub address: String,
    /// Whether it votes.
    pub seat: Seat,
}

/// The members in force, and the ids that must not come back.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Membership {
    /// Rising in node id.
    members: Vec<Member>,
    /// Ids of former members, rising.
    removed: Vec<NodeId>,
}

/// One step of a change. A list of them is one change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Change {
    /// Adds a learner under an id that was never used.
    AddLearner { node: NodeId, address: String },
    /// Fixes the directory of a member that has none yet.
    Bind { node: NodeId, directory: DirectoryId },
    /// Makes a learner a voter.
    Promote { node: NodeId },
    /// Makes a voter a learner.
    Demote { node: NodeId },
    /// Removes a member for good.
    Remove { node: NodeId },
    /// Gives a member another address.
    Readdress { node: NodeId, address: String },
}

/// Why a change is not possible. The sentence says what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChangeError {
    /// Node id 0.
    #[error("node ids begin at 1")]
    Zero,
    /// The id is in use.
    #[error("node {0} is a member already")]
    Present(NodeId),
    /// The id was used before (W8).
    #[error("node {0} was removed, and ids are never used again: choose another")]
    Removed(NodeId),
    /// No such member.
    #[error("node {0} is not a member")]
    Absent(NodeId),
    /// The address cannot be one.
    #[error("the address of node {0} must have 1 to {ADDRESS_BYTES_MAX} bytes")]
    Address(NodeId),
    /// A directory is fixed once.
    #[error("node {0} has a data directory already: remove it and add it again under a new id")]
    Bound(NodeId),
    /// The node was never met, so it cannot vote (W8).
    #[error("node {0} has not joined yet: start it with --join first")]
    Unbound(NodeId),
    /// Nobody would be left to vote.
    #[error("the last voter must stay")]
    NoVoters,
    /// The cluster has as many members as it may.
    #[error("a cluster has at most {MEMBERS_MAX} members")]
    Full,
    /// More at once than it takes to replace all members: not looked at.
    #[error("{0} changes at once are too many; the most is {CHANGES_MAX}")]
    TooMany(usize),
    /// Ids are never used again, so each former member is remembered, in every membership that follows.
    #[error(
        "a cluster can lose at most {REMOVED_MAX} members in its life: start a new one from a backup"
    )]
    Exhausted,
    /// A joint membership is left by itself, and meanwhile not changed.
    #[error("a change of members is under way: try again when it is done")]
    Joint,
    /// The list is empty, or nothing would change.
    #[error("nothing would change")]
    Nothing,
    /// Ids that do not rise, or seats that fit no change: not written by this program.
    #[error("the membership is malformed")]
    Malformed,
}

impl Membership {
    /// A founding membership: all vote.
    #[must_use]
    pub fn founding(voters: impl IntoIterator<Item = (NodeId, DirectoryId, String)>) -> Self {
        let voter = |(node, directory, address)| Member {
            node,
            directory: Some(directory),
            address,
            seat: Seat::Voter,
        };
        let mut members: Vec<Member> = voters.into_iter().map(voter).collect();
        members.sort_unstable_by_key(|member| member.node);
        Self { members, removed: Vec::new() }
    }

    /// All members, rising in node id.
    #[must_use]
    pub fn members(&self) -> &[Member] {
        &self.members
    }

    /// The member of that id.
    #[must_use]
    pub fn member(&self, node: NodeId) -> Option<&Member> {
        self.members.iter().find(|member| member.node == node)
    }

    /// Whether the id was a member's once and is no more.
    #[must_use]
    pub fn is_removed(&self, node: NodeId) -> bool {
        self.removed.binary_search(&node).is_ok()
    }

    /// Whether the node votes, in either half.
    #[must_use]
    pub fn is_voter(&self, node: NodeId) -> bool {
        self.member(node).is_some_and(|member| member.seat != Seat::Learner)
    }

    /// Whether both halves must agree.
    #[must_use]
    pub fn is_joint(&self) -> bool {
        let in_transit =
            |member: &Member| matches!(member.seat, Seat::Joining | Seat::Demoting | Seat::Leaving);
        self.members.iter().any(in_transit)
    }

    /// Voters of the incoming half; of a membership that is not joint, all voters.
    pub fn incoming(&self) -> impl Iterator<Item = NodeId> + '_ {
        self.seated(|seat| matches!(seat, Seat::Voter | Seat::Joining))
    }

    /// Voters of the outgoing half; of a membership that is not joint, all voters.
    pub fn outgoing(&self) -> impl Iterator<Item = NodeId> + '_ {
        self.seated(|seat| matches!(seat, Seat::Voter | Seat::Demoting | Seat::Leaving))
    }

    /// The only voter, if there is just one in both halves.
    #[must_use]
    pub fn only_voter(&self) -> Option<NodeId> {
        let mut voters = self.members.iter().filter(|member| member.seat != Seat::Learner);
        let first = voters.next()?;
        voters.next().is_none().then_some(first.node)
    }

    /// The membership that `changes` make of this one: joint if more than one voter comes or goes.
    ///
    /// # Errors
    /// [`ChangeError`]; nothing of the list is taken then.
    pub fn changed(&self, changes: &[Change]) -> Result<Self, ChangeError> {
        if changes.len() > CHANGES_MAX {
            return Err(ChangeError::TooMany(changes.len()));
        }
        if self.is_joint() {
            return Err(ChangeError::Joint);
        }
        let mut next = self.clone();
        for change in changes {
            next.take(change)?;
        }
        if next == *self {
            return Err(ChangeError::Nothing);
        }
        let in_transit = |member: &&Member| !matches!(member.seat, Seat::Voter | Seat::Learner);
        if next.members.iter().filter(in_transit).count() <= 1 {
            next = next.left();
        }
        next.check()?;
        Ok(next)
    }

    /// The membership after a joint one: its incoming half alone. Any other is its own successor.
    #[must_use]
    pub fn left(&self) -> Self {
        let mut next = self.clone();
        let leaving = |member: &Member| member.seat == Seat::Leaving;
        next.removed.extend(next.members.iter().filter(|m| leaving(m)).map(|member| member.node));
        next.removed.sort_unstable();
        next.members.retain(|member| !leaving(member));
        for member in &mut next.members {
            member.seat = match member.seat {
                Seat::Joining => Seat::Voter,
                Seat::Demoting => Seat::Learner,
                seat => seat,
            };
        }
        next
    }

    /// Whether this can be a membership in force.
    ///
    /// # Errors
    /// [`ChangeError`]: the defect.
    pub fn check(&self) -> Result<(), ChangeError> {
        let rise = |ids: &[NodeId]| ids.is_sorted_by(|one, two| one < two);
        let ids: Vec<NodeId> = self.members.iter().map(|member| member.node).collect();
        if !rise(&ids) || !rise(&self.removed) || ids.iter().any(|id| self.is_removed(*id)) {
            return Err(ChangeError::Malformed);
        }
        if ids.first() == Some(&NodeId(0)) {
            return Err(ChangeError::Zero);
        }
        if ids.len() > MEMBERS_MAX {
            return Err(ChangeError::Full);
        }
        if self.removed.len() > REMOVED_MAX {
            return Err(ChangeError::Exhausted);
        }
        let unbound = |member: &&Member| member.seat != Seat::Learner && member.directory.is_none();
        if let Some(member) = self.members.iter().find(unbound) {
            return Err(ChangeError::Unbound(member.node));
        }
        if self.incoming().next().is_none() || self.outgoing().next().is_none() {
            return Err(ChangeError::NoVoters);
        }
        Ok(())
    }

    /// As an entry's payload.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        codec::encode(self).expect("a membership is small")
    }

    /// Reads an entry's payload.
    ///
    /// # Errors
    /// [`ChangeError`]: no membership that could be in force.
    pub fn decode(bytes: &[u8]) -> Result<Self, ChangeError> {
        let membership: Self = codec::decode(bytes).map_err(|_| ChangeError::Malformed)?;
        membership.check()?;
        Ok(membership)
    }

    /// Takes one step; voters that come or go are left in transit.
    fn take(&mut self, change: &Change) -> Result<(), ChangeError> {
        match change {
            Change::AddLearner { node, address } => self.add_learner(*node, address),
            Change::Bind { node, directory } => {
                let member = self.member_mut(*node)?;
                if member.directory.is_some_and(|known| known != *directory) {
                    return Err(ChangeError::Bound(*node));
                }
                member.directory = Some(*directory);
                Ok(())
            }
            Change::Promote { node } => self.reseat(*node, |seat| match seat {
                Seat::Learner => Some(Seat::Joining),
                Seat::Demoting => Some(Seat::Voter),
                Seat::Voter | Seat::Joining | Seat::Leaving => None,
            }),
            Change::Demote { node } => self.reseat(*node, |seat| match seat {
                Seat::Voter => Some(Seat::Demoting),
                Seat::Joining => Some(Seat::Learner),
                Seat::Learner | Seat::Demoting | Seat::Leaving => None,
            }),
            Change::Remove { node } => self.remove(*node),
            Change::Readdress { node, address } => {
                check_address(*node, address)?;
                self.member_mut(*node)?.address.clone_from(address);
                Ok(())
            }
        }
    }

    fn add_learner(&mut self, node: NodeId, address: &str) -> Result<(), ChangeError> {
        check_address(node, address)?;
        if node == NodeId(0) {
            return Err(ChangeError::Zero);
        }
        if self.is_removed(node) {
            return Err(ChangeError::Removed(node));
        }
        let Err(place) = self.members.binary_search_by_key(&node, |member| member.node) else {
            return Err(ChangeError::Present(node));
        };
        let address = address.to_owned();
        self.members.insert(place, Member { node, directory: None, address, seat: Seat::Learner });
        Ok(())
    }

    fn remove(&mut self, node: NodeId) -> Result<(), ChangeError> {
        match self.member_mut(node)?.seat {
            Seat::Voter | Seat::Demoting => self.member_mut(node)?.seat = Seat::Leaving,
            Seat::Leaving => {}
            Seat::Learner | Seat::Joining => {
                self.members.retain(|member| member.node != node);
                let place = self.removed.partition_point(|id| *id < node);
                self.removed.insert(place, node);
            }
        }
        Ok(())
    }

    /// Gives a member the seat that `after` names for its present one; `None` leaves it.
    fn reseat(
        &mut self,
        node: NodeId,
        after: impl FnOnce(Seat) -> Option<Seat>,
    ) -> Result<(), ChangeError> {
        let member = self.member_mut(node)?;
        member.seat = after(member.seat).unwrap_or(member.seat);
        Ok(())
    }

    fn member_mut(&mut self, node: NodeId) -> Result<&mut Member, ChangeError> {
        let found = self.members.iter_mut().find(|member| member.node == node);
        found.ok_or(ChangeError::Absent(node))
    }

    fn seated(&self, counts: impl Fn(Seat) -> bool) -> impl Iterator<Item = NodeId> {
        self.members.iter().filter(move |member| counts(member.seat)).map(|member| member.node)
    }
}

fn check_address(node: NodeId, address: &str) -> Result<(), ChangeError> {
    if (1..=ADDRESS_BYTES_MAX).contains(&address.len()) {
        Ok(())
    } else {
        Err(ChangeError::Address(node))
    }
}

/// Changes in one list: each old member demoted and removed, each new one added, bound, promoted and moved.
const CHANGES_MAX: usize = 6 * MEMBERS_MAX;
/// A DNS name has at most 253 bytes; a colon and a port follow.
const ADDRESS_BYTES_MAX: usize = 259;
/// Former members of a cluster.
const REMOVED_MAX: usize = 1024;
/// The bytes of a number, at most, and of a member besides its address.
const NUMBER_BYTES_MAX: usize = 10;
const MEMBER_BYTES_MAX: usize = ADDRESS_BYTES_MAX + 4 * NUMBER_BYTES_MAX;

// A membership fits an entry: one that followers refuse for its size would stop the cluster for good.
const _: () =
    assert!(REMOVED_MAX * NUMBER_BYTES_MAX + MEMBERS_MAX * MEMBER_BYTES_MAX + 64 < ENTRY_BYTES_MAX);
