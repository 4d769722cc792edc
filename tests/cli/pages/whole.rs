//! Every line that a reader types is run by a test, or stands here with the reason why not.

use super::text::{Section, sections, text};
use crate::program::{run, stdout};

const PAGES: [&str; 7] = [
    "operations.md",
    "shell.md",
    "security.md",
    "monitoring.md",
    "recovery.md",
    "upgrade.md",
    "install.md",
];

/// Tests that take whole sections, and fail if there is a line more or less.
const RUN_HERE: [&str; 3] =
    [include_str!("../pages.rs"), include_str!("daily.rs"), include_str!("rights.rs")];

/// Page, begin of the line, and who runs it, or why nobody does.
const OTHERS: &[(&str, &str, &str)] = &[
    ("operations.md", "systemctl stop tenure", SYSTEMD),
    ("operations.md", "for each node: systemctl restart", SYSTEMD),
    ("monitoring.md", "curl --cacert", "tests/cli/admin.rs runs it"),
    ("upgrade.md", "versions differ (", QUOTED),
    ("upgrade.md", "level 1 stays in force", QUOTED),
    ("upgrade.md", "systemctl stop tenure", SYSTEMD),
    ("upgrade.md", "install -m 755", "it replaces the program of the machine"),
    ("upgrade.md", "systemctl start tenure", SYSTEMD),
    ("install.md", "sha256sum -c", "tests/packages runs it"),
    ("install.md", "apt install ./tenure_", "tests/packages unpacks it into an empty root"),
    ("install.md", "apt install ./libtenure0.2_", "tests/packages unpacks it into an empty root"),
    ("install.md", "tar -xzf", "tests/packages runs it"),
    ("install.md", "useradd", ROOT),
    ("install.md", "mkdir -p /etc/tenure", ROOT),
    ("install.md", "systemctl daemon-reload", SYSTEMD),
    ("install.md", "ldconfig", ROOT),
    ("install.md", "cargo install", "minutes of compiling what is compiled here already"),
    ("install.md", "pip install", "tests/packages runs it"),
    ("install.md", "systemctl enable --now tenure", SYSTEMD),
    ("install.md", "systemctl status tenure", SYSTEMD),
    ("install.md", "journalctl -u tenure", SYSTEMD),
    ("install.md", ".ci/package/build", "tests/packages runs it"),
    ("install.md", "TENURE_PACKAGES=DIR cargo test", "tests/packages is what it runs"),
    ("install.md", "bindings/install/install.sh", "tests/install runs it"),
    ("install.md", "cc app.c", "tests/install compiles with these flags"),
    ("install.md", "c++ -std=c++17 app.cpp", "tests/install compiles with these flags"),
    ("install.md", "cargo cinstall", "cargo-c takes minutes to build; what it reads is compared"),
];
const SYSTEMD: &str = "there is no systemd where tests run; tests/packages verifies the unit";
const ROOT: &str = "it changes the machine, as root";
const QUOTED: &str = "nobody types it: status says it, and a test compares";

/// Whether a test takes the section as a whole.
fn is_run(page: &str, section: &Section) -> bool {
    let mut calls = RUN_HERE.iter().flat_map(|source| {
        source.split("lines(\"").skip(1).filter_map(|rest| rest.split_once("\", \""))
    });
    calls.any(|(named, rest)| {
        let heading = rest.split('"').next().unwrap_or_default();
        named == page && !heading.is_empty() && section.heading.starts_with(heading)
    })
}

/// A line that leaves words out shows flags: they are there.
fn check_sketch(page: &str, line: &str) {
    let line = line.split(" # ").next().unwrap_or(line);
    let words: Vec<&str> = line.split(' ').collect();
    assert_eq!(words[0], "tenure", "{page}: {line}");
    let help = stdout(&run(&[words[1], "--help"]));
    let flags: Vec<&&str> = words.iter().filter(|word| word.starts_with("--")).collect();
    assert!(!flags.is_empty(), "{page}: {line} shows nothing");
    for flag in flags {
        assert!(help.contains(&format!("{flag} ")), "{page}: {line}: there is no {flag}");
    }
}

#[test]
fn every_line_that_a_reader_types_is_run_or_says_why_not() {
    let mut found = [false; OTHERS.len()];
    for page in PAGES {
        for section in sections(page) {
            for line in &section.typed {
                let other =
                    OTHERS.iter().position(|(of, begin, _)| *of == page && line.starts_with(begin));
                if let Some(at) = other {
                    found[at] = true;
                } else if line.contains(" … ") || line.ends_with(" …") {
                    check_sketch(page, line);
                } else {
                    assert!(
                        is_run(page, &section),
                        "{page}, {:?}: nobody runs {line:?}, and nothing says why",
                        section.heading
                    );
                }
            }
        }
    }
    for ((page, begin, _), found) in OTHERS.iter().zip(found) {
        assert!(found, "{page} has no line {begin:?} any more");
    }
}

#[test]
fn the_file_of_the_page_is_one_that_a_node_takes() {
    let page = text("operations.md");
    let file = page.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next());
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("tenure.toml");
    std::fs::write(&path, file.expect("a file")).unwrap();
    let output = run(&["config", "check", path.to_str().unwrap()]);
    assert!(stdout(&output).ends_with("no mistake\n"), "{output:?}");
}
