//! The top level: its entries, and that nothing stays there which somebody's work has left.

use crate::common::root::root;
use std::collections::BTreeSet;
use std::process::Command;

#[test]
fn nothing_stands_at_the_top_level_that_does_not_belong_there() {
    let mut listed = Command::new("git");
    listed.arg("-C").arg(root("")).args(["ls-files", "-z"]);
    let Some(files) = listed.output().ok().filter(|output| output.status.success()) else {
        println!("no git, or no repository: skipped");
        return;
    };
    let files = String::from_utf8(files.stdout).expect("names are UTF-8");
    let top: BTreeSet<&str> = files
        .split('\0')
        .filter_map(|file| file.split('/').next())
        .filter(|it| !it.is_empty())
        .collect();
    let strangers: Vec<_> = top.iter().filter(|it| !TOP.contains(it)).collect();
    assert!(
        strangers.is_empty(),
        "{strangers:?} came along: `git rm --cached` it, or list it here"
    );
}

const TOP: [&str; 20] = [
    ".ci",
    ".gitignore",
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "README.md",
    "benches",
    "bindings",
    "build.rs",
    "cbindgen.toml",
    "deny.toml",
    "docs",
    "include",
    "rustfmt.toml",
    "src",
    "tests",
];
