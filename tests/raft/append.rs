//! Scenarios of the section *Append and commit*: the follower's log.

use crate::harness::*;
use crate::network::Network;
use tenure::base::{Index, NodeId, Term, WriteSeq};
use tenure::raft::{Event, Message, Role};

/// A follower in `term` with this log, and its answer to an append of node 2.
fn answer(term: u64, log: &[u64], message: Message) -> (Node, Vec<Message>) {
    let mut node = Node::with_log(1, 3, term, log);
    node.receive(2, message);
    node.settle();
    let answers = node.sent_to(2);
    (node, answers)
}

#[test]
fn follower_rejects_gap_in_log() {
    let (node, answers) = answer(3, &[1, 2], append(3, (3, 3), 0, &[3]));
    assert_eq!(answers, [rejected(3, 3, (2, 2))]);
    assert_eq!(node.terms(), [1, 2]);
}

#[test]
fn follower_rejects_another_term_before_the_entries() {
    let (node, answers) = answer(3, &[1, 2], append(3, (2, 3), 0, &[3]));
    assert_eq!(answers, [rejected(3, 2, (2, 2))]);
    assert_eq!(node.terms(), [1, 2]);
}

#[test]
fn follower_commits_at_most_what_the_append_covers() {
    // (prev, entries, leader's commit, log after, commit)
    type Row = ((u64, u64), &'static [u64], u64, &'static [u64], u64);
    let table: [Row; 5] = [
        ((1, 1), &[], 3, &[1, 2], 1),
        ((1, 1), &[2], 4, &[1, 2], 2),
        ((2, 2), &[2, 2], 3, &[1, 2, 2, 2], 3),
        ((2, 2), &[2], 1, &[1, 2, 2], 1),
        ((0, 0), &[], 2, &[1, 2], 0),
    ];
    for (prev, terms, leader_commit, log, commit) in table {
        let message = append(2, prev, leader_commit, terms);
        let (node, answers) = answer(2, &[1, 2], message);
        assert_eq!(node.terms(), log);
        assert_eq!(node.raft.commit(), Index(commit));
        let matched = prev.0 + terms.len() as u64;
        assert_eq!(answers, [accepted(2, 0, matched)], "ack = prev + length");
    }
}

#[test]
fn follower_keeps_what_stands_behind_a_matching_prefix() {
    let mut node = Node::with_log(1, 3, 2, &[1, 2]);
    node.receive(2, append(2, (0, 0), 0, &[1]));
    node.turn();
    assert_eq!(node.terms(), [1, 2]);
    assert!(node.writes.is_empty(), "{:?}", node.writes);
    assert_eq!(node.sent_to(2), [accepted(2, 0, 1)]);
}

#[test]
fn follower_replaces_a_conflicting_tail() {
    let (node, _) = answer(4, &[1, 2], append(4, (1, 1), 0, &[3, 4]));
    assert_eq!(node.terms(), [1, 3, 4]);
    assert_eq!(node.disk.entries, entries(1, &[1, 3, 4]));
    let (node, _) = answer(3, &[1, 2], append(3, (0, 0), 0, &[3]));
    assert_eq!(node.terms(), [3]);
    assert_eq!(node.disk.entries, entries(1, &[3]));
}

/// The effect of `message` from node 3 on a follower of node 2 whose entries [1, 2] are committed: none, but for a
/// count.
#[track_caller]
fn assert_refused(message: Message) {
    let mut node = Node::with_log(1, 3, 2, &[1, 2]);
    node.receive(2, append(2, (2, 2), 2, &[]));
    node.settle();
    node.sent();
    node.receive(3, message);
    node.settle();
    let state = (node.raft.term(), node.raft.leader(), node.raft.commit(), node.terms());
    assert_eq!(state, (Term(2), Some(NodeId(2)), Index(2), vec![1, 2]));
    assert_eq!((node.sent(), node.raft.refused_messages()), (vec![], 1));
    // Its leader is followed as before.
    node.receive(2, append(2, (2, 2), 2, &[2]));
    node.settle();
    assert_eq!(node.sent_to(2), [accepted(2, 0, 3)]);
}

#[test]
fn conflict_at_or_below_commit_is_refused_and_changes_nothing() {
    assert_refused(append(3, (1, 1), 2, &[3]));
    assert_refused(append(3, (0, 0), 3, &[1, 3, 3]));
}

#[test]
fn denial_of_a_committed_entry_is_refused_and_changes_nothing() {
    assert_refused(append(3, (1, 2), 2, &[3]));
    assert_refused(append(3, (2, 3), 2, &[]));
}

