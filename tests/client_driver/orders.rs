//! Handing a lock over, and taking it from its holder.

use crate::client_driver::cluster::{Cluster, hold, is_readable, options, status, wait_for};
use std::time::Duration;
use tenure::Status;
use tenure::base::Token;
use tenure::client::{
    BreakOptions, Client, EndReason, Grace, Lease, LeaseState, SessionState, Wait,
};

fn break_within(client: &Client, grace: Grace) {
    let reason = "maintenance".to_owned();
    client.break_lock("a", BreakOptions::new().grace(grace).reason(reason)).unwrap();
}

const HOUR: Duration = Duration::from_secs(3600);

#[test]
fn a_lock_is_handed_to_the_waiter_of_that_name_past_all_others() {
    let cluster = Cluster::start();
    let (one, two) = (cluster.client_called("one"), cluster.client_called("two"));
    let lease = hold(&cluster.client(), "a");
    let (first, second) = (wait_for(&one, "a"), wait_for(&two, "a"));
    lease.transfer(Some("two")).unwrap();
    assert_eq!(lease.state(), LeaseState::Ended(EndReason::Transferred));
    let handed = second.take(Wait::Forever).unwrap();
    assert!(handed.token() > lease.token());
    assert_eq!(status(first.take(Wait::Try)), Status::Again);
    handed.transfer(None).unwrap();
    assert!(first.take(Wait::Forever).unwrap().token() > handed.token());
    assert_eq!(status(lease.transfer(None)), Status::Lost);
}

#[test]
fn a_lease_that_nobody_can_take_over_goes_on() {
    let cluster = Cluster::start();
    let client = cluster.client_called("one");
    let lease = hold(&client, "a");
    assert_eq!(status(lease.transfer(None)), Status::NotFound);
    let _waits = wait_for(&client, "a");
    assert_eq!(status(lease.transfer(Some("two"))), Status::NotFound);
    assert_eq!(lease.state(), LeaseState::Held);
    assert!(client.validate("a", lease.token()).unwrap());
}

#[test]
fn a_holder_that_is_asked_sees_it_and_its_release_frees_the_lock() {
    let cluster = Cluster::start();
    let (holder, other) = (cluster.client(), cluster.client());
    let lease = hold(&holder, "a");
    let waits = wait_for(&other, "a");
    let fd = lease.fd().unwrap();
    assert_eq!(lease.asked(), None);
    break_within(&other, Grace::For(HOUR));
    assert!(is_readable(fd, None));
    assert_eq!(lease.state(), LeaseState::Asked);
    let asked = lease.asked().unwrap();
    assert_eq!((asked.grace, asked.reason.as_str()), (HOUR, "maintenance"));
    assert!(!lease.remaining().is_zero());
    assert_eq!(status(waits.take(Wait::Try)), Status::Again);
    // It was told; what comes next is its end.
    assert!(!is_readable(fd, Some(Duration::ZERO)));
    let again = hold_asked(&holder);
    assert!(!is_readable(again.fd().unwrap(), Some(Duration::ZERO)));
    lease.release(Wait::Forever).unwrap();
    assert_eq!(lease.state(), LeaseState::Ended(EndReason::Released));
    waits.take(Wait::Forever).unwrap();
}

/// A lease that is asked to end, and told, before its descriptor is made.
fn hold_asked(client: &Client) -> Lease {
    let lease = hold(client, "b");
    client.break_lock("b", BreakOptions::new().grace(Grace::For(HOUR))).unwrap();
    while lease.state() == LeaseState::Held {}
    lease
}

#[test]
fn a_holder_that_ignores_it_ends_as_broken_when_its_grace_is_over() {
    let cluster = Cluster::start();
    let (holder, other) = (cluster.client(), cluster.client());
    let lease = hold(&holder, "a");
    let waits = wait_for(&other, "a");
    break_within(&other, Grace::For(Duration::from_millis(50)));
    assert!(waits.take(Wait::Forever).unwrap().token() > lease.token());
    assert_eq!(lease.remaining(), Duration::ZERO);
    assert_eq!(lease.state(), LeaseState::Ended(EndReason::Broken));
    let asked = lease.asked().expect("it stays readable");
    assert_eq!(asked.grace, Duration::from_millis(50));
    assert_eq!(status(lease.release(Wait::Forever)), Status::Lost);
    assert_eq!(holder.session().state, SessionState::Valid);
}

#[test]
fn an_asked_lease_goes_on_through_renewals_and_its_descriptor_stays_readable() {
    let cluster = Cluster::start();
    let client = cluster.client_of_ttl(Duration::from_secs(3));
    let (lease, other) = (hold(&client, "a"), hold(&client, "other"));
    let fd = lease.fd().unwrap();
    break_within(&client, Grace::For(HOUR));
    assert!(is_readable(fd, None));
    let mut before = lease.remaining();
    loop {
        let ended = is_readable(other.fd().unwrap(), Some(Duration::from_millis(20)));
        let remaining = lease.remaining();
        assert!(!ended && !remaining.is_zero(), "it was not renewed");
        if remaining > before {
            break;
        }
        before = remaining;
    }
    assert!(is_readable(fd, Some(Duration::ZERO)));
    assert_eq!((lease.state(), other.state()), (LeaseState::Asked, LeaseState::Held));
}

#[test]
fn a_lock_that_is_broken_at_once_is_free_and_its_holder_hears_of_it() {
    let cluster = Cluster::start();
    let (holder, other) = (cluster.client(), cluster.client());
    let lease = hold(&holder, "a");
    let fd = lease.fd().unwrap();
    break_within(&other, Grace::Now);
    assert!(!other.validate("a", lease.token()).unwrap());
    let next = other.acquire("a", Wait::Try, options()).unwrap();
    assert!(next.token() > lease.token());
    assert!(is_readable(fd, None));
    assert_eq!(lease.state(), LeaseState::Ended(EndReason::Broken));
}

#[test]
fn only_what_is_held_so_is_broken() {
    let cluster = Cluster::start();
    let client = cluster.client();
    let refused = |options: BreakOptions| status(client.break_lock("a", options));
    assert_eq!(refused(BreakOptions::default()), Status::NotFound);
    let lease = hold(&client, "a");
    let token = Token(lease.token().0 + 1);
    assert_eq!(refused(BreakOptions::new().token(token)), Status::NotFound);
    assert_eq!(refused(BreakOptions::new().to("nobody")), Status::NotFound);
    let reason = "x".repeat(256);
    assert_eq!(refused(BreakOptions::new().reason(reason)), Status::Invalid);
    assert_eq!(lease.state(), LeaseState::Held);
}
