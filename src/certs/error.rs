//! Errors of making and reading certificates.

use crate::base::error::{Error, Status};
use crate::certs::DAYS_MAX;
use std::io;
use std::path::PathBuf;

/// An error in one sentence: what happened, and what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CertsError {
    /// A file exists, and replacing was not asked for.
    #[error(
        "{0} is there already, and is left as it is: choose another directory, or say that it may be replaced"
    )]
    Exists(PathBuf),
    /// A file could not be read or written.
    #[error("cannot {verb} {}: {error}", path.display())]
    Io {
        /// "read", "write".
        verb: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's error.
        error: io::Error,
    },
    /// There is no authority in the directory.
    #[error(
        "there is no authority in {0} (no ca.crt and ca.key): make one first, or say where it is"
    )]
    NoAuthority(PathBuf),
    /// The certificate is no authority's.
    #[error("{0} is no authority's certificate: it may not certify others")]
    NotAnAuthority(PathBuf),
    /// The key does not fit the certificate, or cannot be parsed.
    #[error("{path} is not the key of ca.crt beside it: {why}")]
    Key {
        /// Where.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// The authority has expired.
    #[error(
        "the authority in {path} ended on {until}: make a new one, and have all trust both while certificates are replaced"
    )]
    AuthorityEnded {
        /// Where.
        path: PathBuf,
        /// The day of its end.
        until: String,
    },
    /// A certificate would outlive its authority.
    #[error(
        "the authority ends on {until}, before a certificate of {days} days would: give fewer days"
    )]
    OutlivesAuthority {
        /// The day of the authority's end.
        until: String,
        /// The lifetime that was asked for, in days.
        days: u32,
    },
    /// A lifetime that is too short or too long.
    #[error("a certificate is valid for 1 to {DAYS_MAX} days, not {0}")]
    Days(u32),
    /// The wall clock is not set; it decides from when on a certificate is valid.
    #[error("the clock of this machine is not set")]
    NoClock,
    /// A node without hosts, hosts for another kind of principal, or a principal that has no
    /// certificates.
    #[error("{0}")]
    Subject(&'static str),
    /// The text is no certificate.
    #[error("{0}")]
    NoCertificate(String),
    /// The library that makes certificates has refused.
    #[error("the certificate could not be made: {0}")]
    Making(#[from] rcgen::Error),
}

impl From<CertsError> for Error {
    fn from(error: CertsError) -> Self {
        let status = match error {
            CertsError::Io { .. } => Status::Io,
            CertsError::NoClock => Status::Unavailable,
            CertsError::Making(_) => Status::Internal,
            _ => Status::Invalid,
        };
        let said = Self::new(status, error.to_string());
        match error {
            CertsError::Io { error, .. } => said.because_of(error),
            error => said.because_of(error),
        }
    }
}