#[test]
fn second_leader_of_a_term_is_refused_and_changes_nothing() {
    assert_refused(heartbeat(2, 0, 2));
    assert_refused(append(2, (2, 2), 3, &[2]));
    let part = chunk(2, &crate::install::snapshot(9, 2, 10), 0..10);
    assert_refused(Message::SnapshotChunk(part));
}

#[test]
fn leader_that_takes_back_what_was_acknowledged_to_it_is_refused() {
    let mut node = Node::with_log(1, 3, 2, &[1]);
    node.receive(2, append(2, (1, 1), 0, &[1, 1]));
    node.receive(2, append(2, (1, 1), 0, &[2]));
    assert_eq!((node.terms(), node.raft.refused_messages()), (vec![1, 1, 1], 1));
    // A later one may (Raft §5.3).
    node.receive(3, append(3, (1, 1), 0, &[3]));
    assert_eq!(node.terms(), [1, 3]);
}

#[test]
fn leader_refuses_another_of_its_term() {
    let mut node = Node::leader(3, 2, &[1]);
    for message in [heartbeat(2, 0, 0), append(2, (1, 1), 9, &[2, 2])] {
        node.receive(3, message);
    }
    assert_eq!((node.raft.role(), node.terms()), (Role::Leader, vec![1, 2]));
    assert_eq!(node.raft.refused_messages(), 2);
}

#[test]
fn follower_acknowledges_only_what_is_durable() {
    let mut node = Node::with_log(1, 3, 1, &[1]);
    node.receive(2, append(1, (1, 1), 0, &[1, 1]));
    node.turn();
    // The same again, and an empty one: the log holds it, the disk does not.
    node.receive(2, append(1, (1, 1), 0, &[1, 1]));
    node.receive(2, append(1, (3, 1), 0, &[]));
    node.turn();
    assert_eq!(node.sent(), []);
    // A heartbeat's answer promises nothing about the log.
    node.receive(2, heartbeat(1, 0, 0));
    node.turn();
    assert_eq!(node.sent_to(2), [echo(1, 0)]);
    node.settle();
    assert_eq!(node.sent_to(2), vec![accepted(1, 0, 3); 3]);
}

#[test]
fn answer_in_a_new_term_waits_until_the_term_is_durable() {
    let mut node = Node::with_log(1, 3, 1, &[1]);
    node.receive(2, heartbeat(2, 0, 0));
    node.turn();
    assert_eq!(node.sent(), []);
    node.settle();
    assert_eq!(node.sent_to(2), [echo(2, 0)]);
}

#[test]
fn term_and_vote_are_in_no_later_write_than_entries_of_that_term() {
    let mut node = Node::with_log(1, 3, 1, &[1]);
    node.receive(2, append(2, (1, 1), 0, &[2]));
    node.turn();
    let write = &node.writes[0];
    assert_eq!(write.hard_state.map(|state| state.term), Some(Term(2)));
    assert_eq!(write.entries, entries(2, &[2]));
    assert_eq!(node.writes.len(), 1);
}

#[test]
#[should_panic(expected = "write 2 reported, 1 issued")]
fn report_of_a_write_that_was_never_issued_stops_the_node() {
    let mut node = Node::with_log(1, 3, 1, &[1]);
    node.receive(2, append(1, (1, 1), 0, &[1]));
    node.turn();
    node.handle(Event::Persisted(WriteSeq(2)));
}

#[test]
fn late_report_does_not_make_a_replaced_entry_durable() {
    let mut node = Node::with_log(1, 3, 1, &[1]);
    node.receive(2, append(1, (1, 1), 0, &[1, 1]));
    node.turn();
    assert_eq!(node.raft.durable_index(), Index(1));
    // Entries 2 and 3 are replaced while their first write is under way.
    node.receive(3, append(2, (1, 1), 0, &[2, 2]));
    node.turn();
    node.sync_one();
    assert_eq!(node.raft.durable_index(), Index(1), "the first write is durable, and void");
    let left = node.sent();
    assert!(!left.contains(&(3, accepted(2, 0, 3))), "{left:?}");
    node.sync_one();
    assert_eq!(node.raft.durable_index(), Index(3));
    assert_eq!(node.sent(), [(3, accepted(2, 0, 3))]);
}

#[test]
fn durable_index_falls_when_a_truncation_is_issued() {
    let mut node = Node::with_log(1, 3, 2, &[1, 1, 1]);
    assert_eq!(node.raft.durable_index(), Index(3));
    node.receive(2, append(2, (1, 1), 0, &[2]));
    assert_eq!(node.raft.durable_index(), Index(1));
    node.settle();
    assert_eq!(node.raft.durable_index(), Index(2));
}

