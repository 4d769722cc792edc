//! Scenarios of the section *Terms and votes*.

use crate::harness::*;
use crate::network::Network;
use std::collections::BTreeSet;
use tenure::base::{Index, NodeId, Term, WriteSeq};
use tenure::raft::{Event, HardState, Message, Role};

/// A node of three in `term` in each role, with the log [1].
fn each_role(term: u64) -> Vec<Node> {
    let mut pre_candidate = Node::with_log(1, 3, term, &[1]);
    pre_candidate.become_pre_candidate();
    let mut candidate = Node::with_log(1, 3, term - 1, &[1]);
    candidate.become_candidate();
    let nodes = vec![
        Node::with_log(1, 3, term, &[1]),
        pre_candidate,
        candidate,
        Node::leader(3, term, &[1]),
    ];
    let roles: Vec<Role> = nodes.iter().map(|node| node.raft.role()).collect();
    assert_eq!(roles, [Role::Follower, Role::PreCandidate, Role::Candidate, Role::Leader]);
    nodes
}

fn standing(node: &Node) -> (Role, Term, Option<NodeId>) {
    (node.raft.role(), node.raft.term(), node.raft.leader())
}

#[test]
fn append_of_a_higher_term_makes_any_role_its_follower() {
    for mut node in each_role(2) {
        let last = node.raft.last_index();
        node.receive(2, append(3, (1, 1), 0, &[]));
        assert_eq!(standing(&node), (Role::Follower, Term(3), Some(NodeId(2))));
        assert_eq!(node.raft.last_index(), last);
    }
}

#[test]
fn vote_request_of_a_higher_term_makes_any_role_but_a_leader_a_follower_of_nobody() {
    for mut node in each_role(2).into_iter().filter(|node| node.raft.role() != Role::Leader) {
        let last = node.raft.last_index();
        node.receive(2, vote(3, 0, 0));
        assert_eq!(standing(&node), (Role::Follower, Term(3), None));
        assert_eq!(node.raft.last_index(), last);
    }
}

#[test]
fn answer_of_a_higher_term_deposes_a_leader() {
    for answer in [echo(3, 0), accepted(3, 0, 99), vote_response(3, false)] {
        let mut node = Node::leader(3, 2, &[1]);
        node.receive(2, answer);
        assert_eq!(standing(&node), (Role::Follower, Term(3), None));
    }
}

#[test]
fn append_of_a_lower_term_changes_nothing_and_is_answered_with_the_own_term() {
    for mut node in each_role(2) {
        let before = (standing(&node), node.terms(), node.raft.commit());
        node.receive(2, append(1, (1, 1), 1, &[1]));
        node.receive(2, heartbeat(1, 0, 1));
        node.settle();
        assert_eq!((standing(&node), node.terms(), node.raft.commit()), before);
        let answers = node.sent_to(2);
        let refused = rejected(2, 1, (0, 0));
        assert!(answers.contains(&refused) && answers.contains(&echo(2, 0)), "{answers:?}");
    }
}

#[test]
fn one_vote_in_a_term_and_the_same_again() {
    // (vote before, asked by, granted)
    let table = [
        (None, 2, true),
        (None, 3, true),
        (Some(2), 2, true),
        (Some(2), 3, false),
        (Some(3), 3, true),
        (Some(3), 2, false),
    ];
    for (voted, candidate, granted) in table {
        let vote_before = HardState { term: Term(1), vote: voted.map(NodeId) };
        let disk = Disk { hard_state: vote_before, ..Disk::default() };
        let mut node = Node::start(config(1, 3), disk, 1000);
        node.receive(candidate, vote(1, 0, 0));
        node.settle();
        assert_eq!(node.sent_to(candidate), [vote_response(1, granted)], "{voted:?} {candidate}");
    }
}

#[test]
fn vote_only_for_a_log_that_is_at_least_as_new() {
    for own in [&[1][..], &[1, 1], &[2]] {
        let newest = (*own.last().unwrap(), own.len() as u64);
        for (last_term, last_index) in [(1, 1), (1, 2), (2, 1)] {
            let granted = (last_term, last_index) >= newest;
            let mut voter = Node::with_log(1, 3, 2, own);
            voter.receive(2, pre_vote(3, last_index, last_term));
            voter.receive(2, vote(3, last_index, last_term));
            voter.settle();
            let answered = if granted { 3 } else { 2 };
            let expected = [pre_vote_response(answered, granted), vote_response(3, granted)];
            assert_eq!(voter.sent_to(2), expected, "{own:?}, candidate ({last_term},{last_index})");
        }
    }
}

