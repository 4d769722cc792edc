//! The status of a cluster: each node is asked for its own, so no quorum is needed.

use crate::Error;
use crate::base::text::{moment, span};
use crate::base::{ClusterId, NodeId};
use crate::client::core::Words;
use crate::client::{Client, ClusterAt};
use crate::sys::clock;
use crate::wire::{
    ClusterHead, Condition, NodeStatus, ServiceState, UNREACHABLE, cluster_to_json, node_to_json,
};
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;

/// The statuses of all nodes at about one time.
#[derive(Clone, Debug)]
pub struct ClusterStatus {
    /// Nodes in the order of ids, those without an id last; of several clusters, one cluster after
    /// the other.
    pub nodes: Vec<NodeRow>,
    words: Words,
}

/// A node, and its status or why it did not answer.
#[derive(Clone, Debug)]
pub struct NodeRow {
    /// The id, if an answering node knows this address.
    pub id: Option<NodeId>,
    /// The address at which it was asked.
    pub address: String,
    /// The status, or why there is none.
    pub state: Result<NodeStatus, String>,
}

impl NodeRow {
    /// The node's cluster, if it answered and has one.
    #[must_use]
    pub fn cluster(&self) -> Option<ClusterId> {
        self.state.as_ref().ok()?.cluster
    }

    fn to_json(&self) -> Value {
        let said = self.state.as_ref().map_err(String::as_str);
        node_to_json(self.id, &self.address, said)
    }
}

impl ClusterStatus {
    /// Asks the nodes of `whom` ("host:port,…", or a [`ClusterAt`]), and the further members that
    /// they name.
    #[must_use]
    pub fn ask(whom: impl Into<ClusterAt>, timeout: Duration) -> Self {
        let whom = whom.into();
        let ask = |endpoints: &str| -> Answers {
            let asked = ClusterAt { endpoints: endpoints.to_owned(), ..whom.clone() };
            let answers = Client::status_of(asked, timeout).into_iter();
            let checked = |answer: Result<NodeStatus, Error>| {
                answer.and_then(|status| whom.check(status.cluster).map(|()| status))
            };
            answers.map(|(asked, answer)| (asked, checked(answer))).collect()
        };
        let mut answers = ask(&whom.endpoints);
        let others: Vec<String> = members(answers.iter())
            .into_values()
            .filter(|address| answers.iter().all(|(asked, _)| asked != address))
            .collect();
        if !others.is_empty() && words(&answers).contradiction().is_none() {
            answers.extend(ask(&others.join(",")));
        }
        Self::of(answers)
    }

    /// The status made of `answers`.
    #[must_use]
    pub fn of(answers: Answers) -> Self {
        let words = words(&answers);
        let clusters = words.clusters();
        if clusters.len() < 2 {
            return Self { nodes: rows(&answers), words };
        }
        // Cluster by cluster: ids and addresses of one mean nothing in another.
        let of = |answer: &&Answer| answer.1.as_ref().ok().and_then(|status| status.cluster);
        let parts = clusters.into_iter().map(Some).chain([None]);
        let part = |cluster: Option<ClusterId>| -> Vec<NodeRow> {
            let answers: Answers =
                answers.iter().filter(|answer| of(answer) == cluster).cloned().collect();
            rows(&answers)
        };
        Self { nodes: parts.flat_map(part).collect(), words }
    }

    /// The clusters of all nodes; more than one is a mistake, see [`ClusterStatus::contradiction`].
    #[must_use]
    pub fn clusters(&self) -> Vec<ClusterId> {
        self.words.clusters()
    }

    /// Why the nodes are not of one cluster, with all ids and their nodes; `None` if they are.
    #[must_use]
    pub fn contradiction(&self) -> Option<String> {
        self.words.contradiction()
    }

    /// The condition that keeps the cluster from granting, by its leader, or by what the nodes
    /// show.
    #[must_use]
    pub fn condition(&self) -> Condition {
        if let Some(text) = self.contradiction() {
            return Condition::new(ServiceState::MixedClusters, text);
        }
        if let Some(leader) = self.leader() {
            return leader.condition.clone().unwrap_or_else(Condition::serving);
        }
        let mut conditions = self.answered().map(|status| status.condition.as_ref());
        let first = conditions.next().flatten();
        let is_unfounded = |condition: &Condition| {
            matches!(condition.state, ServiceState::NotFounded | ServiceState::WaitsForMembers)
        };
        let none_is_founded = first.is_some_and(is_unfounded)
            && conditions.all(|condition| condition.is_some_and(is_unfounded));
        match first {
            Some(condition) if none_is_founded => condition.clone(),
            _ => Condition::new(ServiceState::NoQuorum, NO_LEADER),
        }
    }

