//! What leaves when, of a client without a server: under its mutex, so that no other thread does anything meanwhile.

use super::*;
use crate::base::SessionKey;
use crate::client::core::{AcquireCall, CoreOptions, Wait};
use std::panic::{AssertUnwindSafe, catch_unwind};

fn client() -> Arc<Shared> {
    let options = CoreOptions {
        // Nobody listens there.
        endpoints: vec!["127.0.0.1:1".to_owned()],
        pin: None,
        client: "test".to_owned(),
        ttl: Duration::from_secs(10),
        connect_timeout: Duration::from_secs(10),
        request_timeout: Duration::from_secs(10),
        progress: None,
        key: SessionKey([7; 16]),
        seed: 1,
    };
    Shared::start(options, None, None).unwrap()
}

fn acquire(core: &mut Core, now: &Sample) -> CallId {
    core.acquire(now, AcquireCall::lock("a".try_into().unwrap(), Wait::Forever))
}

/// A call of this thread, and whether it waits to leave.
fn waits(inner: &mut Inner) -> bool {
    let now = clock::sample();
    acquire(&mut inner.core, &now);
    inner.follow(now);
    inner.corks.has_calls()
}

#[test]
fn a_call_leaves_at_once_unless_its_own_thread_has_a_cork() {
    let client = client();
    assert!(!waits(&mut client.lock().unwrap()));
    client.cork().unwrap();
    {
        let mut inner = client.lock().unwrap();
        assert!(waits(&mut inner));
        let due = inner.next_deadline();
        assert!(due <= clock::boot_nanos() + nanos(DELAY_MAX), "{due}");
        inner.settle(clock::sample());
        assert!(!inner.corks.has_calls(), "any turn sends it");
        assert!(waits(&mut inner));
    }
    let other = std::thread::scope(|scope| {
        let client = &client;
        scope.spawn(move || waits(&mut client.lock().unwrap())).join().unwrap()
    });
    assert!(!other, "and what waited before it leaves with it");
    assert!(client.uncork(thread::number()).unwrap());
    assert!(!waits(&mut client.lock().unwrap()));
    assert!(!client.uncork(thread::number()).unwrap(), "there is none left");
    client.with(|inner, now| inner.core.let_go(now)).unwrap();
}

#[test]
fn the_outermost_of_nested_corks_counts() {
    let client = client();
    let me = thread::number();
    client.cork().unwrap();
    client.cork().unwrap();
    assert!(client.uncork(me).unwrap());
    assert!(waits(&mut client.lock().unwrap()));
    assert!(client.uncork(me).unwrap());
    assert!(!client.lock().unwrap().corks.has_calls());
    client.with(|inner, now| inner.core.let_go(now)).unwrap();
}

#[test]
fn so_many_calls_leave_together_and_no_more() {
    let client = client();
    client.cork().unwrap();
    let mut inner = client.lock().unwrap();
    let waiting = (0..2 * CALLS_MAX).filter(|_| waits(&mut inner)).count();
    assert_eq!(waiting, 2 * (CALLS_MAX - 1));
    inner.core.let_go(&clock::sample());
    inner.settle(clock::sample());
}

#[test]
fn whoever_waits_or_asks_otherwise_sends_what_waits() {
    let client = client();
    client.cork().unwrap();
    let (_, promise) = client.call_corked(acquire).unwrap();
    // Nothing decides it: its time is over at once.
    client.wait_for(&promise, Some(1)).unwrap();
    assert!(!client.lock().unwrap().corks.has_calls());
    client.call_corked(acquire).unwrap();
    client.flush_corked().unwrap();
    assert!(!client.lock().unwrap().corks.has_calls());
    client.call_corked(acquire).unwrap();
    client.with(|_, _| ()).unwrap();
    assert!(!client.lock().unwrap().corks.has_calls());
    client.with(|inner, now| inner.core.let_go(now)).unwrap();
}

#[test]
fn an_end_of_the_process_sends_what_waits() {
    let client = client();
    client.cork().unwrap();
    client.call_corked(acquire).unwrap();
    flush_all();
    assert!(!client.lock().unwrap().corks.has_calls());
    client.with(|inner, now| inner.core.let_go(now)).unwrap();
}

#[test]
fn after_a_panic_nothing_waits_and_calls_fail() {
    let client = client();
    client.cork().unwrap();
    client.call_corked(acquire).unwrap();
    let failed = catch_unwind(AssertUnwindSafe(|| {
        client.with_corked(|_, _| panic!("a bug of the test")).unwrap_err()
    }));
    assert!(failed.unwrap().message.contains("a bug of the test"));
    assert!(client.flush_corked().is_err());
    assert!(client.uncork(thread::number()).is_err());
}
