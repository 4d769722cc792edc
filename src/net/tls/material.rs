//! Certificates and keys, as files have them.

use super::error::TlsError;
use super::sides::provider;
use super::trust::{self, Trust, Usage};
use crate::base::{IdentityError, Principal};
use rustls::InconsistentKeys;
use rustls::pki_types::pem::{Error as PemError, PemObject};
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer, UnixTime};
use rustls::sign::CertifiedKey;
use std::fmt;
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Where they are, all PEM.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsFiles {
    /// The authorities of nodes, and of all others unless `client_ca` is given. Two, while one takes the other's place.
    pub ca: PathBuf,
    /// Our certificate, with what stands between it and the authority behind it; and its key. `None`: we have none, and only dial.
    pub own: Option<(PathBuf, PathBuf)>,
    /// The authorities of clients and operators, if they are others than those of nodes.
    pub client_ca: Option<PathBuf>,
    /// What authorities have revoked.
    pub crl: Option<PathBuf>,
}

/// What they say, whole and consistent: nothing is taken of a set of which one is wrong.
#[derive(Clone)]
pub struct TlsMaterial {
    pub(super) nodes: Arc<Trust>,
    pub(super) clients: Arc<Trust>,
    pub(super) own: Option<(Arc<CertifiedKey>, Result<Principal, IdentityError>)>,
}

impl TlsMaterial {
    /// Reads them.
    ///
    /// # Errors
    /// One sentence that names the file.
    pub fn read(files: &TlsFiles) -> Result<Self, String> {
        let lists = files.crl.as_deref().map_or_else(|| Ok(Vec::new()), lists)?;
        let trust = |path: &Path| {
            let authorities = certificates(path)?;
            Trust::new(&authorities, &lists)
                .map(Arc::new)
                .map_err(|error| format!("{} has no usable authority: {error}", path.display()))
        };
        let nodes = trust(&files.ca)?;
        let clients = match &files.client_ca {
            Some(path) => trust(path)?,
            None => Arc::clone(&nodes),
        };
        let own = files.own.as_ref().map(|(certificate, key)| own(certificate, key)).transpose()?;
        Ok(Self { nodes, clients, own })
    }

    /// Whether our own certificate serves a node: peers, who trust the same authorities, would refuse any other. One that has
    /// expired, or is not valid yet, is only warned of: the clock of a machine that starts may be wrong.
    ///
    /// # Errors
    /// The second half of a sentence about it.
    pub fn check_node(&self) -> Result<(), String> {
        let Some((own, _)) = &self.own else { return Ok(()) };
        let Some((first, others)) = own.cert.split_first() else { return Ok(()) };
        let certificate = trust::parse(first).map_err(|error| error.to_string())?;
        for usage in [Usage::Server, Usage::Client] {
            let verified = self.nodes.verify(&certificate, others, UnixTime::now(), usage);
            match verified.map_err(TlsError::from) {
                Ok(()) => {}
                Err(TlsError::Outdated(why)) => log::warn!("the certificate of this node {why}"),
                Err(TlsError::Theirs(why)) => return Err(why),
                Err(error) => return Err(format!("cannot be used: {error}")),
            }
        }
        Ok(())
    }

    /// Whom our own certificate names. `None`: there is none.
    #[must_use]
    pub fn principal(&self) -> Option<&Result<Principal, IdentityError>> {
        self.own.as_ref().map(|(_, principal)| principal)
    }
}

/// Without the key.
impl fmt::Debug for TlsMaterial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsMaterial").field("principal", &self.principal()).finish_non_exhaustive()
    }
}

fn own(
    certificate: &Path,
    key: &Path,
) -> Result<(Arc<CertifiedKey>, Result<Principal, IdentityError>), String> {
    let chain = certificates(certificate)?;
    let (shown, at) = (certificate.display(), key.display());
    let damaged = |_| format!("{shown} has a damaged certificate");
    let principal = trust::identity(&trust::parse(&chain[0]).map_err(damaged)?);
    let bytes: usize = chain.iter().map(|certificate| certificate.len()).sum();
    if bytes > CHAIN_BYTES_MAX {
        return Err(format!(
            "{shown} has {bytes} bytes of certificates, and nodes take {CHAIN_BYTES_MAX}: leave there this certificate, and those between it and the authority"
        ));
    }
    let certified = CertifiedKey::from_der(chain, private_key(key)?, &provider());
    match certified {
        Ok(certified) => Ok((Arc::new(certified), principal)),
        Err(rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch)) => {
            Err(format!("{at} is not the key of {shown}: give the two that were made together"))
        }
        Err(error) => Err(format!("{at} is no key that can be used: {error}")),
    }
}

fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, String> {
    let bytes = bytes_of(path)?;
    let at = path.display();
    // A group may be its owner's alone.
    if std::fs::metadata(path).is_ok_and(|file| file.permissions().mode() & 0o007 != 0) {
        log::warn!("the key {at} can be read by everybody on this machine: `chmod 600 {at}`");
    }
    PrivateKeyDer::from_pem_slice(&bytes).map_err(|error| match error {
        PemError::NoItemsFound if contains(&bytes, b"ENCRYPTED PRIVATE KEY") => format!(
            "{at} is encrypted, and nobody is there to ask for its password: `openssl pkey -in {at}` writes it plain; keep that file for its owner (0600)"
        ),
        PemError::NoItemsFound => format!("{at} has no private key in it"),
        error => format!("{at} is damaged: {error}"),
    })
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let bytes = bytes_of(path)?;
    let at = path.display();
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes).collect();
    match found {
        Ok(found) if found.is_empty() => Err(format!("{at} has no certificate in it")),
        Ok(found) => Ok(found),
        Err(error) => Err(format!("{at} is damaged: {error}")),
    }
}

fn lists(path: &Path) -> Result<Vec<CertificateRevocationListDer<'static>>, String> {
    let bytes = bytes_of(path)?;
    let at = path.display();
    let found: Result<Vec<_>, _> = CertificateRevocationListDer::pem_slice_iter(&bytes).collect();
    match found {
        Ok(found) if found.is_empty() => Err(format!(
            "{at} has no list of revoked certificates in it (\"-----BEGIN X509 CRL-----\")"
        )),
        Ok(found) => Ok(found),
        Err(error) => Err(format!("{at} is damaged: {error}")),
    }
}

/// A file whole; an empty one, or one that is larger than any, is an error of its own.
fn bytes_of(path: &Path) -> Result<Vec<u8>, String> {
    let at = path.display();
    let mut bytes = Vec::new();
    let read =
        File::open(path).and_then(|file| file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes));
    match read {
        Ok(0) => Err(format!("{at} is empty")),
        Ok(count) if count as u64 > FILE_BYTES_MAX => {
            Err(format!("{at} is larger than {FILE_BYTES_MAX} bytes"))
        }
        Ok(_) => Ok(bytes),
        Err(error) => Err(format!("cannot read {at}: {error}")),
    }
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

/// A chain of three has about six thousand bytes; what a node reads of a handshake is bounded (`Session`).
const CHAIN_BYTES_MAX: usize = 24 << 10;
/// Bundles of authorities and lists of revoked certificates are shorter.
const FILE_BYTES_MAX: u64 = 16 << 20;
