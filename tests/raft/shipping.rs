//! Scenarios of the section *Snapshots and recovery*: own snapshots, and how a leader sends them (Raft §7).

use crate::harness::*;
use crate::install::snapshot;
use crate::network::{Network, join};
use std::sync::Arc;
use tenure::base::limits::{INFLIGHT_BYTES_MAX, SNAPSHOT_CHUNK_BYTES_MAX};
use tenure::base::{Blob, Index, NodeId, Term};
use tenure::raft::{
    Config, Event, HardState, Membership, Message, Snapshot, SnapshotChunk, SnapshotMeta,
};

const CHUNK: usize = SNAPSHOT_CHUNK_BYTES_MAX;

/// A leader of term 2 with the entries 1 to 4 applied and in a snapshot of three parts; follower 3 needs it.
fn leader() -> Node {
    let mut leader = Node::leader(3, 2, &[1, 1, 1]);
    leader.receive(2, accepted(2, 0, 4));
    leader.settle();
    leader.take_snapshot(2 * CHUNK);
    leader.receive(3, rejected(2, 3, (0, 0)));
    leader
}

/// Where the parts begin that went to follower 3, and how long they are.
fn parts(leader: &mut Node) -> Vec<(u64, usize)> {
    let part = |message: Message| match message {
        Message::SnapshotChunk(chunk) => Some((chunk.offset, chunk.bytes.bytes().len())),
        _ => None,
    };
    leader.sent_to(3).into_iter().filter_map(part).collect()
}

const FIRST: (u64, usize) = (0, CHUNK);
const SECOND: (u64, usize) = (CHUNK as u64, CHUNK);
const THIRD: (u64, usize) = (2 * CHUNK as u64, 4);
const WHOLE: u64 = 2 * CHUNK as u64 + 4;

#[test]
fn follower_behind_the_compaction_gets_the_snapshot_part_by_part_and_then_entries() {
    let mut leader = leader();
    leader.settle();
    assert_eq!(parts(&mut leader), [FIRST, SECOND, THIRD], "one behind the other");
    leader.propose();
    leader.settle();
    for next in [SECOND.0, THIRD.0] {
        leader.receive(3, received(2, 0, 4, next));
        leader.settle();
        assert_eq!(parts(&mut leader), [], "all are under way");
    }
    leader.receive(3, received(2, 0, 4, WHOLE));
    leader.turn();
    assert_eq!(parts(&mut leader), [(WHOLE, 0)], "is it stored?");
    leader.receive(3, stored(2, 0, 4));
    leader.turn();
    assert_eq!(leader.sent_to(3), [append(2, (4, 2), 4, &[2])]);
}

#[test]
fn no_more_of_a_snapshot_is_under_way_than_of_the_log() {
    let mut leader = Node::leader(3, 2, &[1, 1, 1]);
    leader.receive(2, accepted(2, 0, 4));
    leader.settle();
    leader.take_snapshot(20 * CHUNK);
    leader.receive(3, rejected(2, 3, (0, 0)));
    leader.settle();
    let window = (INFLIGHT_BYTES_MAX / CHUNK) as u64;
    let sent: Vec<u64> = parts(&mut leader).into_iter().map(|(from, _)| from).collect();
    assert_eq!(sent, (0..window).map(|part| part * SECOND.0).collect::<Vec<_>>());
    leader.receive(3, received(2, 0, 4, 2 * SECOND.0));
    leader.settle();
    assert_eq!(parts(&mut leader), [(window * SECOND.0, CHUNK), ((window + 1) * SECOND.0, CHUNK)]);
}

#[test]
fn parts_are_sent_from_where_a_follower_is_that_began_anew() {
    let mut leader = leader();
    leader.settle();
    parts(&mut leader);
    leader.receive(3, received(2, 0, 4, SECOND.0));
    // The follower was restarted: parts in flight fit nowhere.
    leader.receive(3, received(2, 0, 4, 0));
    leader.settle();
    assert_eq!(parts(&mut leader), [FIRST, SECOND, THIRD]);
}

