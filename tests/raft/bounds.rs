//! Bounds of the log, and messages that no correct peer sends.

use crate::harness::*;
use crate::install::{answer, follower, snapshot};
use tenure::base::limits::{
    ENTRY_BYTES_MAX, SNAPSHOT_BYTES_MAX, SNAPSHOT_CHUNK_BYTES_MAX, UNCOMMITTED_BYTES_MAX,
};
use tenure::base::{Index, Sample, Term};
use tenure::raft::{
    Event, HardState, Membership, Message, ProposeError, Raft, Recovered, Role, SnapshotChunk,
    Urgency,
};

const MAX: u64 = u64::MAX;

#[test]
fn only_a_leader_takes_proposals() {
    let mut node = Node::new(1, 3);
    assert_eq!(node.propose_bytes(1, Urgency::Frees), Err(ProposeError::NotLeader));
    node.become_candidate();
    assert_eq!(node.propose_bytes(1, Urgency::Frees), Err(ProposeError::NotLeader));
}

#[test]
fn entry_has_a_largest_size() {
    let mut leader = Node::leader(3, 1, &[]);
    assert!(leader.propose_bytes(ENTRY_BYTES_MAX, Urgency::Normal).is_ok());
    let too_large = leader.propose_bytes(ENTRY_BYTES_MAX + 1, Urgency::Frees);
    assert_eq!(too_large, Err(ProposeError::TooLarge));
}

#[test]
fn proposals_are_refused_while_too_much_waits_for_its_commit() {
    let mut leader = Node::leader(3, 1, &[]);
    leader.receive(2, accepted(1, 0, 1));
    let entry = ENTRY_BYTES_MAX + 64;
    for _ in 0..UNCOMMITTED_BYTES_MAX / entry {
        leader.propose_bytes(ENTRY_BYTES_MAX, Urgency::Normal).expect("below the bound");
    }
    let refused = leader.propose_bytes(ENTRY_BYTES_MAX, Urgency::Frees);
    assert_eq!(refused, Err(ProposeError::Busy));
    leader.settle();
    leader.receive(2, accepted(1, 0, 2));
    assert!(leader.propose_bytes(ENTRY_BYTES_MAX, Urgency::Normal).is_ok());
}

/// A leader alone, with room for four entries without payload, two of them in the reserve.
fn leader_with_a_small_log() -> Node {
    let mut config = config(1, 1);
    (config.log_bytes_max, config.log_reserve_bytes) = (4 * 64, 2 * 64);
    let mut node = Node::start(config, Disk::default(), 1000);
    node.become_pre_candidate();
    node.settle();
    assert_eq!((node.raft.role(), node.raft.log_bytes()), (Role::Leader, 64));
    node
}

#[test]
fn full_log_admits_only_what_frees_something() {
    let mut node = leader_with_a_small_log();
    assert_eq!(node.propose_bytes(0, Urgency::Normal), Ok(Index(2)));
    assert_eq!(node.propose_bytes(0, Urgency::Normal), Err(ProposeError::LogFull));
    assert_eq!(node.propose_bytes(0, Urgency::Frees), Ok(Index(3)));
    assert_eq!(node.propose_bytes(1, Urgency::Frees), Err(ProposeError::LogFull));
    assert_eq!(node.propose_bytes(0, Urgency::Frees), Ok(Index(4)));
    assert_eq!(node.propose_bytes(0, Urgency::Frees), Err(ProposeError::LogFull));
    assert_eq!(node.raft.log_bytes(), 256);
}

#[test]
fn leader_is_elected_over_a_full_log() {
    let mut node = leader_with_a_small_log();
    for _ in 0..3 {
        let _ = node.propose_bytes(0, Urgency::Frees);
    }
    node.settle();
    let mut config = config(1, 1);
    (config.log_bytes_max, config.log_reserve_bytes) = (4 * 64, 2 * 64);
    let mut restarted = Node::start(config, node.disk.clone(), 1000);
    restarted.become_pre_candidate();
    restarted.settle();
    assert_eq!(restarted.raft.commit(), Index(5), "its no-op");
}

