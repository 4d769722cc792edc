//! Observers: the present, then each change of a lock's oldest holder in order, also across leaders.

use crate::server::cluster::{Cluster, MS};
use crate::server::members::small;
use crate::server::{
    CLIENT, acquire_of, cluster_with_session, connect_with_session, name, submit, token_of,
};
use tenure::base::limits::OBSERVERS_PER_CONNECTION_MAX;
use tenure::base::{ConnectionId, Index, NodeId, SessionId, Token};
use tenure::lock::{Acquire, Operation, Refusal};
use tenure::raft::{LeaseTold, Role};
use tenure::wire::{HolderSaid, Query, ReadAnswer, Request, ServerMessage};

const OBSERVER: ConnectionId = ConnectionId(50);

fn observe(read: u64, text: &str, since: Option<Index>) -> Request {
    Request::Observe { read, name: name(text), since }
}

fn campaign(
    cluster: &mut Cluster,
    leader: NodeId,
    session: SessionId,
    request: u64,
    value: &str,
) -> Token {
    let acquire = Acquire { value: value.into(), ..acquire_of("a") };
    cluster.request(leader, CLIENT, submit(session, request, Operation::Acquire(acquire)));
    token_of(&cluster.settle_and_take(CLIENT), request).expect("granted")
}

fn resign(cluster: &mut Cluster, leader: NodeId, session: SessionId, request: u64, token: Token) {
    let release = Operation::Release { name: name("a"), token };
    cluster.request(leader, CLIENT, submit(session, request, release));
    cluster.settle_and_take(CLIENT);
}

/// What an observer was told, and nothing else: (read, index, holder, gap) of each.
type Told = (u64, Index, Option<(Token, String)>, bool);

fn told(replies: &[ServerMessage]) -> Vec<Told> {
    let holder = |said: &HolderSaid| {
        assert_eq!(said.client, "test");
        (said.token, String::from_utf8(said.value.clone()).unwrap())
    };
    let one = |reply: &ServerMessage| match reply {
        ServerMessage::Changed { read, index, holder: said, gap } => {
            (*read, *index, said.as_ref().map(holder), *gap)
        }
        other => panic!("{other:?}"),
    };
    replies.iter().map(one).collect()
}

fn held(token: Token, value: &str) -> Option<(Token, String)> {
    Some((token, value.to_owned()))
}

/// A cluster with a leader, a session, and an observer of "a" that was told that it is vacant.
fn observed_cluster() -> (Cluster, NodeId, SessionId) {
    let (mut cluster, leader, session) = cluster_with_session(60_000);
    cluster.connect_client(leader, OBSERVER);
    cluster.request(leader, OBSERVER, observe(7, "a", None));
    let replies = cluster.settle_and_take(OBSERVER);
    assert_eq!(told(&replies), [(7, cluster.machine_index(leader), None, false)]);
    (cluster, leader, session)
}

/// The leader is gone, and the client goes on at the next, with one more change that no observer has heard of.
fn fail_over(cluster: &mut Cluster, leader: NodeId, session: SessionId) -> NodeId {
    cluster.crash(leader);
    let next = cluster.elect();
    crate::server::attach(cluster, next, CLIENT, session);
    cluster.settle_and_take(CLIENT);
    cluster.take(OBSERVER);
    next
}

#[test]
fn an_observer_is_told_the_present_and_then_each_change_with_its_index() {
    let (mut cluster, leader, session) = cluster_with_session(60_000);
    let first = campaign(&mut cluster, leader, session, 1, "one");
    cluster.connect_client(leader, OBSERVER);
    cluster.request(leader, OBSERVER, observe(7, "a", None));
    let replies = cluster.settle_and_take(OBSERVER);
    let present = cluster.machine_index(leader);
    assert_eq!(told(&replies), [(7, present, held(first, "one"), false)]);

    resign(&mut cluster, leader, session, 2, first);
    let vacant_at = cluster.machine_index(leader);
    let second = campaign(&mut cluster, leader, session, 3, "two");
    let held_at = cluster.machine_index(leader);
    let proclaim = Operation::Proclaim { name: name("a"), token: second, value: b"three".to_vec() };
    cluster.request(leader, CLIENT, submit(session, 4, proclaim));
    let replies = cluster.settle_and_take(OBSERVER);
    let expected = [
        (7, vacant_at, None, false),
        (7, held_at, held(second, "two"), false),
        (7, cluster.machine_index(leader), held(second, "three"), false),
    ];
    assert_eq!(told(&replies), expected);
}

