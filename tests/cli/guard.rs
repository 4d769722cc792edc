//! The process that guards a command: what it kills, what it spares, and what does not reach it.

use crate::program::{Cluster, eventually, guard_of, living, signal, signal_id};
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use tenure::client::Wait;

const STUBBORN: &str = "trap '' TERM HUP INT; echo ready; while :; do sleep 1000; done";

#[test]
fn a_killed_wrapper_takes_its_command_along_and_leaves_no_pipe_open() {
    let cluster = Cluster::start();
    let running = cluster.begin("lock", &["wrapper-killed", "--", "sh", "-c", STUBBORN]);
    assert!(!living("wrapper-killed").is_empty());
    signal(&running.child, "KILL");
    // This ends only when the guard has gone, too.
    running.finish();
    assert_eq!(living("wrapper-killed"), Vec::<u32>::new());
}

#[test]
fn a_killed_guard_takes_its_command_along_and_is_told() {
    let cluster = Cluster::start();
    let running = cluster.begin("lock", &["guard-killed", "--", "sh", "-c", STUBBORN]);
    signal_id(guard_of(&running.child).expect("it runs"), "KILL");
    let (_, code, stderr) = running.finish();
    assert_eq!(code, Some(125), "{stderr}");
    assert!(stderr.contains("guard"), "{stderr}");
    assert_eq!(living("guard-killed"), Vec::<u32>::new());
}

#[test]
fn a_stopped_guard_holds_up_nobody() {
    let cluster = Cluster::start_calm();
    let (input, hold) = std::io::pipe().unwrap();
    let script = "sleep 1000 & echo ready; read line; exit 7";
    let mut command =
        cluster.tenure("lock", &["--ttl", "60s", "guard-stopped", "--", "sh", "-c", script]);
    let mut child = command.stdin(input).stdout(Stdio::piped()).spawn().unwrap();
    drop(command);
    let mut output = BufReader::new(child.stdout.take().unwrap()).lines();
    assert_eq!(output.next().unwrap().unwrap(), "ready");
    signal_id(guard_of(&child).unwrap(), "STOP");
    drop(hold);
    assert_eq!(child.wait().unwrap().code(), Some(7));
    assert_eq!(living("guard-stopped"), Vec::<u32>::new());
    assert_eq!(cluster.lock("guard-stopped"), None);
}

#[test]
fn a_guard_that_was_stopped_wakes_when_the_wrapper_is_killed() {
    let cluster = Cluster::start_calm();
    let running = cluster.begin("lock", &["both-stopped", "--", "sh", "-c", STUBBORN]);
    let guard = guard_of(&running.child).unwrap();
    // A wrapper that runs would continue it.
    signal(&running.child, "STOP");
    signal_id(guard, "STOP");
    signal(&running.child, "KILL");
    running.finish();
    assert_eq!(living("both-stopped"), Vec::<u32>::new());
}

#[test]
fn with_a_guard_that_is_stopped_again_and_again_nothing_outlives_the_lock() {
    let cluster = Cluster::start_calm();
    let script = "trap '' TERM; sleep 1001 & setsid sh -c 'sleep 1002 & sleep 1003' & echo ready; sleep 1004";
    let arguments = ["--ttl", "60s", "guard-kept", "--", "sh", "-c", script];
    let running = cluster.begin("lock", &arguments);
    eventually("all of them run", || (living("guard-kept").len() >= 6).then_some(()));
    let guard = guard_of(&running.child).unwrap();
    let keep = format!("while kill -STOP {guard} 2>/dev/null; do :; done");
    let mut keeper = Command::new("sh").args(["-c", &keep]).spawn().unwrap();
    let next = cluster.client("next");
    let next = next.acquire_start("guard-kept", Wait::Forever, Default::default()).unwrap();
    cluster.until_waiting("guard-kept", 1);
    let order = cluster.run("break", &["guard-kept", "--grace", "300ms"]);
    assert_eq!(order.status.code(), Some(0), "{order:?}");
    let lease = next.take(Wait::Forever).unwrap();
    assert_eq!(living("guard-kept"), Vec::<u32>::new());
    drop(lease);
    let (_, code, stderr) = running.finish();
    assert_eq!(code, Some(123), "{stderr}");
    keeper.wait().unwrap();
}

#[test]
fn signals_that_end_programs_do_not_reach_the_guard() {
    let cluster = Cluster::start();
    let script = "read line; echo $line; exit 7";
    let (input, mut hold) = std::io::pipe().unwrap();
    let mut command = cluster.tenure("lock", &["signals", "--", "sh", "-c", script]);
    let child = command.stdin(input).stdout(Stdio::piped()).spawn().unwrap();
    drop(command);
    // What is forked for the guard has the name of the lock too, until it is the guard.
    eventually("it runs", || (!living("signals").is_empty()).then_some(()));
    let guard = eventually("there is a guard", || guard_of(&child));
    for name in ["TERM", "INT", "HUP", "QUIT", "TSTP", "USR1", "PIPE"] {
        signal_id(guard, name);
    }
    std::io::Write::write_all(&mut hold, b"still here\n").unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), &output.stdout[..]), (Some(7), &b"still here\n"[..]));
}

#[test]
fn jobs_in_groups_of_their_own_end_with_the_command_and_a_new_session_stays() {
    let cluster = Cluster::start();
    // With job control each of them is a group of its own.
    let script =
        "set -m; sleep 1000 & setsid sh -c 'echo apart; exec sleep 1001' & read line; exit 7";
    let (input, hold) = std::io::pipe().unwrap();
    let mut command = cluster.tenure("lock", &["jobs", "--", "bash", "-c", script]);
    let mut child = command.stdin(input).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    output.read_line(&mut line).unwrap();
    assert_eq!(line, "apart\n");
    eventually("all of them run", || (living("jobs").len() == 3).then_some(()));
    drop((command, hold));
    assert_eq!(child.wait().unwrap().code(), Some(7));
    let left = living("jobs");
    let [stays] = left[..] else { panic!("one process was expected: {left:?}") };
    let line = std::fs::read_to_string(format!("/proc/{stays}/cmdline")).unwrap();
    signal_id(stays, "KILL");
    assert_eq!(line, "sleep\x001001\x00");
}

#[test]
fn a_command_that_ends_at_once_is_not_missed() {
    let cluster = Cluster::start();
    for number in 0..20 {
        let output = cluster.run("lock", &["at-once", "--", "sh", "-c", &format!("exit {number}")]);
        assert_eq!(output.status.code(), Some(number), "{output:?}");
    }
}

#[test]
fn at_a_terminal_the_command_is_in_front_and_after_it_the_shell_again() {
    if Command::new("script").arg("--version").output().is_err() {
        eprintln!("not tested: there is no script(1) to make a terminal with");
        return;
    }
    let cluster = Cluster::start();
    let in_front = "until set -- $(ps -o pgid=,tpgid= -p $$); [ $1 = $2 ]; do :; done";
    let lock = format!(
        "{} lock --endpoints {} --timeout 30s terminal -- sh -c '{in_front}; echo CMD is in front; exit 9'",
        env!("CARGO_BIN_EXE_tenure"),
        cluster.endpoints()
    );
    let line = format!("{lock}; echo ended with $?; {in_front}; echo the shell is in front");
    let output = Command::new("script")
        .args(["-qec", &line, "/dev/null"])
        .env("SHELL", "/bin/sh")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).replace('\r', "");
    assert!(text.ends_with("CMD is in front\nended with 9\nthe shell is in front\n"), "{text}");
}
