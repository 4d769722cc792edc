//! The name of a lock.

use crate::base::limits::NAME_BYTES_MAX;
use serde::de::Visitor;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

/// The name of a lock or election: 1–255 bytes of UTF-8 without NUL. Compared byte by byte.
/// A clone shares the text: the lock machine keeps several of each.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(Arc<str>);

/// Why a string is not a name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NameError {
    /// No bytes.
    #[error("a name must have at least one byte")]
    Empty,
    /// More than 255 bytes.
    #[error("a name has at most {NAME_BYTES_MAX} bytes; this one has {0}")]
    TooLong(usize),
    /// A NUL byte.
    #[error("a name must not contain a NUL byte")]
    Nul,
}

impl Name {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether a name may be written so.
    ///
    /// # Errors
    /// [`NameError`].
    pub(crate) fn check(text: &str) -> Result<(), NameError> {
        match text.len() {
            0 => Err(NameError::Empty),
            length if length > NAME_BYTES_MAX => Err(NameError::TooLong(length)),
            _ if text.as_bytes().contains(&0) => Err(NameError::Nul),
            _ => Ok(()),
        }
    }
}

impl TryFrom<&str> for Name {
    type Error = NameError;

    fn try_from(text: &str) -> Result<Self, NameError> {
        Self::check(text).map(|()| Self(text.into()))
    }
}

impl TryFrom<String> for Name {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        Self::try_from(text.as_str())
    }
}

/// As text is.
impl Serialize for Name {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

/// Out of text that is a name, copied once.
impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(NameVisitor)
    }
}

struct NameVisitor;

impl Visitor<'_> for NameVisitor {
    type Value = Name;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a lock")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Name, E> {
        Name::try_from(text).map_err(E::custom)
    }
}

impl From<Name> for String {
    fn from(name: Name) -> Self {
        name.0.as_ref().to_owned()
    }
}

/// `Ord`, `Eq` and `Hash` are those of the text, so that maps can be asked by it.
impl Borrow<str> for Name {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
