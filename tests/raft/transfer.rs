//! Scenarios of the section *Leadership transfer*: whom the leader tells, when, and what becomes of claims (C3).

use crate::harness::*;
use crate::lease::{DELTA, claiming_leader};
use crate::network::{Network, demote, remove};
use tenure::base::{Index, NodeId, ReadId, Term};
use tenure::raft::{
    EntryKind, Event, HardState, LeaseTold, MembershipError, Message, ProposeError, Role,
    TransferError, Urgency,
};

/// Three nodes, the first of which leads term 1; nothing is claimed.
fn network() -> Network {
    let mut network = Network::new(3);
    network.elect(1);
    network
}

/// As [`network`]; node 1 claims the leader lease.
fn claiming_network() -> Network {
    let mut network = network();
    network.set_lease_duration(DELTA);
    network.run(DELTA + 2 * HEARTBEAT);
    assert_eq!(network.claimants(), [1]);
    network
}

fn transfer(node: &mut Node, target: u64, claim: LeaseTold) -> Result<(), TransferError> {
    let now = node.now();
    node.raft.transfer(&now, Some(NodeId(target)), claim)
}

/// The kind of the last entry of its log.
fn last_kind(node: &Node) -> EntryKind {
    node.raft.entry(node.raft.last_index()).expect("an entry").header.kind
}

fn is_told(node: &mut Node, id: u64) -> bool {
    node.sent_to(id).iter().any(|message| matches!(message, Message::TimeoutNow(_)))
}

/// A heartbeat interval passes, and follower 2 answers with all that it was sent.
fn beat_and_answer(leader: &mut Node) {
    leader.clock += HEARTBEAT;
    leader.settle();
    for message in leader.sent_to(2) {
        match message {
            Message::Heartbeat(beat) => leader.receive(2, echo(2, beat.round.0)),
            Message::Append(append) => {
                let matched = append.prev_index.0 + append.entries.len() as u64;
                leader.receive(2, accepted(2, append.round.0, matched));
            }
            other => panic!("{other:?}"),
        }
    }
}

fn claims(node: &Node) -> bool {
    let now = node.now();
    node.raft.leader_lease(&now).is_some_and(|lease| now.elapsed_hi(&lease.start) < lease.length)
}

#[test]
fn up_to_date_target_leads_at_once() {
    let mut network = network();
    network.transfer(1, 3, LeaseTold::Standing);
    network.deliver();
    assert_eq!((network.leader(), network.term()), (Some(3), 2));
    assert_eq!(network.node(1).raft.leader(), Some(NodeId(3)));
}

#[test]
fn target_that_lags_is_told_when_it_has_all() {
    let mut network = network();
    network.isolate(3);
    for _ in 0..20 {
        network.node(1).propose();
        network.deliver();
    }
    network.transfer(1, 3, LeaseTold::Standing);
    network.deliver();
    assert_eq!(network.leader(), Some(1), "it lacks entries");
    network.reconnect();
    network.deliver();
    assert_eq!((network.leader(), network.term()), (Some(3), 2));
    assert!(network.node(3).raft.commit() > Index(21));
}

#[test]
fn target_that_needs_a_snapshot_is_told_behind_it() {
    let mut network = network();
    network.isolate(3);
    network.node(1).propose();
    network.deliver();
    network.snapshot(1);
    network.stores_at_once = false;
    network.reconnect();
    network.transfer(1, 3, LeaseTold::Standing);
    network.deliver();
    assert_eq!(network.node(3).installs.len(), 1);
    assert_eq!(network.leader(), Some(1), "it is not stored yet");
    network.node(3).store_installs();
    network.run(2 * HEARTBEAT);
    assert_eq!((network.leader(), network.term()), (Some(3), 2));
}

