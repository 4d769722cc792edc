//! How code reads, as far as a test can tell: file heads, lengths, names.

use crate::source::{Source, sources, words};

/// Lines of one file, tests at its end not counted.
const FILE_LINES_MAX: usize = 400;
/// Lines of one function.
const FUNCTION_LINES_MAX: usize = 60;
/// Files that are longer, with their lines. May only shrink.
const LONG_FILES: &[(&str, usize)] = &[];
/// Functions that are longer, with their lines. May only shrink.
const LONG_FUNCTIONS: &[(&str, usize)] = &[];
/// Words that say nothing, or that another word says already.
const BANNED_PARTS: &[&str] = &["Manager", "Helper", "Util"];
/// Macros that panic when they cannot write.
const PANICKING: &[&str] = &["println", "eprintln", "eprint", "dbg"];

#[test]
fn every_file_says_first_what_it_is() {
    let silent: Vec<String> = all()
        .into_iter()
        .filter(|source| !source.text.starts_with("//! "))
        .map(|source| source.path)
        .collect();
    assert!(silent.is_empty(), "the first line must be `//! What this is.`: {silent:?}");
}

#[test]
fn files_are_short() {
    let found = all().into_iter().map(|source| (source.path.clone(), lines_without_tests(&source)));
    check_lengths("file", found, FILE_LINES_MAX, LONG_FILES);
}

#[test]
fn functions_are_short() {
    let found = all().into_iter().flat_map(|source| functions(&source));
    check_lengths("function", found, FUNCTION_LINES_MAX, LONG_FUNCTIONS);
}

#[test]
fn names_say_something() {
    let mut found = Vec::new();
    for source in all() {
        let empty = words(&source.code)
            .into_iter()
            .filter(|word| BANNED_PARTS.iter().any(|part| word.contains(part)))
            .map(str::to_owned);
        let getters = functions(&source)
            .into_iter()
            .map(|(name, _)| name)
            .filter(|name| name.contains(" get_"));
        found.extend(empty.chain(getters).map(|name| format!("{}: {name}", source.path)));
    }
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

/// println! and eprintln! panic when their stream is closed, and wait for a reader that does not read.
#[test]
fn nothing_is_printed_by_what_panics_when_nobody_reads() {
    let mut found = Vec::new();
    for source in all() {
        let prints = words(&source.code).into_iter().filter(|word| PANICKING.contains(word));
        found.extend(prints.map(|word| format!("{}: {word}!", source.path)));
    }
    assert!(found.is_empty(), "use cli::output or cli::outlet instead:\n{}", found.join("\n"));
}

fn all() -> Vec<Source> {
    sources("src")
}

fn lines_without_tests(source: &Source) -> usize {
    source.text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default().lines().count()
}

/// Each function with the lines from `fn` to its closing brace.
fn functions(source: &Source) -> Vec<(String, usize)> {
    let lines: Vec<&str> = source.code.lines().collect();
    let mut found = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let Some(name) = function_name(line) else { continue };
        let indent = line.len() - line.trim_start().len();
        let close = format!("{}}}", " ".repeat(indent));
        let length =
            lines[at..].iter().position(|line| *line == close).map_or(1, |length| length + 1);
        found.push((format!("{} {name}", source.path), length));
    }
    found
}

fn function_name(line: &str) -> Option<&str> {
    let rest = line.trim_start();
    let before = rest.split("fn ").next()?;
    let modifiers = ["pub", "(crate)", "(super)", "const", "async", "extern", "unsafe", "\"C\""];
    if !before.split_whitespace().all(|word| modifiers.iter().any(|known| word.starts_with(known)))
    {
        return None;
    }
    let name = rest.strip_prefix(before)?.strip_prefix("fn ")?;
    name.split(['(', '<']).next()
}

fn check_lengths(
    what: &str,
    found: impl Iterator<Item = (String, usize)>,
    max: usize,
    exceptions: &[(&str, usize)],
) {
    let mut problems = Vec::new();
    let mut seen = Vec::new();
    for (name, lines) in found {
        let allowed = exceptions.iter().find(|(exception, _)| *exception == name);
        if let Some((exception, bound)) = allowed {
            seen.push(*exception);
            if lines < *bound {
                problems.push(format!(
                    "{what} {name} shrank to {lines} lines: lower its exception of {bound}"
                ));
            }
        }
        let bound = allowed.map_or(max, |(_, bound)| *bound);
        if lines > bound {
            problems.push(format!("{what} {name} has {lines} lines, at most {bound} are allowed"));
        }
    }
    for (exception, _) in exceptions.iter().filter(|(exception, _)| !seen.contains(exception)) {
        problems.push(format!("{what} {exception} is no more: remove its exception"));
    }
    assert!(problems.is_empty(), "\n{}", problems.join("\n"));
}

#[test]
fn a_function_is_measured_from_its_head_to_its_brace() {
    let source = Source::new(
        "x",
        "impl A {\n    pub fn long(\n        a: u8,\n    ) {\n        b();\n    }\n}\n",
    );
    assert_eq!(functions(&source), [("x long".to_owned(), 5)]);
}
