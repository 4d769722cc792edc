//! Scenarios of the section *Election hardening and lease*: the leader lease (C1, C2, C4, C5).

use crate::harness::*;
use crate::network::{Network, demote, join, promote, remove};
use std::time::Duration;
use tenure::base::{Index, NodeId, Sample, time};
use tenure::raft::{Event, LeaseTold, Role};

/// The leader-lease duration, in milliseconds.
pub const DELTA: u64 = 150;

fn sample(millis: u64) -> Sample {
    Sample::at(millis * 1_000_000)
}

/// A leader of three that may claim, with the time at which its last confirmed round was begun.
pub fn claiming_leader() -> (Node, u64) {
    let mut leader = Node::leader(3, 2, &[]);
    leader.raft.set_lease_duration(Duration::from_millis(DELTA));
    leader.receive(2, accepted(2, 0, 1));
    leader.settle();
    let mut begun = 0;
    for round in 1..=DELTA / HEARTBEAT {
        leader.beat();
        begun = leader.clock;
        leader.receive(2, echo(2, round));
    }
    (leader, begun)
}

/// How long a claim is under a lease duration of so many milliseconds.
fn length(delta: u64) -> Duration {
    time::claim(Duration::from_millis(delta))
}

fn start(leader: &Node) -> Option<Sample> {
    leader.raft.leader_lease(&leader.now()).map(|lease| lease.start)
}

#[test]
fn claim_is_counted_from_the_beginning_of_the_round_that_a_quorum_echoed() {
    let (mut leader, begun) = claiming_leader();
    let round = DELTA / HEARTBEAT + 1;
    leader.beat();
    let sent = leader.clock;
    assert_eq!(start(&leader), Some(sample(begun)), "not echoed yet");
    leader.clock += 20;
    leader.receive(3, echo(2, round));
    assert_eq!(start(&leader), Some(sample(sent)), "sent then, echoed 20 ms later");
    let lease = leader.raft.leader_lease(&leader.now()).expect("a claim");
    assert_eq!(lease.length, length(DELTA));
    assert_eq!(lease.term, leader.raft.term());
}

#[test]
fn late_and_repeated_echoes_extend_no_claim() {
    let (mut leader, begun) = claiming_leader();
    let round = DELTA / HEARTBEAT;
    leader.clock += 10;
    leader.receive(2, echo(2, round));
    leader.receive(3, echo(2, round));
    leader.receive(3, echo(2, 1));
    leader.receive(2, accepted(2, 0, 1));
    assert_eq!(start(&leader), Some(sample(begun)));
    // An echo of a round that was never begun is no echo at all.
    leader.receive(3, echo(2, round + 1));
    leader.receive(3, echo(1, round));
    assert_eq!(start(&leader), Some(sample(begun)));
}

#[test]
fn claim_goes_on_through_more_rounds_than_samples_are_kept_of() {
    let (mut leader, mut begun) = claiming_leader();
    for round in DELTA / HEARTBEAT + 1..=5000 {
        leader.beat();
        begun = leader.clock;
        leader.receive(2, echo(2, round));
    }
    assert_eq!(start(&leader), Some(sample(begun)));
}

#[test]
fn claim_of_an_isolated_leader_is_over_before_check_quorum_fires() {
    let (mut leader, begun) = claiming_leader();
    while leader.clock < begun + DELTA {
        leader.beat();
    }
    let lease = leader.raft.leader_lease(&leader.now()).expect("still the same");
    assert_eq!(lease.start, sample(begun));
    assert!(leader.now().elapsed_hi(&lease.start) >= lease.length, "over by then");
    assert_eq!(leader.raft.role(), Role::Leader);
}

#[test]
fn new_leader_claims_only_after_delta_from_its_election() {
    let mut leader = Node::leader(3, 2, &[]);
    let won = leader.clock;
    leader.raft.set_lease_duration(Duration::from_millis(DELTA));
    leader.receive(2, accepted(2, 0, 1));
    leader.settle();
    while leader.clock < won + DELTA - HEARTBEAT {
        leader.beat();
        leader.receive(2, echo(2, (leader.clock - won) / HEARTBEAT));
    }
    leader.clock = won + DELTA - 1;
    assert_eq!(start(&leader), None);
    leader.clock += 1;
    assert!(start(&leader).is_some());
}

