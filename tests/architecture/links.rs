//! Pages: links lead to a file that is there and to a heading that it has, and cargo takes the commands that run tests.

use crate::common::root::root;
use std::fs;
use std::path::PathBuf;

/// All pages, relative to the repository.
fn pages() -> Vec<PathBuf> {
    let mut pages: Vec<PathBuf> = ["", "docs", "docs/developers", "benches", "bindings/python"]
        .iter()
        .flat_map(|folder| fs::read_dir(root(folder)).expect("a folder").flatten())
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "md"))
        .collect();
    pages.sort();
    pages
}

/// Targets of `](…)` in `text`, but for other sites.
fn links(text: &str) -> impl Iterator<Item = &str> {
    let targets = text.split("](").skip(1).filter_map(|rest| rest.split([')', '\n']).next());
    targets.filter(|target| !target.contains("://") && !target.contains(' '))
}

/// The anchors of the headings of `text`, as those who show pages make them.
fn anchors(text: &str) -> Vec<String> {
    let headings = text.lines().filter(|line| line.starts_with('#'));
    let anchor = |line: &str| -> String {
        let words = line.trim_start_matches('#').trim().to_lowercase();
        let kept = words.chars().filter(|it| it.is_alphanumeric() || " -_".contains(*it));
        kept.map(|letter| if letter == ' ' { '-' } else { letter }).collect()
    };
    headings.map(anchor).collect()
}

#[test]
fn links_lead_to_files_and_headings_that_are_there() {
    let mut dead = Vec::new();
    let mut count = 0;
    for page in pages() {
        let text = fs::read_to_string(&page).expect("a page");
        for link in links(&text) {
            count += 1;
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = match file {
                "" => page.clone(),
                file => page.parent().expect("a folder").join(file),
            };
            let is_there = target.exists();
            let has_anchor = anchor.is_empty()
                || fs::read_to_string(&target)
                    .is_ok_and(|text| anchors(&text).iter().any(|it| it == anchor));
            if !is_there || !has_anchor {
                dead.push(format!("{}: {link}", page.display()));
            }
        }
    }
    assert!(count > 50, "only {count} links were found");
    assert!(dead.is_empty(), "\n{}", dead.join("\n"));
}

/// The names of test binaries, of all packages.
fn test_binaries() -> Vec<String> {
    let manifests = ["Cargo.toml", "tests/library/Cargo.toml", "tests/raft/Cargo.toml"];
    let texts = manifests.map(|path| fs::read_to_string(root(path)).expect("a manifest"));
    let sections = texts.iter().flat_map(|text| text.split("[[test]]").skip(1));
    let name = |section: &str| section.split('"').nth(1).expect("a name").to_owned();
    sections.map(name).collect()
}

/// Why cargo would refuse `command`, if it would.
fn refusal(command: &str, binaries: &[String]) -> Option<String> {
    let before = command.split(" -- ").next()?;
    let mut words = before.split_whitespace().skip(2);
    let mut names = 0;
    while let Some(word) = words.next() {
        match word {
            "--test" => {
                let binary = words.next()?;
                if !binaries.iter().any(|it| it == binary) {
                    return Some(format!("no test binary is called {binary}"));
                }
            }
            "--bin" => drop(words.next()),
            word => names += usize::from(!word.starts_with('-')),
        }
    }
    (names > 1).then(|| "cargo takes one name before `--`".to_owned())
}

#[test]
fn cargo_takes_the_commands_of_pages_that_run_tests() {
    let (binaries, mut wrong, mut count) = (test_binaries(), Vec::new(), 0);
    for page in pages() {
        let text = fs::read_to_string(&page).expect("a page");
        for command in text.split('`').filter(|it| it.starts_with("cargo test ")) {
            count += 1;
            if let Some(why) = refusal(command, &binaries) {
                wrong.push(format!("{}: {command}: {why}", page.display()));
            }
        }
    }
    assert!(count > 50, "only {count} commands were found");
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}
