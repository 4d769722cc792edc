//! What nodes say of themselves as JSON: one row for each, under one head. The one place where its keys are named: what
//! clients describe, what `tenure status --json` prints and what a node's own endpoint shows is this.

use crate::base::{ClusterId, NodeId};
use crate::wire::{Condition, NodeStatus, Timing};
use serde_json::{Value, json};

/// What is so of all nodes together, and their rows.
#[derive(Clone, Debug)]
pub struct ClusterHead<'a> {
    /// The one cluster that they are of.
    pub cluster: Option<ClusterId>,
    /// The clusters that it was restored from, the newest first.
    pub ancestors: Vec<ClusterId>,
    /// What keeps it from granting.
    pub condition: &'a Condition,
    /// Who leads.
    pub leader: Option<NodeId>,
    /// Since when, in milliseconds since 1970 by the clock of whoever asked.
    pub leader_since_unix_ms: Option<u64>,
    /// Nodes that lack a version or a level that others have.
    pub behind: Value,
    /// What [`node_to_json`] made of each.
    pub nodes: Vec<Value>,
}

/// The head with the rows below it.
#[must_use]
pub fn cluster_to_json(head: ClusterHead<'_>) -> Value {
    let ClusterHead { cluster, ancestors, condition, leader, behind, nodes, .. } = head;
    let ancestors: Vec<String> = ancestors.iter().map(ToString::to_string).collect();
    json!({
        "cluster_id": cluster.map(|cluster| cluster.to_string()),
        "ancestors": ancestors,
        "state": condition.state.name(),
        "state_text": condition.shown(),
        "until_ms": condition.until_ms,
        "leader": leader.map(|leader| leader.0),
        "leader_since_unix_ms": head.leader_since_unix_ms,
        "behind": behind,
        "nodes": nodes,
    })
}

/// One node: what it said, or why it said nothing.
#[must_use]
pub fn node_to_json(id: Option<NodeId>, address: &str, said: Result<&NodeStatus, &str>) -> Value {
    let status = said.ok();
    let condition = status.and_then(|status| status.condition.as_ref());
    json!({
        "id": id.map(|id| id.0),
        "address": address,
        "role": status.map_or(UNREACHABLE, NodeStatus::standing),
        "term": status.map(|status| status.term.0),
        "commit": status.map(|status| status.commit.0),
        "applied": status.map(|status| status.applied.0),
        "locks": status.map(|status| status.locks),
        "sessions": status.map(|status| status.sessions),
        "log_bytes": status.map(|status| status.log_bytes),
        "log_bytes_max": status.map(|status| status.log_bytes_max),
        "snapshot": status.map(|status| status.snapshot.0),
        "snapshot_bytes": status.and_then(|status| status.snapshot_bytes),
        "state_bytes": status.and_then(|status| status.state_bytes),
        "refused_connections": status.map(|status| status.refused_connections),
        "refused_messages": status.map(|status| status.refused_messages),
        "version": status.map(|status| status.version.as_str()),
        "level": status.and_then(|status| status.level),
        "disk_lacks": status.and_then(|status| status.disk_lacks.as_deref()),
        "cluster_id": status.and_then(|status| status.cluster).map(|cluster| cluster.to_string()),
        "state": condition.map(|condition| condition.state.name()),
        "state_text": condition.and_then(Condition::shown),
        "leader_changes": status.and_then(|status| status.leader_changes),
        "leader_silences": status.and_then(|status| status.leader_silences),
        "leader_change_why": status.and_then(|status| status.leader_change_why.as_deref()),
        "leader_for_ms": status.and_then(|status| status.leader_for_ms),
        "election_wait_ms": status.and_then(|status| status.election_wait_ms),
        "lease_gaps": status.and_then(|status| status.lease_gaps),
        "turn_us": status.and_then(|status| status.turn_us).map(figures),
        "turn_processor_us": status.and_then(|status| status.turn_processor_us).map(figures),
        "sync_us": status.and_then(|status| status.sync_us).map(figures),
        "heartbeat_gap_us": status.and_then(|status| status.heartbeat_gap_us).map(figures),
        "tls": status.and_then(|status| status.tls.as_deref()),
        "identity": status.and_then(|status| status.identity.as_deref()),
        "certificate_days": status.and_then(|status| status.certificate_days),
        "unreachable": said.err(),
    })
}

fn figures(timing: Timing) -> Value {
    timing.figures().into_iter().map(|(name, micros)| (name.to_owned(), json!(micros))).collect()
}

/// The role of a node that did not answer.
pub const UNREACHABLE: &str = "unreachable";
