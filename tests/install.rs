//! An installation as C and C++ programs meet it: what `bindings/install/install.sh` puts where, and consumers
//! that find it by pkg-config and by CMake, linked with the shared library and with the static one.
//!
//! pkg-config and CMake are optional: without one, its tests say so on stderr and check nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

const VERSION: &str = env!("CARGO_PKG_VERSION");

#[derive(Clone, Copy, Debug, PartialEq)]
enum Linking {
    Shared,
    Static,
}

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
    assert_eq!(dynamic_entries(&library, "SONAME"), [soname()]);
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

/// One run of the script. The prefix is /opt/tenure, but it is used from elsewhere, so it must not matter
/// where the prefix is.
struct Installation {
    directory: tempfile::TempDir,
    prefix: PathBuf,
    libdir: &'static str,
}

impl Installation {
    fn new(libdir: &'static str) -> Self {
        let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let prefix = directory.path().join("opt/tenure");
        let installation = Self { directory, prefix, libdir };
        installation.install();
        installation
    }

    fn install(&self) {
        let mut command = Command::new(script());
        command.args(["--debug", "--prefix", "/opt/tenure", "--libdir", self.libdir, "--destdir"]);
        command
            .arg(self.directory.path())
            // Not the folder of the cargo that runs this test: it would find its library replaced.
            .env("CARGO_TARGET_DIR", env!("CARGO_TARGET_TMPDIR"))
            // That cargo has fetched all that is needed.
            .env("CARGO_NET_OFFLINE", "true")
            // A third of the bytes to write and to copy.
            .env("CARGO_PROFILE_DEV_DEBUG", "false")
            .env_remove("TENURE_WRITE_HEADER");
        run(&mut command);
    }

    fn library(&self, name: &str) -> PathBuf {
        self.prefix.join(self.libdir).join(name)
    }

    fn move_cmake_files_to(&self, folder: &str) {
        let (from, to) = (self.prefix.join(self.libdir).join("cmake"), self.prefix.join(folder));
        std::fs::create_dir_all(to.parent().unwrap()).unwrap();
        std::fs::rename(from, to).unwrap();
    }

    fn ask(&self, pkg_config: &str, questions: &[&str]) -> String {
        let descriptions = self.prefix.join(self.libdir).join("pkgconfig");
        let mut command = Command::new(pkg_config);
        run(command.args(questions).arg("tenure").env("PKG_CONFIG_PATH", descriptions))
    }

    fn build_by_pkg_config(&self, pkg_config: &str, source: &str, linking: Linking) -> PathBuf {
        let flags = match linking {
            Linking::Shared => self.ask(pkg_config, &["--cflags", "--libs"]),
            // As docs/install.md says it: the linker would take the shared library of the two.
            Linking::Static => self
                .ask(pkg_config, &["--static", "--cflags", "--libs"])
                .replace("-ltenure", "-l:libtenure.a"),
        };
        let compiler = match source.rsplit_once('.') {
            Some((_, "c")) => Command::new(variable_or("CC", "cc")),
            _ => Command::new(variable_or("CXX", "c++")),
        };
        let program = self.directory.path().join("consumer");
        let mut command = compiler;
        if source.ends_with(".cpp") {
            command.arg("-std=c++17");
        }
        command.arg("-o").arg(&program).arg(root(source)).args(flags.split_whitespace());
        run(&mut command);
        program
    }

    /// Runs a consumer, which needs the installed shared library, or none of ours.
    fn check(&self, program: &Path, linking: Linking) {
        let mut command = Command::new(program);
        let mut needed = dynamic_entries(program, "NEEDED");
        needed.retain(|library| library.contains("tenure"));
        match linking {
            Linking::Shared => {
                assert_eq!(needed, [soname()], "{}", program.display());
                command.env("LD_LIBRARY_PATH", self.prefix.join(self.libdir));
            }
            Linking::Static => {
                assert_eq!(needed, [""; 0], "{}", program.display());
                command.env_remove("LD_LIBRARY_PATH");
            }
        }
        assert_eq!(run(&mut command), format!("tenure {VERSION}\n"));
    }
}

fn consumers() -> impl Iterator<Item = (&'static str, Linking)> {
    let sources = ["tests/install/consumer.c", "tests/install/consumer.cpp"];
    sources.into_iter().flat_map(|source| [(source, Linking::Shared), (source, Linking::Static)])
}

/// `libtenure.so.0.<minor>`, from 1.0 on `libtenure.so.<major>`.
fn soname() -> String {
    let series = match env!("CARGO_PKG_VERSION_MAJOR") {
        "0" => concat!("0.", env!("CARGO_PKG_VERSION_MINOR")),
        major => major,
    };
    format!("libtenure.so.{series}")
}

/// What stands in brackets behind `kind` in the dynamic section of `binary`.
fn dynamic_entries(binary: &Path, kind: &str) -> Vec<String> {
    let mut readelf = Command::new(variable_or("READELF", "readelf"));
    let dynamic = run(readelf.args(["-d", "-W"]).arg(binary).env("LC_ALL", "C"));
    let mark = format!("({kind})");
    let lines = dynamic.lines().filter(|line| line.contains(&mark));
    lines.filter_map(|line| line.split(['[', ']']).nth(1)).map(str::to_owned).collect()
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

fn script() -> PathBuf {
    root("bindings/install/install.sh")
}

/// A program that this test can do without; says so if it must.
fn optional(variable: &str, default: &str) -> Option<String> {
    let program = variable_or(variable, default);
    let found = Command::new(&program)
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    if found.is_ok() {
        return Some(program);
    }
    // Not eprintln: the harness would keep it to itself, as the test passes.
    let said = writeln!(
        std::io::stderr(),
        "SKIPPED: {program} is missing, so no program was built with it; install it, or set {variable}",
    );
    said.expect("stderr can be written");
    None
}

fn variable_or(variable: &str, default: &str) -> String {
    std::env::var(variable).unwrap_or(default.to_owned())
}

/// What `command` wrote to stdout; fails with all of its output if it failed.
fn run(command: &mut Command) -> String {
    let output = output_of(command);
    let stdout = String::from_utf8_lossy(&output.stdout);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {}\n{stdout}\n{stderr}", output.status);
    stdout.into_owned()
}

fn output_of(command: &mut Command) -> Output {
    command.stdin(Stdio::null()).output().unwrap_or_else(|error| {
        panic!("cannot run {:?}: {error}; install it", command.get_program());
    })
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn root(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}
