//! Lock delay (safety L16): how long the room of an expired holder stays taken.

use crate::server::cluster::{Cluster, MS};
use crate::server::{
    acquire, acquire_of, answer_of, attach, connect_with_session, name, submit, token_of,
};
use tenure::base::limits::LOCK_DELAY_MS_MAX;
use tenure::base::{ConnectionId, NodeId, SessionId};
use tenure::lock::{Acquire, Answer, Operation, Refusal};
use tenure::raft::Role;

const HOLDER: ConnectionId = ConnectionId(1);
const WAITER: ConnectionId = ConnectionId(2);
const TTL_MS: u32 = 1000;

fn acquire_delayed(session: SessionId, delay_ms: u32) -> tenure::wire::Request {
    submit(session, 1, Operation::Acquire(Acquire { delay_ms, ..acquire_of("a") }))
}

/// A cluster in which the holder of "a" has just expired and left a delay; somebody waits.
fn cluster_with_delay(delay_ms: u32) -> (Cluster, NodeId, SessionId) {
    let mut cluster = Cluster::new(3);
    let leader = cluster.elect();
    let holder = connect_with_session(&mut cluster, leader, HOLDER, TTL_MS);
    cluster.request(leader, HOLDER, acquire_delayed(holder, delay_ms));
    assert!(token_of(&cluster.settle_and_take(HOLDER), 1).is_some());
    let waiter = connect_with_session(&mut cluster, leader, WAITER, 60_000);
    cluster.request(leader, WAITER, acquire(waiter, 1, "a"));
    assert!(matches!(
        answer_of(&cluster.settle_and_take(WAITER), 1),
        Some(Answer::Queued { ahead: 0 })
    ));
    while cluster.machine(leader).session(holder).is_some() {
        cluster.advance(MS);
    }
    assert!(is_delayed(&cluster, leader));
    (cluster, leader, waiter)
}

fn is_delayed(cluster: &Cluster, node: NodeId) -> bool {
    cluster.machine(node).lock(&name("a")).is_some_and(|lock| lock.is_delayed)
}

fn advance(cluster: &mut Cluster, milliseconds: u64) {
    cluster.advance_in_steps(milliseconds * MS, MS);
}

fn waiter_has_it(cluster: &mut Cluster) -> bool {
    token_of(&cluster.settle_and_take(WAITER), 1).is_some()
}

#[test]
fn l16_a_lock_is_granted_again_only_after_its_delay() {
    let (mut cluster, _, _) = cluster_with_delay(500);
    advance(&mut cluster, 499);
    assert!(!waiter_has_it(&mut cluster));
    advance(&mut cluster, 2);
    assert!(waiter_has_it(&mut cluster));
}

#[test]
fn l16_the_delay_is_measured_on_the_slower_clock() {
    let (mut cluster, _, _) = cluster_with_delay(500);
    cluster.hold_raw_back(200 * MS);
    advance(&mut cluster, 699);
    assert!(!waiter_has_it(&mut cluster));
    advance(&mut cluster, 2);
    assert!(waiter_has_it(&mut cluster));
}

#[test]
fn l16_a_server_wakes_by_itself_when_a_delay_is_over() {
    let (mut cluster, _, _) = cluster_with_delay(7);
    let since = cluster.now();
    while !waiter_has_it(&mut cluster) {
        let deadlines = cluster.nodes().map(|node| cluster.server(node).next_deadline());
        let next = deadlines.min().expect("there are nodes");
        cluster.advance(next.saturating_sub(cluster.now()).max(1));
    }
    assert_eq!(cluster.now() - since, 7 * MS);
}

#[test]
fn l16_a_new_leader_measures_the_whole_delay_again() {
    let (mut cluster, leader, waiter) = cluster_with_delay(500);
    advance(&mut cluster, 400);
    cluster.crash(leader);
    let next = cluster.elect();
    attach(&mut cluster, next, WAITER, waiter);
    advance(&mut cluster, 498);
    assert!(!waiter_has_it(&mut cluster));
    advance(&mut cluster, 3);
    assert!(waiter_has_it(&mut cluster));
}

#[test]
fn l9_that_a_deposed_leader_decided_that_a_delay_is_over_means_nothing() {
    let (mut cluster, leader, waiter) = cluster_with_delay(500);
    advance(&mut cluster, 490);
    let others: Vec<NodeId> = cluster.nodes().filter(|node| *node != leader).collect();
    others.iter().for_each(|other| cluster.cut(leader, *other));
    let last = |cluster: &Cluster| cluster.server(leader).replica().unwrap().raft().last_index();
    let before = last(&cluster);
    advance(&mut cluster, 20);
    assert_eq!(last(&cluster), before.next(), "it decides, and appends that");
    let next = loop {
        advance(&mut cluster, 1);
        if let Some(next) = others.iter().find(|other| cluster.role(**other) == Role::Leader) {
            break *next;
        }
    };
    cluster.heal();
    advance(&mut cluster, 100);
    attach(&mut cluster, next, WAITER, waiter);
    assert!(!waiter_has_it(&mut cluster));
    assert!(is_delayed(&cluster, leader) && is_delayed(&cluster, next));
    advance(&mut cluster, 500);
    assert!(waiter_has_it(&mut cluster));
}

#[test]
fn l16_a_delay_waits_for_room_to_be_decided_during_a_hand_over() {
    let (mut cluster, leader, _) = cluster_with_delay(100);
    advance(&mut cluster, 95);
    let next = cluster.nodes().find(|node| *node != leader).unwrap();
    cluster.cut(leader, next);
    cluster.hand_over(leader, Some(next), tenure::raft::LeaseTold::Ended);
    advance(&mut cluster, 10);
    assert!(!waiter_has_it(&mut cluster), "nothing is appended meanwhile (C3)");
    // Nobody takes over: it leads on, and decides then.
    advance(&mut cluster, 300);
    assert_eq!(cluster.role(leader), Role::Leader);
    assert!(waiter_has_it(&mut cluster));
}

#[test]
fn l16_a_delay_over_its_bound_is_refused() {
    let mut cluster = Cluster::new(1);
    let leader = cluster.elect();
    let holder = connect_with_session(&mut cluster, leader, HOLDER, TTL_MS);
    cluster.request(leader, HOLDER, acquire_delayed(holder, LOCK_DELAY_MS_MAX + 1));
    let refused = Some(Answer::Refused(Refusal::Invalid));
    assert_eq!(answer_of(&cluster.settle_and_take(HOLDER), 1), refused);
    cluster.request(leader, HOLDER, acquire_delayed(holder, LOCK_DELAY_MS_MAX));
    assert!(token_of(&cluster.settle_and_take(HOLDER), 1).is_some());
}
