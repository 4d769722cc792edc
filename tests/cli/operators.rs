//! Members, moves of leadership and snapshots, against three real processes.

use crate::program::{Cluster, code, eventually, free_ports, run, sentence, stdout};
use serde_json::Value;
use std::process::Output;

fn operate(cluster: &Cluster, arguments: &[&str]) -> Output {
    let endpoints = cluster.endpoints();
    run(&[arguments, &["--endpoints", &endpoints, "--timeout", "30s"]].concat())
}

fn check_refused(cluster: &Cluster, arguments: &[&str], part: &str) {
    let output = operate(cluster, arguments);
    let sentence = sentence(&output);
    assert_eq!(code(&output), Some(1), "{arguments:?}: {sentence}");
    assert!(sentence.contains(part), "{arguments:?}: {part:?} is not in {sentence:?}");
}

fn members(cluster: &Cluster) -> Value {
    let output = operate(cluster, &["member", "list", "--json"]);
    serde_json::from_slice(&output.stdout).expect("member list prints JSON")
}

#[test]
fn members_are_listed_with_what_they_count_for_and_how_far_they_are() {
    let cluster = Cluster::start_calm();
    let leader = cluster.leader() as u64;
    let listed = eventually("all members are where the leader is", || {
        let listed = members(&cluster);
        let all = listed["members"].as_array().expect("a list").clone();
        all.iter().all(|member| member["behind"] == 0).then_some(all)
    });
    assert_eq!(listed.len(), 3);
    assert!(listed.iter().all(|member| member["seat"] == "voter"), "{listed:?}");
    let leading = listed.iter().find(|member| member["role"] == "leader").expect("one leads");
    assert_eq!(leading["id"].as_u64(), Some(leader));
    let text = stdout(&operate(&cluster, &["member", "list"]));
    assert!(text.starts_with("ID  ADDRESS") && text.lines().count() == 4, "{text}");
}

#[test]
fn an_added_member_is_told_how_to_join_and_what_cannot_be_is_refused() {
    let cluster = Cluster::start_calm();
    let address = format!("127.0.0.1:{}", free_ports(1)[0]);
    check_refused(&cluster, &["member", "promote", "4"], "node 4 is not a member");
    let added = operate(&cluster, &["member", "add", "4", &address]);
    let text = stdout(&added);
    assert_eq!(code(&added), Some(0), "{}", String::from_utf8_lossy(&added.stderr));
    assert!(text.contains(&format!("serve --id 4 --data DIR --listen {address} --join")), "{text}");
    check_refused(&cluster, &["member", "add", "4", &address], "a member already");
    check_refused(&cluster, &["member", "promote", "4"], "start it with --join first");
    let moved = operate(&cluster, &["member", "move", "4", "127.0.0.1:9"]);
    assert!(stdout(&moved).contains("--listen 127.0.0.1:9"), "{}", stdout(&moved));
    assert_eq!(members(&cluster)["members"][3]["address"], "127.0.0.1:9");
    assert!(!text.contains("--insecure"), "{text}");
    // Beyond loopback the commands are not obeyed without it.
    let moved = operate(&cluster, &["member", "move", "4", "10.0.0.4:7401"]);
    assert!(stdout(&moved).contains("--listen 10.0.0.4:7401 --insecure\n"), "{}", stdout(&moved));
    let added = operate(&cluster, &["member", "add", "5", "db.example:7401"]);
    assert!(stdout(&added).contains("--listen db.example:7401 --join"), "{}", stdout(&added));
    assert!(stdout(&added).contains(" --insecure\n"), "{}", stdout(&added));
    let removed = operate(&cluster, &["member", "remove", "4"]);
    assert!(stdout(&removed).contains("no member any more"), "{}", stdout(&removed));
    check_refused(&cluster, &["member", "add", "4", &address], "never used again");
}

#[test]
fn a_vote_is_taken_and_given_back() {
    let cluster = Cluster::start_calm();
    let node = (1..=3).find(|id| *id != cluster.leader()).unwrap();
    let other = node.to_string();
    let demoted = operate(&cluster, &["member", "demote", &other]);
    assert!(stdout(&demoted).contains("no vote any more"), "{}", stdout(&demoted));
    let seat = |listed: Value| {
        let all = listed["members"].as_array().expect("a list").clone();
        let found = all.into_iter().find(|member| member["id"] == node);
        found.expect("it is one")["seat"].clone()
    };
    assert_eq!(seat(members(&cluster)), "learner");
    let promoted = eventually("it may vote again once it has shown that it keeps up", || {
        Some(operate(&cluster, &["member", "promote", &other])).filter(|it| code(it) == Some(0))
    });
    assert_eq!(stdout(&promoted), format!("node {node} votes now\n"), "three is no even number");
    assert_eq!(seat(members(&cluster)), "voter");
}

