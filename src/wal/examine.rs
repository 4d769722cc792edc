//! What a stopped node's directory holds: read and judged as a start does it, and left as it is.

use super::open;
use super::{Disk, Recovery, WalError, identity};
use crate::base::NodeId;

/// Whose directory `disk` shows, and what a start on it would begin with.
///
/// # Errors
/// [`WalError`]: what a start would refuse, and a directory in which no node ever began.
pub fn examine<D: Disk>(disk: &mut D) -> Result<(NodeId, Recovery), WalError> {
    let names = disk.list()?;
    let Some(owner) = identity::read(disk)? else {
        return Err(WalError::Foreign(format!(
            "there is no file \"{}\" in it: it is no data directory of a node, or not all of one",
            identity::NAME
        )));
    };
    let found = open::read(disk, &owner, &names)?;
    Ok((owner.node, found.into_recovery(&owner)))
}
