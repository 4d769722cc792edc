//! Kinds of locks: exclusive, shared, counted, several at once, re-entrant, delayed; and waits for ever.

use crate::cluster::{Cluster, counted, exclusive, owned, shared, status, take, wait_for_queue};
use std::time::Duration;
use tenure::Status;
use tenure::client::{AcquireOptions, ClientOptions, Wait};

#[test]
fn an_exclusive_lock_has_one_holder_and_goes_to_the_first_who_waits() {
    let cluster = Cluster::start();
    let (one, two, three) = (cluster.client("one"), cluster.client("two"), cluster.client("three"));
    let held = one.acquire("jobs/nightly", Wait::Forever, exclusive()).unwrap();
    assert_eq!(status(two.acquire("jobs/nightly", Wait::Try, exclusive())), Status::Held);
    let second = two.acquire_start("jobs/nightly", Wait::Forever, exclusive()).unwrap();
    wait_for_queue(&one, "jobs/nightly", 1);
    let third = three.acquire_start("jobs/nightly", Wait::Forever, exclusive()).unwrap();
    wait_for_queue(&one, "jobs/nightly", 2);
    held.release(Wait::Forever).unwrap();
    let second = take(&second);
    assert!(second.token() > held.token());
    assert_eq!(status(third.take(Wait::Try)), Status::Again);
    drop(second);
    take(&third);
}

#[test]
fn readers_share_and_one_behind_a_writer_does_not_overtake_it() {
    let cluster = Cluster::start();
    let (one, two, three) = (cluster.client("one"), cluster.client("two"), cluster.client("three"));
    let first = one.acquire("table", Wait::Forever, shared()).unwrap();
    let second = two.acquire("table", Wait::Forever, shared()).unwrap();
    assert!(second.token() > first.token());
    let writer = three.acquire_start("table", Wait::Forever, exclusive()).unwrap();
    wait_for_queue(&one, "table", 1);
    assert_eq!(status(one.acquire("table", Wait::Try, shared())), Status::Held);
    first.release(Wait::Forever).unwrap();
    assert_eq!(status(writer.take(Wait::Try)), Status::Again);
    second.release(Wait::Forever).unwrap();
    take(&writer);
}

#[test]
fn a_semaphore_gives_out_as_many_permits_as_it_has() {
    let cluster = Cluster::start();
    let (one, two) = (cluster.client("one"), cluster.client("two"));
    let both = one.acquire("gpu", Wait::Forever, counted(2, 3)).unwrap();
    let last = two.acquire("gpu", Wait::Forever, counted(1, 3)).unwrap();
    assert_eq!(status(two.acquire("gpu", Wait::Try, counted(1, 3))), Status::Held);
    // Those who are in it have fixed its size.
    assert_eq!(status(two.acquire("gpu", Wait::Try, counted(1, 4))), Status::Invalid);
    let more = two.acquire_start("gpu", Wait::Forever, counted(2, 3)).unwrap();
    wait_for_queue(&one, "gpu", 1);
    last.release(Wait::Forever).unwrap();
    assert_eq!(status(more.take(Wait::Try)), Status::Again);
    both.release(Wait::Forever).unwrap();
    take(&more);
}

#[test]
fn several_locks_are_taken_in_one_step_all_or_nothing_under_one_token() {
    let cluster = Cluster::start();
    let (one, two) = (cluster.client("one"), cluster.client("two"));
    let held = one.acquire("b", Wait::Forever, exclusive()).unwrap();
    assert_eq!(status(two.acquire_all(&["a", "b"], Wait::Try, exclusive())), Status::Held);
    let both = two.acquire_all_start(&["a", "b"], Wait::Forever, exclusive()).unwrap();
    wait_for_queue(&one, "b", 1);
    // Not a half of it.
    assert!(!one.validate("a", held.token()).unwrap());
    assert_eq!(one.holder_of("a").unwrap(), None);
    held.release(Wait::Forever).unwrap();
    let both = take(&both);
    for name in ["a", "b"] {
        assert!(one.validate(name, both.token()).unwrap(), "{name}");
    }
    both.release(Wait::Forever).unwrap();
    one.acquire_all(&["b", "a"], Wait::Forever, exclusive()).unwrap();
}

#[test]
fn the_same_owner_enters_again_and_frees_the_lock_with_its_last_handle() {
    let cluster = Cluster::start();
    let (one, two) = (cluster.client("one"), cluster.client("two"));
    let outer = one.acquire("account", Wait::Forever, owned(7)).unwrap();
    let inner = one.acquire("account", Wait::Try, owned(7)).unwrap();
    assert_eq!(inner.token(), outer.token());
    // Another owner of the same client, and an acquire that is its own owner, are others.
    assert_eq!(status(one.acquire("account", Wait::Try, owned(8))), Status::Held);
    assert_eq!(status(one.acquire("account", Wait::Try, exclusive())), Status::Held);
    outer.release(Wait::Forever).unwrap();
    assert_eq!(status(two.acquire("account", Wait::Try, exclusive())), Status::Held);
    inner.release(Wait::Forever).unwrap();
    two.acquire("account", Wait::Forever, exclusive()).unwrap();
}

#[test]
fn threads_that_share_a_client_exclude_each_other() {
    let cluster = Cluster::start();
    let client = cluster.client("one");
    let inside = std::sync::atomic::AtomicU32::new(0);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..25 {
                    let lease = client.acquire("counter", Wait::Forever, exclusive()).unwrap();
                    assert_eq!(inside.fetch_add(1, std::sync::atomic::Ordering::SeqCst), 0);
                    inside.fetch_sub(1, std::sync::atomic::Ordering::SeqCst);
                    lease.release(Wait::Forever).unwrap();
                }
            });
        }
    });
}

#[test]
fn after_an_expiry_a_lock_with_a_delay_stays_taken_for_that_long_and_after_a_release_not() {
    let cluster = Cluster::start();
    // One who says no more that it moves, and so is expired.
    let options = ClientOptions {
        ttl: Duration::from_millis(400),
        progress: Some(Duration::from_millis(1)),
        ..ClientOptions::default()
    };
    let (wedged, other) = (cluster.client_with("wedged", options), cluster.client("other"));
    let delayed =
        AcquireOptions { lock_delay: Duration::from_millis(300), ..AcquireOptions::default() };
    let lease = wedged.acquire("disk", Wait::Forever, delayed.clone()).unwrap();
    let waits = other.acquire_start("disk", Wait::Forever, delayed.clone()).unwrap();
    let next = take(&waits);
    assert_eq!(lease.remaining(), Duration::ZERO);
    assert!(next.token() > lease.token());
    next.release(Wait::Forever).unwrap();
    other.acquire("disk", Wait::Try, delayed).unwrap();
}

#[test]
fn a_wait_that_would_be_for_ever_is_a_deadlock_and_says_who_waits_for_whom() {
    let cluster = Cluster::start();
    let (one, two) = (cluster.client("one"), cluster.client("two"));
    let _a = one.acquire("a", Wait::Forever, owned(1)).unwrap();
    let b = two.acquire("b", Wait::Forever, owned(1)).unwrap();
    let first = one.acquire_start("b", Wait::Forever, owned(1)).unwrap();
    wait_for_queue(&one, "b", 1);
    let error = two.acquire("a", Wait::Forever, owned(1)).unwrap_err();
    assert_eq!(error.status, Status::Deadlock);
    let text = error.to_string();
    assert!(["one", "two"].iter().all(|client| text.contains(client)), "{text}");
    b.release(Wait::Forever).unwrap();
    take(&first);
}
