//! An installation as C and C++ programs meet it: what `bindings/install/install.sh` puts where, and consumers
//! that find it by pkg-config and by CMake, linked with the shared library and with the static one.
//!
//! pkg-config and CMake are optional: without one, its tests say so on stderr and check nothing.

mod installation;
pub mod tools;

use installation::{Installation, Linking, VERSION, read_dynamic, script, soname};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;
use tools::{optional, output_of, read, root, run, variable_or};

#[test]
fn both_libraries_headers_and_descriptions_are_installed() {
    let installation = Installation::new("lib");
    // A second time over the first: links and files are replaced.
    installation.install();

    let soname = soname();
    let expected = [
        "include/tenure.h".to_owned(),
        "include/tenure.hpp".to_owned(),
        "lib/cmake/tenure/tenure-config-version.cmake".to_owned(),
        "lib/cmake/tenure/tenure-config.cmake".to_owned(),
        "lib/libtenure.a".to_owned(),
        format!("lib/libtenure.so -> {soname}"),
        format!("lib/libtenure.so.{VERSION}"),
        format!("lib/{soname} -> libtenure.so.{VERSION}"),
        "lib/pkgconfig/tenure.pc".to_owned(),
    ];
    assert_eq!(files_below(&installation.prefix), BTreeSet::from(expected));
}

#[test]
fn headers_are_the_committed_ones() {
    let installation = Installation::new("lib");
    for (installed, committed) in
        [("tenure.h", "include/tenure.h"), ("tenure.hpp", "bindings/cpp/tenure.hpp")]
    {
        let installed = read(&installation.prefix.join("include").join(installed));
        assert!(installed == read(&root(committed)), "{committed} changed on its way");
    }
}

#[test]
fn soname_has_the_part_of_the_version_that_must_agree() {
    let installation = Installation::new("lib");
    let library = installation.library("libtenure.so");
    assert_eq!(read_dynamic(&library, "SONAME"), [soname()]);
}

#[test]
fn exported_symbols_are_those_of_the_list() {
    let installation = Installation::new("lib");
    let mut nm = Command::new(variable_or("NM", "nm"));
    let listing = run(nm.args(["-D", "--defined-only"]).arg(installation.library("libtenure.so")));
    let exported: BTreeSet<&str> =
        listing.lines().filter_map(|line| line.split_whitespace().last()).collect();

    let list = read(&root("tests/install/symbols.txt"));
    let listed: BTreeMap<&str, &str> = list
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| line.split_once(' ').expect("a symbol and its version"))
        .collect();
    let known: BTreeSet<&str> = listed.keys().copied().collect();
    let gone: Vec<_> = known.difference(&exported).collect();
    assert!(gone.is_empty(), "programs that call {gone:?} no longer start: docs/install.md, ABI");
    let new: Vec<_> = exported.difference(&known).collect();
    assert!(new.is_empty(), "add {new:?} to tests/install/symbols.txt with version {VERSION}");
}

#[test]
fn programs_find_it_by_pkg_config() {
    let Some(pkg_config) = optional("PKG_CONFIG", "pkg-config") else { return };
    for libdir in ["lib", "lib/some-triplet"] {
        let installation = Installation::new(libdir);
        let asked = installation.ask(&pkg_config, &["--modversion"]);
        assert_eq!(asked.trim(), VERSION);
        for (source, linking) in consumers() {
            let program = installation.build_by_pkg_config(&pkg_config, source, linking);
            installation.check(&program, linking);
        }
    }
}