#[test]
fn claim_has_ended_and_relinquish_is_committed_before_the_target_is_told() {
    let (mut leader, _) = claiming_leader();
    transfer(&mut leader, 2, LeaseTold::Standing).expect("a voter");
    leader.sent();
    while claims(&leader) {
        assert_eq!(last_kind(&leader), EntryKind::NoOp, "its claim goes on");
        leader.turn();
        assert!(!is_told(&mut leader, 2));
        leader.clock += 1;
    }
    leader.turn();
    assert_eq!((leader.raft.last_index(), last_kind(&leader)), (Index(2), EntryKind::Relinquish));
    leader.settle();
    assert!(!is_told(&mut leader, 2), "not committed");
    leader.receive(3, accepted(2, 0, 2));
    leader.turn();
    assert!(!is_told(&mut leader, 2), "committed, and the target lacks it");
    leader.receive(2, accepted(2, 0, 2));
    leader.turn();
    assert_eq!(leader.sent_to(2), [timeout_now(2)]);
    beat_and_answer(&mut leader);
    leader.turn();
    assert!(!is_told(&mut leader, 2), "once");
}

#[test]
fn target_that_holds_all_is_told_only_when_that_is_committed() {
    let mut leader = Node::leader(5, 2, &[]);
    transfer(&mut leader, 2, LeaseTold::Standing).expect("a voter");
    leader.receive(2, accepted(2, 0, 1));
    leader.settle();
    assert!(!is_told(&mut leader, 2), "two of five hold it");
    leader.receive(3, accepted(2, 0, 1));
    leader.settle();
    assert!(is_told(&mut leader, 2));
}

#[test]
fn claim_is_not_extended_once_a_transfer_began() {
    let (mut leader, begun) = claiming_leader();
    transfer(&mut leader, 2, LeaseTold::Standing).expect("a voter");
    let frozen = leader.raft.leader_lease(&leader.now());
    assert!(frozen.is_some());
    while leader.clock < begun + DELTA - HEARTBEAT {
        beat_and_answer(&mut leader);
        assert_eq!(leader.raft.leader_lease(&leader.now()), frozen);
    }
    // Another target changes nothing about that.
    transfer(&mut leader, 3, LeaseTold::Standing).expect("a voter");
    assert_eq!(leader.raft.leader_lease(&leader.now()), frozen);
    beat_and_answer(&mut leader);
    assert_eq!(leader.raft.leader_lease(&leader.now()), None);
}

#[test]
fn claim_that_nobody_believes_in_is_not_waited_for() {
    let (mut leader, _) = claiming_leader();
    transfer(&mut leader, 2, LeaseTold::Ended).expect("a voter");
    assert!(!claims(&leader));
    leader.turn();
    assert_eq!(last_kind(&leader), EntryKind::Relinquish);
}

#[test]
fn leader_that_waits_itself_relinquishes_nothing() {
    for claim in [LeaseTold::Standing, LeaseTold::Ended] {
        let mut network = network();
        network.set_lease_duration(DELTA);
        network.transfer(1, 2, claim);
        network.deliver();
        assert_eq!(network.leader(), Some(2));
        let kind = |entry: &tenure::raft::Entry| entry.header.kind;
        let node = network.node(2);
        let kinds: Vec<_> = node.raft.entries(Index(1), Index(2)).map(kind).collect();
        assert_eq!(kinds, [EntryKind::NoOp, EntryKind::NoOp]);
        network.run(DELTA - 2 * HEARTBEAT);
        assert!(network.claimants().is_empty(), "so the next one waits");
    }
}

#[test]
fn leader_behind_a_relinquish_claims_at_once() {
    let mut network = claiming_network();
    network.transfer(1, 2, LeaseTold::Standing);
    let handed_over = network.run_until(DELTA, |network| network.leader() == Some(2));
    assert!(handed_over + HEARTBEAT > DELTA - HEARTBEAT, "the claim ran out: {handed_over} ms");
    let waited = network.run_until(DELTA, |network| network.claimants() == [2]);
    assert!(waited <= 2 * HEARTBEAT, "{waited} ms");
}

