//! Certificates and keys, read from files.

use super::error::TlsError;
use super::sides::provider;
use super::trust::{self, Trust, Usage};
use super::validity::not_after;
use crate::base::text::date;
use crate::base::{Credential, CredentialError, IdentityError, Principal};
use crate::{Error, Status};
use ring::digest::{self, SHA256};
use rustls::InconsistentKeys;
use rustls::pki_types::pem::{Error as PemError, PemObject};
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer, UnixTime};
use rustls::sign::CertifiedKey;
use rustls::time_provider::{DefaultTimeProvider, TimeProvider};
use std::fmt;
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The paths of the files, all PEM.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsFiles {
    /// The authorities of nodes, and of all others unless `client_ca` is given. Two, while one
    /// replaces the other.
    pub ca: PathBuf,
    /// Our certificate, followed by intermediate ones, and its key. `None`: we have none, and only
    /// dial.
    pub own: Option<(PathBuf, PathBuf)>,
    /// The authorities of clients and operators, if different from those of nodes.
    pub client_ca: Option<PathBuf>,
    /// The lists of revoked certificates (CRLs).
    pub crl: Option<PathBuf>,
    /// The credential in place of a certificate.
    pub credential: Option<PathBuf>,
}

/// The content of all files, complete and consistent: a set with a wrong file is refused as a
/// whole.
#[derive(Clone)]
pub struct TlsMaterial {
    pub(super) nodes: Arc<Trust>,
    pub(super) clients: Arc<Trust>,
    pub(super) own: Option<(Arc<CertifiedKey>, Result<Principal, IdentityError>)>,
    /// A digest of the trusted authorities.
    trusted: TrustPrint,
    pub(super) credential: Option<Credential>,
    /// The wall clock of handshakes.
    pub(super) clock: Arc<dyn TimeProvider>,
    /// Warnings for the log.
    warnings: Vec<String>,
}

/// A digest of authorities and lists of revoked certificates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrustPrint([u8; 32]);

impl TlsMaterial {
    /// Reads the files.
    ///
    /// # Errors
    /// INVALID: which file, and what is wrong with it.
    pub fn read(files: &TlsFiles) -> Result<Self, Error> {
        let list = files.crl.as_deref().map(|path| Named { path, option: "crl" });
        let lists = list.map_or_else(|| Ok(Vec::new()), lists)?;
        let mut print = digest::Context::new(&SHA256);
        lists.iter().for_each(|list| count_in(&mut print, list));
        let mut trust = |path, option| {
            let at = Named { path, option };
            let authorities = certificates(at)?;
            // A separator between files.
            count_in(&mut print, &[]);
            authorities.iter().for_each(|authority| count_in(&mut print, authority));
            Trust::new(&authorities, &lists)
                .map(Arc::new)
                .map_err(|error| wrong(format!("{at} has no usable authority: {error}")))
        };
        let nodes = trust(&files.ca, "ca")?;
        let clients = match &files.client_ca {
            Some(path) => trust(path, "client_ca")?,
            None => Arc::clone(&nodes),
        };
        let mut warnings = Vec::new();
        let own = files.own.as_ref().map(|files| own(files, &mut warnings)).transpose()?;
        let credential = files.credential.as_deref();
        let credential = credential.map(|path| credential_in(path, &mut warnings)).transpose()?;
        if let (Some(path), Some(_)) = (&files.credential, &own) {
            return Err(wrong(format!(
                "{} (credential_file) and a certificate are given, and they are two identities: give one of them",
                path.display()
            )));
        }
        let print = print.finish();
        let print = print.as_ref().try_into().expect("SHA-256 has 32 bytes");
        let clock = Arc::new(DefaultTimeProvider);
        let trusted = TrustPrint(print);
        Ok(Self { nodes, clients, own, trusted, credential, clock, warnings })
    }

    /// The digest of the trusted authorities, to be compared.
    #[must_use]
    pub fn trusted(&self) -> TrustPrint {
        self.trusted
    }

    /// The last second, since 1970, in which our own chain of certificates is valid. `None`: we
    /// have none, or it does not say.
    #[must_use]
    pub fn not_after(&self) -> Option<u64> {
        let (own, _) = self.own.as_ref()?;
        own.cert.iter().filter_map(not_after).min()
    }

    /// Warnings about the files, one sentence each.
    #[must_use]
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// The expiry of our own certificate, as the second half of a sentence; `None`: not expired.
    #[must_use]
    pub fn expired(&self) -> Option<String> {
        let now = self.clock.current_time()?.as_secs();
        let end = self.not_after().filter(|end| *end < now)?;
        Some(format!("expired on {}: renew it, or nobody will take it", date(end)))
    }

    /// Checks that peers, which trust the same authorities, would accept our own certificate as a
    /// node's. A certificate that has expired, or is not valid yet, is only a warning: the clock of
    /// a starting machine may be wrong.
    ///
    /// # Errors
    /// The second half of a sentence about the certificate, as is the warning.
    pub fn check_node(&self) -> Result<Option<String>, String> {
        let Some((own, _)) = &self.own else { return Ok(None) };
        let Some((first, others)) = own.cert.split_first() else { return Ok(None) };
        let certificate = trust::parse(first).map_err(|error| error.to_string())?;
        for usage in [Usage::Server, Usage::Client] {
            let verified = self.nodes.verify(&certificate, others, UnixTime::now(), usage);
            match verified.map_err(TlsError::from) {
                Ok(()) => {}
                Err(TlsError::Outdated(why)) => return Ok(Some(why)),
                Err(TlsError::Theirs(why)) => return Err(why),
                Err(error) => return Err(format!("cannot be used: {error}")),
            }
        }
        Ok(None)
    }

