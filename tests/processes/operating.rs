//! What operators do: commands of `tenure` against the cluster.

use crate::cluster::{Cluster, tenure};
use crate::patience::until;
use std::process::Output;
use tenure::base::NodeId;
use tenure::raft::Seat;

/// Runs a command of `tenure` against the cluster.
pub fn operate(cluster: &Cluster, arguments: &[&str]) -> Output {
    let mut command = tenure();
    command.args(arguments).args(["--endpoints", &cluster.endpoints(), "--timeout", "60s"]);
    command.output().expect("tenure can be run")
}

/// Runs a command that must end with 0; what it says.
pub fn done(cluster: &Cluster, arguments: &[&str]) -> String {
    let output = operate(cluster, arguments);
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {}: {complaints}", output.status);
    String::from_utf8(output.stdout).expect("text")
}

/// Adds a node without a vote, and starts it on an empty directory.
pub fn add(cluster: &mut Cluster) -> NodeId {
    let node = cluster.reserve();
    let address = cluster.advertised(node).to_string();
    change(cluster, &["member", "add", &node.to_string(), &address], || {
        seat(cluster, node) == Some(Seat::Learner)
    });
    cluster.start_node(node);
    node
}

/// Gives a node a vote as soon as it has caught up.
pub fn promote(cluster: &Cluster, node: NodeId) {
    change(cluster, &["member", "promote", &node.to_string()], || {
        seat(cluster, node) == Some(Seat::Voter)
    });
}

/// Removes a node.
pub fn remove(cluster: &Cluster, node: NodeId) {
    change(cluster, &["member", "remove", &node.to_string()], || seat(cluster, node).is_none());
}

/// Has the others reach `node` at `address`.
pub fn move_to(cluster: &Cluster, node: NodeId, address: &str) {
    change(cluster, &["member", "move", &node.to_string(), address], || {
        let members = cluster.leader_among(&cluster.nodes()).members;
        members.iter().any(|member| member.node == node && member.address == address)
    });
}

/// Has `node` lead.
pub fn move_leader(cluster: &Cluster, node: NodeId) {
    change(cluster, &["move-leader", &node.to_string()], || cluster.leader() == node);
}

/// What a node counts for, as the leader knows it.
fn seat(cluster: &Cluster, node: NodeId) -> Option<Seat> {
    let members = cluster.leader_among(&cluster.nodes()).members;
    members.iter().find(|member| member.node == node).map(|member| member.seat)
}

/// Gives an order until what it is about is so. One may be refused, or its outcome not be known, when a node has not
/// caught up, or an election comes between: then operators look, and give it again.
fn change(cluster: &Cluster, arguments: &[&str], is_so: impl Fn() -> bool) {
    until(&arguments.join(" "), || {
        let output = operate(cluster, arguments);
        let complaint = String::from_utf8_lossy(&output.stderr);
        let is_usage = output.status.code() == Some(2);
        assert!(!is_usage, "{arguments:?}: {complaint}");
        is_so().then_some(())
    });
}
