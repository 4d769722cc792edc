//! The name of a lock.

use crate::base::limits::NAME_BYTES_MAX;
use serde::de::Visitor;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Borrow;
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// The name of a lock or election: 1–255 bytes of UTF-8 without NUL. Compared byte by byte.
/// A clone allocates nothing: the lock machine keeps several of each.
#[derive(Clone, PartialEq, Eq)]
pub struct Name(Text);

/// Most names are short, and in place: to make or to compare them takes no allocation, and no step to other memory.
#[derive(Clone, PartialEq, Eq)]
enum Text {
    /// Zeros follow the bytes. No name has one, so the order of the arrays is that of the names.
    Short { length: u8, bytes: [u8; SHORT_MAX] },
    /// Shared with all clones.
    Long(Arc<str>),
}

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
        match &self.0 {
            Text::Short { length, bytes } => {
                str::from_utf8(&bytes[..usize::from(*length)]).expect("a name is text")
            }
            Text::Long(text) => text,
        }
    }

    /// The bytes of the text.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        match &self.0 {
            Text::Short { length, bytes } => &bytes[..usize::from(*length)],
            Text::Long(text) => text.as_bytes(),
        }
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

/// The order of the texts, which is that of their bytes.
impl Ord for Name {
    fn cmp(&self, other: &Self) -> Ordering {
        match (&self.0, &other.0) {
            (Text::Short { bytes, .. }, Text::Short { bytes: others, .. }) => {
                words(bytes).cmp(&words(others))
            }
            _ => self.as_bytes().cmp(other.as_bytes()),
        }
    }
}

impl PartialOrd for Name {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Hash for Name {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

/// The bytes as numbers of the same order. The last two overlap: where they differ in what both have, so do the first two.
fn words(bytes: &[u8; SHORT_MAX]) -> [u64; 3] {
    let word = |at: usize| u64::from_be_bytes(bytes[at..at + 8].try_into().expect("eight of them"));
    [word(0), word(8), word(SHORT_MAX - 8)]
}

impl TryFrom<&str> for Name {
    type Error = NameError;

    fn try_from(text: &str) -> Result<Self, NameError> {
        Self::check(text)?;
        if text.len() > SHORT_MAX {
            return Ok(Self(Text::Long(text.into())));
        }
        let mut bytes = [0; SHORT_MAX];
        bytes[..text.len()].copy_from_slice(text.as_bytes());
        Ok(Self(Text::Short { length: text.len() as u8, bytes }))
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
        serializer.serialize_str(self.as_str())
    }
}

/// Out of text that is a name.
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
        name.as_str().to_owned()
    }
}

/// `Ord`, `Eq` and `Hash` are those of the text, so that maps can be asked by it.
impl Borrow<str> for Name {
    fn borrow(&self) -> &str {
        self.as_str()
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The longest name that is in place.
const SHORT_MAX: usize = 22;
/// Length and variant take two bytes beside a short name, and no more.
const _: () = assert!(size_of::<Name>() == 24);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::rng::Rng;
    use std::hash::{DefaultHasher, Hash};

    fn hash_of(value: &(impl Hash + ?Sized)) -> u64 {
        let mut hasher = DefaultHasher::new();
        value.hash(&mut hasher);
        hasher.finish()
    }

    /// Short and long ones, and many that begin alike.
    #[test]
    fn names_compare_as_their_texts_do() {
        let mut rng = Rng::new(7);
        let texts: Vec<String> = (0..600)
            .map(|_| {
                let length =
                    [1, 7, 8, 9, 15, 16, 17, 20, 21, 22, 23, 24, 30, 255][rng.below(14) as usize];
                let letter = |_| ['a', 'b', '\u{1}', '~'][rng.below(4).min(rng.below(4)) as usize];
                let mut text: String = (0..length).map(letter).collect();
                if rng.chance(1, 4) && length > 1 {
                    text.truncate(length - 2);
                    text.push('\u{e4}');
                }
                text
            })
            .collect();
        for one in &texts {
            let name = Name::try_from(one.as_str()).expect("a name");
            assert_eq!((name.as_str(), name.as_bytes()), (one.as_str(), one.as_bytes()));
            assert_eq!(hash_of(&name), hash_of(one.as_str()));
            for other in &texts {
                let another = Name::try_from(other.as_str()).expect("a name");
                assert_eq!(name.cmp(&another), one.cmp(other), "{one:?} and {other:?}");
                assert_eq!(name == another, one == other, "{one:?} and {other:?}");
            }
        }
    }
}
