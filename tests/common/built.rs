//! What this build makes besides the test: cargo makes it when a test first asks, so that no other test waits for it.

use super::cargo::cargo;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::OnceLock;

/// The shared library; the static one lies beside it.
pub fn library() -> PathBuf {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| build(&["--lib"])).join("libtenure.so")
}

/// The program `tenure`.
#[allow(dead_code, reason = "a package that has the program need not ask for it")]
pub fn program() -> PathBuf {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| build(&["--bin", "tenure"])).join("tenure")
}

/// The example in Rust of that name.
#[allow(dead_code, reason = "asked for by the tests of examples alone")]
pub fn example(name: &str) -> PathBuf {
    build(&["--example", name]).join("examples").join(name)
}

/// Has cargo build what `words` name, of all packages that `cargo test` is about, so that the library below is the one that
/// has been built for this test. Returns the folder.
fn build(words: &[&str]) -> PathBuf {
    let test = std::env::current_exe().expect("the path of this test");
    let folder = test.ancestors().nth(2).expect("target/debug/deps/test");
    let profile = if cfg!(debug_assertions) { "dev" } else { "release" };
    let mut cargo = cargo();
    cargo.args(["build", "--quiet", "--locked", "--offline"]).args(words);
    cargo
        .args(["--profile", profile, "--target-dir"])
        .arg(folder.parent().unwrap_or(Path::new("")));
    let output = cargo.stdin(Stdio::null()).output().expect("cargo runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{cargo:?}: {}\n{said}", output.status);
    folder.to_owned()
}
