//! Why a leader does not change the members, or hand leadership over.

use super::ChangeError;
use crate::base::NodeId;

/// Why a change of the membership was not taken; nothing was appended.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MembershipError {
    /// Another node may lead.
    #[error("this node does not lead")]
    NotLeader,
    /// Its own no-op is not committed yet (R12).
    #[error("the leader is new: try again in a moment")]
    NotReady,
    /// One at a time.
    #[error("a change of members is under way: try again when it is done")]
    Pending,
    /// Leadership is on its way to another node.
    #[error("leadership is being handed over: try again in a moment")]
    Transferring,
    /// It would vote without what it is to vote on.
    #[error("node {0} has not caught up with the log: try again in a moment")]
    Behind(NodeId),
    /// The change itself.
    #[error(transparent)]
    Change(#[from] ChangeError),
}

/// Why leadership cannot be handed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TransferError {
    /// Another node may lead.
    #[error("this node does not lead")]
    NotLeader,
    /// The target is no other voter.
    #[error("node {0} is not another voter of this cluster")]
    NotVoter(NodeId),
    /// There is no other voter.
    #[error("there is no other voter")]
    Alone,
}