#[test]
fn c2_delta_has_passed_only_when_it_has_by_the_slowest_clock() {
    let mut leader = Node::leader(3, 2, &[]);
    let won = leader.clock;
    leader.raft.set_lease_duration(Duration::from_millis(DELTA));
    leader.receive(2, accepted(2, 0, 1));
    leader.settle();
    for round in 1..=DELTA / HEARTBEAT {
        leader.beat();
        leader.receive(2, echo(2, round));
    }
    // BOOTTIME is slewed ahead: by it Δ has passed, by RAW it has not.
    leader.clock = won + DELTA;
    let now = leader.now();
    let slewed = Sample { raw: now.raw - 1, ..now };
    assert_eq!(leader.raft.leader_lease(&slewed), None);
    assert!(leader.raft.leader_lease(&now).is_some());
}

#[test]
fn win_is_stamped_by_the_event_that_made_it() {
    // The last vote comes long after the candidacy began, and after the last turn.
    let mut leader = Node::with_log(1, 3, 1, &[]);
    leader.become_candidate();
    leader.clock += 100;
    leader.receive(2, vote_response(2, true));
    let won = leader.clock;
    leader.settle();
    leader.raft.set_lease_duration(Duration::from_millis(20));
    leader.receive(2, accepted(2, 0, 1));
    leader.settle();
    leader.clock = won + 19;
    assert_eq!(start(&leader), None);
    leader.clock = won + 20;
    assert!(start(&leader).is_some());
}

#[test]
fn leader_claims_nothing_before_its_noop_is_committed_and_applied() {
    let mut leader = Node::leader(3, 2, &[]);
    leader.raft.set_lease_duration(Duration::from_millis(DELTA));
    leader.clock += DELTA;
    leader.receive(2, echo(2, 0));
    assert_eq!(start(&leader), None, "not committed");
    leader.receive(2, accepted(2, 0, 1));
    assert_eq!(start(&leader), None, "not applied");
    leader.turn();
    assert!(start(&leader).is_some());
}

#[test]
fn nothing_is_claimed_before_delta_is_known_and_delta_only_grows() {
    let (leader, _) = claiming_leader();
    let mut fresh = Node::leader(1, 1, &[]);
    fresh.clock += 10 * DELTA;
    assert_eq!(start(&fresh), None);

    let mut raft = leader;
    raft.raft.set_lease_duration(Duration::from_millis(DELTA / 2));
    raft.beat();
    raft.receive(2, echo(2, DELTA / HEARTBEAT + 1));
    let lease = raft.raft.leader_lease(&raft.now()).expect("a claim");
    assert_eq!((lease.start, lease.length), (raft.now(), length(DELTA)), "nothing shorter");
    // Δ grows: the claim goes on, and grows only when the longer wait is over.
    raft.raft.set_lease_duration(Duration::from_millis(10 * DELTA));
    assert_eq!(raft.raft.leader_lease(&raft.now()), Some(lease));
    raft.beat();
    raft.receive(2, echo(2, DELTA / HEARTBEAT + 2));
    assert_eq!(raft.raft.leader_lease(&raft.now()), Some(lease), "it has not waited so long");
    raft.clock += 10 * DELTA;
    let longer = raft.raft.leader_lease(&raft.now()).expect("a claim");
    assert_eq!(longer.length, length(10 * DELTA));
}

#[test]
fn delta_that_is_told_again_changes_nothing() {
    let (mut leader, _) = claiming_leader();
    let claim = leader.raft.leader_lease(&leader.now());
    leader.raft.set_lease_duration(Duration::from_millis(10 * DELTA));
    let now = leader.now();
    leader.raft.transfer(&now, Some(NodeId(2)), LeaseTold::Ended).expect("a voter");
    assert_eq!(leader.raft.leader_lease(&now), None);
    leader.raft.set_lease_duration(Duration::from_millis(10 * DELTA));
    leader.raft.transfer(&now, Some(leader.id), LeaseTold::Ended).expect("taken back");
    assert_eq!(leader.raft.leader_lease(&now), claim, "kept since it grew");
}

#[test]
fn leader_that_stepped_down_or_failed_claims_nothing() {
    let (mut leader, _) = claiming_leader();
    leader.receive(3, append(3, (1, 2), 1, &[]));
    assert_eq!(start(&leader), None);

    let (mut leader, _) = claiming_leader();
    leader.handle(Event::PersistFailed);
    assert_eq!(start(&leader), None);
}

