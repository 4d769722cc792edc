//! Scenarios of the section *Replication flow*.

use crate::harness::*;
use crate::network::Network;
use tenure::base::limits::{APPEND_BYTES_MAX, ENTRY_BYTES_MAX, INFLIGHT_BYTES_MAX};
use tenure::base::{Index, NodeId, Term};
use tenure::raft::{Entry, Event, HardState, Message, Payload, Urgency};

/// A leader of three whose follower 2 holds all that was sent so far.
fn leader() -> Node {
    let mut leader = Node::leader(3, 2, &[]);
    leader.receive(2, accepted(2, 0, 1));
    leader.settle();
    leader.outbox.clear();
    leader
}

fn spans(leader: &mut Node) -> Vec<(u64, usize)> {
    leader.sent_to(2).iter().filter_map(span).collect()
}

/// Fills the window of follower 2 with entries of the largest size; the last index sent, and the bytes.
fn fill_window(leader: &mut Node) -> (u64, usize) {
    for _ in 0..60 {
        leader.propose_bytes(ENTRY_BYTES_MAX, Urgency::Normal).expect("room");
    }
    let (mut last, mut bytes) = (0, 0);
    loop {
        leader.settle();
        let sent = leader.sent_to(2);
        if sent.is_empty() {
            return (last, bytes);
        }
        for message in sent {
            let Message::Append(append) = message else { panic!("{message:?}") };
            let size: usize = append.entries.iter().map(Entry::size).sum();
            assert!(size <= APPEND_BYTES_MAX, "{size} bytes in one append");
            bytes += size;
            last = append.entries.last().expect("entries").index.0;
        }
    }
}

#[test]
fn probing_leader_sends_one_append_and_waits() {
    let mut leader = Node::winner(3, 2, &[]);
    leader.settle();
    assert_eq!(spans(&mut leader), [(0, 1)]);
    leader.propose();
    leader.settle();
    leader.propose();
    leader.settle();
    assert_eq!(spans(&mut leader), [], "the first is not answered");
    leader.beat();
    leader.receive(2, echo(2, 1));
    leader.outbox.clear();
    leader.turn();
    assert_eq!(spans(&mut leader), [(0, 3)], "repeated after a sign of life");
    leader.receive(2, accepted(2, 1, 3));
    leader.turn();
    assert_eq!(spans(&mut leader), []);
}

#[test]
fn replicating_leader_sends_ahead_of_acknowledgements() {
    let mut leader = leader();
    for expected in [(1, 1), (2, 1), (3, 1)] {
        leader.propose();
        leader.settle();
        assert_eq!(spans(&mut leader), [expected]);
    }
}

#[test]
fn window_of_a_follower_is_bounded_and_acknowledgements_open_it() {
    let mut leader = leader();
    let (last, bytes) = fill_window(&mut leader);
    assert!(bytes <= INFLIGHT_BYTES_MAX, "{bytes} bytes in flight");
    assert!(bytes + ENTRY_BYTES_MAX + 64 > INFLIGHT_BYTES_MAX, "{bytes} bytes only");
    leader.receive(2, accepted(2, 0, 1));
    leader.turn();
    assert_eq!(spans(&mut leader), [], "nothing was freed");
    leader.receive(2, accepted(2, 0, last));
    leader.turn();
    assert_eq!(spans(&mut leader)[0].0, last);
}

#[test]
fn heartbeat_response_releases_exactly_one_empty_append_of_a_full_window() {
    let mut leader = leader();
    let (last, _) = fill_window(&mut leader);
    for round in 1..=3 {
        leader.beat();
        assert_eq!(spans(&mut leader), [], "a heartbeat only");
        leader.receive(2, echo(2, round));
        leader.receive(2, echo(2, round));
        leader.turn();
        leader.turn();
        assert_eq!(spans(&mut leader), [(last, 0)]);
    }
}

#[test]
fn lost_append_is_found_and_repeated() {
    let mut network = Network::new(3);
    network.elect(1);
    network.cut(1, 2);
    let index = network.node(1).propose();
    network.deliver();
    network.heal();
    network.run(2 * HEARTBEAT);
    assert_eq!(network.node(2).raft.last_index(), index);
}