#[test]
fn election_is_decided_by_a_majority_of_all_voters() {
    // (voters, grants, refusals, role)
    let table = [
        (1, 0, 0, Role::Leader),
        (3, 1, 0, Role::Leader),
        (5, 2, 0, Role::Leader),
        (3, 0, 2, Role::Follower),
        (5, 0, 3, Role::Follower),
        (5, 1, 3, Role::Follower),
        (3, 0, 0, Role::Candidate),
        (5, 1, 0, Role::Candidate),
        (5, 0, 2, Role::Candidate),
    ];
    for (voters, granted, refused, role) in table {
        let mut node = Node::new(1, voters);
        node.become_candidate();
        for voter in 2..2 + granted {
            // A second answer of the same voter changes nothing.
            node.receive(voter, vote_response(1, true));
            node.receive(voter, vote_response(1, true));
        }
        for voter in 2 + granted..2 + granted + refused {
            node.receive(voter, vote_response(1, false));
        }
        assert_eq!(node.raft.role(), role, "{voters} voters, +{granted}, -{refused}");
        assert_eq!(node.raft.term(), Term(1));
    }
}

#[test]
fn leader_knows_the_entry_of_its_own_with_which_its_term_begins() {
    let mut leader = Node::leader(3, 3, &[1, 2]);
    assert_eq!(leader.raft.own_noop(), Some(Index(3)));
    leader.propose();
    assert_eq!(leader.raft.own_noop(), Some(Index(3)));
    leader.receive(2, append(4, (3, 3), 0, &[]));
    assert_eq!(leader.raft.own_noop(), None, "it follows");
}

#[test]
fn candidate_follows_the_leader_of_its_term_or_a_later_one() {
    for term in [1, 2] {
        let mut node = Node::new(1, 3);
        node.become_candidate();
        node.receive(2, append(term, (0, 0), 0, &[]));
        assert_eq!(standing(&node), (Role::Follower, Term(term), Some(NodeId(2))));
    }
}

#[test]
fn voter_that_knows_the_leader_of_its_term_refuses_others_in_it() {
    let mut node = Node::with_log(1, 3, 1, &[]);
    node.receive(2, heartbeat(1, 0, 0));
    assert_eq!(node.raft.vote(), None);
    node.clock += 10 * ELECTION;
    node.receive(3, vote(1, 5, 1));
    node.settle();
    assert_eq!(node.sent_to(3), [vote_response(1, false)]);
    assert_eq!(node.raft.vote(), None);
}

#[test]
fn vote_leaves_only_when_it_is_durable() {
    let mut node = Node::new(1, 3);
    node.receive(2, vote(1, 0, 0));
    node.turn();
    assert_eq!(node.sent(), []);
    assert_eq!(node.disk.hard_state, HardState::default());

    // Crash: the restarted node has not voted, and nobody was told that it had.
    let mut restarted = Node::start(config(1, 3), node.disk.clone(), node.clock);
    restarted.receive(3, vote(1, 0, 0));
    restarted.settle();
    assert_eq!(restarted.sent(), [(3, vote_response(1, true))]);

    node.settle();
    assert_eq!(node.sent(), [(2, vote_response(1, true))]);
    let voted = HardState { term: Term(1), vote: Some(NodeId(2)) };
    assert_eq!(node.disk.hard_state, voted);
}

#[test]
fn repeated_vote_request_is_answered_only_when_the_vote_is_durable() {
    let mut node = Node::new(1, 3);
    node.receive(2, vote(1, 0, 0));
    node.turn();
    node.receive(2, vote(1, 0, 0));
    node.turn();
    assert_eq!(node.sent(), []);
    node.settle();
    assert_eq!(node.sent_to(2).len(), 2);
}

#[test]
fn candidates_own_vote_counts_only_when_it_is_durable() {
    let mut node = Node::new(1, 3);
    node.become_pre_candidate();
    node.receive(2, pre_vote_response(1, true));
    node.turn();
    node.receive(2, vote_response(1, true));
    assert_eq!(node.raft.role(), Role::Candidate);
    node.sync_one();
    assert_eq!(node.raft.role(), Role::Leader);
}

