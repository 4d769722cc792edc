//! Why a certificate is not made, or not read.

use crate::base::error::{Error, Status};
use crate::certs::DAYS_MAX;
use std::io;
use std::path::PathBuf;

/// One sentence of what happened, with what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CertsError {
    /// Nothing is written over unless it is asked for.
    #[error(
        "{0} is there already, and is left as it is: choose another directory, or say that it may be replaced"
    )]
    Exists(PathBuf),
    /// The system's.
    #[error("cannot {verb} {}: {error}", path.display())]
    Io {
        /// "read", "write".
        verb: &'static str,
        /// What.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// There is no authority where one was looked for.
    #[error(
        "there is no authority in {0} (no ca.crt and ca.key): make one first, or say where it is"
    )]
    NoAuthority(PathBuf),
    /// The certificate of the authority is that of somebody else.
    #[error("{0} is no authority's certificate: it may not certify others")]
    NotAnAuthority(PathBuf),
    /// Its key is not of its certificate, or cannot be read as one.
    #[error("{path} is not the key of ca.crt beside it: {why}")]
    Key {
        /// Where.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// It may certify nobody any more.
    #[error(
        "the authority in {path} ended on {until}: make a new one, and have all trust both while certificates are replaced"
    )]
    AuthorityEnded {
        /// Where.
        path: PathBuf,
        /// When.
        until: String,
    },
    /// What it certifies cannot hold longer than it.
    #[error(
        "the authority ends on {until}, before a certificate of {days} days would: give fewer days"
    )]
    OutlivesAuthority {
        /// When it ends.
        until: String,
        /// What was asked for.
        days: u32,
    },
    /// Too short, or too long.
    #[error("a certificate is valid for 1 to {DAYS_MAX} days, not {0}")]
    Days(u32),
    /// The present time decides from when on a certificate is valid.
    #[error("the clock of this machine is not set")]
    NoClock,
    /// A node without hosts, hosts of somebody who is not dialed, or an identity that is not certified.
    #[error("{0}")]
    Subject(&'static str),
    /// What was read is no certificate.
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