    /// The nodes that answered.
    pub fn answered(&self) -> impl Iterator<Item = &NodeStatus> {
        self.nodes.iter().filter_map(|row| row.state.as_ref().ok())
    }

    /// The node that says it leads the highest term; `None` for several clusters.
    #[must_use]
    pub fn leader(&self) -> Option<&NodeStatus> {
        if self.contradiction().is_some() {
            return None;
        }
        let leaders = self.answered().filter(|status| status.role == "leader");
        leaders.max_by_key(|status| status.term)
    }

    /// Since when the leader leads, in milliseconds since 1970 by this machine's clock; `None` from
    /// 0.1.0.
    #[must_use]
    pub fn leader_since_unix_ms(&self) -> Option<u64> {
        Some(clock::unix_ms().saturating_sub(self.leader()?.leader_for_ms?))
    }

    /// The leader, else the node with the newest log; `None` for several clusters.
    #[must_use]
    pub fn newest(&self) -> Option<&NodeStatus> {
        if self.contradiction().is_some() {
            return None;
        }
        self.leader().or_else(|| self.answered().max_by_key(|status| (status.term, status.commit)))
    }

    /// The present role of `node`, by its own status.
    #[must_use]
    pub fn role_of(&self, node: NodeId) -> String {
        let status = self.answered().find(|status| status.node == node);
        status.map_or(UNREACHABLE, NodeStatus::standing).to_owned()
    }

    /// Remarks for people: versions that differ, disks without room, why the level of the cluster
    /// does not rise.
    #[must_use]
    pub fn remarks(&self) -> Vec<String> {
        let mut remarks = self.version_remarks();
        for status in self.answered() {
            let Some(lacks) = &status.disk_lacks else { continue };
            remarks.push(format!(
                "node {} has no room on its disk: {lacks}. Make room there: it goes on by itself",
                status.node
            ));
        }
        remarks.extend(self.plaintext_too());
        remarks.extend(self.expiring_certificates());
        remarks.extend(self.frequent_elections());
        remarks
    }

    /// The nodes that accept connections with TLS and without.
    #[must_use]
    pub fn optional_tls(&self) -> Vec<NodeId> {
        let is_optional = |status: &&NodeStatus| status.tls.as_deref() == Some("optional");
        self.answered().filter(is_optional).map(|status| status.node).collect()
    }

    /// Nodes whose certificate ends soon or has ended, with the days left.
    #[must_use]
    pub fn expiring(&self) -> Vec<(NodeId, i64)> {
        let days = |status: &NodeStatus| Some((status.node, status.certificate_days?));
        self.answered().filter_map(days).filter(|(_, days)| *days < EXPIRES_SOON_DAYS).collect()
    }

    /// A remark on certificates to be renewed.
    fn expiring_certificates(&self) -> Option<String> {
        let shown = |(node, days): (NodeId, i64)| match days {
            ..=-1 => format!("that of node {node} has expired"),
            0 => format!("that of node {node} within a day"),
            1 => format!("that of node {node} in one day"),
            days => format!("that of node {node} in {days} days"),
        };
        let nodes: Vec<String> = self.expiring().into_iter().map(shown).collect();
        (!nodes.is_empty()).then(|| {
            format!(
                "certificates end soon: {}. Put new ones where the nodes read them (`tenure certs node`): they are taken \
                 without a restart",
                nodes.join(", ")
            )
        })
    }

    /// A remark on nodes that still accept plaintext: a stage that is to end.
    fn plaintext_too(&self) -> Option<String> {
        let nodes: Vec<String> =
            self.optional_tls().iter().map(|node| format!("node {node}")).collect();
        (!nodes.is_empty()).then(|| {
            format!(
                "connections without TLS are taken as well by {} (--tls optional): nobody is kept out there. Start all nodes with \
                 --tls required once all are at optional and all clients have certificates",
                nodes.join(", ")
            )
        })
    }

    /// A remark on frequent changes of leader by slow nodes or a slow network.
    fn frequent_elections(&self) -> Option<String> {
        let silences = |status: &NodeStatus| Some((status.node, status.leader_silences?));
        let silent: Vec<(NodeId, u64)> =
            self.answered().filter_map(silences).filter(|(_, count)| *count > 0).collect();
        silent.iter().find(|(_, count)| *count >= OFTEN)?;
        let silent: Vec<String> =
            silent.iter().map(|(node, count)| format!("node {node} ({count})")).collect();
        let changes = self.answered().filter_map(|status| status.leader_changes).max();
        Some(format!(
            "frequent elections: within ten minutes the leader has changed {} times; it, or as leader a majority, was not \
             heard in time by {}: look at the load of these machines, their disks and the network, or start all \
             nodes with a longer --election",
            changes.unwrap_or_default(),
            silent.join(", ")
        ))
    }

