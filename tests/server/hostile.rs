//! What a peer's message can do to a server: entries and snapshots that this build cannot read are refused before they are
//! in the log or on the disk (R15).

use crate::server::cluster::{Cluster, MS};
use crate::server::{CLIENT, KEY, acquire, cluster_with_session, name, token_of};
use tenure::base::rng::Rng;
use tenure::base::{
    Index, NodeId, Owner, RequestId, Round, SessionId, Term, Token, checksum, codec,
};
use tenure::lock::{BreakWay, Command, LockMachine, Mode, Operation, Settings};
use tenure::raft::{
    Append, Entry, EntryHeader, EntryKind, Heartbeat, Message, Payload, Raft, Role, SnapshotChunk,
    SnapshotMeta,
};

/// Of no cluster.
const STRANGER: NodeId = NodeId(77);

fn raft(cluster: &Cluster, node: NodeId) -> &Raft {
    cluster.server(node).replica().expect("founded").raft()
}

fn command(format: u8, payload: Vec<u8>) -> (EntryHeader, Payload) {
    let header = EntryHeader { format, kind: EntryKind::Command, proposer_unix_ms: 0 };
    (header, Payload::from(payload))
}

/// An append of the next term behind the log of `node`, said to be committed.
fn append(raft: &Raft, commands: Vec<(EntryHeader, Payload)>) -> Message {
    let (term, prev_index) = (raft.term().next(), raft.last_index());
    let entry = |(offset, (header, payload)): (usize, (EntryHeader, Payload))| {
        let index = Index(prev_index.0 + 1 + offset as u64);
        Entry { term, index, header, payload }
    };
    Message::Append(Append {
        term,
        round: Round(0),
        prev_index,
        prev_term: raft.entry(prev_index).map_or(Term(0), |entry| entry.term),
        commit: Index(u64::MAX),
        entries: commands.into_iter().enumerate().map(entry).collect(),
    })
}

/// All nodes live on and grant.
fn assert_serves(cluster: &mut Cluster) {
    cluster.advance_in_steps(2000 * MS, 10 * MS);
    let leader = cluster.elect();
    let session = crate::server::connect_with_session(cluster, leader, CLIENT, 10_000);
    cluster.request(leader, CLIENT, acquire(session, 1, "still"));
    assert!(token_of(&cluster.settle_and_take(CLIENT), 1).is_some());
}

#[test]
fn entries_that_this_build_cannot_read_are_refused_before_they_are_appended() {
    let unreadable =
        [command(1, vec![0xff; 9]), command(1, vec![]), command(99, vec![0]), command(0, vec![0])];
    let (mut cluster, _, _) = cluster_with_session(10_000);
    for (count, bad) in unreadable.into_iter().enumerate() {
        for node in cluster.nodes().collect::<Vec<_>>() {
            let before = (raft(&cluster, node).term(), raft(&cluster, node).last_index());
            let message = append(raft(&cluster, node), vec![bad.clone()]);
            cluster.say(STRANGER, node, message);
            cluster.step(node);
            let after = (raft(&cluster, node).term(), raft(&cluster, node).last_index());
            assert_eq!(before, after, "node {node}, entry {count}");
            assert_eq!(cluster.status(node).refused_messages, count as u64 + 1);
        }
    }
    assert_serves(&mut cluster);
}

#[test]
fn commit_beyond_every_log_ends_no_node_and_stops_no_cluster() {
    let (mut cluster, _, _) = cluster_with_session(10_000);
    for node in cluster.nodes().collect::<Vec<_>>() {
        let term = raft(&cluster, node).term().next();
        let beat = Heartbeat { term, round: Round(0), commit: Index(1 << 60) };
        cluster.say(STRANGER, node, Message::Heartbeat(beat));
    }
    assert_serves(&mut cluster);
}

#[test]
fn snapshot_that_this_build_cannot_read_is_refused_and_not_stored() {
    let (mut cluster, leader, session) = cluster_with_session(10_000);
    cluster.request(leader, CLIENT, acquire(session, 1, "a"));
    cluster.settle();
    let node = cluster.nodes().find(|node| *node != leader).unwrap();
    let (term, last) = (raft(&cluster, leader).term(), raft(&cluster, leader).last_index());
    let (membership_index, membership) = raft(&cluster, leader).membership();
    let membership = membership.clone();
    // Garbage, and a state that is ahead of its index.
    let early = Index(last.0 + 1);
    let mut ahead = LockMachine::new();
    ahead.apply(
        Index(last.0 + 9),
        term,
        0,
        &Command::OpenSession { ttl_ms: 1000, key: KEY, client: "c".into() },
    );
    for (count, data) in [vec![9; 30], ahead.encode()].into_iter().enumerate() {
        let meta =
            SnapshotMeta { index: early, term, membership: membership.clone(), membership_index };
        let chunk = SnapshotChunk {
            term,
            round: Round(0),
            meta,
            total: data.len() as u64,
            crc: checksum::crc32c(&data),
            offset: 0,
            bytes: Payload::from(data),
        };
        cluster.cut(leader, node);
        cluster.say(leader, node, Message::SnapshotChunk(chunk));
        // Its disk works on a thread of its own.
        while cluster.status(node).refused_messages <= count as u64 {
            cluster.step(node);
            std::thread::yield_now();
        }
        assert_eq!(raft(&cluster, node).snapshot_index(), Index(0));
    }
    cluster.heal();
    assert_serves(&mut cluster);
}

