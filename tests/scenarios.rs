//! `docs/scenarios.md` tells the truth: each test that it names exists, and each scenario that must hold
//! by now has one.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// The P0 scenarios of the sections that are built. (56 and 73 come with leadership transfer.)
const REQUIRED: [u32; 47] = [
    1, 2, 3, 4, 6, 7, 8, 11, 12, 13, 15, 16, // terms and votes
    24, 25, 27, 28, 29, 30, 33, 34, 35, 36, 39, 40, 41, 42, 43, 44, // append and commit
    54, 55, 58, 59, 60, 61, 68, 70, 71, // election hardening and lease
    79, 80, 82, // ReadIndex
    116, 117, // quorum arithmetic
    119, 121, 123, 125, 127, // replication flow
];

/// A row of the document: the tests that it names, or why there are none.
#[derive(Debug, PartialEq)]
enum Coverage {
    Tests(Vec<String>),
    NotYet(String),
}

/// The rows of all tables, by number.
fn rows(document: &str) -> BTreeMap<u32, Coverage> {
    let mut rows = BTreeMap::new();
    for line in document.lines() {
        let cells: Vec<&str> = line.trim().trim_matches('|').split(" | ").map(str::trim).collect();
        let Some(number) = cells.first().and_then(|cell| cell.parse().ok()) else { continue };
        let [_, _, _, covered] = cells[..] else { panic!("four cells: {line}") };
        let names = covered.split('`').skip(1).step_by(2).map(str::to_owned);
        let coverage = match names.collect::<Vec<_>>() {
            names if names.is_empty() => Coverage::NotYet(covered.to_owned()),
            names => Coverage::Tests(names),
        };
        assert!(rows.insert(number, coverage).is_none(), "{number} stands twice");
    }
    rows
}

/// Whether `source` has a test function of this name.
fn has_test(source: &str, name: &str) -> bool {
    let start = format!("fn {name}(");
    let lines: Vec<&str> = source.lines().map(str::trim).collect();
    let is_test = |position: usize| {
        let attributes = lines[..position].iter().rev().take_while(|line| line.starts_with("#["));
        attributes.into_iter().any(|line| *line == "#[test]")
    };
    lines.iter().enumerate().any(|(position, line)| line.starts_with(&start) && is_test(position))
}

/// The sources of one test target, as one text.
fn target_source(target: &str) -> String {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let mut source = fs::read_to_string(tests.join(format!("{target}.rs"))).unwrap_or_default();
    if let Ok(files) = fs::read_dir(tests.join(target)) {
        for file in files {
            source += &fs::read_to_string(file.expect("a directory entry").path()).expect("text");
        }
    }
    source
}

fn document() -> BTreeMap<u32, Coverage> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/scenarios.md");
    rows(&fs::read_to_string(path).expect("docs/scenarios.md"))
}

#[test]
fn every_test_that_the_document_names_exists() {
    let mut sources: BTreeMap<String, String> = BTreeMap::new();
    for (number, coverage) in document() {
        let Coverage::Tests(names) = coverage else { continue };
        for name in names {
            let (target, function) = name.split_once("::").expect("target::function");
            let source = sources.entry(target.to_owned()).or_insert_with(|| target_source(target));
            assert!(has_test(source, function), "scenario {number}: there is no test {name}");
        }
    }
}

#[test]
fn every_scenario_that_must_hold_by_now_has_a_test() {
    let rows = document();
    for number in REQUIRED {
        let coverage = rows.get(&number);
        assert!(matches!(coverage, Some(Coverage::Tests(_))), "scenario {number}: {coverage:?}");
    }
}

#[test]
fn every_row_without_a_test_says_why() {
    for (number, coverage) in document() {
        if let Coverage::NotYet(reason) = coverage {
            let says_why = reason.starts_with("not yet: comes with ");
            assert!(says_why, "scenario {number}: {reason:?}");
        }
    }
}

#[test]
fn a_missing_test_is_noticed() {
    let source =
        "#[test]\n#[should_panic]\nfn there() {}\n\nfn helper() {}\n#[test]\nfn therefore() {}";
    assert!(has_test(source, "there"));
    assert!(has_test(source, "therefore"));
    assert!(!has_test(source, "helper"), "no test");
    assert!(!has_test(source, "the"), "a part of a name");
    let table = rows(
        "| # | | what | test |\n|---|---|---|---|\n| 7 | P0 | a | `raft::x`, `raft::y` |\n| 9 | P1 | b | not yet |",
    );
    let expected = [
        (7, Coverage::Tests(vec!["raft::x".to_owned(), "raft::y".to_owned()])),
        (9, Coverage::NotYet("not yet".to_owned())),
    ];
    assert_eq!(table, BTreeMap::from(expected));
}