#[test]
fn earlier_write_does_not_make_a_candidates_own_vote_durable() {
    let mut node = Node::with_log(1, 3, 1, &[]);
    node.receive(2, append(1, (0, 0), 0, &[1]));
    node.turn();
    node.become_pre_candidate();
    node.receive(3, pre_vote_response(2, true));
    node.turn();
    node.receive(3, vote_response(2, true));
    node.sync_one();
    assert_eq!(node.raft.role(), Role::Candidate, "only the entry is durable");
    node.sync_one();
    assert_eq!(node.raft.role(), Role::Leader);
}

#[test]
fn candidates_own_vote_is_ignored_once_it_follows() {
    let mut node = Node::new(1, 3);
    node.become_pre_candidate();
    node.receive(2, pre_vote_response(1, true));
    node.turn();
    node.receive(2, vote_response(1, true));
    node.receive(3, append(1, (0, 0), 0, &[]));
    node.settle();
    assert_eq!(standing(&node), (Role::Follower, Term(1), Some(NodeId(3))));
}

#[test]
fn candidate_asks_for_votes_only_when_vote_and_log_are_durable() {
    let mut node = Node::with_log(1, 3, 1, &[]);
    node.receive(2, append(1, (0, 0), 0, &[1, 1]));
    node.turn();
    node.become_pre_candidate();
    node.receive(3, pre_vote_response(2, true));
    node.turn();
    node.outbox.clear();
    node.sync_one();
    let asks = |message: &Message| matches!(message, Message::Vote(_));
    assert!(!node.sent().iter().any(|(_, message)| asks(message)), "the entries alone are durable");
    node.sync_one();
    assert_eq!(node.sent(), [(2, vote(2, 2, 1)), (3, vote(2, 2, 1))]);
}

#[test]
fn vote_of_an_earlier_term_is_not_counted() {
    let mut node = Node::new(1, 3);
    node.become_candidate();
    node.become_candidate();
    assert_eq!(node.raft.term(), Term(2));
    node.receive(2, vote_response(1, true));
    assert_eq!(node.raft.role(), Role::Candidate);
}

#[test]
fn pre_vote_response_is_never_counted_as_a_vote() {
    let mut node = Node::new(1, 3);
    node.become_candidate();
    node.receive(2, pre_vote_response(1, true));
    node.receive(3, pre_vote_response(2, true));
    assert_eq!(node.raft.role(), Role::Candidate);
}

#[test]
fn pre_vote_for_another_term_is_not_counted() {
    let mut node = Node::with_log(1, 3, 1, &[]);
    node.become_pre_candidate();
    for term in [0, 1, 3] {
        node.receive(2, pre_vote_response(term, true));
        assert_eq!(node.raft.role(), Role::PreCandidate, "term {term}");
    }
    node.receive(2, pre_vote_response(2, true));
    assert_eq!(node.raft.role(), Role::Candidate);
}

#[test]
fn vote_given_to_another_does_not_count_for_a_later_candidacy() {
    let mut node = Node::new(1, 5);
    node.receive(2, vote(5, 0, 0));
    node.settle();
    node.become_candidate();
    assert_eq!(node.raft.term(), Term(6));
    node.receive(3, vote_response(6, true));
    assert_eq!(node.raft.role(), Role::Candidate);
}

#[test]
fn follower_without_a_leader_campaigns_in_the_next_term_and_again() {
    let mut node = Node::with_log(1, 3, 2, &[1, 2]);
    node.become_pre_candidate();
    node.turn();
    assert_eq!(node.sent(), [(2, pre_vote(3, 2, 2)), (3, pre_vote(3, 2, 2))]);
    assert_eq!(standing(&node), (Role::PreCandidate, Term(2), None));

    node.receive(2, pre_vote_response(3, true));
    node.settle();
    assert_eq!(node.sent(), [(2, vote(3, 2, 2)), (3, vote(3, 2, 2))]);
    assert_eq!(node.raft.vote(), Some(NodeId(1)));

    node.become_candidate();
    assert_eq!(standing(&node), (Role::Candidate, Term(4), None));
}

#[test]
fn votes_have_a_timeout_of_their_own_behind_a_late_pre_vote() {
    let mut node = Node::with_log(1, 3, 1, &[]);
    node.become_pre_candidate();
    node.clock += ELECTION - 1;
    node.receive(2, pre_vote_response(2, true));
    assert_eq!(node.raft.role(), Role::Candidate);
    let wait = node.raft.next_deadline() - node.now().boot();
    assert!(wait >= ELECTION * 1_000_000, "{wait} ns");
}

