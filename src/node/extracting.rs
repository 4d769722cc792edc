//! Extracts a snapshot from a stopped node's directory, for when no majority is left (safety L15).

use super::FileDisk;
use super::event_loop::{disk_error, error_of};
use crate::Error;
use crate::base::{Ancestors, ClusterId, Index, NodeId};
use crate::raft::Snapshot;
use crate::server;
use std::path::Path;

/// The state in one node's directory, committed or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extract {
    /// The node of the directory.
    pub node: NodeId,
    /// Its cluster.
    pub cluster: ClusterId,
    /// The clusters that this one was restored from, if the state does not have them.
    pub ancestors: Ancestors,
    /// The state after the last entry, without the keys of the cluster and of sessions.
    pub snapshot: Snapshot,
    /// Entries up to here were surely committed. Later ones may have been, or others in their
    /// place.
    pub committed: Index,
    /// Bytes after the last entry that are no whole record.
    pub torn_bytes: u64,
}

/// Reads the state in the data directory at `path`, without changing it. Its node must not run.
///
/// # Errors
/// CORRUPT: damage, none of which is skipped. INVALID, UNSUPPORTED: not the directory of a
/// cluster's node, or of another version. DENIED: no such directory, or no permission. IO: a node
/// uses it, or the disk failed.
pub fn extract(path: impl AsRef<Path>) -> Result<Extract, Error> {
    let mut disk = FileDisk::open_to_read(path).map_err(disk_error)?;
    let server::DirectoryContent { node, cluster, ancestors, snapshot, committed, torn_bytes } =
        server::extract(&mut disk).map_err(error_of)?;
    Ok(Extract { node, cluster, ancestors, snapshot, committed, torn_bytes })
}
