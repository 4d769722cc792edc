//! What operators ask of a node, and what becomes of it.

use crate::base::Payload;
use crate::base::locks::AccessChange;
use crate::base::members::{Change, Seat, SnapshotMeta};
use crate::base::{Index, NodeId};
use crate::wire::{MemberStatus, Values};
use serde::{Deserialize, Serialize};

/// What an operator asks of a node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Order {
    /// One change of the members, of the leader. Answered once it is in force for good.
    ChangeMembers { changes: Vec<Change> },
    /// To hand leadership to that voter, or to the one with most of the log. Answered once this node leads no
    /// more.
    MoveLeader { to: Option<NodeId> },
    /// Of any node: the part at `offset` of a snapshot that holds at least what `at_least` does, or, if that
    /// is none, what this node had applied when it was asked.
    Snapshot { at_least: Option<Index>, offset: u64 },
    /// One change of who may what, of the leader ([`Ability::Access`](crate::wire::Ability)).
    Access { change: AccessChange },
}

impl Order {
    /// Those who have no vote after it, as far as it tells.
    #[must_use]
    pub fn leaving(&self) -> Vec<NodeId> {
        let leaves = |change: &Change| match change {
            Change::Remove { node } | Change::Demote { node } => Some(*node),
            Change::AddLearner { .. }
            | Change::Bind { .. }
            | Change::Promote { .. }
            | Change::Readdress { .. } => None,
        };
        match self {
            Self::ChangeMembers { changes } => changes.iter().filter_map(leaves).collect(),
            Self::MoveLeader { .. } | Self::Snapshot { .. } | Self::Access { .. } => Vec::new(),
        }
    }
}

impl MemberStatus {
    /// A member with a vote, of which no more is known.
    #[must_use]
    pub fn voter(node: NodeId, address: String) -> Self {
        Self { node, address, seat: Seat::Voter, matched: None }
    }

    /// Whether it has a vote, and is to keep it.
    #[must_use]
    pub fn is_voter(&self) -> bool {
        matches!(self.seat, Seat::Voter | Seat::Joining)
    }
}

/// What became of an order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum OrderAnswer {
    /// Done, as of this index.
    Done { index: Index },
    /// Surely not done; the sentence says why and what to do.
    Refused { text: String },
    /// The snapshot is being made: ask for one of at least this index in a moment.
    Begun { at_least: Index },
    /// A part of a snapshot of `total` bytes, whose CRC-32C is `crc`.
    Part { meta: SnapshotMeta, total: u64, crc: u32, offset: u64, bytes: Payload },
    /// Surely not done: who asks may not. The sentence says what is missing
    /// ([`Ability::Denials`](crate::wire::Ability); who does not know it is told `Refused`).
    Denied { text: String },
    /// What came of a change of who may what: an [`AccessSaid`](crate::wire::AccessSaid) as named values
    /// ([`Ability::Access`](crate::wire::Ability)).
    Access(Values),
}