#[test]
fn changes_of_other_locks_are_not_told() {
    let (mut cluster, leader, session) = observed_cluster();
    cluster.request(leader, CLIENT, crate::server::acquire(session, 1, "b"));
    assert!(token_of(&cluster.settle_and_take(CLIENT), 1).is_some());
    assert_eq!(cluster.take(OBSERVER), []);
}

#[test]
fn a_session_that_expires_is_a_change_like_any_other() {
    let (mut cluster, leader, _) = observed_cluster();
    let brief = ConnectionId(2);
    let session = connect_with_session(&mut cluster, leader, brief, 1000);
    cluster.request(leader, brief, crate::server::acquire(session, 1, "a"));
    let token = token_of(&cluster.settle_and_take(brief), 1).unwrap();
    assert_eq!(told(&cluster.take(OBSERVER))[0].2, held(token, ""));
    cluster.advance_in_steps(1100 * MS, 20 * MS);
    assert_eq!(told(&cluster.take(OBSERVER))[0].2, None);
}

#[test]
fn l11_an_observer_is_told_nothing_before_a_round_has_confirmed_the_leader() {
    let (mut cluster, leader, _) = cluster_with_session(60_000);
    for follower in cluster.nodes().filter(|node| *node != leader) {
        cluster.cut(leader, follower);
    }
    cluster.connect_client(leader, OBSERVER);
    cluster.request(leader, OBSERVER, observe(7, "a", None));
    assert_eq!(cluster.settle_and_take(OBSERVER), []);
    cluster.heal();
    cluster.advance(40 * MS);
    assert_eq!(told(&cluster.take(OBSERVER)).len(), 1);
}

#[test]
fn an_observer_that_is_taken_back_before_it_is_confirmed_hears_nothing() {
    let (mut cluster, leader, session) = cluster_with_session(60_000);
    cluster.connect_client(leader, OBSERVER);
    cluster.request(leader, OBSERVER, observe(7, "a", None));
    cluster.request(leader, OBSERVER, Request::Unobserve { read: 7 });
    campaign(&mut cluster, leader, session, 1, "one");
    assert_eq!(cluster.take(OBSERVER), []);
}

#[test]
fn an_observer_hears_nothing_more_once_it_is_taken_back() {
    let (mut cluster, leader, session) = observed_cluster();
    cluster.request(leader, OBSERVER, observe(8, "a", None));
    cluster.settle_and_take(OBSERVER);
    cluster.request(leader, OBSERVER, Request::Unobserve { read: 7 });
    campaign(&mut cluster, leader, session, 1, "one");
    let reads: Vec<u64> = told(&cluster.take(OBSERVER)).iter().map(|told| told.0).collect();
    assert_eq!(reads, [8]);
}

#[test]
fn a_connection_that_is_gone_is_told_nothing() {
    let (mut cluster, leader, session) = observed_cluster();
    cluster.disconnect_client(leader, OBSERVER);
    campaign(&mut cluster, leader, session, 1, "one");
    assert_eq!(cluster.take(OBSERVER), []);
}

#[test]
fn the_same_number_again_replaces_the_observer() {
    let (mut cluster, leader, session) = observed_cluster();
    cluster.request(leader, OBSERVER, observe(7, "b", None));
    assert_eq!(told(&cluster.settle_and_take(OBSERVER)).len(), 1);
    campaign(&mut cluster, leader, session, 1, "one");
    assert_eq!(cluster.take(OBSERVER), [], "of \"a\" it wants to hear no more");
}

