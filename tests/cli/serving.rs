//! `tenure serve` with what a person can get wrong.

use crate::program::{code, free_ports, run, sentence, signal, tenure};
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Output, Stdio};

/// `serve` as node `id` of a cluster of one or two at `port`, with its data in `data`.
fn serve(id: &str, data: &Path, cluster: &str) -> Output {
    run(&["serve", "--id", id, "--data", data.to_str().unwrap(), "--cluster", cluster])
}

fn check(output: &Output, expected: i32, parts: &[&str]) {
    // Log lines may precede it; the sentence is the last.
    let text = String::from_utf8_lossy(&output.stderr);
    let last = text.lines().last().unwrap_or_default();
    assert_eq!(code(output), Some(expected), "{text}");
    for part in parts {
        assert!(last.contains(part), "{part:?} is not in {last:?}");
    }
}

fn one_node() -> String {
    format!("1=127.0.0.1:{}", free_ports(1)[0])
}

/// Starts node 1 on `data`, waits until it listens, ends it by SIGTERM; what it logged.
fn start_and_stop(data: &Path, cluster: &str) -> (Option<i32>, Vec<String>) {
    let arguments = ["serve", "--id", "1", "--data", data.to_str().unwrap(), "--cluster", cluster];
    let mut child = tenure(&arguments).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
    let mut seen: Vec<String> = Vec::new();
    for line in lines.by_ref() {
        let listens = line.contains("listens on");
        seen.push(line);
        if listens {
            break;
        }
    }
    signal(&child, "TERM");
    seen.extend(lines);
    (child.wait().unwrap().code(), seen)
}

#[test]
fn a_malformed_cluster_is_a_usage_error() {
    let data = tempfile::tempdir().unwrap();
    for (cluster, part) in
        [("127.0.0.1:7401", "1=host:port"), ("1=a:1,1=b:2", "twice"), ("0=a:1", "begin at 1")]
    {
        let output = serve("1", data.path(), cluster);
        assert_eq!(code(&output), Some(2));
        assert!(sentence(&output).contains(part), "{}", sentence(&output));
    }
}

#[test]
fn what_is_missing_or_unknown_in_a_configuration_is_named() {
    let output = run(&["serve"]);
    assert_eq!((code(&output), sentence(&output).contains("TENURE_ID")), (Some(2), true));
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("tenure.toml");
    std::fs::write(&file, "id = 1\nhartbeat = \"30ms\"\n").unwrap();
    let output = run(&["serve", "--config", file.to_str().unwrap()]);
    assert_eq!(code(&output), Some(2));
    assert!(
        sentence(&output).contains("line 2: unknown field `hartbeat`"),
        "{}",
        sentence(&output)
    );
}

#[test]
fn a_flag_wins_over_the_environment_and_that_over_the_file() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("tenure.toml");
    std::fs::write(&file, "id = 3\ncluster = \"1=from.file\"\ndata = \"unused\"\n").unwrap();
    let sentence_with = |flags: &[&str], variable: Option<&str>| {
        let mut command = tenure(&["serve", "--config", file.to_str().unwrap()]);
        command.args(flags);
        variable.map(|value| command.env("TENURE_CLUSTER", value));
        sentence(&command.output().unwrap())
    };
    assert!(sentence_with(&[], None).contains("from.file"));
    assert!(sentence_with(&[], Some("1=from.variable")).contains("from.variable"));
    let flags = ["--cluster", "1=from.flag"];
    assert!(sentence_with(&flags, Some("1=from.variable")).contains("from.flag"));
}

#[test]
fn a_port_in_use_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let data = tempfile::tempdir().unwrap();
    let output = serve("1", data.path(), &format!("1={address}"));
    check(&output, 3, &[&address, "choose another port"]);
}

#[test]
fn more_than_loopback_needs_insecure() {
    let data = tempfile::tempdir().unwrap();
    check(&serve("1", data.path(), "1=0.0.0.0:7401"), 2, &["--insecure"]);
}

#[test]
fn an_unknown_host_to_listen_on_is_named() {
    let data = tempfile::tempdir().unwrap();
    check(&serve("1", data.path(), "1=nosuchhost.invalid:7401"), 2, &["nosuchhost.invalid"]);
}

#[test]
fn sigterm_stops_a_node_with_code_0_and_its_log_has_the_time() {
    let data = tempfile::tempdir().unwrap();
    let (code, lines) = start_and_stop(data.path(), &one_node());
    assert_eq!(code, Some(0), "{lines:?}");
    let first = &lines[0];
    assert!(first[..24].ends_with('Z') && first.contains("node 1 of 1 listens on"), "{first}");
}

#[test]
fn another_nodes_directory_is_refused() {
    let data = tempfile::tempdir().unwrap();
    let cluster = one_node();
    assert_eq!(start_and_stop(data.path(), &cluster).0, Some(0));
    let port = free_ports(1)[0];
    let output = serve("2", data.path(), &format!("{cluster},2=127.0.0.1:{port}"));
    assert_ne!(code(&output), Some(0));
    check(&output, 2, &["data directory of node 1", "node 2"]);
}

#[test]
fn a_damaged_directory_is_refused_with_the_file_named() {
    let data = tempfile::tempdir().unwrap();
    let cluster = one_node();
    assert_eq!(start_and_stop(data.path(), &cluster).0, Some(0));
    let identity = data.path().join("identity");
    let mut bytes = std::fs::read(&identity).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0xFF;
    std::fs::write(&identity, bytes).unwrap();
    check(&serve("1", data.path(), &cluster), 3, &["identity", "damaged"]);
}
