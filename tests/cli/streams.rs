//! Stdout and stderr that nobody reads: closed, full, on a full disk. Exit codes stay what they are, a command is ended as
//! with whole streams, and a node serves on.

use crate::program::{Cluster, code, eventually, living, signal};
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

/// Starts a program with some streams replaced: "STREAMS HOW", as "2 full".
const LAUNCH: &str = "
import os, sys
def gone():
    r, w = os.pipe()
    os.close(r)
    return w
def full():
    # The reading end stays open in the program itself, which knows nothing of it.
    r, w = os.pipe()
    os.set_inheritable(r, True)
    os.set_blocking(w, False)
    try:
        while True: os.write(w, b'x' * 4096)
    except BlockingIOError: pass
    try:
        while True: os.write(w, b'x')
    except BlockingIOError: pass
    os.set_blocking(w, True)
    return w
def no_room(): return os.open('/dev/full', os.O_WRONLY)
def closed(): return None
streams, how = sys.argv[1:3]
fd = {'gone': gone, 'full': full, 'no-room': no_room, 'closed': closed}[how]()
for stream in map(int, streams.split(',')):
    if fd is None: os.close(stream)
    else: os.dup2(fd, stream)
if fd is not None and fd > 2: os.close(fd)
os.execvp(sys.argv[3], sys.argv[3:])
";
const WAYS: [&str; 4] = ["gone", "full", "no-room", "closed"];

/// `command` with its `streams` made so.
fn with(streams: &str, how: &str, command: &Command) -> Command {
    let mut launched = Command::new("python3");
    launched.args(["-c", LAUNCH, streams, how]);
    launched.arg(command.get_program()).args(command.get_args()).stdin(Stdio::null());
    launched
}

#[test]
fn a_command_is_ended_as_with_a_stderr_that_is_read() {
    let cluster = Cluster::start_calm();
    // A shell says on its own stderr that its child was ended.
    let script =
        "exec 2>/dev/null; trap 'echo told; exit 5' TERM; echo ready; while :; do sleep 0.1; done";
    for how in WAYS {
        let lock = cluster.tenure("lock", &["--ttl", "60s", how, "--", "sh", "-c", script]);
        let mut child = with("2", how, &lock).stdout(Stdio::piped()).spawn().unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap()).lines();
        assert_eq!(output.next().unwrap().unwrap(), "ready", "{how}");
        assert_eq!(code(&cluster.run("break", &[how])), Some(0), "{how}");
        assert_eq!(output.next().unwrap().unwrap(), "told", "{how}");
        assert_eq!(child.wait().unwrap().code(), Some(123), "{how}");
        assert_eq!(cluster.lock(how), None, "{how}: given back before it ended");
        assert_eq!(living(how), Vec::<u32>::new());
    }
}

#[test]
fn exit_codes_are_those_of_the_documentation_whoever_reads() {
    let cluster = Cluster::start_calm();
    let holder = cluster.begin("lock", &["--ttl", "60s", "taken"]);
    let token = holder.line.rsplit_once(' ').unwrap().1.to_owned();
    for how in WAYS {
        let ends = |subcommand: &str, arguments: &[&str]| {
            let command = cluster.tenure(subcommand, arguments);
            with("1,2", how, &command).status().unwrap().code()
        };
        assert_eq!(ends("lock", &["-n", "taken", "--", "true"]), Some(124), "{how}");
        assert_eq!(ends("lock", &["-n", "-E", "9", "taken", "--", "true"]), Some(9), "{how}");
        assert_eq!(ends("lock", &["free", "--", "sh", "-c", "exit 7"]), Some(7), "{how}");
        assert_eq!(ends("lock", &["free", "--", "/no/such/program"]), Some(127), "{how}");
        assert_eq!(ends("lock", &["", "--", "true"]), Some(125), "{how}");
        assert_eq!(ends("elect", &["taken", "--", "true"]), Some(125), "{how}");
        assert_eq!(ends("break", &["nobody-holds-it"]), Some(1), "{how}");
        assert_eq!(ends("handover", &["nobody-holds-it"]), Some(1), "{how}");
        assert_eq!(ends("show", &[""]), Some(2), "{how}");
        // What the reader does not get is said by the code; only where there is an end of the disk, that is it.
        if ["gone", "closed"].contains(&how) {
            assert_eq!(ends("validate", &["taken", &token]), Some(0), "{how}");
            assert_eq!(ends("validate", &["taken", "999999"]), Some(1), "{how}");
            assert_eq!(ends("show", &["taken"]), Some(0), "{how}");
            assert_eq!(ends("status", &["--check"]), Some(0), "{how}");
        }
    }
    assert_eq!(holder.end(), Some(0));
}

