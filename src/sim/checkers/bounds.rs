//! O14: turns are short, messages and logs are bounded, whatever comes in.

use super::Violation;
use crate::base::NodeId;
use crate::base::limits::{APPEND_BYTES_MAX, ENTRY_BYTES_MAX, PEER_BUFFER_BYTES_MAX};
use crate::raft::{Message, Raft};
use crate::sim::node::outlet::Outgoing;
use crate::wire::PeerMessage;

/// Checks one turn of a node: messages that left, operations that it took, bytes that it holds.
///
/// # Errors
/// A bound is passed.
pub fn check(
    node: NodeId,
    raft: &Raft,
    log_bytes_max: u64,
    left: &[(u64, Outgoing)],
    operations: u64,
) -> Result<(), Violation> {
    if operations > OPERATIONS_MAX {
        return over(node, "operations of one turn", operations, OPERATIONS_MAX);
    }
    if left.len() as u64 > MESSAGES_MAX {
        return over(node, "messages of one turn", left.len() as u64, MESSAGES_MAX);
    }
    // No-ops are appended without asking for room.
    let room = log_bytes_max + ENTRY_BYTES_MAX as u64;
    if raft.log_bytes() > room {
        return over(node, "bytes of the log", raft.log_bytes(), room);
    }
    for (_, outgoing) in left {
        let Outgoing::Peer(_, PeerMessage::Raft(Message::Append(append))) = outgoing else {
            continue;
        };
        let bytes: usize = append.entries.iter().map(crate::raft::Entry::size).sum();
        if bytes > APPEND_BYTES_MAX.max(ENTRY_BYTES_MAX) {
            return over(node, "bytes of one append", bytes as u64, APPEND_BYTES_MAX as u64);
        }
    }
    Ok(())
}

/// Bytes on their way over one line: a cut that holds them back must not let them grow without end.
///
/// # Errors
/// More than a buffer holds.
pub fn check_way(bytes: usize) -> Result<(), Violation> {
    if bytes <= PEER_BUFFER_BYTES_MAX {
        return Ok(());
    }
    let what = format!("{bytes} bytes are on one way, a buffer holds {PEER_BUFFER_BYTES_MAX}");
    Err(Violation::new("O14", what))
}

fn over(node: NodeId, what: &str, found: u64, most: u64) -> Result<(), Violation> {
    Err(Violation::new("O14", format!("node {node}: {what}: {found}, at most {most}")))
}

/// Readings of clocks, writes, syncs and flushes: a turn that writes for ever shows here. Up to 256 requests that
/// clients wait for may be taken up at once, when a leader is ready or a restore's wait ends. Where each begins a
/// segment of its own, which only simulated segments are short enough for, that is twelve operations for each.
const OPERATIONS_MAX: u64 = 256 * 12 + 256;
/// To all clients and peers; a handful of each in any run.
const MESSAGES_MAX: u64 = 4_000;
