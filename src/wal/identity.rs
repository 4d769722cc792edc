//! The file that says whose directory this is (W8). The first file of a directory, written once.

use super::envelope::{self, Magic, Owner};
use super::{Disk, DiskError, WalError, small_file};
use crate::base::NodeId;

/// The owner of this directory, `None` if it has no identity yet.
pub(super) fn read<D: Disk>(disk: &mut D) -> Result<Option<Owner>, WalError> {
    let Some(bytes) = small_file::read(disk, NAME)? else { return Ok(None) };
    Ok(Some(small_file::open_whole(MAGIC, NAME, &bytes)?.owner))
}

/// The same, checked: the directory must be this node's.
pub(super) fn read_of<D: Disk>(disk: &mut D, node: NodeId) -> Result<Option<Owner>, WalError> {
    let Some(owner) = read(disk)? else { return Ok(None) };
    if owner.node != node {
        return Err(WalError::Foreign(format!(
            "this is the data directory of node {}, and this is node {node}: start each node with \
             the directory that is its own",
            owner.node
        )));
    }
    Ok(Some(owner))
}

/// Writes the identity of a new directory.
pub(super) fn create<D: Disk>(disk: &mut D, owner: &Owner) -> Result<(), DiskError> {
    small_file::place(disk, TEMPORARY, NAME, &envelope::seal(MAGIC, owner, &[]))
}

/// Refuses what carries another owner than the directory in which it lies.
pub(super) fn check_owner(owner: &Owner, found: &Owner, file: &str) -> Result<(), WalError> {
    if owner == found {
        return Ok(());
    }
    Err(WalError::Foreign(format!(
        "{file} belongs to another data directory ({:?} of node {}; this one is {:?} of node {}): \
         put back the files that belong together",
        found.directory, found.node, owner.directory, owner.node
    )))
}

pub(super) const NAME: &str = "identity";
pub(super) const TEMPORARY: &str = "identity.new";
const MAGIC: Magic = *b"TENUREid";
