//! What people and scripts are told: which of two forms was meant, whether a lock is held, what stands below a name, and
//! nothing that a terminal would show as something else.

use crate::program::{Cluster, code, run, sentence, signal, stdout};
use std::process::Stdio;

#[test]
fn several_names_without_dashes_are_told_both_forms() {
    let cluster = Cluster::start_calm();
    let output = cluster.run("lock", &["a", "b c", "d"]);
    assert_eq!(code(&output), Some(127));
    let said = sentence(&output);
    for part in ["b c was not found", " a 'b c' d -- CMD`", "`tenure lock --hold --endpoints "] {
        assert!(said.contains(part), "{said}");
    }
    for line in
        [["lock", "a", "--", "no-such-program"], ["elect", "a", "--value=v", "no-such-program"]]
    {
        let said = sentence(&cluster.run(line[0], &line[1..]));
        assert!(said.ends_with("no-such-program was not found; check its name and PATH"), "{said}");
    }
}

#[test]
fn quiet_says_nothing_of_somebody_else_who_has_it() {
    let cluster = Cluster::start_calm();
    let holder = cluster.begin("lock", &["x"]);
    for arguments in [&["-q", "-n"][..], &["--quiet", "--wait", "50ms"], &["-qn", "-E", "9"]] {
        let output = cluster.run("lock", &[arguments, &["x", "--", "true"]].concat());
        let expected = if arguments.contains(&"9") { 9 } else { 124 };
        assert_eq!((code(&output), output.stderr.len()), (Some(expected), 0), "{output:?}");
    }
    let output = cluster.run("elect", &["-qn", "x", "--value", "v", "--", "true"]);
    assert_eq!((code(&output), output.stderr.len()), (Some(124), 0));
    // Everything else is said.
    assert!(sentence(&cluster.run("lock", &["-q", "y", "--", "/no/such"])).contains("not found"));
    assert_eq!(holder.end(), Some(0));
}

#[test]
fn a_script_asks_whether_a_lock_is_held_by_the_exit_code_of_show() {
    let cluster = Cluster::start_calm();
    let shows = |arguments: &[&str]| code(&cluster.run("show", arguments));
    for arguments in [&["dir/a"][..], &["dir/a", "--json"]] {
        assert_eq!(shows(arguments), Some(1), "{arguments:?}");
    }
    let holder = cluster.begin("lock", &["dir/a"]);
    for arguments in [&["dir/a"][..], &["dir/a", "--json"], &["dir/"], &["none/"], &[], &["--json"]]
    {
        assert_eq!(shows(arguments), Some(0), "{arguments:?}");
    }
    assert_eq!(shows(&["dir"]), Some(1));
    assert_eq!(holder.end(), Some(0));
}

#[test]
fn a_free_lock_that_has_others_below_it_says_so() {
    let cluster = Cluster::start_calm();
    let holder = cluster.begin("lock", &["di r/a"]);
    let endpoints = cluster.endpoints();
    let below = format!("see `tenure show --endpoints {endpoints} 'di r/'`\n");
    let text = format!("nobody holds or waits\nthere are locks below it: {below}");
    assert_eq!(stdout(&cluster.run("show", &["di r"])), text);
    assert_eq!(stdout(&cluster.run("show", &["di"])), "nobody holds or waits\n");
    assert_eq!(holder.end(), Some(0));
}

#[test]
fn what_would_move_or_hide_letters_is_shown_escaped() {
    let cluster = Cluster::start_calm();
    let (name, shown) = ("jobs/\u{202e}cod.exe\u{200b}", "jobs/\\u{202e}cod.exe\\u{200b}");
    let client = "a\u{2066}b";
    let value = "v\u{200f}w";
    let mut holder = cluster.begin("elect", &["--client", client, "--value", value, name]);
    assert!(holder.line.starts_with(shown), "{}", holder.line);
    let token = holder.line.rsplit_once(' ').unwrap().1.to_owned();
    let follow = cluster.begin("watch", &[name]);
    assert!(
        follow.line.ends_with("v\\u{200f}w") && follow.line.contains("a\\u{2066}b"),
        "{}",
        follow.line
    );
    let texts = [
        cluster.run("show", &[name]),
        cluster.run("show", &["jobs/"]),
        cluster.run("lock", &["-n", name, "--", "true"]),
        cluster.run("validate", &[name, &token]),
        cluster.run("handover", &[name]),
        cluster.run("break", &[name, "--token", "999999"]),
        cluster.run("break", &[name, "--now"]),
    ];
    for output in texts {
        let text = stdout(&output) + &String::from_utf8_lossy(&output.stderr);
        assert!(text.contains(shown), "{text}");
        assert!(!text.contains(['\u{202e}', '\u{200b}', '\u{2066}', '\u{200f}']), "{text}");
    }
    assert_eq!(follow.end(), Some(0));
    let mut said = String::new();
    std::io::Read::read_to_string(holder.child.stderr.as_mut().unwrap(), &mut said).unwrap();
    assert!(said.contains(shown), "{said}");
    assert_eq!(holder.finish().1, Some(123));
}

