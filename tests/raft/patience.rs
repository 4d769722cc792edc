//! Elections fit the machine: how long silence may last follows what a node sees, and falls again.

use crate::harness::*;
use std::time::Duration;
use tenure::base::{NodeId, Term};
use tenure::raft::{Event, LeaseTold, Reason, Role};

fn wait_ms(node: &Node) -> u64 {
    u64::try_from(node.raft.election_wait().as_millis()).expect("small")
}

/// A follower of node 2 in term 1 that hears it every `every` milliseconds.
fn hear(node: &mut Node, every: u64, times: u64) {
    for _ in 0..times {
        node.clock += every;
        node.receive(2, heartbeat(1, 0, 0));
    }
}

fn follower() -> Node {
    let mut node = Node::with_log(1, 3, 1, &[]);
    node.receive(2, heartbeat(1, 0, 0));
    node
}

#[test]
fn on_time_a_follower_waits_as_it_was_told() {
    let mut node = follower();
    hear(&mut node, HEARTBEAT + 10, 50);
    assert_eq!(wait_ms(&node), ELECTION);
}

#[test]
fn late_heartbeats_lengthen_the_wait_up_to_its_bound_and_it_falls_again() {
    let mut node = follower();
    hear(&mut node, HEARTBEAT + 50, 1);
    assert_eq!(wait_ms(&node), HEARTBEAT + 4 * 50);
    hear(&mut node, ELECTION - 1, 2);
    assert_eq!(wait_ms(&node), HEARTBEAT + 4 * (ELECTION - 1 - HEARTBEAT));
    let deadline = (node.raft.next_deadline() - node.now().boot()) / 1_000_000;
    assert!(deadline >= wait_ms(&node), "{deadline}");
    node.clock += 100 * ELECTION;
    node.receive(2, heartbeat(1, 0, 0));
    assert_eq!(wait_ms(&node), 8 * ELECTION);
    hear(&mut node, HEARTBEAT, 31_000 / HEARTBEAT);
    assert_eq!(wait_ms(&node), ELECTION);
}

#[test]
fn a_leader_that_was_doubted_and_speaks_again_in_its_term_was_late() {
    let mut node = follower();
    node.clock += 2 * ELECTION;
    node.handle(Event::Deadline);
    assert_eq!(node.raft.role(), Role::PreCandidate);
    node.receive(2, heartbeat(1, 0, 0));
    assert_eq!(wait_ms(&node), HEARTBEAT + 4 * (2 * ELECTION - HEARTBEAT));
    assert_eq!(node.raft.leader_changes(), 0);
}

#[test]
fn what_ends_a_term_or_a_connection_was_not_late() {
    let mut node = follower();
    node.clock += 5 * ELECTION;
    node.receive(3, heartbeat(2, 0, 0));
    node.handle(Event::PeerDown(NodeId(3)));
    node.clock += 5 * ELECTION;
    node.receive(3, heartbeat(2, 0, 0));
    assert_eq!(wait_ms(&node), ELECTION);
}

#[test]
fn stickiness_follows() {
    let mut node = follower();
    hear(&mut node, HEARTBEAT + 100, 1);
    assert!(wait_ms(&node) > 2 * ELECTION);
    node.clock += 2 * ELECTION;
    node.receive(3, pre_vote(2, 0, 0));
    node.receive(3, vote(2, 0, 0));
    node.settle();
    assert_eq!(node.sent_to(3), [pre_vote_response(1, false)]);
    assert_eq!(node.raft.term(), Term(1));
    node.clock += wait_ms(&node);
    node.receive(3, pre_vote(2, 0, 0));
    node.turn();
    assert_eq!(node.sent_to(3), [pre_vote_response(2, true)]);
}

#[test]
fn a_closed_connection_starts_an_election_at_once_however_late_all_is() {
    let mut node = follower();
    hear(&mut node, HEARTBEAT + 100, 3);
    node.handle(Event::PeerDown(NodeId(2)));
    node.clock += 10;
    node.handle(Event::Deadline);
    assert_eq!(node.raft.role(), Role::PreCandidate);
}

#[test]
fn a_leader_waits_for_a_late_quorum_and_not_for_a_minority() {
    let mut leader = Node::leader(5, 2, &[]);
    for _ in 0..4 {
        leader.turn();
        let round = leader.raft.round().expect("it leads").0;
        leader.clock += HEARTBEAT + 50;
        leader.receive(2, echo(2, round));
        leader.receive(3, echo(2, round));
    }
    let wait = HEARTBEAT + 4 * 50;
    assert_eq!(wait_ms(&leader), wait);
    for _ in 0..3 {
        leader.clock += wait.div_ceil(4);
        leader.receive(2, echo(2, 0));
    }
    assert_eq!((leader.raft.role(), wait_ms(&leader)), (Role::Leader, wait));
    leader.clock += wait.div_ceil(4);
    leader.receive(2, echo(2, 0));
    assert_eq!(leader.raft.role(), Role::Follower);
}

