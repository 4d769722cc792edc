//! `tenure break` and `tenure handover`: a lock is taken from its holder, or goes to one who is named.

use crate::program::{Cluster, Running, code, eventually, living, sentence, signal, stdout};
use serde_json::json;

/// Holds `x`, and ends as SIGTERM tells it.
fn holder(cluster: &Cluster) -> Running {
    let script = "trap 'echo told; exit 5' TERM; echo ready; while :; do sleep 0.1; done";
    let running = cluster
        .begin("lock", &["--ttl", "60s", "--client", "holder", "x", "--", "sh", "-c", script]);
    assert_eq!(running.line, "ready");
    running
}

#[test]
fn a_holder_that_is_asked_ends_its_command_and_gives_the_lock_back() {
    let cluster = Cluster::start_calm();
    let holder = holder(&cluster);
    let output = cluster.run("break", &["x", "--reason", "maintenance"]);
    assert_eq!(code(&output), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(stdout(&output), "the holder of x is asked to end within the TTL of its session\n");
    let (rest, code, stderr) = holder.finish();
    assert_eq!((rest.as_str(), code), ("told\n", Some(123)), "{stderr}");
    assert!(stderr.contains("tenure break"), "{stderr}");
    assert_eq!(cluster.lock("x"), None, "given back before it ended");
}

#[test]
fn a_variable_does_not_turn_an_order_that_asks_into_one_that_takes() {
    let cluster = Cluster::start_calm();
    let holder = holder(&cluster);
    let mut order = cluster.tenure("break", &["x"]);
    let output = order.env("TENURE_NOW", "1").output().unwrap();
    assert_eq!(stdout(&output), "the holder of x is asked to end within the TTL of its session\n");
    assert_eq!(holder.finish().0, "told\n");
    let exclusive = cluster.begin("lock", &["x"]);
    let mut shared = cluster.tenure("lock", &["-n", "x", "--", "true"]);
    let output = shared.env("TENURE_SHARED", "1").env("TENURE_LIMIT", "2").output().unwrap();
    assert_eq!(code(&output), Some(124), "{}", sentence(&output));
    assert_eq!(exclusive.end(), Some(0));
}

#[test]
fn a_holder_that_does_not_end_is_killed_within_its_grace() {
    let cluster = Cluster::start_calm();
    let script = "trap '' TERM; echo ready; while :; do sleep 1000; done";
    let holder = cluster.begin("lock", &["--ttl", "60s", "stubborn", "--", "sh", "-c", script]);
    let next = cluster.client("next");
    let next =
        next.acquire_start("stubborn", tenure::client::Wait::Forever, Default::default()).unwrap();
    cluster.until_waiting("stubborn", 1);
    assert_eq!(code(&cluster.run("break", &["stubborn", "--grace", "300ms"])), Some(0));
    // It comes when the grace is over, and not when the TTL is: else this test would be a minute longer.
    next.take(tenure::client::Wait::Forever).unwrap();
    assert_eq!(living("stubborn"), Vec::<u32>::new());
    assert_eq!(holder.finish().1, Some(123));
}

#[test]
fn an_asked_lock_is_shown_as_such() {
    let cluster = Cluster::start_calm();
    let mut holder = holder(&cluster);
    signal(&holder.child, "STOP");
    assert_eq!(code(&cluster.run("break", &["x"])), Some(0));
    assert_eq!(cluster.lock("x").unwrap()["asked"], true);
    assert!(stdout(&cluster.run("show", &["x"])).contains("held, asked"));
    signal(&holder.child, "CONT");
    assert_eq!(holder.next_line(), "told");
    assert_eq!(holder.finish().1, Some(123));
}

#[test]
fn broken_now_is_said_aloud_and_free_at_once() {
    let cluster = Cluster::start_calm();
    let holder = holder(&cluster);
    signal(&holder.child, "STOP");
    let output = cluster.run("break", &["x", "--now"]);
    assert_eq!((code(&output), stdout(&output).as_str()), (Some(0), "x is free\n"));
    assert!(sentence(&output).contains("ONLY TOKENS PROTECT x NOW"), "{}", sentence(&output));
    assert_eq!(code(&cluster.run("lock", &["-n", "x", "--", "true"])), Some(0));
    // There is no grace: the command is killed, and not told.
    signal(&holder.child, "CONT");
    let (rest, code, stderr) = holder.finish();
    assert_eq!((rest.as_str(), code), ("", Some(123)), "{stderr}");
}

#[test]
fn only_who_holds_it_so_is_broken() {
    let cluster = Cluster::start_calm();
    let output = cluster.run("break", &["x"]);
    assert_eq!(code(&output), Some(1), "{}", sentence(&output));
    let holder = holder(&cluster);
    let token = cluster.lock("x").unwrap()["token"].as_u64().unwrap();
    let other = (token + 1).to_string();
    assert_eq!(code(&cluster.run("break", &["x", "--token", &other])), Some(1));
    assert_eq!(cluster.lock("x").unwrap()["asked"], false);
    assert_eq!(code(&cluster.run("break", &["x", "--token", &token.to_string()])), Some(0));
    assert_eq!(holder.finish().1, Some(123));
}

#[test]
fn without_a_command_a_lock_that_is_asked_for_is_given_back_at_once() {
    let cluster = Cluster::start_calm();
    let holder = cluster.begin("lock", &["--ttl", "60s", "x"]);
    assert_eq!(code(&cluster.run("break", &["x"])), Some(0));
    assert_eq!(holder.finish().1, Some(123));
    assert_eq!(cluster.lock("x"), None);
}

#[test]
fn a_lock_goes_to_the_waiter_that_is_named_past_those_before_it() {
    let cluster = Cluster::start_calm();
    let holder = holder(&cluster);
    let spawn = |name: &str| {
        let arguments = ["--client", name, "x", "--", "sh", "-c", "echo $TENURE_TOKEN; read line"];
        let (input, hold) = std::io::pipe().unwrap();
        let mut command = cluster.tenure("lock", &arguments);
        (command.stdin(input).stdout(std::process::Stdio::null()).spawn().unwrap(), hold)
    };
    let (mut first, hold_first) = spawn("first");
    cluster.until_waiting("x", 1);
    let (mut second, hold_second) = spawn("second");
    cluster.until_waiting("x", 2);
    let output = cluster.run("handover", &["x", "--to", "second"]);
    assert_eq!(code(&output), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let token = cluster.lock("x").unwrap();
    assert_eq!(token["holder"], "second");
    assert_eq!(stdout(&output), format!("second holds x under token {}\n", token["token"]));
    assert_eq!(holder.finish().1, Some(123));
    drop((hold_first, hold_second));
    assert_eq!((first.wait().unwrap().code(), second.wait().unwrap().code()), (Some(1), Some(1)));
}

#[test]
fn without_a_name_it_goes_to_the_next() {
    let cluster = Cluster::start_calm();
    let holder = holder(&cluster);
    let next = cluster.client("next");
    let pending =
        next.acquire_start("x", tenure::client::Wait::Forever, Default::default()).unwrap();
    cluster.until_waiting("x", 1);
    let output = cluster.run("handover", &["x"]);
    let lease = pending.take(tenure::client::Wait::Forever).unwrap();
    assert_eq!(stdout(&output), format!("next holds x under token {}\n", lease.token()));
    assert_eq!(holder.finish().1, Some(123));
}

#[test]
fn nothing_is_asked_for_a_waiter_that_is_not_there() {
    let cluster = Cluster::start_calm();
    let refused = |arguments: &[&str], part: &str| {
        let output = cluster.run("handover", arguments);
        let why = sentence(&output);
        assert_eq!(code(&output), Some(1), "{why}");
        assert!(why.contains(part), "{why}");
    };
    refused(&["x"], "nobody holds x");
    let holder = holder(&cluster);
    refused(&["x"], "nobody waits for x");
    refused(&["x", "--to", "nobody"], "nobody does not wait for x");
    assert_eq!(cluster.lock("x").unwrap()["asked"], json!(false));
    assert_eq!(holder.end(), Some(5));
}

#[test]
fn a_handover_that_takes_longer_than_the_timeout_is_not_done_yet() {
    let cluster = Cluster::start_calm();
    let mut holder = holder(&cluster);
    let next = cluster.client("next");
    let pending =
        next.acquire_start("x", tenure::client::Wait::Forever, Default::default()).unwrap();
    cluster.until_waiting("x", 1);
    signal(&holder.child, "STOP");
    let output = crate::program::run(&[
        "handover",
        "x",
        "--endpoints",
        &cluster.endpoints(),
        "--timeout",
        "1s",
    ]);
    let why = sentence(&output);
    assert_eq!(code(&output), Some(1), "{why}");
    assert!(why.contains("has not done so yet"), "{why}");
    signal(&holder.child, "CONT");
    assert_eq!(holder.next_line(), "told");
    eventually("it goes over when the holder has ended", || {
        pending.take(tenure::client::Wait::Forever).ok()
    });
    assert_eq!(holder.finish().1, Some(123));
}
