//! Where a snapshot stands.

use super::Membership;
use crate::base::{Index, Term};
use serde::{Deserialize, Serialize};

/// What consensus must know of a snapshot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnapshotMeta {
    /// The last entry that it holds the effect of.
    pub index: Index,
    /// That entry's term.
    pub term: Term,
    /// The members in force at `index`. Of a snapshot that was restored into a new cluster it has none: there
    /// the founding says who they are.
    pub membership: Membership,
    /// The entry that put them in force; 0 for the founding.
    pub membership_index: Index,
}