    /// The principal of our own certificate. `None`: we have none.
    #[must_use]
    pub fn principal(&self) -> Option<&Result<Principal, IdentityError>> {
        self.own.as_ref().map(|(_, principal)| principal)
    }
}

/// A file, and the option that named it.
#[derive(Clone, Copy)]
struct Named<'a> {
    path: &'a Path,
    option: &'static str,
}

impl fmt::Display for Named<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.path.display(), self.option)
    }
}

/// Without the key.
impl fmt::Debug for TlsMaterial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsMaterial").field("principal", &self.principal()).finish_non_exhaustive()
    }
}

fn own(
    (certificate, key): &(PathBuf, PathBuf),
    warnings: &mut Vec<String>,
) -> Result<(Arc<CertifiedKey>, Result<Principal, IdentityError>), Error> {
    let shown = Named { path: certificate, option: "cert" };
    let at = Named { path: key, option: "key" };
    let chain = certificates(shown)?;
    let damaged = |_| wrong(format!("{shown} has a damaged certificate"));
    let principal = trust::identity(&trust::parse(&chain[0]).map_err(damaged)?);
    let bytes: usize = chain.iter().map(|certificate| certificate.len()).sum();
    if bytes > CHAIN_BYTES_MAX {
        return Err(wrong(format!(
            "{shown} has {bytes} bytes of certificates, and nodes take {CHAIN_BYTES_MAX}: leave there this certificate, and those between it and the authority"
        )));
    }
    let certified = CertifiedKey::from_der(chain, private_key(at, warnings)?, &provider());
    match certified {
        Ok(certified) => Ok((Arc::new(certified), principal)),
        Err(rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch)) => Err(wrong(format!(
            "{at} is not the key of {shown}: give the two that were made together"
        ))),
        Err(error) => Err(wrong(format!("{at} is no key that can be used: {error}"))),
    }
}

/// Hashes bytes with their length before them, so that the encoding is unambiguous.
fn count_in(print: &mut digest::Context, bytes: &[u8]) {
    print.update(&(bytes.len() as u64).to_be_bytes());
    print.update(bytes);
}

fn private_key(at: Named<'_>, warnings: &mut Vec<String>) -> Result<PrivateKeyDer<'static>, Error> {
    let (bytes, file) = (bytes_of(at)?, at.path.display());
    warn_if_open(at, warnings);
    let why = |error| match error {
        PemError::NoItemsFound if contains(&bytes, b"ENCRYPTED PRIVATE KEY") => format!(
            "{at} is encrypted, and nobody is there to ask for its password: `openssl pkey -in {file}` writes it plain; keep that file for its owner (0600)"
        ),
        PemError::NoItemsFound => format!("{at} has no private key in it"),
        error => format!("{at} is damaged: {error}"),
    };
    PrivateKeyDer::from_pem_slice(&bytes).map_err(|error| wrong(why(error)))
}

fn credential_in(path: &Path, warnings: &mut Vec<String>) -> Result<Credential, Error> {
    let at = Named { path, option: "credential_file" };
    let bytes = bytes_of(at)?;
    warn_if_open(at, warnings);
    let unfit = |why: CredentialError| wrong(format!("{at} {why}"));
    let text = std::str::from_utf8(&bytes).map_err(|_| unfit(CredentialError::Form))?;
    text.parse().map_err(unfit)
}

/// Warns of a secret that everybody can read; a group may have one member.
fn warn_if_open(at: Named<'_>, warnings: &mut Vec<String>) {
    if std::fs::metadata(at.path).is_ok_and(|file| file.permissions().mode() & 0o007 != 0) {
        let (what, file) = (at.option, at.path.display());
        warnings.push(format!(
            "the {what} {file} can be read by everybody on this machine: `chmod 600 {file}`"
        ));
    }
}

fn certificates(at: Named<'_>) -> Result<Vec<CertificateDer<'static>>, Error> {
    let bytes = bytes_of(at)?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes).collect();
    match found {
        Ok(found) if found.is_empty() => Err(wrong(format!("{at} has no certificate in it"))),
        Ok(found) => Ok(found),
        Err(error) => Err(wrong(format!("{at} is damaged: {error}"))),
    }
}

fn lists(at: Named<'_>) -> Result<Vec<CertificateRevocationListDer<'static>>, Error> {
    let bytes = bytes_of(at)?;
    let found: Result<Vec<_>, _> = CertificateRevocationListDer::pem_slice_iter(&bytes).collect();
    match found {
        Ok(found) if found.is_empty() => Err(wrong(format!(
            "{at} has no list of revoked certificates in it (\"-----BEGIN X509 CRL-----\")"
        ))),
        Ok(found) => Ok(found),
        Err(error) => Err(wrong(format!("{at} is damaged: {error}"))),
    }
}

/// Reads a whole file; an empty or oversized one is an error of its own.
fn bytes_of(at: Named<'_>) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    let read =
        File::open(at.path).and_then(|file| file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes));
    match read {
        Ok(0) => Err(wrong(format!("{at} is empty"))),
        Ok(count) if count as u64 > FILE_BYTES_MAX => {
            Err(wrong(format!("{at} is larger than {FILE_BYTES_MAX} bytes")))
        }
        Ok(_) => Ok(bytes),
        Err(error) => Err(wrong(format!("cannot read {at}: {error}")).because_of(error)),
    }
}

/// The error of files that cannot be used.
fn wrong(text: String) -> Error {
    Error::new(Status::Invalid, text)
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

/// A chain of three has about six thousand bytes; nodes bound the handshake (`Session`).
const CHAIN_BYTES_MAX: usize = 24 << 10;
/// Larger than any bundle of authorities or list of revoked certificates.
const FILE_BYTES_MAX: u64 = 16 << 20;
