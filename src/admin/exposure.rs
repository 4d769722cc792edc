//! The exposure of an admin endpoint: from where it may be reached, and how it is protected.

use super::stream::Caller;
use crate::base::error::{Error, Status};
use crate::net::TlsServer;
use std::fmt;
use std::net::SocketAddr;

/// The protection of an endpoint. On a loopback address every caller may read everything in any
/// case.
pub enum Exposure {
    /// None: the endpoint must be on a loopback address.
    Loopback,
    /// TLS. Plaintext callers learn only whether the node is well.
    Secured(TlsNow),
    /// None, at any address, by the operator's flag --insecure. With TLS as an option: a stage of a
    /// changeover.
    Open(Option<TlsNow>),
}

/// Gives the TLS of connections accepted from now on: certificates are renewed while a node runs.
pub type TlsNow = Box<dyn Fn() -> TlsServer + Send>;

impl Exposure {
    /// Checks that the endpoint may be at `address`.
    ///
    /// # Errors
    /// INVALID: what to change.
    pub fn check(&self, address: SocketAddr) -> Result<(), Error> {
        if address.ip().is_loopback() || !matches!(self, Self::Loopback) {
            return Ok(());
        }
        let text = format!(
            "the admin endpoint {address} is open to the network, and nothing is encrypted or authenticated there: choose a \
             loopback address (127.0.0.1), give the node certificates (--ca, --cert, --key), or say --insecure if everybody who \
             can reach it may read it"
        );
        Err(Error::new(Status::Invalid, text))
    }

    /// The caller that a plaintext client of `address` is.
    pub(super) fn plain_caller(&self, address: SocketAddr) -> Caller {
        match self {
            Self::Secured(_) if !address.ip().is_loopback() => Caller::Anybody,
            _ => Caller::Known,
        }
    }

    /// The TLS of new connections, if the endpoint speaks TLS.
    pub(super) fn tls(&self) -> Option<TlsServer> {
        match self {
            Self::Secured(tls) | Self::Open(Some(tls)) => Some(tls()),
            Self::Loopback | Self::Open(None) => None,
        }
    }

    /// The scheme of the endpoint's URL.
    #[must_use]
    pub fn scheme(&self) -> &'static str {
        match self {
            Self::Secured(_) => "https",
            Self::Loopback | Self::Open(_) => "http",
        }
    }
}

impl fmt::Debug for Exposure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Loopback => "Loopback",
            Self::Secured(_) => "Secured",
            Self::Open(_) => "Open",
        })
    }
}
