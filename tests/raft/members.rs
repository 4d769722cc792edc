//! Scenarios of the section *Membership*: what members count for while they come and go (R12, C5).

use crate::harness::*;
use crate::network::{Network, demote, join, promote, remove};
use tenure::base::limits::ENTRY_BYTES_MAX;
use tenure::base::{Blob, Index, NodeId, Term};
use tenure::raft::{
    ChangeError, EntryKind, Event, HardState, Membership, MembershipError, Message, Payload, Role,
    Seat, Snapshot, SnapshotMeta, Urgency,
};

/// `voters` nodes, the first of which leads, and some learners.
fn network(voters: u64, learners: u64) -> Network {
    let mut network = Network::new(voters);
    network.elect(1);
    for _ in 0..learners {
        network.add_learner(1);
    }
    network
}

fn seat(network: &mut Network, at: u64, id: u64) -> Option<Seat> {
    let (_, membership) = network.node(at).raft.membership();
    membership.member(NodeId(id)).map(|member| member.seat)
}

/// How many memberships the log of `id` holds.
fn memberships(network: &mut Network, id: u64) -> usize {
    let raft = &network.node(id).raft;
    let entries = raft.entries(Index(1), raft.last_index());
    entries.filter(|entry| entry.header.kind == EntryKind::Membership).count()
}

fn proposal_commits(network: &mut Network, leader: u64) -> bool {
    let index = network.node(leader).propose();
    network.deliver();
    network.node(leader).raft.commit() >= index
}

#[test]
fn second_change_waits_until_the_first_is_applied() {
    let mut network = network(3, 2);
    network.change(1, &[promote(4)]).expect("the first");
    assert_eq!(network.change(1, &[remove(3)]), Err(MembershipError::Pending));
    network.deliver();
    network.change(1, &[remove(3)]).expect("the first is applied");
}

#[test]
fn new_leader_changes_nothing_before_its_noop_is_committed() {
    let mut leader = Node::leader(3, 2, &[1]);
    let now = leader.now();
    let refused = leader.raft.change_membership(&now, &[remove(3)]);
    assert_eq!(refused, Err(MembershipError::NotReady));
    leader.receive(2, accepted(2, 0, 2));
    leader.settle();
    assert_eq!(leader.raft.change_membership(&now, &[remove(3)]), Ok(Index(3)));
    let refused = Node::new(1, 3).raft.change_membership(&now, &[remove(3)]);
    assert_eq!(refused, Err(MembershipError::NotLeader));
}

#[test]
fn impossible_change_is_refused_and_appends_nothing() {
    let mut network = network(3, 0);
    let last = network.node(1).raft.last_index();
    let refused = network.change(1, &[promote(9)]);
    assert_eq!(refused, Err(ChangeError::Absent(NodeId(9)).into()));
    assert_eq!(network.node(1).raft.last_index(), last);
}

#[test]
fn change_acts_from_the_moment_it_is_appended() {
    let mut network = network(3, 1);
    network.isolate(1);
    network.change(1, &[promote(4)]).expect("a change");
    assert_eq!(seat(&mut network, 1, 4), Some(Seat::Voter));
    assert_eq!(seat(&mut network, 2, 4), Some(Seat::Learner));
}

#[test]
fn truncation_restores_the_membership_before() {
    let mut network = network(3, 1);
    network.isolate(1);
    network.change(1, &[promote(4)]).expect("a change");
    network.node(1).settle();
    network.elect(2);
    network.heal();
    network.run(2 * HEARTBEAT);
    assert_eq!(seat(&mut network, 1, 4), Some(Seat::Learner));
    assert_eq!(network.nodes[0].disk.entries, network.nodes[1].disk.entries);
}

#[test]
fn membership_survives_a_restart() {
    let mut network = network(3, 1);
    network.reseat(1, &[promote(4), remove(3)]);
    for id in [1, 2, 4] {
        let before = network.node(id).raft.membership().1.clone();
        network.restart(id);
        assert_eq!(network.node(id).raft.membership().1, &before);
    }
}

