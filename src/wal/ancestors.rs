//! The file that says which clusters a restored directory goes on from, where the state in its snapshot cannot: below
//! level 2. Written once, when the directory is made. Nothing of the log rests on it.
//!
//! Body: the ids of the clusters, 16 bytes each, the newest first.

use super::envelope::{self, Magic, Owner};
use super::identity::check_owner;
use super::{Disk, DiskError, WalError, small_file};
use crate::base::Ancestors;

/// Content of the file; no clusters if there is no file.
pub(super) fn read<D: Disk>(disk: &mut D, owner: &Owner) -> Result<Ancestors, WalError> {
    let Some(bytes) = small_file::read(disk, NAME)? else { return Ok(Ancestors::default()) };
    let opened = small_file::open_whole(MAGIC, NAME, &bytes)?;
    check_owner(owner, &opened.owner, NAME)?;
    Ok(Ancestors::from_bytes(opened.body))
}

/// Makes it durable, if there is anything to say.
pub(super) fn create<D: Disk>(
    disk: &mut D,
    owner: &Owner,
    ancestors: &Ancestors,
) -> Result<(), DiskError> {
    if ancestors.is_empty() {
        return Ok(());
    }
    small_file::place(disk, TEMPORARY, NAME, &envelope::seal(MAGIC, owner, &ancestors.to_bytes()))
}

pub(super) const NAME: &str = "ancestors";
pub(super) const TEMPORARY: &str = "ancestors.new";
const MAGIC: Magic = *b"TENUREan";