#[test]
fn rejection_names_where_the_logs_may_agree() {
    // (leader, follower, hint, where the leader probes next); the leader is of term 9.
    type Row = (&'static [u64], &'static [u64], (u64, u64), (u64, u64));
    let table: [Row; 10] = [
        (&[1, 2, 2, 4, 4, 4, 4], &[1, 2, 2, 3, 3, 3, 3, 3, 3, 3, 3], (7, 3), (3, 2)),
        (&[1, 2, 2, 3, 4, 4, 4, 5], &[1, 2, 2, 3, 3, 3, 3, 3, 3, 3, 3], (8, 3), (4, 3)),
        (&[1, 1, 1, 1], &[1, 2, 2], (1, 1), (1, 1)),
        (&[1, 1, 1, 1, 5], &[1, 1, 1, 4], (4, 4), (4, 1)),
        (&[1, 1, 1, 4, 5], &[1, 1, 1, 4], (4, 4), (4, 4)),
        (&[2, 5, 5, 5, 5], &[2, 4, 4, 4, 4, 4], (5, 4), (1, 2)),
        (&[2, 2, 2, 2, 2], &[2, 4, 4, 4, 4, 4], (1, 2), (1, 2)),
        (&[1, 1, 1, 1, 1, 1], &[4, 4, 4, 4], (0, 0), (0, 0)),
        (&[1, 3, 3, 3, 3, 7], &[1, 3, 3, 4, 4, 5, 5, 5, 6], (6, 5), (5, 3)),
        (&[5, 5], &[], (0, 0), (0, 0)),
    ];
    for (leader_log, follower_log, hint, next) in table {
        let mut leader = Node::winner(3, 9, leader_log);
        leader.settle();
        let probe = leader.sent_to(2).pop().expect("a probe");
        let mut follower = Node::with_log(2, 3, 9, follower_log);
        follower.receive(1, probe);
        follower.settle();
        let answer = follower.sent_to(1).pop().expect("an answer");
        assert_eq!(answer, rejected(9, leader_log.len() as u64, hint), "{leader_log:?}");

        leader.receive(2, answer);
        leader.turn();
        let Some(Message::Append(append)) = leader.sent_to(2).pop() else { panic!("no probe") };
        let (index, term) = (append.prev_index.0, append.prev_term.0);
        assert_eq!((index, term), next, "{leader_log:?} {follower_log:?}");
    }
}

#[test]
fn stale_rejections_are_ignored() {
    let mut leader = Node::leader(3, 9, &[1, 2, 2, 4, 4]);
    leader.receive(2, rejected(9, 5, (3, 2)));
    leader.turn();
    assert_eq!(spans(&mut leader), [(3, 3)]);
    leader.receive(2, rejected(9, 5, (0, 0)));
    leader.receive(2, rejected(9, 99, (0, 0)));
    leader.turn();
    assert_eq!(spans(&mut leader), [], "the probe at 3 is under way");
    leader.receive(2, accepted(9, 0, 6));
    leader.receive(2, rejected(9, 3, (0, 0)));
    leader.propose();
    leader.turn();
    assert_eq!(spans(&mut leader), [(6, 1)]);
}

#[test]
fn new_connection_starts_with_a_probe_behind_what_matched() {
    let mut leader = leader();
    leader.propose();
    leader.propose();
    leader.settle();
    assert_eq!(spans(&mut leader), [(1, 2)]);
    leader.handle(Event::PeerUp(NodeId(2)));
    leader.turn();
    assert_eq!(spans(&mut leader), [(1, 2)], "what was in flight is lost");
    leader.propose();
    leader.settle();
    assert_eq!(spans(&mut leader), []);
}

#[test]
fn acknowledgement_beyond_the_log_is_not_counted() {
    let mut leader = Node::leader(3, 2, &[]);
    leader.receive(2, accepted(2, 0, 2));
    leader.receive(2, accepted(2, 0, u64::MAX));
    assert_eq!(leader.raft.commit(), Index(0));
    let index = leader.propose();
    leader.settle();
    assert_eq!(leader.raft.commit(), Index(0), "nobody holds {index}");
}

/// A node with entries of the largest size, of these terms.
fn with_big_entries(id: u64, terms: &[u64]) -> Node {
    let mut entries = log(terms);
    for entry in &mut entries {
        entry.payload = Payload::from(vec![0; ENTRY_BYTES_MAX]);
    }
    let hard_state = HardState { term: Term(9), vote: None };
    Node::start(config(id, 3), Disk { hard_state, entries, ..Disk::default() }, 1000)
}

#[test]
fn long_conflicting_tail_of_a_higher_term_is_replaced() {
    let mut leader_log = vec![1];
    leader_log.extend([3; 40]);
    leader_log.push(8);
    let mut tail = vec![1];
    tail.extend([7; 60]);
    let mut network = Network::new(3);
    network.nodes = vec![
        with_big_entries(1, &leader_log),
        with_big_entries(2, &tail),
        with_big_entries(3, &leader_log),
    ];
    network.elect(1);
    network.deliver();
    leader_log.push(10);
    assert_eq!(network.node(2).terms(), leader_log);
    assert_eq!(network.node(2).disk.entries.len(), leader_log.len());
}

#[test]
fn caught_up_follower_in_probe_replicates_after_a_round() {
    let mut leader = leader();
    leader.handle(Event::PeerUp(NodeId(2)));
    leader.turn();
    assert_eq!(spans(&mut leader), [(1, 0)]);
    // That answer is lost; the next round brings another.
    leader.beat();
    leader.receive(2, echo(2, 1));
    leader.turn();
    assert_eq!(spans(&mut leader), [(1, 0)]);
    leader.receive(2, accepted(2, 1, 1));
    for expected in [(1, 1), (2, 1)] {
        leader.propose();
        leader.settle();
        assert_eq!(spans(&mut leader), [expected]);
    }
}

#[test]
fn committed_entries_are_given_out_once_and_in_order() {
    let mut network = Network::new(3);
    network.elect(1);
    for _ in 0..50 {
        network.node(1).propose();
        network.node(1).propose();
        network.deliver();
    }
    network.run(HEARTBEAT);
    let expected: Vec<Index> = (1..=101).map(Index).collect();
    for node in &network.nodes {
        assert_eq!(node.applied, expected);
    }
}
