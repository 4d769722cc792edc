//! Rights: the five things that may be allowed to somebody, and sets of them.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::str::FromStr;

/// One right. Names and numbers are never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Right {
    /// To take a lock, and to wait for it.
    Acquire,
    /// To see who holds a lock and who waits for it, and to be told of each change.
    Read,
    /// To take a lock from its holder.
    Break,
    /// Members, leadership, snapshots.
    Operate,
    /// Rights and credentials.
    Admin,
}

/// Several rights, none twice.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rights(u8);

/// Defect of a list of rights, as a sentence.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RightsError {
    /// None is called so.
    #[error(
        "there is no right {0:?}: of a lock there are acquire, read and break, of the cluster operate and admin"
    )]
    Unknown(String),
    /// Rights to names and rights of the cluster together.
    #[error(
        "acquire, read and break are rights to names, operate and admin are of the cluster and have no name: give them by one rule each"
    )]
    Mixed,
    /// None at all.
    #[error("no right is named: say acquire, read or break, or for the cluster operate or admin")]
    Empty,
}

impl Right {
    /// Every right, in order.
    pub const ALL: [Self; 5] = [Self::Acquire, Self::Read, Self::Break, Self::Operate, Self::Admin];
    /// How many there are.
    pub const COUNT: usize = Self::ALL.len();

    /// Its name in commands and rules.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Acquire => "acquire",
            Self::Read => "read",
            Self::Break => "break",
            Self::Operate => "operate",
            Self::Admin => "admin",
        }
    }

    /// Whether it is of the cluster, and so of no name.
    #[must_use]
    pub fn is_of_cluster(self) -> bool {
        matches!(self, Self::Operate | Self::Admin)
    }

    const fn bit(self) -> u8 {
        let right = self;
        1 << right as u8
    }
}

impl fmt::Display for Right {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Right {
    type Err = RightsError;

    fn from_str(text: &str) -> Result<Self, RightsError> {
        let found = Self::ALL.into_iter().find(|right| right.name() == text);
        found.ok_or_else(|| RightsError::Unknown(text.chars().take(NAME_CHARS_SHOWN).collect()))
    }
}

impl Rights {
    /// The empty set.
    pub const NONE: Self = Self(0);
    /// All rights to names.
    pub const OF_NAMES: Self = Self(Right::Acquire.bit() | Right::Read.bit() | Right::Break.bit());
    /// All rights of the cluster.
    pub const OF_CLUSTER: Self = Self(Right::Operate.bit() | Right::Admin.bit());

    /// The set of these rights.
    #[must_use]
    pub fn of(rights: impl IntoIterator<Item = Right>) -> Self {
        Self(rights.into_iter().fold(0, |bits, right| bits | right.bit()))
    }

    #[must_use]
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    #[must_use]
    pub fn has(self, right: Right) -> bool {
        self.0 & right.bit() != 0
    }

    /// The union of both sets.
    #[must_use]
    pub fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The intersection of both sets.
    #[must_use]
    pub fn common(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// These but for those.
    #[must_use]
    pub fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Its rights, in order.
    pub fn iter(self) -> impl Iterator<Item = Right> {
        Right::ALL.into_iter().filter(move |right| self.has(*right))
    }

    /// Whether they stand in one rule: of names alone, or of the cluster alone, and not none.
    #[must_use]
    pub fn are_of_cluster(self) -> Option<bool> {
        match (self.common(Self::OF_NAMES).is_empty(), self.common(Self::OF_CLUSTER).is_empty()) {
            (false, true) => Some(false),
            (true, false) => Some(true),
            _ => None,
        }
    }
}

impl FromStr for Rights {
    type Err = RightsError;

    /// Parses a list such as "acquire,read".
    fn from_str(text: &str) -> Result<Self, RightsError> {
        let names = text.split(',').map(str::trim).filter(|name| !name.is_empty());
        let rights = names.map(str::parse).collect::<Result<Vec<Right>, _>>()?;
        let rights = Self::of(rights);
        if rights.is_empty() {
            return Err(RightsError::Empty);
        }
        rights.are_of_cluster().map(|_| rights).ok_or(RightsError::Mixed)
    }
}

impl fmt::Display for Rights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.iter().map(Right::name).collect();
        f.write_str(&names.join(","))
    }
}

impl fmt::Debug for Rights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{self}]")
    }
}

/// One byte, a bit for each.
impl Serialize for Rights {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u8(self.0)
    }
}

impl<'de> Deserialize<'de> for Rights {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let bits = u8::deserialize(deserializer)?;
        let known = Self::OF_NAMES.with(Self::OF_CLUSTER).0;
        if bits & !known != 0 {
            return Err(serde::de::Error::custom("a right that there is not"));
        }
        Ok(Self(bits))
    }
}

/// Longest part of an unknown name that an error shows.
const NAME_CHARS_SHOWN: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rights_are_read_as_they_are_written() {
        for text in ["acquire", "acquire,read,break", "operate,admin", "admin"] {
            assert_eq!(text.parse::<Rights>().unwrap().to_string(), text);
        }
        assert_eq!(" break , read ".parse::<Rights>().unwrap().to_string(), "read,break");
        assert_eq!("acquire,admin".parse::<Rights>(), Err(RightsError::Mixed));
        assert_eq!(",".parse::<Rights>(), Err(RightsError::Empty));
        assert_eq!("write".parse::<Rights>(), Err(RightsError::Unknown("write".to_owned())));
        assert_eq!("Acquire".parse::<Rights>(), Err(RightsError::Unknown("Acquire".to_owned())));
    }
}
