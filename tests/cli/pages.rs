//! The command lines of the pages, typed as they stand there, with the paths and addresses of a test in place of theirs: here
//! those of docs/recovery.md and docs/upgrade.md, and what those pages quote.

mod daily;
mod rights;
mod text;
mod whole;

use crate::extracts::left_by;
use crate::printed::{shell, types};
use crate::program::{Cluster, code, eventually, free_ports, stdout};
use crate::secured::Papers;
use serde_json::Value;
use std::process::{Child, Output, Stdio};
use tenure::base::NodeId;
use tenure::client::ClusterStatus;
use tenure::wire::NodeStatus;
use text::{lines, with};

#[track_caller]
pub fn done(line: &str) -> String {
    let output: Output = types(line);
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert_eq!(code(&output), Some(0), "{line}: {complaints}");
    stdout(&output)
}

/// Programs that run until the test ends.
#[derive(Default)]
pub struct Background(pub Vec<Child>);

impl Background {
    fn start(&mut self, line: &str) {
        let mut command = shell(&format!("exec {line}"));
        self.0.push(command.stderr(Stdio::null()).spawn().expect("bash runs"));
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        for child in &mut self.0 {
            // It may have ended by itself.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

#[test]
fn l15_the_lines_of_the_last_resort_lead_to_a_cluster_that_waits() {
    let lines = lines("recovery.md", "A majority lost, and there is no backup");
    let [extract, restore, serve] = &lines[..] else { panic!("three lines: {lines:?}") };
    let (scratch, data) = left_by(1);
    let papers = Papers::new();
    let addresses = free_ports(3).into_iter().map(|port| format!("127.0.0.1:{port}"));
    let addresses: Vec<String> = addresses.collect();
    let file = scratch.path().join("left");
    let words = |line: &str, id: &str| {
        let new = scratch.path().join(format!("new-{id}"));
        let path = |path: &std::path::Path| path.to_str().unwrap().to_owned();
        let (own, id) = (format!("node-{id}."), format!("--id {id} "));
        let own = papers.path(&own);
        with(
            line,
            &[
                ("--id 1 ", &id),
                ("node-1.", &own),
                ("ca.crt", &papers.path("ca.crt")),
                ("/var/lib/tenure-new", &path(&new)),
                ("/var/lib/tenure", &path(&data)),
                ("/root/left-1", &path(&file)),
                ("10.0.0.1:7401", &addresses[0]),
                ("10.0.0.2:7401", &addresses[1]),
                ("10.0.0.3:7401", &addresses[2]),
            ],
        )
    };
    assert!(done(&words(extract, "1")).contains("something may be missing"));
    let mut nodes = Background::default();
    for id in ["1", "2", "3"] {
        assert!(done(&words(restore, id)).contains("restored as epoch 1"));
    }
    ["1", "2", "3"].iter().for_each(|id| nodes.start(&words(serve, id)));
    let flags = papers.flags("operator-alice").join(" ");
    let ask = format!("tenure status --json --endpoints {} {flags}", addresses.join(","));
    eventually("the new cluster says that it waits", || {
        let value: Value = serde_json::from_slice(&types(&ask).stdout).ok()?;
        (value["state"] == "restoring" && value["until_ms"].as_u64().is_some()).then_some(())
    });
}

#[test]
fn the_lines_for_one_machine_replace_it() {
    let papers = Papers::new();
    papers.make(&["node", "4", "127.0.0.1"]);
    let mut cluster = papers.cluster();
    let leads = |cluster: &Cluster| {
        let flags = papers.flags("operator-alice").join(" ");
        let ask = format!("tenure status --json --endpoints {} {flags}", cluster.endpoints());
        eventually("one leads", || {
            let value: Value = serde_json::from_slice(&types(&ask).stdout).ok()?;
            value["leader"].as_u64()
        })
    };
    leads(&cluster);
    cluster.kill(2);
    let lines = lines("recovery.md", "One machine lost");
    let [remove, add, serve, promote] = &lines[..] else { panic!("four lines: {lines:?}") };
    let addresses: Vec<String> = cluster.endpoints().split(',').map(str::to_owned).collect();
    let (scratch, fourth) =
        (tempfile::tempdir().unwrap(), format!("127.0.0.1:{}", free_ports(1)[0]));
    let data = scratch.path().join("data");
    let words = |line: &str| {
        let line = with(
            line,
            &[
                ("/var/lib/tenure", data.to_str().unwrap()),
                ("10.0.0.1:7401", &addresses[0]),
                ("10.0.0.3:7401", &addresses[2]),
                ("10.0.0.4:7401", &fourth),
                (
                    "--ca ca.crt --cert node-4.crt --key node-4.key",
                    &papers.flags("node-4").join(" "),
                ),
            ],
        );
        let [ca, cert, key] =
            ["ca.crt", "operator-alice.crt", "operator-alice.key"].map(|file| papers.path(file));
        let variables = format!("TENURE_CA={ca} TENURE_CERT={cert} TENURE_KEY={key}");
        format!(
            "env TENURE_ENDPOINTS={} TENURE_TIMEOUT=30s {variables} {line}",
            cluster.endpoints()
        )
    };
    leads(&cluster);
    done(&words(remove));
    done(&words(add));
    let mut node = Background::default();
    node.start(&words(serve));
    eventually("it has the log", || (code(&types(&words(promote))) == Some(0)).then_some(()));
    let members = done(&words("tenure member list"));
    assert!(!members.contains("learner") && members.contains(&fourth), "{members}");
}

#[test]
fn the_lines_that_look_and_save_do() {
    let cluster = Cluster::start_calm();
    cluster.leader();
    let scratch = tempfile::tempdir().unwrap();
    let file = scratch.path().join("backup");
    let file = file.to_str().unwrap();
    let words = |line: &str| {
        let paths = [("/backup/before-0.2.0", file), ("/backup/tenure-2026-11-23", file)];
        format!("export TENURE_ENDPOINTS={}; {}", cluster.endpoints(), with(line, &paths))
    };
    let before = lines("upgrade.md", "Before");
    let [check, save] = &before[..] else { panic!("two lines: {before:?}") };
    eventually("all nodes serve", || (code(&types(&words(check))) == Some(0)).then_some(()));
    assert!(done(&words(save)).contains(": entry "));
    let by_node = lines("upgrade.md", "Node by node");
    let [stop, install, start, wait, ..] = &by_node[..] else { panic!("four lines: {by_node:?}") };
    assert!([stop, install, start].iter().all(|line| line.contains("tenure")), "{by_node:?}");
    done(&words(wait));
    let first = lines("recovery.md", "Recovery");
    let [status] = &first[..] else { panic!("one line: {first:?}") };
    assert!(done(&words(status)).contains("leader"));
}

#[test]
fn the_lines_for_a_backup_lead_to_a_cluster_that_waits() {
    let (cluster, papers) = (Cluster::start_calm(), Papers::new());
    cluster.leader();
    let (scratch, file) = (tempfile::tempdir().unwrap(), papers.path("backup"));
    done(&format!("tenure snapshot save {file} --endpoints {}", cluster.endpoints()));
    drop(cluster);
    let lines = lines("recovery.md", "A majority lost, and there is a backup");
    let [inspect, restore, serve] = &lines[..] else { panic!("three lines: {lines:?}") };
    let addresses = free_ports(3).into_iter().map(|port| format!("127.0.0.1:{port}"));
    let addresses: Vec<String> = addresses.collect();
    let words = |line: &str, id: &str| {
        let data = scratch.path().join(id);
        let own = papers.flags(&format!("node-{id}")).join(" ");
        with(
            line,
            &[
                ("--id 1 ", &format!("--id {id} ")),
                ("/var/lib/tenure", data.to_str().unwrap()),
                ("/backup/tenure-2026-11-23", &file),
                ("--ca ca.crt --cert node-1.crt --key node-1.key", &own),
                ("10.0.0.1:7401", &addresses[0]),
                ("10.0.0.2:7401", &addresses[1]),
                ("10.0.0.3:7401", &addresses[2]),
            ],
        )
    };
    assert!(done(&words(inspect, "1")).contains("intact"));
    let mut nodes = Background::default();
    for id in ["1", "2", "3"] {
        assert!(done(&words(restore, id)).contains("restored as epoch 1"));
    }
    ["1", "2", "3"].iter().for_each(|id| nodes.start(&words(serve, id)));
    let flags = papers.flags("operator-alice").join(" ");
    let ask = format!("tenure status --json --endpoints {} {flags}", addresses.join(","));
    eventually("the new cluster says that it waits", || {
        let value: Value = serde_json::from_slice(&types(&ask).stdout).ok()?;
        (value["state"] == "restoring").then_some(())
    });
}

#[test]
fn the_line_that_moves_a_survivors_address_is_obeyed() {
    let cluster = Cluster::start_calm();
    let leader = cluster.leader();
    let page = lines("recovery.md", "A majority of machines lost, and their directories are there");
    let [moves] = &page[..] else { panic!("one line: {page:?}") };
    let other = if leader == 1 { 2 } else { 1 };
    let (to, id) = (format!("127.0.0.1:{}", free_ports(1)[0]), format!("move {other} "));
    let line = with(moves, &[("move 1 ", &id), ("10.0.1.1:7401", &to)]);
    done(&format!("env TENURE_TIMEOUT=30s TENURE_ENDPOINTS={} {line}", cluster.endpoints()));
    let list = done(&format!("tenure member list --endpoints {}", cluster.endpoints()));
    assert!(list.contains(&to), "{list}");
}

#[test]
fn what_the_upgrade_page_quotes_of_status_is_what_it_says() {
    let page = std::fs::read_to_string(format!("{}/docs/upgrade.md", env!("CARGO_MANIFEST_DIR")));
    let page = page.expect("a page");
    let node = |id: u64, version: &str, role: &str| {
        let waits = (role == "leader").then(|| "node 3 is not connected".to_owned());
        let status = NodeStatus {
            node: NodeId(id),
            role: role.into(),
            version: version.into(),
            level: (version == "0.2.0").then_some(1),
            level_waits: waits,
            ..NodeStatus::default()
        };
        (format!("127.0.0.1:{id}"), Ok(status))
    };
    let mixed =
        [node(1, "0.2.0", "leader"), node(2, "0.1.0", "follower"), node(3, "0.1.0", "follower")];
    let remarks = ClusterStatus::of(mixed.into()).remarks();
    assert_eq!(remarks.len(), 2, "{remarks:?}");
    for remark in remarks {
        assert!(page.contains(&format!("    {remark}\n")), "{remark}");
    }
}
