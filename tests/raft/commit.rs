//! Scenarios of the section *Append and commit*: what a leader commits, and when it applies.

use crate::harness::*;
use crate::network::Network;
use tenure::base::{Index, ReadId, Term};
use tenure::raft::{Event, Message, Role};

#[test]
fn leader_commits_what_a_majority_holds_durably() {
    // (voters, acknowledgements, committed)
    let table =
        [(1, 0, true), (3, 0, false), (3, 1, true), (5, 1, false), (5, 2, true), (4, 1, false)];
    for (voters, acks, committed) in table {
        let mut leader = Node::leader(voters, 1, &[]);
        for voter in 2..2 + acks {
            leader.receive(voter, accepted(1, 0, 1));
            leader.receive(voter, accepted(1, 0, 1));
        }
        let expected = Index(u64::from(committed));
        assert_eq!(leader.raft.commit(), expected, "{voters} voters, {acks} acks");
    }
}

#[test]
fn rejection_moves_neither_match_nor_commit() {
    let mut leader = Node::leader(3, 2, &[1, 1]);
    leader.receive(2, rejected(2, 2, (9, 2)));
    leader.receive(2, rejected(2, 9, (9, 2)));
    assert_eq!(leader.raft.commit(), Index(0));
    leader.receive(2, accepted(2, 0, 3));
    assert_eq!(leader.raft.commit(), Index(3));
    leader.receive(2, rejected(2, 2, (0, 0)));
    leader.beat();
    let round = leader.sent_to(2).pop().expect("a heartbeat");
    assert_eq!(round, heartbeat(2, 1, 3), "match is still 3");
}

#[test]
fn leader_counts_only_entries_of_its_own_term() {
    // Figure 8: entry 2 of term 2 is on a majority, and may still be lost.
    for (matched, commit) in [(1, 0), (2, 0), (3, 3)] {
        let mut leader = Node::leader(3, 3, &[1, 2]);
        leader.propose();
        leader.settle();
        leader.receive(2, accepted(3, 0, matched));
        assert_eq!(leader.raft.commit(), Index(commit), "matched {matched}");
    }
}

#[test]
fn entries_of_earlier_terms_commit_behind_one_of_the_own() {
    let mut network = Network::new(5);
    network.elect(1);
    network.run(HEARTBEAT);
    for follower in 3..=5 {
        network.cut(1, follower);
    }
    network.node(1).propose();
    network.node(1).propose();
    network.deliver();
    assert_eq!(network.node(1).raft.commit(), Index(1));
    network.isolate(1);

    // Node 2 leads; a majority gets the old entries, not yet its no-op.
    network.elect(2);
    assert_eq!(network.node(2).raft.commit(), Index(4));
    let mut leader = Node::leader(5, 2, &[1, 1, 1]);
    leader.receive(3, accepted(2, 0, 3));
    leader.receive(4, accepted(2, 0, 3));
    assert_eq!(leader.raft.commit(), Index(0));
    leader.receive(3, accepted(2, 0, 4));
    assert_eq!(leader.raft.commit(), Index(0));
    leader.receive(4, accepted(2, 0, 4));
    assert_eq!(leader.raft.commit(), Index(4));
}

#[test]
fn own_durable_write_counts_for_nothing_once_leadership_is_lost() {
    let mut leader = Node::leader(3, 2, &[]);
    leader.receive(2, accepted(2, 0, 1));
    leader.propose();
    leader.turn();
    leader.receive(2, accepted(2, 0, 1));
    leader.receive(3, append(3, (1, 2), 1, &[]));
    leader.settle();
    assert_eq!(leader.raft.role(), Role::Follower);
    assert_eq!(leader.raft.commit(), Index(1));
}

#[test]
fn acknowledgement_of_an_earlier_term_is_not_counted() {
    let mut leader = Node::leader(3, 3, &[1, 2]);
    leader.receive(2, accepted(2, 0, 3));
    leader.receive(3, accepted(1, 0, 3));
    assert_eq!(leader.raft.commit(), Index(0));
}

#[test]
fn leader_commits_before_its_own_disk_and_applies_behind_it() {
    let mut leader = Node::winner(3, 1, &[]);
    leader.turn();
    leader.receive(2, accepted(1, 0, 1));
    assert_eq!(leader.raft.commit(), Index(0));
    leader.receive(3, accepted(1, 0, 1));
    leader.turn();
    assert_eq!(leader.raft.commit(), Index(1));
    assert_eq!(leader.applied, []);
    leader.settle();
    assert_eq!(leader.applied, [Index(1)]);
}

