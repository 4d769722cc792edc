//! A snapshot as a file: a checksummed head, and behind it the state machine's own bytes.
//!
//! The head is an envelope. Its body: how many bytes follow the envelope, u64; their CRC-32C, u32; and
//! where the snapshot stands, as `base::codec` writes a [`SnapshotMeta`]. The file ends with those bytes.
//!
//! In a data directory the envelope carries the directory's owner (W8). [`encode`] makes the same file
//! without an owner and under another magic, to be kept elsewhere and restored into any new directory; in the place of a
//! directory's id it has that of the cluster, or zeros, as 0.1.0 wrote it.

use super::bytes::{take_u32, take_u64, to_usize};
use super::envelope::{self, Flaw, Magic, Owner};
use super::identity::check_owner;
use super::{Disk, FileId, WalError, segment};
use crate::base::blob::Sink;
use crate::base::limits::FRAME_BYTES_MAX;
use crate::base::{Blob, ClusterId, DirectoryId, Index, NodeId, checksum, codec};
use crate::raft::{Membership, Snapshot, SnapshotMeta};

/// A snapshot as a file of its own, of no directory, and the cluster of which it is the state.
///
/// # Panics
/// If its bytes are in a file, and cannot be read.
#[must_use]
pub fn encode(snapshot: &Snapshot, cluster: Option<ClusterId>) -> Vec<u8> {
    encode_of(snapshot, cluster, NOBODY)
}

/// The same, of a state that the directory of `node` held, committed or not.
///
/// # Panics
/// As `encode`.
#[must_use]
pub fn encode_extracted(snapshot: &Snapshot, cluster: ClusterId, node: NodeId) -> Vec<u8> {
    encode_of(snapshot, Some(cluster), node)
}

/// The node whose directory the state was extracted from that [`decode`] finds in `bytes`; `None` of one that a leader gave.
#[must_use]
pub fn extracted_from(bytes: &[u8]) -> Option<NodeId> {
    let node = envelope::open(MAGIC_ALONE, bytes).ok()?.owner.node;
    Some(node).filter(|node| *node != NOBODY)
}

fn encode_of(snapshot: &Snapshot, cluster: Option<ClusterId>, node: NodeId) -> Vec<u8> {
    let directory = DirectoryId(cluster.map_or(NO_CLUSTER, |cluster| cluster.0));
    let owner = Owner { directory, node };
    let data = &snapshot.data;
    let mut out = head_as(MAGIC_ALONE, &owner, &snapshot.meta, (data.len(), data.crc()));
    out.reserve_exact(to_usize(data.len()));
    let appended = data.each_part(|part| out.put(part));
    appended.expect("what is saved is in memory");
    out
}

/// The snapshot in a file that [`encode`] made, and its cluster, if the file says it.
///
/// # Errors
/// [`WalError::Corrupt`]: not the bytes that were written. [`WalError::Foreign`]: a later version wrote them.
pub fn decode(bytes: &[u8]) -> Result<(Snapshot, Option<ClusterId>), WalError> {
    let damaged = || {
        let advice =
            "it is damaged, cut short, or not made by `tenure snapshot save`: use another copy";
        WalError::Corrupt(format!("this is no intact snapshot: {advice}"))
    };
    let opened = envelope::open(MAGIC_ALONE, bytes).map_err(|flaw| match flaw {
        Flaw::Damaged => damaged(),
        Flaw::Format(_) => flaw.describe("the snapshot"),
    })?;
    let head = Head::from_body(opened.body).ok_or_else(damaged)?;
    let data = &bytes[envelope::sealed_bytes(opened.body.len())..];
    if data.len() as u64 != head.data_bytes || checksum::crc32c(data) != head.data_crc {
        return Err(damaged());
    }
    let data = Blob::with_crc(data.to_vec(), head.data_crc);
    let said = opened.owner.directory.0;
    let cluster = (said != NO_CLUSTER).then_some(ClusterId(said));
    Ok((Snapshot { meta: head.meta, data }, cluster))
}

/// The file name of the snapshot at `index`; names sort as their indexes do.
pub(super) fn name(index: Index) -> String {
    format!("snapshot-{:016x}", index.0)
}