#[test]
fn the_next_leader_replays_what_was_missed_each_with_its_own_index() {
    let (mut cluster, leader, session) = observed_cluster();
    let first = campaign(&mut cluster, leader, session, 1, "one");
    let heard = told(&cluster.take(OBSERVER))[0].1;
    let next = fail_over(&mut cluster, leader, session);
    resign(&mut cluster, next, session, 2, first);
    let vacant_at = cluster.machine_index(next);
    let second = campaign(&mut cluster, next, session, 3, "two");
    let held_at = cluster.machine_index(next);
    cluster.connect_client(next, OBSERVER);
    cluster.request(next, OBSERVER, observe(7, "a", Some(heard)));
    let missed = [(7, vacant_at, None, false), (7, held_at, held(second, "two"), false)];
    assert_eq!(told(&cluster.settle_and_take(OBSERVER)), missed);
    // And it goes on from there.
    resign(&mut cluster, next, session, 4, second);
    let vacant = (7, cluster.machine_index(next), None, false);
    assert_eq!(told(&cluster.take(OBSERVER)), [vacant]);
}

#[test]
fn changes_that_a_follower_applied_are_replayed_once_it_leads() {
    let (mut cluster, leader, session) = cluster_with_session(60_000);
    let since = cluster.machine_index(leader);
    let token = campaign(&mut cluster, leader, session, 1, "one");
    let held_at = cluster.machine_index(leader);
    let next = fail_over(&mut cluster, leader, session);
    cluster.connect_client(next, OBSERVER);
    cluster.request(next, OBSERVER, observe(7, "a", Some(since)));
    let replies = cluster.settle_and_take(OBSERVER);
    assert_eq!(told(&replies), [(7, held_at, held(token, "one"), false)]);
}

#[test]
fn an_observer_that_missed_nothing_is_told_nothing_again() {
    let (mut cluster, leader, session) = observed_cluster();
    campaign(&mut cluster, leader, session, 1, "one");
    let heard = told(&cluster.take(OBSERVER))[0].1;
    let next = fail_over(&mut cluster, leader, session);
    cluster.connect_client(next, OBSERVER);
    cluster.request(next, OBSERVER, observe(7, "a", Some(heard)));
    assert_eq!(cluster.settle_and_take(OBSERVER), []);
}

#[test]
fn a_leader_that_started_again_says_the_present_and_that_there_may_be_a_gap() {
    let mut cluster = Cluster::with_options(1, small());
    let node = cluster.elect();
    let session = connect_with_session(&mut cluster, node, CLIENT, 60_000);
    let since = cluster.machine_index(node);
    let from = crate::server::members::fill(&mut cluster, node, session, 1);
    let token = campaign(&mut cluster, node, session, from, "one");
    cluster.crash(node);
    cluster.restart(node);
    cluster.elect();
    cluster.connect_client(node, OBSERVER);
    cluster.request(node, OBSERVER, observe(7, "a", Some(since)));
    let replies = cluster.settle_and_take(OBSERVER);
    assert_eq!(told(&replies), [(7, cluster.machine_index(node), held(token, "one"), true)]);
}

#[test]
fn a_leader_that_installed_a_snapshot_says_the_present_and_that_there_may_be_a_gap() {
    let mut cluster = Cluster::with_options(3, small());
    let leader = cluster.elect();
    let session = connect_with_session(&mut cluster, leader, CLIENT, 60_000);
    let since = cluster.machine_index(leader);
    let late = cluster.nodes().find(|node| *node != leader).unwrap();
    cluster.crash(late);
    let from = crate::server::members::fill(&mut cluster, leader, session, 1);
    cluster.restart(late);
    let index = cluster.server(leader).replica().unwrap().raft().snapshot_index();
    cluster.wait_for_snapshot(late, index);
    cluster.advance_in_steps(100 * MS, 10 * MS);
    let heard = cluster.machine_index(leader);
    let token = campaign(&mut cluster, leader, session, from, "one");
    let held_at = cluster.machine_index(leader);
    cluster.hand_over(leader, Some(late), LeaseTold::Ended);
    cluster.advance_in_steps(100 * MS, MS);
    assert_eq!(cluster.role(late), Role::Leader);
    cluster.connect_client(late, OBSERVER);
    cluster.request(late, OBSERVER, observe(7, "a", Some(since)));
    cluster.request(late, OBSERVER, observe(8, "a", Some(heard)));
    let replies = cluster.settle_and_take(OBSERVER);
    let present = (7, cluster.machine_index(late), held(token, "one"), true);
    // What it has applied itself since then it knows.
    assert_eq!(told(&replies), [present, (8, held_at, held(token, "one"), false)]);
}

