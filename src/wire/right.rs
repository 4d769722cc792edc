//! What whoever asks something must be allowed to: one table for all kinds of request.
//!
//! Each `match` here is exhaustive on purpose: a kind without a row does not compile. The rows of what is logged are beside the operations
//! (`lock/access/needed.rs`), since the apply asks them (safety L27).

use crate::base::Right;
use crate::lock::Needed;
use crate::wire::{Order, Query, Request};

/// Who may ask for something while rights are off, by the kind of identity that a certificate names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Asker {
    /// Anybody: what a node tells of itself.
    Anybody,
    /// Whoever uses locks: clients and operators.
    Client,
    /// Whoever operates the cluster, or takes a lock from its holder so that only tokens protect.
    Operator,
}

impl Request {
    /// Who may ask for it while rights are off. Once they are on, whoever may ask at all (no node, but for what anybody may) is
    /// judged by [`Request::needed`].
    #[must_use]
    pub fn asker(&self) -> Asker {
        match self {
            Self::Status { .. } | Self::Describe { .. } => Asker::Anybody,
            Self::Submit { operation, .. } if operation.is_operators() => Asker::Operator,
            Self::Read { query: Query::Rules { .. } | Query::Allowed { .. }, .. } => {
                Asker::Operator
            }
            Self::OpenSession { .. }
            | Self::Attach { .. }
            | Self::Renew { .. }
            | Self::Submit { .. }
            | Self::Read { .. }
            | Self::Observe { .. }
            | Self::Unobserve { .. } => Asker::Client,
            Self::Order { .. } => Asker::Operator,
        }
    }

    /// What it takes once rights are on.
    #[must_use]
    pub fn needed(&self) -> Needed<'_> {
        match self {
            // Members, roles, counts: no name of a lock, no name of a client.
            Self::Status { .. } | Self::Describe { .. } => Needed::Nothing,
            // A session by itself holds nothing, and is counted against who opens it.
            Self::OpenSession { .. } => Needed::Nothing,
            Self::Attach { .. } | Self::Renew { .. } => Needed::Session,
            Self::Submit { operation, .. } => operation.needed(),
            Self::Read { query, .. } => query.needed(),
            Self::Observe { name, .. } => Needed::name(&[Right::Read], name),
            Self::Unobserve { .. } => Needed::Nothing,
            Self::Order { order, .. } => order.needed(),
        }
    }
}

impl Query {
    /// What it takes once rights are on.
    #[must_use]
    pub fn needed(&self) -> Needed<'_> {
        match self {
            Self::Lock { name } | Self::Validate { name, .. } | Self::Waits { name, .. } => {
                Needed::name(&[Right::Read], name)
            }
            Self::Locks { .. } | Self::Asked { .. } => Needed::Told(Right::Read),
            Self::Session { .. } => Needed::OthersCluster(Right::Operate),
            Self::Rules { .. } => Needed::Cluster(Right::Admin),
            Self::Allowed { .. } => Needed::OthersCluster(Right::Admin),
        }
    }
}

impl Order {
    /// What it takes once rights are on.
    #[must_use]
    pub fn needed(&self) -> Needed<'_> {
        match self {
            // A snapshot has all names, and who holds what.
            Self::ChangeMembers { .. } | Self::MoveLeader { .. } | Self::Snapshot { .. } => {
                Needed::Cluster(Right::Operate)
            }
            Self::Access { .. } => Needed::Cluster(Right::Admin),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Were it to take a right, the admin endpoint would have to ask for that, too: it tells the same to whoever has a certificate.
    #[test]
    fn what_a_node_tells_of_itself_is_for_whoever_may_connect() {
        for request in [Request::Status { read: 1 }, Request::Describe { read: 1 }] {
            assert_eq!((request.asker(), request.needed()), (Asker::Anybody, Needed::Nothing));
        }
    }
}