#[test]
fn leadership_moves_to_the_node_that_is_named() {
    let cluster = Cluster::start_calm();
    let to = (1..=3).find(|id| *id != cluster.leader()).unwrap().to_string();
    eventually("it leads", || {
        let moved = operate(&cluster, &["move-leader", &to]);
        (code(&moved) == Some(0)).then(|| {
            assert!(stdout(&moved).starts_with(&format!("node {to} leads term ")));
        })
    });
    check_refused(&cluster, &["move-leader", "9"], "9");
}

#[test]
fn the_leader_is_demoted_and_removed_by_one_command_each_and_ends_with_its_sentence() {
    let mut cluster = Cluster::start_calm();
    for command in ["demote", "remove"] {
        let leader = cluster.leader();
        let done = operate(&cluster, &["member", command, &leader.to_string()]);
        assert_eq!(code(&done), Some(0), "{command}: {}", String::from_utf8_lossy(&done.stderr));
        eventually("another leads", || (cluster.leader() != leader).then_some(()));
        if command == "remove" {
            assert_eq!(cluster.wait_for(leader), Some(2));
        }
    }
}

#[test]
fn a_saved_snapshot_holds_what_was_granted_before() {
    let cluster = Cluster::start_calm();
    let output = cluster.run("lock", &["x", "--", "sh", "-c", "echo $TENURE_TOKEN"]);
    let token: u64 = stdout(&output).trim_end().parse().unwrap();
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("backup");
    let file = file.to_str().unwrap();
    let saved = operate(&cluster, &["snapshot", "save", file]);
    assert_eq!(code(&saved), Some(0), "{}", String::from_utf8_lossy(&saved.stderr));
    assert!(stdout(&saved).starts_with(&format!("{file}: entry ")), "{}", stdout(&saved));
    let inspected = run(&["snapshot", "inspect", file, "--json"]);
    let value: Value = serde_json::from_slice(&inspected.stdout).unwrap();
    assert_eq!(value["newest_token"].as_u64(), Some(token));
    assert_eq!(value["members"].as_array().map(Vec::len), Some(3));
}

#[test]
fn only_a_member_may_join() {
    let cluster = Cluster::start_calm();
    // Nodes that do not listen yet tell nobody who the members are.
    cluster.leader();
    let data = tempfile::tempdir().unwrap();
    let data = data.path().to_str().unwrap();
    let endpoints = cluster.endpoints();
    let output = run(&["serve", "--id", "5", "--data", data, "--join", &endpoints]);
    assert_eq!(code(&output), Some(2));
    let add = format!("`tenure member add --endpoints {endpoints} 5 HOST:PORT`");
    assert!(sentence(&output).contains(&add), "{}", sentence(&output));
    let nobody = format!("127.0.0.1:{}", free_ports(1)[0]);
    let output = run(&["serve", "--id", "5", "--data", data, "--join", &nobody]);
    assert_eq!(code(&output), Some(3));
    assert!(sentence(&output).contains(&nobody), "{}", sentence(&output));
}

/// The cluster's id, as its status says.
fn id_of(cluster: &Cluster) -> String {
    eventually("it is founded", || {
        let output = operate(cluster, &["status", "--json"]);
        let status: Value = serde_json::from_slice(&output.stdout).ok()?;
        status["cluster_id"].as_str().map(str::to_owned)
    })
}

#[test]
fn l26_endpoints_of_two_clusters_are_refused_with_both_ids_and_a_pin_chooses() {
    let (one, other) = (Cluster::start_calm(), Cluster::start_calm());
    let ids = [id_of(&one), id_of(&other)];
    let endpoints = format!("{},{}", one.endpoints(), other.endpoints());
    let on = |command: &[&str], more: &[&str]| {
        run(&[command, &["--endpoints", &endpoints, "--timeout", "30s"], more].concat())
    };
    let commands = [
        (["status"].as_slice(), 3, [].as_slice()),
        (&["status", "--check"], 3, &[]),
        (&["show"], 3, &[]),
        (&["member", "list"], 3, &[]),
        (&["lock"], 125, &["l26", "--", "true"]),
        (&["elect", "--value", "v"], 125, &["l26", "--", "true"]),
    ];
    for (command, exit, more) in commands {
        let output = on(command, more);
        let said = sentence(&output);
        assert_eq!(code(&output), Some(exit), "{command:?}: {said}");
        assert!(ids.iter().all(|id| said.contains(id)), "{command:?}: {said}");
        assert!(said.contains("only a pin is proof"), "{command:?}: {said}");
    }
    let pinned = on(&["lock", "--cluster-id", &ids[1]], &["l26", "--", "true"]);
    assert_eq!(code(&pinned), Some(0), "{}", String::from_utf8_lossy(&pinned.stderr));
}
