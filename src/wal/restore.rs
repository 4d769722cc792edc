//! A new directory from a snapshot: for a cluster that begins with the state of another one.
//!
//! The identity comes last: a directory without one, but with anything else of ours, is refused by every
//! start. So a restore that was interrupted can not be taken for a new, empty node.

use super::envelope::Owner;
use super::{
    ADVICE, Disk, DiskError, Wal, WalError, WalOptions, ancestors, hard_state, identity, log,
    small_file, snapshot_file,
};
use crate::base::blob::Sink;
use crate::base::{Ancestors, DirectoryId, NodeId};
use crate::raft::{HardState, Snapshot};

impl<D: Disk> Wal<D> {
    /// Makes a directory that begins with `snapshot`, and returns its id, which is `fresh_directory`. It
    /// has no founding record, and can be opened. The directory must be empty. `ancestors`: the clusters that it goes on
    /// from, where the snapshot does not say so itself.
    ///
    /// # Errors
    /// [`WalError`]; if the directory is not empty, nothing was changed. After another error, empty it.
    pub fn restore(
        mut disk: D,
        node: NodeId,
        fresh_directory: DirectoryId,
        (snapshot, ancestors): (&Snapshot, &Ancestors),
        options: &WalOptions,
    ) -> Result<DirectoryId, WalError> {
        options.check();
        if let Some(name) = disk.list()?.iter().find(|name| *name != LOST_AND_FOUND) {
            return Err(WalError::Foreign(format!(
                "the data directory is not empty: {name} is there. Nothing was changed; restore into a \
                 new directory"
            )));
        }
        let owner = Owner { directory: fresh_directory, node };
        let disk = &mut disk;
        place_snapshot(disk, &owner, snapshot)?;
        ancestors::create(disk, &owner, ancestors)?;
        let meta = &snapshot.meta;
        hard_state::create(disk, &owner, HardState { term: meta.term, vote: None })?;
        log::create_first_segment(disk, &owner, meta.index, options.segment_bytes)?;
        identity::create(disk, &owner)?;
        Ok(fresh_directory)
    }
}

fn place_snapshot<D: Disk>(
    disk: &mut D,
    owner: &Owner,
    snapshot: &Snapshot,
) -> Result<(), WalError> {
    let name = snapshot_file::name(snapshot.meta.index);
    let data = &snapshot.data;
    let mut bytes = snapshot_file::head(owner, &snapshot.meta, (data.len(), data.crc()));
    data.each_part(|part| bytes.put(part)).map_err(|why| DiskError::Io(why.into()))?;
    small_file::place(disk, snapshot_file::TEMPORARY, &name, &bytes)?;
    // W7. Also refuses at once what no start would take.
    if snapshot_file::read(disk, owner, &name)? != *snapshot {
        return Err(WalError::Corrupt(format!(
            "{name} reads otherwise than it was written. {ADVICE}"
        )));
    }
    Ok(())
}

/// A directory that the root of some file systems has from the first.
const LOST_AND_FOUND: &str = "lost+found";
