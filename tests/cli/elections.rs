//! `tenure elect` and `tenure watch`: to be elected, and to follow who is.

use crate::program::{Cluster, code, sentence, signal, stdout};
use serde_json::{Value, json};

#[test]
fn the_elected_runs_its_command_and_is_seen_with_its_value() {
    let cluster = Cluster::start_calm();
    let script = "echo $TENURE_LOCK $TENURE_TOKEN; read line";
    let (input, hold) = std::io::pipe().unwrap();
    let mut command =
        cluster.tenure("elect", &["boss", "--value", "10.0.0.1", "--", "sh", "-c", script]);
    let mut elected = command.stdin(input).stdout(std::process::Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    let output = elected.stdout.take().unwrap();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(output), &mut line).unwrap();
    let lock = cluster.lock("boss").unwrap();
    assert_eq!(line, format!("boss {}\n", lock["token"]));
    assert_eq!(lock["value"], "10.0.0.1");
    let other = cluster.run("elect", &["-n", "boss", "--value", "10.0.0.2", "--", "true"]);
    assert_eq!(code(&other), Some(124), "{}", sentence(&other));
    drop((hold, command));
    // The script's `read` found the end of its input.
    assert_eq!(elected.wait().unwrap().code(), Some(1));
}

#[test]
fn codes_of_elect_are_those_of_lock() {
    let cluster = Cluster::start_calm();
    let of = |command: &[&str]| {
        code(&cluster.run("elect", &[&["boss", "--value", "v", "--"], command].concat()))
    };
    assert_eq!(of(&["sh", "-c", "exit 7"]), Some(7));
    assert_eq!(of(&["sh", "-c", "kill -KILL $$"]), Some(137));
    assert_eq!(of(&["/no/such/program"]), Some(127));
    assert_eq!(of(&["/etc/passwd"]), Some(126));
}

#[test]
fn followers_are_told_the_present_and_then_each_change() {
    let cluster = Cluster::start_calm();
    let mut follower = cluster.begin("elect", &["boss", "--observe", "--json"]);
    let parse = |line: &str| -> Value { serde_json::from_str(line).unwrap() };
    let vacant = parse(&follower.line);
    assert_eq!((&vacant["holder"], &vacant["token"]), (&Value::Null, &json!(0)));
    for value in ["one", "two"] {
        let elected = cluster.begin("elect", &["boss", "--value", value]);
        let told = parse(&follower.next_line());
        assert_eq!((&told["value"], &told["missed"]), (&json!(value), &json!(0)));
        assert_eq!(elected.line, format!("boss {}", told["token"]));
        assert_eq!(elected.end(), Some(0));
        assert_eq!(parse(&follower.next_line())["holder"], Value::Null);
    }
    assert_eq!(follower.end(), Some(0));
}

#[test]
fn watch_follows_any_lock_in_lines_for_people() {
    let cluster = Cluster::start_calm();
    let mut watcher = cluster.begin("watch", &["x"]);
    assert_eq!(watcher.line, "-");
    let holder = cluster.begin("lock", &["--client", "worker-3", "--value", "v", "x"]);
    let token = holder.line.strip_prefix("x ").unwrap();
    let line = watcher.next_line();
    let words: Vec<&str> = line.split(' ').collect();
    assert_eq!((words[0], words[1], words[3]), (token, "worker-3", "v"), "{line}");
    assert_eq!(holder.end(), Some(0));
    assert_eq!(watcher.next_line(), "-");
    signal(&watcher.child, "TERM");
    assert_eq!(watcher.finish().1, Some(0));
}

#[test]
fn what_cannot_be_a_name_is_not_watched() {
    let cluster = Cluster::start_calm();
    let output = cluster.run("watch", &[""]);
    assert_eq!((code(&output), stdout(&output).as_str()), (Some(2), ""), "{}", sentence(&output));
}
