//! Snapshots as files: looked at, restored, refused.

use crate::program::{code, run, sentence, stdout};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;
use tempfile::TempDir;
use tenure::base::{Blob, Index, SessionKey, Term};
use tenure::lock::{Command, LockMachine, Settings};
use tenure::raft::{Membership, Snapshot, SnapshotMeta};
use tenure::wal::snapshot_file;

const CLUSTER: &str = "1=127.0.0.1:7401,2=127.0.0.1:7402,3=127.0.0.1:7403";

/// A file with the state of one session, of a cluster whose sessions last 20 s at most.
fn saved() -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("backup");
    let mut machine = LockMachine::new();
    let settings = Settings { lease_ms: 150, ttl_ms_max: 20_000, level: 1 };
    machine.apply(Index(2), Term(7), 0, &Command::Settings(settings));
    let open = Command::OpenSession {
        ttl_ms: 10_000,
        key: SessionKey([7; 16]),
        client: "host:1".to_owned(),
    };
    machine.apply(Index(3), Term(7), 0, &open);
    let meta = SnapshotMeta {
        index: Index(3),
        term: Term(7),
        membership: Membership::default(),
        membership_index: Index(0),
    };
    let snapshot = Snapshot { meta, data: Blob::from(machine.encode()) };
    fs::write(&file, snapshot_file::encode(&snapshot, None)).unwrap();
    (directory, file)
}

fn restore(file: &Path, data: &Path, flags: &[&str]) -> Output {
    let [file, data] = [file, data].map(|path| path.to_str().unwrap());
    let line = ["snapshot", "restore", file, "--id", "2", "--data", data, "--cluster", CLUSTER];
    run(&[&line, flags].concat())
}

fn check(output: &Output, expected: i32, part: &str) {
    let sentence = sentence(output);
    assert_eq!(code(output), Some(expected), "{sentence}");
    assert!(sentence.contains(part), "{part:?} is not in {sentence:?}");
}

#[test]
fn what_is_in_a_file_is_shown() {
    let (_directory, file) = saved();
    let file = file.to_str().unwrap();
    let output = run(&["snapshot", "inspect", file, "--json"]);
    let value: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((value["index"].as_u64(), value["term"].as_u64()), (Some(3), Some(7)));
    assert_eq!((value["sessions"].as_u64(), value["locks"].as_u64()), (Some(1), Some(0)));
    assert_eq!((value["epoch"].as_u64(), value["newest_token"].as_u64()), (Some(0), Some(0)));
    assert_eq!(
        (value["ttl_max_ms"].as_u64(), value["lease_duration_ms"].as_u64()),
        (Some(20_000), Some(150))
    );
    let text = stdout(&run(&["snapshot", "inspect", file]));
    assert!(text.contains("\nttl-max         20s\nlease-duration  150ms\n"), "{text}");
    assert!(text.contains("may have been raised after it"), "{text}");
    assert!(text.starts_with("entry           3\nterm            7\n"), "{text}");
}

#[test]
fn a_damaged_file_is_refused_by_all_who_read_it() {
    let (directory, file) = saved();
    let mut bytes = fs::read(&file).unwrap();
    *bytes.last_mut().unwrap() ^= 0x10;
    fs::write(&file, bytes).unwrap();
    check(&run(&["snapshot", "inspect", file.to_str().unwrap()]), 3, "no intact snapshot");
    let data = directory.path().join("data");
    check(&restore(&file, &data, &[]), 3, "no intact snapshot");
    assert!(!data.exists(), "nothing is begun with a damaged file");
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let output = run(&["snapshot", "inspect", "/no/such/file"]);
    check(&output, 3, "cannot read /no/such/file");
}

#[test]
fn l15_a_restore_says_its_epoch_its_wait_and_what_to_do_on_the_others() {
    let (directory, file) = saved();
    let flags = ["--largest-ttl-max", "30s", "--largest-lease-duration", "1500ms"];
    let output = restore(&file, &directory.path().join("data"), &flags);
    let text = stdout(&output);
    assert_eq!(code(&output), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    for part in [
        "epoch 1:",
        "larger than 281474976710656",
        "for the first 30s",
        "for node 1, node 3, with the same file",
        "--largest-ttl-max 30s --largest-lease-duration 1500ms)",
        "serve --id 2",
    ] {
        assert!(text.contains(part), "{part:?} is not in {text:?}");
    }
}

#[test]
fn l15_a_restore_that_is_told_nothing_waits_as_long_as_any_node_could_have_promised() {
    let (directory, file) = saved();
    let text = stdout(&restore(&file, &directory.path().join("data"), &[]));
    for part in [
        "for the first 1h with a leader no lock is granted",
        "the snapshot names --ttl-max 20s and --lease-duration 150ms, and they may have been raised",
        "restore with --largest-ttl-max and --largest-lease-duration",
    ] {
        assert!(text.contains(part), "{part:?} is not in {text:?}");
    }
}

#[test]
fn l15_what_the_snapshot_contradicts_is_refused() {
    let (directory, file) = saved();
    let data = directory.path().join("data");
    let ttl = |ttl| restore(&file, &data, &["--largest-ttl-max", ttl]);
    check(&ttl("19s"), 2, "names a largest TTL of 20000 ms, so that of all nodes was not 19000 ms");
    check(&ttl("2h"), 2, "--largest-ttl-max is at most 1h");
    let lease = restore(&file, &data, &["--largest-lease-duration", "149ms"]);
    check(&lease, 2, "names a leader lease of 150 ms");
    let both = restore(&file, &data, &["--largest-ttl-max", "1m", "--waive-wait"]);
    check(&both, 2, "cannot be used with");
    assert!(!data.exists());
}

#[test]
fn l15_a_waived_wait_is_said_aloud() {
    let (directory, file) = saved();
    let output = restore(&file, &directory.path().join("data"), &["--waive-wait", "--epoch", "9"]);
    let text = stdout(&output);
    assert!(text.contains("THE WAIT IS WAIVED") && text.contains("only tokens protect"), "{text}");
    assert!(text.contains("epoch 9:") && text.contains("--epoch 9 --waive-wait"), "{text}");
}

#[test]
fn a_directory_that_is_not_empty_is_left_as_it_is() {
    let (directory, file) = saved();
    let data = directory.path().join("data");
    fs::create_dir(&data).unwrap();
    fs::write(data.join("notes"), "mine").unwrap();
    check(&restore(&file, &data, &[]), 3, "not empty: notes is there");
    assert_eq!(fs::read_to_string(data.join("notes")).unwrap(), "mine");
    let again = directory.path().join("again");
    assert_eq!(code(&restore(&file, &again, &[])), Some(0));
    check(&restore(&file, &again, &[]), 3, "not empty");
}

#[test]
fn l15_an_epoch_that_is_not_larger_is_refused() {
    let (directory, file) = saved();
    let data = directory.path().join("data");
    check(&restore(&file, &data, &["--epoch", "0"]), 2, "the epoch cannot be 0");
    check(&restore(&file, &data, &["--epoch", "32768"]), 2, "at most 32767");
    assert!(!data.exists());
}

#[test]
fn a_node_outside_of_its_cluster_is_refused() {
    let (directory, file) = saved();
    let data = directory.path().join("data");
    let [file, data] = [&file, &data].map(|path| path.to_str().unwrap());
    let line = ["snapshot", "restore", file, "--id", "4", "--data", data, "--cluster", CLUSTER];
    check(&run(&line), 2, "node 4 is not in the cluster");
}
