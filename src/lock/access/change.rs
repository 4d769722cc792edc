//! Refusals of changes of rights and credentials (L27).

use crate::base::locks::{AccessChange, Name};
use crate::base::{Principal, Right, Subject};

/// Why a change was not made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AccessRefusal {
    /// The right of the caller is missing.
    #[error("{0}")]
    Denied(Denial),
    /// No holder of a certificate could turn rights off again.
    #[error(
        "nobody could change rights any more, or turn them off: no rule gives admin to somebody whom a certificate can name; first `tenure access allow operator/NAME admin`"
    )]
    NobodyIsAdmin,
    /// The bound of rules and credentials is reached, or the state has no room for more.
    #[error("there are as many rules and credentials as there may be ({0}): take some away first")]
    Full(usize),
    /// The patterns and the rights do not fit together.
    #[error("acquire, read and break are rights to names, operate and admin of the cluster")]
    Unsound,
    /// The cluster is below the level that has rights.
    #[error(
        "the cluster is at level {0}, and rights begin at level 3: replace all programs of nodes by this version; `tenure status` says what the level waits for"
    )]
    Level(u32),
    /// The principal of the credential cannot be a client's.
    #[error("a credential is of client/NAME or operator/NAME")]
    NoClient,
}

/// A denial: the subject, the missing right, and the name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denial {
    /// The subject that was denied.
    pub subject: Subject,
    /// The missing right.
    pub right: Right,
    /// The lock; `None` for a right to the cluster.
    pub name: Option<Name>,
    /// Rights are off, and the kind of identity decides.
    pub is_by_kind: bool,
}

impl std::fmt::Display for Denial {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { subject, right, name, is_by_kind } = self;
        if *is_by_kind {
            return write!(
                f,
                "{subject} may use locks, and not operate the cluster: that takes the certificate of an operator (`tenure certs operator NAME`)"
            );
        }
        let of = name.as_ref().map_or_else(|| "the cluster".to_owned(), |name| format!("{name:?}"));
        // A name that a shell would take for something else is left to be filled in.
        let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "._/:@+-".contains(letter);
        let typed = name.as_ref().map_or_else(String::new, |name| match name.as_str() {
            text if text.chars().all(is_plain) && !text.starts_with('-') => format!(" {text}"),
            _ => " NAME".to_owned(),
        });
        write!(
            f,
            "{subject} lacks the right {right} for {of}: whoever has admin can give it (`tenure access allow {subject} {right}{typed}`)"
        )
    }
}

impl AccessChange {
    /// The principal of a credential, if it can be a client's.
    pub(super) fn principal_of(subject: &Subject) -> Option<&Principal> {
        match subject {
            Subject::Known(principal @ (Principal::Client(_) | Principal::Operator(_))) => {
                Some(principal)
            }
            Subject::Anonymous | Subject::Known(Principal::Node(_) | Principal::Local(_)) => None,
        }
    }
}
