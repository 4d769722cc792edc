//! Replays entries on a state, without effects on clients: for snapshots and extracts.

use super::apply::decode_command;
use super::{ApplyError, ReplicaError};
use crate::base::Blob;
use crate::lock::{LEVEL_MAX, LockMachine};
use crate::raft::{Entry, EntryKind};
use std::borrow::Borrow;

/// Applies `entries`, all of which are after `machine`'s state. An entry goes as soon as it is applied, while its bytes
/// are in the cache.
///
/// # Errors
/// An entry that this build cannot read.
pub(super) fn replay(
    mut machine: LockMachine,
    entries: impl IntoIterator<Item = impl Borrow<Entry>>,
) -> Result<LockMachine, ApplyError> {
    for entry in entries {
        let entry = entry.borrow();
        if entry.header.kind != EntryKind::Command {
            continue;
        }
        let command = decode_command(entry, machine.level_max())?;
        machine.replay(entry.index, entry.term, entry.header.proposer_unix_ms, &command);
    }
    Ok(machine)
}

/// The bytes of the state after `entries` from `before`, or from the beginning, in the form for
/// operators: without the keys of the cluster (W9) and of sessions (L27).
///
/// # Errors
/// A state or an entry that this build cannot read.
pub fn replayed(before: Option<&Blob>, entries: &[Entry]) -> Result<Blob, ReplicaError> {
    let before = match before {
        Some(data) => LockMachine::decode_blob(data, LEVEL_MAX)?,
        None => LockMachine::new(),
    };
    Ok(Blob::from(replay(before, entries)?.without_keys().encode()))
}