#[test]
fn an_index_that_this_cluster_has_not_reached_leaves_a_gap() {
    let (mut cluster, leader, _) = cluster_with_session(60_000);
    cluster.connect_client(leader, OBSERVER);
    cluster.request(leader, OBSERVER, observe(7, "a", Some(Index(u64::MAX))));
    let replies = cluster.settle_and_take(OBSERVER);
    assert_eq!(told(&replies), [(7, cluster.machine_index(leader), None, true)]);
}

#[test]
fn a_node_that_leads_no_more_tells_observers_who_does_and_nothing_else() {
    let (mut cluster, leader, session) = observed_cluster();
    let next = cluster.nodes().find(|node| *node != leader).unwrap();
    cluster.hand_over(leader, Some(next), LeaseTold::Ended);
    cluster.advance_in_steps(100 * MS, MS);
    assert_eq!(cluster.role(next), Role::Leader);
    crate::server::attach(&mut cluster, next, CLIENT, session);
    campaign(&mut cluster, next, session, 1, "one");
    cluster.advance_in_steps(100 * MS, MS);
    assert_eq!(cluster.machine_index(leader), cluster.machine_index(next));
    let replies = cluster.take(OBSERVER);
    assert!(!replies.is_empty());
    assert!(replies.iter().all(|reply| matches!(reply, ServerMessage::Leader(_))), "{replies:?}");
    cluster.request(leader, OBSERVER, observe(8, "a", None));
    let replies = cluster.settle_and_take(OBSERVER);
    assert!(matches!(replies[..], [ServerMessage::Leader(_)]), "{replies:?}");
}

#[test]
fn observers_of_one_connection_are_bounded_and_others_have_room() {
    let (mut cluster, leader, _) = cluster_with_session(60_000);
    cluster.connect_client(leader, OBSERVER);
    let max = OBSERVERS_PER_CONNECTION_MAX as u64;
    let index = cluster.machine_index(leader);
    (1..=max + 1).for_each(|read| cluster.request(leader, OBSERVER, observe(read, "a", None)));
    let (refused, told): (Vec<_>, Vec<_>) = cluster
        .settle_and_take(OBSERVER)
        .into_iter()
        .partition(|reply| matches!(reply, ServerMessage::Read { .. }));
    let answer = ReadAnswer::Refused(Refusal::Limit);
    assert_eq!(refused, [ServerMessage::Read { read: max + 1, index, answer }]);
    assert_eq!(told.len() as u64, max);
    cluster.request(leader, CLIENT, observe(1, "a", None));
    assert_eq!(cluster.settle_and_take(CLIENT).len(), 1);
    // One that is taken back makes room.
    cluster.request(leader, OBSERVER, Request::Unobserve { read: 1 });
    cluster.request(leader, OBSERVER, observe(max + 1, "a", None));
    let replies = cluster.settle_and_take(OBSERVER);
    assert!(matches!(replies[..], [ServerMessage::Changed { .. }]), "{replies:?}");
}

#[test]
fn whether_somebody_waits_is_a_read() {
    let (mut cluster, leader, session) = cluster_with_session(60_000);
    campaign(&mut cluster, leader, session, 1, "one");
    let waits = |cluster: &mut Cluster, client: Option<&str>| {
        let query = Query::Waits { name: name("a"), client: client.map(str::to_owned) };
        cluster.request(leader, CLIENT, Request::Read { read: 1, query });
        match &cluster.settle_and_take(CLIENT)[..] {
            [ServerMessage::Read { answer: ReadAnswer::Valid(waits), .. }] => *waits,
            replies => panic!("{replies:?}"),
        }
    };
    assert!(!waits(&mut cluster, None));
    cluster.request(leader, CLIENT, crate::server::acquire(session, 2, "a"));
    cluster.settle_and_take(CLIENT);
    assert!(waits(&mut cluster, None));
    assert!(waits(&mut cluster, Some("test")));
    assert!(!waits(&mut cluster, Some("another")));
}
