//! The TLS of all connections that one client dials, and the verification of the dialed nodes.

use super::blocking::BlockingTls;
use super::error::TlsError;
use super::material::{TlsFiles, TlsMaterial, TrustPrint};
use super::sides::{Expected, TlsClient};
use super::stamp::Stamp;
use super::within::ShownWithin;
use crate::base::text::date;
use crate::base::{Credential, Sample, Verify};
use crate::net::{Closed, Connection};
use crate::{Error, Status};
use parking_lot::Mutex;
use std::net::TcpStream;
use std::sync::Arc;

/// A client's side of all its handshakes. Its files are checked before each dial, so that a
/// long-lived client dials with renewed certificates. Clones share the files' content.
#[derive(Clone, Debug)]
pub struct TlsDialer {
    files: Arc<TlsFiles>,
    verify: Verify,
    may_be_plain: bool,
    read: Arc<Mutex<Read>>,
}

/// The content of the files at the last read.
#[derive(Debug)]
struct Read {
    client: Arc<TlsClient>,
    shown: Option<ShownWithin>,
    trusted: TrustPrint,
    credential: Option<Credential>,
    stamp: Stamp,
    /// The stamp of files that cannot be used, which was logged.
    useless: Option<Stamp>,
}

impl Read {
    fn of(client: Arc<TlsClient>, material: &TlsMaterial, stamp: Stamp) -> Self {
        let shown = ShownWithin::of(material);
        let (trusted, credential) = (material.trusted(), material.credential.clone());
        Self { client, shown, trusted, credential, stamp, useless: None }
    }
}

/// A change of the files.
#[derive(Debug, PartialEq, Eq)]
pub enum Renewed {
    /// The new files are in use.
    Used {
        /// For the log: what was renewed, and warnings.
        text: String,
        /// Whether the trusted authorities have changed.
        trusts_others: bool,
    },
    /// The former files stay in use: which new file cannot be used, and why.
    Useless(String),
}

/// A dialer's side of handshakes, by files that were read.
fn client_of(material: &TlsMaterial) -> Result<TlsClient, Error> {
    TlsClient::new(material).map_err(|why| Error::new(Status::Invalid, why))
}

impl TlsDialer {
    /// A dialer with the content of `files`.
    ///
    /// # Errors
    /// INVALID: which file, and what is wrong with it.
    pub fn read(files: &TlsFiles, verify: Verify) -> Result<Self, Error> {
        let stamp = files.stamp();
        let material = TlsMaterial::read(files)?;
        material.warnings().iter().for_each(|warning| log::warn!("{warning}"));
        if let Some(why) = material.expired() {
            log::warn!("the certificate {} {why}", own(files));
        }
        let client = Arc::new(client_of(&material)?);
        let read = Read::of(client, &material, stamp);
        let (files, read) = (Arc::new(files.clone()), Arc::new(Mutex::new(read)));
        Ok(Self { files, verify, may_be_plain: false, read })
    }

    /// Reads the files again if they have changed since the last read. `None`: they have not.
    pub fn renew(&self) -> Option<Renewed> {
        let stamp = self.files.stamp();
        let mut read = self.read.lock();
        if read.stamp == stamp || read.useless.as_ref() == Some(&stamp) {
            return None;
        }
        let material = TlsMaterial::read(&self.files);
        let made = material.and_then(|material| Ok((client_of(&material)?, material)));
        // Written during the read: the content may be mixed. The next dial looks again.
        if self.files.stamp() != stamp {
            return None;
        }
        let (client, material) = match made {
            Ok(made) => made,
            Err(why) => {
                read.useless = Some(stamp);
                return Some(Renewed::Useless(format!(
                    "certificate files have changed and cannot be used, so the former ones stay in use: {why}"
                )));
            }
        };
        let trusts_others = read.trusted != material.trusted();
        let client = Arc::new(client);
        *read = Read::of(client, &material, stamp);
        Some(Renewed::Used { text: self.told(&material), trusts_others })
    }

    fn told(&self, material: &TlsMaterial) -> String {
        let mut text = "certificate files have changed and were read again".to_owned();
        if let Some(why) = material.expired() {
            text.push_str(&format!("; the certificate {} {why}", own(&self.files)));
        } else if let Some(end) = material.not_after() {
            text.push_str(&format!("; {} is valid until {}", own(&self.files), date(end)));
        }
        material.warnings().iter().for_each(|warning| text.push_str(&format!("; {warning}")));
        text
    }

    /// The same dialer, falling back to plaintext for nodes without TLS.
    #[must_use]
    pub fn or_plain(self) -> Self {
        Self { may_be_plain: true, ..self }
    }

    /// Whether nodes without TLS are reached in plaintext.
    #[must_use]
    pub fn may_be_plain(&self) -> bool {
        self.may_be_plain
    }

    /// The expected peer at `endpoint` ("host:port").
    ///
    /// # Errors
    /// No certificate could name its host.
    pub fn expected(&self, endpoint: &str) -> Result<Expected, String> {
        match self.verify {
            Verify::Host => Expected::host_of(endpoint),
            Verify::Node => Ok(Expected::AnyNode),
        }
    }

    /// The credential to show after the handshake, in place of a certificate.
    #[must_use]
    pub fn credential(&self) -> Option<Credential> {
        self.read.lock().credential.clone()
    }

    /// The certificate to show to a node in this process.
    #[must_use]
    pub fn shown(&self) -> Option<ShownWithin> {
        self.read.lock().shown.clone()
    }

    /// Puts TLS on a dialed connection, before anything is sent.
    ///
    /// # Errors
    /// [`Closed::Tls`].
    pub fn secure(&self, connection: Connection, expected: Expected) -> Result<Connection, Closed> {
        connection.over_tls(&self.client(), expected)
    }

    /// Verifies again that the peer is `expected`, by the present trust.
    ///
    /// # Errors
    /// The peer's certificate is refused by now.
    pub fn examine(
        &self,
        connection: &Connection,
        expected: &Expected,
        now: &Sample,
    ) -> Result<(), TlsError> {
        connection.examine_dialed(&self.client(), expected, now)
    }

    /// Puts TLS on a connected blocking socket.
    ///
    /// # Errors
    /// The provider lacks what TLS 1.3 needs.
    pub fn secure_blocking(
        &self,
        socket: TcpStream,
        expected: Expected,
    ) -> Result<BlockingTls, TlsError> {
        match self.renew() {
            Some(Renewed::Used { text, .. }) => log::info!("{text}"),
            Some(Renewed::Useless(text)) => log::error!("{text}"),
            None => {}
        }
        let session = self.client().dial(expected).map_err(TlsError::Failed)?;
        Ok(BlockingTls::new(socket, session))
    }

    fn client(&self) -> Arc<TlsClient> {
        Arc::clone(&self.read.lock().client)
    }
}

/// The path of our own certificate.
fn own(files: &TlsFiles) -> String {
    files
        .own
        .as_ref()
        .map_or_else(String::new, |(certificate, _)| certificate.display().to_string())
}
