//! Scenarios of the section *Election hardening and lease*: pre-vote, stickiness, check-quorum, `PeerDown`.

use crate::harness::*;
use crate::network::Network;
use std::collections::BTreeSet;
use tenure::base::{NodeId, Term};
use tenure::raft::{Config, Event, Message, Role};

#[test]
fn leader_that_hears_no_quorum_steps_down_in_its_term() {
    let mut leader = Node::leader(3, 2, &[]);
    leader.clock += ELECTION;
    leader.handle(Event::Deadline);
    assert_eq!(leader.raft.role(), Role::Leader);
    leader.clock += 1;
    leader.handle(Event::Deadline);
    assert_eq!((leader.raft.role(), leader.raft.term()), (Role::Follower, Term(2)));
}

#[test]
fn leader_that_hears_a_quorum_stays() {
    let mut leader = Node::leader(5, 2, &[]);
    for _ in 0..10 {
        leader.turn();
        let round = leader.raft.round().expect("it leads").0;
        leader.clock += ELECTION;
        leader.receive(2, echo(2, round));
        leader.receive(3, echo(2, round));
    }
    assert_eq!(leader.raft.role(), Role::Leader);
    // One of four is no quorum of five, however late answers were before.
    let wait = leader.raft.election_wait().as_millis() as u64;
    for _ in 0..2 {
        leader.clock += wait / 2 + 1;
        leader.receive(2, echo(2, 0));
    }
    assert_eq!(leader.raft.role(), Role::Follower);
}

#[test]
fn leader_wakes_itself_to_check_its_quorum() {
    let mut leader = Node::leader(3, 2, &[]);
    let start = leader.clock;
    for _ in 0..=ELECTION / HEARTBEAT {
        assert_eq!(leader.raft.role(), Role::Leader);
        let next = leader.raft.next_deadline().div_ceil(1_000_000);
        assert!(next > leader.clock || next == leader.clock + 1, "no progress at {next}");
        leader.clock = next;
        leader.handle(Event::Deadline);
        leader.turn();
    }
    assert_eq!(leader.raft.role(), Role::Follower);
    assert_eq!(leader.clock - start, ELECTION + 1);
}

#[test]
fn leader_checks_its_quorum_before_anything_else_after_a_stall() {
    let mut leader = Node::leader(3, 2, &[]);
    leader.receive(2, accepted(2, 0, 1));
    leader.clock += ELECTION + 1;
    // Answers that were waiting in its sockets come too late.
    leader.receive(2, echo(2, 0));
    leader.receive(3, echo(2, 0));
    assert_eq!(leader.raft.role(), Role::Follower);

    let mut leader = Node::leader(3, 2, &[]);
    leader.clock += ELECTION + 1;
    leader.turn();
    assert_eq!(leader.raft.role(), Role::Follower);
    assert!(leader.sent().is_empty());
}

#[test]
fn leader_whose_disk_stalls_for_an_election_timeout_steps_down() {
    let mut leader = Node::leader(3, 2, &[]);
    leader.propose();
    leader.turn();
    for _ in 0..ELECTION / HEARTBEAT {
        leader.clock += HEARTBEAT;
        leader.receive(2, echo(2, 0));
    }
    assert_eq!(leader.raft.role(), Role::Leader);
    leader.clock += 1;
    leader.receive(2, echo(2, 0));
    assert_eq!(leader.raft.role(), Role::Follower);
}

#[test]
fn single_voter_leads_on_through_a_stall() {
    let mut leader = Node::leader(1, 1, &[]);
    leader.propose();
    leader.turn();
    leader.clock += 100 * ELECTION;
    leader.settle();
    assert_eq!(leader.raft.role(), Role::Leader);
    assert_eq!(leader.applied.len(), 2);
}

