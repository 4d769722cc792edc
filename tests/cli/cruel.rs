//! The worst that clients may ask for, in small: what comes of it, and in which order.

use crate::program::{code, run};
use serde_json::Value;
use std::path::Path;
use tempfile::TempDir;

#[test]
fn cruel_acts_end_in_order_with_nothing_left_and_without_an_election() {
    let arguments = "bench --cruel --json --settle 0s --timeout 60s --ttl 3s --locks 320 --sessions 40 --waits 64 \
                     --expiring 640 --waiters 60 --reads 20 --circle 8 --rows 200 --returning 30";
    let data = in_memory();
    let place = data.path().to_str().unwrap();
    let words = arguments.split_whitespace().chain(["--data", place]);
    let output = run(&words.collect::<Vec<_>>());
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(code(&output), Some(0), "{stderr}");
    let value: Value = serde_json::from_slice(&output.stdout).unwrap();

    let (last, acts) = value["acts"].as_array().unwrap().split_last().unwrap();
    for act in acts {
        assert_eq!(
            (&act["term_before"], &act["term_after"]),
            (&last["term_before"], &last["term_before"]),
            "{act}"
        );
    }
    let term = |name: &str| last[name].as_u64().unwrap();
    assert_eq!(last["leader_is_moved"], true);
    assert_eq!(term("term_after"), term("term_before") + 1);
    assert!(acts.iter().all(|act| act["probe"]["failed"] == 0), "{value}");

    let right = [
        ("waits that expired", 64),
        ("reads of queues", 1),
        ("locks that expired", 640),
        // Of the locks that expired 32 to each of two heirs; of one lock all but the one for whom it was broken.
        ("granted in the order of the queue", 2 * 32 + 59),
        ("readers that were let in", 60),
        ("locks that were read", 20 * 32),
        ("observers that heard of a change", 200),
        ("deadlocks that were found", 7),
        ("sessions that came back", 30),
        ("sessions that renewed to the end", 40),
    ];
    for (what, count) in right {
        assert_eq!(value["checked"][what], count, "{what}: {value}");
    }
}

/// A directory without a disk that might stall, which would be a reason for an election: what is asked for must be none.
fn in_memory() -> TempDir {
    let memory = Path::new("/dev/shm");
    let place = if memory.is_dir() { memory } else { Path::new(env!("CARGO_TARGET_TMPDIR")) };
    tempfile::Builder::new().prefix("tenure-cruel-").tempdir_in(place).unwrap()
}