/// The index of the snapshot that has this file name.
pub(super) fn index(file_name: &str) -> Option<Index> {
    let digits = file_name.strip_prefix("snapshot-")?;
    let index = Index(u64::from_str_radix(digits, 16).ok()?);
    (name(index) == file_name).then_some(index)
}

/// Head of a snapshot's file in the directory of `owner`, given length and checksum of the data behind it. Its length
/// does not depend on them.
pub(super) fn head(owner: &Owner, meta: &SnapshotMeta, data: (u64, u32)) -> Vec<u8> {
    head_as(MAGIC, owner, meta, data)
}

/// Reads and checks a snapshot's file.
pub(super) fn read<D: Disk>(disk: &mut D, owner: &Owner, name: &str) -> Result<Snapshot, WalError> {
    let file = disk.open(name)?.ok_or_else(|| segment::missing(name))?;
    let snapshot = read_open(disk, owner, name, file);
    disk.close(file);
    snapshot
}

fn read_open<D: Disk>(
    disk: &mut D,
    owner: &Owner,
    name: &str,
    file: FileId,
) -> Result<Snapshot, WalError> {
    let damaged = || Flaw::Damaged.describe(name);
    let length = disk.length(file)?;
    let mut bytes = vec![0; to_usize(length.min(HEAD_BYTES_MAX))];
    let read = disk.read_at(file, 0, &mut bytes)?;
    let opened = envelope::open(MAGIC, &bytes[..read]).map_err(|flaw| flaw.describe(name))?;
    check_owner(owner, &opened.owner, name)?;
    let head = Head::from_body(opened.body).ok_or_else(damaged)?;
    let head_bytes = envelope::sealed_bytes(opened.body.len()) as u64;
    // Only now is it known that the length is no accident: nothing of that size was allocated before.
    if length.checked_sub(head_bytes) != Some(head.data_bytes) {
        return Err(damaged());
    }
    let (mut at, mut crc, mut part) = (head_bytes, checksum::crc32c(&[]), vec![0; PART_BYTES]);
    while at < length {
        let wanted = to_usize((length - at).min(PART_BYTES as u64));
        let read = disk.read_at(file, at, &mut part[..wanted])?;
        if read < wanted {
            return Err(damaged());
        }
        crc = checksum::extend(crc, &part[..read]);
        at += read as u64;
    }
    if crc != head.data_crc {
        return Err(damaged());
    }
    let data = Blob::stored(disk.shared(file)?, head_bytes..length, crc);
    Ok(Snapshot { meta: head.meta, data })
}

fn head_as(magic: Magic, owner: &Owner, meta: &SnapshotMeta, data: (u64, u32)) -> Vec<u8> {
    let meta = codec::encode(meta).expect("members are few");
    let mut body = Vec::with_capacity(12 + meta.len());
    let (length, crc) = data;
    body.extend_from_slice(&length.to_le_bytes());
    body.extend_from_slice(&crc.to_le_bytes());
    body.extend_from_slice(&meta);
    envelope::seal(magic, owner, &body)
}

/// Description of the bytes behind the head.
#[derive(Debug)]
struct Head {
    data_bytes: u64,
    data_crc: u32,
    meta: SnapshotMeta,
}

impl Head {
    fn from_body(mut body: &[u8]) -> Option<Self> {
        let data_bytes = take_u64(&mut body)?;
        let data_crc = take_u32(&mut body)?;
        let meta: SnapshotMeta = codec::decode(body).ok()?;
        let is_restored = meta.membership == Membership::default();
        let is_possible = meta.index >= Index(1)
            && meta.membership_index <= meta.index
            && (is_restored || meta.membership.check().is_ok());
        is_possible.then_some(Self { data_bytes, data_crc, meta })
    }
}

