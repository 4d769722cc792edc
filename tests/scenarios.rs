//! `docs/developers/scenarios.md` tells the truth: each test that it names exists, and each scenario has one, or says what
//! rules it out.

use crate::common::root::root;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// All scenarios that the document must have, by number.
const SCENARIOS: [u32; 91] = [
    1, 2, 3, 4, 6, 7, 8, 11, 12, 13, 15, 16, 17, 18, 20, 21, // terms and votes
    24, 25, 27, 28, 29, 30, 33, 34, 35, 36, 39, 40, 41, 42, 43, 44, 45, 47, 48, 50, 52,
    53, // append and commit
    54, 55, 56, 58, 59, 60, 61, 64, 66, 68, 70, 71, 73, 75,
    77, // election hardening and lease
    79, 80, 82, 84, // ReadIndex
    87, 88, 89, 90, 93, 94, 95, // leadership transfer
    97, 99, 102, 103, 105, 106, 107, 109, 110, 111, 112, 114, // membership
    116, 117, // quorum arithmetic
    119, 121, 123, 125, 127, 128, 129, 131, // replication flow
    133, 135, 136, 139, 140, // snapshots and recovery
];

/// A row of the document: the tests that it names, or why the design rules the scenario out.
#[derive(Debug, PartialEq)]
enum Coverage {
    Tests(Vec<String>),
    Impossible(String),
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
            names if names.is_empty() => Coverage::Impossible(covered.to_owned()),
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
    let tests = root("tests");
    let file = fs::read_to_string(tests.join(format!("{target}.rs"))).unwrap_or_default();
    file + &folder_source(&tests.join(target))
}

/// All that stands in the files of a folder and of those in it; of none there is nothing.
fn folder_source(folder: &Path) -> String {
    let files = fs::read_dir(folder).into_iter().flatten();
    let paths = files.map(|file| file.expect("a directory entry").path());
    let text = |path: &Path| fs::read_to_string(path).expect("text");
    paths.map(|path| if path.is_dir() { folder_source(&path) } else { text(&path) }).collect()
}

fn document() -> BTreeMap<u32, Coverage> {
    let path = "docs/developers/scenarios.md";
    rows(&fs::read_to_string(root(path)).expect(path))
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
fn every_scenario_stands_in_the_document() {
    let documented: Vec<u32> = document().into_keys().collect();
    assert_eq!(documented, SCENARIOS);
}

#[test]
fn every_row_without_a_test_says_what_rules_it_out() {
    for (number, coverage) in document() {
        if let Coverage::Impossible(reason) = coverage {
            assert!(reason.starts_with("impossible here: "), "scenario {number}: {reason:?}");
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
        "| # | | what | test |\n|---|---|---|---|\n| 7 | P0 | a | `raft::x`, `raft::y` |\n| 9 | P1 | b | no |",
    );
    let expected = [
        (7, Coverage::Tests(vec!["raft::x".to_owned(), "raft::y".to_owned()])),
        (9, Coverage::Impossible("no".to_owned())),
    ];
    assert_eq!(table, BTreeMap::from(expected));
}
