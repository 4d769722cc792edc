//! When a leader need not hear its peers before its next heartbeat.

use crate::harness::*;
use tenure::base::{NodeId, ReadId};
use tenure::raft::Event;

/// A leader of three that has connections to both others, whose logs are as its own.
fn calm_leader() -> Node {
    let mut leader = Node::leader(3, 2, &[]);
    for peer in [2, 3] {
        leader.handle(Event::PeerUp(NodeId(peer)));
        leader.receive(peer, accepted(2, 0, 1));
    }
    leader.settle();
    assert!(!leader.raft.waits_for_peers());
    leader
}

#[test]
fn a_follower_waits_for_its_leader() {
    let follower = Node::new(1, 3);
    assert!(follower.raft.waits_for_peers());
}

#[test]
fn a_leader_waits_for_the_logs_of_those_that_it_reaches() {
    let mut leader = calm_leader();
    leader.propose();
    leader.settle();
    assert!(leader.raft.waits_for_peers(), "nothing is committed");
    leader.receive(2, accepted(2, 0, 2));
    leader.turn();
    assert!(leader.raft.waits_for_peers(), "node 3 has not got it");
    leader.handle(Event::PeerDown(NodeId(3)));
    leader.turn();
    assert!(!leader.raft.waits_for_peers(), "nobody waits for one that is gone");
}

#[test]
fn a_leader_waits_for_the_echoes_that_somebody_needs() {
    let mut leader = calm_leader();
    leader.raft.read_leisurely(ReadId(1)).expect("it leads");
    leader.beat();
    assert!(!leader.raft.waits_for_peers(), "that has time");
    leader.receive(2, echo(2, 1));
    leader.turn();
    assert_eq!(leader.ready.len(), 1);
    leader.raft.read(ReadId(2)).expect("it leads");
    leader.turn();
    assert!(leader.raft.waits_for_peers());
    leader.receive(2, echo(2, 2));
    leader.turn();
    assert!(!leader.raft.waits_for_peers());
}

#[test]
fn a_leader_looks_out_for_answers_that_are_late() {
    let mut leader = calm_leader();
    leader.beat();
    leader.beat();
    assert!(leader.raft.waits_for_peers(), "no quorum has echoed for two heartbeats");
    leader.receive(3, echo(2, 2));
    leader.turn();
    assert!(!leader.raft.waits_for_peers());
}

#[test]
fn a_leader_that_hands_over_waits_for_its_successor() {
    let mut leader = calm_leader();
    leader
        .raft
        .transfer(&leader.now(), Some(NodeId(2)), tenure::raft::LeaseTold::Ended)
        .expect("it may");
    assert!(leader.raft.waits_for_peers());
}
