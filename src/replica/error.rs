//! Why a replica cannot go on.

use crate::base::Index;
use crate::lock::SnapshotError;

/// A committed entry that this version cannot read; the node must stop.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("entry {index} cannot be applied: {why}; run a version of tenure that can read it")]
pub struct ApplyError {
    /// The entry.
    pub index: Index,
    /// The fault.
    pub why: String,
    /// Whether its level is one that this build does not read.
    pub is_newer: bool,
}

/// Why a replica cannot go on; the node must stop.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReplicaError {
    /// A committed entry cannot be read.
    #[error(transparent)]
    Apply(#[from] ApplyError),
    /// The snapshot at the beginning of the log cannot be read.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
}

impl ReplicaError {
    /// Whether a newer build could read it: its level is one that this build does not read.
    #[must_use]
    pub fn is_newer(&self) -> bool {
        match self {
            Self::Apply(error) => error.is_newer,
            Self::Snapshot(error) => matches!(error, SnapshotError::Format { .. }),
        }
    }
}
