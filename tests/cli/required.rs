//! What rights demand of nodes, and what a restore brings back: on real processes.

use crate::access::Secured;
use crate::program::{Cluster, code, eventually, free_ports, run, sentence, stdout, tenure};
use crate::secured::{Papers, leader, run_as};
use std::cell::Cell;
use std::fs::{self, File};
use std::path::Path;
use std::rc::Rc;

/// A cluster whose nodes are started at `tls`, without certificates and with `--insecure` while that is nothing; the log of each is in
/// `directory`.
fn logged(papers: &Papers, tls: &Rc<Cell<&'static str>>, directory: &Path) -> Cluster {
    let (at, directory) = (Rc::clone(tls), directory.to_owned());
    papers.cluster_at(tls, move |id, command| {
        let log = File::options().append(true).create(true).open(directory.join(id.to_string()));
        command.stderr(log.unwrap());
        if at.get().is_empty() {
            command.arg("--insecure");
        }
    })
}

/// Rights come on; before that `first` is done, with a node that does not lead.
fn turn_on(
    cluster: &mut Cluster,
    papers: &Papers,
    first: impl FnOnce(&mut Cluster, usize),
) -> usize {
    let alice = papers.flags("operator-alice");
    let follower = leader(cluster, &alice) % 3 + 1;
    let on = ["on", "--admin", "operator/alice"];
    // Once more for what is awaited first: the level, and that all are connected.
    let list = access(cluster, &alice, &["list"]);
    assert!(stdout(&list).contains("rights are off"), "{list:?}");
    eventually("all are at the level of rights", || {
        let status = run_as(cluster, &alice, "status", &["--json"]);
        let status: serde_json::Value = serde_json::from_slice(&status.stdout).ok()?;
        status["nodes"].as_array()?.iter().all(|node| node["level"] == 3).then_some(())
    });
    first(cluster, follower);
    let output = access(cluster, &alice, &on);
    assert_eq!(code(&output), Some(0), "{output:?}");
    follower
}

fn access(cluster: &Cluster, flags: &[String], words: &[&str]) -> std::process::Output {
    let (endpoints, flags) = (cluster.endpoints(), flags.iter().map(String::as_str));
    let flags: Vec<&str> = flags.collect();
    run(&[&["access"], words, &["--endpoints", &endpoints, "--timeout", "30s"], &flags].concat())
}

#[track_caller]
fn ends_with_a_sentence(cluster: &mut Cluster, node: usize, directory: &Path) {
    assert_eq!(cluster.wait_for(node), Some(2));
    let log = fs::read_to_string(directory.join(node.to_string())).unwrap();
    let last = log.lines().last().unwrap_or_default();
    let parts =
        ["rights are on in this cluster", "--ca, --cert and --key", "--tls optional", "--insecure"];
    assert!(parts.iter().all(|part| last.contains(part)), "{log}");
    fs::remove_file(directory.join(node.to_string())).unwrap();
}

#[test]
fn with_rights_on_no_node_starts_that_would_take_connections_without_tls() {
    let (papers, directory) = (Papers::new(), tempfile::tempdir().unwrap());
    let tls = Rc::new(Cell::new("required"));
    let mut cluster = logged(&papers, &tls, directory.path());
    let node = turn_on(&mut cluster, &papers, |_, _| ());
    // Whatever it starts with next, it knows that rights are on, of its own log or soon of the others'.
    for stage in ["optional", ""] {
        let alice = papers.flags("operator-alice");
        eventually("it has heard of it", || {
            let status = run_as(&cluster, &alice, "status", &["--json"]);
            let status: serde_json::Value = serde_json::from_slice(&status.stdout).ok()?;
            let nodes = status["nodes"].as_array()?.iter();
            let applied: Vec<_> = nodes.map(|node| node["applied"].as_u64()).collect();
            applied.windows(2).all(|two| two[0].is_some() && two[0] == two[1]).then_some(())
        });
        cluster.kill(node);
        tls.set(stage);
        cluster.start_node(node);
        ends_with_a_sentence(&mut cluster, node, directory.path());
        tls.set("required");
        cluster.start_node(node);
    }
}

#[test]
fn rights_that_come_on_by_the_log_end_a_node_that_takes_connections_without_tls() {
    let (papers, directory) = (Papers::new(), tempfile::tempdir().unwrap());
    let tls = Rc::new(Cell::new("required"));
    let mut cluster = logged(&papers, &tls, directory.path());
    // It stands still, connected, while they come on, and so has not heard of it.
    let node = turn_on(&mut cluster, &papers, |cluster, node| cluster.signal(node, "STOP"));
    cluster.kill(node);
    tls.set("optional");
    cluster.start_node(node);
    ends_with_a_sentence(&mut cluster, node, directory.path());
}

#[test]
fn a_restore_says_that_what_was_revoked_since_the_backup_is_allowed_again_and_so_it_is() {
    let it = Secured::new();
    let file = it.papers.path("backup");
    let rule = ["client/billing", "acquire", "jobs/"];
    it.says(&[&["allow"], &rule[..]].concat(), 0, "is allowed");
    it.says(&["on", "--admin", "operator/alice"], 0, "rights are on");
    let saved = run(&[
        &["snapshot", "save", &file, "--endpoints", &it.cluster.endpoints()],
        &it.papers.flags("operator-alice").iter().map(String::as_str).collect::<Vec<_>>()[..],
    ]
    .concat());
    assert_eq!(code(&saved), Some(0), "{saved:?}");
    it.says(&[&["deny"], &rule[..]].concat(), 0, "is allowed no more");
    it.says(&["test", "client/billing", "acquire", "jobs/x"], 1, "no");
    let (data, own) = (it.papers.path("data"), format!("127.0.0.1:{}", free_ports(1)[0]));
    let (papers, members) = (&it.papers, format!("1={own}"));
    let node = ["--id", "1", "--data", &data, "--cluster", &members];
    let restored = run(&[&["snapshot", "restore", &file, "--waive-wait"], &node[..]].concat());
    let said = stdout(&restored);
    assert_eq!(code(&restored), Some(0), "{restored:?}");
    let expected = "rights are on, with the 3 rules of the snapshot: what was revoked since it was made is allowed again";
    assert!(said.contains(expected), "{said}");
    let flags = papers.flags("node-1");
    let mut serve = tenure(&[&["serve"], &node[..]].concat());
    let mut serve = serve.args(flags).stderr(std::process::Stdio::null()).spawn().unwrap();
    let alice = papers.flags("operator-alice");
    let alice: Vec<&str> = alice.iter().map(String::as_str).collect();
    let tested = eventually("it leads", || {
        let words = ["access", "test", "client/billing", "acquire", "jobs/x"];
        let output = run(&[&words[..], &["--endpoints", &own], &alice].concat());
        (code(&output) != Some(3)).then_some(output)
    });
    assert_eq!(
        (code(&tested), stdout(&tested).as_str()),
        (Some(0), "yes\n"),
        "{}",
        sentence(&tested)
    );
    serve.kill().unwrap();
    serve.wait().unwrap();
}