#[test]
fn entry_between_a_relinquish_and_the_next_noop_ends_its_effect() {
    // [.., Relinquish, Command]: somebody else may have led, and claimed, in between.
    let mut disk = Disk { entries: log(&[1, 1, 1]), ..Disk::default() };
    disk.hard_state = HardState { term: Term(1), vote: None };
    for (relinquish, waits) in [(2, true), (3, false)] {
        let mut disk = disk.clone();
        disk.entries[relinquish - 1].header.kind = EntryKind::Relinquish;
        let mut network = Network::new(3);
        let start = |id| Node::start(config(id, 3), disk.clone(), 1000);
        network.nodes = (1..=3).map(start).collect();
        network.elect(1);
        network.set_lease_duration(DELTA);
        network.run(2 * HEARTBEAT);
        assert_eq!(network.claimants().is_empty(), waits, "Relinquish at {relinquish}");
    }
}

#[test]
fn aborted_transfer_restores_the_claim_only_behind_an_own_committed_entry() {
    let (mut leader, _) = claiming_leader();
    transfer(&mut leader, 3, LeaseTold::Ended).expect("a voter");
    for _ in 0..ELECTION / HEARTBEAT {
        beat_and_answer(&mut leader);
        assert!(leader.raft.is_transferring());
    }
    leader.clock += 1;
    leader.settle();
    assert!(!leader.raft.is_transferring(), "an election timeout is over");
    assert_eq!(last_kind(&leader), EntryKind::NoOp);
    assert_eq!(leader.raft.last_index(), Index(3));
    assert!(!claims(&leader), "its entry is not committed");
    let round = leader.sent_to(2).iter().find_map(|message| match message {
        Message::Append(append) => Some(append.round.0),
        _ => None,
    });
    let round = round.expect("the entry is on its way");
    leader.receive(2, echo(2, round));
    assert!(!claims(&leader), "an echo is not enough");
    leader.receive(2, accepted(2, round, 3));
    assert!(claims(&leader));
    assert_eq!(leader.propose_bytes(0, Urgency::Normal), Ok(Index(4)));
}

#[test]
fn transfer_that_is_not_done_in_an_election_timeout_is_given_up() {
    let mut network = network();
    network.isolate(3);
    network.transfer(1, 3, LeaseTold::Standing);
    network.run(ELECTION);
    assert!(network.node(1).raft.is_transferring());
    network.run(HEARTBEAT + 1);
    assert!(!network.node(1).raft.is_transferring());
    let index = network.node(1).propose();
    network.deliver();
    assert!(network.node(1).raft.commit() >= index);
    assert_eq!((network.leader(), network.term()), (Some(1), 1));
}

#[test]
fn order_that_is_lost_is_given_up() {
    let mut network = claiming_network();
    network.transfer(1, 2, LeaseTold::Ended);
    network.cut_one_way(1, 2);
    network.run(ELECTION + 2 * HEARTBEAT);
    assert!(!network.node(1).raft.is_transferring());
    network.heal();
    network.run(2 * HEARTBEAT);
    assert_eq!((network.leader(), network.claimants()), (Some(1), vec![1]));
}

#[test]
fn proposals_and_changes_are_refused_during_a_transfer() {
    let mut network = network();
    network.isolate(3);
    network.transfer(1, 3, LeaseTold::Standing);
    let refused = network.node(1).propose_bytes(1, Urgency::Frees);
    assert_eq!(refused, Err(ProposeError::Transferring));
    let refused = network.change(1, &[remove(3)]);
    assert_eq!(refused, Err(MembershipError::Transferring));
    // A read needs no entry.
    network.node(1).raft.read(ReadId(1)).expect("it leads");
    network.deliver();
    assert_eq!(network.node(1).ready.len(), 1);
}

