//! The two sides of a handshake: the dialed node, and the dialer.

use super::hello::{CREDENTIAL_FOLLOWS, NODE_DIALS, Says};
use super::material::TlsMaterial;
use super::session::Session;
use super::trust::Trust;
use super::verifiers::{Demand, DialedVerifier, DialerVerifier};
use crate::base::NodeId;
use rustls::client::{ClientConnection, Resumption};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::{CertificateDer, DnsName, ServerName, UnixTime};
use rustls::server::{NoServerSessionStorage, ServerConnection};
use rustls::sign::SingleCertAndKey;
use rustls::time_provider::TimeProvider;
use rustls::version::TLS13;
use rustls::{ClientConfig, Error, ServerConfig};
use std::fmt;
use std::sync::Arc;

/// The expected identity of the dialed node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expected {
    /// Any node with a certificate for this host.
    Host(ServerName<'static>),
    /// Any node of the cluster's own authority.
    AnyNode,
    /// This node.
    Node(NodeId),
}

/// A node's side of handshakes.
#[derive(Clone)]
pub struct TlsServer {
    config: Arc<ServerConfig>,
    /// For dialers who say that a credential follows.
    without_certificate: Arc<ServerConfig>,
    verifier: Arc<DialerVerifier>,
}

/// The dialer's side of handshakes.
#[derive(Clone)]
pub struct TlsClient {
    config: ClientConfig,
    nodes: Arc<Trust>,
    clock: Arc<dyn TimeProvider>,
}

/// The side that verifies the certificate of an open connection again, by the present trust.
#[derive(Clone, Copy)]
pub(in crate::net) enum Judge<'a> {
    /// Verifies a peer that dialed us.
    Dialer(&'a TlsServer),
    /// Verifies a peer that we dialed.
    Dialed(&'a TlsClient, &'a Expected),
}

impl Judge<'_> {
    pub(super) fn verify(
        self,
        certificate: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<(), Error> {
        match self {
            Self::Dialer(server) => server.verifier.verify(certificate, others, now),
            Self::Dialed(client, expected) => {
                let (nodes, expected) = (Arc::clone(&client.nodes), expected.clone());
                DialedVerifier { nodes, expected }.verify(certificate, others, now)
            }
        }
    }
}

impl Expected {
    /// A node at the host of `address` ("host:port").
    ///
    /// # Errors
    /// No certificate could name the host.
    pub fn host_of(address: &str) -> Result<Self, String> {
        let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let name = ServerName::try_from(host.to_owned());
        name.map(Self::Host).map_err(|_| {
            format!("no certificate can name the host \"{host}\": dial another name of it, or verify by node (--verify node)")
        })
    }
}

impl TlsServer {
    /// A server with our own certificate that demands one of its peers.
    ///
    /// # Errors
    /// We have no certificate.
    pub fn new(material: &TlsMaterial) -> Result<Self, String> {
        Self::demanding(Demand::Certificate, material)
    }

    /// A server with our own certificate that verifies a certificate if one is shown.
    ///
    /// # Errors
    /// We have no certificate.
    pub fn for_anybody(material: &TlsMaterial) -> Result<Self, String> {
        Self::demanding(Demand::Nothing, material)
    }

    fn demanding(demand: Demand, material: &TlsMaterial) -> Result<Self, String> {
        let Some((own, _)) = &material.own else {
            return Err("a node needs a certificate and its key (--cert and --key)".to_owned());
        };
        let verifier = |demand| {
            Arc::new(DialerVerifier {
                nodes: Arc::clone(&material.nodes),
                clients: Arc::clone(&material.clients),
                demand,
            })
        };
        let config = |verifier: &Arc<DialerVerifier>| {
            let clock = Arc::clone(&material.clock);
            let config = ServerConfig::builder_with_details(provider(), clock)
                .with_protocol_versions(&[&TLS13])
                .map_err(|error| error.to_string())?;
            let mut config = config
                .with_client_cert_verifier(Arc::clone(verifier) as Arc<_>)
                .with_cert_resolver(Arc::new(SingleCertAndKey::from(Arc::clone(own))));
            config.session_storage = Arc::new(NoServerSessionStorage {});
            config.send_tls13_tickets = 0;
            Ok::<_, String>(Arc::new(config))
        };
        let (demanding, lenient) = (verifier(demand), verifier(Demand::Nothing));
        let (config, without_certificate) = (config(&demanding)?, config(&lenient)?);
        Ok(Self { config, without_certificate, verifier: demanding })
    }

    /// A session with a dialer, by its statement about itself.
    pub(in crate::net) fn accept(&self, says: Says) -> Result<Session, String> {
        let config = match says {
            Says::Nothing | Says::Node => &self.config,
            Says::Credential => &self.without_certificate,
        };
        let connection = ServerConnection::new(Arc::clone(config));
        let clock = Arc::clone(&self.config.time_provider);
        let session = connection.map(|connection| Session::new(connection.into(), clock));
        session.map_err(|why| why.to_string())
    }
}

impl TlsClient {
    /// A dialer with our own certificate, if there is one.
    ///
    /// # Errors
    /// The provider lacks what TLS 1.3 needs.
    pub fn new(material: &TlsMaterial) -> Result<Self, String> {
        let nodes = Arc::clone(&material.nodes);
        let verifier = DialedVerifier { nodes: Arc::clone(&nodes), expected: Expected::AnyNode };
        let clock = Arc::clone(&material.clock);
        let config = ClientConfig::builder_with_details(provider(), Arc::clone(&clock))
            .with_protocol_versions(&[&TLS13])
            .map_err(|error| error.to_string())?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier));
        let mut config = match &material.own {
            Some((own, _)) => {
                config.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(Arc::clone(own))))
            }
            None => config.with_no_client_auth(),
        };
        if material.credential.is_some() {
            config.alpn_protocols = vec![CREDENTIAL_FOLLOWS.to_vec()];
        }
        config.resumption = Resumption::disabled();
        Ok(Self { config, nodes, clock })
    }

    /// A session with the node `expected`.
    pub(in crate::net) fn dial(&self, expected: Expected) -> Result<Session, String> {
        let mut config = self.config.clone();
        // SNI for a node dialed by its host, for a proxy before it; other nodes need no name.
        let name = match &expected {
            Expected::Host(name) => name.clone(),
            Expected::AnyNode | Expected::Node(_) => {
                config.enable_sni = false;
                ServerName::DnsName(DnsName::try_from("node.invalid").expect("it is a name"))
            }
        };
        // Only nodes dial a particular node.
        if matches!(expected, Expected::Node(_)) {
            config.alpn_protocols = vec![NODE_DIALS.to_vec()];
        }
        let verifier = DialedVerifier { nodes: Arc::clone(&self.nodes), expected };
        config.dangerous().set_certificate_verifier(Arc::new(verifier));
        let connection = ClientConnection::new(Arc::new(config), name);
        let clock = Arc::clone(&self.clock);
        let session = connection.map(|connection| Session::new(connection.into(), clock));
        session.map_err(|why| why.to_string())
    }
}

/// The provider of cryptography, passed to each part: the process's default is the host's to
/// choose.
pub(super) fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

impl fmt::Debug for TlsServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TlsServer")
    }
}

impl fmt::Debug for TlsClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TlsClient")
    }
}