#[test]
fn removed_leader_does_not_count_itself_and_leads_until_that_is_committed() {
    let mut leader = Node::leader(3, 2, &[]);
    leader.receive(2, accepted(2, 0, 1));
    leader.settle();
    let now = leader.now();
    let index = leader.raft.change_membership(&now, &[remove(1)]).expect("a change");
    leader.settle();
    leader.receive(2, accepted(2, 0, index.0));
    leader.settle();
    assert_eq!(leader.raft.commit(), Index(1), "2 of 3, but only 1 of 2");
    assert_eq!(leader.raft.role(), Role::Leader);
    leader.sent();
    leader.receive(3, accepted(2, 0, index.0));
    leader.settle();
    assert_eq!((leader.raft.commit(), leader.raft.role()), (index, Role::Follower));
    assert_eq!(leader.sent(), [(2, timeout_now(2))], "one of the others need not wait");
    leader.clock += 10 * ELECTION;
    leader.handle(Event::Deadline);
    assert_eq!(leader.raft.role(), Role::Follower, "it never campaigns again");
}

#[test]
fn removed_or_demoted_leader_is_followed_by_another_at_once() {
    for change in [remove(1), demote(1)] {
        let mut network = network(3, 0);
        network.reseat(1, &[change]);
        assert!(matches!(network.leader(), Some(2 | 3)), "{:?}", network.leader());
        assert_eq!(network.term(), 2);
        let leader = network.leader().expect("a leader");
        assert!(proposal_commits(&mut network, leader));
        network.run(10 * ELECTION);
        assert_eq!(network.term(), 2);
    }
}

#[test]
fn leader_of_two_that_removes_itself_alone_can_still_be_elected() {
    // Its log is longer, so the other one cannot win; and only the other one votes.
    let mut network = network(2, 0);
    network.isolate(1);
    network.change(1, &[remove(1)]).expect("a change");
    network.node(1).settle();
    network.restart(1);
    network.reconnect();
    network.run(10 * ELECTION);
    assert_eq!(network.leader(), Some(2));
    assert!(proposal_commits(&mut network, 2));
    assert_eq!(network.node(1).raft.role(), Role::Follower);
}

#[test]
fn joint_membership_commits_with_both_majorities_only() {
    // {1, 2, 3} to {4, 5, 6}; then who is cut off, and whether the change is through.
    let table: [(&[u64], bool); 5] =
        [(&[], true), (&[2, 4], true), (&[2, 3], false), (&[4, 5], false), (&[3, 5, 6], false)];
    for (cut, through) in table {
        let mut network = network(3, 3);
        cut.iter().for_each(|id| network.isolate(*id));
        let all = [promote(4), promote(5), promote(6), remove(1), remove(2), remove(3)];
        let index = network.change(1, &all).expect("a change");
        network.deliver();
        let commit = network.nodes.iter().map(|node| node.raft.commit()).max();
        assert_eq!(commit >= Some(index), through, "{cut:?}");
    }
}

#[test]
fn joint_election_needs_both_majorities() {
    // Nodes that are cut off from candidate 2, and whether it wins.
    let table: [(&[u64], bool); 4] =
        [(&[1], true), (&[1, 4], true), (&[1, 3], false), (&[1, 4, 5], false)];
    for (cut, wins) in table {
        let mut network = network(3, 3);
        let all = [promote(4), promote(5), promote(6), demote(1), demote(3)];
        network.change(1, &all).expect("a change");
        // The joint one reaches everybody; nobody hears that it is committed.
        network.node(1).settle();
        network.collect(1);
        let sent = std::mem::take(&mut network.queue);
        network.isolate(1);
        for (from, to, message) in sent {
            network.node(to).receive(from, message);
        }
        network.deliver();
        cut.iter().for_each(|id| network.isolate(*id));
        network.campaign(2);
        assert_eq!(network.node(2).raft.role() == Role::Leader, wins, "without {cut:?}");
    }
}

#[test]
fn joint_membership_is_left_once_however_much_is_proposed() {
    let mut network = network(3, 2);
    network.change(1, &[promote(4), promote(5)]).expect("a change");
    for _ in 0..50 {
        assert_eq!(network.change(1, &[remove(2)]), Err(MembershipError::Pending));
        network.node(1).propose();
        network.node(1).turn();
        network.node(1).propose();
    }
    network.deliver();
    network.run(2 * HEARTBEAT);
    assert_eq!(memberships(&mut network, 1), 4, "two learners, the joint one, and after it");
    for id in 1..=5 {
        assert_eq!(seat(&mut network, id, 5), Some(Seat::Voter));
    }
}

