//! What the nodes' processes wrote, synced and sent, as `programs/trace_shim.c` recorded it.

use std::fs;
use std::path::Path;
use tenure::base::NodeId;

/// One call of one process.
#[derive(Clone, Debug)]
pub struct Traced {
    /// CLOCK_MONOTONIC: before a write or a send, after a sync.
    pub nanos: u64,
    /// Whose process.
    pub node: NodeId,
    /// What it did.
    pub call: Call,
}

/// What a process did. Files are named without their directory, sockets "socket:[INODE]".
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Call {
    /// The process began.
    Started,
    /// It is about to write these bytes.
    Written { file: String, offset: u64, bytes: Vec<u8> },
    /// fdatasync or fsync returned 0.
    Synced { file: String },
    /// The kernel took these bytes.
    Sent { socket: String, bytes: Vec<u8> },
}

/// All calls of `node`'s process in `file`, in their order.
pub fn read(node: NodeId, file: &Path) -> Vec<Traced> {
    let bytes = fs::read(file).expect("the shim has opened its file");
    let mut rest = bytes.as_slice();
    // A killed process may have torn its last record.
    std::iter::from_fn(|| take_record(node, &mut rest)).collect()
}

fn take_record(node: NodeId, input: &mut &[u8]) -> Option<Traced> {
    let mut rest = *input;
    let nanos = take_u64(&mut rest)?;
    let kind = take_u32(&mut rest)?;
    let path_length = take_u32(&mut rest)?;
    let offset = take_u64(&mut rest)?;
    let length = take_u64(&mut rest)?;
    let path = take(&mut rest, u64::from(path_length))?;
    let bytes = take(&mut rest, length)?.to_vec();
    let name = String::from_utf8(path.to_vec()).expect("our files have plain names");
    let call = match kind {
        1 => Call::Started,
        2 => Call::Written { file: name, offset, bytes },
        3 => Call::Synced { file: name },
        4 => Call::Sent { socket: name, bytes },
        other => panic!("the shim wrote a record of kind {other}"),
    };
    *input = rest;
    Some(Traced { nanos, node, call })
}

/// The number at the front of `input`, little-endian.
pub fn take_u64(input: &mut &[u8]) -> Option<u64> {
    let (head, rest) = input.split_first_chunk()?;
    *input = rest;
    Some(u64::from_le_bytes(*head))
}

/// The number at the front of `input`, little-endian.
pub fn take_u32(input: &mut &[u8]) -> Option<u32> {
    let (head, rest) = input.split_first_chunk()?;
    *input = rest;
    Some(u32::from_le_bytes(*head))
}

fn take<'a>(input: &mut &'a [u8], length: u64) -> Option<&'a [u8]> {
    let (head, rest) = input.split_at_checked(usize::try_from(length).ok()?)?;
    *input = rest;
    Some(head)
}