#[test]
fn answer_that_moves_nothing_waits_for_the_next_heartbeat() {
    // This snapshot is being stored, or another one is: asking at once would be asking without end.
    let mut leader = leader();
    leader.settle();
    for (offset, again) in [(WHOLE, 1), (0, 3)] {
        leader.receive(3, received(2, 0, 4, offset));
        leader.settle();
        parts(&mut leader);
        for round in 1..=3 {
            leader.receive(3, received(2, 0, 4, offset));
            leader.settle();
            assert_eq!(parts(&mut leader), [], "{offset}, again {round}");
        }
        leader.beat();
        let Some(Message::Heartbeat(beat)) = leader.sent_to(3).pop() else { panic!("a heartbeat") };
        leader.receive(3, echo(2, beat.round.0));
        leader.settle();
        assert_eq!(parts(&mut leader).len(), again, "{offset}");
    }
}

#[test]
fn lost_part_is_repeated_behind_a_heartbeat() {
    let mut leader = leader();
    leader.settle();
    assert_eq!(parts(&mut leader), [FIRST, SECOND, THIRD]);
    leader.beat();
    assert_eq!(leader.sent_to(3), [heartbeat(2, 1, 0)], "heartbeats go beside it");
    leader.receive(3, echo(2, 0));
    leader.turn();
    assert_eq!(parts(&mut leader), [], "that answer may have left before the part came");
    leader.receive(3, echo(2, 1));
    leader.settle();
    assert_eq!(parts(&mut leader), [FIRST, SECOND, THIRD]);
}

#[test]
fn snapshot_goes_on_at_once_over_a_new_connection() {
    let mut leader = leader();
    leader.settle();
    leader.receive(3, received(2, 0, 4, SECOND.0));
    leader.settle();
    parts(&mut leader);
    leader.handle(Event::PeerUp(NodeId(3)));
    leader.settle();
    assert_eq!(parts(&mut leader), [SECOND, THIRD]);
}

#[test]
fn answers_about_another_snapshot_or_beyond_its_end_mislead_nobody() {
    let mut leader = leader();
    leader.settle();
    parts(&mut leader);
    leader.receive(3, received(2, 0, 3, SECOND.0));
    leader.receive(3, stored(2, 0, 3));
    leader.receive(3, stored(2, 0, 99));
    leader.receive(3, stored(1, 0, 4));
    leader.receive(3, accepted(2, 0, 2));
    leader.turn();
    assert_eq!(parts(&mut leader), []);
    leader.receive(3, received(2, 0, 4, u64::MAX));
    leader.turn();
    assert_eq!(parts(&mut leader), [(WHOLE, 0)]);
    // One that is not sent a snapshot at all.
    leader.receive(2, stored(2, 0, 4));
    leader.receive(2, received(2, 0, 4, 0));
    leader.propose();
    leader.settle();
    assert_eq!(leader.sent_to(2), [append(2, (4, 2), 4, &[2])]);
}

#[test]
fn snapshot_that_was_stored_commits_like_any_acknowledgement() {
    // The no-op of the leader is in it: 1 of 3 holds it, and then 2.
    let mut leader = leader();
    leader.propose();
    leader.settle();
    leader.receive(3, received(2, 0, 4, WHOLE));
    leader.receive(3, stored(2, 0, 4));
    leader.turn();
    leader.receive(3, accepted(2, 0, 5));
    assert_eq!(leader.raft.commit(), Index(5));
}