#[test]
fn only_another_voter_can_be_the_target() {
    let mut network = network();
    let learner = network.add_learner(1);
    let leader = network.node(1);
    for target in [learner, 9, 0] {
        let refused = Err(TransferError::NotVoter(NodeId(target)));
        assert_eq!(transfer(leader, target, LeaseTold::Standing), refused);
    }
    assert_eq!(transfer(leader, 1, LeaseTold::Standing), Ok(()), "it leads already");
    assert!(!leader.raft.is_transferring());
    let refused = transfer(network.node(2), 3, LeaseTold::Standing);
    assert_eq!(refused, Err(TransferError::NotLeader));

    let mut alone = Node::leader(1, 1, &[]);
    let now = alone.now();
    assert_eq!(alone.raft.transfer(&now, None, LeaseTold::Standing), Err(TransferError::Alone));
}

#[test]
fn voter_that_is_to_leave_is_no_target() {
    let mut network = Network::new(4);
    network.elect(1);
    network.isolate(4);
    network.isolate(2);
    // Joint, and stuck in it.
    network.change(1, &[remove(3), demote(4)]).expect("a change");
    for leaving in [3, 4] {
        let refused = transfer(network.node(1), leaving, LeaseTold::Standing);
        assert_eq!(refused, Err(TransferError::NotVoter(NodeId(leaving))));
    }
    assert_eq!(transfer(network.node(1), 2, LeaseTold::Standing), Ok(()));
}

#[test]
fn repeated_transfer_changes_nothing_and_another_one_replaces_it() {
    let mut network = network();
    network.isolate(3);
    network.transfer(1, 3, LeaseTold::Standing);
    network.run(ELECTION - 10);
    network.transfer(1, 3, LeaseTold::Standing);
    network.run(HEARTBEAT + 11);
    assert!(!network.node(1).raft.is_transferring(), "the second call moved no deadline");

    network.transfer(1, 3, LeaseTold::Standing);
    network.transfer(1, 2, LeaseTold::Standing);
    network.deliver();
    assert_eq!(network.leader(), Some(2));

    network.heal();
    network.run(2 * HEARTBEAT);
    network.isolate(1);
    network.transfer(2, 1, LeaseTold::Standing);
    network.transfer(2, 2, LeaseTold::Standing);
    assert!(!network.node(2).raft.is_transferring(), "back to itself");
    assert!(network.node(2).propose_bytes(0, Urgency::Normal).is_ok());
}

#[test]
fn transfer_taken_back_while_the_claim_runs_writes_nothing() {
    let (mut leader, _) = claiming_leader();
    transfer(&mut leader, 2, LeaseTold::Standing).expect("a voter");
    leader.turn();
    transfer(&mut leader, 1, LeaseTold::Standing).expect("back");
    beat_and_answer(&mut leader);
    assert_eq!(leader.raft.last_index(), Index(1));
    let start = leader.raft.leader_lease(&leader.now()).expect("a claim").start;
    assert_eq!(start, leader.now(), "extended again");
}

#[test]
fn leader_that_is_deposed_forgets_its_transfer() {
    let mut leader = Node::leader(3, 2, &[]);
    transfer(&mut leader, 3, LeaseTold::Standing).expect("a voter");
    leader.receive(2, ordered_vote(3, 1, 2));
    assert_eq!((leader.raft.role(), leader.raft.vote()), (Role::Follower, Some(NodeId(2))));
    assert!(!leader.raft.is_transferring());
}

#[test]
fn without_a_target_the_voter_that_has_most_of_the_log_is_told() {
    let mut leader = Node::leader(5, 2, &[]);
    let learned = [(2, 1), (3, 2), (4, 2), (5, 1)];
    leader.propose();
    leader.settle();
    learned.iter().for_each(|(from, matched)| leader.receive(*from, accepted(2, 0, *matched)));
    leader.settle();
    leader.sent();
    let now = leader.now();
    leader.raft.transfer(&now, None, LeaseTold::Standing).expect("a voter");
    leader.turn();
    assert!(is_told(&mut leader, 3));
    // Not one whose connection closed.
    leader.handle(Event::PeerDown(NodeId(3)));
    leader.raft.transfer(&now, Some(NodeId(1)), LeaseTold::Standing).expect("back");
    leader.raft.transfer(&now, None, LeaseTold::Standing).expect("a voter");
    leader.turn();
    assert!(is_told(&mut leader, 4));
}
