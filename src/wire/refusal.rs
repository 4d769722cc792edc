//! Why a leader refused an order. An answer carries one sentence alone; which kind it is, is told by comparing it with those
//! that leaders say.

use super::Order;
use crate::base::NodeId;
use crate::base::members::{Change, ChangeError, MembershipError, TransferError};

/// What a refusal means to who gave the order: surely nothing was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It passes by itself, soon: a leader that is new, another change under way.
    Passing,
    /// The node lacks much of the log, and is being sent it.
    Behind,
    /// The node was added, and never seen since.
    Unjoined,
    /// There is no such member.
    Absent,
    /// What was asked for is so already.
    Already,
    /// It cannot be, as the order stands.
    Standing,
    /// The cluster cannot do it as it is now; also a sentence of another version.
    Other,
}

impl Refusal {
    /// What `text`, which a leader answered `order` with, is.
    #[must_use]
    pub fn of(order: &Order, text: &str) -> Self {
        let is = |said: &[String]| said.iter().any(|said| said == text);
        match order {
            Order::ChangeMembers { changes } => changes
                .iter()
                .map(|change| of_change(change, text))
                .find(|refusal| *refusal != Self::Other)
                .unwrap_or(Self::Other),
            Order::MoveLeader { .. } if text == LEADS_ALREADY => Self::Already,
            Order::MoveLeader { to } => {
                let not_voter = to.map(|node| TransferError::NotVoter(node).to_string());
                let standing = not_voter.into_iter().chain([TransferError::Alone.to_string()]);
                match is(&standing.collect::<Vec<_>>()) {
                    true => Self::Standing,
                    false => Self::Other,
                }
            }
            Order::Snapshot { .. } | Order::Access { .. } => Self::Other,
        }
    }
}

fn of_change(change: &Change, text: &str) -> Refusal {
    let node = node_of(change);
    let known = [
        (MembershipError::NotReady.to_string(), Refusal::Passing),
        (MembershipError::Pending.to_string(), Refusal::Passing),
        (MembershipError::Transferring.to_string(), Refusal::Passing),
        (ChangeError::Joint.to_string(), Refusal::Passing),
        (LEADERSHIP_CHANGED.to_owned(), Refusal::Passing),
        (MembershipError::Behind(node).to_string(), Refusal::Behind),
        (ChangeError::Unbound(node).to_string(), Refusal::Unjoined),
        (ChangeError::Absent(node).to_string(), Refusal::Absent),
        (ChangeError::Nothing.to_string(), Refusal::Already),
        (ChangeError::Zero.to_string(), Refusal::Standing),
        (ChangeError::Present(node).to_string(), Refusal::Standing),
        (ChangeError::Removed(node).to_string(), Refusal::Standing),
        (ChangeError::Address(node).to_string(), Refusal::Standing),
        (ChangeError::NoVoters.to_string(), Refusal::Standing),
        (ChangeError::Full.to_string(), Refusal::Standing),
        (ChangeError::Exhausted.to_string(), Refusal::Standing),
    ];
    known.into_iter().find(|(said, _)| said == text).map_or(Refusal::Other, |(_, refusal)| refusal)
}

fn node_of(change: &Change) -> NodeId {
    match change {
        Change::AddLearner { node, .. }
        | Change::Bind { node, .. }
        | Change::Promote { node }
        | Change::Demote { node }
        | Change::Remove { node }
        | Change::Readdress { node, .. } => *node,
    }
}

/// Of an order that waited for a leader to know all that was committed.
pub const LEADERSHIP_CHANGED: &str =
    "leadership changed before this was begun: give the order again";
/// Of a move of leadership to the node that has it.
pub const LEADS_ALREADY: &str = "that node leads already";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_leaders_say_is_told_apart() {
        let promote = Order::ChangeMembers { changes: vec![Change::Promote { node: NodeId(4) }] };
        let of = |error: &dyn ToString| Refusal::of(&promote, &error.to_string());
        assert_eq!(of(&MembershipError::Pending), Refusal::Passing);
        assert_eq!(of(&MembershipError::Behind(NodeId(4))), Refusal::Behind);
        assert_eq!(of(&ChangeError::Unbound(NodeId(4))), Refusal::Unjoined);
        assert_eq!(of(&ChangeError::Absent(NodeId(4))), Refusal::Absent);
        assert_eq!(of(&ChangeError::Nothing), Refusal::Already);
        assert_eq!(of(&ChangeError::Removed(NodeId(4))), Refusal::Standing);
        assert_eq!(of(&"of a later version"), Refusal::Other);
        let to = Order::MoveLeader { to: Some(NodeId(9)) };
        let not_voter = TransferError::NotVoter(NodeId(9)).to_string();
        assert_eq!(Refusal::of(&to, &not_voter), Refusal::Standing);
        assert_eq!(Refusal::of(&to, LEADS_ALREADY), Refusal::Already);
        assert_eq!(Refusal::of(&to, "that node's log cannot go on"), Refusal::Other);
    }
}
