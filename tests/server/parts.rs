//! What entries leave to later ones (L5, L22): who goes on with it, and when a client hears of the end of its session.

use crate::server::cluster::{Cluster, MS};
use crate::server::{
    CLIENT, acquire, acquire_of, answer_of, attach, connect_with_session, name, submit, token_of,
};
use tenure::base::{ConnectionId, NodeId, SessionId};
use tenure::lock::{Acquire, Answer, Mode, Operation};
use tenure::server::ServerOptions;
use tenure::wire::{Request, ServerMessage};

const OTHER: ConnectionId = ConnectionId(2);
const LOCKS: u64 = 12;

/// A cluster at level 2 whose entries free and grant one name each.
fn cluster(nodes: u64) -> (Cluster, NodeId) {
    cluster_with(nodes, ServerOptions::new(NodeId(1), Vec::new()))
}

fn cluster_with(nodes: u64, base: ServerOptions) -> (Cluster, NodeId) {
    let mut cluster = Cluster::with_options(nodes, ServerOptions { names_per_part: 1, ..base });
    let leader = cluster.elect();
    while cluster.machine(leader).level() < 2 {
        cluster.advance(MS);
    }
    (cluster, leader)
}

fn lock(number: u64) -> String {
    format!("lock-{number:02}")
}

/// The client holds [`LOCKS`] locks; in each another one waits.
fn sessions(cluster: &mut Cluster, leader: NodeId, ttl_ms: u32) -> (SessionId, SessionId) {
    let session = connect_with_session(cluster, leader, CLIENT, ttl_ms);
    let other = connect_with_session(cluster, leader, OTHER, 60_000);
    for number in 1..=LOCKS {
        cluster.request(leader, CLIENT, acquire(session, number, &lock(number)));
        assert!(token_of(&cluster.settle_and_take(CLIENT), number).is_some());
        cluster.request(leader, OTHER, acquire(other, number, &lock(number)));
        cluster.settle_and_take(OTHER);
    }
    (session, other)
}

fn holds(cluster: &Cluster, node: NodeId, session: SessionId) -> u64 {
    cluster.machine(node).session(session).map_or(0, |view| u64::from(view.grants))
}

/// Turns of all until nothing is left at `leader`.
fn go_on(cluster: &mut Cluster, leader: NodeId) {
    for _ in 0..1000 {
        if !cluster.machine(leader).is_unfinished() {
            return;
        }
        cluster.advance(MS);
    }
    panic!("{leader} does not come to an end");
}

/// Lets `leader` take turns until it has begun to free what `CLIENT` had, and has not ended.
fn begin_ending(cluster: &mut Cluster, leader: NodeId, other: SessionId) {
    while holds(cluster, leader, other) < 3 {
        cluster.nodes().collect::<Vec<_>>().into_iter().for_each(|node| cluster.step(node));
    }
    assert!(cluster.machine(leader).is_unfinished());
}

/// How many of the locks are shown as held by `session`.
fn held_by(cluster: &Cluster, node: NodeId, session: SessionId) -> usize {
    let views = (1..=LOCKS).filter_map(|it| cluster.machine(node).lock(&name(&lock(it))));
    views.filter(|view| view.session == session).count()
}

fn is_told_end(replies: &[ServerMessage], session: SessionId) -> bool {
    replies.contains(&ServerMessage::SessionEnded { session })
}

#[test]
fn l22_a_close_is_answered_when_the_last_lock_is_free_and_not_before() {
    let (mut cluster, leader) = cluster(3);
    let (session, other) = sessions(&mut cluster, leader, 60_000);
    cluster.request(leader, CLIENT, submit(session, 99, Operation::Close));
    let mut rounds = 0;
    while !is_told_end(&cluster.take(CLIENT), session) {
        rounds += 1;
        assert!(rounds < 1000, "the close is not answered");
        cluster.advance_without_turns(MS);
        cluster.nodes().collect::<Vec<_>>().into_iter().for_each(|node| cluster.step(node));
        // What it still asks meanwhile waits for the same answer.
        cluster.request(leader, CLIENT, Request::Renew { session, number: rounds });
    }
    assert!(rounds > LOCKS, "{rounds}");
    assert!(!cluster.machine(leader).is_closing(session));
    assert_eq!(held_by(&cluster, leader, session), 0);
    go_on(&mut cluster, leader);
    assert_eq!(holds(&cluster, leader, other), LOCKS);
}

#[test]
fn l22_who_expires_is_told_at_once() {
    let (mut cluster, leader) = cluster(3);
    let (session, other) = sessions(&mut cluster, leader, 500);
    cluster.advance_in_steps(499 * MS, 10 * MS);
    while cluster.machine(leader).session(session).is_some() {
        cluster.advance_without_turns(MS);
        cluster.nodes().collect::<Vec<_>>().into_iter().for_each(|node| cluster.step(node));
    }
    assert!(is_told_end(&cluster.take(CLIENT), session));
    assert!(cluster.machine(leader).is_unfinished());
    go_on(&mut cluster, leader);
    assert_eq!(holds(&cluster, leader, other), LOCKS);
    let granted: Vec<u64> = (1..=LOCKS).collect();
    let replies = cluster.take(OTHER);
    let told: Vec<u64> =
        granted.iter().copied().filter(|id| token_of(&replies, *id).is_some()).collect();
    assert_eq!(told, granted);
}

