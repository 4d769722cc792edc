//! The examples in Rust.

use crate::common::built::example;
use crate::common::compiled::run;
use crate::examples::cluster::{Cluster, free_members};
use crate::examples::process::{Lines, Process, number_after};
use std::collections::BTreeMap;
use std::process::Command;
use tenure::client::{AcquireOptions, BreakOptions, Wait};

#[test]
fn a_lock_is_taken_worked_under_and_given_back() {
    let cluster = Cluster::start();
    let mut command = Command::new(example("lock"));
    let output = run(command.arg("jobs/nightly").env("TENURE_ENDPOINTS", &cluster.endpoints));
    let lines: Vec<&str> = output.lines().collect();
    assert!(lines[0].starts_with("jobs/nightly: token "), "{output}");
    assert_eq!(lines[1..4], [1, 2, 3].map(|piece| format!("jobs/nightly: piece {piece}")));
    assert_eq!(lines[4..], ["jobs/nightly: released"]);
    cluster.client().acquire("jobs/nightly", Wait::Try, AcquireOptions::new()).unwrap();
}

#[test]
fn an_election_is_won_and_left_before_the_eyes_of_an_observer() {
    let cluster = Cluster::start();
    let mut command = Command::new(example("elect"));
    command.args(["scheduler", "host-1"]).env("TENURE_ENDPOINTS", &cluster.endpoints);
    let output = run(&mut command);
    let who = ["nobody leads", "host-1 leads", "somebody busy leads", "nobody leads"];
    assert_eq!(output, who.map(|who| format!("scheduler: {who}\n")).concat());
}

#[test]
fn of_two_waits_the_one_that_is_dropped_is_withdrawn_and_what_is_asked_for_is_given_back() {
    let cluster = Cluster::start();
    let client = cluster.client();
    let program = example("asynchronous");
    let hold = |name| client.acquire(name, Wait::Forever, AcquireOptions::new()).unwrap();
    let (one, other) = (hold("printers/1"), hold("printers/2"));
    let mut lines = Lines::new();
    let mut command = Command::new(program);
    command.args(["printers/1", "printers/2"]).env("TENURE_ENDPOINTS", &cluster.endpoints);
    let _process = lines.spawn("futures", &mut command);
    lines.all_started();

    assert_eq!(lines.next(), "waiting");
    let waiting = |name: &str| client.lock_shown(name).unwrap()[0].0.waiting;
    while waiting("printers/1") == 0 || waiting("printers/2") == 0 {}
    let before = other.token().0;
    other.release(Wait::Forever).unwrap();
    let token = number_after(&lines.next(), "has printers/2: token ").expect("it has that lock");
    assert!(token > before, "{token} after {before}");
    assert_eq!(lines.next(), "others see it");
    while waiting("printers/1") > 0 {}
    one.release(Wait::Forever).unwrap();
    hold("printers/1").release(Wait::Forever).unwrap();

    client.break_lock("printers/2", BreakOptions::new()).unwrap();
    assert_eq!(lines.next(), "asked for it: gives it back");
    assert_eq!(lines.next(), "others see that nobody has it");
    hold("printers/2");
}

#[test]
fn replicas_elect_their_leader_and_another_when_it_stops_or_is_killed() {
    let directory = tempfile::tempdir().unwrap();
    let program = example("replicas");
    let members = free_members();
    let lines = Lines::new();
    let start = |id: &str| {
        let mut command = Command::new(&program);
        command.arg(id).arg(directory.path().join(id)).arg(&members);
        lines.spawn(id, &mut command)
    };
    let mut replicas: BTreeMap<String, Process> =
        ["1", "2", "3"].into_iter().map(|id| (id.to_owned(), start(id))).collect();
    let leader = |not: &str| {
        lines.find(|name, line| {
            let token = number_after(line, "leads under token ").filter(|_| name != not)?;
            Some((name.to_owned(), token))
        })
    };

    let (first, token) = leader("");
    replicas.remove(&first).expect("one of them").terminate();
    let (second, larger) = leader(&first);
    assert!(larger > token, "{second} under {larger} after {first} {token}");
}
