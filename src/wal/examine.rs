//! Examination of a stopped node's directory: read and judged as a start would, and left unchanged.

use super::open;
use super::{Disk, Recovery, WalError, identity};
use crate::base::NodeId;

/// The owner of the directory that `disk` shows, and the state with which a start on it would begin.
///
/// # Errors
/// [`WalError`]: as a start would refuse; also a directory in which no node ever began.
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
