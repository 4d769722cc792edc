//! Named values: the body of what may grow. A reader takes the names that it knows and passes over the others.
//!
//! A struct never grows, because trailing bytes are refused; a list of named values does. A new *name* needs nothing: an older
//! reader does not see it. A new *kind of value* is an [`Ability`](crate::wire::Ability): a reader that does not know
//! it cannot find where it ends.

use serde::{Deserialize, Serialize};

/// Values under names, in the order in which they were added.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Values(Vec<(String, Value)>);

/// One value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Value {
    /// Yes or no.
    Flag(bool),
    /// A count, an id, a size in bytes, a time in milliseconds.
    Number(u64),
    /// Words.
    Text(String),
    /// An id of bytes, or several, one after the other.
    Bytes(#[serde(with = "serde_bytes")] Vec<u8>),
    /// A list of things of which each has named values of its own.
    Rows(Vec<Row>),
}

/// The named values of one thing in a list. Not [`Values`], whose lists would nest without a bound.
pub type Row = Vec<(String, Cell)>;

/// One value of a row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Cell {
    /// Yes or no.
    Flag(bool),
    /// As [`Value::Number`].
    Number(u64),
    /// Words.
    Text(String),
}

impl Values {
    /// None.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a value under a name that has none yet.
    pub fn add(&mut self, name: &str, value: impl Into<Value>) {
        debug_assert!(self.value(name).is_none(), "{name} is there already");
        self.0.push((name.to_owned(), value.into()));
    }

    /// The same with a value added, if there is one.
    #[must_use]
    pub fn with(mut self, name: &str, value: Option<impl Into<Value>>) -> Self {
        if let Some(value) = value {
            self.add(name, value);
        }
        self
    }

    /// The first value of that name.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<&Value> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }

    /// The flag of that name; `None` if there is none, or another kind of value.
    #[must_use]
    pub fn flag(&self, name: &str) -> Option<bool> {
        match self.value(name)? {
            Value::Flag(flag) => Some(*flag),
            _ => None,
        }
    }

    /// The number of that name.
    #[must_use]
    pub fn number(&self, name: &str) -> Option<u64> {
        match self.value(name)? {
            Value::Number(number) => Some(*number),
            _ => None,
        }
    }

    /// The text of that name.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        match self.value(name)? {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The bytes of that name.
    #[must_use]
    pub fn bytes(&self, name: &str) -> Option<&[u8]> {
        match self.value(name)? {
            Value::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// The 16 bytes of that name.
    #[must_use]
    pub fn bytes16(&self, name: &str) -> Option<[u8; 16]> {
        self.bytes(name)?.try_into().ok()
    }

    /// The 32 bytes of that name.
    #[must_use]
    pub fn bytes32(&self, name: &str) -> Option<[u8; 32]> {
        match self.value(name)? {
            Value::Bytes(bytes) => bytes.as_slice().try_into().ok(),
            _ => None,
        }
    }

    /// The rows of that name; none if there are none.
    #[must_use]
    pub fn rows(&self, name: &str) -> &[Row] {
        match self.value(name) {
            Some(Value::Rows(rows)) => rows,
            _ => &[],
        }
    }

    /// All of them, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }
}

/// The number of that name in a row.
#[must_use]
pub fn row_number(row: &[(String, Cell)], name: &str) -> Option<u64> {
    row.iter().find_map(|(known, cell)| match cell {
        Cell::Number(number) if known == name => Some(*number),
        _ => None,
    })
}

/// The text of that name in a row.
#[must_use]
pub fn row_text<'a>(row: &'a [(String, Cell)], name: &str) -> Option<&'a str> {
    row.iter().find_map(|(known, cell)| match cell {
        Cell::Text(text) if known == name => Some(text.as_str()),
        _ => None,
    })
}

impl From<bool> for Value {
    fn from(flag: bool) -> Self {
        Self::Flag(flag)
    }
}

impl From<u64> for Value {
    fn from(number: u64) -> Self {
        Self::Number(number)
    }
}

impl From<u32> for Value {
    fn from(number: u32) -> Self {
        Self::Number(u64::from(number))
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<[u8; 16]> for Value {
    fn from(bytes: [u8; 16]) -> Self {
        Self::Bytes(bytes.to_vec())
    }
}

impl From<[u8; 32]> for Value {
    fn from(bytes: [u8; 32]) -> Self {
        Self::Bytes(bytes.to_vec())
    }
}

impl From<Vec<u8>> for Value {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Bytes(bytes)
    }
}

impl From<Vec<Row>> for Value {
    fn from(rows: Vec<Row>) -> Self {
        Self::Rows(rows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::codec;

    #[test]
    fn names_that_a_reader_does_not_know_are_passed_over() {
        let mut values = Values::new();
        values.add("term", 7u64);
        values.add("of a later version", "whatever");
        values.add("leads", true);
        let bytes = codec::encode(&values).unwrap();
        let read: Values = codec::decode(&bytes).unwrap();
        assert_eq!((read.number("term"), read.flag("leads")), (Some(7), Some(true)));
        assert_eq!(read.text("term"), None, "another kind of value is no value of that name");
        assert_eq!(read.number("commit"), None);
    }

    #[test]
    fn hostile_counts_are_refused_before_anything_is_allocated() {
        assert!(codec::decode::<Values>(&(1u64 << 40).to_le_bytes()).is_err());
    }
}