#[test]
fn new_leader_leaves_the_joint_membership_of_its_predecessor() {
    let mut network = network(3, 2);
    network.change(1, &[promote(4), promote(5)]).expect("a change");
    network.node(1).settle();
    network.collect(1);
    let sent = std::mem::take(&mut network.queue);
    network.isolate(1);
    sent.into_iter().for_each(|(from, to, message)| network.node(to).receive(from, message));
    network.elect(2);
    assert_eq!(seat(&mut network, 2, 5), Some(Seat::Voter));
    assert_eq!(memberships(&mut network, 2), 4);
    network.heal();
    network.run(2 * HEARTBEAT);
    assert_eq!(seat(&mut network, 1, 5), Some(Seat::Voter));
}

#[test]
fn r12_new_leader_whose_snapshot_is_of_a_joint_membership_leaves_it_behind_its_own_noop() {
    // The snapshot was made between the two entries: that the first is committed is known from the start.
    let joint = founding(1..=4).changed(&[demote(3), remove(4)]).expect("possible");
    let meta = SnapshotMeta {
        index: Index(5),
        term: Term(1),
        membership: joint,
        membership_index: Index(4),
    };
    let disk = Disk {
        hard_state: HardState { term: Term(1), vote: None },
        snapshot: Some(Snapshot { meta, data: Blob::from(vec![0; 4]) }),
        ..Disk::default()
    };
    let mut leader = Node::start(config(1, 4), disk, 1000);
    leader.become_candidate();
    (2..=4).for_each(|voter| leader.receive(voter, vote_response(2, true)));
    leader.settle();
    assert_eq!((leader.raft.role(), leader.raft.last_index()), (Role::Leader, Index(6)));
    assert!(leader.raft.membership().1.is_joint());
    (2..=4).for_each(|voter| leader.receive(voter, accepted(2, 0, 6)));
    leader.settle();
    assert_eq!(leader.raft.last_index(), Index(7));
    assert!(!leader.raft.membership().1.is_joint());
}

#[test]
fn voter_demoted_in_a_joint_change_is_a_learner_only_after_it_and_keeps_its_progress() {
    let mut network = network(3, 1);
    network.isolate(2);
    network.isolate(4);
    network.change(1, &[promote(4), demote(3)]).expect("a change");
    network.deliver();
    assert_eq!(seat(&mut network, 1, 3), Some(Seat::Demoting));
    assert!(network.node(3).raft.membership().1.is_voter(NodeId(3)));
    network.reconnect();
    network.deliver();
    network.run(2 * HEARTBEAT);
    assert_eq!(seat(&mut network, 3, 3), Some(Seat::Learner));
    let (last, sent) = (network.node(1).raft.last_index(), network.node(1).propose());
    assert_eq!(network.node(1).raft.matched().find(|(id, _)| id.0 == 3), Some((NodeId(3), last)));
    network.deliver();
    assert_eq!(network.node(3).raft.last_index(), sent);
}

#[test]
fn learner_replicates_and_counts_for_nothing() {
    let mut network = network(3, 2);
    assert!(proposal_commits(&mut network, 1));
    network.run(2 * HEARTBEAT);
    assert_eq!(network.nodes[3].state, network.nodes[0].state);
    network.partition(&[1, 4, 5]);
    assert!(!proposal_commits(&mut network, 1), "one voter of three, and two learners");
    network.run(ELECTION + HEARTBEAT);
    assert_eq!(network.node(1).raft.role(), Role::Follower, "nor do they make a quorum");
}

#[test]
fn learner_never_campaigns() {
    let mut network = network(3, 1);
    network.isolate(4);
    network.run(10 * ELECTION);
    assert_eq!((network.node(4).raft.role(), network.term()), (Role::Follower, 1));
    network.node(4).handle(Event::PeerDown(NodeId(1)));
    network.run(10 * ELECTION);
    assert_eq!((network.node(4).raft.role(), network.term()), (Role::Follower, 1));
}

#[test]
fn learner_gets_a_snapshot_is_promoted_and_leads() {
    let mut network = network(3, 0);
    (0..5).for_each(|_| assert!(proposal_commits(&mut network, 1)));
    network.snapshot(1);
    let id = network.add_learner(1);
    assert_eq!(network.node(id).restored, [Index(6)]);
    assert_eq!(network.nodes[3].raft.membership(), network.nodes[0].raft.membership());
    network.run(2 * HEARTBEAT);
    network.reseat(1, &[promote(id)]);
    network.isolate(1);
    network.run(2 * ELECTION);
    network.elect(id);
    assert!(proposal_commits(&mut network, id));
}

