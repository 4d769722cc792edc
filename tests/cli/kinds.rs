//! Locks of every kind from the shell: several names, shared, counted, with a delay.

use crate::program::{Cluster, code, run, sentence, signal, stdout};
use serde_json::{Value, json};

#[test]
fn several_names_are_one_step_under_one_token() {
    let cluster = Cluster::start_calm();
    let running = cluster.begin("lock", &["--hold", "a", "b"]);
    let token = running.line.strip_prefix("a ").expect("the first name first").to_owned();
    let [a, b] = ["a", "b"].map(|name| cluster.lock(name).unwrap());
    assert_eq!((a["token"].to_string(), b["token"].to_string()), (token.clone(), token));
    // One of both is taken, so the other is not given either.
    let output = cluster.run("lock", &["-n", "c", "b", "--", "true"]);
    let why = sentence(&output);
    assert_eq!(code(&output), Some(124), "{why}");
    assert!(why.starts_with("c, b was not granted: ") && why.contains("holds it"), "{why}");
    assert_eq!(cluster.lock("c"), None);
    assert_eq!(running.end(), Some(0));
    let script = "echo \"$TENURE_LOCK\"; for name in $TENURE_LOCK; do echo $name; done";
    let output = cluster.run("lock", &["a", "b", "--", "sh", "-c", script]);
    assert_eq!(stdout(&output), "a b\na\nb\n");
}

#[test]
fn without_a_command_each_name_is_a_line() {
    let cluster = Cluster::start_calm();
    let mut running = cluster.begin("lock", &["--hold", "a", "b"]);
    let token = running.line.strip_prefix("a ").unwrap().to_owned();
    assert_eq!(running.next_line(), format!("b {token}"));
    assert_eq!(running.end(), Some(0));
}

#[test]
fn readers_share_and_a_writer_waits_for_all_of_them() {
    let cluster = Cluster::start_calm();
    let first = cluster.begin("lock", &["--shared", "x"]);
    let second = cluster.begin("lock", &["-s", "x"]);
    let lock = cluster.lock("x").unwrap();
    assert_eq!((&lock["mode"], &lock["holding"]), (&json!("shared"), &json!(2)));
    assert!(stdout(&cluster.run("show", &["x"])).contains("shared by 2"));
    assert_eq!(code(&cluster.run("lock", &["-n", "x", "--", "true"])), Some(124));
    let mut writer = cluster.tenure("lock", &["x", "--", "true"]).spawn().unwrap();
    let waiting = cluster.until_waiting("x", 1);
    assert_eq!(waiting["queue"][0]["mode"], "exclusive");
    // A reader behind a writer waits for it.
    assert_eq!(code(&cluster.run("lock", &["-n", "-s", "x", "--", "true"])), Some(124));
    assert_eq!((first.end(), second.end()), (Some(0), Some(0)));
    assert_eq!(writer.wait().unwrap().code(), Some(0));
}

#[test]
fn a_semaphore_lets_so_many_in_and_all_must_agree_on_its_size() {
    let cluster = Cluster::start_calm();
    let one = cluster.begin("lock", &["--limit", "3", "x"]);
    let two = cluster.begin("lock", &["--limit", "3", "--permits", "2", "x"]);
    let lock = cluster.lock("x").unwrap();
    assert_eq!((&lock["limit"], &lock["taken"]), (&json!(3), &json!(3)));
    assert_eq!(lock["others"][0]["permits"], 2);
    assert!(stdout(&cluster.run("show", &["x"])).contains("3 of 3"));
    assert_eq!(code(&cluster.run("lock", &["-n", "--limit", "3", "x", "--", "true"])), Some(124));
    let other = cluster.run("lock", &["-n", "--limit", "4", "x", "--", "true"]);
    assert_eq!(code(&other), Some(125), "{}", sentence(&other));
    assert_eq!((one.end(), two.end()), (Some(0), Some(0)));
}

#[test]
fn a_value_is_shown_with_the_holder() {
    let cluster = Cluster::start_calm();
    let running = cluster.begin("lock", &["--value", "build 17", "--client", "worker-3", "x"]);
    let lock = cluster.lock("x").unwrap();
    assert_eq!((&lock["value"], &lock["holder"]), (&json!("build 17"), &json!("worker-3")));
    assert_eq!(running.end(), Some(0));
}

#[test]
fn a_lock_whose_holder_vanished_is_delayed() {
    let cluster = Cluster::start_calm();
    let mut running = cluster.begin("lock", &["--ttl", "300ms", "--delay", "1h", "x"]);
    signal(&running.child, "KILL");
    running.child.wait().unwrap();
    let delayed = crate::program::eventually("it is delayed", || {
        cluster.lock("x").filter(|lock| lock["delayed"] == true)
    });
    assert_eq!((&delayed["holder"], &delayed["token"]), (&Value::Null, &json!(0)));
    assert!(stdout(&cluster.run("show", &["x"])).contains("x     delayed  -"));
    let output = cluster.run("lock", &["-n", "x", "--", "true"]);
    let why = sentence(&output);
    assert_eq!(code(&output), Some(124));
    assert!(why.contains("the delay after its last holder is not over"), "{why}");
}

#[test]
fn what_the_program_prints_is_what_describe_says() {
    let cluster = Cluster::start_calm();
    let running = cluster.begin("lock", &["jobs/a"]);
    let client = cluster.client("looker");
    let parse = |text: &str| -> Value { serde_json::from_str(text).unwrap() };
    for (what, name, arguments) in
        [("lock", "jobs/a", &["jobs/a", "--json"][..]), ("locks", "jobs/", &["jobs/", "--json"])]
    {
        let mut described = parse(&client.describe(what, name).unwrap());
        let mut printed = parse(&stdout(&cluster.run("show", arguments)));
        for value in [&mut described, &mut printed] {
            let remaining = value["locks"][0]["remaining_ms"].take();
            assert!(remaining.as_u64().unwrap() > 0, "{remaining}");
        }
        assert_eq!(described, printed, "{what}");
    }
    let session = parse(&client.describe("session", "").unwrap());
    assert_eq!(session["session"]["client"], "looker");
    assert_eq!(parse(&client.describe("session", "1").unwrap())["session"], Value::Null);
    let nodes = parse(&client.describe("cluster", "").unwrap());
    let keys =
        |value: &Value| value["nodes"][0].as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(keys(&nodes), keys(&parse(&stdout(&cluster.run("status", &["--json"])))));
    for (what, name) in [("weather", ""), ("lock", ""), ("session", "x")] {
        assert_eq!(
            client.describe(what, name).unwrap_err().status,
            tenure::Status::Invalid,
            "{what}"
        );
    }
    assert_eq!(running.end(), Some(0));
    assert_eq!(code(&run(&["show", "--endpoints", &cluster.endpoints()])), Some(0));
}
