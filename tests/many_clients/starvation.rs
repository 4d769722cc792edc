//! What a client is due for, or always has something of, and the others.

use crate::scripted::Scripted;
use crate::{Cluster, HOUR, hold, is_decided, patient, start};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tenure::Status;
use tenure::base::SessionId;
use tenure::client::{AcquireOptions, Client, Wait};
use tenure::wire::ServerMessage;

#[test]
fn a_server_that_says_ever_more_to_one_client_holds_up_no_other() {
    let cluster = Cluster::start();
    let node = Scripted::listen();
    let endpoint = node.endpoint.clone();
    let (flows, ends) = (AtomicBool::new(false), AtomicBool::new(false));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut talk = node.accept_with_session(1, HOUR);
            // Of a renewal that it never sent.
            let said = ServerMessage::Renewed { session: SessionId(1), number: u64::MAX };
            while !ends.load(Ordering::SeqCst) {
                talk.say(&said);
                flows.store(true, Ordering::SeqCst);
            }
        });
        let flooded = Client::open(&endpoint, patient().ttl(HOUR)).unwrap();
        while !flows.load(Ordering::SeqCst) {
            std::thread::yield_now();
        }
        let (one, two) = (cluster.client(), cluster.client());
        for _ in 0..50 {
            let lease = hold(&one, "a");
            let waits = start(&two, "a");
            lease.release(Wait::Forever).unwrap();
            assert!(is_decided(&waits));
            waits.take(Wait::Try).unwrap().release(Wait::Forever).unwrap();
        }
        ends.store(true, Ordering::SeqCst);
        drop(flooded);
    });
}

#[test]
fn waits_that_are_over_are_ended_by_the_clients_thread_one_behind_the_other() {
    let cluster = Cluster::start();
    let (holder, client) = (cluster.client(), cluster.client());
    let _held = hold(&holder, "a");
    for _ in 0..100 {
        let wait = Wait::For(Duration::from_millis(1));
        let called = client.acquire("a", wait, AcquireOptions::new()).unwrap_err();
        assert_eq!(called.status, Status::Timeout);
        let polled = client.acquire_start("a", wait, AcquireOptions::new()).unwrap();
        assert!(is_decided(&polled));
        assert_eq!(polled.take(Wait::Try).unwrap_err().status, Status::Timeout);
    }
}
