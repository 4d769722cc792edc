//! Commands against three real processes.

use crate::program::{Cluster, Running, code, eventually, run, sentence, signal, stdout};
use serde_json::Value;
use std::io::{BufReader, Read};
use std::process::{Child, ChildStdout};

/// Starts `tenure lock` with `arguments` and reads the first line of its output.
fn start_lock(cluster: &Cluster, arguments: &[&str]) -> (Child, BufReader<ChildStdout>, String) {
    let Running { child, output, line } = cluster.begin("lock", arguments);
    (child, output, line)
}

fn echo_token(cluster: &Cluster) -> u64 {
    let output = cluster.run("lock", &["jobs/x", "--", "sh", "-c", "echo $TENURE_TOKEN"]);
    assert_eq!(code(&output), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    stdout(&output).trim_end().parse().unwrap()
}

#[test]
fn each_call_gets_a_larger_token_through_leader_kills() {
    let mut cluster = Cluster::start();
    let mut last = 0;
    for _ in 0..4 {
        for _ in 0..3 {
            let token = echo_token(&cluster);
            assert!(token > last, "{token} after {last}");
            last = token;
        }
        let leader = cluster.leader();
        cluster.kill(leader);
        let token = echo_token(&cluster);
        assert!(token > last, "{token} after {last}, with node {leader} dead");
        last = token;
        cluster.start_node(leader);
    }
}

#[test]
fn the_commands_end_is_our_end() {
    let cluster = Cluster::start();
    let codes = [
        (&["x", "--", "sh", "-c", "exit 7"][..], 7),
        (&["x", "sh", "-c", "exit 8"], 8),
        (&["x", "--", "sh", "-c", "kill -KILL $$"], 137),
        (&["x", "--", "/no/such/program"], 127),
        (&["x", "--", "/etc/passwd"], 126),
        (&["x", "--", "sh", "-c", "test \"$TENURE_LOCK\" = x"], 0),
    ];
    for (arguments, expected) in codes {
        let output = cluster.run("lock", arguments);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(code(&output), Some(expected), "{arguments:?}: {stderr}");
    }
}

#[test]
fn a_lock_that_somebody_holds_is_not_granted_in_time() {
    let cluster = Cluster::start();
    let (mut holder, _reader, line) = start_lock(&cluster, &["x"]);
    assert!(line.starts_with("x "), "{line}");
    let taken = |arguments: &[&str]| {
        let output = cluster.run("lock", &[arguments, &["x", "--", "false"]].concat());
        (code(&output), sentence(&output))
    };
    for arguments in [&["-n"][..], &["--wait", "0s"], &["--wait", "200ms"]] {
        let (code, sentence) = taken(arguments);
        assert_eq!(code, Some(124), "{sentence}");
        assert!(sentence.contains(&format!("token {}", &line[2..])), "{sentence}");
    }
    assert_eq!(taken(&["--try", "-E", "9"]).0, Some(9));
    signal(&holder, "TERM");
    assert_eq!(holder.wait().unwrap().code(), Some(0));
    assert_eq!(code(&cluster.run("lock", &["-n", "x", "--", "true"])), Some(0));
}

#[test]
fn a_holder_is_shown_and_its_token_validated() {
    let cluster = Cluster::start();
    let (mut holder, _reader, line) = start_lock(&cluster, &["jobs/a"]);
    let token: u64 = line["jobs/a ".len()..].parse().unwrap();

    let shown: Value =
        serde_json::from_slice(&cluster.run("show", &["jobs/", "--json"]).stdout).unwrap();
    let lock = &shown["locks"][0];
    assert_eq!((lock["name"].as_str(), lock["token"].as_u64()), (Some("jobs/a"), Some(token)));
    assert!(lock["holder"].as_str().unwrap().ends_with(&format!(":{}", holder.id())), "{lock}");

    let valid = |token: u64| code(&cluster.run("validate", &["jobs/a", &token.to_string()]));
    assert_eq!((valid(token), valid(token + 1)), (Some(0), Some(1)));

    signal(&holder, "TERM");
    assert_eq!(holder.wait().unwrap().code(), Some(0));
    assert_eq!(valid(token), Some(1));
    assert_eq!(stdout(&cluster.run("show", &["jobs/a"])), "nobody holds or waits\n");
}

#[test]
fn signals_reach_the_command_and_its_answer_is_ours() {
    let cluster = Cluster::start();
    let script = "trap 'exit 5' TERM; echo ready; cat <&3 & wait";
    let script = format!("exec 3<>\"$0\"; {script}");
    let directory = tempfile::tempdir().unwrap();
    let pipe = directory.path().join("pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status().unwrap();
    assert!(made.success());
    let arguments = ["x", "--", "sh", "-c", &script, pipe.to_str().unwrap()];
    let (mut child, mut reader, line) = start_lock(&cluster, &arguments);
    assert_eq!(line, "ready");
    signal(&child, "TERM");
    assert_eq!(child.wait().unwrap().code(), Some(5));
    // Every process of the group is gone, or this would not end.
    reader.read_to_string(&mut String::new()).unwrap();
}

#[test]
fn what_a_command_leaves_behind_does_not_outlive_the_lock() {
    let cluster = Cluster::start();
    let script = "trap '' TERM HUP; sleep 1000 & echo ready; exit 7";
    let (mut child, mut reader, line) = start_lock(&cluster, &["x", "--", "sh", "-c", script]);
    assert_eq!(line, "ready");
    assert_eq!(child.wait().unwrap().code(), Some(7));
    reader.read_to_string(&mut String::new()).unwrap();
    assert_eq!(code(&cluster.run("lock", &["-n", "x", "--", "true"])), Some(0));
}

#[test]
fn a_signal_while_waiting_withdraws_the_request() {
    let cluster = Cluster::start();
    let (mut holder, _reader, _) = start_lock(&cluster, &["x"]);
    let mut waiter = cluster.tenure("lock", &["x", "--", "true"]).spawn().unwrap();
    let queued = || {
        let shown = cluster.run("show", &["x", "--json"]);
        let shown: Value = serde_json::from_slice(&shown.stdout).unwrap();
        (shown["locks"][0]["waiting"].as_u64() == Some(1)).then_some(())
    };
    eventually("the request waits", queued);
    signal(&waiter, "TERM");
    assert_eq!(waiter.wait().unwrap().code(), Some(143));
    signal(&holder, "TERM");
    holder.wait().unwrap();
}

#[test]
fn a_command_whose_lease_is_lost_is_killed_with_all_that_it_started() {
    let mut cluster = Cluster::start();
    let script = "trap '' TERM; sleep 1000 & echo ready; wait";
    let arguments = ["--ttl", "600ms", "x", "--", "sh", "-c", script];
    let (child, mut reader, line) = start_lock(&cluster, &arguments);
    assert_eq!(line, "ready");
    (1..=3).for_each(|id| cluster.kill(id));
    let output = child.wait_with_output().unwrap();
    assert_eq!(code(&output), Some(123), "{}", String::from_utf8_lossy(&output.stderr));
    reader.read_to_string(&mut String::new()).unwrap();
}

#[test]
fn status_tells_whole_degraded_and_none_apart() {
    let mut cluster = Cluster::start();
    let check = |cluster: &Cluster| code(&cluster.run("status", &["--check"]));
    let becomes = |cluster: &Cluster, expected: i32| {
        let what = format!("status --check ends with {expected}");
        eventually(&what, || (check(cluster) == Some(expected)).then_some(()));
    };
    becomes(&cluster, 0);
    let leader = cluster.leader();
    let status = cluster.status();
    assert_eq!(status["nodes"][leader - 1]["role"], "leader");
    assert_eq!(status["nodes"].as_array().unwrap().len(), 3);
    cluster.kill(leader);
    becomes(&cluster, 1);
    assert_eq!(cluster.status()["nodes"][leader - 1]["role"], "unreachable");
    let next = cluster.leader();
    cluster.kill(next);
    becomes(&cluster, 3);
}

#[test]
fn status_of_one_node_is_about_that_node_whatever_the_others_are() {
    let mut cluster = Cluster::start();
    let ask = |cluster: &Cluster, node: usize| {
        cluster.run("status", &["--check", "--node", &node.to_string()])
    };
    let becomes = |cluster: &Cluster, node: usize, expected: i32, sentence: &str| {
        eventually(&format!("node {node}: {sentence}"), || {
            let output = ask(cluster, node);
            let is_it = code(&output) == Some(expected) && stdout(&output).starts_with(sentence);
            is_it.then_some(())
        });
    };
    let leader = cluster.leader();
    let other = leader % 3 + 1;
    becomes(&cluster, leader, 0, &format!("node {leader} leads in term "));
    becomes(&cluster, other, 0, &format!("node {other} follows node {leader} in term "));
    // The cluster is degraded by that; this node is not.
    let third = other % 3 + 1;
    cluster.kill(third);
    becomes(&cluster, third, 3, &format!("node {third} at 127.0.0.1:"));
    becomes(&cluster, leader, 0, &format!("node {leader} leads in term "));
    cluster.kill(leader);
    let waits = format!("node {other} answers and does not serve: no leader: grants nothing until");
    becomes(&cluster, other, 1, &waits);
    let output = cluster.run("status", &["--check", "--node", &other.to_string(), "--json"]);
    let value: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(code(&output), Some(1));
    assert_eq!(
        (&value["check"]["code"], &value["check"]["state"]),
        (&1.into(), &"no_quorum".into())
    );
    assert_eq!(
        (&value["nodes"][0]["id"], value["nodes"].as_array().map(Vec::len)),
        (&other.into(), Some(1))
    );
    let stranger = ask(&cluster, 9);
    assert_eq!(code(&stranger), Some(2), "{stranger:?}");
    assert!(
        sentence(&stranger).contains("there is no node 9 in this cluster: its nodes are 1, 2, 3")
    );
}

#[test]
fn bench_reports_all_its_cycles() {
    let cluster = Cluster::start();
    let arguments = ["--clients", "4", "--connections", "2", "--ops", "40", "--json"];
    let output = cluster.run("bench", &arguments);
    let value: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((value["clients"].as_u64(), value["ops"].as_u64()), (Some(4), Some(40)));
    assert!(value["acquire_us"]["p50"].as_f64().unwrap() > 0.0);
}

#[test]
fn bench_keeps_many_acquires_of_each_client_under_way() {
    let arguments =
        ["--spawn", "--clients", "2", "--depth", "8", "--ops", "400", "--timeout", "60s"];
    let output = run(&[&["bench", "--json"][..], &arguments].concat());
    let value: Value = serde_json::from_slice(&output.stdout).unwrap();
    let counts = ["clients", "depth", "ops"].map(|count| value[count].as_u64());
    assert_eq!(counts, [Some(2), Some(8), Some(400)], "{value}");
    let grants = &value["grant_us"];
    assert!(
        grants["p50"].as_f64() > Some(0.0) && grants["p50"].as_f64() <= grants["p999"].as_f64()
    );
    let taken = &value["cpu_us_per_cycle"];
    for part in [&taken["leader"]["loop"], &taken["follower"]["loop"], &taken["client"]["user"]] {
        assert!(part.as_f64() >= Some(0.0), "{value}");
    }
}

#[test]
fn bench_compares_an_embedded_leaders_client_with_one_over_tcp() {
    let output = run(&["bench", "--embedded", "--ops", "20", "--timeout", "60s", "--json"]);
    let value: Value = serde_json::from_slice(&output.stdout).unwrap();
    for (at, nodes) in [3, 1].into_iter().enumerate() {
        let compared = &value["embedded"][at];
        assert_eq!((compared["nodes"].as_u64(), compared["ops"].as_u64()), (Some(nodes), Some(20)));
        assert!(compared["within_to_tcp"].as_f64().unwrap() > 0.0);
    }
}
