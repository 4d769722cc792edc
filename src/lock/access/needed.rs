//! The rights that an operation needs: the table's rows for logged operations (`wire/right.rs` has the
//! others). An operation without a row does not compile.

use crate::base::Right;
use crate::base::locks::{BreakWay, Name, Operation};

/// The right needed for a request, once rights are on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needed<'a> {
    /// None: the answer is public, or about the caller's own.
    Nothing,
    /// Only the session's own right to its grants and requests.
    Session,
    /// All of these rights to each of the names.
    Names { rights: &'a [Right], first: &'a Name, also: &'a [Name] },
    /// This right to each name in the answer; other names are left out.
    Told(Right),
    /// A right of the cluster.
    Cluster(Right),
    /// A right to the cluster, unless the request is about the caller.
    OthersCluster(Right),
}

impl<'a> Needed<'a> {
    /// These rights to one name.
    #[must_use]
    pub fn name(rights: &'a [Right], name: &'a Name) -> Self {
        Self::Names { rights, first: name, also: &[] }
    }
}

impl Operation {
    /// The need of this operation once rights are on. Giving back, withdrawing, handing over and closing take
    /// no right, ever.
    #[must_use]
    pub fn needed(&self) -> Needed<'_> {
        match self {
            Self::Acquire(acquire) => Needed::name(&[Right::Acquire], &acquire.name),
            Self::AcquireAll { acquire, also } => {
                Needed::Names { rights: &[Right::Acquire], first: &acquire.name, also }
            }
            // The answer says whether a client of this name waits.
            Self::Break { name, to: Some(_), .. } => {
                Needed::name(&[Right::Break, Right::Read], name)
            }
            Self::Break { name, to: None, .. } => Needed::name(&[Right::Break], name),
            // Of a lock that the session holds. The client that a transfer names must wait, and so may
            // acquire; whether it waits is told only to those that may read the name.
            Self::Proclaim { .. } | Self::Transfer { .. } => Needed::Session,
            Self::Release { .. } | Self::Withdraw { .. } | Self::Close => Needed::Session,
        }
    }

    /// Whether the kind of identity must be an operator's while rights are off.
    #[must_use]
    pub fn is_operators(&self) -> bool {
        match self {
            Self::Break { way: BreakWay::Now, .. } => true,
            Self::Break { way: BreakWay::Ask { .. }, .. }
            | Self::Acquire(_)
            | Self::AcquireAll { .. }
            | Self::Release { .. }
            | Self::Withdraw { .. }
            | Self::Close
            | Self::Proclaim { .. }
            | Self::Transfer { .. } => false,
        }
    }
}
