//! The examples in C++.

use crate::common::compiled::build_cpp;
use crate::examples::cluster::{Cluster, free_members};
use crate::examples::process::{Lines, Process, number_after};
use std::collections::BTreeMap;
use std::process::Command;

#[test]
fn a_pool_works_on_one_host_and_the_next_takes_over_when_it_resigns_or_is_killed() {
    let cluster = Cluster::start();
    let program = build_cpp("bindings/cpp/examples/pool.cpp", "example-pool", "c++17", &[]);
    let mut lines = Lines::new();
    let mut hosts: BTreeMap<String, Process> = ["a", "b", "c"]
        .into_iter()
        .map(|host| {
            let mut command = Command::new(&program);
            command.arg(host).env("TENURE_ENDPOINTS", &cluster.endpoints);
            (host.to_owned(), lines.spawn(host, &mut command))
        })
        .collect();
    lines.all_started();

    let (first, token) = leader(&lines, "");
    for _ in 0..3 {
        assert_eq!(lines.find(|_, line| number_after(line, "works under token ")), token);
    }
    hosts.remove(&first).expect("one of them").terminate();
    assert_eq!(lines.find(|name, line| line.ends_with("resigns").then(|| name.to_owned())), first);

    let (second, larger) = leader(&lines, &first);
    assert!(larger > token, "{second} under {larger} after {first} {token}");
    hosts.remove(&second).expect("another of them").kill();
    let (third, largest) = leader(&lines, &second);
    assert!(largest > larger, "{third} under {largest} after {second} {larger}");
    hosts.remove(&third).expect("the last of them").terminate();
}

#[test]
fn replicas_elect_their_leader_and_another_when_it_stops_or_is_killed() {
    let directory = tempfile::tempdir().unwrap();
    let program = build_cpp("bindings/cpp/examples/replicas.cpp", "example-replicas", "c++17", &[]);
    let members = free_members();
    let lines = Lines::new();
    let start = |id: &str, name: &str| {
        let mut command = Command::new(&program);
        command.arg(id).arg(directory.path().join(id)).arg(&members);
        lines.spawn(name, &mut command)
    };
    let mut replicas: BTreeMap<String, Process> =
        ["1", "2", "3"].into_iter().map(|id| (id.to_owned(), start(id, id))).collect();

    let (first, token) = leader(&lines, "");
    replicas.remove(&first).expect("one of them").terminate();
    let (second, larger) = leader(&lines, &first);
    assert!(larger > token, "{second} under {larger} after {first} {token}");

    // Two of three are a quorum, one is none.
    replicas.insert("anew".to_owned(), start(&first, "anew"));
    lines.find(|name, line| (name == "anew" && line.contains(" follows ")).then_some(()));
    replicas.remove(&second).expect("another of them").kill();
    let (third, largest) = leader(&lines, &second);
    assert!(largest > larger, "{third} under {largest} after {second} {larger}");
}

/// Which besides `not` says next that it leads, and under which token.
fn leader(lines: &Lines, not: &str) -> (String, u64) {
    lines.find(|name, line| {
        let token = number_after(line, "leads under token ").filter(|_| name != not)?;
        Some((name.to_owned(), token))
    })
}
