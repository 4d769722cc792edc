//! Layers: dependencies point downwards only.

use crate::source::{Source, paths_from, sources, words};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

/// Each module, and those that it may use: the table of `ARCHITECTURE.md`, in its order.
static TABLE: LazyLock<Vec<Row>> = LazyLock::new(|| rows(include_str!("../../ARCHITECTURE.md")));

/// One row: a module, and the modules that it may use.
struct Row {
    module: String,
    allowed: Vec<String>,
}

/// The rows that are the program: a crate of its own, which uses the library as `tenure`.
const PROGRAM: &[&str] = &["cli", "lab", "program"];

/// What a module passes on as its own: types that frames have in common with it, and that therefore stand below `wire`.
const PASSED_ON: &[(&str, &[&str])] =
    &[("lock", &["base::locks::"]), ("raft", &["base::Payload", "base::members::"])];

/// Words of the outside world that a pure module must not name.
const PURE: &[&str] = &[
    "Instant",
    "SystemTime",
    "HashMap",
    "HashSet",
    "RandomState",
    "thread",
    "fs",
    "net",
    "mio",
    "libc",
    "socket2",
    "unsafe",
];

/// Words banned per module, besides what the table says.
const BANNED: &[(&str, &[&str])] = &[
    ("base", PURE),
    ("raft", PURE),
    ("lock", PURE),
    ("wal", PURE),
    ("wire", PURE),
    ("replica", PURE),
    ("server", PURE),
    ("client::core", PURE),
    ("sim", PURE),
    ("admin", &["unsafe"]),
    ("node", &["unsafe"]),
    ("certs", &["unsafe"]),
    ("client", &["unsafe"]),
    ("cli", &["unsafe"]),
    ("lab", &["unsafe"]),
    ("program", &["unsafe"]),
];

/// How the table begins.
const HEAD: &str = "| module | may use |";

/// The one file that names bincode.
const CODEC: &str = "src/base/codec.rs";

#[test]
fn modules_use_only_what_the_table_allows() {
    let problems: Vec<String> = library_and_program().iter().flat_map(check).collect();
    assert!(problems.is_empty(), "\n{}", problems.join("\n"));
}

#[test]
fn every_permission_of_the_table_is_used() {
    let mut used: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for source in library_and_program() {
        let Some(module) = module_of(&source.path) else { continue };
        used.entry(module.to_owned()).or_default().extend(uses(&source, module));
    }
    let idle: Vec<String> = TABLE
        .iter()
        .flat_map(|row| row.allowed.iter().map(move |other| (&row.module, other)))
        .filter(|(module, other)| !used.get(*module).is_some_and(|uses| uses.contains(*other)))
        .map(|(module, other)| {
            format!("{module} may use {other}, and does not: take the permission away")
        })
        .collect();
    assert!(idle.is_empty(), "\n{}", idle.join("\n"));
}

/// Modules in a row stand above it, so no two modules use each other.
#[test]
fn dependencies_point_downwards() {
    assert_eq!(TABLE.len(), 19, "the table of ARCHITECTURE.md");
    let mut above = BTreeSet::new();
    for row in TABLE.iter() {
        let upward: Vec<_> = row.allowed.iter().filter(|other| !above.contains(*other)).collect();
        assert!(upward.is_empty(), "{} may use {upward:?}, which stand below it", row.module);
        above.insert(row.module.clone());
    }
}

#[test]
fn every_source_belongs_to_a_module_of_the_table() {
    let strays: Vec<String> = sources("src")
        .into_iter()
        .map(|source| source.path)
        .filter(|path| module_of(path).is_none() && path != "src/lib.rs")
        .collect();
    assert!(strays.is_empty(), "no line of the table speaks of {strays:?}");
}

fn library_and_program() -> Vec<Source> {
    sources("src")
}

/// The row of the table that a file belongs to.
fn module_of(path: &str) -> Option<&'static str> {
    if matches!(path, "src/main.rs" | "src/program.rs") {
        return Some("program");
    }
    let inside = path.strip_prefix("src/")?;
    if inside.starts_with("client/core/") {
        return Some("client::core");
    }
    let folder = inside.split_once('/')?.0;
    TABLE.iter().map(|row| row.module.as_str()).find(|module| *module == folder)
}

/// The rows behind the head of the table.
fn rows(page: &str) -> Vec<Row> {
    let behind = page.lines().skip_while(|line| !line.starts_with(HEAD)).skip(2);
    let rows = behind.take_while(|line| line.starts_with('|')).map(|line| {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let allowed = cells[2].split(", ").filter(|module| !module.is_empty());
        Row { module: cells[1].to_owned(), allowed: allowed.map(str::to_owned).collect() }
    });
    rows.collect()
}

/// The row that a path from the crate's root leads to.
fn target_of(path: &str) -> String {
    let mut segments = path.split("::");
    let first = segments.next().unwrap_or_default();
    match (first, segments.next()) {
        ("client", Some("core")) => "client::core".to_owned(),
        // Names that lib.rs re-exports at the root are base's.
        ("Error" | "Status", _) => "base".to_owned(),
        _ => first.to_owned(),
    }
}

fn uses(source: &Source, module: &str) -> BTreeSet<String> {
    let mut paths = paths_from(&source.code, "crate");
    if PROGRAM.contains(&module) {
        paths.extend(paths_from(&source.code, "tenure"));
    }
    // `client` is made of its core; the core knows nothing of the rest.
    paths.iter().map(|path| target_of(path)).filter(|target| target != module).collect()
}

