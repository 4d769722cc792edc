//! Nodes of a cluster that run an older program than others, or follow an older level.

use super::cluster::ClusterStatus;
use crate::wire::NodeStatus;
use serde_json::{Value, json};
use std::collections::BTreeSet;

impl ClusterStatus {
    /// The nodes that run an older version than another node, or have not reached the leader's
    /// level yet.
    #[must_use]
    pub fn behind(&self) -> Vec<&NodeStatus> {
        let newest = self.answered().map(|status| number(&status.version)).max();
        let level = self.leader().and_then(|leader| leader.level);
        let is_older = |status: &&NodeStatus| {
            newest.as_ref().is_some_and(|newest| number(&status.version) < *newest)
        };
        let is_lower = |status: &NodeStatus| status.level.is_some() && status.level < level;
        self.answered().filter(|status| is_older(status) || is_lower(status)).collect()
    }

    /// Remarks on versions or levels that differ, with the nodes that are behind.
    pub(super) fn version_remarks(&self) -> Vec<String> {
        let mut remarks = Vec::new();
        let behind = self.behind();
        let versions = self.versions();
        if versions.len() > 1 {
            let newest = versions.iter().map(|version| number(version)).max();
            let older = behind.iter().filter(|status| Some(number(&status.version)) < newest);
            let older: Vec<String> = older
                .map(|status| format!("node {} runs {}", status.node, status.version))
                .collect();
            let older =
                if older.is_empty() { "none is older".to_owned() } else { older.join(", ") };
            let versions: Vec<&str> = versions.into_iter().collect();
            remarks.push(format!(
                "versions differ ({}): {older}; replace the older ones when you can",
                versions.join(", ")
            ));
        }
        let Some(leader) = self.leader() else { return remarks };
        let lower = behind.into_iter().filter_map(|status| Some((status, status.level?)));
        for (status, own) in lower.filter(|(_, own)| Some(*own) < leader.level) {
            remarks.push(format!(
                "node {} is at level {own}, and the leader at level {}: it has not got the log so far yet",
                status.node,
                leader.level.unwrap_or_default()
            ));
        }
        if let (Some(level), Some(why)) = (leader.level, &leader.level_waits) {
            remarks.push(format!(
                "level {level} stays in force: {why}; it rises once every member is connected and reads the next one"
            ));
        }
        remarks
    }

    /// The nodes that are behind, for the head of the JSON.
    pub(super) fn behind_json(&self) -> Value {
        let row = |status: &NodeStatus| json!({"id": status.node.0, "version": status.version, "level": status.level});
        self.behind().into_iter().map(row).collect()
    }

    fn versions(&self) -> BTreeSet<&str> {
        self.answered().map(|status| status.version.as_str()).collect()
    }
}

/// "0.10.2" as numbers that compare as versions do; a suffix, as in "0.2.0-rc1", is ignored.
fn number(version: &str) -> Vec<u64> {
    let plain = version.split(['-', '+']).next().unwrap_or_default();
    let mut parts: Vec<u64> = plain.split('.').map_while(|part| part.parse().ok()).collect();
    while parts.last() == Some(&0) {
        parts.pop();
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::NodeId;

    fn cluster(nodes: [(&str, Option<u32>); 3]) -> ClusterStatus {
        let answer = |(place, (version, level)): (u64, (&str, Option<u32>))| {
            let role = if place == 1 { "leader" } else { "follower" };
            let status = NodeStatus {
                node: NodeId(place),
                role: role.into(),
                version: version.into(),
                level,
                ..NodeStatus::default()
            };
            (format!("127.0.0.1:{place}"), Ok(status))
        };
        ClusterStatus::of((1..).zip(nodes).map(answer).collect())
    }

    fn behind(cluster: &ClusterStatus) -> Vec<u64> {
        cluster.behind().into_iter().map(|status| status.node.0).collect()
    }

    #[test]
    fn versions_compare_by_their_numbers() {
        assert!(number("0.9.0") < number("0.10.0") && number("0.1.0") < number("0.1.1"));
        assert_eq!(number("0.1"), number("0.1.0"));
        assert_eq!(number("0.2.0-rc1"), number("0.2.0"));
        assert!(number("nonsense") < number("0.1"));
    }

    #[test]
    fn a_node_of_an_older_version_is_named_and_the_newest_is_not() {
        let mixed = cluster([("0.10.0", Some(1)), ("0.9.0", None), ("0.10.0", Some(1))]);
        assert_eq!(behind(&mixed), [2]);
        assert_eq!(mixed.behind_json(), json!([{"id": 2, "version": "0.9.0", "level": null}]));
        let said = "versions differ (0.10.0, 0.9.0): node 2 runs 0.9.0; replace the older ones when you can";
        assert_eq!(mixed.version_remarks(), [said]);
    }

    #[test]
    fn a_node_below_the_level_of_the_leader_is_named() {
        let lower = cluster([("0.2.0", Some(2)), ("0.2.0", Some(2)), ("0.2.0", Some(1))]);
        assert_eq!(behind(&lower), [3]);
        let said =
            "node 3 is at level 1, and the leader at level 2: it has not got the log so far yet";
        assert_eq!(lower.version_remarks(), [said]);
    }

    #[test]
    fn builds_of_one_version_differ_and_none_is_older() {
        let builds = cluster([("0.2.0", Some(2)), ("0.2.0-rc1", Some(2)), ("0.2.0", Some(2))]);
        assert!(behind(&builds).is_empty());
        assert!(builds.version_remarks()[0].contains("(0.2.0, 0.2.0-rc1): none is older; "));
        let same = cluster([("0.2.0", Some(2)); 3]);
        assert!(same.version_remarks().is_empty() && behind(&same).is_empty());
    }
}