#[test]
fn malformed_appends_change_nothing() {
    let mut gap = append(1, (1, 1), 0, &[1, 1]);
    let mut first = append(1, (1, 1), 0, &[1, 1]);
    let (Message::Append(gap_append), Message::Append(first_append)) = (&mut gap, &mut first)
    else {
        unreachable!()
    };
    gap_append.entries[1].index = Index(9);
    first_append.entries[0].index = Index(0);
    let malformed = [
        gap,
        first,
        append(1, (1, 0), 0, &[1]),
        append(1, (0, 1), 0, &[1]),
        append(1, (1, 1), 0, &[2]),
        append(2, (1, 1), 0, &[2, 1]),
        append(2, (1, 1), 0, &[0]),
        append(1, (1, 2), 0, &[]),
        Message::Append(tenure::raft::Append {
            term: Term(1),
            round: tenure::base::Round(MAX),
            prev_index: Index(MAX),
            prev_term: Term(1),
            commit: Index(MAX),
            entries: entries(2, &[1]),
        }),
    ];
    for message in malformed {
        let mut node = Node::with_log(1, 3, 1, &[1]);
        node.receive(2, message.clone());
        node.settle();
        let seen = (node.terms(), node.raft.commit(), node.raft.term(), node.sent().len());
        assert_eq!(seen, (vec![1], Index(0), Term(1), 0), "{message:?}");
    }
}

#[test]
fn entry_beyond_the_largest_size_is_not_taken() {
    let mut node = Node::with_log(1, 3, 1, &[1]);
    let Message::Append(mut append) = append(1, (1, 1), 0, &[1]) else { unreachable!() };
    append.entries[0].payload = tenure::raft::Payload::from(vec![0; ENTRY_BYTES_MAX + 1]);
    node.receive(2, Message::Append(append));
    assert_eq!(node.raft.last_index(), Index(1));
}

#[test]
fn numbers_at_their_end_do_not_overflow() {
    let of_a_leader = [append(1, (MAX, 1), MAX, &[]), heartbeat(1, MAX, MAX)];
    let of_any = [
        append(MAX, (MAX, MAX), MAX, &[]),
        heartbeat(MAX, MAX, MAX),
        accepted(1, MAX, MAX),
        accepted(MAX, MAX, MAX),
        rejected(1, MAX, (MAX, MAX)),
        rejected(1, 0, (MAX, 0)),
        rejected(1, 1, (MAX, MAX)),
        echo(1, MAX),
        echo(MAX, MAX),
        vote(MAX, MAX, MAX),
        pre_vote(MAX, MAX, MAX),
        vote_response(MAX, true),
        vote_response(MAX - 1, false),
        pre_vote_response(MAX, true),
        pre_vote_response(MAX, false),
    ];
    let follower = || Node::with_log(1, 3, 1, &[1]);
    let leader = || Node::leader(3, 1, &[]);
    let to_followers = of_a_leader.iter().chain(&of_any).map(|message| (follower(), message));
    let to_leaders = of_any.iter().map(|message| (leader(), message));
    for (mut node, message) in to_followers.chain(to_leaders) {
        node.receive(2, message.clone());
        node.settle();
        node.clock += 3 * ELECTION;
        node.handle(Event::Deadline);
        node.settle();
        assert_eq!(node.raft.term(), Term(1), "{message:?}");
        assert_eq!(node.raft.commit(), Index(0), "{message:?}");
    }
}

#[test]
fn node_in_the_last_term_does_not_campaign() {
    for term in [(1 << 48) - 1, MAX] {
        let hard_state = HardState { term: Term(term), vote: None };
        let disk = Disk { hard_state, ..Disk::default() };
        let mut node = Node::start(config(1, 3), disk, 1000);
        node.become_pre_candidate();
        node.settle();
        assert_eq!((node.raft.role(), node.raft.term()), (Role::Follower, Term(term)));
        assert!(node.raft.next_deadline() > node.now().boot(), "and does not spin");
    }
}

#[test]
fn nodes_that_are_no_voters_count_for_nothing() {
    for stranger in [4, MAX] {
        let mut leader = Node::leader(3, 1, &[]);
        let noop = leader.raft.last_index().0;
        leader.receive(stranger, accepted(1, 0, noop));
        leader.settle();
        assert_eq!(leader.raft.commit(), Index(0), "{stranger} does not commit");

        let mut candidate = Node::with_log(1, 3, 1, &[]);
        candidate.become_candidate();
        candidate.receive(stranger, vote_response(2, true));
        assert_eq!(candidate.raft.role(), Role::Candidate, "{stranger} does not elect");
    }
}