#[test]
fn c7_answers_to_what_was_said_long_ago_keep_no_leader() {
    let mut leader = Node::leader(3, 2, &[]);
    let far = 2 * ELECTION;
    let mut waited = 0;
    // Answers come all the time, each to what was said so long ago.
    while leader.raft.role() == Role::Leader {
        leader.clock += HEARTBEAT;
        waited += HEARTBEAT;
        leader.turn();
        let said = waited.saturating_sub(far) / HEARTBEAT;
        leader.receive(2, echo(2, said));
        assert!(waited <= far + 8 * ELECTION + HEARTBEAT, "{waited}");
    }
}

#[test]
fn c7_a_leader_whose_disk_is_dead_steps_down_by_the_bound() {
    let mut leader = Node::leader(3, 2, &[]);
    // Disks and answers were late beyond all measure.
    for _ in 0..3 {
        leader.propose();
        leader.turn();
        leader.clock += ELECTION;
        leader.receive(2, echo(2, 0));
        leader.settle();
    }
    assert_eq!((leader.raft.role(), wait_ms(&leader)), (Role::Leader, 4 * ELECTION));
    leader.propose();
    leader.turn();
    let mut waited = 0;
    while leader.raft.role() == Role::Leader {
        leader.clock += HEARTBEAT;
        waited += HEARTBEAT;
        leader.turn();
        let round = leader.raft.round().map_or(0, |round| round.0);
        leader.receive(2, echo(2, round));
        leader.receive(3, echo(2, round));
    }
    assert!(waited <= 8 * ELECTION + HEARTBEAT, "{waited}");
    leader.receive(3, heartbeat(3, 0, 0));
    leader.turn();
    let reason = leader.raft.last_change().expect("a new leader").reason;
    assert!(matches!(reason, Reason::DiskSilent { .. }), "{reason}");
}

#[test]
fn a_write_that_a_stop_made_long_teaches_nobody_to_wait() {
    let mut leader = Node::leader(3, 2, &[]);
    leader.propose();
    leader.turn();
    leader.clock += 10 * ELECTION;
    leader.settle();
    leader.receive(3, heartbeat(3, 0, 0));
    leader.turn();
    leader.settle();
    assert_eq!((leader.raft.term(), wait_ms(&leader)), (Term(3), ELECTION));
}

#[test]
fn writes_that_are_longer_than_the_wait_count_where_their_term_goes_on() {
    let mut node = follower();
    for (index, wait) in [(1, ELECTION), (2, 8 * ELECTION)] {
        node.receive(2, append(1, (index - 1, index.min(2) - 1), 0, &[1]));
        node.turn();
        node.clock += 3 * ELECTION;
        node.settle();
        assert_eq!(wait_ms(&node), wait);
    }
}

#[test]
fn slow_disks_give_a_candidacy_the_time_that_votes_take() {
    let mut node = Node::with_log(1, 3, 1, &[]);
    node.become_pre_candidate();
    node.receive(2, pre_vote_response(2, true));
    node.turn();
    node.clock += 100;
    node.settle();
    assert_eq!(wait_ms(&node), 400);
}

#[test]
fn c1_the_claim_does_not_follow_and_its_gaps_are_counted() {
    let mut leader = Node::leader(3, 2, &[]);
    leader.raft.set_lease_duration(Duration::from_millis(100));
    leader.clock += 100;
    leader.receive(2, accepted(2, 0, 1));
    leader.settle();
    let answer = |leader: &mut Node, after: u64| {
        leader.clock += HEARTBEAT;
        leader.turn();
        let round = leader.raft.round().expect("it leads").0;
        leader.clock += after;
        leader.receive(2, echo(2, round));
        leader.turn();
    };
    answer(&mut leader, 1);
    let claim = leader.raft.leader_lease(&leader.now()).expect("a claim");
    assert!(claim.length < Duration::from_millis(100));
    assert_eq!(leader.raft.lease_gaps(), 0);
    answer(&mut leader, 120);
    answer(&mut leader, 1);
    assert_eq!(leader.raft.lease_gaps(), 1);
    let claim = leader.raft.leader_lease(&leader.now()).expect("a claim");
    assert!(claim.length < Duration::from_millis(100));
    assert!(wait_ms(&leader) > ELECTION);
}

#[test]
fn a_node_that_reaches_a_quorum_and_has_heard_no_leader_asks_at_once() {
    let mut node = Node::with_log(1, 3, 4, &[1, 2]);
    node.clock += 1;
    node.handle(Event::PeerUp(NodeId(2)));
    node.clock += 10;
    node.handle(Event::Deadline);
    assert_eq!((node.raft.role(), node.raft.term()), (Role::PreCandidate, Term(4)));
    node.turn();
    assert_eq!(node.sent_to(2), [pre_vote(5, 2, 2)]);
    // Peers that come later are asked, too.
    node.sent();
    node.handle(Event::PeerUp(NodeId(3)));
    node.turn();
    assert_eq!(node.sent(), [(3, pre_vote(5, 2, 2))]);
}