#[test]
fn signals_of_services_reach_the_command_and_end_no_standby() {
    let cluster = Cluster::start_calm();
    let script = "for s in USR1 USR2 ALRM PROF RTMIN+3; do trap \"echo $s\" $s; done; trap 'exit 5' TERM; echo ready; \
                  while :; do sleep 0.1; done";
    let mut holder = cluster.begin("lock", &["x", "--", "bash", "-c", script]);
    let mut standby = cluster.tenure("lock", &["x", "--", "echo", "served"]);
    let standby = standby.stdout(Stdio::piped()).spawn().unwrap();
    cluster.until_waiting("x", 1);
    for name in ["USR1", "USR2", "WINCH", "RTMIN+3"] {
        signal_by_bash(standby.id(), name);
    }
    for name in ["USR1", "USR2", "ALRM", "PROF", "RTMIN+3"] {
        signal_by_bash(holder.child.id(), name);
        assert_eq!(holder.next_line(), name);
    }
    let timed_out = cluster.tenure("lock", &["x", "--", "true"]).spawn().unwrap();
    cluster.until_waiting("x", 2);
    signal(&timed_out, "ALRM");
    assert_eq!({ timed_out }.wait().unwrap().code(), Some(142));
    assert_eq!(holder.end(), Some(5));
    let output = standby.wait_with_output().unwrap();
    assert_eq!((code(&output), stdout(&output).as_str()), (Some(0), "served\n"));
    // Without a command they end the hold, and the lock is given back.
    let held = cluster.begin("lock", &["x"]);
    signal(&held.child, "USR1");
    assert_eq!(held.finish().1, Some(0));
    assert_eq!(cluster.lock("x"), None);
}

/// dash knows no real-time signals by name.
fn signal_by_bash(id: u32, name: &str) {
    let line = format!("kill -{name} {id}");
    assert!(std::process::Command::new("bash").args(["-c", &line]).status().unwrap().success());
}

#[test]
fn a_handover_is_waited_for_as_long_as_the_holder_may_take() {
    let cluster = Cluster::start_calm();
    // It takes its time, and more than the timeout of the order.
    let script =
        "trap 'echo told; read line; exit 0' TERM; echo ready; while :; do sleep 0.1; done";
    let (input, hold) = std::io::pipe().unwrap();
    let mut command = cluster.tenure("lock", &["--ttl", "60s", "x", "--", "bash", "-c", script]);
    let mut holder = command.stdin(input).stdout(Stdio::piped()).spawn().unwrap();
    drop(command);
    let mut said = std::io::BufRead::lines(std::io::BufReader::new(holder.stdout.take().unwrap()));
    assert_eq!(said.next().unwrap().unwrap(), "ready");
    let next = cluster.client("next");
    let pending =
        next.acquire_start("x", tenure::client::Wait::Forever, Default::default()).unwrap();
    cluster.until_waiting("x", 1);
    let order = ["handover", "x", "--endpoints", &cluster.endpoints(), "--timeout", "5s"];
    let gives_up = run(&[&order[..], &["--wait", "0s"]].concat());
    assert_eq!(code(&gives_up), Some(1), "{}", sentence(&gives_up));
    assert_eq!(said.next().unwrap().unwrap(), "told");
    let asked = cluster.lock("x").unwrap();
    let mut waits = crate::program::tenure(&order);
    let waits = waits.arg("-v").arg("-v").stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut waits = waits.unwrap();
    // It says so once it has given the order.
    let mut log = std::io::BufRead::lines(std::io::BufReader::new(waits.stderr.take().unwrap()));
    assert!(log.any(|line| line.unwrap().contains("waiting for up to 1m 5s")), "{asked}");
    drop(hold);
    // One who gives it back at once has had it.
    let token = pending.take(tenure::client::Wait::Forever).unwrap().token();
    let said_last = stdout(&waits.wait_with_output().unwrap());
    let expected = ["holds", "held"].map(|verb| format!("next {verb} x under token {token}"));
    assert!(expected.iter().any(|text| said_last.starts_with(text)), "{said_last}");
    // The lock is given back first, and then we end; looking 5000 times for that takes no longer than 5 ms.
    assert_eq!(holder.wait().unwrap().code(), Some(123));
}

#[test]
fn a_ttl_that_is_not_the_one_asked_for_is_told() {
    let cluster = Cluster::start_calm();
    let said = sentence(&cluster.run("lock", &["--ttl", "2h", "x", "--", "true"]));
    assert!(said.contains("the TTL is 1h 0m, and not 2h 0m"), "{said}");
    let output = cluster.run("lock", &["--ttl", "2h", "-q", "x", "--", "true"]);
    assert_eq!((code(&output), output.stderr.len()), (Some(0), 0));
    // On a busy machine a lease as short as the shortest may end before its command does.
    let shortest = cluster.run("lock", &["--ttl", "1ms", "x", "--", "true"]);
    let said = String::from_utf8(shortest.stderr).unwrap();
    assert!(said.contains("the TTL is 200ms, and not 1ms"), "{said}");
}

#[test]
fn options_for_all_commands_stand_at_one_place() {
    for command in
        [&["lock"][..], &["show"], &["serve"], &["member", "add"], &["status"], &["bench"]]
    {
        let help = stdout(&run(&[command, &["-h"]].concat()));
        let flags: Vec<&str> =
            help.lines().map(str::trim_start).filter(|line| line.starts_with('-')).collect();
        let last: Vec<&str> = flags.iter().rev().take(3).map(|line| &line[..2]).collect();
        assert_eq!(last, ["-V", "-h", "-v"], "{command:?}: {help}");
    }
}
