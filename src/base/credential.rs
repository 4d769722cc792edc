//! A credential: a secret by which a client is somebody who has no certificate.
//!
//! It is written `client/NAME:SECRET` in one line of a file, the secret as 64 hex digits. It is said inside of TLS, or within a process,
//! and nowhere else; the replicated state has the hash of the secret alone.

use crate::base::{Principal, Subject};
use ring::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use subtle::ConstantTimeEq;

/// Who somebody says that he is, and the secret that only he knows.
#[derive(Clone, PartialEq, Eq)]
pub struct Credential {
    principal: Principal,
    secret: [u8; SECRET_BYTES],
}

/// SHA-256 of a secret. That suffices for 256 random bits: there is nothing to guess.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct CredentialHash(pub [u8; SECRET_BYTES]);

/// Hashes of secrets, by whom one is by them. Another set is another allocation, as long as this one is kept.
pub type Credentials = Arc<BTreeMap<Subject, CredentialHash>>;

/// What is wrong with a credential, as the second half of a sentence about it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CredentialError {
    /// Not a principal, a colon and a secret.
    #[error(
        "is no credential: one line \"client/NAME:SECRET\" as `tenure access credential create NAME` prints it"
    )]
    Form,
    /// A secret of another length, or of other letters.
    #[error("has a secret that is not {} hex digits: it was cut or changed", 2 * SECRET_BYTES)]
    Secret,
    /// A principal that nobody is by a secret.
    #[error("is of {0}: a credential is of client/NAME or operator/NAME")]
    Principal(Principal),
}

/// How long a secret is, and its hash.
pub const SECRET_BYTES: usize = 32;

impl Credential {
    /// That of `principal`.
    ///
    /// # Errors
    /// Nobody is a node, or in its process, by a secret.
    pub fn new(principal: Principal, secret: [u8; SECRET_BYTES]) -> Result<Self, CredentialError> {
        match principal {
            Principal::Client(_) | Principal::Operator(_) => Ok(Self { principal, secret }),
            other => Err(CredentialError::Principal(other)),
        }
    }

    /// Whose it is.
    #[must_use]
    pub fn principal(&self) -> &Principal {
        &self.principal
    }

    /// What it is known by.
    #[must_use]
    pub fn hash(&self) -> CredentialHash {
        let hash = digest(&SHA256, &self.secret);
        CredentialHash(hash.as_ref().try_into().expect("SHA-256 has 32 bytes"))
    }

    /// The secret itself, to be said.
    #[must_use]
    pub fn secret(&self) -> [u8; SECRET_BYTES] {
        self.secret
    }

    /// The line of a file. Whoever reads it is that principal.
    #[must_use]
    pub fn to_line(&self) -> String {
        let secret: String = self.secret.iter().map(|byte| format!("{byte:02x}")).collect();
        format!("{}:{secret}", self.principal)
    }
}

impl From<&Credential> for Subject {
    fn from(credential: &Credential) -> Self {
        Self::Known(credential.principal.clone())
    }
}

impl FromStr for Credential {
    type Err = CredentialError;

    fn from_str(text: &str) -> Result<Self, CredentialError> {
        let (principal, secret) = text.trim().rsplit_once(':').ok_or(CredentialError::Form)?;
        let principal = principal.parse().map_err(|_| CredentialError::Form)?;
        if secret.len() != 2 * SECRET_BYTES || !secret.bytes().all(|byte| byte.is_ascii_hexdigit())
        {
            return Err(CredentialError::Secret);
        }
        let mut bytes = [0; SECRET_BYTES];
        for (byte, digits) in bytes.iter_mut().zip(secret.as_bytes().chunks(2)) {
            let digits = std::str::from_utf8(digits).expect("they are ASCII");
            *byte = u8::from_str_radix(digits, 16).map_err(|_| CredentialError::Secret)?;
        }
        Self::new(principal, bytes)
    }
}

/// Without the secret.
impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Credential({}:…)", self.principal)
    }
}

/// Takes as long whatever the two have in common.
impl PartialEq for CredentialHash {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for CredentialHash {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_comes_back_and_shows_its_secret_nowhere_else() {
        let credential =
            Credential::new("client/team-a/billing".parse().unwrap(), [0xa5; SECRET_BYTES])
                .unwrap();
        let line = credential.to_line();
        assert_eq!(line, format!("client/team-a/billing:{}", "a5".repeat(SECRET_BYTES)));
        assert_eq!(format!("{line}\n").parse::<Credential>().unwrap(), credential);
        assert_eq!(format!("{credential:?}"), "Credential(client/team-a/billing:…)");
    }

    #[test]
    fn what_is_none_is_said_without_the_secret() {
        let secret = "0f".repeat(SECRET_BYTES);
        for (text, why) in [
            (String::new(), "is no credential"),
            (secret.clone(), "is no credential"),
            (format!("billing:{secret}"), "is no credential"),
            ("client/a:0f0f".to_owned(), "has a secret that is not 64 hex digits"),
            (format!("client/a:{}", "é".repeat(SECRET_BYTES)), "has a secret that is not"),
            (format!("client/a:+{}", &secret[1..]), "has a secret that is not"),
            (format!("node/1:{secret}"), "is of node/1"),
            (format!("local/1:{secret}"), "is of local/1"),
        ] {
            let error = text.parse::<Credential>().unwrap_err().to_string();
            assert!(error.starts_with(why), "{text}: {error}");
            assert!(!error.contains("0f0f"), "{error}");
        }
    }

    #[test]
    fn the_hash_is_that_of_the_standard() {
        // SHA-256 of 32 zero bytes.
        let credential = Credential::new("client/a".parse().unwrap(), [0; 32]).unwrap();
        assert_eq!(credential.hash().0[..4], [0x66, 0x68, 0x7a, 0xad]);
        let other = Credential::new("client/a".parse().unwrap(), [1; 32]).unwrap();
        assert_ne!(credential.hash(), other.hash());
    }
}
