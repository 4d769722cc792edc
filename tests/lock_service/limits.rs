//! Bounds: over each of them is an error that says which.

use crate::cluster::{Cluster, counted, exclusive, shared, status};
use std::time::Duration;
use tenure::Status;
use tenure::base::limits::{NAME_BYTES_MAX, NAMES_PER_ACQUIRE_MAX, VALUE_BYTES_MAX};
use tenure::client::{AcquireOptions, BreakOptions, Grace, Wait};

#[test]
fn names_and_values_are_bounded() {
    let cluster = Cluster::start();
    let client = cluster.client("one");
    let longest = "n".repeat(NAME_BYTES_MAX);
    client.acquire(&longest, Wait::Forever, exclusive()).unwrap();
    for name in ["", "a\0b", &"n".repeat(NAME_BYTES_MAX + 1)] {
        assert_eq!(status(client.acquire(name, Wait::Forever, exclusive())), Status::Invalid);
        assert_eq!(status(client.observe(name)), Status::Invalid);
        assert_eq!(status(client.holder_of(name)), Status::Invalid);
    }
    let value = |bytes| AcquireOptions { value: vec![1; bytes], ..exclusive() };
    let lease = client.acquire("a", Wait::Forever, value(VALUE_BYTES_MAX)).unwrap();
    let longer = value(VALUE_BYTES_MAX + 1);
    assert_eq!(status(client.acquire("b", Wait::Forever, longer)), Status::Invalid);
    assert_eq!(status(lease.proclaim(&[1; VALUE_BYTES_MAX + 1])), Status::Invalid);
}

#[test]
fn options_out_of_range_are_refused_with_a_reason() {
    let cluster = Cluster::start();
    let client = cluster.client("one");
    let delay = AcquireOptions { lock_delay: Duration::from_secs(7200), ..exclusive() };
    let shared_semaphore = AcquireOptions { limit: 2, ..shared() };
    for options in [counted(3, 2), counted(2, 0), shared_semaphore, delay] {
        let error = client.acquire("a", Wait::Try, options.clone()).unwrap_err();
        assert_eq!(error.status, Status::Invalid, "{options:?}");
        assert!(!error.to_string().is_empty());
    }
    let reason = "r".repeat(4096);
    let break_of = |grace, reason: &str| {
        let reason = reason.to_owned();
        client.break_lock("a", BreakOptions { grace, reason, ..BreakOptions::default() })
    };
    assert_eq!(status(break_of(Grace::Ttl, &reason)), Status::Invalid);
    assert_eq!(status(break_of(Grace::For(Duration::MAX), "")), Status::Invalid);
}

#[test]
fn an_acquire_of_several_has_so_many_names_none_twice() {
    let cluster = Cluster::start();
    let client = cluster.client("one");
    let names: Vec<String> = (0..=NAMES_PER_ACQUIRE_MAX).map(|name| name.to_string()).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let all = |names: &[&str]| client.acquire_all(names, Wait::Forever, exclusive());
    for refused in [&names[..], &["a", "a"], &[]] {
        assert_eq!(status(all(refused)), Status::Invalid, "{} names", refused.len());
    }
    all(&names[1..]).unwrap();
}
