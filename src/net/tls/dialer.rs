//! What all connections of one client are secured with, and how the nodes that it dials are verified.

use super::blocking::BlockingTls;
use super::error::TlsError;
use super::material::{TlsFiles, TlsMaterial, TrustPrint};
use super::sides::{Expected, TlsClient};
use super::stamp::Stamp;
use super::within::ShownWithin;
use crate::base::text::date;
use crate::base::{Credential, Sample, Verify};
use crate::net::{Closed, Connection};
use parking_lot::Mutex;
use std::net::TcpStream;
use std::sync::Arc;

/// A client's side of all its handshakes. Its files are looked at before each dial: whoever lives long dials with what was
/// renewed meanwhile. Clones share what was read.
#[derive(Clone, Debug)]
pub struct TlsDialer {
    files: Arc<TlsFiles>,
    verify: Verify,
    may_be_plain: bool,
    read: Arc<Mutex<Read>>,
}

/// What the files said when they were read last.
#[derive(Debug)]
struct Read {
    client: Arc<TlsClient>,
    shown: Option<ShownWithin>,
    trusted: TrustPrint,
    credential: Option<Credential>,
    stamp: Stamp,
    /// Files that are of no use, which was said.
    useless: Option<Stamp>,
}

impl Read {
    fn of(client: Arc<TlsClient>, material: &TlsMaterial, stamp: Stamp) -> Self {
        let shown = ShownWithin::of(material);
        let (trusted, credential) = (material.trusted(), material.credential.clone());
        Self { client, shown, trusted, credential, stamp, useless: None }
    }
}

/// That files have changed.
#[derive(Debug, PartialEq, Eq)]
pub enum Renewed {
    /// What they say is used from now on; for people.
    Used {
        /// What was renewed, and what whoever reads the log should know.
        text: String,
        /// Whether others are trusted than before.
        trusts_others: bool,
    },
    /// All stays as it was: which file, and what is wrong with it.
    Useless(String),
}

impl TlsDialer {
    /// With what `files` say.
    ///
    /// # Errors
    /// One sentence that names the file.
    pub fn read(files: &TlsFiles, verify: Verify) -> Result<Self, String> {
        let stamp = files.stamp();
        let material = TlsMaterial::read(files)?;
        material.warnings().iter().for_each(|warning| log::warn!("{warning}"));
        if let Some(why) = material.expired() {
            log::warn!("the certificate {} {why}", own(files));
        }
        let client = Arc::new(TlsClient::new(&material)?);
        let read = Read::of(client, &material, stamp);
        let (files, read) = (Arc::new(files.clone()), Arc::new(Mutex::new(read)));
        Ok(Self { files, verify, may_be_plain: false, read })
    }

    /// Reads the files again if they have changed since they were read, or found to be of no use. `None`: they have not.
    pub fn renew(&self) -> Option<Renewed> {
        let stamp = self.files.stamp();
        let mut read = self.read.lock();
        if read.stamp == stamp || read.useless.as_ref() == Some(&stamp) {
            return None;
        }
        let material = TlsMaterial::read(&self.files);
        let made = material.and_then(|material| Ok((TlsClient::new(&material)?, material)));
        // Written meanwhile: what was read may be of both. The next dial looks again.
        if self.files.stamp() != stamp {
            return None;
        }
        let (client, material) = match made {
            Ok(made) => made,
            Err(why) => {
                read.useless = Some(stamp);
                return Some(Renewed::Useless(format!(
                    "certificate files have changed and are of no use, so the ones from before stay in use: {why}"
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

    /// Who speaks no TLS is reached without.
    #[must_use]
    pub fn or_plain(self) -> Self {
        Self { may_be_plain: true, ..self }
    }

    /// Whether who speaks no TLS is reached without.
    #[must_use]
    pub fn may_be_plain(&self) -> bool {
        self.may_be_plain
    }

    /// Whoever must be at `endpoint` ("host:port").
    ///
    /// # Errors
    /// Its host is none that a certificate could name.
    pub fn expected(&self, endpoint: &str) -> Result<Expected, String> {
        match self.verify {
            Verify::Host => Expected::host_of(endpoint),
            Verify::Node => Ok(Expected::AnyNode),
        }
    }

    /// What a node is to be shown in the place of a certificate, behind the handshake.
    #[must_use]
    pub fn credential(&self) -> Option<Credential> {
        self.read.lock().credential.clone()
    }

    /// What a node of this process is shown.
    #[must_use]
    pub fn shown(&self) -> Option<ShownWithin> {
        self.read.lock().shown.clone()
    }

    /// Secures a connection that was dialed, before anything is sent.
    ///
    /// # Errors
    /// [`Closed::Tls`].
    pub fn secure(&self, connection: Connection, expected: Expected) -> Result<Connection, Closed> {
        connection.over_tls(&self.client(), expected)
    }

    /// Whether we would still take the other side for `expected`.
    ///
    /// # Errors
    /// What is wrong with its certificate by now.
    pub fn examine(
        &self,
        connection: &Connection,
        expected: &Expected,
        now: &Sample,
    ) -> Result<(), TlsError> {
        connection.examine_dialed(&self.client(), expected, now)
    }

    /// Secures a socket that stands and waits.
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

/// The file that has our own certificate.
fn own(files: &TlsFiles) -> String {
    files
        .own
        .as_ref()
        .map_or_else(String::new, |(certificate, _)| certificate.display().to_string())
}
