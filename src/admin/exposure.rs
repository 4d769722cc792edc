//! From where an admin endpoint may be reached, and with what protection.

use super::stream::Caller;
use crate::base::error::{Error, Status};
use crate::net::TlsServer;
use std::fmt;
use std::net::SocketAddr;

/// What protects an endpoint. On a loopback address whoever comes is told everything in any case.
pub enum Exposure {
    /// Nothing: it is on a loopback address, or nowhere.
    Loopback,
    /// TLS. In the clear nobody is told more than whether the node is well.
    Secured(TlsNow),
    /// Nothing, and it may be anywhere: whoever started the node has said that all may read it. TLS is a stage.
    Open(Option<TlsNow>),
}

/// What connections are answered with that are accepted from now on: certificates are renewed while a node runs.
pub type TlsNow = Box<dyn Fn() -> TlsServer + Send>;

impl Exposure {
    /// Whether it may be at `address`.
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

    /// What whoever comes to `address` in the clear is.
    pub(super) fn plain_caller(&self, address: SocketAddr) -> Caller {
        match self {
            Self::Secured(_) if !address.ip().is_loopback() => Caller::Anybody,
            _ => Caller::Known,
        }
    }

    /// What who comes by TLS is answered with, if it is spoken.
    pub(super) fn tls(&self) -> Option<TlsServer> {
        match self {
            Self::Secured(tls) | Self::Open(Some(tls)) => Some(tls()),
            Self::Loopback | Self::Open(None) => None,
        }
    }

    /// As a URL begins.
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
