//! What an operation of a session takes: the rows of the table for what is logged (`wire/right.rs` has the others). An operation without a
//! row does not compile.

use crate::base::Right;
use crate::base::locks::{BreakWay, Name, Operation};

/// What somebody must be allowed, once rights are on, to have something done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needed<'a> {
    /// Nothing: it says what everybody may know, or concerns what one has.
    Nothing,
    /// To be the one whose session it is.
    Session,
    /// All of these rights to each of the names.
    Names { rights: &'a [Right], first: &'a Name, also: &'a [Name] },
    /// This right to each name that is told; the others are left out.
    Told(Right),
    /// A right of the cluster.
    Cluster(Right),
    /// A right of the cluster, unless it concerns whoever asks.
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
    /// What it takes once rights are on. To give back, to withdraw, to hand over what one holds, and to close take no right, ever.
    #[must_use]
    pub fn needed(&self) -> Needed<'_> {
        match self {
            Self::Acquire(acquire) => Needed::name(&[Right::Acquire], &acquire.name),
            Self::AcquireAll { acquire, also } => {
                Needed::Names { rights: &[Right::Acquire], first: &acquire.name, also }
            }
            // Its answer says whether somebody waits who is called so.
            Self::Break { name, to: Some(_), .. } => {
                Needed::name(&[Right::Break, Right::Read], name)
            }
            Self::Break { name, to: None, .. } => Needed::name(&[Right::Break], name),
            // Of a lock that its session holds. Whom a transfer names must wait, and so may acquire; whether there is one, is told to
            // those alone who may read the name.
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
