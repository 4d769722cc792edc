//! Handing a lock over, and taking it from its holder.

use crate::cluster::{Cluster, exclusive, owned, status, take, wait_for_queue, wait_readable};
use std::time::Duration;
use tenure::Status;
use tenure::client::{BreakOptions, EndReason, Grace, LeaseState, Wait};

#[test]
fn a_holder_hands_its_lock_to_a_named_waiter_past_the_others() {
    let cluster = Cluster::start();
    let (one, two, three) = (cluster.client("one"), cluster.client("two"), cluster.client("three"));
    let lease = one.acquire("role", Wait::Forever, exclusive()).unwrap();
    let second = two.acquire_start("role", Wait::Forever, exclusive()).unwrap();
    wait_for_queue(&one, "role", 1);
    let third = three.acquire_start("role", Wait::Forever, exclusive()).unwrap();
    wait_for_queue(&one, "role", 2);
    // Nobody of that name: the lease goes on.
    assert_eq!(status(lease.transfer(Some("four"))), Status::NotFound);
    assert_eq!(lease.state(), LeaseState::Held);
    lease.transfer(Some("three")).unwrap();
    assert_eq!(lease.state(), LeaseState::Ended(EndReason::Transferred));
    let third = take(&third);
    assert!(third.token() > lease.token());
    assert_eq!(status(second.take(Wait::Try)), Status::Again);
    third.transfer(None).unwrap();
    take(&second);
    assert_eq!(status(lease.transfer(None)), Status::Lost);
}

#[test]
fn who_is_asked_to_end_sees_it_and_what_it_releases_goes_to_the_heir() {
    let cluster = Cluster::start();
    let (one, two, three) = (cluster.client("one"), cluster.client("two"), cluster.client("three"));
    let lease = one.acquire("role", Wait::Forever, exclusive()).unwrap();
    let second = two.acquire_start("role", Wait::Forever, exclusive()).unwrap();
    wait_for_queue(&one, "role", 1);
    let third = three.acquire_start("role", Wait::Forever, exclusive()).unwrap();
    wait_for_queue(&one, "role", 2);
    let to = Some("three".to_owned());
    let grace = Grace::For(Duration::from_secs(3600));
    two.break_lock("role", BreakOptions { grace, to, ..BreakOptions::default() }).unwrap();
    wait_readable(lease.fd());
    assert_eq!(lease.state(), LeaseState::Asked);
    assert!(lease.remaining() > Duration::ZERO);
    lease.release(Wait::Forever).unwrap();
    take(&third);
    assert_eq!(status(second.take(Wait::Try)), Status::Again);
}

#[test]
fn who_does_not_end_when_asked_is_ended_by_its_own_client() {
    let cluster = Cluster::start();
    let (one, two) = (cluster.client("one"), cluster.client("two"));
    // All handles of an owner are of one grant.
    let lease = one.acquire("role", Wait::Forever, owned(1)).unwrap();
    let again = one.acquire("role", Wait::Forever, owned(1)).unwrap();
    let waits = two.acquire_start("role", Wait::Forever, exclusive()).unwrap();
    wait_for_queue(&two, "role", 1);
    let grace = Grace::For(Duration::from_millis(200));
    two.break_lock("role", BreakOptions { grace, ..BreakOptions::default() }).unwrap();
    take(&waits);
    for lease in [lease, again] {
        assert_eq!(lease.remaining(), Duration::ZERO);
        assert_eq!(lease.state(), LeaseState::Ended(EndReason::Broken));
        assert_eq!(status(lease.release(Wait::Forever)), Status::Lost);
    }
}

#[test]
fn a_lock_can_be_taken_at_once_and_then_only_its_token_protects() {
    let cluster = Cluster::start();
    let (one, two) = (cluster.client("one"), cluster.client("two"));
    let lease = one.acquire("role", Wait::Forever, exclusive()).unwrap();
    let now = |token| BreakOptions { grace: Grace::Now, token, ..BreakOptions::default() };
    let older = tenure::base::Token(lease.token().0 + 1);
    assert_eq!(status(two.break_lock("role", now(Some(older)))), Status::NotFound);
    two.break_lock("role", now(Some(lease.token()))).unwrap();
    let next = two.acquire("role", Wait::Try, exclusive()).unwrap();
    assert!(next.token() > lease.token());
    assert!(!two.validate("role", lease.token()).unwrap());
    wait_readable(lease.fd());
    assert_eq!(lease.remaining(), Duration::ZERO);
    assert_eq!(lease.state(), LeaseState::Ended(EndReason::Broken));
    assert_eq!(status(two.break_lock("nobody's", now(None))), Status::NotFound);
}

#[test]
fn what_there_is_is_described_as_json() {
    let cluster = Cluster::start();
    let client = cluster.client("one");
    let lease = client.acquire("jobs/x", Wait::Forever, exclusive()).unwrap();
    for (what, name) in [("lock", "jobs/x"), ("locks", "jobs/"), ("locks", "")] {
        let text = client.describe(what, name).unwrap();
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value["locks"][0]["token"].as_u64(), Some(lease.token().0), "{text}");
    }
    for (what, name) in [("session", ""), ("cluster", "")] {
        let text = client.describe(what, name).unwrap();
        assert!(serde_json::from_str::<serde_json::Value>(&text).is_ok(), "{text}");
    }
    assert_eq!(status(client.describe("weather", "")), Status::Invalid);
}
