//! What is said only once a round has confirmed that this node still leads: one that was begun after it was asked.

use crate::server::cluster::{Cluster, MS};
use crate::server::{CLIENT, KEY, acquire, attach, cluster_with_session};
use tenure::base::{ConnectionId, NodeId};
use tenure::wire::{Query, Request, ServerMessage};

const OTHER: ConnectionId = ConnectionId(2);

/// The leader has opened a round for a read, which its followers have not heard of yet, and then it reads `request`
/// on `connection`. The echoes of that round arrive before the next one's: what is said on the connection in between,
/// and at last.
fn asked_while_a_round_is_open(
    cluster: &mut Cluster,
    leader: NodeId,
    connection: ConnectionId,
    request: Request,
) -> [Vec<ServerMessage>; 2] {
    cluster.advance_in_steps(100 * MS, 10 * MS);
    cluster.connect_client(leader, OTHER);
    cluster.settle();
    for client in [CLIENT, OTHER] {
        cluster.take(client);
    }
    let query = Query::Locks { prefix: String::new(), after: None, limit: 1 };
    cluster.request(leader, OTHER, Request::Read { read: 9, query });
    cluster.step(leader);
    cluster.request(leader, connection, request);
    cluster.step(leader);
    cluster.shorten_turns();
    let followers: Vec<NodeId> = cluster.nodes().filter(|node| *node != leader).collect();
    followers.iter().for_each(|follower| cluster.step(*follower));
    (0..2).for_each(|_| cluster.step(leader));
    let read = cluster.take(OTHER);
    assert!(
        read.iter().any(|said| matches!(said, ServerMessage::Read { read: 9, .. })),
        "{read:?}"
    );
    let between = if connection == OTHER { read } else { cluster.take(connection) };
    [between, cluster.settle_and_take(connection)]
}

#[test]
fn l7_a_renewal_that_comes_while_a_round_is_open_waits_for_the_next_one() {
    let (mut cluster, leader, session) = cluster_with_session(1_000);
    let renewal = Request::Renew { session, number: 2 };
    let [between, at_last] = asked_while_a_round_is_open(&mut cluster, leader, CLIENT, renewal);
    assert!(!is_renewed(&between), "{between:?}");
    assert!(is_renewed(&at_last), "{at_last:?}");
}

#[test]
fn l7_a_renewal_of_a_long_ttl_takes_the_round_of_the_next_heartbeat() {
    let (mut cluster, leader, session) = cluster_with_session(10_000);
    let renewal = Request::Renew { session, number: 2 };
    let [between, later] = asked_while_a_round_is_open(&mut cluster, leader, CLIENT, renewal);
    assert!(!is_renewed(&between) && !is_renewed(&later), "{between:?}, {later:?}");
    cluster.advance(30 * MS);
    let at_last = cluster.settle_and_take(CLIENT);
    assert!(is_renewed(&at_last), "{at_last:?}");
}

#[test]
fn renewals_of_long_ttls_begin_no_rounds() {
    let (mut cluster, leader, session) = cluster_with_session(10_000);
    cluster.advance_in_steps(100 * MS, 10 * MS);
    let round = |cluster: &Cluster| cluster.server(leader).replica().unwrap().raft().round();
    let before = round(&cluster);
    for number in 2..100 {
        cluster.request(leader, CLIENT, Request::Renew { session, number });
        cluster.settle();
    }
    assert_eq!(round(&cluster), before);
}

fn is_renewed(said: &[ServerMessage]) -> bool {
    said.iter().any(|said| matches!(said, ServerMessage::Renewed { number: 2, .. }))
}

#[test]
fn r13_a_read_that_comes_while_a_round_is_open_waits_for_the_next_one() {
    let (mut cluster, leader, _) = cluster_with_session(10_000);
    let query = Query::Locks { prefix: String::new(), after: None, limit: 1 };
    let read = Request::Read { read: 2, query };
    let [between, at_last] = asked_while_a_round_is_open(&mut cluster, leader, CLIENT, read);
    let is_read = |said: &[ServerMessage]| {
        said.iter().any(|said| matches!(said, ServerMessage::Read { read: 2, .. }))
    };
    assert!(!is_read(&between), "{between:?}");
    assert!(is_read(&at_last), "{at_last:?}");
}

#[test]
fn l18_that_nothing_else_stands_is_said_behind_a_round_that_was_begun_since() {
    let (mut cluster, leader, session) = cluster_with_session(10_000);
    attach(&mut cluster, leader, CLIENT, session);
    cluster.settle();
    let again = Request::Attach { session, key: KEY };
    let [between, at_last] = asked_while_a_round_is_open(&mut cluster, leader, CLIENT, again);
    let is_told = |said: &[ServerMessage]| {
        said.iter().any(|said| matches!(said, ServerMessage::Standing { .. }))
    };
    assert!(!is_told(&between), "{between:?}");
    assert!(is_told(&at_last), "{at_last:?}");
}

#[test]
fn a_leader_of_idle_sessions_waits_for_no_peer() {
    let (mut cluster, leader, session) = cluster_with_session(10_000);
    cluster.advance_in_steps(100 * MS, 10 * MS);
    assert!(!cluster.server(leader).waits_for_peers());
    cluster.request(leader, CLIENT, Request::Renew { session, number: 2 });
    cluster.step(leader);
    assert!(!cluster.server(leader).waits_for_peers(), "nobody waits for that");
    cluster.request(leader, CLIENT, acquire(session, 1, "a"));
    cluster.step(leader);
    assert!(cluster.server(leader).waits_for_peers());
    cluster.settle();
    assert!(!cluster.server(leader).waits_for_peers());
}
