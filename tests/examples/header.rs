//! The C++ header: every standard and compiler, in two units, without exceptions, and each function on a cluster.

use crate::common::compiled::{
    SANITIZERS, accepts, build_cpp, compile, cpp_compiler, cpp_compilers, link, outcome, run,
};
use crate::common::free_ports::free_port;
use crate::common::root::root;
use std::process::Command;

const STANDARDS: [&str; 3] = ["c++17", "c++20", "c++23"];

#[test]
fn header_is_clean_in_every_standard_with_every_warning() {
    let sources = ["header", "live", "sections", "service", "time", "nothrow", "operate", "access"];
    for compiler in cpp_compilers() {
        for standard in STANDARDS.into_iter().filter(|standard| accepts(&compiler, standard)) {
            for source in sources {
                let mut command = compile(&compiler, standard);
                command.args(["-Wshadow=local", "-Wconversion", "-Wnon-virtual-dtor"]);
                command.arg("-fsyntax-only").arg(root(format!("tests/cpp/{source}.cpp")));
                run(&mut command);
            }
        }
    }
}

#[test]
fn header_reaches_every_function_of_c() {
    let c = std::fs::read_to_string(root("include/tenure.h")).unwrap();
    let cpp = std::fs::read_to_string(root("bindings/cpp/tenure.hpp")).unwrap();
    let declarations = c
        .lines()
        .filter(|line| !line.starts_with([' ', '#', '/', '}', 't']) || line.starts_with("tenure_"));
    let functions: Vec<&str> = declarations
        .filter_map(|line| line.split_once('(')?.0.rsplit([' ', '*']).next())
        .filter(|name| name.starts_with("tenure_"))
        .collect();
    assert!(functions.len() > 50, "{functions:?}");
    // A header needs no version of the ABI but its own; the category has the texts of statuses.
    let left_out = ["tenure_abi_version", "tenure_status_name"];
    let missing: Vec<&str> =
        functions.into_iter().filter(|name| !cpp.contains(&format!("{name}("))).collect();
    // What is passed as a function, to what asks for one or several.
    let passed: Vec<&str> =
        missing.iter().copied().filter(|name| cpp.contains(&format!("({name}, "))).collect();
    assert_eq!(passed, ["tenure_acquire_all", "tenure_acquire_all_start"]);
    assert!(
        missing.iter().all(|name| passed.contains(name) || left_out.contains(name)),
        "{missing:?}"
    );
}

#[test]
fn header_can_be_in_every_file_of_a_program() {
    let sources = ["tests/cpp/unit_one.cpp", "tests/cpp/unit_two.cpp"].map(root);
    let program = link(&mut compile(&cpp_compiler(), "c++17"), &sources, "units");
    assert_eq!(run(&mut Command::new(program)), "units: good\n");
}

#[test]
fn lengths_of_time_do_not_overflow_on_their_way_to_c() {
    let program = build_cpp("tests/cpp/time.cpp", "time", "c++17", &SANITIZERS);
    assert_eq!(run(&mut Command::new(program)), "time: good\n");
}

#[test]
fn functions_that_do_not_throw_need_no_exceptions() {
    let flags = ["-fno-exceptions", "-fno-rtti"];
    on_a_cluster("nothrow", "nothrow", "c++17", &flags);
}

#[test]
fn a_program_without_exceptions_that_calls_what_throws_does_not_compile() {
    let mut command = compile(&cpp_compiler(), "c++17");
    command.args(["-fno-exceptions", "-DTENURE_CALL_WHAT_THROWS", "-o", "/dev/null", "-c"]);
    let output = outcome(command.arg(root("tests/cpp/nothrow.cpp")));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && errors.contains("built without exceptions"), "{errors}");
}

#[test]
fn service_works_on_a_cluster_in_every_standard() {
    let compiler = cpp_compiler();
    for standard in STANDARDS.into_iter().filter(|standard| accepts(&compiler, standard)) {
        on_a_cluster("service", &format!("service-{standard}"), standard, &[]);
    }
}

#[test]
fn header_works_on_a_cluster_under_the_sanitizers() {
    for source in ["live", "service"] {
        on_a_cluster(source, &format!("{source}-sanitized"), "c++17", &SANITIZERS);
    }
}

#[test]
fn what_there_is_is_described_on_a_cluster() {
    on_a_cluster("describe", "describe", "c++17", &[]);
}

#[test]
fn a_cluster_is_operated_without_the_program() {
    let directory = tempfile::tempdir().unwrap();
    let program = build_cpp("tests/cpp/operate.cpp", "operate-cpp", "c++17", &SANITIZERS);
    let mut command = Command::new(program);
    command.arg(directory.path()).arg(format!("127.0.0.1:{}", free_port()));
    assert_eq!(run(&mut command), "operate: good\n");
}

/// Builds `tests/cpp/<source>.cpp`, and runs it; it starts nodes in the directory that it is given.
fn on_a_cluster(source: &str, name: &str, standard: &str, flags: &[&str]) {
    let directory = tempfile::tempdir().unwrap();
    let program = build_cpp(&format!("tests/cpp/{source}.cpp"), name, standard, flags);
    let output = run(Command::new(program).arg(directory.path()));
    assert_eq!(output, format!("{source}: good\n"));
}
