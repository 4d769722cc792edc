//! Scenarios of the section *Snapshots and recovery*: a leader's snapshot at the follower (Raft §7).

use crate::harness::*;
use tenure::base::{Blob, Index, NodeId, Term};
use tenure::raft::{
    Event, HardState, LogStart, Message, Payload, Role, Snapshot, SnapshotChunk, SnapshotMeta,
};

/// A snapshot of (`index`, `term`) with so many bytes, of four founding members.
pub fn snapshot(index: u64, term: u64, bytes: usize) -> Snapshot {
    let meta = SnapshotMeta {
        index: Index(index),
        term: Term(term),
        membership: founding(1..=4),
        membership_index: Index(1),
    };
    Snapshot { meta, data: Blob::from(vec![7; bytes]) }
}

/// A follower of node 2 in `term` with this log.
pub fn follower(term: u64, terms: &[u64]) -> Node {
    let mut node = Node::with_log(1, 3, term, terms);
    node.receive(2, heartbeat(term, 0, 0));
    node.settle();
    node.sent();
    node
}

/// The answer to a part, with nothing stored meanwhile.
pub fn answer(node: &mut Node, part: SnapshotChunk) -> Vec<Message> {
    node.receive(2, Message::SnapshotChunk(part));
    node.settle();
    node.sent_to(2)
}

/// Hands it the whole snapshot in one part.
fn hand_over(node: &mut Node, term: u64, snapshot: &Snapshot) {
    let length = usize::try_from(snapshot.data.len()).unwrap();
    node.receive(2, Message::SnapshotChunk(chunk(term, snapshot, 0..length)));
}

#[test]
fn parts_are_put_together_stored_and_take_the_place_of_the_log() {
    let mut node = follower(3, &[1, 2]);
    let snapshot = snapshot(9, 3, 10);
    assert_eq!(answer(&mut node, chunk(3, &snapshot, 0..4)), [received(3, 0, 9, 4)]);
    assert_eq!(answer(&mut node, chunk(3, &snapshot, 4..9)), [received(3, 0, 9, 9)]);
    assert_eq!(node.installs, []);
    assert_eq!(answer(&mut node, chunk(3, &snapshot, 9..10)), [received(3, 0, 9, 10)]);
    assert_eq!(node.installs, std::slice::from_ref(&snapshot));
    // Asked while it is being stored.
    assert_eq!(answer(&mut node, chunk(3, &snapshot, 10..10)), [received(3, 0, 9, 10)]);
    assert_eq!(node.installs.len(), 1, "once");

    node.store_installs();
    node.turn();
    assert_eq!(node.restored, [Index(9)]);
    let start = LogStart { index: Index(9), term: Term(3) };
    assert_eq!(node.writes[0].start, Some(start));
    node.receive(2, Message::SnapshotChunk(chunk(3, &snapshot, 10..10)));
    node.turn();
    assert_eq!(node.sent(), [], "stored only when the log begins behind it, durably");
    node.settle();
    assert_eq!(node.sent_to(2), [stored(3, 0, 9)]);
    assert_eq!((node.raft.last_index(), node.raft.commit()), (Index(9), Index(9)));
    assert_eq!((node.disk.base, node.disk.entries.len()), (9, 0));

    node.receive(2, append(3, (9, 3), 10, &[3]));
    node.settle();
    assert_eq!(node.applied, [Index(10)]);
}

#[test]
fn parts_that_do_not_follow_are_not_taken_and_the_answer_says_what_does() {
    let mut node = follower(3, &[]);
    let snapshot = snapshot(9, 3, 10);
    assert_eq!(answer(&mut node, chunk(3, &snapshot, 4..8)), [received(3, 0, 9, 0)], "a gap");
    assert_eq!(answer(&mut node, chunk(3, &snapshot, 0..4)), [received(3, 0, 9, 4)]);
    assert_eq!(answer(&mut node, chunk(3, &snapshot, 0..4)), [received(3, 0, 9, 4)], "repeated");
    assert_eq!(answer(&mut node, chunk(3, &snapshot, 8..10)), [received(3, 0, 9, 4)], "too early");
    assert_eq!(answer(&mut node, chunk(3, &snapshot, 2..6)), [received(3, 0, 9, 4)], "overlaps");
    assert_eq!(answer(&mut node, chunk(3, &snapshot, 4..10)), [received(3, 0, 9, 10)]);
    assert_eq!(node.installs, [snapshot]);
}

