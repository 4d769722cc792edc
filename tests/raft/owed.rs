//! A log that ends before what its node acknowledged, as a leader says: an older copy of its directory, or a lie (R16).

use crate::harness::*;
use tenure::base::{Index, Term};
use tenure::raft::{Cause, Event, Message, Role, TimeoutNow, VoteRequest};

/// Node 1 of three with [1, 1, 1], told by node 2 in term 1 that it acknowledged entry 5.
fn owing() -> Node {
    let mut node = Node::with_log(1, 3, 1, &[1, 1, 1]);
    node.receive(2, heartbeat(1, 0, 5));
    node.settle();
    assert!(node.raft.owes());
    node
}

/// Node `from` asks for a vote in `term`, its log ending there.
fn ask(node: &mut Node, from: u64, term: u64, last: (u64, u64)) -> Vec<Message> {
    let (last_index, last_term) = (Index(last.0), Term(last.1));
    let request = VoteRequest { term: Term(term), last_index, last_term, cause: Cause::Transfer };
    node.receive(from, Message::Vote(request));
    node.settle();
    node.sent_to(from)
}

#[test]
fn commit_beyond_the_log_is_refused_told_and_ends_nothing() {
    let mut node = owing();
    assert_eq!((node.sent(), node.raft.refused_messages()), (vec![], 1));
    assert_eq!((node.raft.commit(), node.raft.leader().map(|id| id.0)), (Index(0), Some(2)));
    assert!(!node.raft.is_poisoned());
}

#[test]
fn node_that_owes_entries_votes_for_nobody_who_may_lack_them() {
    let mut node = owing();
    assert_eq!(ask(&mut node, 3, 2, (4, 1)), [vote_response(2, false)]);
    assert!(node.raft.owes(), "node 2 may have them");
    assert_eq!(ask(&mut node, 3, 3, (9, 2)), [vote_response(3, false)]);
}

#[test]
fn own_vote_of_a_node_that_owes_entries_does_not_count() {
    let mut node = owing();
    node.clock += 2 * ELECTION;
    node.become_candidate();
    assert_eq!(node.raft.role(), Role::Candidate);
    node.receive(3, vote_response(2, true));
    assert_eq!(
        node.raft.role(),
        Role::Candidate,
        "one of three, with its own: node 2 may have more"
    );
    // Both others hold no more than this node: then no quorum ever held entry 5.
    node.receive(2, vote_response(2, true));
    assert_eq!((node.raft.role(), node.raft.owes()), (Role::Leader, false));
}

#[test]
fn order_to_stand_for_election_is_not_obeyed_while_entries_are_owed() {
    let mut node = owing();
    node.receive(2, Message::TimeoutNow(TimeoutNow { term: Term(1) }));
    assert_eq!(node.raft.role(), Role::Follower);
}

#[test]
fn debt_is_paid_by_the_log_of_a_later_leader() {
    let mut node = owing();
    // Entries of the same term do not: this node may have acknowledged more than it was told.
    node.receive(2, append(1, (3, 1), 0, &[1, 1]));
    assert!(node.raft.owes());
    node.receive(3, append(2, (5, 1), 0, &[2]));
    assert!(!node.raft.owes());
    node.settle();
    node.sent();
    assert_eq!(ask(&mut node, 3, 3, (6, 2)), [vote_response(3, true)]);
}

#[test]
fn debt_that_no_quorum_can_hold_is_none() {
    let mut node = owing();
    ask(&mut node, 3, 2, (4, 1));
    // An earlier or the same term, or a log that is long enough, or no voter: shows nothing.
    ask(&mut node, 2, 1, (3, 1));
    ask(&mut node, 2, 2, (5, 1));
    ask(&mut node, 7, 2, (3, 1));
    assert!(node.raft.owes());
    assert_eq!(ask(&mut node, 2, 3, (4, 1)), [vote_response(3, true)]);
    assert!(!node.raft.owes());
}

#[test]
fn only_voter_owes_nobody() {
    let mut node = Node::with_log(1, 1, 1, &[1]);
    node.receive(2, heartbeat(1, 0, u64::MAX));
    assert!(!node.raft.owes());
    node.clock += 2 * ELECTION;
    node.handle(Event::Deadline);
    node.settle();
    assert_eq!(node.raft.role(), Role::Leader);
}

/// A liar that tells all members that they acknowledged entries which never were does not silence them: they show each
/// other their logs by asking for votes.
#[test]
fn lie_to_all_members_does_not_stop_elections() {
    for logs in [[3, 3, 3], [5, 4, 3], [3, 4, 5], [4, 3, 4]] {
        let logs = logs.map(|length| vec![1; length]);
        let logs: Vec<&[u64]> = logs.iter().map(Vec::as_slice).collect();
        let mut network = crate::network::Network::with_logs(1, &logs);
        for id in 1..=3 {
            network.node(id).receive(77, heartbeat(2, 0, u64::MAX));
            assert!(network.node(id).raft.owes());
        }
        network.run(40 * ELECTION);
        let leaders = network.nodes.iter().filter(|node| node.raft.role() == Role::Leader);
        assert_eq!(leaders.count(), 1, "{logs:?}");
        assert!(network.nodes.iter().all(|node| !node.raft.owes()), "{logs:?}");
    }
}
