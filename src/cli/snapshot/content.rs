//! A snapshot's file as a whole: read, checked, and what is in it.

use crate::cli::failure::Failure;
use std::fs;
use std::path::Path;
use tenure::base::{ClusterId, NodeId};
use tenure::lock::LockMachine;
use tenure::raft::Snapshot;
use tenure::wal::snapshot_file;

/// A snapshot, and the state that its bytes stand for.
#[derive(Debug)]
pub struct Content {
    /// Where it stands, and the bytes.
    pub snapshot: Snapshot,
    /// The state.
    pub machine: LockMachine,
    /// The cluster whose state it is, if the file says it.
    pub cluster: Option<ClusterId>,
    /// The node whose directory it was taken out of, if no leader gave it.
    pub node: Option<NodeId>,
}

impl Content {
    /// Reads a file that `tenure snapshot save` made.
    ///
    /// # Errors
    /// It cannot be read, or is damaged.
    pub fn read(path: &Path) -> Result<Self, Failure> {
        let shown = path.display();
        let bytes = fs::read(path)
            .map_err(|error| Failure::unavailable(format!("cannot read {shown}: {error}")))?;
        let (snapshot, cluster) = snapshot_file::decode(&bytes)
            .map_err(|error| Failure::unavailable(format!("{shown}: {error}")))?;
        let content = Self::of(snapshot, cluster)
            .map_err(|why| Failure::unavailable(format!("{shown}: {why}")))?;
        Ok(Self { node: snapshot_file::extracted_from(&bytes), ..content })
    }

    /// Checks that the bytes are a state.
    ///
    /// # Errors
    /// They are not: a sentence.
    pub fn of(snapshot: Snapshot, cluster: Option<ClusterId>) -> Result<Self, String> {
        let machine =
            LockMachine::decode(snapshot.data.bytes()).map_err(|error| error.to_string())?;
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
