//! A cluster that starts has a leader without waiting out an election timeout, and says why leaders change.

use crate::server::cluster::{Cluster, MS};
use tenure::base::NodeId;

/// The next leader, which is there before anybody can have waited out an election timeout.
fn elect_quickly(cluster: &mut Cluster) -> NodeId {
    let began = cluster.now();
    let leader = cluster.elect();
    let waited = cluster.now() - began;
    assert!(waited < 60 * MS, "{waited} ns");
    leader
}

/// How many changes of leader `node` has seen.
fn changes(cluster: &Cluster, node: NodeId) -> u64 {
    cluster.server(node).replica().expect("a founder").raft().leader_changes()
}

#[test]
fn a_new_cluster_has_a_leader_before_any_election_timeout() {
    let mut cluster = Cluster::new(3);
    let leader = elect_quickly(&mut cluster);
    let status = cluster.status(leader);
    assert_eq!((changes(&cluster, leader), status.lease_gaps), (0, Some(0)));
    assert_eq!(status.election_wait_ms, Some(150));
}

#[test]
fn a_cluster_that_starts_again_has_a_leader_before_any_election_timeout() {
    let mut cluster = Cluster::new(3);
    cluster.elect();
    (1..=3).for_each(|id| cluster.crash(NodeId(id)));
    cluster.advance_without_turns(1000 * MS);
    (1..=3).for_each(|id| cluster.restart(NodeId(id)));
    elect_quickly(&mut cluster);
}

#[test]
fn a_cluster_of_one_leads_before_its_election_timeout() {
    let mut cluster = Cluster::new(1);
    assert_eq!(elect_quickly(&mut cluster), NodeId(1));
}

#[test]
fn r11_one_that_comes_back_to_a_cluster_with_a_leader_changes_no_term() {
    let mut cluster = Cluster::new(3);
    let leader = cluster.elect();
    let other = cluster.nodes().find(|node| *node != leader).expect("three");
    let term = cluster.status(leader).term;
    cluster.crash(other);
    cluster.advance_in_steps(200 * MS, 10 * MS);
    cluster.restart(other);
    cluster.advance_in_steps(1000 * MS, 10 * MS);
    let status = cluster.status(other);
    assert_eq!((status.term, status.leader), (term, Some(leader)));
    assert_eq!(changes(&cluster, other), 0);
}

#[test]
fn the_status_says_why_the_leader_changed() {
    let mut cluster = Cluster::new(3);
    let leader = cluster.elect();
    cluster.crash(leader);
    let next = elect_quickly(&mut cluster);
    let status = cluster.status(next);
    assert_eq!(changes(&cluster, next), 1);
    let why = status.leader_change_why.expect("it says why");
    assert_eq!(why, format!("node {leader} closed its connection"));
}

#[test]
fn the_status_says_for_how_long_there_is_a_leader_and_begins_anew_with_the_next() {
    let mut cluster = Cluster::new(3);
    let leader = cluster.elect();
    let other = cluster.nodes().find(|node| *node != leader).expect("three");
    let known = |cluster: &Cluster, node| cluster.status(node).leader_for_ms.expect("it knows one");
    assert!(known(&cluster, leader) < 60);
    cluster.advance_in_steps(10_000 * MS, 10 * MS);
    for node in [leader, other] {
        let ms = known(&cluster, node);
        // Less what the clocks may be off.
        assert!((9_800..10_200).contains(&ms), "node {node}: {ms} ms");
    }
    cluster.crash(leader);
    let next = elect_quickly(&mut cluster);
    assert!(known(&cluster, next) < 60);
}
