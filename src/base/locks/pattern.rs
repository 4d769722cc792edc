//! To whom a rule gives something, and of which names: patterns, as people write them.

use super::{Name, NameError};
use crate::base::limits::NAME_BYTES_MAX;
use crate::base::principal::PRINCIPAL_NAME_BYTES_MAX;
use crate::base::{Principal, Subject};
use serde::de::Visitor;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// One subject, as `client/billing`, or all whose text begins with what stands before a `*`: `client/team-a/*`, `operator/*`, `*`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Who(Arc<str>);

/// Nothing (a rule of the cluster), one name, `jobs/`, or `*`.
///
/// `jobs/` covers `jobs` and all below it: `jobs/`, `jobs/a`, `jobs/a/b`; not `jobsx`. `*` covers every name.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Names(Arc<str>);

/// What is wrong with a pattern, as a sentence.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PatternError {
    /// No principal, nor the begin of one.
    #[error(
        "{0:?} is nobody to whom rights can be given: write client/NAME, operator/NAME, local/N, anonymous, or the begin of one and a \"*\", as client/team-a/*; \"*\" alone is everybody"
    )]
    Who(String),
    /// A node has no use for rights.
    #[error(
        "{0:?} is a node's: the certificate of a node uses no locks and gives no orders, whatever it is allowed"
    )]
    Node(String),
    /// No name of a lock.
    #[error("{0:?} covers no lock: {1}")]
    Name(String, NameError),
    /// A `*` that is not alone.
    #[error(
        "{0:?} is neither one name nor a prefix: a prefix ends in \"/\" (jobs/ is jobs and all below it), and \"*\" alone is every name"
    )]
    Star(String),
}

impl Who {
    /// That subject alone.
    #[must_use]
    pub fn one(subject: &Subject) -> Self {
        Self(subject.to_string().into())
    }

    /// As it is written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What all that it covers begin with, if it is not of one alone.
    #[must_use]
    pub fn prefix(&self) -> Option<&str> {
        self.0.strip_suffix('*')
    }

    /// Whether it covers `subject`, as it is written.
    #[must_use]
    pub fn covers(&self, subject: &str) -> bool {
        self.prefix().map_or(subject == &*self.0, |prefix| subject.starts_with(prefix))
    }

    /// Whether it covers all that `other` does.
    #[must_use]
    pub fn includes(&self, other: &Self) -> bool {
        match (self.prefix(), other.prefix()) {
            (Some(own), Some(others)) => others.starts_with(own),
            (None, Some(_)) => false,
            (_, None) => self.covers(&other.0),
        }
    }

    /// Whether it covers anybody that a certificate can name, and that may give orders.
    #[must_use]
    pub fn can_exist(&self) -> bool {
        let kinds = ["client/", "operator/"];
        match self.prefix() {
            Some(prefix) => {
                kinds.iter().any(|kind| kind.starts_with(prefix) || prefix.starts_with(kind))
            }
            None => kinds.iter().any(|kind| self.0.starts_with(kind)),
        }
    }
}

impl FromStr for Who {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, PatternError> {
        let shown = || text.chars().take(SHOWN_CHARS).collect::<String>();
        if text.starts_with("node/") || text == "node*" {
            return Err(PatternError::Node(shown()));
        }
        let is_one = || text.parse::<Subject>().is_ok();
        let is_right = match text.strip_suffix('*') {
            Some("") => true,
            Some(prefix) => is_begin(prefix),
            None => is_one(),
        };
        if is_right { Ok(Self(text.into())) } else { Err(PatternError::Who(shown())) }
    }
}

/// Whether principals can begin so: with a kind, and what a name may begin with.
fn is_begin(prefix: &str) -> bool {
    let Some((kind, name)) = prefix.split_once('/') else { return false };
    // What a name begins with is a name, but for a "/" at its end.
    let begin = name.strip_suffix('/').unwrap_or(name);
    let is_name = || format!("client/{begin}").parse::<Principal>().is_ok();
    match kind {
        "client" | "operator" => {
            name.len() <= PRINCIPAL_NAME_BYTES_MAX && (name.is_empty() || is_name())
        }
        "local" => name.is_empty() || name.parse::<u64>().is_ok(),
        _ => false,
    }
}

impl Names {
    /// None: of a rule of the cluster.
    #[must_use]
    pub fn of_cluster() -> Self {
        Self("".into())
    }

    /// As it is written; empty for the cluster.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    #[must_use]
    pub fn is_of_cluster(&self) -> bool {
        self.0.is_empty()
    }

    #[must_use]
    pub fn is_every(&self) -> bool {
        &*self.0 == EVERY
    }

    /// Whether it covers `name`.
    #[must_use]
    pub fn covers(&self, name: &str) -> bool {
        match self.below() {
            Some(root) => {
                name.strip_prefix(root).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            }
            None => self.is_every() || (&*self.0 == name && !name.is_empty()),
        }
    }

    /// Whether it covers all that `other` does.
    #[must_use]
    pub fn includes(&self, other: &Self) -> bool {
        if self.is_of_cluster() || other.is_of_cluster() {
            return self.is_of_cluster() && other.is_of_cluster();
        }
        match (self.below(), other.below()) {
            _ if self.is_every() => true,
            _ if other.is_every() => false,
            (Some(_), Some(root)) => self.covers(root),
            (None, Some(_)) => false,
            (_, None) => self.covers(&other.0),
        }
    }

    /// `jobs` of `jobs/`.
    fn below(&self) -> Option<&str> {
        self.0.strip_suffix('/')
    }
}

