//! What one person says to others: a value, and the reason of an order. Whoever looks, waits or loses a lock reads it.

use crate::program::{Cluster, code, sentence, stdout};
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStdout, Stdio};

/// A holder whose command tells what it finds in its environment, and ends when its input does.
fn begin(cluster: &Cluster, value: &str) -> (Child, BufReader<ChildStdout>, std::io::PipeWriter) {
    let script = "exec 2>&-; trap 'read line; exit 0' TERM; echo \"$TENURE_LOCK_VALUE\"; while :; do sleep 0.1; done";
    let words = ["--ttl", "60s", "--client", "a:1", "--value", value];
    let words = [&words[..], &["x", "--", "bash", "-c", script]].concat();
    let (input, hold) = std::io::pipe().unwrap();
    let mut command = cluster.tenure("elect", &words);
    let command = command.stdin(input).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let output = BufReader::new(child.stdout.take().unwrap());
    (child, output, hold)
}

#[test]
fn a_value_and_the_reason_of_an_order_reach_whoever_looks_waits_or_loses_the_lock() {
    let cluster = Cluster::start_calm();
    let (mut holder, mut output, hold) = begin(&cluster, "10.0.0.1 b\u{202e}");
    let mut line = String::new();
    output.read_line(&mut line).unwrap();
    assert_eq!(line, "10.0.0.1 b\u{202e}\n", "the command's own value");
    let shown = stdout(&cluster.run("show", &["x"]));
    assert!(shown.contains("\n  value: 10.0.0.1 b\\u{202e}\n"), "{shown}");
    assert_eq!(cluster.lock("x").unwrap()["order"], serde_json::Value::Null);
    let reason = "host 3 is\ndrained";
    let order = cluster.run("break", &["x", "--grace", "50s", "--reason", reason]);
    assert_eq!(code(&order), Some(0), "{order:?}");
    let lock = cluster.lock("x").unwrap();
    assert_eq!(lock["order"]["reason"], reason);
    assert_eq!(lock["order"]["grace_ms"], 50_000);
    assert_eq!((&lock["order"]["token"], &lock["order"]["to"]), (&lock["token"], &lock["to"]));
    let told = format!("within 50.0s of hearing of it: {}", "host 3 is\\ndrained");
    let shown = stdout(&cluster.run("show", &["x"]));
    assert!(shown.contains(&format!("\n  asked to end {told}\n")), "{shown}");
    // Of several, too: a table with a column for what all of them say.
    let other = cluster.begin("lock", &["y"]);
    let shown = stdout(&cluster.run("show", &[]));
    assert!(shown.lines().next().unwrap().ends_with("QUEUE  VALUE"), "{shown}");
    assert!(shown.contains("10.0.0.1 b\\u{202e}\n"), "{shown}");
    assert_eq!(other.end(), Some(0));
    let refused = sentence(&cluster.run("lock", &["-n", "x", "--", "true"]));
    for part in ["a:1 holds it", "value 10.0.0.1 b\\u{202e}", &format!("asked to end {told}")] {
        assert!(refused.contains(part), "{refused}");
    }
    drop(hold);
    let mut said = String::new();
    holder.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    let asked =
        "tenure: somebody asks for x within 50.0s: host 3 is\\ndrained; its command is ended\n";
    let last = "x was taken from us by `tenure break` or `tenure handover`: host 3 is\\ndrained\n";
    assert!(said.starts_with(asked) && said.ends_with(last), "{said}");
    assert_eq!(holder.wait().unwrap().code(), Some(123));
}

#[test]
fn the_reason_of_a_break_at_once_reaches_the_holder() {
    let cluster = Cluster::start_calm();
    let mut holder = cluster.begin("lock", &["x", "--", "sh", "-c", "echo ready; exec sleep 1000"]);
    assert_eq!(code(&cluster.run("break", &["x", "--now", "--reason", "hung"])), Some(0));
    let mut said = String::new();
    holder.child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert!(
        said.starts_with("tenure: somebody has taken x: hung; its command is ended\n"),
        "{said}"
    );
    assert!(said.ends_with("`tenure handover`: hung\n"), "{said}");
    assert_eq!(holder.child.wait().unwrap().code(), Some(123));
}

#[test]
fn one_of_several_readers_that_is_asked_to_end_is_shown() {
    let cluster = Cluster::start_calm();
    let first = cluster.begin("lock", &["-s", "x"]);
    let script = "trap 'read line' TERM; echo ready; while :; do sleep 0.1; done";
    let mut second =
        cluster.tenure("lock", &["-s", "--ttl", "60s", "x", "--", "bash", "-c", script]);
    let (input, hold) = std::io::pipe().unwrap();
    let mut child = second.stdin(input).stdout(Stdio::piped()).spawn().unwrap();
    drop(second);
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let token = cluster.lock("x").unwrap()["others"][0]["token"].to_string();
    let words = ["x", "--token", &token, "--reason", "too slow"];
    assert_eq!(code(&cluster.run("break", &words)), Some(0));
    let shown = stdout(&cluster.run("show", &["x"]));
    let part = format!("  token {token} is asked to end within 1m 0s of hearing of it: too slow\n");
    assert!(shown.contains(&part), "{shown}");
    drop(hold);
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(first.end(), Some(0));
}