#[test]
fn voter_that_hears_its_leader_ignores_higher_terms() {
    let mut voter = Node::with_log(1, 3, 1, &[]);
    voter.receive(2, heartbeat(1, 0, 0));
    voter.clock += ELECTION - 1;
    voter.receive(3, vote(9, 5, 5));
    voter.receive(3, pre_vote(9, 5, 5));
    voter.settle();
    assert_eq!((voter.raft.term(), voter.raft.vote()), (Term(1), None));
    assert_eq!(voter.sent_to(3), [pre_vote_response(1, false)]);

    voter.clock += 1;
    voter.receive(3, pre_vote(9, 5, 5));
    voter.receive(3, vote(9, 5, 5));
    voter.settle();
    assert_eq!(voter.sent_to(3), [pre_vote_response(9, true), vote_response(9, true)]);
}

#[test]
fn voter_whose_connection_to_the_leader_closed_is_not_bound_to_it() {
    let mut voter = Node::with_log(1, 3, 1, &[]);
    voter.receive(2, heartbeat(1, 0, 0));
    voter.handle(Event::PeerDown(NodeId(3)));
    voter.receive(3, pre_vote(2, 5, 1));
    assert_eq!(voter.raft.term(), Term(1));
    voter.handle(Event::PeerDown(NodeId(2)));
    voter.receive(3, pre_vote(2, 5, 1));
    voter.receive(3, vote(2, 5, 1));
    voter.settle();
    let expected =
        [pre_vote_response(1, false), pre_vote_response(2, true), vote_response(2, true)];
    assert_eq!(voter.sent_to(3), expected);
}

#[test]
fn leader_with_a_quorum_refuses_to_be_replaced() {
    let mut leader = Node::leader(3, 2, &[]);
    leader.receive(3, pre_vote(9, 9, 9));
    leader.receive(3, vote(9, 9, 9));
    leader.settle();
    assert_eq!((leader.raft.role(), leader.raft.term()), (Role::Leader, Term(2)));
    assert_eq!(leader.sent_to(3), [pre_vote_response(2, false)]);
}

#[test]
fn pre_vote_checks_the_log() {
    // Nobody is heard, and still: a candidate that cannot win must not get as far as a new term.
    let mut voter = Node::with_log(1, 3, 2, &[1, 2]);
    voter.clock += 10 * ELECTION;
    for (index, term) in [(5, 1), (1, 2), (0, 0)] {
        voter.receive(3, pre_vote(9, index, term));
    }
    voter.settle();
    assert_eq!(voter.sent_to(3), vec![pre_vote_response(2, false); 3]);
}

#[test]
fn pre_vote_changes_nothing_at_the_voter() {
    let mut voter = Node::with_log(1, 3, 2, &[1, 2]);
    let deadline = voter.raft.next_deadline();
    voter.receive(3, pre_vote(9, 5, 5));
    voter.turn();
    assert_eq!(voter.sent_to(3), [pre_vote_response(9, true)]);
    assert!(voter.writes.is_empty());
    assert!(voter.roles.is_empty());
    assert_eq!((voter.raft.term(), voter.raft.vote()), (Term(2), None));
    assert_eq!(voter.raft.next_deadline(), deadline);
    // And it may still say the same to another.
    voter.receive(2, pre_vote(9, 5, 5));
    voter.turn();
    assert_eq!(voter.sent_to(2), [pre_vote_response(9, true)]);
}

#[test]
fn node_that_is_behind_raises_no_term() {
    let mut network = Network::new(3);
    network.elect(1);
    network.isolate(3);
    network.node(1).propose();
    network.run(10 * ELECTION);
    assert_eq!(network.node(3).raft.term(), Term(1));
    assert_ne!(network.node(3).raft.role(), Role::Follower);
    network.heal();
    network.run(10 * ELECTION);
    assert_eq!((network.leader(), network.term()), (Some(1), 1));
    assert_eq!(network.node(3).raft.role(), Role::Follower);
}

