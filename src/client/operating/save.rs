//! Saves the leader's state, with all earlier grants and releases, to a file.

use super::place_file;
use crate::base::ClusterId;
use crate::base::locks::LEVEL_MAX;
use crate::client::{Client, ClusterAt, Operator};
use crate::lock::LockMachine;
use crate::wal::snapshot_file;
use crate::{Error, Status};
use std::path::Path;
use std::time::Duration;

/// The content of a snapshot's file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Saved {
    /// The last entry in it.
    pub index: u64,
    /// The term of that entry.
    pub term: u64,
    /// Locks that were held.
    pub locks: usize,
    /// Sessions.
    pub sessions: usize,
    /// The size of the file.
    pub bytes: u64,
    /// The cluster whose state it is.
    pub cluster: Option<ClusterId>,
}

impl Client {
    /// Has the leader make a snapshot, and writes it to the file `path`, which appears whole and
    /// durable, or not at all. It has all earlier grants, and the names and values of all locks:
    /// only its owner can read it.
    ///
    /// # Errors
    /// UNAVAILABLE, IO (the file), CORRUPT.
    pub fn save_snapshot(&self, path: impl AsRef<Path>) -> Result<Saved, Error> {
        save_snapshot(&self.whom()?, path.as_ref(), self.order_timeout())
    }
}

/// Has the leader of `whom` make a snapshot, within `timeout`, and writes it to the file `path`,
/// which appears whole and durable, or not at all; an existing file is replaced.
///
/// # Errors
/// UNAVAILABLE, IO (the file), CORRUPT.
pub fn save_snapshot(whom: &ClusterAt, path: &Path, timeout: Duration) -> Result<Saved, Error> {
    let mut operator = Operator::connect(whom, timeout)?;
    let cluster = operator.cluster();
    let snapshot = operator.snapshot(timeout)?;
    let bytes = snapshot_file::encode(&snapshot, cluster);
    // A backup must be readable: decode it before it is written.
    let machine = LockMachine::decode_blob(&snapshot.data, LEVEL_MAX).map_err(|error| {
        let node = operator.node();
        let text = format!("node {node} sent no valid snapshot, and nothing was written: {error}");
        Error::new(Status::Corrupt, text)
    })?;
    let size = bytes.len() as u64;
    place_file(path, bytes)?;
    Ok(Saved {
        index: snapshot.meta.index.0,
        term: snapshot.meta.term.0,
        locks: machine.held_count(),
        sessions: machine.session_count(),
        bytes: size,
        cluster,
    })
}
