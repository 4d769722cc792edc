//! The client library against three real nodes in this process: whole calls, threads, descriptors, ends.

mod cluster;
mod corks;
mod dialing;
mod elections;
mod events;
mod hand_over;
mod kinds;
mod local;
mod operating;
mod orders;
mod sentences;
mod waits;

use crate::common::free_ports::free_port;
use cluster::{Cluster, is_readable, options};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;
use tenure::Status;
use tenure::base::Token;
use tenure::client::{
    AcquireOptions, Client, ClientOptions, EndReason, LeaseState, Pending, SessionState, Wait,
};

fn take(pending: &Pending) -> Result<tenure::client::Lease, Status> {
    pending.take(Wait::Forever).map_err(|error| error.status)
}

#[test]
fn a_lock_is_held_released_and_handed_on_with_rising_tokens() {
    let cluster = Cluster::start();
    let (one, two) = (cluster.client(), cluster.client());
    let first = one.acquire("a", Wait::Forever, options()).unwrap();
    assert_eq!(first.state(), LeaseState::Held);
    assert!(first.remaining() > Duration::ZERO);
    assert_eq!(two.acquire("a", Wait::Try, options()).unwrap_err().status, Status::Held);
    let waits = two.acquire_start("a", Wait::Forever, options()).unwrap();
    assert_eq!(waits.take(Wait::Try).unwrap_err().status, Status::Again);
    assert!(!is_readable(waits.fd().unwrap(), Some(Duration::ZERO)));
    first.release(Wait::Forever).unwrap();
    assert_eq!(first.remaining(), Duration::ZERO);
    assert_eq!(first.state(), LeaseState::Ended(EndReason::Released));
    assert_eq!(first.release(Wait::Forever).unwrap_err().status, Status::Lost);
    assert!(is_readable(waits.fd().unwrap(), None));
    let second = take(&waits).unwrap();
    assert!(second.token() > first.token());
    assert_eq!(take(&waits).unwrap_err(), Status::Invalid);
}

#[test]
fn a_wait_that_is_over_is_a_timeout_and_leaves_no_place_in_the_queue() {
    let cluster = Cluster::start();
    let (one, two) = (cluster.client(), cluster.client());
    let lease = one.acquire("a", Wait::Forever, options()).unwrap();
    let wait = Wait::For(Duration::from_millis(20));
    assert_eq!(two.acquire("a", wait, options()).unwrap_err().status, Status::Timeout);
    lease.release(Wait::Forever).unwrap();
    one.acquire("a", Wait::Forever, options()).unwrap();
}

#[test]
fn threads_that_share_a_client_exclude_each_other() {
    let cluster = Cluster::start();
    let client = cluster.client();
    let inside = Arc::new(AtomicU32::new(0));
    let threads: Vec<_> = (0..8)
        .map(|_| {
            let (client, inside) = (client.clone(), Arc::clone(&inside));
            thread::spawn(move || {
                let mut tokens = Vec::new();
                for _ in 0..10 {
                    let lease = client.acquire("a", Wait::Forever, options()).unwrap();
                    assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0);
                    tokens.push(lease.token());
                    inside.fetch_sub(1, Ordering::SeqCst);
                    lease.release(Wait::Forever).unwrap();
                }
                tokens
            })
        })
        .collect();
    let mut tokens: Vec<Token> =
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect();
    tokens.sort();
    tokens.dedup();
    assert_eq!(tokens.len(), 80);
}

#[test]
fn a_lease_survives_its_leader_and_a_waiter_is_granted_by_the_next() {
    let mut cluster = Cluster::start();
    let (one, two) = (cluster.client(), cluster.client());
    let lease = one.acquire("a", Wait::Forever, options()).unwrap();
    let waits = two.acquire_start("a", Wait::Forever, options()).unwrap();
    cluster.stop_leader();
    assert!(one.validate("a", lease.token()).unwrap());
    assert_eq!(lease.state(), LeaseState::Held);
    lease.release(Wait::Forever).unwrap();
    assert!(take(&waits).unwrap().token() > lease.token());
}

#[test]
fn what_is_held_and_by_whom_can_be_read() {
    let cluster = Cluster::start();
    let options = ClientOptions::new().name("reader");
    let client = Client::open(&cluster.endpoints, options).unwrap();
    assert_eq!(client.holder_of("a").unwrap(), None);
    let wish = AcquireOptions::new().value(b"value".to_vec());
    let lease = client.acquire("a", Wait::Forever, wish).unwrap();
    let holder = client.holder_of("a").unwrap().unwrap();
    assert_eq!((holder.token, holder.client.as_str()), (lease.token(), "reader"));
    assert_eq!(holder.value, b"value");
    assert!(client.validate("a", lease.token()).unwrap());
    assert!(!client.validate("a", Token(lease.token().0 + 1)).unwrap());
    assert_eq!((client.session().state, client.session().leases), (SessionState::Valid, 1));
    let status = Client::status_of(&cluster.endpoints, Duration::from_secs(30));
    assert_eq!(status.iter().filter(|(_, status)| status.is_ok()).count(), 3, "{status:?}");
}