#[test]
fn later_snapshot_disturbs_neither_one_on_its_way_nor_the_log_behind_it() {
    let mut leader = leader();
    leader.settle();
    let index = leader.propose();
    leader.settle();
    leader.receive(2, accepted(2, 0, index.0));
    leader.settle();
    leader.take_snapshot(10);
    assert_eq!(parts(&mut leader), [FIRST, SECOND, THIRD]);
    leader.receive(3, received(2, 0, 4, WHOLE));
    leader.turn();
    assert_eq!(parts(&mut leader), [(WHOLE, 0)]);
    leader.receive(3, stored(2, 0, 4));
    leader.turn();
    assert_eq!(leader.sent_to(3), [append(2, (4, 2), 5, &[2])], "it is still there");
}

#[test]
fn word_that_more_is_there_ends_the_snapshot() {
    let mut leader = leader();
    leader.turn();
    leader.receive(3, accepted(2, 0, 4));
    leader.propose();
    leader.sent();
    leader.settle();
    assert_eq!(leader.sent_to(3), [append(2, (4, 2), 4, &[2])]);
}

#[test]
fn some_entries_are_kept_behind_a_snapshot_for_who_lags_a_little() {
    let config = Config { retained_bytes: 3 * 64, ..config(1, 3) };
    let hard_state = HardState { term: Term(1), vote: None };
    let disk = Disk { hard_state, entries: log(&[1; 9]), ..Disk::default() };
    let mut leader = Node::start(config, disk, 1000);
    leader.become_candidate();
    leader.receive(2, vote_response(2, true));
    leader.settle();
    leader.receive(2, accepted(2, 0, 10));
    leader.settle();
    leader.take_snapshot(0);
    assert_eq!(leader.terms(), [1, 1, 2], "three entries of 64 bytes");
    assert_eq!((leader.raft.log_bytes(), leader.raft.snapshot_index()), (0, Index(10)));
    leader.sent();
    leader.receive(3, rejected(2, 9, (7, 1)));
    leader.turn();
    assert_eq!(leader.sent_to(3).iter().map(span).collect::<Vec<_>>(), [Some((7, 3))]);
    leader.handle(Event::PeerUp(NodeId(3)));
    leader.receive(3, rejected(2, 7, (6, 1)));
    leader.turn();
    assert_eq!(parts(&mut leader), [(0, 4)], "more than that is in the snapshot only");
}

#[test]
fn own_snapshot_takes_the_place_of_the_log_and_of_nothing_else() {
    let mut network = Network::new(3);
    network.elect(1);
    (0..5).for_each(|_| {
        network.node(1).propose();
        network.deliver();
    });
    let before = network.node(1).raft.log_bytes();
    network.snapshot(1);
    let node = network.node(1);
    assert_eq!((before, node.raft.log_bytes()), (6 * 64, 0));
    assert_eq!((node.raft.last_index(), node.terms()), (Index(6), vec![]));
    assert_eq!((node.restored.len(), node.writes.len()), (0, 0));
    let index = network.node(1).propose();
    network.deliver();
    network.run(2 * HEARTBEAT);
    assert!(network.nodes.iter().all(|node| node.state.0 == index));
    // A vote needs the log's end, though the log is empty.
    network.snapshot(1);
    network.node(1).receive(2, ordered_vote(9, 6, 1));
    network.node(1).settle();
    assert!(network.node(1).sent_to(2).contains(&vote_response(9, false)));
}

#[test]
#[should_panic(expected = "5 is not applied, only 1")]
fn snapshot_of_what_is_not_applied_cannot_be_described() {
    let mut network = Network::new(1);
    network.elect(1);
    let _ = network.node(1).raft.snapshot_meta(Index(5));
}

#[test]
fn restart_applies_what_the_snapshot_lacks_and_each_entry_once() {
    let mut network = Network::new(3);
    network.elect(1);
    (0..4).for_each(|_| {
        network.node(1).propose();
        network.deliver();
    });
    network.run(2 * HEARTBEAT);
    network.snapshot(2);
    let index = network.node(1).propose();
    network.deliver();
    network.restart(2);
    network.reconnect();
    network.run(2 * HEARTBEAT);
    let node = network.node(2);
    assert_eq!((node.applied.as_slice(), node.restored.len()), ([index].as_slice(), 0));
    network.restart(3);
    network.reconnect();
    network.run(2 * HEARTBEAT);
    assert_eq!(network.node(3).applied, (1..=index.0).map(Index).collect::<Vec<_>>());
}