#[test]
fn single_voter_claims_from_now() {
    let mut leader = Node::leader(1, 1, &[]);
    leader.raft.set_lease_duration(Duration::from_millis(DELTA));
    leader.clock += DELTA - 1;
    assert_eq!(start(&leader), None);
    leader.clock += 1;
    assert_eq!(start(&leader), Some(leader.now()));
}

#[test]
fn rounds_without_end_extend_no_claim() {
    // More rounds than samples are kept: the claim may only start earlier for it.
    let (mut leader, begun) = claiming_leader();
    leader.clock += 10;
    for read in 0..5000 {
        leader.raft.read(tenure::base::ReadId(read)).expect("it leads");
        leader.turn();
    }
    leader.clock += 10;
    assert_eq!(start(&leader), Some(sample(begun)));
    let last = DELTA / HEARTBEAT + 5000;
    let sent = leader.clock - 10;
    leader.receive(2, echo(2, last));
    assert_eq!(start(&leader), Some(sample(sent)));
}

#[test]
fn learners_and_removed_members_count_for_no_claim() {
    let (mut leader, begun) = claiming_leader();
    leader.receive(3, accepted(2, 0, 1));
    let now = leader.now();
    leader.raft.change_membership(&now, &join(4)).expect("a learner");
    leader.settle();
    leader.receive(2, accepted(2, 0, 2));
    leader.receive(3, accepted(2, 0, 2));
    leader.settle();
    assert_eq!(leader.raft.commit(), Index(2));
    let round = DELTA / HEARTBEAT + 1;
    leader.beat();
    leader.receive(4, echo(2, round));
    leader.receive(9, echo(2, round));
    assert_eq!(start(&leader), Some(sample(begun)), "a learner, and a stranger");

    leader.raft.change_membership(&now, &[remove(3)]).expect("a change");
    leader.settle();
    leader.receive(3, echo(2, round));
    assert_eq!(start(&leader), Some(sample(begun)), "removed just now");
    leader.receive(2, echo(2, round));
    assert_eq!(start(&leader), Some(leader.now()));
}

#[test]
fn joint_members_must_both_have_echoed() {
    let mut network = Network::new(3);
    network.elect(1);
    for _ in 0..2 {
        network.add_learner(1);
    }
    network.set_lease_duration(DELTA);
    network.run(DELTA + HEARTBEAT);
    // Joint, and stuck in it: the incoming half is 1, 4 and 5.
    network.isolate(4);
    network.isolate(5);
    let joint = [promote(4), promote(5), demote(2), demote(3)];
    network.change(1, &joint).expect("a change");
    let claimed = start(network.node(1)).expect("a claim");
    network.run(2 * HEARTBEAT);
    assert_eq!(network.node(1).raft.commit(), Index(3));
    assert_eq!(start(network.node(1)), Some(claimed), "no quorum of the incoming half");
}

#[test]
fn change_of_members_takes_back_no_claim() {
    // Alone it claims from now; together with another from what that one echoed. But programs were told.
    let mut network = Network::new(1);
    network.elect(1);
    let id = network.add_learner(1);
    network.set_lease_duration(DELTA);
    network.run(DELTA + 10);
    network.isolate(id);
    network.run(HEARTBEAT);
    let before = start(network.node(1)).expect("a claim");
    assert_eq!(before, network.node(1).now());
    network.change(1, &[promote(id)]).expect("a change");
    assert_eq!(start(network.node(1)), Some(before));
    network.run(10);
    assert_eq!(start(network.node(1)), Some(before), "and is not extended either");
    // A transfer waits for the end of what was told.
    network.heal();
    network.node(1).handle(Event::PeerUp(tenure::base::NodeId(id)));
    network.transfer(1, id, LeaseTold::Standing);
    network.run_until(2 * DELTA, |network| network.claimants() == [id]);
}

#[test]
fn claim_moves_with_leadership_and_never_stands_twice() {
    let mut network = Network::new(3);
    for (node, rate) in network.nodes.iter_mut().zip([-10_000, 10_000, 0]) {
        *node = Node::start_at_rate(node.config.clone(), Disk::default(), 1000, rate);
    }
    network.set_lease_duration(DELTA);
    for turn in 0..30 {
        network.run(3 * DELTA);
        let leader = network.leader().expect("a leader");
        assert_eq!(network.claimants(), [leader]);
        match turn % 3 {
            0 => network.transfer(leader, leader % 3 + 1, LeaseTold::Standing),
            1 => network.close_connections_of(leader),
            _ => network.heal(),
        }
    }
    assert!(network.term() > 15, "leadership moved");
}