#[test]
fn peer_without_a_connection_refuses_and_one_that_is_back_is_waited_for() {
    let (down, up) = (Event::PeerDown(NodeId(3)), Event::PeerUp(NodeId(3)));
    for (events, role) in
        [(vec![down.clone()], Role::Follower), (vec![down, up], Role::PreCandidate)]
    {
        let mut node = Node::with_log(1, 3, 1, &[]);
        events.into_iter().for_each(|event| node.handle(event));
        node.become_pre_candidate();
        node.settle();
        node.receive(2, pre_vote_response(1, false));
        assert_eq!(node.raft.role(), role);
    }
}

#[test]
fn election_timeouts_take_every_value_of_their_range() {
    let mut node = Node::with_log(1, 3, 1, &[]);
    let mut seen = BTreeSet::new();
    for _ in 0..50 * ELECTION {
        node.receive(2, heartbeat(1, 0, 0));
        seen.insert((node.raft.next_deadline() - node.now().boot()) / 1_000_000);
    }
    let last = seen.pop_last().expect("timeouts");
    assert!(last <= 2 * ELECTION, "{last}");
    assert!((ELECTION..last).all(|millis| seen.contains(&millis)), "{seen:?}");
    assert_eq!(seen.first(), Some(&ELECTION));
}

#[test]
fn nodes_seldom_time_out_together() {
    let mut nodes: Vec<Node> = (1..=5).map(|id| Node::with_log(id, 6, 1, &[])).collect();
    let mut together = 0;
    for _ in 0..1000 {
        let timeout = |node: &mut Node| {
            node.receive(6, heartbeat(1, 0, 0));
            node.raft.next_deadline() / 10_000_000
        };
        let mut timeouts: Vec<u64> = nodes.iter_mut().map(timeout).collect();
        timeouts.sort_unstable();
        together += u32::from(timeouts[0] == timeouts[1]);
    }
    assert!(together <= 300, "{together} of 1000 within the same 10 ms");
}

#[test]
fn only_a_given_vote_resets_the_election_timer() {
    let mut node = Node::with_log(1, 3, 1, &[1]);
    let deadline = node.raft.next_deadline();
    node.clock += 20;
    node.receive(2, vote(2, 0, 0));
    assert_eq!(node.raft.next_deadline(), deadline, "refused");
    node.receive(2, pre_vote(3, 1, 1));
    assert_eq!(node.raft.next_deadline(), deadline, "a pre-vote");
    node.receive(2, vote(3, 1, 1));
    assert_ne!(node.raft.next_deadline(), deadline, "given");
}

#[test]
fn roles_change_only_along_the_paths_of_the_paper() {
    use Role::{Candidate, Follower, Leader, PreCandidate};
    let allowed = [
        (Follower, PreCandidate),
        (PreCandidate, Candidate),
        (PreCandidate, Follower),
        (Candidate, Leader),
        (Candidate, Follower),
        (Candidate, PreCandidate),
        (Leader, Follower),
    ];
    let mut network = Network::new(3);
    for turn in 0..60 {
        network.run(200);
        if turn % 2 == 0 {
            network.isolate(turn % 3 + 1);
        } else {
            network.heal();
        }
    }
    for node in &network.nodes {
        for pair in node.roles.windows(2) {
            let ((before, old_term, _), (after, new_term, _)) = (pair[0], pair[1]);
            assert!(before == after || allowed.contains(&(before, after)), "{before:?} {after:?}");
            assert!(
                after != PreCandidate || new_term == old_term,
                "a pre-candidate keeps its term"
            );
        }
    }
    assert!(network.term() > 3, "leaders changed");
}

#[test]
fn leader_that_steps_down_in_its_term_keeps_its_vote() {
    let mut node = Node::leader(3, 2, &[1]);
    node.clock += ELECTION + 1;
    node.handle(Event::Deadline);
    assert_eq!(standing(&node), (Role::Follower, Term(2), None));
    node.receive(2, vote(2, 9, 2));
    node.settle();
    assert!(node.sent_to(2).contains(&vote_response(2, false)));
}

#[test]
fn stale_report_of_a_durable_write_is_harmless() {
    let mut node = Node::leader(3, 2, &[1]);
    let durable = node.raft.durable_index();
    node.propose();
    node.turn();
    node.handle(Event::Persisted(WriteSeq(1)));
    assert_eq!(node.raft.durable_index(), durable);
    assert_eq!(node.raft.commit(), Index(0));
}
