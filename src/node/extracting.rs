//! A stopped node's directory as a snapshot, for the day on which no majority is left.

use super::FileDisk;
use super::event_loop::{disk_status, error_of};
use crate::Error;
use crate::server::{self, Extract};
use std::path::Path;

/// What the data directory at `path` holds; nothing in it is changed. Its node must not run.
///
/// # Errors
/// CORRUPT: damage, of which nothing is skipped. INVALID, UNSUPPORTED: no directory of a node that was in a cluster, or of
/// another version. DENIED: it is not there, or may not be read. IO: a node uses it, or the disk failed.
pub fn extract(path: impl AsRef<Path>) -> Result<Extract, Error> {
    let mut disk = FileDisk::open_to_read(path)
        .map_err(|error| Error::new(disk_status(&error), error.to_string()))?;
    server::extract(&mut disk).map_err(error_of)
}
