//! Scenarios of the section *ReadIndex*.

use crate::harness::*;
use crate::network::Network;
use tenure::base::limits::HELD_REQUESTS_MAX;
use tenure::base::{Index, NodeId, ReadId};
use tenure::raft::{Event, ReadError, Role};

/// A leader of three whose no-op, entry 1, is committed.
fn leader() -> Node {
    let mut leader = Node::leader(3, 2, &[]);
    leader.receive(2, accepted(2, 0, 1));
    leader.settle();
    leader
}

#[test]
fn read_at_a_new_leader_waits_for_its_own_noop() {
    let mut leader = Node::leader(3, 2, &[1, 1]);
    leader.raft.read(ReadId(1)).expect("it leads");
    leader.turn();
    leader.receive(2, echo(2, 1));
    leader.receive(3, echo(2, 1));
    leader.turn();
    assert_eq!(leader.ready, []);
    leader.receive(2, accepted(2, 1, 3));
    leader.turn();
    assert_eq!(leader.ready, [(ReadId(1), Index(3))], "all that earlier leaders acknowledged");
}

#[test]
fn read_is_confirmed_by_a_round_that_began_after_it() {
    let mut leader = leader();
    leader.beat();
    leader.raft.read(ReadId(1)).expect("it leads");
    leader.outbox.clear();
    leader.turn();
    assert_eq!(leader.sent(), [(2, heartbeat(2, 2, 1)), (3, heartbeat(2, 2, 0))], "at once");
    leader.receive(2, echo(2, 1));
    leader.receive(3, echo(2, 1));
    leader.turn();
    assert_eq!(leader.ready, [], "sent before the read was received");
    leader.receive(3, echo(2, 2));
    leader.turn();
    assert_eq!(leader.ready, [(ReadId(1), Index(1))]);
}

#[test]
fn read_that_has_time_waits_for_the_next_heartbeat_and_its_echo() {
    let mut leader = leader();
    leader.beat();
    leader.raft.read_leisurely(ReadId(1)).expect("it leads");
    leader.outbox.clear();
    leader.turn();
    assert_eq!(leader.sent(), [], "no round of its own");
    leader.receive(2, echo(2, 1));
    leader.receive(3, echo(2, 1));
    leader.turn();
    assert_eq!(leader.ready, [], "sent before the read was received");
    leader.beat();
    leader.receive(3, echo(2, 2));
    leader.turn();
    assert_eq!(leader.ready, [(ReadId(1), Index(1))]);
}

#[test]
fn read_that_has_time_takes_the_round_of_one_that_has_none() {
    let mut leader = leader();
    leader.raft.read_leisurely(ReadId(1)).expect("it leads");
    leader.turn();
    leader.raft.read(ReadId(2)).expect("it leads");
    leader.turn();
    leader.receive(2, echo(2, 1));
    leader.turn();
    assert_eq!(leader.ready, [(ReadId(1), Index(1)), (ReadId(2), Index(1))]);
}

#[test]
fn of_reads_that_have_time_a_bounded_number_waits() {
    let mut leader = leader();
    leader.outbox.clear();
    let waiting = (1..=HELD_REQUESTS_MAX as u64).take_while(|read| {
        leader.raft.read_leisurely(ReadId(*read)).expect("it leads");
        leader.turn();
        leader.sent().is_empty()
    });
    assert_eq!(waiting.count(), 255, "then a round begins for them");
}

#[test]
fn read_index_is_the_commit_index_at_its_receipt() {
    let mut leader = leader();
    leader.propose();
    leader.settle();
    leader.receive(2, accepted(2, 0, 2));
    leader.raft.read(ReadId(1)).expect("it leads");
    leader.propose();
    leader.settle();
    leader.receive(2, accepted(2, 1, 3));
    leader.turn();
    assert_eq!(leader.raft.commit(), Index(3));
    assert_eq!(leader.ready, [(ReadId(1), Index(2))]);
}

