//! TLS options of nodes and clients.

use super::client::tenure_client_options;
use super::guard::{check_unset, unsupported};
use super::node::tenure_node_options;
use super::strings::{CA, CERT, CLIENT_CA, CREDENTIAL_FILE, CRL, KEY, optional_text};
use crate::base::Verify;
use crate::client::{ClusterAt, TlsOptions};
use crate::node::{NodeTls, TlsMode};
use crate::{Error, Status};
use std::env::VarError;
use std::ffi::c_char;
use std::path::PathBuf;

/// A node's certificate must have the name or the address that is dialed.
pub const TENURE_VERIFY_HOST: u32 = 0;
/// The certificate of any node of `ca` is accepted, at any address. There is no fallback from one
/// to the other.
pub const TENURE_VERIFY_NODE: u32 = 1;

/// TENURE_TLS_REQUIRED with a certificate, else TENURE_TLS_OFF.
pub const TENURE_TLS_DEFAULT: u32 = 0;
/// Nothing is encrypted, whatever else is given.
pub const TENURE_TLS_OFF: u32 = 1;
/// TLS and plaintext are accepted, while a cluster changes over.
pub const TENURE_TLS_OPTIONAL: u32 = 2;
/// TLS alone.
pub const TENURE_TLS_REQUIRED: u32 = 3;

/// The files, each of which may be missing, and how nodes are verified.
#[derive(Default)]
struct Given {
    ca: Option<PathBuf>,
    cert: Option<PathBuf>,
    key: Option<PathBuf>,
    credential: Option<PathBuf>,
    verify: u32,
}

/// TLS of a client: all of it from its options, or all of it from the environment, if `environment`
/// allows that. An empty `ca` means plaintext, whatever the environment says.
///
/// # Safety
/// The files are NULL or strings.
pub(super) unsafe fn client_tls(
    options: &tenure_client_options,
    environment: Environment,
) -> Result<Option<TlsOptions>, Error> {
    // SAFETY: the caller's promise.
    let mut given =
        unsafe { Given::read([options.ca, options.cert, options.key], options.verify) }?;
    // SAFETY: the caller's promise.
    given.credential = unsafe { path(options.credential_file, CREDENTIAL_FILE) }?;
    let is_refused = given.ca.as_ref().is_some_and(|ca| ca.as_os_str().is_empty());
    given.ca = given.ca.filter(|_| !is_refused);
    match (given.is_something(), environment) {
        (false, Environment::Counts) if !is_refused => {
            Given::of_environment()?.options(NO_CA_IN_THE_ENVIRONMENT)
        }
        _ => given.options(NO_CA),
    }
}

/// Whether variables replace missing options.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Environment {
    /// Yes: the cluster is that of the environment.
    Counts,
    /// No: the variables belong to the environment's endpoints, and this client has others.
    IsOther,
}

/// TLS of a node: all files that it needs, or `None`.
///
/// # Safety
/// The files are NULL or strings.
pub(super) unsafe fn node_tls(options: &tenure_node_options) -> Result<Option<NodeTls>, Error> {
    let mode = match options.tls {
        TENURE_TLS_OFF => return Ok(None),
        TENURE_TLS_DEFAULT | TENURE_TLS_REQUIRED => TlsMode::Required,
        TENURE_TLS_OPTIONAL => TlsMode::Optional,
        _ => return Err(unsupported("such tls in tenure_node_options")),
    };
    // SAFETY: the caller's promise.
    let (own, client_ca, crl) = unsafe {
        (
            Given::read([options.ca, options.cert, options.key], options.verify)?,
            path(options.client_ca, CLIENT_CA)?,
            path(options.crl, CRL)?,
        )
    };
    let is_meant = own.is_something() || client_ca.is_some() || crl.is_some();
    match own {
        Given { ca: Some(ca), cert: Some(cert), key: Some(key), .. } => {
            let mut tls = NodeTls::new(ca, cert, key);
            (tls.client_ca, tls.crl, tls.mode) = (client_ca, crl, mode);
            Ok(Some(tls))
        }
        _ if !is_meant && options.tls == TENURE_TLS_DEFAULT => Ok(None),
        own => Err(invalid(&own.missing_of_a_node())),
    }
}