#[test]
fn messages_of_this_node_itself_are_ignored() {
    let mut node = Node::with_log(1, 3, 1, &[]);
    for message in [vote(5, 9, 4), append(5, (0, 0), 0, &[5]), heartbeat(5, 0, 0)] {
        node.receive(1, message);
    }
    node.settle();
    assert_eq!((node.raft.term(), node.raft.last_index()), (Term(1), Index(0)));
}

#[test]
fn founding_membership_must_name_each_voter_once() {
    let refused = |change: fn(&mut tenure::raft::Config)| {
        std::panic::catch_unwind(|| {
            let mut config = config(1, 3);
            change(&mut config);
            Raft::new(config, Recovered::default(), &Sample::at(0))
        })
        .is_err()
    };
    assert!(!refused(|_| {}));
    assert!(refused(|config| config.membership = founding([])));
    assert!(refused(|config| config.membership = founding([0, 1])));
    assert!(refused(|config| config.membership = founding([1, 2, 2])));
    assert!(refused(|config| config.membership = founding(1..=10)));
    assert!(refused(|config| config.log_reserve_bytes = config.log_bytes_max + 1));
}

#[test]
#[should_panic(expected = "applied 1, but only 0 was given out")]
fn application_of_what_was_not_given_out_stops_the_node() {
    Node::new(1, 3).handle(Event::Applied(Index(1)));
}

#[test]
fn parts_that_no_leader_sends_change_nothing() {
    type Fault = fn(&mut SnapshotChunk);
    let faults: [Fault; 14] = [
        |part| part.offset = u64::MAX,
        |part| part.offset = u64::MAX - 9,
        |part| part.offset = 1,
        |part| part.total = 9,
        |part| part.total = SNAPSHOT_BYTES_MAX + 1,
        |part| part.total = u64::MAX,
        |part| part.meta.index = Index(0),
        |part| part.meta.index = Index((1 << 48) - 1),
        |part| part.meta.index = Index(u64::MAX),
        |part| part.meta.term = Term(0),
        |part| part.meta.term = Term(4),
        |part| part.meta.membership_index = Index(10),
        |part| part.meta.membership = Membership::default(),
        |part| part.meta.membership = founding([1, 1]),
    ];
    for (row, fault) in faults.iter().enumerate() {
        let mut node = follower(3, &[1]);
        let mut part = chunk(3, &snapshot(9, 3, 10), 0..10);
        fault(&mut part);
        assert_eq!(answer(&mut node, part), [], "row {row}");
        let unchanged = (node.raft.role(), node.raft.term(), node.raft.last_index());
        assert_eq!(unchanged, (Role::Follower, Term(3), Index(1)), "row {row}");
        assert_eq!((node.installs.len(), node.raft.commit()), (0, Index(0)), "row {row}");
    }
    let mut node = follower(3, &[1]);
    let large = snapshot(9, 3, SNAPSHOT_CHUNK_BYTES_MAX + 1);
    assert_eq!(answer(&mut node, chunk(3, &large, 0..SNAPSHOT_CHUNK_BYTES_MAX + 1)), []);
}

#[test]
fn announced_length_is_not_believed_before_its_bytes_are_there() {
    let mut node = follower(3, &[1]);
    let mut part = chunk(3, &snapshot(9, 3, 10), 0..10);
    part.total = SNAPSHOT_BYTES_MAX;
    // Room for 4 GiB would not go unnoticed in a test.
    assert_eq!(answer(&mut node, part), [received(3, 0, 9, 10)]);
    assert_eq!(node.installs, []);
}

#[test]
fn snapshot_without_data_is_one() {
    let mut node = follower(3, &[1]);
    let mut empty = chunk(3, &snapshot(9, 3, 10), 10..10);
    (empty.total, empty.crc, empty.offset) = (0, 0, 0);
    assert_eq!(answer(&mut node, empty), [received(3, 0, 9, 0)]);
    assert_eq!(node.installs.len(), 1);
}
