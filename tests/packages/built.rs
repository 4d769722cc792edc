//! The packages of this build, made once for all tests.

use crate::common::quiet::quiet;
use crate::install::tools::{optional, root, run, say};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};

pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// One kind of package, as `--only` names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Deb,
    Tarball,
    Wheel,
    Crate,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Deb => "deb",
            Self::Tarball => "tarball",
            Self::Wheel => "wheel",
            Self::Crate => "crate",
        }
    }
}

/// The folder with the packages of one kind; `None`: a tool to build them is missing, which was said.
pub fn packages(kind: Kind) -> Option<PathBuf> {
    static BUILT: Mutex<BTreeMap<Kind, Option<PathBuf>>> = Mutex::new(BTreeMap::new());
    if let Some(given) = std::env::var_os("TENURE_PACKAGES") {
        return Some(given.into());
    }
    // One after the other: the script has one place in which it works.
    let mut built = BUILT.lock().unwrap_or_else(PoisonError::into_inner);
    built.entry(kind).or_insert_with(|| has_tools(kind).then(|| build(kind))).clone()
}

fn has_tools(kind: Kind) -> bool {
    match kind {
        Kind::Deb => {
            optional("CARGO_DEB", "cargo-deb").is_some()
                && optional("DPKG_SHLIBDEPS", "dpkg-shlibdeps").is_some()
        }
        Kind::Wheel => builder().is_some(),
        Kind::Tarball | Kind::Crate => true,
    }
}

pub fn python() -> Option<String> {
    optional("PYTHON", "python3")
}

/// A Python that builds wheels, made as the script makes it and where it looks for it; `None`: that cannot be had here, which
/// was said.
pub fn builder() -> Option<PathBuf> {
    let venv = Path::new(env!("CARGO_TARGET_TMPDIR")).join("package/venv");
    let script = "test -x \"$1/bin/python\" || \"$2\" -m venv \"$1\"
        \"$1/bin/python\" -m pip install --quiet 'setuptools>=77'";
    let mut command = Command::new("sh");
    command.args(["-ec", script, "sh"]).arg(&venv).arg(python()?);
    if command.output().is_ok_and(|output| output.status.success()) {
        return Some(venv.join("bin/python"));
    }
    say("SKIPPED: no wheel is built: venv or setuptools 77 is missing, and pip cannot fetch it");
    None
}

fn build(kind: Kind) -> PathBuf {
    let out = Path::new(env!("CARGO_TARGET_TMPDIR")).join("packages").join(kind.name());
    // What an earlier version left would be found, too.
    let _ = std::fs::remove_dir_all(&out);
    let mut command = Command::new(script());
    command.args([
        "--debug",
        "--only",
        kind.name(),
        "--program",
        env!("CARGO_BIN_EXE_tenure"),
        "--out",
    ]);
    command
        .arg(&out)
        // As tests/install, whose library is taken.
        .env("CARGO_TARGET_DIR", env!("CARGO_TARGET_TMPDIR"))
        .env("CARGO_NET_OFFLINE", "true")
        .env("CARGO_PROFILE_DEV_DEBUG", "false")
        .env_remove("TENURE_WRITE_HEADER");
    let said = run(&mut command);
    assert!(said.contains(VERSION), "the checksums are printed: {said}");
    out
}

pub fn script() -> PathBuf {
    root(".ci/package/build")
}

/// The one file in `folder` whose name has all of `parts`.
#[track_caller]
pub fn file(folder: &Path, parts: &[&str]) -> PathBuf {
    let names = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let fits = |path: &PathBuf| {
        let name = path.file_name().expect("a file").to_string_lossy().into_owned();
        parts.iter().all(|part| name.contains(part))
    };
    let mut found: Vec<PathBuf> = names.filter(fits).collect();
    assert_eq!(found.len(), 1, "{parts:?} in {}: {found:?}", folder.display());
    found.remove(0)
}

/// A folder that goes with the test.
pub fn scratch() -> tempfile::TempDir {
    tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap()
}

/// Checks that `program` is this version and reads `config`, which names no node yet.
pub fn check_program(program: &Path, config: &Path) {
    assert_eq!(run(quiet(program).arg("--version")), format!("tenure {VERSION}\n"));
    let output =
        crate::install::tools::output_of(quiet(program).args(["serve", "--config"]).arg(config));
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("serve needs --id"), "{said}");
}
