//! What the guides show: each piece of code is compiled as a reader would copy it, and the whole programs are run.

use crate::common::compiled::{accepts, c_compiler, compile, cpp_compiler, link, run};
use crate::common::root::root;
use crate::examples::cluster::Cluster;
use crate::examples::guide_rust::PIECES;
use std::path::{Path, PathBuf};
use std::process::Command;

#[test]
fn lines_of_the_c_guide_compile_and_its_program_runs() {
    let around = "#include \"guide.h\"\nvoid piece(tenure_client *client, tenure_lease *lease);\n\
        void piece(tenure_client *client, tenure_lease *lease) {\n(void)client;\n(void)lease;\n";
    let pieces = pieces("guide-c", "c", around);
    assert!(pieces.len() > 6, "{pieces:?}");
    for piece in &pieces {
        check(piece, &c_compiler(), "c11");
    }
    let program = link(&mut compile(&c_compiler(), "c11"), &pieces[..1], "guide-c");
    assert!(on_a_cluster(&program).starts_with("locked under token "));
}

#[test]
fn lines_of_the_cpp_guide_compile_and_its_program_runs() {
    let around = "#include \"guide.hpp\"\nvoid piece(tenure::client &client);\n\
        void piece(tenure::client &client) {\n(void)client;\n";
    let pieces = pieces("guide-cpp", "cpp", around);
    assert!(pieces.len() > 9, "{pieces:?}");
    let compiler = cpp_compiler();
    for standard in ["c++17", "c++23"].into_iter().filter(|standard| accepts(&compiler, standard)) {
        for piece in &pieces {
            check(piece, &compiler, standard);
        }
    }
    let program = link(&mut compile(&compiler, "c++17"), &pieces[..1], "guide-cpp");
    assert!(on_a_cluster(&program).starts_with("locked under token "));
}

#[test]
fn lines_of_the_rust_guide_are_those_that_are_compiled() {
    let text = std::fs::read_to_string(root("docs/guide-rust.md")).unwrap();
    let blocks: Vec<String> = text
        .split("```rust\n")
        .skip(1)
        .map(|rest| lines_of(rest.split_once("```").expect("each block is closed").0))
        .collect();
    let program = std::fs::read_to_string(root("bindings/rust/examples/lock.rs")).unwrap();
    assert!(lines_of(&program).ends_with(&blocks[0]), "the first is the example that is run");
    let compiled = std::fs::read_to_string(root("tests/examples/guide_rust.rs")).unwrap();
    let compiled = lines_of(&compiled);
    assert_eq!(blocks.len(), 1 + PIECES.len());
    for block in &blocks[1..] {
        assert!(compiled.contains(block), "not in tests/examples/guide_rust.rs:\n{block}");
    }
}

/// The lines of `code`, wherever they begin.
fn lines_of(code: &str) -> String {
    code.lines().map(|line| format!("{}\n", line.trim())).collect()
}

#[test]
fn the_two_statements_of_each_guide_fence_the_read_too() {
    let places = [
        "README.md",
        "docs/guide-c.md",
        "docs/guide-cpp.md",
        "docs/guide-rust.md",
        "include/tenure.h",
        "src/client/lease.rs",
        "bindings/c/examples/fence.c",
    ];
    for place in places {
        let text = std::fs::read_to_string(root(place)).unwrap();
        let statements: Vec<&str> =
            text.lines().filter_map(|line| between(line, "UPDATE account SET ", ";")).collect();
        assert_eq!(statements.len(), 2, "{place}");
        let mut python = Command::new(std::env::var("PYTHON").unwrap_or("python3".to_owned()));
        let output = run(python.args(["-c", LATE_WRITE]).args(statements));
        assert_eq!(output, "0 0 None 5\n", "{place}: an addition that was accepted is lost");
    }
}

/// From `start` to before `end`.
fn between<'a>(line: &'a str, start: &str, end: &str) -> Option<&'a str> {
    let from = &line[line.find(start)?..];
    Some(&from[..from.find(end)?])
}

/// The holder under 1 adds 10 to what it read, late: between the read and the write of the holder under 2, who adds 5.
const LATE_WRITE: &str = "
import sqlite3, sys
read, write = sys.argv[1:]
db = sqlite3.connect(':memory:')
db.execute('CREATE TABLE account (id INTEGER PRIMARY KEY, balance INTEGER, fence INTEGER NOT NULL DEFAULT 0)')
db.execute('INSERT INTO account VALUES (1, 0, 0)')
def get(token):
    row = db.execute(read, {'id': 1, 'token': token}).fetchone()
    return row and row[0]
def put(token, balance):
    return db.execute(write, {'id': 1, 'token': token, 'balance': balance}).rowcount
late, fresh = get(1), get(2)
refused = put(1, late + 10)
assert put(2, fresh + 5) == 1
print(late, refused, get(1), get(2))
";

/// A file of each block of `language` in `docs/<guide>.md`: those that are no whole program get `around` and a brace.
fn pieces(guide: &str, language: &str, around: &str) -> Vec<PathBuf> {
    let text = std::fs::read_to_string(root(format!("docs/{guide}.md"))).unwrap();
    let fence = format!("```{language}\n");
    let blocks = text.split(&fence).skip(1);
    let codes = blocks.map(|rest| rest.split_once("```").expect("each block is closed").0);
    (1..)
        .zip(codes)
        .map(|(number, code)| {
            let name = format!("{guide}-{number}.{language}");
            let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
            let whole = code.contains("int main(");
            let content = if whole { code.to_owned() } else { format!("{around}{code}}}\n") };
            std::fs::write(&file, content).unwrap();
            file
        })
        .collect()
}

fn check(piece: &Path, compiler: &str, standard: &str) {
    let mut command = compile(compiler, standard);
    // A piece may show an object, and nothing that is done with it.
    command.args(["-Wno-unused-variable", "-fsyntax-only", "-I"]).arg(root("tests/examples"));
    run(command.arg(piece));
}

fn on_a_cluster(program: &Path) -> String {
    let cluster = Cluster::start();
    run(Command::new(program).env("TENURE_ENDPOINTS", &cluster.endpoints))
}
