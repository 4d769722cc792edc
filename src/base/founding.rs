//! The founding record: which nodes made the cluster, each with the data directory that it had then.

use crate::base::{ClusterId, DirectoryId, NodeId, checksum, codec};
use serde::{Deserialize, Serialize};

/// All configured members with their directory ids, sorted by node (safety W8). Written durably by each
/// member before it votes; its hash names the cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FoundingRecord {
    members: Vec<(NodeId, DirectoryId)>,
    origin: Option<Origin>,
}

/// The hash of the state that a restored cluster begins with: members that begin with another one, or with none, must not
/// found it together.
pub type Origin = [u8; 16];

/// That of these bytes of a state.
#[must_use]
pub fn origin_of(state: &[u8]) -> Origin {
    checksum::hash128(state)
}

impl FoundingRecord {
    /// The record of these members, in any order.
    #[must_use]
    pub fn new(members: impl IntoIterator<Item = (NodeId, DirectoryId)>) -> Self {
        let mut members: Vec<_> = members.into_iter().collect();
        members.sort_unstable();
        members.dedup();
        Self { members, origin: None }
    }

    /// The same members, as the record of a cluster that begins with a restored snapshot (safety L15).
    #[must_use]
    pub fn with_origin(self, origin: Option<Origin>) -> Self {
        Self { origin, ..self }
    }

    /// The snapshot that the cluster was restored from, if it was.
    #[must_use]
    pub fn origin(&self) -> Option<Origin> {
        self.origin
    }

    /// The members in rising order.
    pub fn members(&self) -> impl Iterator<Item = NodeId> + '_ {
        self.members.iter().map(|(node, _)| *node)
    }

    /// The directory that `node` was founded with, if it is a member.
    #[must_use]
    pub fn directory(&self, node: NodeId) -> Option<DirectoryId> {
        self.members.iter().find(|(member, _)| *member == node).map(|(_, directory)| *directory)
    }

    /// The cluster that this record founds.
    #[must_use]
    pub fn cluster(&self) -> ClusterId {
        let bytes = codec::encode(self).expect("a founding record is small");
        ClusterId(checksum::hash128(&bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(node: u64, directory: u8) -> (NodeId, DirectoryId) {
        (NodeId(node), DirectoryId([directory; 16]))
    }

    #[test]
    fn the_cluster_id_depends_on_members_and_directories_and_not_on_order() {
        let record = FoundingRecord::new([member(2, 2), member(1, 1)]);
        assert_eq!(record.cluster(), FoundingRecord::new([member(1, 1), member(2, 2)]).cluster());
        assert_ne!(record.cluster(), FoundingRecord::new([member(1, 1), member(2, 3)]).cluster());
        assert_eq!(record.directory(NodeId(2)), Some(DirectoryId([2; 16])));
        assert_eq!(record.directory(NodeId(3)), None);
    }
}