/// The nodes that a joining node asks: over TLS, if it speaks TLS itself.
///
/// # Safety
/// As for [`node_tls`].
pub(super) unsafe fn joined_at(
    endpoints: &str,
    options: &tenure_node_options,
    tls: Option<&NodeTls>,
) -> Result<ClusterAt, Error> {
    let whom = ClusterAt::new(endpoints, None);
    let Some(mode) = tls.map(|tls| tls.mode) else { return Ok(whom) };
    // SAFETY: the caller's promise.
    let given = unsafe { Given::read([options.ca, options.cert, options.key], options.verify) }?;
    match given.options(NO_CA)? {
        Some(tls) if mode == TlsMode::Optional => whom.over_tls(&tls).map(ClusterAt::or_plain),
        Some(tls) => whom.over_tls(&tls),
        None => Ok(whom),
    }
}

impl Given {
    /// # Safety
    /// Each of `files` (ca, cert, key) is NULL or a string.
    unsafe fn read([ca, cert, key]: [*const c_char; 3], verify: u32) -> Result<Self, Error> {
        // SAFETY: the caller's promise.
        let [ca, cert, key] = unsafe { [path(ca, CA)?, path(cert, CERT)?, path(key, KEY)?] };
        Ok(Self { ca, cert, key, credential: None, verify })
    }

    fn of_environment() -> Result<Self, Error> {
        let file = |name: &str| variable(name).map(|set| set.map(PathBuf::from));
        let verify = match variable("TENURE_VERIFY")?.as_deref() {
            None | Some("host") => TENURE_VERIFY_HOST,
            Some("node") => TENURE_VERIFY_NODE,
            Some(other) => {
                let text = format!("TENURE_VERIFY is \"{other}\": it must be host or node");
                return Err(invalid(&text));
            }
        };
        let (ca, cert, key) = (file("TENURE_CA")?, file("TENURE_CERT")?, file("TENURE_KEY")?);
        let credential = file("TENURE_CREDENTIAL_FILE")?;
        Ok(Self { ca, cert, key, credential, verify })
    }

    fn is_something(&self) -> bool {
        let Self { ca, cert, key, credential, verify } = self;
        let is_given = [ca, cert, key, credential].iter().any(|file| file.is_some());
        is_given || *verify != TENURE_VERIFY_HOST
    }

    /// The options; `no_ca` is the error for a certificate without an authority, which would go
    /// unencrypted.
    fn options(self, no_ca: &str) -> Result<Option<TlsOptions>, Error> {
        let is_something = self.is_something();
        let by = match self.verify {
            TENURE_VERIFY_HOST => Verify::Host,
            _ => Verify::Node,
        };
        let Some(ca) = self.ca else {
            return if is_something { Err(invalid(no_ca)) } else { Ok(None) };
        };
        let mut options = TlsOptions::new(ca).verify(by);
        (options.cert, options.key) = (self.cert, self.key);
        options.credential = self.credential;
        Ok(Some(options))
    }

    fn missing_of_a_node(&self) -> String {
        let files = [("ca", &self.ca), ("cert", &self.cert), ("key", &self.key)];
        let missing: Vec<_> =
            files.iter().filter(|(_, file)| file.is_none()).map(|(name, _)| *name).collect();
        let missing = missing.join(" and ");
        format!(
            "a node that speaks TLS needs all of ca, cert and key, and there is no {missing}: tenure_certs_write and `tenure certs` make them"
        )
    }
}

/// Refuses a `verify` that this version does not know.
pub(super) fn check_verify(options: &str, verify: u32) -> Result<(), Error> {
    check_unset(options, &[("verify", verify > TENURE_VERIFY_NODE)])
}

/// The variable `name`; an empty one is an error, since it was meant to be set.
pub(super) fn variable(name: &str) -> Result<Option<String>, Error> {
    match std::env::var(name) {
        Ok(set) if set.is_empty() => {
            Err(invalid(&format!("{name} is set and empty: give it a value, or unset it")))
        }
        Ok(set) => Ok(Some(set)),
        Err(VarError::NotPresent) => Ok(None),
        Err(VarError::NotUnicode(_)) => Err(invalid(&format!("{name} is not UTF-8"))),
    }
}

/// # Safety
/// As for [`optional_text`].
unsafe fn path(
    pointer: *const c_char,
    text: super::strings::Text,
) -> Result<Option<PathBuf>, Error> {
    // SAFETY: the caller's promise.
    Ok(unsafe { optional_text(pointer, text) }?.map(PathBuf::from))
}

fn invalid(text: &str) -> Error {
    Error::new(Status::Invalid, text)
}

const NO_CA: &str = "cert, key, credential_file and verify are given, and ca is not: without the authority of the nodes nothing would be encrypted";
const NO_CA_IN_THE_ENVIRONMENT: &str = "TENURE_CERT, TENURE_KEY, TENURE_CREDENTIAL_FILE or TENURE_VERIFY is set, and TENURE_CA is not: without the authority of the nodes nothing would be encrypted";
