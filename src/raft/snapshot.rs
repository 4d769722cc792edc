//! The state at an index, in place of the log up to there (Raft §7).

use crate::base::members::{Membership, SnapshotMeta};
use crate::base::{Blob, Index};
use crate::raft::Raft;

/// A snapshot. A clone shares the bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// Index, term and members.
    pub meta: SnapshotMeta,
    /// The state machine's own bytes, opaque to consensus.
    pub data: Blob,
}

impl Snapshot {
    /// One that was restored into a new cluster names no members: they are those of the founding. A leader that
    /// sends it on says so.
    pub(super) fn founded_with(mut self, founding: &Membership) -> Self {
        if self.meta.membership.members().is_empty() {
            (self.meta.membership, self.meta.membership_index) = (founding.clone(), Index(0));
        }
        self
    }
}

impl Raft {
    /// The index of the newest snapshot, 0 if there is none.
    #[must_use]
    pub fn snapshot_index(&self) -> Index {
        self.snapshot().map_or(Index(0), |snapshot| snapshot.meta.index)
    }

    /// The newest snapshot.
    #[must_use]
    pub fn snapshot(&self) -> Option<&Snapshot> {
        self.shipment.as_ref().map(|shipment| &shipment.snapshot)
    }

    /// The description of a snapshot of the state at `index`, which is applied.
    ///
    /// # Panics
    /// `index` is not applied, or is compacted.
    #[must_use]
    pub fn snapshot_meta(&self, index: Index) -> SnapshotMeta {
        assert!(index <= self.applied, "{index} is not applied, only {}", self.applied);
        let term = self.log.term_at(index).expect("an applied entry, or the snapshot's own");
        let (membership_index, membership) = self.memberships.at(index);
        SnapshotMeta { index, term, membership: membership.clone(), membership_index }
    }
}
