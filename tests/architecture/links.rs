//! Links between pages lead somewhere: to a file that is there, and to a heading that it has.

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
