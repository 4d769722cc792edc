//! The founding of a cluster: before a node votes it durably holds the founding record (safety W8).
//!
//! Each member draws a directory id when its empty directory is made, and tells it to every peer
//! that connects. A member that knows the directory of every configured member writes the record:
//! since the ids are fixed, all gathering members write the same one. A member that meets another
//! with a record copies it, if the record names its own directory; if it names another, this
//! directory was emptied, and must not vote under the old id.

use crate::base::founding::{FoundingRecord, Origin};
use crate::base::{DirectoryId, NodeId};
use crate::server::{Bootstrap, ServerError, ServerOptions};
use crate::wire::FoundingOffer;
use std::collections::BTreeMap;

/// A node that is not founded yet.
#[derive(Debug)]
pub struct Gathering {
    node: NodeId,
    directory: DirectoryId,
    members: Vec<NodeId>,
    /// The configured members.
    addresses: Vec<(NodeId, String)>,
    bootstrap: Bootstrap,
    /// The snapshot from which this directory was restored.
    origin: Option<Origin>,
    known: BTreeMap<NodeId, DirectoryId>,
}

impl Gathering {
    /// A node that knows only itself.
    #[must_use]
    pub fn new(options: &ServerOptions, directory: DirectoryId, origin: Option<Origin>) -> Self {
        let mut members: Vec<NodeId> = options.members.iter().map(|(node, _)| *node).collect();
        members.sort_unstable();
        let (node, bootstrap) = (options.node, options.bootstrap);
        let known = BTreeMap::from([(node, directory)]);
        let addresses = options.members.clone();
        Self { node, directory, members, addresses, bootstrap, origin, known }
    }

    /// The id of this node.
    #[must_use]
    pub fn node(&self) -> NodeId {
        self.node
    }

    /// Whether this node waits to join an existing cluster.
    #[must_use]
    pub fn is_joiner(&self) -> bool {
        self.bootstrap == Bootstrap::Joiner
    }

    /// The members not met yet, with their addresses.
    pub fn missing(&self) -> impl Iterator<Item = (NodeId, &str)> {
        let missing = self.addresses.iter().filter(|(node, _)| !self.known.contains_key(node));
        missing.map(|(node, address)| (*node, address.as_str()))
    }

    /// The offer for a peer.
    #[must_use]
    pub fn offer(&self) -> FoundingOffer {
        FoundingOffer { directory: self.directory, origin: self.origin, record: None }
    }

    /// Takes a peer's offer; gives the record once there is one.
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
                self.check_record(&record)?;
                Ok(Some(record))
            }
            // A joiner founds nothing: it waits for a peer with a record.
            None if self.bootstrap == Bootstrap::Joiner => Ok(None),
            None => {
                self.check_origin(from, offer.origin)?;
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
        let is_complete =
            self.known.len() == self.members.len() && self.bootstrap == Bootstrap::Founder;
        is_complete.then(|| {
            let members = self.known.iter().map(|(node, directory)| (*node, *directory));
            FoundingRecord::new(members).with_origin(self.origin)
        })
    }

    /// Checks that `record` can be this node's: it names its directory, or the node is to join.
    fn check_record(&self, record: &FoundingRecord) -> Result<(), ServerError> {
        let node = self.node;
        match record.directory(node) {
            Some(directory) if directory != self.directory => Err(emptied(node)),
            Some(_) => {
                check_members(record, &self.members)?;
                self.check_origin(node, record.origin())
            }
            None if self.bootstrap == Bootstrap::Joiner && self.origin.is_none() => Ok(()),
            None if self.bootstrap == Bootstrap::Joiner => Err(ServerError::Config(
                "a restored directory cannot join a cluster: begin with an empty one".to_owned(),
            )),
            None => Err(ServerError::Config(format!(
                "node {node} is not one of the nodes that founded this cluster: add it with \
                 `tenure member add`, and start it with --join",
            ))),
        }
    }

    fn check_origin(&self, from: NodeId, theirs: Option<Origin>) -> Result<(), ServerError> {
        if theirs == self.origin {
            return Ok(());
        }
        Err(ServerError::Config(format!(
            "node {from} begins with another state than node {}: restore the same snapshot, with the same \
             epoch, into the directories of all members, or into none",
            self.node
        )))
    }
}

