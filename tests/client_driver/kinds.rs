//! Shared and counted locks, several in one step, owners that enter again, and circles of those that wait.

use crate::client_driver::cluster::{Cluster, hold, options, status, wait_for, wait_with};
use std::thread;
use tenure::Status;
use tenure::client::{AcquireOptions, Wait};

fn counted(limit: u32, permits: u32) -> AcquireOptions {
    AcquireOptions::semaphore(limit, permits)
}

fn owned(owner: u64) -> AcquireOptions {
    AcquireOptions::new().owner(std::num::NonZeroU64::new(owner))
}

#[test]
fn readers_share_a_lock_and_queue_behind_a_writer_that_waits() {
    let cluster = Cluster::start();
    let client = cluster.client();
    let read = || client.acquire("a", Wait::Forever, AcquireOptions::shared()).unwrap();
    let (first, second) = (read(), read());
    let writer = wait_for(&client, "a");
    let late = wait_with(&client, "a", AcquireOptions::shared());
    assert_eq!(status(client.acquire("a", Wait::Try, AcquireOptions::shared())), Status::Held);
    first.release(Wait::Forever).unwrap();
    assert_eq!(status(writer.take(Wait::Try)), Status::Again);
    second.release(Wait::Forever).unwrap();
    let writer = writer.take(Wait::Forever).unwrap();
    assert_eq!(status(late.take(Wait::Try)), Status::Again);
    writer.release(Wait::Forever).unwrap();
    assert!(late.take(Wait::Forever).unwrap().token() > writer.token());
}

#[test]
fn a_semaphore_admits_as_many_permits_as_it_has() {
    let cluster = Cluster::start();
    let client = cluster.client();
    let take = |permits, wait| client.acquire("a", wait, counted(3, permits));
    let (one, two) = (take(1, Wait::Forever).unwrap(), take(2, Wait::Forever).unwrap());
    assert_eq!(status(take(1, Wait::Try)), Status::Held);
    two.release(Wait::Forever).unwrap();
    let again = take(2, Wait::Try).unwrap();
    assert_eq!(status(client.acquire("a", Wait::Try, counted(4, 1))), Status::Invalid);
    assert_eq!(status(client.acquire("a", Wait::Try, counted(3, 4))), Status::Invalid);
    assert_eq!(status(client.acquire("b", Wait::Try, counted(0, 1))), Status::Invalid);
    assert_eq!(status(client.acquire("b", Wait::Try, counted(3, 0))), Status::Invalid);
    drop((one, again));
    drop(take(3, Wait::Forever).unwrap());
}

#[test]
fn several_locks_are_taken_in_one_step_whatever_their_order() {
    let cluster = Cluster::start();
    let clients = [cluster.client(), cluster.client()];
    thread::scope(|scope| {
        for (client, names) in clients.iter().zip([["a", "b"], ["b", "a"]]) {
            scope.spawn(move || {
                for _ in 0..20 {
                    let both = client.acquire_all(&names, Wait::Forever, options()).unwrap();
                    assert_eq!(both.name(), names[0]);
                    assert!(client.validate("a", both.token()).unwrap());
                    assert!(client.validate("b", both.token()).unwrap());
                    both.release(Wait::Forever).unwrap();
                }
            });
        }
    });
}

#[test]
fn several_locks_are_all_or_nothing() {
    let cluster = Cluster::start();
    let client = cluster.client();
    let held = hold(&client, "b");
    let all = |wait| client.acquire_all(&["a", "b"], wait, options());
    assert_eq!(status(all(Wait::Try)), Status::Held);
    let other = client.acquire("a", Wait::Try, options()).unwrap();
    drop((held, other));
    let both = all(Wait::Forever).unwrap();
    assert_eq!(status(client.acquire("a", Wait::Try, options())), Status::Held);
    both.release(Wait::Forever).unwrap();
    client.acquire("a", Wait::Try, options()).unwrap();
}

#[test]
fn names_of_one_step_are_some_and_differ() {
    let cluster = Cluster::start();
    let client = cluster.client();
    let refused = |names: &[&str]| status(client.acquire_all(names, Wait::Try, options()));
    let many: Vec<String> = (0..33).map(|number| number.to_string()).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    for names in [&[][..], &["a", "a"], &["a", ""], &many] {
        assert_eq!(refused(names), Status::Invalid, "{names:?}");
    }
    client.acquire_all(&many[..32], Wait::Forever, options()).unwrap();
}

#[test]
fn an_owner_enters_again_under_its_token_and_frees_with_its_last_lease() {
    let cluster = Cluster::start();
    let (one, two) = (cluster.client(), cluster.client());
    let first = one.acquire("a", Wait::Forever, owned(7)).unwrap();
    let second = one.acquire("a", Wait::Try, owned(7)).unwrap();
    assert_eq!(second.token(), first.token());
    assert_eq!(status(one.acquire("a", Wait::Try, owned(8))), Status::Held);
    assert_eq!(status(two.acquire("a", Wait::Try, owned(7))), Status::Held);
    first.release(Wait::Forever).unwrap();
    assert!(first.remaining().is_zero() && !second.remaining().is_zero());
    assert_eq!(status(two.acquire("a", Wait::Try, options())), Status::Held);
    second.release(Wait::Forever).unwrap();
    two.acquire("a", Wait::Try, options()).unwrap();
}

#[test]
fn a_wait_that_closes_a_circle_is_refused_and_says_who_waits_for_whom() {
    let cluster = Cluster::start();
    let (one, two) = (cluster.client_called("one"), cluster.client_called("two"));
    let first = one.acquire("a", Wait::Forever, owned(1)).unwrap();
    let second = two.acquire("b", Wait::Forever, owned(2)).unwrap();
    let waits = wait_with(&one, "b", owned(1));
    let error = two.acquire("a", Wait::Forever, owned(2)).unwrap_err();
    assert_eq!(error.status, Status::Deadlock);
    for part in ["one", "two", "a", "b"] {
        assert!(error.message.contains(part), "{}", error.message);
    }
    second.release(Wait::Forever).unwrap();
    waits.take(Wait::Forever).unwrap();
    drop(first);
}