#[test]
fn learner_that_is_asked_votes() {
    // The node may be a voter in a log that it has not got yet.
    let mut learner = Node::new(4, 3);
    learner.receive(2, pre_vote(1, 5, 1));
    learner.receive(2, vote(1, 5, 1));
    learner.settle();
    assert_eq!(learner.sent_to(2), [pre_vote_response(1, true), vote_response(1, true)]);
}

#[test]
fn candidate_that_the_voter_does_not_know_is_answered() {
    let mut voter = Node::with_log(1, 3, 1, &[1]);
    voter.receive(9, vote(2, 5, 1));
    voter.settle();
    assert_eq!(voter.sent_to(9), [vote_response(2, true)]);
}

#[test]
fn removed_node_that_was_not_told_disturbs_nobody() {
    for change in [remove(3), demote(3)] {
        let mut network = network(3, 0);
        network.isolate(3);
        network.reseat(1, &[change]);
        network.heal();
        network.cut_one_way(1, 3);
        network.run(20 * ELECTION);
        assert_eq!((network.leader(), network.term()), (Some(1), 1));
        // Not even while nobody leads: it lacks what is committed.
        network.close_connections_of(1);
        network.run(ELECTION);
        assert_ne!(network.node(3).raft.role(), Role::Leader);
    }
}

#[test]
fn hung_follower_is_removed_without_waiting_for_it() {
    let mut network = network(3, 0);
    network.isolate(3);
    for _ in 0..40 {
        let sent = network.node(1).propose_bytes(ENTRY_BYTES_MAX, Urgency::Normal);
        sent.expect("room");
        network.deliver();
    }
    network.reseat(1, &[remove(3)]);
    assert_eq!(seat(&mut network, 2, 3), None);
    assert!(proposal_commits(&mut network, 1));
    network.node(1).sent();
    network.node(1).beat();
    assert!(network.node(1).sent_to(3).is_empty(), "nothing is sent to it any more");
}

#[test]
fn learner_that_lags_or_is_silent_does_not_become_a_voter() {
    let mut network = network(1, 1);
    let behind = Err(MembershipError::Behind(NodeId(2)));
    network.isolate(2);
    network.run(ELECTION + 1);
    assert_eq!(network.change(1, &[promote(2)]), behind, "silent");
    for _ in 0..1001 {
        network.node(1).propose();
        network.node(1).settle();
    }
    network.node(1).receive(2, echo(1, 0));
    assert_eq!(network.change(1, &[promote(2)]), behind, "lags");
    network.reconnect();
    network.deliver();
    assert!(network.change(1, &[promote(2)]).is_ok());
}

#[test]
fn new_voter_that_falls_silent_costs_the_quorum_after_an_election_timeout_and_not_at_once() {
    let mut network = network(1, 1);
    network.isolate(2);
    network.run(HEARTBEAT);
    network.change(1, &[promote(2)]).expect("it was heard a moment ago");
    network.deliver();
    assert_eq!(network.node(1).raft.role(), Role::Leader);
    network.run(ELECTION - 2 * HEARTBEAT);
    assert_eq!(network.node(1).raft.role(), Role::Leader);
    network.run(2 * HEARTBEAT);
    assert_eq!(network.node(1).raft.role(), Role::Follower);
}

#[test]
fn nothing_is_sent_to_a_member_without_a_directory() {
    let mut network = network(3, 0);
    let id = network.start_stranger();
    let [add, bind] = join(id);
    network.reseat(1, &[add]);
    network.run(2 * HEARTBEAT);
    assert_eq!(network.node(id).raft.last_index(), Index(0));
    let refused = network.change(1, &[promote(id)]);
    assert_eq!(refused, Err(ChangeError::Unbound(NodeId(id)).into()));
    network.reseat(1, &[bind]);
    assert_eq!(network.node(id).raft.last_index(), network.node(1).raft.last_index());
}

#[test]
fn entry_that_is_no_membership_is_refused_before_it_is_appended() {
    let mut node = Node::with_log(1, 3, 1, &[1]);
    for payload in [vec![], vec![255; 10], Membership::default().encode()] {
        let Message::Append(mut append) = append(1, (1, 1), 0, &[1]) else { unreachable!() };
        append.entries[0].header.kind = EntryKind::Membership;
        append.entries[0].payload = Payload::from(payload);
        node.receive(2, Message::Append(append));
    }
    node.settle();
    assert_eq!((node.raft.last_index(), node.raft.term()), (Index(1), Term(1)));
}
