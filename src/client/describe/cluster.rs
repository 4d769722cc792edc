//! The nodes of a cluster, each asked for itself: needs no quorum.

use crate::Error;
use crate::base::NodeId;
use crate::client::Client;
use crate::wire::NodeStatus;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// What the nodes said at about one time.
#[derive(Clone, Debug)]
pub struct ClusterStatus {
    /// In order of their ids; those without one last.
    pub nodes: Vec<NodeRow>,
}

/// One node, and what it said or why it said nothing.
#[derive(Clone, Debug)]
pub struct NodeRow {
    /// Its id, if any node that answered knows this address.
    pub id: Option<NodeId>,
    /// Where it was asked.
    pub address: String,
    /// Its answer, or why there is none.
    pub state: Result<NodeStatus, String>,
}

impl ClusterStatus {
    /// Asks the nodes at `endpoints`, and the members that they name besides.
    #[must_use]
    pub fn ask(endpoints: &str, timeout: Duration) -> Self {
        let mut answers = Client::status_of(endpoints, timeout);
        let others: Vec<String> = members(&answers)
            .into_values()
            .filter(|address| answers.iter().all(|(asked, _)| asked != address))
            .collect();
        if !others.is_empty() {
            answers.extend(Client::status_of(&others.join(","), timeout));
        }
        Self::of(answers)
    }

    /// Of what each was asked and said.
    #[must_use]
    pub fn of(answers: Answers) -> Self {
        let members = members(&answers);
        let known = |address: &str| {
            members.iter().find(|(_, member)| *member == address).map(|(node, _)| *node)
        };
        let mut nodes: Vec<NodeRow> = Vec::new();
        for (asked, answer) in answers {
            let id = answer.as_ref().ok().map(|status| status.node).or_else(|| known(&asked));
            let address = id.and_then(|id| members.get(&id)).unwrap_or(&asked).clone();
            let state = answer.map_err(|error| error.to_string());
            match nodes.iter_mut().find(|row| id.is_some() && row.id == id) {
                // Reached under two names: one that answered counts.
                Some(row) if row.state.is_err() => row.state = state,
                Some(_) => {}
                None => nodes.push(NodeRow { id, address, state }),
            }
        }
        nodes.sort_by_key(|row| (row.id.is_none(), row.id));
        Self { nodes }
    }

    /// The nodes that answered.
    pub fn answered(&self) -> impl Iterator<Item = &NodeStatus> {
        self.nodes.iter().filter_map(|row| row.state.as_ref().ok())
    }

    /// The node that leads the highest term, as it says itself.
    #[must_use]
    pub fn leader(&self) -> Option<&NodeStatus> {
        let leaders = self.answered().filter(|status| status.role == "leader");
        leaders.max_by_key(|status| status.term)
    }

    /// The leader, else the node with the newest log.
    #[must_use]
    pub fn newest(&self) -> Option<&NodeStatus> {
        self.leader().or_else(|| self.answered().max_by_key(|status| (status.term, status.commit)))
    }

    /// What `node` is at present, as it says itself.
    #[must_use]
    pub fn role_of(&self, node: NodeId) -> String {
        let status = self.answered().find(|status| status.node == node);
        status.map_or(UNREACHABLE, NodeStatus::standing).to_owned()
    }

    /// What a person should know of the versions that run, if there is anything: that they differ, and why the level of
    /// the cluster does not rise.
    #[must_use]
    pub fn remarks(&self) -> Vec<String> {
        let mut remarks = Vec::new();
        let versions: BTreeSet<&str> =
            self.answered().map(|status| status.version.as_str()).collect();
        if versions.len() > 1 {
            let versions: Vec<&str> = versions.into_iter().collect();
            remarks.push(format!(
                "versions differ ({}): replace the older ones when you can",
                versions.join(", ")
            ));
        }
        if let Some(leader) = self.leader()
            && let (Some(level), Some(why)) = (leader.level, &leader.level_waits)
        {
            remarks.push(format!(
                "level {level} stays in force: {why}; it rises once every member is connected and reads the next one"
            ));
        }
        remarks
    }

    /// Which nodes were tried, and why each failed.
    #[must_use]
    pub fn complaint(&self) -> String {
        let tried = self.nodes.iter().map(|row| match &row.state {
            Ok(_) => format!("{} answered", row.address),
            Err(why) => format!("{} ({why})", row.address),
        });
        format!("no node answered; tried {}", tried.collect::<Vec<_>>().join(", "))
    }

    /// What `Client::describe` says of a "cluster", on one line.
    #[must_use]
    pub fn json_line(&self) -> String {
        format!("{}\n", self.to_json())
    }

    pub(super) fn to_json(&self) -> Value {
        let node = |row: &NodeRow| -> Value {
            let status = row.state.as_ref().ok();
            json!({
                "id": row.id.map(|id| id.0),
                "address": row.address,
                "role": status.map_or(UNREACHABLE, NodeStatus::standing),
                "term": status.map(|status| status.term.0),
                "commit": status.map(|status| status.commit.0),
                "applied": status.map(|status| status.applied.0),
                "locks": status.map(|status| status.locks),
                "sessions": status.map(|status| status.sessions),
                "log_bytes": status.map(|status| status.log_bytes),
                "log_bytes_max": status.map(|status| status.log_bytes_max),
                "snapshot": status.map(|status| status.snapshot.0),
                "refused_connections": status.map(|status| status.refused_connections),
                "version": status.map(|status| status.version.as_str()),
                "level": status.and_then(|status| status.level),
                "leader_changes": status.and_then(|status| status.leader_changes),
                "leader_change_why": status.and_then(|status| status.leader_change_why.as_deref()),
                "election_wait_ms": status.and_then(|status| status.election_wait_ms),
                "lease_gaps": status.and_then(|status| status.lease_gaps),
                "unreachable": row.state.as_ref().err(),
            })
        };
        let leader = self.leader().map(|status| status.node.0);
        let nodes: Vec<Value> = self.nodes.iter().map(node).collect();
        json!({"leader": leader, "nodes": nodes})
    }
}

/// The role of a node that did not answer.
const UNREACHABLE: &str = "unreachable";

/// Nodes by their addresses.
type Answers = Vec<(String, Result<NodeStatus, Error>)>;

/// All members that the node with the newest log names.
fn members(answers: &Answers) -> BTreeMap<NodeId, String> {
    let named = answers.iter().filter_map(|(_, answer)| answer.as_ref().ok());
    let newest = named.max_by_key(|status| (status.term, status.commit));
    let members = newest.into_iter().flat_map(|status| &status.members);
    members.map(|member| (member.node, member.address.clone())).collect()
}