#[test]
fn node_that_hears_nobody_but_is_heard_changes_nothing() {
    let mut network = Network::new(3);
    network.elect(1);
    network.cut_one_way(1, 3);
    network.cut_one_way(2, 3);
    network.run(20 * ELECTION);
    assert_eq!((network.leader(), network.term()), (Some(1), 1));
}

#[test]
fn leader_that_hears_nobody_but_is_heard_is_replaced() {
    let mut network = Network::new(3);
    network.elect(1);
    network.cut_one_way(2, 1);
    network.cut_one_way(3, 1);
    network.run(5 * ELECTION);
    assert!(matches!(network.leader(), Some(2 | 3)));
    assert!(network.term() <= 3, "{}", network.term());
}

#[test]
fn split_votes_end_in_an_election() {
    let mut network = Network::new(4);
    network.advance(2 * ELECTION);
    network.node(1).become_pre_candidate();
    network.node(2).become_pre_candidate();
    for (candidate, voter) in [(1, 3), (2, 4)] {
        network.node(candidate).receive(voter, pre_vote_response(1, true));
        let other = 3 - candidate;
        network.node(candidate).receive(other, pre_vote_response(1, true));
        network.node(voter).receive(candidate, vote(1, 0, 0));
    }
    network.deliver();
    assert_eq!(network.leader(), None, "two votes each");
    network.run(10 * ELECTION);
    assert!(network.leader().is_some());
}

#[test]
fn leader_ignores_late_answers_to_its_candidacy() {
    let mut leader = Node::leader(5, 2, &[]);
    leader.receive(4, pre_vote_response(2, true));
    leader.receive(4, pre_vote_response(3, true));
    leader.receive(5, vote_response(2, true));
    leader.receive(5, vote_response(2, false));
    leader.turn();
    assert_eq!((leader.raft.role(), leader.raft.term()), (Role::Leader, Term(2)));
    assert!(leader.sent().is_empty());
}

#[test]
fn leader_cut_off_from_one_of_two_followers_goes_on() {
    // Cloudflare 2020-11-02: 1–3 cut, 1–2 and 2–3 fine.
    let mut network = Network::new(3);
    network.elect(3);
    network.cut(1, 3);
    for _ in 0..60 {
        network.run(1000);
        let leader = network.leader().expect("a leader");
        let index = network.node(leader).propose();
        network.deliver();
        assert!(network.node(leader).raft.commit() >= index);
    }
    assert!(network.term() <= 2, "at most one change of leader: term {}", network.term());
}

#[test]
fn closed_connection_of_the_leader_starts_an_election_at_once() {
    for seed in 0..200 {
        let mut network = Network::new(3);
        network.elect(1);
        for node in &mut network.nodes[1..] {
            // Timeouts are drawn again, differently for each seed.
            (0..seed).for_each(|_| node.receive(1, heartbeat(1, 0, 0)));
        }
        network.close_connections_of(1);
        let mut waited = 0;
        while !matches!(network.leader(), Some(2 | 3)) {
            network.run(1);
            waited += 1;
            assert!(waited <= 50, "seed {seed}: no leader after {waited} ms");
        }
    }
}

#[test]
fn candidacy_of_a_closed_connection_asks_before_it_raises_the_term() {
    let mut network = Network::new(3);
    network.elect(1);
    network.cut(1, 3);
    network.node(3).handle(Event::PeerDown(NodeId(1)));
    network.run(ELECTION);
    assert_eq!(network.term(), 1, "node 2 hears the leader and refuses");
    assert_eq!(network.leader(), Some(1));
    network.heal();
    network.node(3).handle(Event::PeerUp(NodeId(1)));
    network.run(ELECTION);
    assert_eq!(network.node(3).raft.leader(), Some(NodeId(1)));
}