#[test]
fn of_two_that_ask_each_other_one_goes_on() {
    for (id, granted) in [(1, true), (3, false)] {
        let mut node = Node::with_log(id, 3, 4, &[1, 2]);
        node.become_pre_candidate();
        node.turn();
        node.sent();
        node.receive(2, pre_vote(5, 2, 2));
        node.receive(2, pre_vote(5, 2, 3));
        node.turn();
        let term = if granted { 5 } else { 4 };
        let answers = [(2, pre_vote_response(term, granted)), (2, pre_vote_response(5, true))];
        assert_eq!(node.sent(), answers);
    }
}

#[test]
fn a_node_that_reaches_no_quorum_waits() {
    let mut node = Node::with_log(1, 5, 4, &[]);
    node.handle(Event::PeerUp(NodeId(2)));
    node.clock += ELECTION - 1;
    node.handle(Event::Deadline);
    assert_eq!(node.raft.role(), Role::Follower);
}

#[test]
fn a_node_that_hears_a_leader_does_not_ask_when_others_come() {
    let mut node = follower();
    node.handle(Event::PeerUp(NodeId(2)));
    node.handle(Event::PeerUp(NodeId(3)));
    node.clock += ELECTION - 1;
    node.handle(Event::Deadline);
    assert_eq!(node.raft.role(), Role::Follower);
}

#[test]
fn r11_a_node_that_is_back_in_a_cluster_with_a_leader_changes_nothing() {
    let mut other = follower();
    hear(&mut other, HEARTBEAT, 3);
    other.receive(3, pre_vote(2, 0, 0));
    other.turn();
    assert_eq!(other.sent_to(3), [pre_vote_response(1, false)]);
    assert_eq!((other.raft.term(), other.raft.leader()), (Term(1), Some(NodeId(2))));
}

#[test]
fn c2_a_quick_leader_still_waits_before_it_claims() {
    let mut leader = Node::with_log(1, 1, 0, &[]);
    leader.raft.set_lease_duration(Duration::from_millis(100));
    leader.clock += 10;
    leader.handle(Event::Deadline);
    leader.settle();
    assert_eq!(leader.raft.role(), Role::Leader);
    assert_eq!(leader.raft.leader_lease(&leader.now()), None);
    leader.clock += 99;
    assert_eq!(leader.raft.leader_lease(&leader.now()), None);
    leader.clock += 1;
    assert!(leader.raft.leader_lease(&leader.now()).is_some());
}

#[test]
fn each_change_of_leader_says_why() {
    let mut node = follower();
    node.turn();
    let change = node.raft.last_change().expect("a first leader");
    assert_eq!((change.leader, change.reason), (NodeId(2), Reason::Started));
    assert_eq!(node.raft.leader_changes(), 0);

    node.handle(Event::PeerDown(NodeId(2)));
    node.receive(3, vote(2, 0, 0));
    node.receive(3, heartbeat(2, 0, 0));
    assert_eq!(node.raft.last_change().unwrap().reason, Reason::Closed { leader: NodeId(2) });

    node.clock += 3 * ELECTION;
    node.receive(2, vote(3, 0, 0));
    node.receive(2, heartbeat(3, 0, 0));
    let silent = Duration::from_millis(3 * ELECTION);
    let reason = node.raft.last_change().unwrap().reason;
    assert!(matches!(reason, Reason::Silence { leader: NodeId(3), silent: s, .. } if s >= silent));
    assert_eq!(node.raft.leader_changes(), 2);

    node.receive(3, heartbeat(4, 0, 0));
    assert_eq!(node.raft.last_change().unwrap().reason, Reason::Elsewhere { leader: NodeId(2) });
    assert_eq!(node.raft.leader_changes(), 3);
}

#[test]
fn a_leader_that_hands_over_says_so() {
    let mut leader = Node::leader(3, 2, &[]);
    leader.raft.transfer(&leader.now(), Some(NodeId(2)), LeaseTold::Ended).unwrap();
    leader.receive(2, heartbeat(3, 0, 0));
    let reason = leader.raft.last_change().unwrap().reason;
    assert_eq!(reason, Reason::HandedOver { leader: NodeId(1) });
    assert_eq!(leader.raft.leader_changes(), 1);
}

#[test]
fn a_leader_that_stood_still_itself_says_so() {
    let mut leader = Node::leader(3, 2, &[]);
    leader.receive(2, accepted(2, 0, 1));
    leader.settle();
    leader.clock += 9 * ELECTION;
    leader.turn();
    assert_ne!(leader.raft.role(), Role::Leader);
    leader.receive(3, heartbeat(3, 0, 0));
    leader.turn();
    let reason = leader.raft.last_change().expect("a new leader").reason.to_string();
    assert!(reason.starts_with("this node led, and no majority answered for "), "{reason}");
    assert!(reason.contains(", and this node itself was "), "{reason}");
}
