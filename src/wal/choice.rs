//! Which snapshot a start begins from: the newest one that is intact and that the log continues.
//!
//! Older snapshots go only when a newer one is durable, and segments only after that. So if the newest is
//! damaged, an older one with a log that reaches down to it, or the whole log alone, tells the same
//! state (ST31). A snapshot of another directory or a newer format is no damage: somebody put it there,
//! and the directory is refused (ST35).

use super::envelope::Owner;
use super::recovery::Recovered;
use super::{ADVICE, Disk, WalError, segment, snapshot_file};
use crate::base::Index;
use crate::raft::Snapshot;

/// A snapshot, and the name that its file has at present.
#[derive(Debug)]
pub(super) struct Chosen {
    pub(super) snapshot: Snapshot,
    pub(super) name: String,
}

/// The snapshot to begin from; `None` if there is none and the log needs none.
pub(super) fn choose<D: Disk>(
    disk: &mut D,
    owner: &Owner,
    names: &[String],
    log: Option<&Recovered>,
) -> Result<Option<Chosen>, WalError> {
    let need = log.map(Need::of).unwrap_or_default();
    let mut refusal = None;
    for name in names.iter().rev().filter(|name| snapshot_file::index(name).is_some()) {
        match read(disk, owner, name) {
            Ok(snapshot) if snapshot.meta.index >= need.index => {
                return Ok(Some(Chosen { snapshot, name: name.clone() }));
            }
            Ok(_) => {}
            Err(error @ WalError::Corrupt(_)) => refusal = refusal.or(Some(error)),
            Err(error) => return Err(error),
        }
    }
    if !need.is_any {
        return Ok(None);
    }
    // Its rename may have been lost with a power cut, though what relies on it was not (ST25).
    match unnamed(disk, owner, names)? {
        Some(snapshot) if snapshot.meta.index >= need.index => {
            Ok(Some(Chosen { snapshot, name: snapshot_file::TEMPORARY.to_owned() }))
        }
        _ => Err(refusal.unwrap_or_else(|| need.refuse())),
    }
}

/// Which snapshot the log continues.
#[derive(Debug, Default)]
struct Need {
    /// Whether the log does not begin at the beginning.
    is_any: bool,
    /// The least index that it must have.
    index: Index,
    first_segment: u64,
    /// The index that the log's first segment continues.
    first_segment_index: Index,
}

impl Need {
    fn of(log: &Recovered) -> Self {
        let first = log.segments[0];
        let index = log.base.max(first.last_index);
        Self {
            is_any: first.number > 1 || index > Index(0),
            index,
            first_segment: first.number,
            first_segment_index: first.last_index,
        }
    }

    fn refuse(&self) -> WalError {
        if self.first_segment > 1 && self.first_segment_index == self.index {
            return segment::missing(&segment::name(self.first_segment - 1));
        }
        WalError::Corrupt(format!(
            "the log continues a snapshot at index {} or later, and there is none. {ADVICE}",
            self.index
        ))
    }
}

fn read<D: Disk>(disk: &mut D, owner: &Owner, name: &str) -> Result<Snapshot, WalError> {
    let snapshot = snapshot_file::read(disk, owner, name)?;
    let index = snapshot.meta.index;
    if snapshot_file::index(name) != Some(index) {
        let message =
            format!("{name} holds the snapshot at index {index}: it was renamed. {ADVICE}");
        return Err(WalError::Corrupt(message));
    }
    Ok(snapshot)
}

/// The snapshot under the temporary name, if it is whole.
fn unnamed<D: Disk>(
    disk: &mut D,
    owner: &Owner,
    names: &[String],
) -> Result<Option<Snapshot>, WalError> {
    if !names.iter().any(|name| name == snapshot_file::TEMPORARY) {
        return Ok(None);
    }
    match snapshot_file::read(disk, owner, snapshot_file::TEMPORARY) {
        Ok(snapshot) => Ok(Some(snapshot)),
        Err(error @ WalError::Disk(_)) => Err(error),
        Err(WalError::Corrupt(_) | WalError::Foreign(_)) => Ok(None),
    }
}
