//! What is changed of who may what, and what came of it.

use super::{Names, Who};
use crate::base::{CredentialHash, Rights, Subject};
use serde::{Deserialize, Serialize};

/// One change of who may what. Variants are append-only: they are on disks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AccessChange {
    /// From now on all is denied that no rule allows.
    On,
    /// From now on the kind of identity alone decides. Rules and credentials stay.
    Off,
    /// Adds rights to the rule of these patterns.
    Allow(Rule),
    /// Takes rights away from the rule of just these patterns.
    Deny(Rule),
    /// Whoever knows the secret of this hash is that principal.
    CreateCredential { principal: Subject, hash: CredentialHash },
    /// Nobody is any more by a secret.
    RevokeCredential { principal: Subject },
}

/// What came of a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AccessDone {
    /// It is so from now on.
    Changed,
    /// It was so already.
    Already,
    /// Taken away.
    Denied {
        /// Rights that the rule allowed until now.
        taken: Rights,
        /// Rights that it did not allow.
        absent: Rights,
        /// Another rule that still allows some of it.
        still: Option<Rule>,
    },
    /// There is no such credential.
    Absent,
}

/// One rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    /// To whom.
    pub who: Who,
    /// Of which names; none if the rights are of the cluster.
    pub names: Names,
    /// What.
    pub rights: Rights,
}

impl Rule {
    /// A rule for one subject, of a name or of the cluster.
    #[must_use]
    pub fn new(who: Who, names: Names, rights: Rights) -> Self {
        Self { who, names, rights }
    }

    /// Whether its rights are such as its names can have, and there is one.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.rights.are_of_cluster() == Some(self.names.is_of_cluster())
    }
}
