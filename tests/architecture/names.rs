//! One word, one meaning: a type that a module offers to others has a name that no other module's has. The glossary of
//! `ARCHITECTURE.md` names files that are there.

use crate::common::root::root;
use crate::source::{sources, words};
use std::collections::{BTreeMap, BTreeSet};

#[test]
fn a_name_that_a_module_offers_means_one_thing() {
    let mut offered: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for source in sources("src") {
        let Some(module) = library_module(&source.path) else { continue };
        for name in offers(&words(&source.code)) {
            offered.entry(name).or_default().insert(module.clone());
        }
    }
    assert!(offered.len() > 200, "only {} names were found", offered.len());
    let twice: BTreeMap<_, _> = offered.iter().filter(|(_, modules)| modules.len() > 1).collect();
    assert!(twice.is_empty(), "name one of them otherwise: {twice:?}");
}

#[test]
fn the_glossary_leads_to_files_that_are_there() {
    let page = include_str!("../../ARCHITECTURE.md");
    let rows = page.lines().skip_while(|line| !line.starts_with("| word |")).skip(2);
    let rows: Vec<&str> = rows.take_while(|line| line.starts_with('|')).collect();
    assert!(rows.len() >= 25, "the glossary has {} rows", rows.len());
    let src = root("src");
    for row in rows {
        let cell = row.split('|').nth(3).expect("three cells");
        let paths: Vec<&str> = cell.split('`').skip(1).step_by(2).collect();
        assert!(!paths.is_empty(), "no file: {row}");
        let gone: Vec<_> = paths.iter().filter(|path| !src.join(path).exists()).collect();
        assert!(gone.is_empty(), "{gone:?} are not below src: {row}");
    }
}

/// The module whose root a file is.
fn library_module(path: &str) -> Option<String> {
    let module = path.strip_prefix("src/")?.strip_suffix("/mod.rs")?;
    let is_own = !module.contains('/') || module == "client/core";
    (is_own && !["cli", "lab", "sim"].contains(&module)).then(|| module.to_owned())
}

/// The types that stand behind a `pub use`, or are public there, but for those that a module passes on from another.
fn offers(words: &[&str]) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for three in words.windows(3) {
        if let ["pub", "struct" | "enum" | "trait" | "type", name] = three {
            names.insert((*name).to_owned());
        }
    }
    for (at, pair) in words.windows(2).enumerate() {
        if pair == ["pub", "use"] {
            let statement: Vec<&str> =
                words[at + 2..].iter().take_while(|word| **word != ";").copied().collect();
            let is_type = |word: &&&str| {
                word.starts_with(char::is_uppercase) && word.contains(char::is_lowercase)
            };
            let is_passed_on = matches!(statement.first(), Some(&("self" | "crate")));
            if !is_passed_on {
                names.extend(statement.iter().filter(is_type).map(|word| (*word).to_owned()));
            }
        }
    }
    names
}