#[test]
fn a_loss_descriptor_is_readable_once_the_lease_has_ended() {
    let cluster = Cluster::start();
    let client = cluster.client();
    let lease = client.acquire("a", Wait::Forever, options()).unwrap();
    let fd = lease.fd().unwrap();
    assert!(!is_readable(fd, Some(Duration::ZERO)));
    client.close(Wait::Forever).unwrap();
    assert!(is_readable(fd, Some(Duration::ZERO)));
    assert_eq!(lease.state(), LeaseState::Ended(EndReason::SessionClosed));
    let late = client.acquire("a", Wait::Forever, options()).unwrap_err();
    assert_eq!(late.status, Status::Closed);
}

#[test]
fn a_lease_without_servers_ends_by_its_own_clock_and_its_descriptor_fires() {
    let mut cluster = Cluster::start();
    let ttl = Duration::from_millis(500);
    let options = ClientOptions::new().ttl(ttl);
    let client = Client::open(&cluster.endpoints, options).unwrap();
    let lease = client.acquire("a", Wait::Forever, AcquireOptions::default()).unwrap();
    let fd = lease.fd().unwrap();
    cluster.nodes.clear();
    assert!(is_readable(fd, None));
    assert_eq!(lease.remaining(), Duration::ZERO);
    assert_eq!(lease.release(Wait::Forever).unwrap_err().status, Status::Lost);
}

#[test]
fn renewals_go_out_though_nobody_calls() {
    let cluster = Cluster::start();
    let ttl = Duration::from_secs(6);
    let options = ClientOptions::new().ttl(ttl);
    let client = Client::open(&cluster.endpoints, options).unwrap();
    let lease = client.acquire("a", Wait::Forever, AcquireOptions::default()).unwrap();
    let fd = lease.fd().unwrap();
    // Only an acknowledged renewal makes what remains longer.
    let mut before = lease.remaining();
    loop {
        let ended = is_readable(fd, Some(Duration::from_millis(20)));
        let remaining = lease.remaining();
        assert!(!ended && !remaining.is_zero(), "it was not renewed");
        if remaining > before {
            break;
        }
        before = remaining;
    }
}

#[test]
fn a_waiting_thread_is_woken_by_cancel_and_by_close() {
    let cluster = Cluster::start();
    let client = cluster.client();
    let lease = client.acquire("a", Wait::Forever, options()).unwrap();
    for end in [Status::Cancelled, Status::Closed] {
        let waits = Arc::new(client.acquire_start("a", Wait::Forever, options()).unwrap());
        let waiting = Arc::clone(&waits);
        let waiter = thread::spawn(move || take(&waiting).map(|_| ()));
        match end {
            Status::Cancelled => waits.cancel(),
            _ => client.close(Wait::Forever).unwrap(),
        }
        assert_eq!(waiter.join().unwrap(), Err(end));
    }
    drop(lease);
}

#[test]
fn what_is_dropped_is_released_or_withdrawn() {
    let cluster = Cluster::start();
    let (one, two) = (cluster.client(), cluster.client());
    let lease = one.acquire("a", Wait::Forever, options()).unwrap();
    drop(two.acquire_start("a", Wait::Forever, options()).unwrap());
    drop(lease);
    let lease = one.acquire("a", Wait::Forever, options()).unwrap();
    let handed_on = two.acquire_start("a", Wait::Forever, options()).unwrap();
    drop(one);
    assert_eq!(lease.state(), LeaseState::Held, "a lease keeps its client");
    drop(lease);
    take(&handed_on).unwrap();
}

#[test]
fn a_client_that_finds_no_node_says_which_it_tried() {
    let free = format!("127.0.0.1:{}", free_port());
    let endpoints = format!("{free},no-such-host.invalid:7401");
    let connect_timeout = Duration::from_millis(300);
    let options = ClientOptions::new().connect_timeout(connect_timeout);
    let error = Client::open(&endpoints, options).unwrap_err();
    assert_eq!(error.status, Status::Unavailable);
    assert!(error.message.contains(&format!("{free}: ")), "{}", error.message);
    assert!(error.message.contains("no-such-host.invalid:7401: "), "{}", error.message);
}
