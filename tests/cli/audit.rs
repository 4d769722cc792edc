//! Who may operate a cluster, and what is written of it.

use crate::program::{Cluster, code, eventually, run, sentence};
use crate::secured::{Papers, leader};
use serde_json::Value;
use std::path::{Path, PathBuf};

/// Nodes that speak TLS and keep a trail in `directory`.
fn audited(papers: &Papers, directory: &Path) -> Cluster {
    let directory = directory.to_owned();
    papers.cluster_with(move |id, command| {
        command.arg("--audit").arg(trail(&directory, id));
    })
}

fn trail(directory: &Path, node: usize) -> PathBuf {
    directory.join(format!("audit-{node}.jsonl"))
}

/// All lines of all nodes.
fn lines(directory: &Path) -> Vec<Value> {
    let of = |node| std::fs::read_to_string(trail(directory, node)).unwrap_or_default();
    let all = [1, 2, 3].map(of).concat();
    all.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect()
}

/// The line of this action and result, once it is there.
fn line(directory: &Path, action: &str, result: &str) -> Value {
    eventually(&format!("a line of {action}: {result}"), || {
        let found = |line: &Value| {
            line["action"] == action && line["result"].as_str().unwrap().starts_with(result)
        };
        lines(directory).into_iter().find(found)
    })
}

#[test]
fn clients_operate_nothing_and_operators_leave_a_trail() {
    let papers = Papers::new();
    let directory = tempfile::tempdir().unwrap();
    let cluster = audited(&papers, directory.path());
    let (client, operator) = (papers.flags("client-billing"), papers.flags("operator-alice"));
    leader(&cluster, &operator);
    let backup = directory.path().join("backup");
    let backup = backup.to_str().unwrap();
    let denied: [(&[&str], &str); 4] = [
        (&["move-leader"], "move-leader"),
        (&["snapshot", "save", backup], "save-snapshot"),
        (&["member", "remove", "3"], "remove-member"),
        (&["break", "x", "--now", "--reason", "mine"], "break-now"),
    ];
    let endpoints = cluster.endpoints();
    let run_as = |flags: &[String], words: &[&str]| {
        let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
        run(&[words, &["--endpoints", &endpoints], &flags].concat())
    };
    for (words, action) in denied {
        let output = run_as(&client, words);
        let said = sentence(&output);
        assert!(said.contains("client/billing may use locks, and not operate"), "{output:?}");
        assert_ne!(code(&output), Some(0));
        let line = line(directory.path(), action, "denied");
        let from = ["principal", "address"].map(|key| line[key].as_str().unwrap());
        assert_eq!(from, ["client/billing", "127.0.0.1"]);
    }
    assert!(!Path::new(backup).exists());
    // To ask a holder is a client's right.
    let asked = run_as(&client, &["break", "x"]);
    assert_eq!(code(&asked), Some(1), "nobody holds it: {asked:?}");
    assert_eq!(line(directory.path(), "break", "nobody holds it so")["lock"], "x");
    for (words, action) in &denied[..2] {
        let output = run_as(&operator, words);
        assert_eq!(code(&output), Some(0), "{output:?}");
        let result = if *action == "save-snapshot" { "sent" } else { "done" };
        assert_eq!(line(directory.path(), action, result)["principal"], "operator/alice");
    }
}