#[test]
fn what_was_ordered_is_done_whoever_reads() {
    let cluster = Cluster::start_calm();
    for how in ["gone", "closed"] {
        let holder = cluster.begin("lock", &["--ttl", "60s", how]);
        let order = cluster.tenure("break", &["--now", how]);
        assert_eq!(with("1,2", how, &order).status().unwrap().code(), Some(0), "{how}");
        assert_eq!(holder.finish().1, Some(123), "{how}");
    }
}

#[test]
fn a_lock_that_is_only_held_can_be_ended_while_nobody_reads_its_line() {
    let cluster = Cluster::start_calm();
    let hold = cluster.tenure("lock", &["unread"]);
    let mut child = with("1,2", "full", &hold).spawn().unwrap();
    eventually("it is held", || cluster.lock("unread"));
    signal(&child, "TERM");
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert_eq!(cluster.lock("unread"), None);
    let full_disk = with("1", "no-room", &cluster.tenure("lock", &["unread"])).output().unwrap();
    assert_eq!(code(&full_disk), Some(125));
    assert!(String::from_utf8_lossy(&full_disk.stderr).contains("cannot write to stdout"));
}

#[test]
fn a_lock_that_is_only_held_ends_with_its_reader_or_with_who_started_it() {
    let cluster = Cluster::start_calm();
    let mut reader = cluster.begin("lock", &["with-reader"]);
    assert!(reader.line.starts_with("with-reader "));
    drop(std::mem::replace(&mut reader.output, never_read()));
    let output = reader.child.wait_with_output().unwrap();
    assert_eq!(code(&output), Some(0));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("nobody reads our stdout any more; with-reader is given back"), "{said}");
    assert_eq!(cluster.lock("with-reader"), None);

    // A shell that starts it and is killed.
    let lock = cluster.tenure("lock", &["with-parent"]);
    let line = "\"$@\" >/dev/null & wait";
    let start = |before: &[&str]| {
        // The tests themselves may run under nohup.
        let mut shell = Command::new("env");
        shell
            .args(["--default-signal=HUP", "sh", "-c", line, "sh"])
            .args(before)
            .arg(lock.get_program())
            .args(lock.get_args());
        shell.stdin(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    };
    let mut parent = start(&[]);
    eventually("it is held", || cluster.lock("with-parent"));
    parent.kill().unwrap();
    parent.wait().unwrap();
    eventually("it is given back", || cluster.lock("with-parent").is_none().then_some(()));

    // One that says that it does not want to be missed.
    let mut parent = start(&["nohup"]);
    let lock = eventually("it is held", || cluster.lock("with-parent"));
    parent.kill().unwrap();
    parent.wait().unwrap();
    let holder = lock["holder"].as_str().unwrap().rsplit_once(':').unwrap().1.parse().unwrap();
    assert_eq!(cluster.lock("with-parent").unwrap()["token"], lock["token"]);
    crate::program::signal_id(holder, "TERM");
    eventually("it is given back", || cluster.lock("with-parent").is_none().then_some(()));
}

fn never_read() -> BufReader<std::process::ChildStdout> {
    let mut child = Command::new("true").stdout(Stdio::piped()).spawn().unwrap();
    let output = BufReader::new(child.stdout.take().unwrap());
    child.wait().unwrap();
    output
}

#[test]
fn a_reader_that_has_seen_enough_ends_what_it_read_from() {
    let cluster = Cluster::start_calm();
    let holder = cluster.begin("lock", &["followed"]);
    for arguments in [&["watch", "followed"][..], &["elect", "followed", "--observe"]] {
        let mut follower = cluster.tenure(arguments[0], &arguments[1..]);
        let mut child = follower.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        output.read_line(&mut String::new()).unwrap();
        drop(output);
        let output = child.wait_with_output().unwrap();
        assert_eq!((code(&output), output.stderr.len()), (Some(0), 0), "{output:?}");
    }
    assert_eq!(holder.end(), Some(0));
}

#[test]
fn a_node_whose_stderr_nobody_reads_serves_on() {
    for how in WAYS {
        // As much as can be said.
        let mut cluster = Cluster::start_as(|_, node| {
            let said = with("2", how, node.args(["-vvv"]));
            *node = said;
        });
        let leader = cluster.leader();
        for _ in 0..3 {
            assert_eq!(code(&cluster.run("lock", &["x", "--", "true"])), Some(0), "{how}");
        }
        cluster.kill(leader);
        assert_eq!(code(&cluster.run("lock", &["x", "--", "true"])), Some(0), "{how}");
        cluster.start_node(leader);
        let next = cluster.leader();
        // It hands over before it ends, and its last lines keep it from nothing.
        assert_eq!(cluster.stop(next), Some(0), "{how}");
    }
}