#[test]
fn entries_accepted_and_truncated_in_one_turn_are_two_writes() {
    let mut node = Node::with_log(1, 3, 1, &[1]);
    node.receive(2, append(1, (1, 1), 0, &[1, 1]));
    node.receive(3, append(2, (1, 1), 0, &[2]));
    node.turn();
    assert_eq!(node.writes.len(), 2);
    assert_eq!(node.writes[0].entries, entries(2, &[1, 1]));
    assert_eq!(node.writes[1].truncate_from, Some(Index(2)));
    assert_eq!(node.writes[1].entries, entries(2, &[2]));
    node.settle();
    assert_eq!(node.disk.entries, log(&[1, 2]));
}

#[test]
fn entries_and_a_vote_of_one_turn_are_one_write() {
    let mut node = Node::with_log(1, 3, 1, &[1]);
    for index in 1..=3 {
        node.receive(2, append(1, (index, 1), 0, &[1]));
    }
    node.receive(3, vote(2, 9, 1));
    node.turn();
    assert_eq!(node.writes.len(), 1);
    assert_eq!(node.writes[0].entries.len(), 3);
}

#[test]
fn heartbeat_moves_commit_forward_only() {
    for (commit, expected) in [(3, 3), (1, 2)] {
        let mut node = Node::with_log(1, 3, 1, &[1, 1, 1]);
        node.receive(2, append(1, (2, 1), 2, &[]));
        node.receive(2, heartbeat(1, 0, commit));
        assert_eq!(node.raft.commit(), Index(expected));
    }
}

#[test]
fn empty_append_reveals_a_conflict() {
    let (_, answers) = answer(2, &[1, 1], append(2, (2, 2), 0, &[]));
    assert_eq!(answers, [rejected(2, 2, (2, 1))]);
}

#[test]
fn follower_applies_in_order_what_is_committed_and_durable() {
    let mut node = Node::with_log(1, 3, 1, &[1]);
    node.receive(2, append(1, (1, 1), 3, &[1, 1]));
    node.turn();
    assert_eq!(node.applied, [Index(1)]);
    node.settle();
    assert_eq!(node.applied, [Index(1), Index(2), Index(3)]);
}

#[test]
fn failed_write_silences_a_follower_for_good() {
    let mut node = Node::with_log(1, 3, 1, &[1]);
    node.receive(2, append(1, (1, 1), 0, &[1]));
    node.turn();
    node.receive(2, append(1, (2, 1), 0, &[1]));
    node.handle(Event::PersistFailed);
    node.turn();
    assert!(node.raft.is_poisoned());
    assert_eq!(node.writes.len(), 1, "nothing is written again");

    // Not even a later success is believed.
    node.handle(Event::Persisted(WriteSeq(1)));
    node.clock += 10 * ELECTION;
    node.handle(Event::Deadline);
    for message in [append(1, (1, 1), 0, &[]), vote(5, 9, 4), pre_vote(5, 9, 4), heartbeat(1, 0, 0)]
    {
        node.receive(2, message);
    }
    node.turn();
    assert_eq!(node.sent(), []);
    assert_eq!(node.raft.role(), Role::Follower);
    assert_eq!(node.raft.next_deadline(), u64::MAX);
}

#[test]
fn follower_logs_of_figure_7_become_the_leaders() {
    let leader: &[u64] = &[1, 1, 1, 4, 4, 5, 5, 6, 6, 6];
    let mut network = Network::with_logs(
        7,
        &[
            leader,
            &[1, 1, 1, 4, 4, 5, 5, 6, 6],
            &[1, 1, 1, 4],
            &[1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 6],
            &[1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 7, 7],
            &[1, 1, 1, 4, 4, 4, 4],
            &[1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 3],
        ],
    );
    network.elect(1);
    let expected = [leader, &[8]].concat();
    for node in &network.nodes {
        assert_eq!(node.terms(), expected, "{}", node.id);
        assert_eq!(node.disk.entries.len(), expected.len());
    }
}

#[test]
fn restarted_follower_has_all_that_it_acknowledged() {
    let mut network = Network::new(3);
    network.elect(1);
    let index = network.node(1).propose();
    network.deliver();
    network.restart(2);
    network.restart(3);
    assert_eq!(network.node(2).raft.last_index(), index);
    assert_eq!(network.node(3).raft.last_index(), index);
    network.node(1).handle(Event::PeerUp(NodeId(2)));
    network.node(1).handle(Event::PeerUp(NodeId(3)));
    network.run(2 * ELECTION);
    assert!(network.nodes.iter().all(|node| node.raft.commit() >= index));
}
