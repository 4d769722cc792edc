//! What 0.1.0 wrote, read by the program (tests/fixtures/0.1.0/make.sh says how it was made).

use crate::program::{code, run, stdout};
use serde_json::Value;
use std::path::{Path, PathBuf};

fn fixture(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/0.1.0").join(path)
}

#[test]
fn snapshot_inspect_reads_what_0_1_saved_as_0_1_read_it() {
    let said = std::fs::read(fixture("saved.json")).unwrap();
    let said: Value = serde_json::from_slice(&said).unwrap();
    let file = fixture("saved");
    let output = run(&["snapshot", "inspect", "--json", file.to_str().unwrap()]);
    assert_eq!(code(&output), Some(0), "{output:?}");
    let shown: Value = serde_json::from_slice(&output.stdout).unwrap();
    for (key, value) in said.as_object().unwrap() {
        assert_eq!(&shown[key], value, "{key}");
    }
    let text = stdout(&run(&["snapshot", "inspect", file.to_str().unwrap()]));
    assert!(text.contains("newest token    45\n") && text.contains(", intact\n"), "{text}");
}

#[test]
fn verify_reads_the_event_logs_of_0_1() {
    let logs = std::fs::read_dir(fixture("events")).unwrap();
    let mut logs: Vec<String> =
        logs.map(|entry| entry.unwrap().path().to_str().unwrap().to_owned()).collect();
    logs.sort();
    let words: Vec<&str> =
        std::iter::once("verify").chain(logs.iter().map(String::as_str)).collect();
    let output = run(&words);
    let text = stdout(&output);
    assert_eq!(code(&output), Some(0), "{text}");
    assert!(text.starts_with("OK: no violation.\n"), "{text}");
    let figure = |name: &str| {
        let line = text.lines().find(|line| line.starts_with(&format!("{name}  ")));
        let line = line.unwrap_or_else(|| panic!("no {name}: {text}"));
        line.rsplit_once(' ').unwrap().1.parse::<u64>().unwrap()
    };
    let read = ["lines", "grants", "handovers to a named waiter", "writes accepted by token"];
    assert_eq!(read.map(figure), [2574, 465, 13, 77]);
}