/// Checks that a founded directory is this node's, and its cluster the configured one. Once there
/// is a log, the log names the members.
///
/// # Errors
/// The record names other members, or this node with another directory.
pub fn check_founded(
    record: &FoundingRecord,
    options: &ServerOptions,
    directory: DirectoryId,
    log_is_empty: bool,
) -> Result<(), ServerError> {
    match record.directory(options.node) {
        Some(founded) if founded != directory => Err(emptied(options.node)),
        Some(_) if log_is_empty => {
            let mut members: Vec<NodeId> = options.members.iter().map(|(node, _)| *node).collect();
            members.sort_unstable();
            check_members(record, &members)
        }
        Some(_) | None => Ok(()),
    }
}

fn check_members(record: &FoundingRecord, members: &[NodeId]) -> Result<(), ServerError> {
    let founded: Vec<NodeId> = record.members().collect();
    if founded == members {
        return Ok(());
    }
    Err(ServerError::Config(format!(
        "the cluster was founded with members {}, but this node is configured with {}: correct --cluster",
        list(&founded),
        list(members),
    )))
}

fn emptied(node: NodeId) -> ServerError {
    ServerError::Config(format!(
        "node {node} is empty: the cluster was founded with another data directory of it; \
         restore that directory, or remove node {node} and add it again under a new id",
    ))
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

    fn options(node: u64, bootstrap: Bootstrap) -> ServerOptions {
        let members = (1..=3).map(|id| (NodeId(id), format!("host{id}:1"))).collect();
        ServerOptions { bootstrap, ..ServerOptions::new(NodeId(node), members) }
    }

    fn node(number: u64) -> Gathering {
        Gathering::new(&options(number, Bootstrap::Founder), directory(number as u8), None)
    }

    fn joiner(number: u64) -> Gathering {
        Gathering::new(&options(number, Bootstrap::Joiner), directory(number as u8), None)
    }

    fn record() -> FoundingRecord {
        FoundingRecord::new((1..=3).map(|n| (NodeId(n), directory(n as u8))))
    }

    fn offer_of(record: FoundingRecord) -> FoundingOffer {
        FoundingOffer { directory: directory(2), origin: record.origin(), record: Some(record) }
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
        assert_eq!(node(1).handle_offer(NodeId(2), offer_of(record())), Ok(Some(record())));
    }

    #[test]
    fn an_emptied_directory_is_refused_by_the_record() {
        let record = FoundingRecord::new((1..=3).map(|n| (NodeId(n), directory(n as u8 + 10))));
        let error = node(1).handle_offer(NodeId(2), offer_of(record)).unwrap_err();
        assert!(error.to_string().contains("node 1 is empty"), "{error}");
    }

    #[test]
    fn a_stranger_is_not_gathered() {
        let mut one = node(1);
        let stranger = FoundingOffer { directory: directory(9), origin: None, record: None };
        assert_eq!(one.handle_offer(NodeId(9), stranger), Ok(None));
        assert_eq!(one.handle_offer(NodeId(2), node(2).offer()), Ok(None));
    }

    #[test]
    fn a_joiner_copies_a_record_that_does_not_name_it_and_founds_nothing() {
        assert_eq!(joiner(4).handle_offer(NodeId(2), node(2).offer()), Ok(None));
        assert_eq!(joiner(4).handle_offer(NodeId(2), offer_of(record())), Ok(Some(record())));
        let error = node(4).handle_offer(NodeId(2), offer_of(record())).unwrap_err();
        assert!(error.to_string().contains("--join"), "{error}");
    }

    #[test]
    fn l15_members_that_were_restored_from_different_snapshots_found_nothing_together() {
        let restored =
            |origin| Gathering::new(&options(1, Bootstrap::Founder), directory(1), origin);
        let offer = |origin| FoundingOffer { directory: directory(2), origin, record: None };
        let (one, two) = (Some([1; 16]), Some([2; 16]));
        assert!(restored(one).handle_offer(NodeId(2), offer(two)).is_err());
        assert!(restored(one).handle_offer(NodeId(2), offer(None)).is_err());
        assert!(restored(None).handle_offer(NodeId(2), offer(one)).is_err());
        assert!(restored(one).handle_offer(NodeId(2), offer_of(record())).is_err());
        let mut gathering = restored(one);
        assert_eq!(gathering.handle_offer(NodeId(2), offer(one)), Ok(None));
        let third = FoundingOffer { directory: directory(3), ..offer(one) };
        let founded = gathering.handle_offer(NodeId(3), third).unwrap().unwrap();
        assert_eq!(founded.origin(), one);
        assert_ne!(founded.cluster(), record().cluster());
    }
}
