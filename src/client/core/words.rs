//! What nodes say of which cluster they are, and whether that is one.

use crate::base::{ClusterId, ClusterPin};
use std::collections::BTreeMap;

/// Which cluster each address said that it is of, in the order of the addresses.
#[derive(Clone, Debug, Default)]
pub struct Words(Vec<(String, ClusterId)>);

impl Words {
    /// The node at `address` says that it is of `cluster`; what it said before is void.
    pub fn note(&mut self, address: &str, cluster: ClusterId) {
        match self.0.iter_mut().find(|(known, _)| known == address) {
            Some((_, said)) => *said = cluster,
            None => self.0.push((address.to_owned(), cluster)),
        }
    }

    /// What the node at `address` said is void.
    pub(super) fn forget(&mut self, address: &str) {
        self.0.retain(|(known, _)| known != address);
    }

    /// Keeps what names a cluster that `keep` keeps.
    pub(super) fn retain(&mut self, keep: impl Fn(ClusterId) -> bool) {
        self.0.retain(|(_, cluster)| keep(*cluster));
    }

    /// The clusters that were named, in the order of the first who named each.
    #[must_use]
    pub fn clusters(&self) -> Vec<ClusterId> {
        let mut clusters = Vec::new();
        for (_, cluster) in &self.0 {
            if !clusters.contains(cluster) {
                clusters.push(*cluster);
            }
        }
        clusters
    }

    /// How many named `cluster`, and how many another one.
    #[must_use]
    pub fn count(&self, cluster: ClusterId) -> (usize, usize) {
        let named = self.0.iter().filter(|(_, said)| *said == cluster).count();
        (named, self.0.len() - named)
    }

    /// Why these cannot be the nodes of one cluster, with all ids, and who said which; `None` if they can.
    #[must_use]
    pub fn contradiction(&self) -> Option<String> {
        // As it nearly always is, and asked after each turn.
        let mut clusters = self.0.iter().map(|(_, cluster)| cluster);
        let first = clusters.next()?;
        if clusters.all(|cluster| cluster == first) {
            return None;
        }
        let mut named: BTreeMap<ClusterId, Vec<&str>> = BTreeMap::new();
        for (address, cluster) in &self.0 {
            named.entry(*cluster).or_default().push(address);
        }
        let parts: Vec<String> = self
            .clusters()
            .iter()
            .map(|cluster| {
                let who = &named[cluster];
                let verb = if who.len() == 1 { "is" } else { "are" };
                format!("{} {verb} of {cluster}", who.join(", "))
            })
            .collect();
        Some(format!(
            "the endpoints are of {} clusters: {}; {ADVICE}",
            named.len(),
            parts.join("; ")
        ))
    }
}

/// Why a node of `cluster` is passed over.
#[must_use]
pub fn not_pinned(cluster: ClusterId, pin: &ClusterPin) -> String {
    format!(
        "it is of cluster {cluster}, and {pin} is pinned: correct the endpoints, or the pin if the cluster was founded again or \
         restored"
    )
}

/// The remedy of a contradiction.
const ADVICE: &str = "nothing is acquired until that is one: correct the endpoints, and pin the cluster that is meant \
                      (--cluster-id, TENURE_CLUSTER_ID, cluster_id), since only a pin is proof";

#[cfg(test)]
mod tests {
    use super::*;

    const A: ClusterId = ClusterId([0xaa; 16]);
    const B: ClusterId = ClusterId([0xbb; 16]);

    #[test]
    fn one_cluster_is_no_contradiction_whoever_is_silent() {
        let mut words = Words::default();
        assert_eq!(words.contradiction(), None);
        words.note("a:1", A);
        words.note("b:1", A);
        assert_eq!((words.contradiction(), words.count(A)), (None, (2, 0)));
    }

    #[test]
    fn two_are_told_with_both_ids_and_who_said_which() {
        let mut words = Words::default();
        words.note("c:1", B);
        words.note("a:1", A);
        words.note("b:1", A);
        let text = words.contradiction().unwrap();
        let said = format!("of 2 clusters: c:1 is of {B}; a:1, b:1 are of {A}; ");
        assert!(text.contains(&said), "{text}");
        assert!(text.contains("only a pin is proof"), "{text}");
        assert_eq!(words.count(A), (2, 1));
        words.note("c:1", A);
        assert_eq!(words.contradiction(), None, "the newest word counts");
    }
}
