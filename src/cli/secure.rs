//! The TLS options that all commands share: the trusted authority, and the certificate to show.

use crate::cli::failure::Failure;
use clap::{Args, ValueEnum};
use serde::Deserialize;
use std::path::PathBuf;
use tenure::base;
use tenure::client::{ClusterAt, TlsOptions};

/// Without --ca nothing is encrypted.
#[derive(Args, Clone, Debug, Default)]
pub struct Secure {
    /// Speak TLS with nodes of this authority alone (`tenure certs` makes it)
    #[arg(long, value_name = "FILE")]
    pub ca: Option<PathBuf>,
    /// The certificate to show
    #[arg(long, value_name = "FILE")]
    pub cert: Option<PathBuf>,
    /// The key of --cert
    #[arg(long, value_name = "FILE")]
    pub key: Option<PathBuf>,
    /// By what nodes are verified: the host that is dialed, or any node of --ca [default: host]
    #[arg(long, value_name = "BY")]
    pub verify: Option<Verify>,
}

/// TLS options of a client, which may have a credential in the place of a certificate.
#[derive(Args, Clone, Debug, Default)]
pub struct SecureClient {
    #[command(flatten)]
    pub tls: Secure,
    /// A file with a credential, for a client without a certificate (`tenure access credential
    /// create`)
    #[arg(long, value_name = "FILE")]
    pub credential_file: Option<PathBuf>,
}

impl From<Secure> for SecureClient {
    fn from(tls: Secure) -> Self {
        Self { tls, credential_file: None }
    }
}

/// By what nodes are verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Verify {
    /// The name or address that is dialed
    Host,
    /// The certificate of any node
    Node,
}

/// Whether a node speaks TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Tls {
    /// It does not, whatever else is given
    Off,
    /// It answers both, and dials with TLS first: a stage
    Optional,
    /// With everybody
    Required,
}

impl From<Verify> for base::Verify {
    fn from(verify: Verify) -> Self {
        match verify {
            Verify::Host => Self::Host,
            Verify::Node => Self::Node,
        }
    }
}

impl SecureClient {
    /// For a client; `None`: without TLS.
    ///
    /// # Errors
    /// A certificate or a credential without --ca, which would go unencrypted; a certificate and a
    /// credential at once.
    pub fn options(&self) -> Result<Option<TlsOptions>, Failure> {
        let Self { tls: Secure { ca, cert, key, verify }, credential_file } = self;
        let Some(ca) = ca else {
            let files = [cert, key, credential_file];
            let is_meant = files.iter().any(|file| file.is_some()) || verify.is_some();
            return if is_meant { Err(Failure::usage(NO_CA)) } else { Ok(None) };
        };
        if credential_file.is_some() && (cert.is_some() || key.is_some()) {
            return Err(Failure::usage(TWO_IDENTITIES));
        }
        let mut options = TlsOptions::new(ca);
        (options.cert, options.key) = (cert.clone(), key.clone());
        options.credential = credential_file.clone();
        Ok(Some(options.verify(verify.map(base::Verify::from).unwrap_or_default())))
    }

    /// `cluster` reached over TLS, for connections that are no client's.
    ///
    /// # Errors
    /// A file cannot be used.
    pub fn reach(&self, cluster: ClusterAt) -> Result<ClusterAt, Failure> {
        match self.options()? {
            Some(options) => Ok(cluster.over_tls(&options)?),
            None => Ok(cluster),
        }
    }

    /// These options as flags of a command line.
    pub fn flags(&self) -> impl Iterator<Item = (&'static str, String)> {
        let file = |flag, path: &Option<PathBuf>| {
            path.as_ref().map(|path| (flag, path.display().to_string()))
        };
        let Self { tls: Secure { ca, cert, key, verify }, credential_file } = self;
        let files = [file("--ca", ca), file("--cert", cert), file("--key", key)];
        let files = files.into_iter().chain([file("--credential-file", credential_file)]);
        let verify = (*verify == Some(Verify::Node)).then(|| ("--verify", "node".to_owned()));
        files.flatten().chain(verify)
    }
}

const NO_CA: &str = "--cert, --key, --credential-file and --verify need --ca: without the authority of the nodes nothing would be encrypted";
const TWO_IDENTITIES: &str = "--credential-file and --cert are two identities: give one of them (TENURE_CREDENTIAL_FILE, TENURE_CERT and TENURE_KEY count, too)";