#[test]
fn reads_of_one_turn_share_a_round_and_a_rejection_confirms_too() {
    let mut leader = leader();
    for read in 1..=100 {
        leader.raft.read(ReadId(read)).expect("it leads");
    }
    leader.outbox.clear();
    leader.turn();
    assert_eq!(leader.sent().len(), 2);
    let mut refusal = rejected(2, 5, (0, 0));
    if let tenure::raft::Message::AppendResponse(response) = &mut refusal {
        response.round = tenure::base::Round(1);
    }
    leader.receive(3, refusal);
    leader.turn();
    assert_eq!(leader.ready.len(), 100);
}

#[test]
fn reads_need_a_quorum_of_echoes() {
    let mut leader = Node::leader(5, 2, &[]);
    leader.receive(2, accepted(2, 0, 1));
    leader.receive(3, accepted(2, 0, 1));
    leader.raft.read(ReadId(1)).expect("it leads");
    leader.turn();
    leader.receive(2, echo(2, 1));
    leader.receive(2, echo(2, 1));
    leader.turn();
    assert_eq!(leader.ready, []);
    leader.receive(5, echo(2, 1));
    leader.turn();
    assert_eq!(leader.ready.len(), 1);
}

#[test]
fn echo_of_a_round_that_was_not_begun_confirms_nothing() {
    let mut leader = leader();
    leader.receive(2, echo(2, 9));
    leader.receive(3, accepted(2, 9, 1));
    leader.raft.read(ReadId(1)).expect("it leads");
    leader.turn();
    assert_eq!(leader.ready, []);
}

#[test]
fn single_voter_confirms_reads_in_the_same_turn() {
    let mut leader = Node::leader(1, 1, &[]);
    leader.raft.read(ReadId(1)).expect("it leads");
    leader.turn();
    assert_eq!(leader.ready, [(ReadId(1), Index(1))]);
}

#[test]
fn isolated_leader_confirms_no_read_and_fails_them_when_it_steps_down() {
    let mut network = Network::new(3);
    network.elect(1);
    network.isolate(1);
    network.node(1).raft.read(ReadId(1)).expect("it leads");
    network.run(ELECTION / 2);
    network.node(1).raft.read(ReadId(2)).expect("it still leads");
    network.run(ELECTION);
    let node = network.node(1);
    assert_ne!(node.raft.role(), Role::Leader);
    assert_eq!(node.ready, []);
    assert_eq!(node.failed, [ReadId(1), ReadId(2)]);
    assert_eq!(node.raft.read(ReadId(3)), Err(ReadError::NotLeader));
}

#[test]
fn deposed_leader_fails_reads_of_the_same_turn() {
    let mut leader = leader();
    leader.raft.read(ReadId(1)).expect("it leads");
    leader.receive(2, append(3, (1, 2), 1, &[]));
    leader.turn();
    assert_eq!((leader.ready.len(), &leader.failed[..]), (0, &[ReadId(1)][..]));
}

#[test]
fn reads_are_bounded_and_confirmed_ones_make_room() {
    let mut leader = leader();
    let bound = HELD_REQUESTS_MAX as u64;
    for batch in 0..2 {
        for read in 0..=bound {
            leader.raft.read(ReadId(batch * 1_000_000 + read)).expect("it leads");
        }
        leader.turn();
        assert_eq!(leader.failed, [ReadId(batch * 1_000_000 + bound)], "one too many");
        leader.failed.clear();
        leader.receive(2, echo(2, batch + 1));
        leader.turn();
        assert_eq!(leader.ready.len() as u64, bound);
        leader.ready.clear();
    }
}

#[test]
fn reads_are_served_across_a_change_of_leader() {
    let mut network = Network::new(3);
    network.elect(1);
    let index = network.node(1).propose();
    network.deliver();
    network.isolate(1);
    network.node(2).handle(Event::PeerDown(NodeId(1)));
    network.node(3).handle(Event::PeerDown(NodeId(1)));
    network.run(ELECTION);
    let leader = network.leader().expect("a leader");
    assert_ne!(leader, 1);
    network.node(leader).raft.read(ReadId(9)).expect("it leads");
    network.deliver();
    let (read, at) = network.node(leader).ready[0];
    assert_eq!(read, ReadId(9));
    assert!(at >= index, "read at {at}, acknowledged {index}");
}
