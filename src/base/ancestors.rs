//! Ancestors of a cluster: those it was restored from, directly or by way of others (safety L25).

use super::ClusterId;
use super::limits::ANCESTORS_MAX;
use serde::{Deserialize, Serialize};

/// The clusters that one was restored from, the newest first; none twice, and no more than [`ANCESTORS_MAX`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Ancestors(Vec<ClusterId>);

impl Ancestors {
    /// The ancestors of a cluster that was not restored.
    pub const NONE: Self = Self(Vec::new());

    /// These clusters, the newest first; the oldest are left out beyond the bound.
    #[must_use]
    pub fn new(clusters: impl IntoIterator<Item = ClusterId>) -> Self {
        let mut known: Vec<ClusterId> = Vec::new();
        for cluster in clusters {
            if known.len() < ANCESTORS_MAX && !known.contains(&cluster) {
                known.push(cluster);
            }
        }
        Self(known)
    }

    /// Whether it is none of a cluster that was restored.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether `cluster` is one of them.
    #[must_use]
    pub fn contains(&self, cluster: ClusterId) -> bool {
        self.0.contains(&cluster)
    }

    /// The newest first.
    pub fn iter(&self) -> impl Iterator<Item = ClusterId> + '_ {
        self.0.iter().copied()
    }

    /// Whether they are what [`Ancestors::new`] makes: bytes may come from anywhere.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        *self == Self::new(self.iter())
    }

    /// One after the other, 16 bytes each.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        self.0.iter().flat_map(|cluster| cluster.0).collect()
    }

    /// Out of such bytes; a rest that is no id is passed over.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Self {
        let (ids, _) = bytes.as_chunks::<16>();
        Self::new(ids.iter().map(|id| ClusterId(*id)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn none_is_there_twice_and_the_oldest_are_left_out() {
        let id = |number: u8| ClusterId([number; 16]);
        let few = Ancestors::new([id(3), id(2), id(3)]);
        assert_eq!(few.iter().collect::<Vec<_>>(), [id(3), id(2)]);
        assert!(few.is_sound() && few.contains(id(2)) && !few.contains(id(1)));
        let many = Ancestors::new((0..100).map(id));
        assert_eq!(many.iter().count(), ANCESTORS_MAX);
        assert!(many.contains(id(0)) && !many.contains(id(99)));
        assert!(!Ancestors(vec![id(1), id(1)]).is_sound());
        assert_eq!(Ancestors::from_bytes(&many.to_bytes()), many);
        assert_eq!(Ancestors::from_bytes(&few.to_bytes()[..20]), Ancestors::new([id(3)]));
    }
}
