//! The TLS options of a client.

use crate::base::Verify;
use crate::net::{TlsDialer, TlsFiles};
use crate::{Error, Status};
use std::path::PathBuf;

/// The authority that a client trusts, and the certificate or credential that it shows. Files are
/// PEM, read when the client is opened.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TlsOptions {
    /// The authority of the nodes.
    pub ca: PathBuf,
    /// This client's certificate, followed by intermediate ones.
    pub cert: Option<PathBuf>,
    /// The key of `cert`.
    pub key: Option<PathBuf>,
    /// A file with a credential (`tenure access credential create`), for a client without
    /// certificate.
    pub credential: Option<PathBuf>,
    /// How nodes are verified.
    pub verify: Verify,
}

impl TlsOptions {
    /// Trusts nodes of this authority.
    pub fn new(ca: impl Into<PathBuf>) -> Self {
        let verify = Verify::default();
        Self { ca: ca.into(), cert: None, key: None, credential: None, verify }
    }

    /// Shows this certificate.
    #[must_use]
    pub fn identity(self, cert: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        Self { cert: Some(cert.into()), key: Some(key.into()), ..self }
    }

    /// Shows this credential in place of a certificate.
    #[must_use]
    pub fn credential(self, file: impl Into<PathBuf>) -> Self {
        Self { credential: Some(file.into()), ..self }
    }

    /// Verifies nodes in this way.
    #[must_use]
    pub fn verify(self, verify: Verify) -> Self {
        Self { verify, ..self }
    }

    /// Reads the files.
    ///
    /// # Errors
    /// INVALID: which file, and what is wrong with it.
    pub(super) fn read(&self) -> Result<TlsDialer, Error> {
        let own = match (&self.cert, &self.key) {
            (Some(cert), Some(key)) => Some((cert.clone(), key.clone())),
            (None, None) => None,
            (Some(cert), None) => {
                let cert = cert.display();
                return Err(invalid(&format!("cert is {cert}, and key is not given: give both")));
            }
            (None, Some(key)) => {
                let key = key.display();
                return Err(invalid(&format!("key is {key}, and cert is not given: give both")));
            }
        };
        let (ca, credential) = (self.ca.clone(), self.credential.clone());
        let files = TlsFiles { ca, own, credential, ..TlsFiles::default() };
        TlsDialer::read(&files, self.verify)
    }
}

fn invalid(text: &str) -> Error {
    Error::new(Status::Invalid, text)
}
