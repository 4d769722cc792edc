//! O17: replicas are equal to the byte once all is healed.

use super::Violation;
use crate::base::{Index, NodeId};
use crate::sim::node::Inside;

/// These have the same state and the same log, to the byte.
///
/// # Errors
/// Two differ.
pub fn check_equal<'a>(
    insides: impl Iterator<Item = (NodeId, Inside<'a>)>,
) -> Result<(), Violation> {
    let mut first: Option<(NodeId, Inside<'a>)> = None;
    for (node, inside) in insides {
        let Some((one, other)) = first else {
            first = Some((node, inside));
            continue;
        };
        let hashes = (other.machine.state_hash(), inside.machine.state_hash());
        if hashes.0 != hashes.1 {
            let what = format!("nodes {one} and {node} end in different states: {hashes:x?}");
            return Err(Violation::new("O17", what));
        }
        let first = inside.raft.snapshot_index().max(other.raft.snapshot_index()).next();
        let last = inside.raft.last_index();
        let differs =
            |index: &u64| other.raft.entry(Index(*index)) != inside.raft.entry(Index(*index));
        if let Some(index) = (first.0..=last.0).find(differs) {
            let what = format!("nodes {one} and {node} end with different entries at {index}");
            return Err(Violation::new("O17", what));
        }
    }
    Ok(())
}