#[test]
fn programs_find_it_by_cmake() {
    let Some(cmake) = optional("CMAKE", "cmake") else { return };
    // `share` is where cargo-c puts the same files.
    for config in ["lib/cmake", "share/cmake"] {
        let installation = Installation::new("lib");
        installation.move_cmake_files_to(config);
        let build = installation.directory.path().join("build");
        let mut configure = Command::new(&cmake);
        configure.arg("-S").arg(root("tests/install")).arg("-B").arg(&build);
        configure.arg(format!("-DCMAKE_PREFIX_PATH={}", installation.prefix.display()));
        let configured = run(configure.arg(format!("-DTENURE_VERSION={VERSION}")));
        assert!(configured.contains(&format!("found tenure {VERSION}")), "{configured}");
        run(Command::new(&cmake).arg("--build").arg(&build));

        for (program, linking) in [
            ("c-tenure", Linking::Shared),
            ("cpp-tenure", Linking::Shared),
            ("c-static", Linking::Static),
            ("cpp-static", Linking::Static),
        ] {
            installation.check(&build.join(program), linking);
        }
    }
}

#[test]
fn version_that_cmake_reads_is_that_of_the_crate() {
    let file = read(&root("bindings/install/cmake/tenure-config-version.cmake"));
    let line = format!("set(PACKAGE_VERSION \"{VERSION}\")");
    assert!(file.lines().any(|found| found == line), "no line {line}");
}

#[test]
fn cargo_c_is_told_of_the_same_headers_and_cmake_files() {
    let installation = Installation::new("lib");
    let mut cargo = Command::new(variable_or("CARGO", "cargo"));
    cargo.args(["metadata", "--no-deps", "--offline", "--format-version", "1", "--manifest-path"]);
    let metadata: serde_json::Value =
        serde_json::from_str(&run(cargo.arg(root("Cargo.toml")))).expect("cargo writes JSON");
    let capi = &metadata["packages"][0]["metadata"]["capi"];

    assert_eq!(capi["header"]["generation"], false, "the committed header is installed");
    for (kind, folder) in [("include", "include"), ("data", "lib/cmake/tenure")] {
        let assets = capi["install"][kind]["asset"].as_array().expect("a list of assets");
        let told: BTreeSet<String> = assets
            .iter()
            .flat_map(|asset| matches(asset["from"].as_str().expect("a pattern")))
            .collect();
        assert_eq!(told, files_below(&installation.prefix.join(folder)), "{kind}");
    }
}

#[test]
fn script_refuses_what_could_not_be_found_again() {
    for (arguments, words) in [
        (&[][..], "--prefix is missing"),
        (&["--prefix"], "--prefix needs a folder"),
        (&["--prefix", "usr"], "--prefix must be absolute"),
        (&["--prefix", "/usr", "--libdir", "/lib"], "--libdir must lie below the prefix"),
        (&["--prefix", "/usr", "--libdir", "../lib"], "--libdir must lie below the prefix"),
        (&["--prefix=/usr", "--strip"], "there is no option --strip"),
    ] {
        let output = output_of(Command::new(script()).args(arguments));
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {stderr}");
        assert!(stderr.contains(words), "{arguments:?}: {stderr}");
    }
}

fn consumers() -> impl Iterator<Item = (&'static str, Linking)> {
    let sources = ["tests/install/consumer.c", "tests/install/consumer.cpp"];
    sources.into_iter().flat_map(|source| [(source, Linking::Shared), (source, Linking::Static)])
}

/// All files below `folder`, relative to it, links with where they lead.
fn files_below(folder: &Path) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(&next).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(folder).expect("below it").display().to_string();
            if let Ok(target) = std::fs::read_link(&path) {
                found.insert(format!("{name} -> {}", target.display()));
            } else if path.is_dir() {
                folders.push(path);
            } else {
                found.insert(name);
            }
        }
    }
    found
}

/// The names of the files of this tree that fit `pattern`, as `include/*.h`.
fn matches(pattern: &str) -> Vec<String> {
    let (folder, extension) = pattern.split_once("/*.").expect("a pattern of one folder");
    let names = files_below(&root(folder)).into_iter();
    names.filter(|name| !name.contains('/') && name.rsplit('.').next() == Some(extension)).collect()
}
