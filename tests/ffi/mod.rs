//! The C functions under hostile callers: bad arguments to each of them while things live, and random sequences of
//! calls from two threads. The programs are in `tests/c`; each runs against three real nodes.
//!
//! `TENURE_FUZZ_SEEDS=A..B` and `TENURE_FUZZ_CALLS=N` choose what `many_seeds` runs; a seed that fails is run alone by
//! `TENURE_FUZZ_SEEDS=A..A+1`, with all that it says. Threads interleave as they like: a seed repeats what is drawn.

mod threads;

use crate::common::compiled::{SANITIZERS, build_c, run};
use std::collections::BTreeSet;
use std::ops::Range;
use std::process::Command;

#[test]
fn every_function_answers_bad_arguments_while_things_live() {
    let program = build_c("tests/c/hostile.c", "hostile-sanitized", &SANITIZERS);
    let directory = tempfile::tempdir().unwrap();
    assert_eq!(run(Command::new(program).arg(directory.path())), "hostile: good\n");
}

#[test]
fn no_exported_function_is_left_out() {
    let symbols = include_str!("../install/symbols.txt");
    let exported: BTreeSet<&str> = symbols
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    let fuzz = [
        include_str!("../c/fuzz.c"),
        include_str!("../c/fuzz_pool.h"),
        include_str!("../c/cluster.h"),
    ]
    .concat();
    for (what, source) in [("hostile", include_str!("../c/hostile.c").to_owned()), ("fuzz", fuzz)] {
        let called = called(&source);
        let missing: Vec<_> = exported
            .iter()
            .filter(|function| !called.contains(*function))
            .filter(|function| what == "hostile" || !WITHOUT_HANDLES.contains(*function))
            .collect();
        assert!(missing.is_empty(), "{what} does not call {missing:?}");
    }
}

#[test]
fn random_calls_from_two_threads_get_promised_answers() {
    fuzz(1..3, 400);
}

#[test]
#[ignore = "minutes; choose with TENURE_FUZZ_SEEDS and TENURE_FUZZ_CALLS"]
fn many_seeds() {
    let seeds = std::env::var("TENURE_FUZZ_SEEDS").unwrap_or("1..20".to_owned());
    let (first, end) = seeds.split_once("..").expect("TENURE_FUZZ_SEEDS is A..B");
    let calls = std::env::var("TENURE_FUZZ_CALLS").unwrap_or("3000".to_owned());
    fuzz(first.parse().unwrap()..end.parse().unwrap(), calls.parse().unwrap());
}

#[test]
fn random_calls_lose_no_memory() {
    if Command::new("valgrind").arg("--version").output().is_err() {
        println!("valgrind is not there: skipped");
        return;
    }
    let program = build_c("tests/c/fuzz.c", "fuzz", &["-g"]);
    let directory = tempfile::tempdir().unwrap();
    let mut command = Command::new("valgrind");
    command.args(["-q", "--error-exitcode=9", "--leak-check=full"]);
    command.args(["--show-leak-kinds=definite", "--errors-for-leak-kinds=definite"]);
    let output = run(command.arg(program).args(["1", "60"]).arg(directory.path()));
    assert_eq!(output, "fuzz: good\n");
}

/// What has no handle and no state to be fuzzed.
const WITHOUT_HANDLES: [&str; 3] = ["tenure_version", "tenure_abi_version", "tenure_status_text"];

fn fuzz(seeds: Range<u64>, calls: u64) {
    let program = build_c("tests/c/fuzz.c", "fuzz-sanitized", &SANITIZERS);
    for seed in seeds {
        let directory = tempfile::tempdir().unwrap();
        let mut command = Command::new(&program);
        command.arg(seed.to_string()).arg(calls.to_string()).arg(directory.path());
        assert_eq!(run(&mut command), "fuzz: good\n", "seed {seed}");
    }
}

/// The words before a parenthesis.
fn called(source: &str) -> BTreeSet<&str> {
    source
        .split('(')
        .filter_map(|before| before.rsplit(|c: char| !c.is_ascii_alphanumeric() && c != '_').next())
        .collect()
}
