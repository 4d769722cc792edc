//! What whoever asks something must be allowed to: one table for all kinds of request.

use crate::lock::{BreakWay, Operation};
use crate::wire::Request;

/// What a request takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Right {
    /// Nothing: what a node tells of itself.
    Ask,
    /// To use locks, as clients do.
    Lock,
    /// To operate the cluster, or to take a lock from its holder so that only tokens protect.
    Operate,
}

impl Request {
    /// What it takes.
    #[must_use]
    pub fn right(&self) -> Right {
        match self {
            Self::Status { .. } | Self::Describe { .. } => Right::Ask,
            Self::Submit { operation, .. } => operation_right(operation),
            Self::OpenSession { .. }
            | Self::Attach { .. }
            | Self::Renew { .. }
            | Self::Read { .. }
            | Self::Observe { .. }
            | Self::Unobserve { .. } => Right::Lock,
            Self::Order { .. } => Right::Operate,
        }
    }
}

fn operation_right(operation: &Operation) -> Right {
    match operation {
        Operation::Acquire(_)
        | Operation::Release { .. }
        | Operation::Withdraw { .. }
        | Operation::Close
        | Operation::AcquireAll { .. }
        | Operation::Proclaim { .. }
        | Operation::Transfer { .. }
        | Operation::Break { way: BreakWay::Ask { .. }, .. } => Right::Lock,
        Operation::Break { way: BreakWay::Now, .. } => Right::Operate,
    }
}