#[test]
fn parts_of_another_snapshot_begin_anew() {
    let mut node = follower(3, &[]);
    let (first, second) = (snapshot(9, 3, 10), snapshot(12, 3, 10));
    answer(&mut node, chunk(3, &first, 0..6));
    assert_eq!(answer(&mut node, chunk(3, &second, 6..10)), [received(3, 0, 12, 0)]);
    assert_eq!(answer(&mut node, chunk(3, &second, 0..6)), [received(3, 0, 12, 6)]);
    // The same index with other data: never mixed.
    let mut other = snapshot(12, 3, 10);
    other.data = Blob::from(vec![8; 10]);
    assert_eq!(answer(&mut node, chunk(3, &other, 6..10)), [received(3, 0, 12, 0)]);
    assert_eq!(node.installs, []);
}

#[test]
fn snapshot_goes_on_where_it_was_under_another_leader() {
    let mut node = follower(3, &[]);
    let snapshot = snapshot(9, 3, 10);
    answer(&mut node, chunk(3, &snapshot, 0..6));
    node.receive(3, Message::SnapshotChunk(chunk(4, &snapshot, 0..5)));
    node.settle();
    assert_eq!(node.sent_to(3), [received(4, 0, 9, 6)]);
    node.receive(3, Message::SnapshotChunk(chunk(4, &snapshot, 6..10)));
    node.settle();
    assert_eq!(node.installs, [snapshot]);
}

#[test]
fn damaged_snapshot_is_asked_for_again() {
    let mut node = follower(3, &[]);
    let snapshot = snapshot(9, 3, 10);
    let mut damaged = chunk(3, &snapshot, 4..10);
    damaged.bytes = Payload::from(vec![6; 6]);
    answer(&mut node, chunk(3, &snapshot, 0..4));
    assert_eq!(answer(&mut node, damaged), [received(3, 0, 9, 0)]);
    assert_eq!(node.installs, []);
    answer(&mut node, chunk(3, &snapshot, 0..4));
    assert_eq!(answer(&mut node, chunk(3, &snapshot, 4..10)), [received(3, 0, 9, 10)]);
    assert_eq!(node.installs, [snapshot]);
}

#[test]
fn snapshot_that_cannot_be_stored_is_asked_for_again() {
    let mut node = follower(3, &[]);
    let snapshot = snapshot(9, 3, 10);
    hand_over(&mut node, 3, &snapshot);
    node.settle();
    node.handle(Event::SnapshotRefused);
    node.sent();
    assert_eq!(answer(&mut node, chunk(3, &snapshot, 10..10)), [received(3, 0, 9, 0)]);
    hand_over(&mut node, 3, &snapshot);
    node.settle();
    assert_eq!(node.installs.len(), 2);
}

#[test]
fn another_snapshot_waits_while_one_is_being_stored() {
    let mut node = follower(3, &[]);
    hand_over(&mut node, 3, &snapshot(9, 3, 10));
    node.settle();
    node.sent();
    let later = snapshot(12, 3, 10);
    assert_eq!(
        answer(&mut node, chunk(3, &later, 0..10)),
        [],
        "an answer would bring it at once again"
    );
    assert_eq!(node.installs.len(), 1);
    node.store_installs();
    node.settle();
    assert_eq!(answer(&mut node, chunk(3, &later, 0..10)), [received(3, 0, 12, 10)]);
    assert_eq!(node.installs, [later]);
}

