//! `tenure snapshot extract` on what nodes of 0.1.0 left behind.

use crate::program::{code, run, sentence, stdout};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;
use tempfile::TempDir;
use tenure::node::FileDisk;

const SAID: &str = "--others-never-return";

/// A copy of the directory of a node that was stopped.
pub fn left_by(node: u64) -> (TempDir, PathBuf) {
    let scratch = tempfile::tempdir().unwrap();
    let data = scratch.path().join("data");
    fs::create_dir(&data).unwrap();
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/0.1.0/data");
    let from = from.join(format!("node-{node}"));
    for line in fs::read_to_string(from.join("lengths")).unwrap().lines() {
        let (name, length) = line.split_once(' ').unwrap();
        fs::copy(from.join(name), data.join(name)).unwrap();
        let file = fs::OpenOptions::new().write(true).open(data.join(name)).unwrap();
        file.set_len(length.parse().unwrap()).unwrap();
    }
    (scratch, data)
}

fn files(data: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let paths = fs::read_dir(data).unwrap().map(|entry| entry.unwrap().path());
    paths.map(|path| (path.clone(), fs::read(&path).unwrap())).collect()
}

fn extract(data: &Path, out: &Path, flags: &[&str]) -> Output {
    let [data, out] = [data, out].map(|path| path.to_str().unwrap());
    run(&[&["snapshot", "extract", "--data", data, out], flags].concat())
}

fn check(output: &Output, expected: i32, part: &str) {
    let sentence = sentence(output);
    assert_eq!(code(output), Some(expected), "{sentence}");
    assert!(sentence.contains(part), "{part:?} is not in {sentence:?}");
}

#[test]
fn l15_what_a_node_left_becomes_a_file_that_inspect_and_restore_take() {
    let (scratch, data) = left_by(1);
    let (out, before) = (scratch.path().join("out"), files(&data));
    let text = stdout(&extract(&data, &out, &[SAID]));
    for part in [
        ": entry 188 of term 1 with 5 locks of 6 sessions, ",
        "of node 1 alone\n",
        "from entry 175 on something may be missing: what is here of it, to entry 188, was perhaps never committed",
        "it takes epoch 1; name another one (--epoch)",
        "next, on each node of the new cluster: tenure snapshot restore ",
    ] {
        assert!(text.contains(part), "{part:?} is not in {text:?}");
    }
    assert_eq!(files(&data), before, "the directory is left as it was");
    let file = out.to_str().unwrap();
    let shown = stdout(&run(&["snapshot", "inspect", file]));
    let row = "extracted       from node 1 alone: something may be missing\n";
    assert!(shown.contains(row) && shown.contains("newest token    45\n"), "{shown}");
    let new = scratch.path().join("new");
    let line = ["snapshot", "restore", file, "--id", "1", "--data", new.to_str().unwrap()];
    let cluster = ["--cluster", "1=127.0.0.1:7401"];
    let text = stdout(&run(&[&line[..], &cluster].concat()));
    for part in [
        "restored as epoch 1: all sessions have ended, and all tokens are larger than 281474976710701\n",
        "extracted from the directory of node 1 alone: no other node of the old cluster may ever run again",
        "; the old one was 6f3cbe74b66934959bd47fe8dbe9197a: clients of it come over by themselves",
        "for the first 1h with a leader no lock is granted",
    ] {
        assert!(text.contains(part), "{part:?} is not in {text:?}");
    }
    std::fs::remove_dir_all(&new).unwrap();
    let text = stdout(&run(&[&line[..], &cluster, &[SAID]].concat()));
    assert!(text.contains("restored as epoch 1") && !text.contains("may ever run again"), "{text}");
}

#[test]
fn l15_the_node_that_got_most_says_so_in_json() {
    let extracted = [1, 2, 3].map(|node| {
        let (scratch, data) = left_by(node);
        let output = extract(&data, &scratch.path().join("out"), &[SAID, "--json"]);
        let value: Value = serde_json::from_slice(&output.stdout).unwrap();
        let figure = |key: &str| value[key].as_u64().unwrap();
        assert_eq!(figure("perhaps_missing_from"), figure("surely_committed") + 1);
        assert_eq!(value["cluster_id"], "6f3cbe74b66934959bd47fe8dbe9197a");
        (figure("node"), figure("term"), figure("index"), figure("surely_committed"))
    });
    assert_eq!(extracted, [(1, 1, 188, 174), (2, 2, 190, 188), (3, 2, 191, 190)]);
}

#[test]
fn that_no_other_node_returns_must_be_said() {
    let (scratch, data) = left_by(1);
    let out = scratch.path().join("out");
    let part = "a majority that is only cut off goes on granting, and then no wait protects";
    check(&extract(&data, &out, &[]), 2, part);
    assert!(!out.exists());
}

#[test]
fn w5_damage_is_told_and_nothing_of_it_is_skipped() {
    let (scratch, data) = left_by(2);
    let (out, log) = (scratch.path().join("out"), data.join("log-00000000000000000001"));
    let mut bytes = fs::read(&log).unwrap();
    bytes[2000] ^= 1;
    fs::write(&log, bytes).unwrap();
    let refused = extract(&data, &out, &[SAID]);
    check(&refused, 2, "log-00000000000000000001 is damaged at byte 1928");
    check(&refused, 2, "Damage is never skipped over: try the directory of another node");
    assert!(!sentence(&refused).contains("new member"), "there is no cluster to join");
    fs::remove_file(&log).unwrap();
    check(&extract(&data, &out, &[SAID]), 2, "log-00000000000000000001 is missing");
    assert!(!out.exists());
}

#[test]
fn a_directory_in_use_and_one_that_is_none_are_refused() {
    let (scratch, data) = left_by(1);
    let out = scratch.path().join("out");
    let node = FileDisk::open(&data).unwrap();
    check(&extract(&data, &out, &[SAID]), 3, "is in use by another process. Stop the node");
    drop(node);
    check(&extract(&scratch.path().join("nowhere"), &out, &[SAID]), 2, "No such file");
    let empty = scratch.path().join("empty");
    fs::create_dir(&empty).unwrap();
    check(&extract(&empty, &out, &[SAID]), 2, "it is no data directory of a node");
    assert_eq!(fs::read_dir(&empty).unwrap().count(), 0);
    check(&extract(&data, &data.join("out"), &[SAID]), 2, "is in the data directory");
    assert!(!out.exists());
}