#[test]
fn appends_leave_before_the_leaders_own_disk_has_them() {
    let mut leader = Node::leader(3, 1, &[]);
    leader.receive(2, accepted(1, 0, 1));
    leader.propose();
    leader.turn();
    assert_eq!(leader.writes.len(), 1);
    assert_eq!(leader.sent_to(2), [append(1, (1, 1), 1, &[1])]);
}

#[test]
fn single_voter_applies_only_what_is_durable() {
    let mut leader = Node::leader(1, 1, &[]);
    leader.propose();
    leader.turn();
    assert_eq!(leader.applied, [Index(1)], "the no-op");
    assert_eq!(leader.raft.commit(), Index(1));
    leader.settle();
    assert_eq!(leader.applied, [Index(1), Index(2)]);
}

#[test]
fn failed_write_deposes_a_leader_for_good() {
    let mut leader = Node::leader(3, 1, &[]);
    leader.receive(2, accepted(1, 0, 1));
    leader.raft.read(ReadId(7)).expect("it leads");
    leader.propose();
    leader.turn();
    leader.outbox.clear();
    leader.handle(Event::PersistFailed);
    leader.receive(2, accepted(1, 1, 2));
    leader.turn();
    assert_eq!(leader.roles.last(), Some(&(Role::Follower, Term(1), None)));
    assert_eq!(leader.failed, [ReadId(7)]);
    assert_eq!(leader.raft.commit(), Index(1));
    assert_eq!(leader.sent(), []);
    assert!(leader.propose_bytes(0, tenure::raft::Urgency::Frees).is_err());
}

#[test]
fn heartbeat_names_at_most_what_the_follower_acknowledged() {
    let mut leader = Node::leader(3, 1, &[]);
    leader.propose();
    leader.settle();
    leader.receive(2, accepted(1, 0, 2));
    leader.settle();
    assert_eq!(leader.raft.commit(), Index(2));
    leader.outbox.clear();
    leader.beat();
    assert_eq!(leader.sent(), [(2, heartbeat(1, 1, 2)), (3, heartbeat(1, 1, 0))]);
}

#[test]
fn proposal_goes_to_every_follower_with_the_entry_before_it_and_the_commit_index() {
    let mut leader = Node::leader(3, 2, &[1]);
    leader.receive(2, accepted(2, 0, 2));
    leader.receive(3, accepted(2, 0, 2));
    leader.propose();
    leader.turn();
    let expected = append(2, (2, 2), 2, &[2]);
    assert_eq!(leader.sent(), [(2, expected.clone()), (3, expected)]);
}

#[test]
fn proposals_of_one_turn_share_one_append_and_one_write() {
    let mut leader = Node::leader(3, 1, &[]);
    leader.receive(2, accepted(1, 0, 1));
    for _ in 0..10 {
        leader.propose();
    }
    leader.turn();
    assert_eq!(leader.writes.len(), 1);
    let sent = leader.sent_to(2);
    assert!(matches!(&sent[..], [Message::Append(append)] if append.entries.len() == 10));
}

#[test]
fn proposal_commits_only_with_a_majority_up() {
    for (voters, down, commits) in [(3, 1, true), (3, 2, false), (4, 2, false), (5, 2, true)] {
        let mut network = Network::new(voters);
        network.elect(1);
        for id in 2..2 + down {
            network.isolate(id);
        }
        let index = network.node(1).propose();
        network.deliver();
        let committed = network.node(1).raft.commit() >= index;
        assert_eq!(committed, commits, "{voters} voters, {down} down");
    }
}

#[test]
fn leader_goes_on_behind_what_a_follower_took() {
    let mut leader = Node::leader(3, 2, &[1, 1, 1]);
    leader.receive(2, rejected(2, 3, (0, 0)));
    leader.turn();
    assert_eq!(leader.sent_to(2).iter().map(span).collect::<Vec<_>>(), [Some((0, 4))]);
    leader.receive(2, accepted(2, 0, 2));
    leader.turn();
    assert_eq!(leader.sent_to(2).iter().map(span).collect::<Vec<_>>(), [Some((2, 2))]);
}
