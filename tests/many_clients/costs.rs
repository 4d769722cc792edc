//! Threads and descriptors.

use crate::{Cluster, SERVING, hold, is_decided, patient, see_renewal, start, threads};
use std::time::Duration;
use tenure::Status;
use tenure::client::{Client, LeaseState, Wait};

fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

/// Until so many threads serve: one that ends is there for a moment, and a new one is called as whoever started it until
/// it runs.
fn wait_for(count: usize) {
    while threads(SERVING).len() != count {
        std::thread::yield_now();
    }
}

/// Until nothing is left of clients that were closed.
fn wait_for_none() {
    wait_for(0);
}

#[test]
fn three_hundred_clients_cost_one_thread_and_a_connection_each() {
    let cluster = Cluster::start();
    drop(cluster.client());
    wait_for_none();
    let before = descriptors();
    let mut clients: Vec<Client> = (0..200).map(|_| cluster.client()).collect();
    let local = cluster.node.local().unwrap();
    clients.extend((0..100).map(|_| Client::open_local(&local, patient()).unwrap()));
    wait_for(1);
    // The other end of each connection is the node's, in this process, too.
    let cost = descriptors() - before;
    assert!((600..=600 + SHARED).contains(&cost), "{cost} descriptors");
    for client in &clients {
        client.close(Wait::Forever).unwrap();
    }
    drop(clients);
    wait_for_none();
    // The node closes its ends when it hears of it.
    while descriptors() > before {
        std::thread::yield_now();
    }
}

#[test]
fn a_client_that_is_closed_among_many_takes_none_of_the_others_with_it() {
    let cluster = Cluster::start();
    let clients: Vec<Client> =
        (0..40).map(|_| cluster.client_of_ttl(Duration::from_secs(3))).collect();
    let name = |at: usize| format!("lock-{at}");
    let leases: Vec<_> = clients.iter().enumerate().map(|(at, one)| hold(one, &name(at))).collect();
    let waits: Vec<_> = (0..40).map(|at| start(&clients[(at + 2) % 40], &name(at))).collect();
    for closed in clients.iter().step_by(2) {
        closed.close(Wait::Forever).unwrap();
    }
    for (lease, wait) in leases.iter().zip(&waits).skip(1).step_by(2) {
        see_renewal(lease);
        assert_eq!(lease.state(), LeaseState::Held);
        lease.release(Wait::Forever).unwrap();
        assert!(is_decided(wait));
        wait.take(Wait::Try).unwrap();
    }
    for wait in waits.iter().step_by(2) {
        match wait.take(Wait::Forever) {
            // Granted by a client that was closed before its own.
            Ok(lease) => assert!(lease.remaining().is_zero()),
            Err(error) => assert_eq!(error.status, Status::Closed),
        }
    }
}

#[test]
fn clients_that_are_opened_and_closed_by_many_threads_at_once_work_and_leave_nothing() {
    let cluster = Cluster::start();
    let round = |thread: usize, round: usize| {
        let client = match (thread + round) % 3 {
            0 => Client::open_local(&cluster.node.local().unwrap(), patient()).unwrap(),
            1 => Client::open(&cluster.node.endpoints(), patient().background(true)).unwrap(),
            _ => cluster.client(),
        };
        let first = hold(&client, &format!("lock-{thread}"));
        let second = start(&client, &format!("lock-{thread}"));
        first.release(Wait::Forever).unwrap();
        assert!(is_decided(&second));
        assert!(second.take(Wait::Try).unwrap().token() > first.token());
        match round % 2 {
            0 => client.close(Wait::Forever).unwrap(),
            _ => client.let_go(),
        }
    };
    std::thread::scope(|scope| {
        for thread in 0..8 {
            scope.spawn(move || (0..25).for_each(|at| round(thread, at)));
        }
    });
    wait_for_none();
}

/// What all clients have in common: a poller and who adds to it, who wakes it, its timer, and what ends a thread's poll.
/// Some of the node's files may be open for a while.
const SHARED: usize = 12;