#[test]
fn snapshot_is_stored_only_when_its_term_is_durable() {
    // A disk with a snapshot of a term beyond its own would be refused by every start.
    let mut node = follower(3, &[1]);
    let snapshot = snapshot(9, 5, 10);
    hand_over(&mut node, 5, &snapshot);
    node.turn();
    assert_eq!(node.installs, []);
    node.settle();
    assert_eq!(node.disk.hard_state.term, Term(5));
    assert_eq!(node.installs, [snapshot]);
}

#[test]
fn snapshot_of_what_is_committed_here_is_acknowledged_and_ignored() {
    let mut node = follower(2, &[1, 1, 2]);
    node.receive(2, append(2, (3, 2), 3, &[]));
    node.settle();
    let (before, state) = (node.disk.entries.clone(), node.state);
    node.sent();
    for (index, term) in [(2, 1), (3, 2)] {
        let old = snapshot(index, term, 10);
        assert_eq!(answer(&mut node, chunk(2, &old, 0..4)), [stored(2, 0, index)]);
    }
    // And if it was stored all the same, the state does not go back.
    node.store(snapshot(2, 1, 10));
    node.settle();
    assert_eq!(
        (node.restored.len(), node.state, node.disk.entries.len()),
        (0, state, before.len())
    );
    assert_eq!(node.installs, []);
}

#[test]
fn snapshot_of_an_entry_that_the_log_holds_moves_commit_and_nothing_else() {
    let mut node = follower(2, &[1, 1, 2, 2]);
    let held = snapshot(3, 2, 10);
    assert_eq!(answer(&mut node, chunk(2, &held, 0..4)), [stored(2, 0, 3)]);
    assert_eq!((node.raft.commit(), node.terms()), (Index(3), vec![1, 1, 2, 2]));
    assert_eq!((node.applied.len(), node.installs.len()), (3, 0));
}

#[test]
fn acknowledgement_of_a_snapshot_waits_for_the_log_that_it_speaks_of() {
    let mut node = follower(2, &[1]);
    node.receive(2, append(2, (1, 1), 0, &[2, 2]));
    node.receive(2, Message::SnapshotChunk(chunk(2, &snapshot(3, 2, 10), 0..4)));
    node.turn();
    assert_eq!(node.sent(), [], "the entries are not durable");
    node.settle();
    assert!(node.sent_to(2).contains(&stored(2, 0, 3)));
}

#[test]
fn entries_behind_a_snapshot_are_kept_if_the_log_holds_what_it_ends_with() {
    // The entries came while it was being stored; once they are written, once in the same turn.
    for is_written in [true, false] {
        let mut node = follower(3, &[1]);
        hand_over(&mut node, 3, &snapshot(3, 2, 10));
        node.settle();
        node.receive(2, append(3, (1, 1), 0, &[2, 2, 3]));
        if is_written {
            node.settle();
        }
        node.store_installs();
        node.turn();
        assert!(node.writes.iter().all(|write| write.start.is_none()));
        node.settle();
        assert_eq!((node.restored.as_slice(), node.terms()), ([Index(3)].as_slice(), vec![3]));
        assert_eq!((node.raft.commit(), node.raft.durable_index()), (Index(3), Index(4)));
        assert_eq!(node.disk.last_index(), 4);
        node.receive(2, heartbeat(3, 1, 4));
        node.settle();
        assert_eq!(node.applied, [Index(4)]);
    }
}

#[test]
fn log_of_another_past_is_dropped_whole() {
    // (log, what of it reached the disk before)
    for terms in [&[1, 1, 1, 1, 1, 1][..], &[1, 1], &[1, 1, 1]] {
        let mut node = follower(3, terms);
        hand_over(&mut node, 3, &snapshot(3, 2, 10));
        node.settle();
        node.store_installs();
        node.settle();
        assert_eq!((node.raft.last_index(), node.terms()), (Index(3), vec![]), "{terms:?}");
        assert_eq!((node.disk.base, node.disk.entries.len()), (3, 0));
        assert_eq!(node.raft.durable_index(), Index(3));
    }
}

