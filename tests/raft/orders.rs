//! Scenarios of the sections *Leadership transfer* and *Election hardening and lease*: a leader's order to ask for
//! votes, at who gets it and at who is asked then.

use crate::harness::*;
use crate::network::{Network, promote};
use tenure::base::Term;
use tenure::raft::{Event, Role};

#[test]
fn order_of_another_term_or_node_is_ignored() {
    // (who follows, from, term)
    for (from, term) in [(2, 1), (2, 3), (3, 2), (9, 2)] {
        let mut node = Node::with_log(1, 3, 2, &[1]);
        node.receive(2, heartbeat(2, 0, 0));
        node.receive(from, timeout_now(term));
        assert_eq!(
            (node.raft.role(), node.raft.term()),
            (Role::Follower, Term(2)),
            "{from} {term}"
        );
    }
    // Nobody leads its term.
    let mut node = Node::with_log(1, 3, 2, &[1]);
    node.receive(2, timeout_now(2));
    assert_eq!(node.raft.role(), Role::Follower);
}

#[test]
fn order_is_ignored_by_who_does_not_vote() {
    let mut network = Network::new(3);
    network.elect(1);
    let learner = network.add_learner(1);
    network.node(learner).receive(1, timeout_now(1));
    network.deliver();
    assert_eq!((network.leader(), network.term()), (Some(1), 1));
    network.reseat(1, &[promote(learner)]);
    network.node(learner).receive(1, timeout_now(1));
    network.deliver();
    assert_eq!((network.leader(), network.term()), (Some(learner), 2));
}

#[test]
fn vote_on_a_leaders_order_passes_the_refusal_of_who_hears_it() {
    let mut voter = Node::with_log(1, 3, 1, &[]);
    voter.receive(2, heartbeat(1, 0, 0));
    voter.receive(3, vote(2, 5, 1));
    assert_eq!(voter.raft.term(), Term(1));
    voter.receive(3, ordered_vote(2, 5, 1));
    voter.settle();
    assert_eq!(voter.sent_to(3), [vote_response(2, true)]);
    // The target must hold all of the leader's log, like any candidate.
    let mut voter = Node::with_log(1, 3, 1, &[1, 1]);
    voter.receive(2, heartbeat(1, 0, 0));
    voter.receive(3, ordered_vote(2, 1, 1));
    voter.settle();
    assert_eq!(voter.sent_to(3), [vote_response(2, false)]);
}

#[test]
fn target_asks_for_votes_without_a_pre_vote_and_says_why() {
    let mut target = Node::with_log(1, 3, 1, &[1]);
    target.receive(2, heartbeat(1, 0, 0));
    target.settle();
    target.sent();
    target.receive(2, timeout_now(1));
    target.turn();
    assert_eq!(target.sent(), [], "its own vote is not durable");
    target.settle();
    assert_eq!(target.sent(), [(2, ordered_vote(2, 1, 1)), (3, ordered_vote(2, 1, 1))]);
    // If that fails, it has no order any more.
    target.clock += 2 * ELECTION;
    target.handle(Event::Deadline);
    target.turn();
    assert_eq!(target.sent(), [(2, pre_vote(3, 1, 1)), (3, pre_vote(3, 1, 1))]);
}