/// A snapshot in the making.
pub(super) const TEMPORARY: &str = "snapshot.new";
const MAGIC: Magic = *b"TENUREsn";
/// Magic of a file that belongs to no directory.
const MAGIC_ALONE: Magic = *b"TENUREsa";
/// A leader's state is that of no single node.
const NOBODY: NodeId = NodeId(0);
/// The writer of the file did not say of which cluster it is.
const NO_CLUSTER: [u8; 16] = [0; 16];
/// Bytes of a file that are checked at a time.
const PART_BYTES: usize = 256 << 10;
/// The codec encodes nothing longer.
const HEAD_BYTES_MAX: u64 = envelope::sealed_bytes(12 + FRAME_BYTES_MAX) as u64;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Term;

    fn snapshot(data: &[u8]) -> Snapshot {
        let address = "10.0.0.1:7420".to_owned();
        let meta = SnapshotMeta {
            index: Index(0x19),
            term: Term(4),
            membership: Membership::founding([(NodeId(1), DirectoryId([7; 16]), address)]),
            membership_index: Index(2),
        };
        Snapshot { meta, data: Blob::from(data.to_vec()) }
    }

    #[test]
    fn only_the_exact_name_of_a_snapshot_is_one() {
        assert_eq!(name(Index(0x19)), "snapshot-0000000000000019");
        assert_eq!(index("snapshot-0000000000000019"), Some(Index(0x19)));
        for other in ["snapshot-19", "snapshot-000000000000001A", "snapshot-", "snapshot.new"] {
            assert_eq!(index(other), None, "{other}");
        }
    }

    #[test]
    fn a_snapshot_of_its_own_reads_as_it_was_written() {
        for data in [b"".as_slice(), b"state", &[0; 5000]] {
            for cluster in [None, Some(ClusterId([9; 16]))] {
                let bytes = encode(&snapshot(data), cluster);
                assert_eq!(decode(&bytes), Ok((snapshot(data), cluster)));
                assert_eq!(extracted_from(&bytes), None);
            }
        }
    }

    #[test]
    fn an_extracted_one_reads_the_same_and_says_whose_it_was() {
        let cluster = ClusterId([9; 16]);
        let bytes = encode_extracted(&snapshot(b"state"), cluster, NodeId(3));
        assert_eq!(decode(&bytes), Ok((snapshot(b"state"), Some(cluster))));
        assert_eq!(extracted_from(&bytes), Some(NodeId(3)));
    }

    #[test]
    fn st31_any_damaged_missing_or_added_byte_is_refused() {
        let bytes = encode(&snapshot(b"state"), None);
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 0x10;
            assert!(matches!(decode(&damaged), Err(WalError::Corrupt(_))), "byte {at}");
            assert!(matches!(decode(&bytes[..at]), Err(WalError::Corrupt(_))), "cut at {at}");
        }
        assert!(decode(&[bytes.as_slice(), b"?"].concat()).is_err());
    }

    #[test]
    fn st35_a_newer_format_is_refused_as_such() {
        let mut bytes = encode(&snapshot(b"state"), None);
        let end = bytes.len() - b"state".len() - 4;
        bytes[8] = 2;
        let crc = checksum::crc32c(&bytes[..end]);
        bytes[end..end + 4].copy_from_slice(&crc.to_le_bytes());
        assert!(
            matches!(decode(&bytes), Err(WalError::Foreign(text)) if text.contains("format 2"))
        );
    }

    #[test]
    fn a_membership_that_nobody_could_be_in_is_refused() {
        let mut bad = snapshot(b"state");
        bad.meta.membership_index = Index(0x20);
        assert!(decode(&encode(&bad, None)).is_err());
        bad.meta = SnapshotMeta { index: Index(0), ..snapshot(b"").meta };
        assert!(decode(&encode(&bad, None)).is_err());
    }

    #[test]
    fn the_bytes_of_format_1_do_not_change() {
        let expected = [
            b"TENUREsa".as_slice(),
            &[1, 0, 0, 0, 102, 0, 0, 0],
            &[0; 24],
            &[5, 0, 0, 0, 0, 0, 0, 0],
            &checksum::crc32c(b"state").to_le_bytes(),
            &[0x19, 0, 0, 0, 0, 0, 0, 0],
            &[4, 0, 0, 0, 0, 0, 0, 0],
            // One member, with a directory, an address and a vote; no former ones.
            &[1, 0, 0, 0, 0, 0, 0, 0],
            &[1, 0, 0, 0, 0, 0, 0, 0],
            &[1],
            &[7; 16],
            &[13, 0, 0, 0, 0, 0, 0, 0],
            b"10.0.0.1:7420",
            &[1, 0, 0, 0],
            &[0; 8],
            &[2, 0, 0, 0, 0, 0, 0, 0],
        ]
        .concat();
        let bytes = encode(&snapshot(b"state"), None);
        assert_eq!(bytes[..expected.len()], expected);
        assert_eq!(&bytes[expected.len() + 4..], b"state");
    }
}
