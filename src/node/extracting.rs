//! A stopped node's directory as a snapshot, for the day on which no majority is left.

use super::FileDisk;
use super::event_loop::{disk_status, error_of};
use crate::Error;
use crate::base::{Ancestors, ClusterId, Index, NodeId};
use crate::raft::Snapshot;
use crate::server;
use std::path::Path;

/// What the directory of one node holds, committed or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extract {
    /// Whose directory it was.
    pub node: NodeId,
    /// The cluster that it was of.
    pub cluster: ClusterId,
    /// The clusters that this one was restored from, where the state does not say so itself.
    pub ancestors: Ancestors,
    /// The state after the last entry, without the keys of the cluster and of sessions.
    pub snapshot: Snapshot,
    /// All through here was surely committed. What lies behind may have been, or others in its place.
    pub committed: Index,
    /// Bytes behind the last entry that are no whole record.
    pub torn_bytes: u64,
}

/// What the data directory at `path` holds; nothing in it is changed. Its node must not run.
///
/// # Errors
/// CORRUPT: damage, of which nothing is skipped. INVALID, UNSUPPORTED: no directory of a node that was in a cluster, or of
/// another version. DENIED: it is not there, or may not be read. IO: a node uses it, or the disk failed.
pub fn extract(path: impl AsRef<Path>) -> Result<Extract, Error> {
    let mut disk = FileDisk::open_to_read(path)
        .map_err(|error| Error::new(disk_status(&error), error.to_string()))?;
    let server::DirectoryContent { node, cluster, ancestors, snapshot, committed, torn_bytes } =
        server::extract(&mut disk).map_err(error_of)?;
    Ok(Extract { node, cluster, ancestors, snapshot, committed, torn_bytes })
}