/// Any command, with any numbers in it.
fn any_command(rng: &mut Rng) -> Command {
    let number = |rng: &mut Rng| [0, 1, 2, 3, 9, u64::MAX][rng.below(6) as usize];
    let small = |rng: &mut Rng| [0, 1, 2, u32::MAX][rng.below(4) as usize];
    let lock = |rng: &mut Rng| name(["a", "b", "c"][rng.below(3) as usize]);
    let session = SessionId(rng.below(8));
    let (request, floor) = (RequestId(number(rng)), RequestId(number(rng)));
    let (token, term) = (Token(rng.below(6)), Term(number(rng)));
    let operation = match rng.below(9) {
        0..3 => {
            let mode = [Mode::Exclusive, Mode::Shared][rng.below(2) as usize];
            let acquire = tenure::lock::Acquire {
                name: lock(rng),
                mode,
                limit: small(rng),
                permits: small(rng),
                owner: Owner(number(rng)),
                delay_ms: small(rng),
                try_only: rng.chance(1, 2),
                value: vec![7; rng.below(9000) as usize],
            };
            if rng.chance(1, 2) {
                Operation::Acquire(acquire)
            } else {
                Operation::AcquireAll {
                    acquire,
                    also: (0..rng.below(40)).map(|_| lock(rng)).collect(),
                }
            }
        }
        3 => Operation::Release { name: lock(rng), token },
        4 => Operation::Withdraw { acquire: RequestId(number(rng)) },
        5 => Operation::Close,
        6 => {
            Operation::Proclaim { name: lock(rng), token, value: vec![1; rng.below(9000) as usize] }
        }
        7 => {
            Operation::Transfer { name: lock(rng), token, to: rng.chance(1, 2).then(|| "c".into()) }
        }
        _ => {
            let way = if rng.chance(1, 2) {
                BreakWay::Now
            } else {
                BreakWay::Ask { grace_ms: Some(small(rng)) }
            };
            let (to, reason) =
                (rng.chance(1, 2).then(|| "c".into()), "r".repeat(rng.below(400) as usize));
            Operation::Break { name: lock(rng), token, way, to, reason }
        }
    };
    match rng.below(12) {
        0 => Command::OpenSession {
            ttl_ms: small(rng),
            key: KEY,
            client: "c".repeat(rng.below(300) as usize),
        },
        1 => Command::Expire { session, term },
        2 => Command::Settings(Settings {
            lease_ms: small(rng),
            ttl_ms_max: small(rng),
            level: small(rng),
        }),
        3 => Command::RestoreOver { term },
        4 => Command::DelayOver { name: lock(rng), token, term },
        _ => Command::Request { session, request, floor, operation },
    }
}

/// A leader of a lie may have anything committed that a build can read: it is applied, and ends no node.
#[test]
fn commands_with_any_numbers_end_no_node() {
    for seed in 0..40 {
        let mut rng = Rng::new(seed);
        let mut machine = LockMachine::new();
        let key = Command::OpenSession { ttl_ms: 1000, key: KEY, client: "c".into() };
        (1..6).for_each(|index| drop(machine.apply(Index(index), Term(1), 0, &key)));
        for index in 6..1500 {
            let command = any_command(&mut rng);
            if command.level() > machine.level_max() {
                continue;
            }
            // As it comes from the wire.
            let bytes = codec::encode(&command).unwrap();
            let Ok(command) = codec::decode(&bytes) else { continue };
            machine.apply(Index(index), Term(rng.below(3)), u64::MAX, &command);
        }
        LockMachine::decode_up_to(&machine.encode(), machine.level_max()).expect("its own bytes");
    }
}

#[test]
fn a_second_leader_is_followed_by_nobody() {
    let (mut cluster, leader, _) = cluster_with_session(10_000);
    for node in cluster.nodes().collect::<Vec<_>>() {
        let term = raft(&cluster, node).term();
        let beat = Heartbeat { term, round: Round(9), commit: Index(0) };
        cluster.say(STRANGER, node, Message::Heartbeat(beat));
        cluster.settle();
        assert_eq!(raft(&cluster, node).leader(), Some(leader));
    }
    assert_eq!(cluster.role(leader), Role::Leader);
}