#[test]
fn entries_of_the_same_turn_do_not_survive_a_log_that_begins_anew() {
    let mut node = follower(3, &[1]);
    hand_over(&mut node, 3, &snapshot(5, 3, 10));
    node.settle();
    node.receive(2, append(3, (1, 1), 0, &[3, 3]));
    node.store_installs();
    node.turn();
    assert_eq!(node.writes.len(), 2, "an acknowledgement may name the first");
    assert_eq!(node.writes[1].start.map(|start| start.index), Some(Index(5)));
    node.settle();
    assert_eq!((node.disk.base, node.raft.last_index()), (5, Index(5)));
}

#[test]
fn membership_comes_from_the_snapshot_and_truncation_goes_back_to_it() {
    let mut node = follower(3, &[]);
    hand_over(&mut node, 3, &snapshot(9, 3, 10));
    node.settle();
    assert_eq!(node.raft.membership().1, &founding(1..=3), "not before it is stored");
    node.store_installs();
    node.settle();
    assert_eq!(node.raft.membership(), (Index(1), &founding(1..=4)));

    let Message::Append(mut change) = append(3, (9, 3), 0, &[3]) else { unreachable!() };
    change.entries[0].header.kind = tenure::raft::EntryKind::Membership;
    change.entries[0].payload = Payload::from(founding(1..=5).encode());
    node.receive(2, Message::Append(change));
    assert_eq!(node.raft.membership(), (Index(10), &founding(1..=5)));
    node.receive(3, append(4, (9, 3), 0, &[4]));
    assert_eq!(node.raft.membership(), (Index(1), &founding(1..=4)));
    node.settle();
    let restarted = Node::start(node.config.clone(), node.disk.clone(), node.clock);
    assert_eq!(restarted.raft.membership(), (Index(1), &founding(1..=4)));
}

#[test]
fn crash_between_storing_a_snapshot_and_beginning_the_log_anew_loses_nothing() {
    for terms in [&[][..], &[1], &[1, 1, 1, 1, 1, 1]] {
        let mut node = follower(3, terms);
        hand_over(&mut node, 3, &snapshot(3, 2, 10));
        node.settle();
        node.store_installs();
        // The new start of the log is handed out and lost.
        node.turn();
        let mut node = Node::start(node.config.clone(), node.disk.clone(), node.clock);
        assert_eq!((node.raft.last_index(), node.raft.commit()), (Index(3), Index(3)));
        node.receive(2, append(3, (3, 2), 4, &[3]));
        node.settle();
        assert_eq!((node.applied.as_slice(), node.disk.last_index()), ([Index(4)].as_slice(), 4));
    }
}

#[test]
#[should_panic(expected = "the snapshot of 2 has term 9")]
fn snapshot_that_contradicts_the_committed_log_stops_the_node() {
    let mut node = Node::with_log(1, 3, 9, &[]);
    node.receive(2, append(9, (0, 0), 3, &[1, 1, 1]));
    node.handle(Event::SnapshotStored(snapshot(2, 9, 10)));
}

#[test]
#[should_panic(expected = "a snapshot of term 9 in 3")]
fn snapshot_of_a_term_that_never_was_stops_the_node() {
    follower(3, &[]).handle(Event::SnapshotStored(snapshot(2, 9, 10)));
}

#[test]
fn part_of_an_earlier_term_is_answered_with_the_own() {
    let mut node = follower(3, &[]);
    assert_eq!(answer(&mut node, chunk(2, &snapshot(9, 2, 10), 0..10)), [received(3, 0, 9, 0)]);
    assert_eq!(node.installs, []);
}

#[test]
fn part_is_a_sign_of_the_leaders_life() {
    let mut node = Node::with_log(1, 3, 2, &[]);
    node.clock += ELECTION;
    node.receive(2, Message::SnapshotChunk(chunk(3, &snapshot(9, 2, 10), 0..4)));
    assert_eq!((node.raft.term(), node.raft.leader()), (Term(3), Some(NodeId(2))));
    assert!(node.raft.next_deadline() >= node.now().boot() + ELECTION * 1_000_000);
    node.receive(3, pre_vote(4, 99, 3));
    node.settle();
    assert_eq!(node.sent_to(3), [pre_vote_response(3, false)]);
}

