//! The file with the cluster's founding record. Written once, before the first vote or entry.
//!
//! Body: the cluster id, 16 bytes; the number of members, u32; for each its node id, u64, and directory
//! id, 16 bytes; and, of a cluster that was restored from a snapshot, that one's hash, 16 bytes.

use super::bytes::{take_array, take_u32, take_u64};
use super::envelope::{self, Flaw, Magic, Owner};
use super::identity::check_owner;
use super::{Disk, DiskError, WalError, small_file};
use crate::base::founding::FoundingRecord;
use crate::base::{ClusterId, DirectoryId, NodeId};

/// The founding record, `None` if this directory has none yet.
pub(super) fn read<D: Disk>(
    disk: &mut D,
    owner: &Owner,
) -> Result<Option<FoundingRecord>, WalError> {
    let Some(bytes) = small_file::read(disk, NAME)? else { return Ok(None) };
    let opened = small_file::open_whole(MAGIC, NAME, &bytes)?;
    check_owner(owner, &opened.owner, NAME)?;
    let record = decode(opened.body).ok_or_else(|| Flaw::Damaged.describe(NAME))?;
    Ok(Some(record))
}

/// Makes `record` durable.
pub(super) fn create<D: Disk>(
    disk: &mut D,
    owner: &Owner,
    record: &FoundingRecord,
) -> Result<(), DiskError> {
    small_file::place(disk, TEMPORARY, NAME, &envelope::seal(MAGIC, owner, &encode(record)))
}

/// Whether the directory that `disk` shows has a founding record: a start on it founds or joins nothing.
///
/// # Errors
/// The directory cannot be read.
pub fn is_founded<D: Disk>(disk: &mut D) -> Result<bool, DiskError> {
    Ok(disk.list()?.iter().any(|name| name == NAME))
}

fn encode(record: &FoundingRecord) -> Vec<u8> {
    let members: Vec<_> = record
        .members()
        .map(|node| (node, record.directory(node).expect("each member has a directory")))
        .collect();
    let count = u32::try_from(members.len()).expect("members are few");
    let mut out = Vec::with_capacity(20 + 24 * members.len());
    out.extend_from_slice(&record.cluster().0);
    out.extend_from_slice(&count.to_le_bytes());
    for (node, directory) in members {
        out.extend_from_slice(&node.0.to_le_bytes());
        out.extend_from_slice(&directory.0);
    }
    if let Some(origin) = record.origin() {
        out.extend_from_slice(&origin);
    }
    out
}

fn decode(body: &[u8]) -> Option<FoundingRecord> {
    let mut rest = body;
    let cluster = ClusterId(take_array(&mut rest)?);
    let count = take_u32(&mut rest)? as usize;
    let mut members = Vec::new();
    for _ in 0..count {
        members.push((NodeId(take_u64(&mut rest)?), DirectoryId(take_array(&mut rest)?)));
    }
    let origin = if rest.is_empty() { None } else { Some(take_array(&mut rest)?) };
    let record = FoundingRecord::new(members).with_origin(origin);
    (rest.is_empty() && record.cluster() == cluster).then_some(record)
}

pub(super) const NAME: &str = "founding";
pub(super) const TEMPORARY: &str = "founding.new";
const MAGIC: Magic = *b"TENUREfo";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_founding_record_reads_as_it_was_written_and_a_changed_one_is_refused() {
        let record =
            FoundingRecord::new([1u8, 2, 3].map(|n| (NodeId(u64::from(n)), DirectoryId([n; 16]))));
        let bytes = encode(&record);
        let restored = record.clone().with_origin(Some([7; 16]));
        assert_eq!(decode(&encode(&restored)), Some(restored));
        assert_eq!(decode(&bytes), Some(record));
        let mut renamed = bytes.clone();
        renamed[20] = 9;
        assert_eq!(decode(&renamed), None, "members no longer hash to the cluster id");
        assert_eq!(decode(&bytes[..bytes.len() - 24]), None);
    }
}
