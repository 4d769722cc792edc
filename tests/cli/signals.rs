//! The signals that `tenure lock` was started with, ignored or blocked: its command begins with the same, and its end is
//! seen all the same.

use crate::program::{Cluster, code, signal, signal_id};
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

/// Starts a program with some signals ignored, some at their default, and some blocked: "IGNORED DEFAULT BLOCKED", each a
/// list of numbers.
const LAUNCH: &str = "
import os, signal, sys
ignored, default, blocked = ([int(n) for n in word.split(',') if n] for word in sys.argv[1:4])
for n in ignored: signal.signal(n, signal.SIG_IGN)
for n in default: signal.signal(n, signal.SIG_DFL)
signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
os.execvp(sys.argv[4], sys.argv[4:])
";
/// Starts that each break a program that takes its signals for granted. SIGCHLD is 17, SIGPIPE 13.
const STARTS: [[&str; 3]; 6] = [
    ["", "13", ""],
    ["13", "", ""],
    ["17", "13", ""],
    ["", "13", "17"],
    ["17,1,2,10,20,21,22,37", "", "17,15,12,14,40"],
    ["", "13", "1,2,3,6,10,12,13,14,15,17,18,20,21,22,23,28,34,64"],
];

/// `command` started so.
fn launched(start: [&str; 3], command: &Command) -> Command {
    let mut launched = Command::new("python3");
    launched.args(["-c", LAUNCH]).args(start);
    launched.arg(command.get_program()).args(command.get_args()).stdin(Stdio::null());
    launched
}

#[test]
fn the_commands_end_is_seen_whatever_was_ignored_or_blocked() {
    let cluster = Cluster::start_calm();
    for start in STARTS {
        for (script, expected) in
            [("exit 3", 3), ("kill -KILL $$", 137), ("sleep 1000 & exit 4", 4)]
        {
            let lock = cluster.tenure("lock", &["ends", "--", "sh", "-c", script]);
            let output = launched(start, &lock).output().unwrap();
            assert_eq!(code(&output), Some(expected), "{start:?}, {script}: {output:?}");
        }
    }
}

#[test]
fn the_command_begins_with_the_signals_of_the_wrapper() {
    let cluster = Cluster::start_calm();
    let of = |command: Command| {
        let output = { command }.output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let lines = text.lines().filter_map(|line| line.split_once(":\t"));
        let sets = lines.filter(|(key, _)| ["SigBlk", "SigIgn"].contains(key));
        // The C library has its own ways with 32 and 33.
        let set = |(_, set)| u64::from_str_radix(set, 16).unwrap() & !(3 << 31);
        sets.map(set).collect::<Vec<u64>>()
    };
    let mut alone = Command::new("cat");
    alone.arg("/proc/self/status");
    let guarded = cluster.tenure("lock", &["mask", "--", "cat", "/proc/self/status"]);
    for start in STARTS {
        let expected = of(launched(start, &alone));
        assert_eq!(expected.len(), 2);
        assert_eq!(of(launched(start, &guarded)), expected, "{start:?}");
    }
}

#[test]
fn a_command_that_somebody_stops_goes_on_when_the_wrapper_is_continued() {
    let cluster = Cluster::start_calm();
    let mut running = cluster.begin(
        "lock",
        &["frozen", "--", "sh", "-c", "trap 'exit 5' USR1; echo $$; while :; do sleep 0.1; done"],
    );
    signal_id(running.line.parse().unwrap(), "STOP");
    let mut said = String::new();
    let stderr = running.child.stderr.as_mut().unwrap();
    BufReader::new(stderr).read_line(&mut said).unwrap();
    assert!(said.contains("was stopped (signal 19); it holds frozen until"), "{said}");
    // As it would be if it were the command itself.
    signal(&running.child, "CONT");
    signal(&running.child, "USR1");
    assert_eq!(running.finish().1, Some(5));
}

#[test]
fn a_signal_that_was_blocked_when_the_wrapper_was_started_is_handed_on_all_the_same() {
    let cluster = Cluster::start_calm();
    // The command takes it when it likes, as it could without the wrapper.
    let script =
        "import signal; print('ready', flush=True); print(signal.sigwait([15]), flush=True)";
    let lock = cluster.tenure("lock", &["blocked", "--", "python3", "-c", script]);
    let mut child = launched(["", "", "15,17"], &lock).stdout(Stdio::piped()).spawn().unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    output.read_line(&mut line).unwrap();
    assert_eq!(line, "ready\n");
    signal(&child, "TERM");
    output.read_line(&mut line).unwrap();
    assert!(line.contains("15") || line.contains("SIGTERM"), "{line}");
    assert_eq!(child.wait().unwrap().code(), Some(0));
}
