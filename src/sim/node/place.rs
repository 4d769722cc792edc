//! Where the machine of a node is.

use crate::base::NodeId;
use crate::sim::network::HostId;

/// A node's place among all machines of nodes.
#[must_use]
pub fn slot_of(node: NodeId) -> usize {
    host_of(node).0
}

/// Where a node's machine is in the network: nodes come first.
#[must_use]
pub fn host_of(node: NodeId) -> HostId {
    HostId(usize::try_from(node.0 - 1).expect("few nodes"))
}
