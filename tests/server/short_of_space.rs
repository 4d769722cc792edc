//! Disks that have room for a few files of the log (W2).

use crate::cluster::{Cluster, MS};
use crate::{CLIENT, acquire_of, answer_of, attach, cluster_with_session, name, submit, token_of};
use tenure::base::limits::VALUE_BYTES_MAX;
use tenure::base::{NodeId, SessionId, Token};
use tenure::lock::{Acquire, Answer, Operation, Refusal};
use tenure::raft::Role;

/// Takes the lock with a large value and gives it back; what the acquire was answered.
fn cycle(cluster: &mut Cluster, leader: NodeId, session: SessionId, turn: u64) -> Option<Answer> {
    let value = vec![7; VALUE_BYTES_MAX];
    let acquire = Operation::Acquire(Acquire { value, ..acquire_of(&turn.to_string()) });
    cluster.request(leader, CLIENT, submit(session, 2 * turn + 1, acquire));
    let replies = cluster.settle_and_take(CLIENT);
    if let Some(token) = token_of(&replies, 2 * turn + 1) {
        cluster.request(leader, CLIENT, submit(session, 2 * turn + 2, release(turn, token)));
        cluster.settle_and_take(CLIENT);
    }
    answer_of(&replies, 2 * turn + 1)
}

fn release(turn: u64, token: Token) -> Operation {
    Operation::Release { name: name(&turn.to_string()), token }
}

fn log_files(cluster: &Cluster, node: NodeId) -> usize {
    let names = std::fs::read_dir(cluster.path(node)).unwrap();
    let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name.starts_with("log-")).count()
}

#[test]
fn w2_a_log_that_fills_its_disk_alone_is_cut_before_anything_is_refused() {
    let (mut cluster, leader, session) = cluster_with_session(600_000);
    for node in cluster.nodes() {
        cluster.limit_log_files(node, 2);
    }
    // Segments of 1 MiB, and no snapshot is due before 64 MiB.
    for turn in 0..1000 {
        let answer = cycle(&mut cluster, leader, session, turn);
        assert!(matches!(answer, Some(Answer::Granted { .. })), "turn {turn}: {answer:?}");
        wait_for_space(&mut cluster);
    }
    for node in cluster.nodes() {
        let snapshot = cluster.server(node).replica().unwrap().raft().snapshot_index();
        assert!(snapshot.0 > 500 && log_files(&cluster, node) <= 2, "node {node}: {snapshot}");
    }
}

/// Lets time go on until no disk lacks space: snapshots and files are made on threads of their own.
fn wait_for_space(cluster: &mut Cluster) {
    let lacks = |cluster: &Cluster, node: NodeId| cluster.server(node).wal().lacks_space();
    for _ in 0..100_000 {
        if !cluster.nodes().any(|node| lacks(cluster, node)) {
            return;
        }
        cluster.advance(MS);
        std::thread::yield_now();
    }
    panic!("a disk lacks space for good");
}

#[test]
fn w2_no_snapshot_is_made_that_makes_no_room() {
    let (mut cluster, leader, session) = cluster_with_session(600_000);
    for node in cluster.nodes() {
        cluster.limit_log_files(node, 1);
    }
    let mut turns = 0..400;
    let refused = turns.any(|turn| {
        let answer = cycle(&mut cluster, leader, session, turn);
        answer != Some(Answer::Granted { token: Token(turn + 1) })
    });
    assert!(refused, "one file of the log has room for all");
    cluster.advance_in_steps(3_000 * MS, 10 * MS);
    for node in cluster.nodes() {
        let replica = cluster.server(node).replica().unwrap();
        assert_eq!(replica.raft().snapshot_index().0, 0, "node {node}");
    }
}

#[test]
fn a_leader_whose_log_cannot_go_on_hands_over_and_the_next_one_grants() {
    let (mut cluster, leader, session) = cluster_with_session(600_000);
    cluster.advance_in_steps(300 * MS, 10 * MS);
    cluster.limit_log_files(leader, 1);
    let mut turns = 0..400;
    turns.find(|turn| {
        cycle(&mut cluster, leader, session, *turn);
        cluster.role(leader) != Role::Leader || cluster.server(leader).wal().lacking().is_some()
    });
    let next = elect_another(&mut cluster, leader);
    attach(&mut cluster, next, CLIENT, session);
    cluster.settle_and_take(CLIENT);
    let answer = cycle(&mut cluster, next, session, 1000);
    assert!(matches!(answer, Some(Answer::Granted { .. })), "{answer:?}");
}

#[test]
fn leaders_that_all_lack_space_pass_leadership_round_once() {
    let (mut cluster, leader, session) = cluster_with_session(600_000);
    for node in cluster.nodes() {
        cluster.limit_log_files(node, 1);
    }
    let mut turns = 0..400;
    turns.find(|turn| {
        cycle(&mut cluster, leader, session, *turn);
        cluster.server(leader).wal().lacking().is_some()
    });
    cluster.advance_in_steps(2_000 * MS, 5 * MS);
    let term = |cluster: &Cluster| cluster.server(leader).leader_hint().term;
    let settled = term(&cluster);
    cluster.advance_in_steps(2_000 * MS, 5 * MS);
    assert_eq!(term(&cluster), settled);
    let last = cluster.server(leader).leader_hint().leader.expect("one leads").0;
    cluster.connect_client(last, CLIENT);
    cluster.take(CLIENT);
    attach(&mut cluster, last, CLIENT, session);
    cluster.settle_and_take(CLIENT);
    let answer = cycle(&mut cluster, last, session, 1000);
    assert_eq!(answer, Some(Answer::Refused(Refusal::Limit)), "it says what it lacks");
}

fn elect_another(cluster: &mut Cluster, before: NodeId) -> NodeId {
    for _ in 0..200 {
        cluster.advance(5 * MS);
        let hint = cluster.server(before).leader_hint().leader;
        match hint {
            Some((leader, _)) if leader != before && cluster.role(leader) == Role::Leader => {
                cluster.advance_in_steps(300 * MS, 10 * MS);
                return leader;
            }
            _ => {}
        }
    }
    panic!("node {before} leads on");
}
