//! Which cluster is meant: where its nodes may be, and how it is told from others.

use super::api::Client;
use super::core::not_pinned;
use super::tls::TlsOptions;
use crate::base::{ClusterId, ClusterPin};
use crate::net::TlsDialer;
use crate::{Error, Status};

/// Where the nodes of a cluster may be, and which cluster that must be, if it is known.
#[derive(Clone, Debug)]
pub struct ClusterAt {
    /// "host:port,…"
    pub endpoints: String,
    /// Nodes of any other are passed over.
    #[doc(hidden)]
    pub pin: Option<ClusterPin>,
    /// How its nodes are reached over TLS; `None`: without.
    pub(super) tls: Option<TlsDialer>,
}

impl ClusterAt {
    /// Whichever cluster has nodes there, unless a pin says which.
    #[doc(hidden)]
    #[must_use]
    pub fn new(endpoints: impl Into<String>, pin: Option<ClusterPin>) -> Self {
        Self { endpoints: endpoints.into(), pin, tls: None }
    }

    /// The cluster of this id, as `tenure status` shows it, or its first eight hex digits at least: nodes of any other are passed over.
    ///
    /// # Errors
    /// INVALID: it is no such id.
    pub fn of_cluster(self, cluster_id: &str) -> Result<Self, Error> {
        let pin = ClusterPin::parse(cluster_id).map_err(|why| Error::new(Status::Invalid, why))?;
        Ok(Self { pin: Some(pin), ..self })
    }

    /// Reached over TLS alone.
    ///
    /// # Errors
    /// INVALID: which file, and what is wrong with it.
    pub fn over_tls(self, options: &TlsOptions) -> Result<Self, Error> {
        Ok(Self { tls: Some(options.read()?), ..self })
    }

    /// A node that speaks no TLS is asked without; one that refuses a certificate is not. For a node that takes both itself
    /// (`TlsMode::Optional`), and for nobody else.
    #[must_use]
    pub fn or_plain(self) -> Self {
        Self { tls: self.tls.map(TlsDialer::or_plain), ..self }
    }

    /// Whether a node of `cluster` is one of those that are meant; one that is of no cluster yet may be.
    ///
    /// # Errors
    /// UNAVAILABLE: it is another cluster's.
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
    /// The cluster of this client, for connections that are not its own: where the program said that nodes are, and where
    /// its leader is; that of its session alone.
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
        // The id of a cluster is a pin of it.
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