    /// The nodes that were tried, and why each failed, or that they are of several clusters.
    #[must_use]
    pub fn complaint(&self) -> String {
        if let Some(text) = self.contradiction() {
            return text;
        }
        let tried = self.nodes.iter().map(|row| match &row.state {
            Ok(_) => format!("{} answered", row.address),
            Err(why) => format!("{} ({why})", row.address),
        });
        format!("no node answered; tried {}", tried.collect::<Vec<_>>().join(", "))
    }

    /// The JSON of `Client::describe("cluster")`, on one line.
    #[must_use]
    pub fn json_line(&self) -> String {
        format!("{}\n", self.to_json())
    }

    /// The leader, and since when; why, if the change was within the last ten minutes. `None`: no
    /// leader.
    #[must_use]
    pub fn leadership(&self) -> Option<String> {
        let leader = self.leader()?;
        let (node, term) = (leader.node, leader.term);
        let reason = leader.leader_change_why.as_ref().filter(|_| leader.leader_changes > Some(0));
        let why = reason.map(|why| format!(": {why}")).unwrap_or_default();
        // 0.1.0 does not say since when.
        Some(match leader.leader_for_ms.zip(self.leader_since_unix_ms()) {
            Some((ms, since)) => {
                let (since, long) = (moment(since), span(Duration::from_millis(ms)));
                format!("node {node} leads since {since} ({long}), in term {term}{why}")
            }
            None => format!("node {node} leads in term {term}{why}"),
        })
    }

    /// The status as JSON.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let nodes: Vec<Value> = self.nodes.iter().map(NodeRow::to_json).collect();
        let clusters = self.clusters();
        let newest = self.newest().into_iter().flat_map(|status| status.ancestors.iter());
        cluster_to_json(ClusterHead {
            cluster: if let [one] = clusters[..] { Some(one) } else { None },
            ancestors: newest.collect(),
            condition: &self.condition(),
            leader: self.leader().map(|status| status.node),
            leader_since_unix_ms: self.leader_since_unix_ms(),
            nodes,
            behind: self.behind_json(),
        })
    }
}

/// The condition of nodes without a leader.
const NO_LEADER: &str = "no leader: locks cannot be granted until a majority of the nodes is back";
/// Warned a week before: a weekly look is in time.
const EXPIRES_SOON_DAYS: i64 = 7;
/// So many silences of a leader are no accident.
const OFTEN: u64 = 3;

/// Answers, by addresses.
type Answers = Vec<Answer>;
type Answer = (String, Result<NodeStatus, Error>);

fn words(answers: &Answers) -> Words {
    let mut words = Words::default();
    for (asked, answer) in answers {
        if let Some(cluster) = answer.as_ref().ok().and_then(|status| status.cluster) {
            words.note(asked, cluster);
        }
    }
    words
}

/// A row for each node of one cluster.
fn rows(answers: &Answers) -> Vec<NodeRow> {
    let members = members(answers.iter());
    let known = |address: &str| {
        members.iter().find(|(_, member)| *member == address).map(|(node, _)| *node)
    };
    let mut nodes: Vec<NodeRow> = Vec::new();
    for (asked, answer) in answers.iter().cloned() {
        let id = answer.as_ref().ok().map(|status| status.node).or_else(|| known(&asked));
        let address = id.and_then(|id| members.get(&id)).unwrap_or(&asked).clone();
        let state = answer.map_err(|error| error.to_string());
        match nodes.iter_mut().find(|row| id.is_some() && row.id == id) {
            // Reached under two names: the answer counts.
            Some(row) if row.state.is_err() => row.state = state,
            Some(_) => {}
            None => nodes.push(NodeRow { id, address, state }),
        }
    }
    nodes.sort_by_key(|row| (row.id.is_none(), row.id));
    nodes
}

/// The members by the node with the newest log.
fn members<'a>(answers: impl Iterator<Item = &'a Answer>) -> BTreeMap<NodeId, String> {
    let named = answers.filter_map(|(_, answer)| answer.as_ref().ok());
    let newest = named.max_by_key(|status| (status.term, status.commit));
    let members = newest.into_iter().flat_map(|status| &status.members);
    members.map(|member| (member.node, member.address.clone())).collect()
}
