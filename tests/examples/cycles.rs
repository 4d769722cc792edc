//! Ten thousand acquires and releases from C and C++ leave nothing behind.

use crate::common::compiled::{build_c, build_cpp, run};
use crate::examples::cluster::Cluster;
use std::path::Path;
use std::process::Command;

/// With the first tenth to warm up: buffers, arenas, the threads' own.
const TURNS: u32 = 11_111;

/// Less than a tenth of what the smallest block that is left behind in each turn would be.
const BYTES_MAX: i64 = 16 * 1024;

#[test]
fn ten_thousand_turns_from_c_leave_nothing_behind() {
    check_growth(&build_c("tests/examples/cycles.c", "cycles-c", &[]));
}

#[test]
fn ten_thousand_turns_from_cpp_leave_nothing_behind() {
    check_growth(&build_cpp("tests/examples/cycles.cpp", "cycles-cpp", "c++17", &[]));
}

fn check_growth(program: &Path) {
    let cluster = Cluster::start();
    let mut command = Command::new(program);
    let output = run(command.arg(&cluster.endpoints).arg(TURNS.to_string()));
    println!("{}: {output}", program.display());
    let words: Vec<&str> = output.split_whitespace().collect();
    let ["bytes", bytes, "descriptors", descriptors] = words[..] else {
        panic!("{output:?}");
    };
    assert!(bytes.parse::<i64>().unwrap() <= BYTES_MAX, "{output}");
    assert_eq!(descriptors, "0", "{output}");
}
