//! TLS of a node: its own certificate, its verification of others, and the identity of peers.

use crate::admin::TlsNow;
use crate::base::error::{Error, Status};
use crate::base::{NodeId, Principal, Sample};
use crate::net::{
    Closed, Connection, Expected, Key, Stamp, TlsClient, TlsError, TlsFiles, TlsMaterial,
    TlsServer, TrustPrint, TrustWithin,
};
use crate::node::ending::Ending;
use crate::node::links::{Link, Role};
use crate::node::network::Network;
use crate::node::way::Way;
use crate::wire::{Refused, RefusedCode};
use parking_lot::Mutex;
use std::path::PathBuf;
use std::sync::Arc;

/// The files of a node's certificate and of its trusted authorities, all PEM. They are read when
/// the node starts, by [`Node::reload`](crate::node::Node::reload), and when they change.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NodeTls {
    /// The authority of nodes, and of clients and operators unless `client_ca` is given.
    pub ca: PathBuf,
    /// This node's certificate, of `tenure:node/ID`, followed by intermediate ones.
    pub cert: PathBuf,
    /// The key of `cert`.
    pub key: PathBuf,
    /// The authority of clients and operators, if that is another.
    pub client_ca: Option<PathBuf>,
    /// Revoked certificates (CRLs).
    pub crl: Option<PathBuf>,
    /// Whether plaintext connections are accepted.
    pub mode: TlsMode,
}

/// Whether a node accepts plaintext connections.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum TlsMode {
    /// Yes: it answers both, and dials its peers over TLS first, and in plaintext if they have
    /// no TLS. A stage on the way to `Required` and back, in which clients without a certificate
    /// are not kept out.
    Optional,
    /// No.
    #[default]
    Required,
}

impl TlsMode {
    /// The name in a status.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Optional => "optional",
            Self::Required => "required",
        }
    }
}

impl NodeTls {
    /// TLS with one authority for all.
    pub fn new(ca: impl Into<PathBuf>, cert: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        let (ca, cert, key) = (ca.into(), cert.into(), key.into());
        Self { ca, cert, key, client_ca: None, crl: None, mode: TlsMode::default() }
    }

    pub(super) fn files(&self) -> TlsFiles {
        TlsFiles {
            ca: self.ca.clone(),
            own: Some((self.cert.clone(), self.key.clone())),
            client_ca: self.client_ca.clone(),
            crl: self.crl.clone(),
            credential: None,
        }
    }
}

impl NodeTls {
    /// Refuses files that [`Node::start`](super::Node::start) of node `node` would refuse.
    ///
    /// # Errors
    /// INVALID: which file, and what is wrong with it.
    pub fn check(&self, node: NodeId) -> Result<(), Error> {
        Secured::read(self, node).map(drop)
    }
}

/// Both sides of a node's handshakes.
#[derive(Debug)]
pub(super) struct Secured {
    server: TlsServer,
    /// The admin endpoint's side: demands no certificate, and verifies one that is shown.
    admin: Arc<Mutex<TlsServer>>,
    client: TlsClient,
    within: TrustWithin,
    mode: TlsMode,
    /// The stamp of the files, taken before they were read.
    stamp: Stamp,
    trusted: TrustPrint,
    /// The last second of our own certificate, since 1970.
    not_after: Option<u64>,
    /// Why our own certificate is not valid at present, as the second half of a sentence.
    outdated: Option<String>,
    warnings: Vec<String>,
}

impl Secured {
    /// Reads the files of `node`.
    ///
    /// # Errors
    /// INVALID: which file, and what is wrong with it.
    pub(super) fn read(tls: &NodeTls, node: NodeId) -> Result<Self, Error> {
        let invalid = |text: String| Error::new(Status::Invalid, text);
        let files = tls.files();
        let stamp = files.stamp();
        let material = TlsMaterial::read(&files)?;
        let (cert, own) = (tls.cert.display(), Principal::Node(node));
        match material.principal() {
            Some(Ok(principal)) if *principal == own => {}
            Some(Ok(other)) => {
                let text = format!(
                    "{cert} is the certificate of {other}, and this is {own}: give each node its own (`tenure certs node {node} HOST`)"
                );
                return Err(invalid(text));
            }
            Some(Err(why)) => return Err(invalid(format!("the certificate {cert} {why}"))),
            None => unreachable!("a node's files name its certificate"),
        }
        let outdated = material.check_node();
        let outdated = outdated.map_err(|why| invalid(format!("the certificate {cert} {why}")))?;
        let server = TlsServer::new(&material).map_err(invalid)?;
        let admin = TlsServer::for_anybody(&material).map_err(invalid)?;
        let admin = Arc::new(Mutex::new(admin));
        let client = TlsClient::new(&material).map_err(invalid)?;
        let (trusted, not_after) = (material.trusted(), material.not_after());
        let (mode, warnings) = (tls.mode, material.warnings().to_vec());
        let within = TrustWithin::of(&material);
        Ok(Self {
            server,
            admin,
            client,
            within,
            mode,
            stamp,
            trusted,
            not_after,
            outdated,
            warnings,
        })
    }

