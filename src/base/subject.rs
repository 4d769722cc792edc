//! Subjects: on whose behalf something is asked; a principal, or nobody known.

use crate::base::{NodeId, Principal, PrincipalError};
use serde::de::Visitor;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::str::FromStr;

/// On whose behalf something is asked.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Subject {
    /// On a connection that is not encrypted, or in a session of before identities were kept.
    #[default]
    Anonymous,
    /// Known by a certificate, a credential, or as a program in the process of a node.
    Known(Principal),
}

/// Its written form.
pub const ANONYMOUS: &str = "anonymous";

impl Subject {
    /// The kind of identity decides as long as rights are off: whether it may give orders of operators.
    #[must_use]
    pub fn is_operator_by_kind(&self) -> bool {
        match self {
            // Where nothing is encrypted there is nobody to tell apart; a program in the node's own process can do all that the node can.
            Self::Anonymous | Self::Known(Principal::Operator(_) | Principal::Local(_)) => true,
            Self::Known(Principal::Client(_) | Principal::Node(_)) => false,
        }
    }
}

impl Subject {
    /// How long it is as text.
    #[must_use]
    pub fn text_bytes(&self) -> usize {
        let digits = |id: NodeId| id.0.checked_ilog10().map_or(1, |log| log as usize + 1);
        match self {
            Self::Anonymous => ANONYMOUS.len(),
            Self::Known(Principal::Node(id)) => "node/".len() + digits(*id),
            Self::Known(Principal::Local(id)) => "local/".len() + digits(*id),
            Self::Known(Principal::Client(name)) => "client/".len() + name.as_str().len(),
            Self::Known(Principal::Operator(name)) => "operator/".len() + name.as_str().len(),
        }
    }
}

impl From<Option<&Principal>> for Subject {
    fn from(principal: Option<&Principal>) -> Self {
        principal.map_or(Self::Anonymous, |principal| Self::Known(principal.clone()))
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Anonymous => f.write_str(ANONYMOUS),
            Self::Known(principal) => principal.fmt(f),
        }
    }
}

impl FromStr for Subject {
    type Err = PrincipalError;

    fn from_str(text: &str) -> Result<Self, PrincipalError> {
        if text == ANONYMOUS { Ok(Self::Anonymous) } else { text.parse().map(Self::Known) }
    }
}

/// Serialized as its written form.
impl Serialize for Subject {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Subject {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(SubjectVisitor)
    }
}

struct SubjectVisitor;

impl Visitor<'_> for SubjectVisitor {
    type Value = Subject;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a principal")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Subject, E> {
        text.parse().map_err(E::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::codec;

    #[test]
    fn a_subject_comes_back_as_text_and_as_bytes() {
        for text in
            ["anonymous", "client/a", "operator/alice", "local/3", "node/1", "node/10", "local/999"]
        {
            let subject: Subject = text.parse().unwrap();
            assert_eq!((subject.to_string().as_str(), subject.text_bytes()), (text, text.len()));
            let bytes = codec::encode(&subject).unwrap();
            assert_eq!(codec::decode::<Subject>(&bytes).unwrap(), subject);
        }
        assert!("Anonymous".parse::<Subject>().is_err());
        assert!(codec::decode::<Subject>(&codec::encode(&"client/").unwrap()).is_err());
    }
}