/// How often a follower campaigns after its leader is gone and all others refuse it.
fn candidacies(config: Config, millis: u64) -> Vec<u64> {
    let mut node = Node::start(config, Disk::default(), 1000);
    node.receive(2, heartbeat(1, 0, 0));
    node.settle();
    node.sent();
    node.handle(Event::PeerDown(NodeId(2)));
    let mut begun = Vec::new();
    for _ in 0..millis {
        node.clock += 1;
        node.handle(Event::Deadline);
        node.settle();
        if node.sent_to(3).iter().any(|message| matches!(message, Message::PreVote(_))) {
            begun.push(node.clock - 1000);
            node.receive(3, pre_vote_response(1, false));
        }
    }
    begun
}

#[test]
fn refused_candidacy_of_a_closed_connection_tries_again_after_a_short_wait_boundedly() {
    let begun = candidacies(config(1, 3), 4000);
    assert!(begun[0] <= 11, "{begun:?}");
    // Each failure doubles the spread of the next wait, up to that of any election.
    for (failed, pair) in begun[..8].windows(2).enumerate() {
        let spread = (10 << (failed + 1)).min(ELECTION);
        assert!(pair[1] - pair[0] <= spread + 1, "try {failed}: {begun:?}");
    }
    let slow = begun[8..].windows(2).all(|pair| pair[1] - pair[0] >= ELECTION);
    assert!(slow && begun.len() > 10, "then patience: {begun:?}");
}

#[test]
fn candidacy_of_a_closed_connection_has_a_heartbeat_interval_and_a_random_part_for_its_votes() {
    let mut waits = BTreeSet::new();
    for seed in 0..100 {
        let mut node = Node::start(Config { seed, ..config(1, 3) }, Disk::default(), 1000);
        node.receive(2, heartbeat(1, 0, 0));
        node.handle(Event::PeerDown(NodeId(2)));
        node.clock += 10;
        node.handle(Event::Deadline);
        assert_eq!(node.raft.role(), Role::PreCandidate);
        waits.insert((node.raft.next_deadline() - node.now().boot()) / 1_000_000);
    }
    assert!(waits.iter().all(|wait| (HEARTBEAT..=HEARTBEAT + 10).contains(wait)), "{waits:?}");
    assert!(waits.len() > 5, "{waits:?}");
}

#[test]
fn leader_that_is_heard_again_ends_the_hurry() {
    let mut node = Node::with_log(1, 3, 1, &[]);
    node.receive(2, heartbeat(1, 0, 0));
    node.handle(Event::PeerDown(NodeId(2)));
    assert!(node.raft.next_deadline() <= node.now().boot() + 10_000_000);
    node.handle(Event::PeerUp(NodeId(2)));
    node.receive(2, heartbeat(1, 1, 0));
    assert!(node.raft.next_deadline() >= node.now().boot() + ELECTION * 1_000_000);
}

#[test]
fn suspended_follower_does_not_spin_on_its_deadline() {
    // BOOTTIME ran on through a suspend, RAW did not: elapsed_lo is still 0.
    let mut node = Node::with_log(1, 3, 1, &[]);
    let mut woken = node.now();
    woken.boot_before += 1_000_000_000;
    woken.boot_after += 1_000_000_000;
    node.raft.handle(&woken, Event::Deadline);
    assert_eq!(node.raft.role(), Role::Follower);
    assert!(node.raft.next_deadline() >= woken.boot() + ELECTION * 1_000_000);
}

#[test]
fn voter_that_gave_its_vote_refuses_a_pre_vote_of_that_term_to_others() {
    let mut voter = Node::with_log(1, 3, 1, &[1]);
    voter.clock += 2 * ELECTION;
    voter.receive(2, vote(2, 1, 1));
    voter.settle();
    voter.sent();
    for (candidate, granted) in [(3, false), (2, true)] {
        voter.receive(candidate, pre_vote(2, 1, 1));
        voter.settle();
        assert_eq!(voter.sent(), [(candidate, pre_vote_response(2, granted))]);
    }
}
