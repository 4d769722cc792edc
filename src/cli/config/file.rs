//! A parsed configuration file: each key and value with line and column, for messages that point at
//! them.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use toml::{Spanned, Value};

/// The entries at the top level, in the order of the file.
pub type Entries = Vec<Entry>;

/// A key and its value.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// The key.
    pub key: String,
    /// Where the key begins.
    pub place: Place,
    /// The value.
    pub value: Value,
    /// Where the value begins.
    pub value_place: Place,
}

/// A line and a column in characters; both count from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The line.
    pub line: usize,
    /// The column.
    pub column: usize,
}

/// A mistake in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// Where the mistake is; `None`: nowhere in particular.
    pub place: Option<Place>,
    /// A sentence: what is wrong, and what to write.
    pub what: String,
}

/// Reads the text of a file.
///
/// # Errors
/// The text is not TOML.
pub fn parse(text: &str) -> Result<Entries, Mistake> {
    let table: BTreeMap<Spanned<String>, Spanned<Value>> =
        toml::from_str(text).map_err(|error| {
            let place = error.span().map(|span| place(text, &span));
            let line = place.and_then(|place| text.lines().nth(place.line - 1)).unwrap_or_default();
            let advice = if line.contains(['“', '”', '„', '‘', '’']) {
                "these quotes are a word processor's: write \""
            } else {
                "a line is KEY = VALUE, and text stands in quotes"
            };
            Mistake { place, what: format!("{}: {advice}", error.message()) }
        })?;
    let mut entries: Vec<_> = table.into_iter().collect();
    entries.sort_by_key(|(key, _)| key.span().start);
    let entry = |(key, value): (Spanned<String>, Spanned<Value>)| Entry {
        place: place(text, &key.span()),
        value_place: place(text, &value.span()),
        key: key.into_inner(),
        value: value.into_inner(),
    };
    Ok(entries.into_iter().map(entry).collect())
}

fn place(text: &str, span: &Range<usize>) -> Place {
    let before = text.get(..span.start).unwrap_or(text);
    let line = before.rsplit('\n').next().unwrap_or_default();
    Place { line: before.matches('\n').count() + 1, column: line.chars().count() + 1 }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_those_of_an_editor() {
        let entries = parse("# ä\nid = 1\n\n  data   =  \"ä\"\n[more]\nx = 1\n").unwrap();
        let shown = |entry: &Entry| format!("{} {} {}", entry.key, entry.place, entry.value_place);
        let shown: Vec<String> = entries.iter().map(shown).collect();
        assert_eq!(shown[..2], ["id 2:1 2:6", "data 4:3 4:13"]);
        assert!(shown[2].starts_with("more 5:2 "), "{shown:?}");
    }

    #[test]
    fn what_is_no_toml_is_told_with_its_place() {
        let mistake = parse("id = 1\ndata = /var/lib\n").unwrap_err();
        assert_eq!(mistake.place, Some(Place { line: 2, column: 8 }), "{mistake:?}");
        assert!(mistake.what.contains("text stands in quotes"), "{}", mistake.what);
        let curly = parse("id = 1\ndata = “/var/lib”\n").unwrap_err();
        assert!(
            curly.what.ends_with(": these quotes are a word processor's: write \""),
            "{}",
            curly.what
        );
        let twice = parse("id = 1\nid = 2\n").unwrap_err();
        assert_eq!(twice.place.map(|place| place.line), Some(2), "{twice:?}");
    }
}
