//! Extracts a state for a new cluster from a stopped node's directory, where no majority of the old
//! one is left (safety L15).

use super::opening::{check_memberships, founding_membership};
use crate::base::founding::FoundingRecord;
use crate::base::{Ancestors, ClusterId, Index, NodeId, Term};
use crate::raft::{Entry, EntryKind, Membership, Snapshot, SnapshotMeta};
use crate::replica::replayed;
use crate::server::ServerError;
use crate::wal::{self, Disk, Recovery};

/// The state after all entries in one node's directory, committed or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirectoryContent {
    /// The node of the directory.
    pub node: NodeId,
    /// Its cluster.
    pub cluster: ClusterId,
    /// The clusters that this one was restored from, if the state does not have them.
    pub ancestors: Ancestors,
    /// The state as of the last entry, without the keys of the cluster and of sessions.
    pub snapshot: Snapshot,
    /// Entries up to here were surely committed. Later ones may have been, or others in their
    /// place.
    pub committed: Index,
    /// Bytes after the last entry that are no whole record.
    pub torn_bytes: u64,
}

/// Reads the directory that `disk` shows, and changes nothing in it.
///
/// # Errors
/// [`ServerError`]: a directory that a start would refuse, or an empty one.
pub fn extract<D: Disk>(disk: &mut D) -> Result<DirectoryContent, ServerError> {
    let (node, recovery) = wal::examine(disk)?;
    // Files may have been removed, or taken into use, during the read.
    disk.check().map_err(wal::WalError::from)?;
    let Recovery { founding, ancestors, snapshot, mut entries, trimmed_bytes, .. } = recovery;
    let record = founding.ok_or_else(|| nothing(node, snapshot.is_some()))?;
    check_memberships(&entries)?;
    let committed = committed(snapshot.as_ref(), &entries);
    let base = snapshot.as_ref().map_or(Index(0), |snapshot| snapshot.meta.index);
    // Entries that the snapshot covers.
    entries.retain(|entry| entry.index > base);
    let meta = meta(&record, snapshot.as_ref(), &entries)
        .ok_or_else(|| ServerError::Config(format!("node {node} has no entry in its log yet")))?;
    let before = snapshot.as_ref().map(|snapshot| &snapshot.data);
    let data = replayed(before, &entries).map_err(|error| ServerError::of(&error))?;
    Ok(DirectoryContent {
        node,
        cluster: record.cluster(),
        ancestors,
        snapshot: Snapshot { meta, data },
        committed,
        torn_bytes: trimmed_bytes,
    })
}

/// The position of the last entry; `None`: there is none.
fn meta(
    record: &FoundingRecord,
    snapshot: Option<&Snapshot>,
    entries: &[Entry],
) -> Option<SnapshotMeta> {
    let before = snapshot.map(|snapshot| &snapshot.meta);
    let last = entries.last().map(|entry| (entry.index, entry.term));
    let (index, term) = last.or(before.map(|meta| (meta.index, meta.term)))?;
    let named = before.filter(|meta| !meta.membership.members().is_empty());
    let changed = entries.iter().rev().find(|entry| entry.header.kind == EntryKind::Membership);
    let (membership_index, membership) = match (changed, named) {
        (Some(entry), _) => {
            (entry.index, Membership::decode(entry.payload.bytes()).expect("checked before"))
        }
        (None, Some(meta)) => (meta.membership_index, meta.membership.clone()),
        (None, None) => (Index(0), founding_membership(&[], record)),
    };
    Some(SnapshotMeta { index, term, membership, membership_index })
}

/// The last entry that the directory alone proves committed: those in its snapshot, and each no-op
/// by which a leader began its term and after which the same leader appended another entry. A
/// leader does so only once its no-op is committed and applied (L11, R12, C3).
fn committed(snapshot: Option<&Snapshot>, entries: &[Entry]) -> Index {
    let base = snapshot.map_or((Index(0), Term(0)), |one| (one.meta.index, one.meta.term));
    let mut committed = base.0;
    // The entry before, and the first one of its term, if that is known.
    let mut before = base;
    let mut noop: Option<Index> = None;
    for entry in entries {
        if entry.index != before.0.next() {
            // The log begins below the snapshot: the term before its first entry is unknown.
            noop = None;
        } else if entry.term > before.1 {
            noop = Some(entry.index).filter(|_| entry.header.kind == EntryKind::NoOp);
        } else if let Some(noop) = noop {
            committed = committed.max(noop);
        }
        before = (entry.index, entry.term);
    }
    committed
}

fn nothing(node: NodeId, is_restored: bool) -> ServerError {
    let restored =
        if is_restored { "; it was restored from a file: restore that again" } else { "" };
    ServerError::Config(format!(
        "node {node} has taken part in no cluster yet, so its directory holds nothing that was promised to \
         anybody{restored}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Blob;
    use crate::raft::{EntryHeader, Payload};
    use EntryKind::{Command, NoOp, Relinquish};

    fn log(first: u64, entries: &[(u64, EntryKind)]) -> Vec<Entry> {
        let entry = |(index, (term, kind)): (u64, &(u64, EntryKind))| {
            let header = EntryHeader { format: 1, kind: *kind, proposer_unix_ms: 0 };
            Entry { term: Term(*term), index: Index(index), header, payload: Payload::empty() }
        };
        (first..).zip(entries).map(entry).collect()
    }

    fn at(index: u64, term: u64) -> Snapshot {
        let meta = SnapshotMeta {
            index: Index(index),
            term: Term(term),
            membership: Membership::default(),
            membership_index: Index(0),
        };
        Snapshot { meta, data: Blob::from(Vec::new()) }
    }

    #[test]
    fn l15_a_no_op_was_committed_if_its_leader_went_on_behind_it() {
        let table: [(&[(u64, EntryKind)], u64); 6] = [
            (&[], 0),
            (&[(1, NoOp)], 0),
            (&[(1, NoOp), (1, Command)], 1),
            (&[(1, NoOp), (1, Command), (1, Command), (3, NoOp)], 1),
            (&[(1, NoOp), (1, Command), (3, NoOp), (4, NoOp), (4, Relinquish)], 4),
            // The second no-op of a term proves nothing of itself.
            (&[(1, NoOp), (1, Relinquish), (1, NoOp), (1, Command)], 1),
        ];
        for (entries, expected) in table {
            assert_eq!(committed(None, &log(1, entries)), Index(expected), "{entries:?}");
        }
    }

    #[test]
    fn l15_what_a_snapshot_holds_was_committed_and_no_term_begins_unseen() {
        let behind = log(8, &[(2, NoOp), (2, Command), (5, NoOp), (5, Command)]);
        assert_eq!(committed(Some(&at(7, 2)), &behind), Index(10));
        assert_eq!(committed(Some(&at(7, 2)), &behind[..2]), Index(7), "the term began before");
        assert_eq!(committed(Some(&at(7, 1)), &behind[..2]), Index(8));
        // The log begins below the snapshot: the entry before its first is unknown.
        assert_eq!(committed(Some(&at(9, 2)), &behind[..2]), Index(9));
        assert_eq!(committed(Some(&at(9, 2)), &behind), Index(10));
    }
}