/// Problems of one file.
fn check(source: &Source) -> Vec<String> {
    let Some(module) = module_of(&source.path) else { return Vec::new() };
    let row = TABLE.iter().find(|row| row.module == module);
    let allowed = row.map_or(&[][..], |row| &row.allowed);
    let mut problems = Vec::new();
    for target in uses(source, module) {
        if !allowed.contains(&target) {
            problems.push(format!("{}: {module} must not use {target}", source.path));
        }
    }
    let words = words(&source.code);
    let banned = BANNED.iter().filter(|(name, _)| *name == module).flat_map(|(_, banned)| *banned);
    for word in banned {
        // `wire::net`-like names of ours are caught by the table; here only whole words count.
        if words.contains(word) {
            problems.push(format!("{}: {module} must not name {word}", source.path));
        }
    }
    if words.contains(&"bincode") && source.path != CODEC {
        problems.push(format!("{}: only {CODEC} names bincode", source.path));
    }
    problems.extend(check_detours(source, module, &words));
    problems
}

/// Ways around the table: climbing over the own root, passing another module on, renaming the crate.
fn check_detours(source: &Source, module: &str, words: &[&str]) -> Vec<String> {
    let mut problems = Vec::new();
    if words.windows(3).any(|three| three == ["super", "::", "super"]) {
        problems
            .push(format!("{}: name the module from `crate` instead of super::super", source.path));
    }
    for three in words.windows(3) {
        if matches!(three, ["crate" | "self", "as", _] | ["extern", "crate", _]) {
            problems.push(format!("{}: the crate must not be given another name", source.path));
        }
    }
    if !PROGRAM.contains(&module) && words.windows(2).any(|two| two == ["tenure", "::"]) {
        problems.push(format!("{}: the library names itself `crate`", source.path));
    }
    for path in re_exports(words) {
        let passed_on = PASSED_ON.iter().filter(|(name, _)| *name == module);
        let is_its_own = passed_on.flat_map(|(_, begins)| *begins).any(|it| path.starts_with(it));
        if target_of(&path) != module && !is_its_own {
            problems.push(format!("{}: {module} must not pass {path} on", source.path));
        }
    }
    problems
}

/// Paths from the crate's root that are re-exported (`pub use crate::…`, `pub(…) use crate::…`).
fn re_exports(words: &[&str]) -> Vec<String> {
    let mut paths = Vec::new();
    for (at, word) in words.iter().enumerate() {
        let public = at > 0 && (words[at - 1] == "pub" || words[at - 1] == ")");
        if *word == "use" && public && words.get(at + 1) == Some(&"crate") {
            let statement: Vec<&str> =
                words[at + 1..].iter().take_while(|word| **word != ";").copied().collect();
            paths.extend(paths_from(&statement.join(" "), "crate"));
        }
    }
    paths
}

#[track_caller]
fn assert_rejected(path: &str, text: &str, problem: &str) {
    let problems = check(&Source::new(path, text));
    assert!(
        problems.iter().any(|found| found.contains(problem)),
        "expected a problem with {problem:?} in {problems:?}"
    );
}

#[test]
fn a_plain_upward_import_is_rejected() {
    assert_rejected("src/raft/bad.rs", "use crate::wal::Wal;", "raft must not use wal");
}

#[test]
fn a_path_in_an_expression_is_rejected() {
    assert_rejected(
        "src/lock/bad.rs",
        "fn f() { crate::sys::clock::sample(); }",
        "lock must not use sys",
    );
}

#[test]
fn a_grouped_import_is_rejected() {
    let text = "use crate::{base::Index, node::{api::Node, x}};";
    assert_rejected("src/replica/bad.rs", text, "replica must not use node");
}

#[test]
fn operators_commands_and_the_laboratory_are_apart() {
    assert_rejected("src/cli/bad.rs", "use tenure::sim::Report;", "cli must not use sim");
    assert_rejected(
        "src/cli/bad.rs",
        "use tenure::client::core::Core;",
        "must not use client::core",
    );
    assert_rejected("src/cli/bad.rs", "use crate::lab::verify;", "cli must not use lab");
    assert_rejected("src/cli/bad.rs", "crate::program::command()", "cli must not use program");
    assert_rejected("src/lab/bad.rs", "use tenure::node::Node;", "lab must not use node");
    assert_rejected("src/lab/bad.rs", "use tenure::wal::Wal;", "lab must not use wal");
}

#[test]
fn climbing_over_the_root_is_rejected() {
    assert_rejected("src/raft/bad.rs", "use super::super::wal::Wal;", "super::super");
}

#[test]
fn passing_another_module_on_is_rejected() {
    assert_rejected("src/wire/bad.rs", "pub use crate::lock::Name;", "must not pass lock::Name on");
    assert_rejected(
        "src/wire/bad.rs",
        "pub(crate) use crate::{raft::Entry};",
        "must not pass raft::Entry on",
    );
}

#[test]
fn renaming_the_crate_is_rejected() {
    assert_rejected("src/raft/bad.rs", "use crate as tenure_library;", "another name");
    assert_rejected("src/raft/bad.rs", "extern crate tenure;", "another name");
    assert_rejected("src/raft/bad.rs", "use tenure::wal::Wal;", "names itself");
}

#[test]
fn words_of_the_outside_world_are_rejected_in_pure_modules() {
    assert_rejected("src/raft/bad.rs", "use std::time::Instant;", "must not name Instant");
    assert_rejected("src/lock/bad.rs", "use std::collections::HashMap;", "must not name HashMap");
    assert_rejected("src/wal/bad.rs", "std::fs::read(path)", "must not name fs");
    assert_rejected("src/wire/bad.rs", "bincode::serialize(x)", "names bincode");
}

#[test]
fn what_is_allowed_passes() {
    let text = "use crate::base::{Index, Term}; use super::x; // crate::wal\nconst A: &str = \"crate::wal\";";
    assert!(check(&Source::new("src/raft/good.rs", text)).is_empty());
}
