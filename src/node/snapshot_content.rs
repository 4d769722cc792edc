//! The content of a snapshot's file, read and checked.

use crate::base::error::{Error, Status};
use crate::base::{ClusterId, NodeId};
use crate::lock::{LEVEL_MAX, LockMachine};
use crate::raft::Snapshot;
use crate::wal::{WalError, snapshot_file};
use std::fs;
use std::path::Path;

/// A snapshot, and the decoded state.
#[derive(Debug)]
pub struct SnapshotContent {
    /// The position and the bytes.
    pub snapshot: Snapshot,
    /// The state.
    pub machine: LockMachine,
    /// The cluster of the state, if the file names it.
    pub cluster: Option<ClusterId>,
    /// The node from whose directory it was extracted, if no leader gave it.
    pub node: Option<NodeId>,
}

impl SnapshotContent {
    /// Reads a file that `Client::save_snapshot`, `tenure snapshot save` or `extract` made.
    ///
    /// # Errors
    /// IO: it cannot be read. CORRUPT: it is damaged. UNSUPPORTED: a later version made it.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let shown = path.display();
        let bytes = fs::read(path).map_err(|error| {
            Error::new(Status::Io, format!("cannot read {shown}: {error}")).because_of(error)
        })?;
        let (snapshot, cluster) = snapshot_file::decode(&bytes).map_err(|error| {
            let is_later = matches!(error, WalError::Foreign(_));
            let status = if is_later { Status::Unsupported } else { Status::Corrupt };
            Error::new(status, format!("{shown}: {error}"))
        })?;
        let content = Self::of(snapshot, cluster)
            .map_err(|why| Error::new(Status::Corrupt, format!("{shown}: {why}")))?;
        Ok(Self { node: snapshot_file::extracted_from(&bytes), ..content })
    }

    /// Decodes the state.
    ///
    /// # Errors
    /// The bytes are no state: a sentence.
    pub fn of(snapshot: Snapshot, cluster: Option<ClusterId>) -> Result<Self, String> {
        let machine = LockMachine::decode_blob(&snapshot.data, LEVEL_MAX)
            .map_err(|error| error.to_string())?;
        Ok(Self { snapshot, machine, cluster, node: None })
    }

    /// "entry 42 of term 7 with 2 locks of 5 sessions".
    #[must_use]
    pub fn summary(&self) -> String {
        let (meta, machine) = (&self.snapshot.meta, &self.machine);
        let (locks, sessions) = (machine.held_count(), machine.session_count());
        format!(
            "entry {} of term {} with {locks} locks of {sessions} sessions",
            meta.index, meta.term
        )
    }
}
