//! Makes an authority and its certificates as files, each named by its principal.

use crate::base::Principal;
use crate::certs::{Authority, CertsError, Existing, Host, Issued, Lifetime, SavedFiles};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// The directories, the lifetime, and the treatment of existing files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The directory of new files; made if needed.
    pub directory: PathBuf,
    /// The directory of the authority: `ca.crt` and `ca.key`.
    pub authority: PathBuf,
    /// Lifetime in days from now; `None`: the default.
    pub days: Option<u32>,
    /// The treatment of existing files of the same name.
    pub existing: Existing,
}

impl Place {
    /// Everything in one directory, with existing files kept.
    #[must_use]
    pub fn at(directory: impl Into<PathBuf>) -> Self {
        let directory = directory.into();
        let authority = directory.clone();
        Self { directory, authority, days: None, existing: Existing::Kept }
    }

    /// Makes an authority.
    ///
    /// # Errors
    /// The files exist already or cannot be written, or the lifetime is out of bounds.
    pub fn make_authority(&self) -> Result<(Issued, SavedFiles), CertsError> {
        let issued = Authority::create(self.lifetime()?)?.issued();
        let saved = issued.save(&self.directory, AUTHORITY, self.existing)?;
        Ok((issued, saved))
    }

    /// Makes the certificate of `principal`; a node is dialed at `hosts`.
    ///
    /// # Errors
    /// There is no authority, it cannot issue this, or the files exist already or cannot be
    /// written.
    pub fn make(
        &self,
        principal: &Principal,
        hosts: &[Host],
    ) -> Result<(Issued, SavedFiles), CertsError> {
        let authority = Authority::open(&self.authority)?;
        let issued = authority.issue(principal, hosts, self.lifetime()?)?;
        let saved = issued.save(&self.directory, &stem(principal), self.existing)?;
        Ok((issued, saved))
    }

    fn lifetime(&self) -> Result<Lifetime, CertsError> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_err(|_| CertsError::NoClock)?;
        Ok(Lifetime { now: now.as_secs(), days: self.days })
    }
}

/// The name of the files of `principal`, without extension. Its first "/" becomes "-", further
/// ones "=", which no principal has.
#[must_use]
pub fn stem(principal: &Principal) -> String {
    principal.to_string().replacen('/', "-", 1).replace('/', "=")
}

/// The certificate of the authority in `directory`.
#[must_use]
pub fn authority_in(directory: &Path) -> PathBuf {
    directory.join(format!("{AUTHORITY}.crt"))
}

/// The name of an authority's files, without extension.
const AUTHORITY: &str = "ca";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::NodeId;

    #[test]
    fn an_authority_and_what_it_certifies_stand_beside_each_other() {
        let directory = tempfile::tempdir().unwrap();
        let place = Place::at(directory.path());
        let node = Principal::Node(NodeId(1));
        let host = ["127.0.0.1".parse().unwrap()];
        assert!(matches!(place.make(&node, &host), Err(CertsError::NoAuthority(_))));
        let (_, saved) = place.make_authority().unwrap();
        assert_eq!(saved.certificate, authority_in(directory.path()));
        let (_, saved) = place.make(&node, &host).unwrap();
        assert_eq!(saved.key, directory.path().join("node-1.key"));
        assert!(matches!(place.make(&node, &host), Err(CertsError::Exists(_))));
        let replacing = Place { existing: Existing::Replaced, ..place };
        replacing.make(&node, &host).unwrap();
    }

    #[test]
    fn two_identities_never_share_a_file() {
        let stem_of = |text: &str| stem(&text.parse().unwrap());
        assert_eq!(stem_of("operator/team/alice"), "operator-team=alice");
        assert_eq!(stem_of("operator/team-alice"), "operator-team-alice");
    }
}
