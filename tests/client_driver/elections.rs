//! Elections and observers.

use crate::client_driver::cluster::{Cluster, is_readable, status};
use std::time::Duration;
use tenure::Status;
use tenure::client::{Client, EndReason, Lease, Observed, Observer, SessionState, Wait};

/// What an observer is told next: the holder's client and value.
fn next(observer: &Observer) -> Option<(String, Vec<u8>)> {
    let Observed { holder, missed, .. } = observer.next(Wait::Forever).unwrap();
    assert_eq!(missed, 0);
    holder.map(|holder| (holder.client, holder.value))
}

fn leads(client: &str, value: &[u8]) -> Option<(String, Vec<u8>)> {
    Some((client.to_owned(), value.to_vec()))
}

fn campaign(client: &Client, value: &[u8]) -> Lease {
    client.campaign("e", Wait::Forever, value).unwrap()
}

#[test]
fn an_observer_is_told_the_present_and_then_each_change_in_order() {
    let cluster = Cluster::start();
    let (one, two) = (cluster.client_called("one"), cluster.client_called("two"));
    let observer = cluster.client().observe("e").unwrap();
    assert_eq!(next(&observer), None);
    let lease = campaign(&one, b"1");
    lease.proclaim(b"1a").unwrap();
    let waits = two.campaign_start("e", Wait::Forever, b"2").unwrap();
    lease.release(Wait::Forever).unwrap();
    let second = waits.take(Wait::Forever).unwrap();
    assert_eq!(next(&observer), leads("one", b"1"));
    assert_eq!(next(&observer), leads("one", b"1a"));
    let mut told = next(&observer);
    if told.is_none() {
        // The waiter's request may have come after the release.
        told = next(&observer);
    }
    assert_eq!(told, leads("two", b"2"));
    second.release(Wait::Forever).unwrap();
    assert_eq!(next(&observer), None);
    assert_eq!(status(observer.next(Wait::Try)), Status::Again);
}

#[test]
fn an_observer_that_comes_late_is_told_who_leads() {
    let cluster = Cluster::start();
    let client = cluster.client_called("one");
    let lease = campaign(&client, b"1");
    lease.proclaim(b"2").unwrap();
    let observer = client.observe("e").unwrap();
    assert_eq!(next(&observer), leads("one", b"2"));
    assert_eq!(client.holder_of("e").unwrap().unwrap().value, b"2");
}

#[test]
fn an_observer_follows_through_a_change_of_leader() {
    let mut cluster = Cluster::start();
    let client = cluster.client_called("one");
    let observer = client.observe("e").unwrap();
    let lease = campaign(&client, b"1");
    while next(&observer) != leads("one", b"1") {}
    cluster.stop_leader();
    lease.proclaim(b"2").unwrap();
    assert_eq!(next(&observer), leads("one", b"2"));
}

#[test]
fn an_observers_descriptor_is_readable_while_something_is_unread_and_from_the_close_on() {
    let cluster = Cluster::start();
    let client = cluster.client();
    let observer = client.observe("e").unwrap();
    let fd = observer.fd().unwrap();
    assert!(is_readable(fd, None));
    assert_eq!(next(&observer), None);
    assert!(!is_readable(fd, Some(Duration::ZERO)));
    client.close(Wait::Forever).unwrap();
    assert!(is_readable(fd, Some(Duration::ZERO)));
    assert_eq!(status(observer.next(Wait::Forever)), Status::Closed);
    assert_eq!(status(client.observe("e")), Status::Closed);
}

#[test]
fn a_reader_that_waits_is_woken_by_the_close() {
    let cluster = Cluster::start();
    let client = cluster.client();
    let observer = client.observe("e").unwrap();
    assert_eq!(next(&observer), None);
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| status(observer.next(Wait::Forever)));
        client.close(Wait::Forever).unwrap();
        assert_eq!(reader.join().unwrap(), Status::Closed);
    });
}

#[test]
fn a_reader_that_waits_is_woken_when_its_observer_is_closed() {
    let cluster = Cluster::start();
    let client = cluster.client();
    let observer = client.observe("e").unwrap();
    assert_eq!(next(&observer), None);
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| status(observer.next(Wait::Forever)));
        observer.close();
        assert_eq!(reader.join().unwrap(), Status::Closed);
    });
    assert_eq!(client.session().state, SessionState::Valid);
}

#[test]
fn a_campaign_that_is_taken_after_its_end_is_lost() {
    let cluster = Cluster::start();
    let client = cluster.client();
    let elected = client.campaign_start("e", Wait::Forever, b"").unwrap();
    assert!(is_readable(elected.fd().unwrap(), None));
    client.close(Wait::Forever).unwrap();
    let error = elected.take(Wait::Forever).unwrap_err();
    assert_eq!((error.status, error.ended()), (Status::Lost, Some(EndReason::SessionClosed)));
    let text =
        "elected in \"e\", and before the call returned the lease has ended: its client was closed";
    assert_eq!(error.message, text);
}

#[test]
fn what_is_no_value_or_no_lease_is_not_proclaimed() {
    let cluster = Cluster::start();
    let client = cluster.client();
    let lease = campaign(&client, b"");
    assert_eq!(status(lease.proclaim(&[0; 4097])), Status::Invalid);
    lease.release(Wait::Forever).unwrap();
    let error = lease.proclaim(b"").unwrap_err();
    assert_eq!((error.status, error.ended()), (Status::Lost, Some(EndReason::Released)));
}