#[test]
fn l22_a_new_leader_goes_on_where_the_last_one_was_and_nobody_is_granted_twice() {
    let (mut cluster, leader) = cluster(3);
    let (session, other) = sessions(&mut cluster, leader, 60_000);
    cluster.request(leader, CLIENT, submit(session, 99, Operation::Close));
    begin_ending(&mut cluster, leader, other);
    cluster.crash(leader);
    let next = cluster.elect();
    assert_ne!(next, leader);
    attach(&mut cluster, next, CLIENT, session);
    let mut replies = Vec::new();
    for _ in 0..200 {
        cluster.advance_without_turns(MS);
        cluster.nodes().collect::<Vec<_>>().into_iter().for_each(|node| cluster.step(node));
        replies.extend(cluster.take(CLIENT));
        let held = held_by(&cluster, next, session);
        assert!(held == 0 || !is_told_end(&replies, session), "told while {held} are held");
    }
    assert!(is_told_end(&replies, session));
    assert_eq!(holds(&cluster, next, other), LOCKS);
    let tokens: Vec<u64> = (1..=LOCKS)
        .map(|it| cluster.machine(next).lock(&name(&lock(it))).unwrap().token.0)
        .collect();
    assert!(tokens.is_sorted_by(|one, other| one < other), "each once, in order: {tokens:?}");
    assert_eq!(cluster.machine(next).newest_token().0, 2 * LOCKS);
}

#[test]
fn l22_a_restart_goes_on() {
    let (mut cluster, node) = cluster(1);
    let (session, other) = sessions(&mut cluster, node, 60_000);
    cluster.request(node, CLIENT, submit(session, 99, Operation::Close));
    begin_ending(&mut cluster, node, other);
    cluster.crash(node);
    cluster.restart(node);
    let node = cluster.elect();
    go_on(&mut cluster, node);
    assert_eq!(holds(&cluster, node, other), LOCKS);
}

#[test]
fn l5_a_hand_over_goes_on_and_nobody_overtakes() {
    let (mut cluster, leader) = cluster(3);
    let (session, _) = sessions(&mut cluster, leader, 60_000);
    let shared =
        |name: &str| Operation::Acquire(Acquire { mode: Mode::Shared, ..acquire_of(name) });
    cluster.request(leader, CLIENT, acquire(session, 50, "door"));
    let token = token_of(&cluster.settle_and_take(CLIENT), 50).unwrap();
    let readers: Vec<(ConnectionId, SessionId)> = (10..20)
        .map(|number| {
            let connection = ConnectionId(number);
            let reader = connect_with_session(&mut cluster, leader, connection, 60_000);
            cluster.request(leader, connection, submit(reader, 1, shared("door")));
            (connection, reader)
        })
        .collect();
    cluster.settle();
    cluster.request(
        leader,
        CLIENT,
        submit(session, 51, Operation::Release { name: name("door"), token }),
    );
    while !cluster.machine(leader).is_unfinished() {
        cluster.nodes().collect::<Vec<_>>().into_iter().for_each(|node| cluster.step(node));
    }
    cluster.request(leader, CLIENT, submit(session, 52, shared("door")));
    go_on(&mut cluster, leader);
    let first = token_of(&cluster.take(readers[0].0), 1).unwrap();
    let tokens: Vec<_> =
        readers[1..].iter().map(|it| token_of(&cluster.take(it.0), 1).unwrap()).collect();
    assert!(std::iter::once(&first).chain(&tokens).is_sorted_by(|one, other| one < other));
    cluster.settle();
    let replies = cluster.take(CLIENT);
    assert_eq!(answer_of(&replies, 51), Some(Answer::Done));
    let own = token_of(&replies, 52);
    assert!(own.is_some_and(|own| tokens.iter().all(|token| *token < own)), "{replies:?}");
}

#[test]
fn an_ending_goes_on_behind_a_log_that_is_full() {
    let base = ServerOptions::new(NodeId(1), Vec::new());
    let base = ServerOptions { log_bytes_max: 96 << 10, log_reserve_bytes: 32 << 10, ..base };
    let (mut cluster, leader) = cluster_with(3, base);
    let (session, other) = sessions(&mut cluster, leader, 60_000);
    for request in 100.. {
        let value = vec![0; 4000];
        let wanted = Acquire { value, try_only: true, ..acquire_of(&lock(1)) };
        cluster.request(leader, OTHER, submit(other, request, Operation::Acquire(wanted)));
        if let Some(Answer::Refused(_)) = answer_of(&cluster.settle_and_take(OTHER), request) {
            break;
        }
    }
    cluster.request(leader, CLIENT, submit(session, 99, Operation::Close));
    begin_ending(&mut cluster, leader, other);
    go_on(&mut cluster, leader);
    assert_eq!(holds(&cluster, leader, other), LOCKS);
}

#[test]
fn nothing_is_proposed_when_nothing_is_left() {
    let (mut cluster, leader) = cluster(3);
    let (session, _) = sessions(&mut cluster, leader, 60_000);
    cluster.request(leader, CLIENT, submit(session, 99, Operation::Close));
    cluster.settle();
    go_on(&mut cluster, leader);
    let last = cluster.server(leader).replica().unwrap().raft().last_index();
    cluster.advance_in_steps(500 * MS, 10 * MS);
    assert_eq!(cluster.server(leader).replica().unwrap().raft().last_index(), last);
}
