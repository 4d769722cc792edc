//! Sessions: their states, progress, and requests that take effect exactly once.

use crate::cluster::{Cluster, exclusive, status, take, wait_for_queue, wait_readable};
use std::time::Duration;
use tenure::Status;
use tenure::client::{ClientOptions, EndReason, LeaseState, SessionState, Wait};

#[test]
fn a_session_tells_each_change_of_its_state() {
    let cluster = Cluster::start();
    let options = ClientOptions {
        ttl: Duration::from_millis(600),
        progress: Some(Duration::from_millis(1)),
        ..ClientOptions::default()
    };
    let client = cluster.client_with("wedged", options);
    let lease = client.acquire("a", Wait::Forever, exclusive()).unwrap();
    let mut states = Vec::new();
    while states.last() != Some(&SessionState::Ended) {
        wait_readable(client.events_fd());
        states.push(client.next_event(Wait::Forever).unwrap().state);
    }
    // It may have been VALID once more before; between that and the end is JEOPARDY.
    assert!(states.ends_with(&[SessionState::Jeopardy, SessionState::Ended]), "{states:?}");
    assert_eq!(lease.state(), LeaseState::Ended(EndReason::Stalled));
}

#[test]
fn a_program_that_moves_keeps_its_locks_and_one_that_is_wedged_loses_them() {
    let cluster = Cluster::start();
    let ttl = Duration::from_millis(600);
    let options = ClientOptions { ttl, progress: Some(ttl), ..ClientOptions::default() };
    let (client, other) = (cluster.client_with("worker", options), cluster.client("other"));
    let lease = client.acquire("a", Wait::Forever, exclusive()).unwrap();
    let waits = other.acquire_start("a", Wait::Forever, exclusive()).unwrap();
    for _ in 0..200 {
        client.progress().unwrap();
        // Work.
        other.holder_of("a").unwrap();
    }
    assert_eq!(lease.state(), LeaseState::Held);
    // Now it is stuck.
    take(&waits);
    assert_eq!(lease.remaining(), Duration::ZERO);
    assert_eq!(lease.state(), LeaseState::Ended(EndReason::Stalled));
}

#[test]
fn a_holder_and_a_waiter_keep_their_places_through_a_change_of_leader() {
    let mut cluster = Cluster::start();
    let (one, two, three) = (cluster.client("one"), cluster.client("two"), cluster.client("three"));
    let held = one.acquire("a", Wait::Forever, exclusive()).unwrap();
    let second = two.acquire_start("a", Wait::Forever, exclusive()).unwrap();
    wait_for_queue(&one, "a", 1);
    let third = three.acquire_start("a", Wait::Forever, exclusive()).unwrap();
    wait_for_queue(&one, "a", 2);
    cluster.drop_leader();
    assert!(one.validate("a", held.token()).unwrap());
    held.release(Wait::Forever).unwrap();
    let second = take(&second);
    assert_eq!(status(third.take(Wait::Try)), Status::Again);
    second.release(Wait::Forever).unwrap();
    take(&third);
}

#[test]
fn a_closed_client_ends_its_leases_and_wakes_its_waits() {
    let cluster = Cluster::start();
    let (one, two) = (cluster.client("one"), cluster.client("two"));
    let held = one.acquire("a", Wait::Forever, exclusive()).unwrap();
    let waits = two.acquire_start("a", Wait::Forever, exclusive()).unwrap();
    wait_for_queue(&one, "a", 1);
    two.close(Wait::Forever).unwrap();
    assert_eq!(status(waits.take(Wait::Forever)), Status::Closed);
    one.close(Wait::Forever).unwrap();
    assert_eq!(held.state(), LeaseState::Ended(EndReason::SessionClosed));
    assert_eq!(status(one.acquire("a", Wait::Try, exclusive())), Status::Closed);
}