#[test]
fn single_voter_applies_after_a_restart_all_that_it_committed() {
    let mut network = Network::new(1);
    network.elect(1);
    (0..4).for_each(|_| {
        network.node(1).propose();
        network.deliver();
    });
    network.snapshot(1);
    network.node(1).propose();
    network.deliver();
    network.restart(1);
    network.elect(1);
    assert_eq!(network.node(1).applied, [Index(6), Index(7)], "the last entry and its no-op");
}

#[test]
fn snapshot_that_names_no_members_goes_out_with_those_of_the_founding() {
    // A snapshot that was restored into a new cluster.
    let meta = SnapshotMeta {
        membership: Membership::default(),
        membership_index: Index(3),
        ..snapshot(4, 2, 0).meta
    };
    let part = part_for_a_learner(Snapshot { meta, data: Blob::from(vec![0; 4]) });
    assert_eq!((part.meta.membership, part.meta.membership_index), (founding(1..=1), Index(0)));
}

/// Messages to a new learner from the only voter, whose directory holds nothing but this snapshot of 4 in term 2.
fn part_for_a_learner(snapshot: Snapshot) -> SnapshotChunk {
    let meta = SnapshotMeta { membership: Membership::default(), ..snapshot.meta };
    let snapshot = Snapshot { meta, ..snapshot };
    let hard_state = HardState { term: Term(2), vote: None };
    let disk = Disk { hard_state, snapshot: Some(snapshot), base: 4, ..Disk::default() };
    let mut leader = Node::start(config(1, 1), disk, 1000);
    assert_eq!(leader.raft.membership(), (Index(0), &founding(1..=1)));
    leader.become_pre_candidate();
    leader.settle();
    let now = leader.now();
    leader.raft.change_membership(&now, &join(3)).expect("a learner");
    leader.settle();
    leader.receive(3, rejected(3, 5, (0, 0)));
    leader.settle();
    let Some(Message::SnapshotChunk(part)) = leader.sent_to(3).pop() else { panic!("no part") };
    part
}

#[test]
#[should_panic(expected = "it ends before")]
fn w2_snapshot_that_cannot_be_read_where_it_is_stored_is_said_and_nothing_of_it_sent() {
    let stored = Blob::stored(Arc::new(vec![0; 4]), 0..9000, 0);
    drop(part_for_a_learner(Snapshot { data: stored, ..snapshot(4, 2, 0) }));
}

#[test]
fn follower_that_was_long_away_is_brought_back_by_a_snapshot_of_many_parts() {
    let mut network = Network::new(3);
    network.elect(1);
    network.isolate(3);
    for _ in 0..10 {
        network.node(1).propose();
        network.deliver();
    }
    network.run(2 * HEARTBEAT);
    network.node(1).take_snapshot(5 * CHUNK);
    network.node(2).take_snapshot(5 * CHUNK);
    // Some parts arrive, then the leader is gone; the other one has the same snapshot.
    network.heal();
    network.node(1).handle(Event::PeerUp(NodeId(3)));
    let parts = network.deliver_some(8).into_iter().filter(is_part).count();
    assert!((1..6).contains(&parts), "{parts} of 6");
    network.queue.clear();
    network.isolate(1);
    network.elect(2);
    network.run(2 * HEARTBEAT);
    assert_eq!(network.node(3).restored, [Index(11)]);
    assert_eq!(network.nodes[2].state, network.nodes[1].state);
}

fn is_part(message: &Message) -> bool {
    matches!(message, Message::SnapshotChunk(_))
}