impl FromStr for Names {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, PatternError> {
        let shown = || text.chars().take(SHOWN_CHARS).collect::<String>();
        if text == EVERY {
            return Ok(Self(text.into()));
        }
        if text.contains('*') {
            return Err(PatternError::Star(shown()));
        }
        // One byte more than a name: "jobs/" covers "jobs".
        let root = text.strip_suffix('/').unwrap_or(text);
        Name::try_from(root).map_err(|why| PatternError::Name(shown(), why))?;
        Ok(Self(text.into()))
    }
}

/// Every name.
const EVERY: &str = "*";
/// Of a pattern that is none.
const SHOWN_CHARS: usize = 64;
/// The longest pattern of names.
pub const NAMES_BYTES_MAX: usize = NAME_BYTES_MAX + 1;
/// The longest pattern of subjects: a kind, a name, a star.
pub const WHO_BYTES_MAX: usize = 16 + PRINCIPAL_NAME_BYTES_MAX;

macro_rules! as_text {
    ($kind:ident, $expecting:literal, $parse:expr) => {
        impl fmt::Debug for $kind {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0, f)
            }
        }

        impl fmt::Display for $kind {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        /// As text is.
        impl Serialize for $kind {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $kind {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Text;
                impl Visitor<'_> for Text {
                    type Value = $kind;

                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str($expecting)
                    }

                    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<$kind, E> {
                        let parse: fn(&str) -> Result<$kind, PatternError> = $parse;
                        parse(text).map_err(E::custom)
                    }
                }
                deserializer.deserialize_str(Text)
            }
        }
    };
}

as_text!(Who, "who is allowed something", str::parse);
as_text!(Names, "the names of a rule", |text| match text {
    "" => Ok(Names::of_cluster()),
    text => text.parse(),
});

/// `Ord` is that of the text, so that maps can be asked by it.
impl Borrow<str> for Who {
    fn borrow(&self) -> &str {
        self.as_str()
    }
}

/// See [`Who`].
impl Borrow<str> for Names {
    fn borrow(&self) -> &str {
        self.as_str()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn who(text: &str) -> Who {
        text.parse().unwrap()
    }

    fn names(text: &str) -> Names {
        text.parse().unwrap()
    }

    #[test]
    fn a_principal_is_covered_whole_or_by_its_begin() {
        assert!(who("client/a").covers("client/a") && !who("client/a").covers("client/ab"));
        assert!(who("client/a*").covers("client/a") && who("client/a*").covers("client/ab"));
        assert!(who("*").covers("anonymous") && !who("client/*").covers("operator/a"));
        assert!(who("client/*").includes(&who("client/a*")));
        assert!(!who("client/a*").includes(&who("client/*")));
        assert!(!who("client/a").includes(&who("client/a*")));
    }

    #[test]
    fn what_covers_nobody_is_refused() {
        for text in [
            "",
            "client",
            "client/",
            "cli*",
            "client*",
            "user/a",
            "client/a*b",
            "client//*",
            "client/ *",
        ] {
            assert!(matches!(text.parse::<Who>(), Err(PatternError::Who(_))), "{text:?}");
        }
        for text in ["node/1", "node/*", "node*"] {
            assert!(matches!(text.parse::<Who>(), Err(PatternError::Node(_))), "{text:?}");
        }
        for text in
            ["client/*", "client/a/*", "local/*", "local/1", "operator/a*", "*", "anonymous"]
        {
            assert_eq!(who(text).as_str(), text);
        }
    }

    #[test]
    fn a_prefix_covers_its_own_name_and_all_below_and_no_other_that_begins_so() {
        let jobs = names("jobs/");
        for name in ["jobs", "jobs/", "jobs/a", "jobs/a/b", "jobs//"] {
            assert!(jobs.covers(name), "{name}");
        }
        for name in ["job", "jobsx", "jobs!", "a/jobs/", "Jobs/a", ""] {
            assert!(!jobs.covers(name), "{name}");
        }
        assert!(names("jobs").covers("jobs") && !names("jobs").covers("jobs/"));
        assert!(names("*").covers("jobs") && names("*").covers("/"));
        assert!(names("//").covers("/") && names("//").covers("//a") && !names("//").covers("a"));
    }

    #[test]
    fn a_pattern_includes_what_it_covers_whole() {
        assert!(
            names("jobs/").includes(&names("jobs/a/")) && names("jobs/").includes(&names("jobs"))
        );
        assert!(names("*").includes(&names("jobs/")) && !names("jobs/").includes(&names("*")));
        assert!(!names("jobs").includes(&names("jobs/")));
        assert!(Names::of_cluster().includes(&Names::of_cluster()));
        assert!(
            !names("*").includes(&Names::of_cluster())
                && !Names::of_cluster().includes(&names("a"))
        );
    }

    #[test]
    fn what_is_neither_a_name_nor_a_prefix_is_refused() {
        for text in ["jobs/*", "**", "a*b"] {
            assert!(matches!(text.parse::<Names>(), Err(PatternError::Star(_))), "{text}");
        }
        for text in ["", "/", "a\0"] {
            assert!(matches!(text.parse::<Names>(), Err(PatternError::Name(..))), "{text:?}");
        }
        assert!(
            "n".repeat(255).parse::<Names>().is_ok() && "n".repeat(256).parse::<Names>().is_err()
        );
        assert!(format!("{}/", "n".repeat(255)).parse::<Names>().is_ok());
    }
}
