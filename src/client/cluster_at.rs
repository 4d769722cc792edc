//! A cluster to connect to: the addresses of its nodes, its expected identity, and TLS.

use super::api::Client;
use super::core::not_pinned;
use super::tls::TlsOptions;
use crate::base::{ClusterId, ClusterPin};
use crate::net::TlsDialer;
use crate::{Error, Status};

/// The addresses of a cluster's nodes, and the expected cluster, if known.
#[derive(Clone, Debug)]
pub struct ClusterAt {
    /// "host:port,…"
    pub endpoints: String,
    /// The expected cluster: nodes of any other are passed over.
    #[doc(hidden)]
    pub pin: Option<ClusterPin>,
    /// The TLS dialer; `None`: plaintext.
    pub(super) tls: Option<TlsDialer>,
}

impl ClusterAt {
    /// The cluster at `endpoints`; any cluster without a `pin`.
    #[doc(hidden)]
    #[must_use]
    pub fn new(endpoints: impl Into<String>, pin: Option<ClusterPin>) -> Self {
        Self { endpoints: endpoints.into(), pin, tls: None }
    }

    /// Expects the cluster of this id, as `tenure status` shows it, or at least its first eight hex
    /// digits: nodes of any other are passed over.
    ///
    /// # Errors
    /// INVALID: malformed id.
    pub fn of_cluster(self, cluster_id: &str) -> Result<Self, Error> {
        let pin = ClusterPin::parse(cluster_id).map_err(|why| Error::new(Status::Invalid, why))?;
        Ok(Self { pin: Some(pin), ..self })
    }

    /// Reaches nodes over TLS alone.
    ///
    /// # Errors
    /// INVALID: which file, and what is wrong with it.
    pub fn over_tls(self, options: &TlsOptions) -> Result<Self, Error> {
        Ok(Self { tls: Some(options.read()?), ..self })
    }

    /// Falls back to plaintext for nodes without TLS, but not for one that refuses a certificate.
    /// Only for a node that accepts both itself (`TlsMode::Optional`).
    #[must_use]
    pub fn or_plain(self) -> Self {
        Self { tls: self.tls.map(TlsDialer::or_plain), ..self }
    }

    /// Checks that a node of `cluster` is of the expected cluster; a node without a cluster passes.
    ///
    /// # Errors
    /// UNAVAILABLE: the node is another cluster's.
    pub(super) fn check(&self, cluster: Option<ClusterId>) -> Result<(), Error> {
        match (&self.pin, cluster) {
            (Some(pin), Some(cluster)) if !pin.matches(cluster) => {
                Err(Error::new(Status::Unavailable, not_pinned(cluster, pin)))
            }
            _ => Ok(()),
        }
    }
}

impl Client {
    /// The cluster of this client, for further connections: the endpoints of the program and the
    /// leader's address, pinned to the cluster of the session.
    ///
    /// # Errors
    /// CLOSED, FORKED.
    pub(super) fn whom(&self) -> Result<ClusterAt, Error> {
        let known = self.handle.shared.look(|inner, _| {
            let core = &inner.core;
            let closed = core.is_closed().then(|| Error::from(Status::Closed));
            closed.map_or_else(|| Ok((core.cluster(), core.home_address().map(str::to_owned))), Err)
        })?;
        let (cluster, home) = known?;
        let mut whom = self.handle.cluster.clone();
        // Pinned by the cluster's whole id.
        let pin = cluster.and_then(|cluster| ClusterPin::parse(&cluster.to_string()).ok());
        whom.pin = pin.or(whom.pin);
        if let Some(home) = home.filter(|home| !whom.endpoints.split(',').any(|one| one == home)) {
            whom.endpoints = format!("{},{home}", whom.endpoints);
        }
        Ok(whom)
    }
}

impl From<&str> for ClusterAt {
    fn from(endpoints: &str) -> Self {
        Self::new(endpoints, None)
    }
}

impl From<&String> for ClusterAt {
    fn from(endpoints: &String) -> Self {
        endpoints.as_str().into()
    }
}

impl From<&ClusterAt> for ClusterAt {
    fn from(cluster: &ClusterAt) -> Self {
        cluster.clone()
    }
}