    /// The stamp of the files, taken before they were read.
    pub(super) fn stamp(&self) -> &Stamp {
        &self.stamp
    }

    /// The digest of the trusted authorities, to be compared.
    pub(super) fn trusted(&self) -> TrustPrint {
        self.trusted
    }

    /// The last second of our own certificate, since 1970.
    pub(super) fn not_after(&self) -> Option<u64> {
        self.not_after
    }

    /// Why our own certificate is not valid at present, as the second half of a sentence.
    pub(super) fn outdated(&self) -> Option<&str> {
        self.outdated.as_deref()
    }

    /// Logs warnings about the files, which do not keep a node from running.
    pub(super) fn warn(&self) {
        self.warnings.iter().for_each(|warning| log::warn!("{warning}"));
        if let Some(why) = &self.outdated {
            log::warn!("the certificate of this node {why}");
        }
    }

    /// Verifies the peer of an open connection again, by the present trust.
    pub(super) fn examine(&self, link: &Link, now: &Sample) -> Result<(), TlsError> {
        match link.role {
            Role::Peer(peer) | Role::Dialing(peer) if link.connection.is_dialed_over_tls() => {
                link.connection.examine_dialed(&self.client, &Expected::Node(peer), now)
            }
            _ => link.connection.examine_dialer(&self.server, now),
        }
    }

    /// Puts TLS on an accepted connection.
    pub(super) fn answer(&self, connection: Connection) -> Connection {
        match self.mode {
            TlsMode::Optional => connection.answering_either(&self.server),
            TlsMode::Required => connection.answering_over_tls(&self.server),
        }
    }

    /// Puts TLS on a dialed connection, for exactly this peer.
    pub(super) fn dial(
        &self,
        connection: Connection,
        peer: NodeId,
        way: Way,
    ) -> Result<Connection, Closed> {
        match self.mode {
            TlsMode::Optional if way.is_plain => Ok(connection),
            _ => connection.over_tls(&self.client, Expected::Node(peer)),
        }
    }

    /// The admin endpoint's present TLS.
    pub(super) fn admin_server(&self) -> TlsNow {
        let admin = Arc::clone(&self.admin);
        Box::new(move || admin.lock().clone())
    }

    pub(super) fn mode(&self) -> TlsMode {
        self.mode
    }
}

impl Network {
    /// Sets the TLS of handshakes from now on, also for certificates of clients in this process.
    /// Gives the former one.
    pub(super) fn secure(&mut self, mut secured: Option<Secured>) -> Option<Secured> {
        if let (Some(before), Some(secured)) = (&self.handshakes.secured, &mut secured) {
            before.admin.lock().clone_from(&secured.admin.lock());
            secured.admin = Arc::clone(&before.admin);
        }
        self.acceptor.local().trust(secured.as_ref().map(|secured| secured.within.clone()));
        std::mem::replace(&mut self.handshakes.secured, secured)
    }

    /// Checks that the certificate of a connection is that of this peer.
    pub(super) fn check_peer_identity(&mut self, key: Key, peer: NodeId) -> Result<(), Ending> {
        let Some(link) = self.links.find(key) else { return Ok(()) };
        let is_plain = !link.connection.is_over_tls() && self.handshakes.may_be_plain();
        if is_plain || link.connection.principal() == Some(&Principal::Node(peer)) {
            return Ok(());
        }
        let shown = shown(link.connection.principal());
        refuse(format!(
            "only the certificate of node/{peer} may speak as node {peer}, and {shown}: give each node its own"
        ))
    }

    /// Logs a peer that is connected without TLS while TLS is optional.
    pub(super) fn note_plain_peer(&mut self, key: Key, peer: NodeId) {
        let Some(link) = self.links.find(key) else { return };
        if self.handshakes.mode() == Some(TlsMode::Optional) && !link.connection.is_over_tls() {
            log::warn!(
                "node {peer} is connected without TLS: nobody verifies who it is, and what is said can be read. Start it with --tls optional and its certificate"
            );
        }
    }
}

fn shown(principal: Option<&Principal>) -> String {
    match principal {
        Some(principal) => format!("this is {principal}'s"),
        None => "there is none here".to_owned(),
    }
}

fn refuse(text: String) -> Result<(), Ending> {
    Err(Ending::Refusing(Refused { code: RefusedCode::State, text }))
}

#[cfg(test)]
mod tests;
