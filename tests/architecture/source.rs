//! Reading Rust sources just well enough: comments and literals blanked out, paths flattened.

use crate::common::root::root;
use std::fs;
use std::path::{Path, PathBuf};

/// One source file.
pub struct Source {
    /// Relative to the repository, with forward slashes.
    pub path: String,
    /// The file as it stands.
    pub text: String,
    /// The same text, with comments and the insides of string and character literals as blanks.
    pub code: String,
}

impl Source {
    pub fn new(path: &str, text: &str) -> Self {
        Self { path: path.to_owned(), text: text.to_owned(), code: blank(text) }
    }
}

/// All `.rs` files below `folder`, in order of their paths.
pub fn sources(folder: &str) -> Vec<Source> {
    let root = root("");
    let mut files = Vec::new();
    collect(&root.join(folder), &mut files);
    files.sort();
    files
        .iter()
        .map(|file| {
            let path = file
                .strip_prefix(&root)
                .expect("below the root")
                .to_string_lossy()
                .replace('\\', "/");
            Source::new(&path, &fs::read_to_string(file).expect("a readable source"))
        })
        .collect()
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a readable folder") {
        let path = entry.expect("a readable entry").path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

/// `text` with comments and literals blanked out; line breaks stay.
fn blank(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = bytes.to_vec();
    let mut at = 0;
    while at < bytes.len() {
        let end = match (bytes[at], bytes.get(at + 1)) {
            (b'/', Some(b'/')) => line_end(bytes, at),
            (b'/', Some(b'*')) => find(bytes, at + 2, b"*/"),
            (b'r', Some(b'"' | b'#')) if !is_word(bytes, at) => raw_end(bytes, at),
            (b'"', _) => quoted_end(bytes, at),
            (b'\'', _) => character_end(bytes, at),
            _ => at,
        };
        for byte in &mut out[at..end] {
            if *byte != b'\n' {
                *byte = b' ';
            }
        }
        at = end.max(at + 1);
    }
    String::from_utf8(out).expect("blanking keeps whole characters or none")
}

fn is_word(bytes: &[u8], at: usize) -> bool {
    at > 0 && (bytes[at - 1].is_ascii_alphanumeric() || bytes[at - 1] == b'_')
}

fn line_end(bytes: &[u8], at: usize) -> usize {
    bytes[at..].iter().position(|byte| *byte == b'\n').map_or(bytes.len(), |length| at + length)
}

fn find(bytes: &[u8], from: usize, needle: &[u8]) -> usize {
    (from..bytes.len())
        .find(|at| bytes[*at..].starts_with(needle))
        .map_or(bytes.len(), |at| at + needle.len())
}

fn raw_end(bytes: &[u8], at: usize) -> usize {
    let hashes = bytes[at + 1..].iter().take_while(|byte| **byte == b'#').count();
    if bytes.get(at + 1 + hashes) != Some(&b'"') {
        return at;
    }
    let close = format!("\"{}", "#".repeat(hashes));
    find(bytes, at + 2 + hashes, close.as_bytes())
}

fn quoted_end(bytes: &[u8], at: usize) -> usize {
    let mut end = at + 1;
    while end < bytes.len() && bytes[end] != b'"' {
        end += if bytes[end] == b'\\' { 2 } else { 1 };
    }
    (end + 1).min(bytes.len())
}

/// The end of a character literal; `at` itself for a lifetime.
fn character_end(bytes: &[u8], at: usize) -> usize {
    if bytes.get(at + 1) == Some(&b'\\') {
        return find(bytes, at + 3, b"'");
    }
    let width = bytes.get(at + 1).map_or(1, |first| match first {
        0..=0x7f => 1,
        0xc0..=0xdf => 2,
        0xe0..=0xef => 3,
        _ => 4,
    });
    if bytes.get(at + 1 + width) == Some(&b'\'') { at + 2 + width } else { at }
}

/// All paths in `code` that begin with `root::`, flattened: `root::{a::{b, c}, d}` gives a::b, a::c and d.
pub fn paths_from(code: &str, root: &str) -> Vec<String> {
    let words = words(code);
    let mut paths = Vec::new();
    for at in 0..words.len() {
        let begins = words[at] == root && words.get(at + 1) == Some(&"::");
        let behind_path = at > 0 && words[at - 1] == "::";
        if begins && !behind_path {
            tree(&words, at + 2, "", &mut paths);
        }
    }
    paths
}

/// Reads one use tree at `at`; gives where it ends.
fn tree(words: &[&str], mut at: usize, prefix: &str, paths: &mut Vec<String>) -> usize {
    let mut path = prefix.to_owned();
    loop {
        match words.get(at) {
            Some(&"{") => {
                at += 1;
                while at < words.len() && words[at] != "}" {
                    at = if words[at] == "," { at + 1 } else { tree(words, at, &path, paths) };
                }
                return at + 1;
            }
            Some(word) => {
                if !path.is_empty() {
                    path.push_str("::");
                }
                path.push_str(word);
                at += 1;
            }
            None => return at,
        }
        if words.get(at) != Some(&"::") {
            paths.push(path);
            // An alias is part of the tree.
            return if words.get(at) == Some(&"as") { at + 2 } else { at };
        }
        at += 1;
    }
}

/// Identifiers, `::` and single signs.
pub fn words(code: &str) -> Vec<&str> {
    let bytes = code.as_bytes();
    let mut words = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let start = at;
        if bytes[at].is_ascii_alphanumeric() || bytes[at] == b'_' || bytes[at] >= 0x80 {
            while at < bytes.len()
                && (bytes[at].is_ascii_alphanumeric() || bytes[at] == b'_' || bytes[at] >= 0x80)
            {
                at += 1;
            }
            words.push(&code[start..at]);
        } else if code[at..].starts_with("::") {
            at += 2;
            words.push("::");
        } else {
            at += 1;
            if !bytes[start].is_ascii_whitespace() {
                words.push(&code[start..at]);
            }
        }
    }
    words
}

#[test]
fn comments_and_literals_are_not_code() {
    let source = Source::new(
        "x",
        "a // crate::b\n\"crate::c\" r#\"crate::d\"# '\\'' '\"' &'a crate::e /* crate::f */",
    );
    assert_eq!(paths_from(&source.code, "crate"), ["e"]);
}

#[test]
fn use_trees_are_flattened() {
    let code = "use crate::{a::{b, c as d}, e}; crate::f::g(1); x::crate_h; use crate::i::*;";
    assert_eq!(paths_from(code, "crate"), ["a::b", "a::c", "e", "f::g", "i::*"]);
}