#[test]
fn append_that_begins_in_what_is_compacted_adds_what_is_new() {
    let mut node = follower(3, &[1]);
    hand_over(&mut node, 3, &snapshot(5, 2, 10));
    node.settle();
    node.store_installs();
    node.settle();
    node.sent();
    // (prev, entries, acknowledged, log behind the snapshot)
    type Row = ((u64, u64), &'static [u64], u64, &'static [u64]);
    let rows: [Row; 3] =
        [((1, 1), &[1, 2], 5, &[]), ((3, 2), &[2, 2, 3], 6, &[3]), ((0, 0), &[], 5, &[3])];
    for (prev, terms, matched, held) in rows {
        node.receive(2, append(3, prev, 0, terms));
        node.settle();
        assert_eq!(node.sent_to(2), [accepted(3, 0, matched)]);
        assert_eq!(node.terms(), held);
    }
}

#[test]
fn append_that_contradicts_the_snapshot_is_refused_also_while_it_is_being_stored() {
    let mut node = follower(3, &[1]);
    hand_over(&mut node, 3, &snapshot(5, 2, 10));
    node.settle();
    node.sent();
    node.receive(2, append(3, (1, 1), 5, &[1, 1, 1, 1]));
    node.settle();
    assert_eq!((node.sent(), node.raft.last_index()), (vec![], Index(1)));
    node.store_installs();
    node.settle();
    for contradiction in [append(3, (5, 1), 0, &[3]), append(3, (4, 1), 0, &[1, 3])] {
        node.receive(2, contradiction);
    }
    node.settle();
    assert_eq!((node.sent(), node.raft.last_index()), (vec![], Index(5)));
    assert_eq!(node.raft.refused_messages(), 3);
}

#[test]
fn snapshot_that_contradicts_what_is_committed_is_refused_and_never_stored() {
    let mut node = follower(3, &[1, 2]);
    node.receive(2, append(3, (2, 2), 2, &[]));
    node.settle();
    node.sent();
    for (index, term) in [(1, 2), (2, 1), (2, 3)] {
        hand_over(&mut node, 3, &snapshot(index, term, 10));
    }
    node.settle();
    assert_eq!((node.sent(), node.installs.len(), node.raft.commit()), (vec![], 0, Index(2)));
    assert_eq!(node.raft.refused_messages(), 3);
}

/// By the word of a leader it lacks committed entries: others have them.
#[test]
fn node_whose_state_is_on_its_way_to_the_disk_does_not_stand_for_election() {
    let mut node = follower(3, &[1]);
    hand_over(&mut node, 3, &snapshot(5, 2, 10));
    node.settle();
    node.become_pre_candidate();
    assert_eq!(node.raft.role(), Role::Follower);
    node.store_installs();
    node.become_pre_candidate();
    assert_eq!(node.raft.role(), Role::PreCandidate);
}

#[test]
fn hard_state_of_a_disk_is_not_touched_by_a_snapshot() {
    let disk = HardState { term: Term(3), vote: Some(NodeId(2)) };
    let mut node = Node::start(config(1, 3), Disk { hard_state: disk, ..Disk::default() }, 1000);
    hand_over(&mut node, 3, &snapshot(5, 2, 10));
    node.settle();
    node.store_installs();
    node.settle();
    assert_eq!((node.disk.hard_state, node.raft.vote()), (disk, Some(NodeId(2))));
}

#[test]
fn own_snapshot_of_all_that_is_applied_takes_no_state_back() {
    let mut leader = Node::leader(3, 2, &[1, 1]);
    let noop = leader.raft.last_index();
    leader.receive(2, accepted(2, 0, noop.0));
    leader.settle();
    assert_eq!(leader.applied.last(), Some(&noop));
    leader.take_snapshot(0);
    leader.settle();
    assert_eq!((leader.raft.snapshot_index(), leader.restored.as_slice()), (noop, [].as_slice()));
}
