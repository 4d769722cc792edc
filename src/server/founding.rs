//! How a cluster comes to be: before a node votes it durably holds the founding record (safety W8).
//!
//! Each member draws a directory id when its empty directory is made, and tells it to every peer that
//! connects. Who knows the directory of every configured member writes the record: since the ids are
//! fixed, all who gather write the same one. Who meets a member that has a record copies it, if it names
//! the own directory; if it names another, this directory was emptied, and must not vote under the old id.

use crate::base::founding::FoundingRecord;
use crate::base::{DirectoryId, NodeId};
use crate::server::ServerError;
use crate::wire::FoundingOffer;
use std::collections::BTreeMap;

/// A node that is not founded yet.
#[derive(Debug)]
pub struct Gathering {
    node: NodeId,
    directory: DirectoryId,
    members: Vec<NodeId>,
    known: BTreeMap<NodeId, DirectoryId>,
}

impl Gathering {
    /// Knows itself alone.
    #[must_use]
    pub fn new(node: NodeId, directory: DirectoryId, members: Vec<NodeId>) -> Self {
        Self { node, directory, members, known: BTreeMap::from([(node, directory)]) }
    }

    /// What to tell a peer.
    #[must_use]
    pub fn offer(&self) -> FoundingOffer {
        FoundingOffer { directory: self.directory, record: None }
    }

    /// Takes what a peer says of itself. Gives the record once there is one to hold.
    ///
    /// # Errors
    /// The peer's record names another directory for this node, or other members.
    pub fn handle_offer(
        &mut self,
        from: NodeId,
        offer: FoundingOffer,
    ) -> Result<Option<FoundingRecord>, ServerError> {
        match offer.record {
            Some(record) => {
                check_record(&record, self.node, self.directory, &self.members)?;
                Ok(Some(record))
            }
            None => {
                if self.members.contains(&from) {
                    self.known.insert(from, offer.directory);
                }
                Ok(self.complete())
            }
        }
    }

    /// The record, if every member's directory is known.
    #[must_use]
    pub fn complete(&self) -> Option<FoundingRecord> {
        (self.known.len() == self.members.len()).then(|| {
            FoundingRecord::new(self.known.iter().map(|(node, directory)| (*node, *directory)))
        })
    }
}

/// Whether `record` can be this node's.
///
/// # Errors
/// It names other members, or this node with another directory.
pub fn check_record(
    record: &FoundingRecord,
    node: NodeId,
    directory: DirectoryId,
    members: &[NodeId],
) -> Result<(), ServerError> {
    let founded: Vec<NodeId> = record.members().collect();
    if founded != members {
        return Err(ServerError::Config(format!(
            "the cluster was founded with members {}, but this node is configured with {}: correct --cluster",
            list(&founded),
            list(members),
        )));
    }
    if record.directory(node) != Some(directory) {
        return Err(ServerError::Config(format!(
            "node {node} is empty: the cluster was founded with another data directory of it; \
             restore that directory, or remove node {node} and add it again under a new id",
        )));
    }
    Ok(())
}

fn list(members: &[NodeId]) -> String {
    members.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn directory(byte: u8) -> DirectoryId {
        DirectoryId([byte; 16])
    }

    fn node(number: u64) -> Gathering {
        let members = vec![NodeId(1), NodeId(2), NodeId(3)];
        Gathering::new(NodeId(number), directory(number as u8), members)
    }

    #[test]
    fn all_members_gather_the_same_record() {
        let mut one = node(1);
        let mut two = node(2);
        assert_eq!(one.handle_offer(NodeId(2), two.offer()), Ok(None));
        assert_eq!(two.handle_offer(NodeId(1), one.offer()), Ok(None));
        let a = one.handle_offer(NodeId(3), node(3).offer()).unwrap().unwrap();
        let b = two.handle_offer(NodeId(3), node(3).offer()).unwrap().unwrap();
        assert_eq!(a, b);
        assert_eq!(a.cluster(), b.cluster());
    }

    #[test]
    fn a_record_that_names_this_directory_is_copied() {
        let record = FoundingRecord::new((1..=3).map(|n| (NodeId(n), directory(n as u8))));
        let offer = FoundingOffer { directory: directory(2), record: Some(record.clone()) };
        assert_eq!(node(1).handle_offer(NodeId(2), offer), Ok(Some(record)));
    }

    #[test]
    fn an_emptied_directory_is_refused_by_the_record() {
        let record = FoundingRecord::new((1..=3).map(|n| (NodeId(n), directory(n as u8 + 10))));
        let offer = FoundingOffer { directory: directory(12), record: Some(record) };
        let error = node(1).handle_offer(NodeId(2), offer).unwrap_err();
        assert!(error.to_string().contains("node 1 is empty"), "{error}");
    }

    #[test]
    fn a_stranger_is_not_gathered() {
        let mut one = node(1);
        let stranger = FoundingOffer { directory: directory(9), record: None };
        assert_eq!(one.handle_offer(NodeId(9), stranger), Ok(None));
        assert_eq!(one.handle_offer(NodeId(2), node(2).offer()), Ok(None));
    }
}
