//! `tenure serve` with what a person can get wrong.

use crate::program::{code, free_ports, run, sentence, signal, tenure};
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Output, Stdio};
use tenure::node::FileDisk;

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

/// The lines of a node's log up to the first that has `part`.
fn lines_until(lines: &mut impl Iterator<Item = String>, part: &str) -> Vec<String> {
    let mut seen = Vec::new();
    for line in lines {
        let is_last = line.contains(part);
        seen.push(line);
        if is_last {
            return seen;
        }
    }
    panic!("no line has {part:?}: {seen:?}");
}

#[test]
fn what_is_not_there_yet_is_waited_for_with_a_line_and_a_signal_ends_the_wait() {
    let data = tempfile::tempdir().unwrap();
    let path = data.path().to_str().unwrap();
    let [unknown, foreign] = ["nosuchhost.invalid:7401", "192.0.2.1:7401"];
    for (flags, parts) in [
        (["--cluster", "1=nosuchhost.invalid:7401"], [unknown, "waiting to start"]),
        (["--cluster", "1=192.0.2.1:7401"], [foreign, "does not have that address"]),
        (["--join", unknown], [unknown, "--join"]),
    ] {
        let mut command = tenure(&["serve", "--id", "1", "--insecure", "--data", path]);
        let mut child = command.args(flags).stderr(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut lines = lines.map(Result::unwrap);
        let seen = lines_until(&mut lines, "waiting to start");
        assert!(parts.iter().all(|part| seen[0].contains(part)), "{flags:?}: {seen:?}");
        signal(&child, "TERM");
        lines_until(&mut lines, "stopping");
        assert_eq!(child.wait().unwrap().code(), Some(0), "{flags:?}");
    }
}

#[test]
fn a_node_that_waits_to_start_goes_on_when_what_it_needs_is_there() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("tenure.toml");
    let port = free_ports(1)[0];
    let listen = |host: &str| {
        let data = directory.path().join("data");
        let members = format!("id = 1\ndata = {data:?}\ncluster = \"1=127.0.0.1:{port}\"\n");
        let text = format!("{members}insecure = true\nlisten = \"{host}:{port}\"\n");
        let new = directory.path().join("new.toml");
        std::fs::write(&new, text).unwrap();
        std::fs::rename(&new, &file).unwrap();
    };
    listen("192.0.2.1");
    let mut command = tenure(&["serve", "--config", file.to_str().unwrap()]);
    let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
    lines_until(&mut lines, "waiting to start");
    // As if the network had come: each attempt reads the file anew.
    listen("127.0.0.1");
    let seen = lines_until(&mut lines, "node 1 of 1 listens on");
    let again = seen.iter().any(|line| line.contains("waiting to start"));
    assert!(!again, "what is waited for is said once: {seen:?}");
    signal(&child, "TERM");
    lines_until(&mut lines, "has stopped");
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn a_directory_that_is_none_or_may_not_be_used_needs_a_person() {
    let file = tempfile::NamedTempFile::new().unwrap();
    check(&serve("1", file.path(), &one_node()), 2, &[file.path().to_str().unwrap()]);
    let data = tempfile::tempdir().unwrap();
    std::fs::create_dir(data.path().join("lock")).unwrap();
    check(&serve("1", data.path(), &one_node()), 2, &["lock"]);
}

#[test]
fn a_directory_in_use_may_be_free_when_it_is_started_again() {
    let data = tempfile::tempdir().unwrap();
    let first = FileDisk::open(data.path()).unwrap();
    check(&serve("1", data.path(), &one_node()), 3, &["in use by another process"]);
    drop(first);
}

#[test]
fn sigterm_stops_a_node_with_code_0_and_its_log_has_the_time() {
    let data = tempfile::tempdir().unwrap();
    let (code, lines) = start_and_stop(data.path(), &one_node());
    assert_eq!(code, Some(0), "{lines:?}");
    let listens = lines.iter().find(|line| line.contains("node 1 of 1 listens on"));
    assert!(listens.is_some_and(|line| line[..24].ends_with('Z')), "{lines:?}");
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
fn a_tail_that_a_kill_cut_short_is_trimmed_and_said() {
    let data = tempfile::tempdir().unwrap();
    let cluster = one_node();
    assert_eq!(start_and_stop(data.path(), &cluster).0, Some(0));
    let log = data.path().join("log-00000000000000000001");
    let mut bytes = std::fs::read(&log).unwrap();
    let last = bytes.iter().rposition(|byte| *byte != 0).unwrap();
    // A record may end with zeros.
    let torn = last.next_multiple_of(8) + 64;
    bytes[torn..torn + 100].fill(0x55);
    std::fs::write(&log, bytes).unwrap();
    let (code, lines) = start_and_stop(data.path(), &cluster);
    assert_eq!(code, Some(0), "{lines:?}");
    let line = lines.iter().find(|line| line.contains("of a write that was cut short"));
    assert!(line.is_some_and(|line| line.contains("WARN")), "{lines:?}");
    let again = start_and_stop(data.path(), &cluster).1;
    assert!(!again.iter().any(|line| line.contains("cut short")), "{again:?}");
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
    check(&serve("1", data.path(), &cluster), 2, &["identity", "damaged"]);
}

#[test]
fn a_file_size_limit_is_an_error_of_the_disk_and_kills_nobody() {
    let data = tempfile::tempdir().unwrap();
    let mut command = std::process::Command::new("sh");
    // In blocks of 512 or 1,024 bytes: less than a piece of the log in either.
    command.args(["-c", "ulimit -f 4096 && exec \"$@\"", "sh"]);
    command.arg(env!("CARGO_BIN_EXE_tenure"));
    command.args(["serve", "--id", "1", "--data", data.path().to_str().unwrap()]);
    let output = command.args(["--cluster", &one_node()]).output().unwrap();
    check(&output, 3, &["segment.new", "File too large"]);
}
