//! The options of TLS that all commands share: whom they trust, and what they show.

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

impl Secure {
    /// For a client; `None`: without TLS.
    ///
    /// # Errors
    /// Somebody who has a certificate means TLS, and without --ca there would be none.
    pub fn options(&self) -> Result<Option<TlsOptions>, Failure> {
        let Some(ca) = &self.ca else {
            let is_meant = self.cert.is_some() || self.key.is_some() || self.verify.is_some();
            return if is_meant { Err(Failure::usage(NO_CA)) } else { Ok(None) };
        };
        let mut options = TlsOptions::new(ca);
        (options.cert, options.key) = (self.cert.clone(), self.key.clone());
        Ok(Some(options.verify(self.verify.map(base::Verify::from).unwrap_or_default())))
    }

    /// A cluster for connections that are no client's.
    ///
    /// # Errors
    /// A file is of no use.
    pub fn reach(&self, cluster: ClusterAt) -> Result<ClusterAt, Failure> {
        match self.options()? {
            Some(options) => Ok(cluster.over_tls(&options)?),
            None => Ok(cluster),
        }
    }

    /// The same as flags of a command line.
    pub fn flags(&self) -> impl Iterator<Item = (&'static str, String)> {
        let file = |flag, path: &Option<PathBuf>| {
            path.as_ref().map(|path| (flag, path.display().to_string()))
        };
        let files = [file("--ca", &self.ca), file("--cert", &self.cert), file("--key", &self.key)];
        let verify = (self.verify == Some(Verify::Node)).then(|| ("--verify", "node".to_owned()));
        files.into_iter().flatten().chain(verify)
    }
}

const NO_CA: &str = "--cert, --key and --verify need --ca: without the authority of the nodes nothing would be encrypted";
