//! Elections: campaign, proclaim, resign, who leads, and following it.

use crate::cluster::{Cluster, take, wait_for_queue, wait_readable};
use tenure::Status;
use tenure::client::{LeaseState, Observer, Wait};

/// The holder's client and value, `None` if it is vacant.
fn next(observer: &Observer) -> Option<(String, Vec<u8>)> {
    let seen = observer.next(Wait::Forever).unwrap();
    assert_eq!(seen.missed, 0, "{seen:?}");
    seen.holder.map(|holder| (holder.client, holder.value))
}

fn holder(client: &str, value: &[u8]) -> Option<(String, Vec<u8>)> {
    Some((client.to_owned(), value.to_vec()))
}

#[test]
fn the_first_to_campaign_leads_until_it_resigns_and_the_next_follows() {
    let cluster = Cluster::start();
    let (one, two) = (cluster.client("one"), cluster.client("two"));
    let first = one.campaign("scheduler", Wait::Forever, b"host-1").unwrap();
    assert_eq!(first.state(), LeaseState::Held);
    let second = two.campaign_start("scheduler", Wait::Forever, b"host-2").unwrap();
    wait_for_queue(&one, "scheduler", 1);
    let leader = two.holder_of("scheduler").unwrap().unwrap();
    assert_eq!((leader.token, leader.client.as_str()), (first.token(), "one"));
    assert_eq!(leader.value, b"host-1");
    first.release(Wait::Forever).unwrap();
    let second = take(&second);
    assert_eq!(one.holder_of("scheduler").unwrap().unwrap().token, second.token());
}

#[test]
fn a_leader_proclaims_a_new_value_under_its_token() {
    let cluster = Cluster::start();
    let client = cluster.client("one");
    let lease = client.campaign("scheduler", Wait::Forever, b"starting").unwrap();
    lease.proclaim(b"ready").unwrap();
    let leader = client.holder_of("scheduler").unwrap().unwrap();
    assert_eq!((leader.token, leader.value), (lease.token(), b"ready".to_vec()));
    lease.release(Wait::Forever).unwrap();
    assert_eq!(lease.proclaim(b"too late").unwrap_err().status, Status::Lost);
}

#[test]
fn an_observer_sees_the_present_and_then_every_change_in_order() {
    let cluster = Cluster::start();
    let (one, two, watcher) = (cluster.client("one"), cluster.client("two"), cluster.client("w"));
    let observer = watcher.observe("scheduler").unwrap();
    assert_eq!(next(&observer), None);
    let first = one.campaign("scheduler", Wait::Forever, b"1").unwrap();
    first.proclaim(b"1 is ready").unwrap();
    let second = two.campaign_start("scheduler", Wait::Forever, b"2").unwrap();
    wait_for_queue(&one, "scheduler", 1);
    first.release(Wait::Forever).unwrap();
    take(&second).release(Wait::Forever).unwrap();
    wait_readable(observer.fd());
    assert_eq!(next(&observer), holder("one", b"1"));
    assert_eq!(next(&observer), holder("one", b"1 is ready"));
    // Handed on in one step: it was never vacant.
    assert_eq!(next(&observer), holder("two", b"2"));
    assert_eq!(next(&observer), None);
    assert_eq!(observer.next(Wait::Try).unwrap_err().status, Status::Again);
}

#[test]
fn an_observer_goes_on_at_the_next_leader_of_the_cluster_and_misses_nothing() {
    let mut cluster = Cluster::start();
    let (one, watcher) = (cluster.client("one"), cluster.client("w"));
    let observer = watcher.observe("scheduler").unwrap();
    assert_eq!(next(&observer), None);
    let lease = one.campaign("scheduler", Wait::Forever, b"1").unwrap();
    assert_eq!(next(&observer), holder("one", b"1"));
    cluster.drop_leader();
    lease.release(Wait::Forever).unwrap();
    let again = one.campaign("scheduler", Wait::Forever, b"2").unwrap();
    assert_eq!(next(&observer), None);
    assert_eq!(next(&observer), holder("one", b"2"));
    assert!(again.token() > lease.token());
}

#[test]
fn changes_that_nobody_reads_are_merged_and_counted() {
    let cluster = Cluster::start();
    let (one, watcher) = (cluster.client("one"), cluster.client("w"));
    let observer = watcher.observe("scheduler").unwrap();
    let lease = one.campaign("scheduler", Wait::Forever, b"").unwrap();
    for round in 0..1100u32 {
        lease.proclaim(&round.to_le_bytes()).unwrap();
    }
    // A read of the watcher comes behind all that was pushed to it before.
    watcher.holder_of("scheduler").unwrap();
    let (mut told, mut missed) = (0, 0);
    loop {
        let seen = observer.next(Wait::Forever).unwrap();
        told += 1;
        missed += seen.missed;
        if seen.holder.is_some_and(|holder| holder.value == 1099u32.to_le_bytes()) {
            break;
        }
    }
    // Vacant, elected, and each value.
    assert_eq!(told + missed, 1102);
    assert!(missed > 0 && told <= 1024, "{told} told, {missed} missed");
}
