//! Holders that are asked to end their work (safety L23): told now, and again whenever they come back.

use crate::server::cluster::{Cluster, MS};
use crate::server::{
    CLIENT, acquire, answer_of, attach, cluster_with_session, connect_with_session, name, submit,
    token_of,
};
use tenure::base::{ConnectionId, NodeId, SessionId, Token};
use tenure::lock::{Answer, BreakWay, Operation};
use tenure::raft::Role;
use tenure::wire::{Request, ServerMessage};

const OTHER: ConnectionId = ConnectionId(2);

fn break_lock(session: SessionId, request: u64, text: &str, way: BreakWay) -> Request {
    let (token, to, reason) = (Token(0), None, "maintenance".to_owned());
    submit(session, request, Operation::Break { name: name(text), token, way, to, reason })
}

fn ask_within(grace_ms: u32) -> BreakWay {
    BreakWay::Ask { grace_ms: Some(grace_ms) }
}

fn asked(session: SessionId, text: &str, token: Token, grace_ms: u32) -> ServerMessage {
    let reason = "maintenance".to_owned();
    ServerMessage::Asked { session, name: name(text), token, grace_ms, reason }
}

fn granted(session: SessionId, request: u64, token: Token) -> ServerMessage {
    let request = tenure::base::RequestId(request);
    ServerMessage::Answered { session, request, answer: Answer::Granted { token } }
}

/// Two clients; the first holds "a" and "b".
fn cluster_with_holder() -> (Cluster, NodeId, (SessionId, Token, Token), SessionId) {
    let (mut cluster, leader, session) = cluster_with_session(10_000);
    cluster.request(leader, CLIENT, acquire(session, 1, "a"));
    cluster.request(leader, CLIENT, acquire(session, 2, "b"));
    let replies = cluster.settle_and_take(CLIENT);
    let (a, b) = (token_of(&replies, 1).unwrap(), token_of(&replies, 2).unwrap());
    let other = connect_with_session(&mut cluster, leader, OTHER, 60_000);
    (cluster, leader, (session, a, b), other)
}

#[test]
fn l23_a_break_asks_the_holder_at_its_connection_and_frees_nothing() {
    let (mut cluster, leader, (session, a, _), other) = cluster_with_holder();
    cluster.request(leader, OTHER, break_lock(other, 1, "a", ask_within(500)));
    assert_eq!(answer_of(&cluster.settle_and_take(OTHER), 1), Some(Answer::Done));
    assert_eq!(cluster.take(CLIENT), [asked(session, "a", a, 500)]);
    assert!(cluster.machine(leader).is_held_by(&name("a"), a));
}

#[test]
fn l23_without_a_grace_the_holder_has_its_ttl() {
    let (mut cluster, leader, (session, a, _), other) = cluster_with_holder();
    let way = BreakWay::Ask { grace_ms: None };
    cluster.request(leader, OTHER, break_lock(other, 1, "a", way));
    cluster.settle();
    assert_eq!(cluster.take(CLIENT), [asked(session, "a", a, 10_000)]);
}

#[test]
fn l23_who_attaches_hears_grants_then_what_it_is_asked_to_end_then_that_this_is_all() {
    let (mut cluster, leader, (session, a, b), other) = cluster_with_holder();
    cluster.request(leader, OTHER, break_lock(other, 1, "b", ask_within(600)));
    cluster.request(leader, OTHER, break_lock(other, 2, "a", ask_within(500)));
    cluster.settle();
    cluster.crash(leader);
    let next = cluster.elect();
    cluster.take(CLIENT);
    attach(&mut cluster, next, CLIENT, session);
    let expected = [
        ServerMessage::Attached { session },
        granted(session, 1, a),
        granted(session, 2, b),
        asked(session, "a", a, 500),
        asked(session, "b", b, 600),
        ServerMessage::Standing { session },
    ];
    assert_eq!(cluster.settle_and_take(CLIENT), expected);
}

#[test]
fn l23_a_lock_that_is_taken_at_once_is_said_so_and_handed_on() {
    let (mut cluster, leader, (session, a, _), other) = cluster_with_holder();
    cluster.request(leader, OTHER, acquire(other, 1, "a"));
    cluster.settle_and_take(OTHER);
    cluster.request(leader, OTHER, break_lock(other, 2, "a", BreakWay::Now));
    assert!(token_of(&cluster.settle_and_take(OTHER), 1).is_some_and(|token| token > a));
    assert_eq!(cluster.take(CLIENT), [asked(session, "a", a, 0)]);
}

#[test]
fn l23_of_what_was_taken_while_a_client_was_away_it_hears_nothing_but_the_end() {
    let (mut cluster, leader, (session, _, b), other) = cluster_with_holder();
    cluster.disconnect_client(leader, CLIENT);
    cluster.request(leader, OTHER, break_lock(other, 1, "a", BreakWay::Now));
    cluster.settle();
    assert_eq!(cluster.take(CLIENT), []);
    let again = ConnectionId(3);
    attach(&mut cluster, leader, again, session);
    let expected = [
        ServerMessage::Attached { session },
        granted(session, 2, b),
        ServerMessage::Standing { session },
    ];
    assert_eq!(cluster.settle_and_take(again), expected);
}

#[test]
fn that_nothing_else_stands_is_said_only_by_a_leader_that_a_quorum_confirms() {
    let (mut cluster, leader, (session, a, b), _) = cluster_with_holder();
    let others: Vec<NodeId> = cluster.nodes().filter(|node| *node != leader).collect();
    others.iter().for_each(|other| cluster.cut(leader, *other));
    let again = ConnectionId(3);
    attach(&mut cluster, leader, again, session);
    let standing = ServerMessage::Standing { session };
    let said =
        [ServerMessage::Attached { session }, granted(session, 1, a), granted(session, 2, b)];
    assert_eq!(cluster.settle_and_take(again), said);
    // It is deposed: what it knows may be old.
    cluster.advance_in_steps(1000 * MS, 10 * MS);
    assert_ne!(cluster.role(leader), Role::Leader);
    assert!(!cluster.take(again).contains(&standing));
    let next = others.into_iter().find(|other| cluster.role(*other) == Role::Leader).unwrap();
    let third = ConnectionId(4);
    attach(&mut cluster, next, third, session);
    assert_eq!(cluster.settle_and_take(third).last(), Some(&standing));
}

#[test]
fn a_session_that_is_opened_on_a_connection_has_nothing_to_be_told() {
    let (mut cluster, leader, _) = cluster_with_session(10_000);
    cluster.connect_client(leader, OTHER);
    cluster.request(leader, OTHER, crate::server::open_session(1, 10_000));
    let replies = cluster.settle_and_take(OTHER);
    assert!(matches!(replies[..], [ServerMessage::SessionOpened { .. }]), "{replies:?}");
}
