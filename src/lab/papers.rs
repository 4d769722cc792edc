//! Certificates of a cluster that the laboratory starts over TLS: an authority of its own, its
//! nodes, and one operator, as whom its clients come.

use crate::cli::failure::Failure;
use crate::cli::secure::Secure;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};
use tenure::base::{NodeId, Principal};
use tenure::certs::{self, Authority, CertsError, Existing, Host, Lifetime, Place};
use tenure::client::TlsOptions;

/// The directory of the certificates.
#[derive(Clone, Debug)]
pub struct Papers {
    directory: PathBuf,
}

impl Papers {
    /// Makes certificates in `directory` for nodes with these ids and IP addresses; a port after an
    /// address is ignored.
    ///
    /// # Errors
    /// The clock is not set, or a file cannot be written.
    pub fn make(directory: &Path, nodes: &[(NodeId, String)]) -> Result<Self, Failure> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = now.map_err(|_| Failure::unavailable("the clock of this machine is not set"))?;
        Self::write(directory, nodes, now.as_secs())
            .map_err(|error| Failure::unavailable(format!("cannot make certificates: {error}")))
    }

    fn write(directory: &Path, nodes: &[(NodeId, String)], now: u64) -> Result<Self, CertsError> {
        let lifetime = Lifetime { now, days: None };
        let authority = Authority::create(lifetime)?;
        authority.issued().save(directory, "ca", Existing::Replaced)?;
        for (id, address) in nodes {
            let host = address.rsplit_once(':').map_or(address.as_str(), |(host, _)| host);
            let host = host.parse::<Host>().expect("the laboratory's nodes have addresses of IP");
            let issued = authority.issue(&Principal::Node(*id), &[host], lifetime)?;
            issued.save(directory, &node_name(*id), Existing::Replaced)?;
        }
        let operator = Principal::Operator(OPERATOR.parse().expect("it is a name"));
        let issued = authority.issue(&operator, &[], lifetime)?;
        issued.save(directory, OPERATOR, Existing::Replaced)?;
        Ok(Self { directory: directory.to_owned() })
    }

    /// Adds the TLS flags of `serve` for node `id`.
    pub fn dress_node(&self, id: NodeId, command: &mut Command) {
        let [ca, cert, key] = self.files(&node_name(id));
        let flags: [&OsStr; 6] = [
            "--ca".as_ref(),
            ca.as_ref(),
            "--cert".as_ref(),
            cert.as_ref(),
            "--key".as_ref(),
            key.as_ref(),
        ];
        command.args(flags);
    }

    /// Makes the certificate of one more client, `client/NAME`.
    ///
    /// # Errors
    /// A file cannot be written.
    pub fn add_client(&self, name: &str) -> Result<(), Failure> {
        let principal = Principal::Client(name.parse().expect("it is a name"));
        let place = Place { existing: Existing::Replaced, ..Place::at(&self.directory) };
        let made = place.make(&principal, &[]);
        made.map(drop)
            .map_err(|error| Failure::unavailable(format!("cannot make certificates: {error}")))
    }

    /// Sets the environment of a client process of the laboratory, and so of its children, for TLS
    /// ([`of_environment`]): as the operator, or as a client that was added.
    pub fn dress_client(&self, client: Option<&str>, command: &mut Command) {
        let name = client.map_or_else(|| OPERATOR.to_owned(), |name| format!("client-{name}"));
        command.envs(VARIABLES.into_iter().zip(self.files(&name)));
    }

    /// The operator's principal.
    #[must_use]
    pub fn operator() -> String {
        format!("operator/{OPERATOR}")
    }

    /// The TLS options of clients in this process.
    #[must_use]
    pub fn secure(&self) -> Secure {
        let [ca, cert, key] = self.files(OPERATOR).map(Some);
        Secure { ca, cert, key, verify: None }
    }

    fn files(&self, name: &str) -> [PathBuf; 3] {
        ["ca.crt".to_owned(), format!("{name}.crt"), format!("{name}.key")]
            .map(|file| self.directory.join(file))
    }
}

/// The TLS options that [`Papers::dress_client`] has set for this process.
#[must_use]
pub fn of_environment() -> Option<TlsOptions> {
    let [ca, cert, key] = VARIABLES.map(std::env::var_os);
    Some(TlsOptions::new(ca?).identity(cert?, key?))
}

/// The principal of those options.
#[must_use]
pub fn principal_of_environment() -> Option<String> {
    let shown = certs::read(Path::new(&std::env::var_os(VARIABLES[1])?)).ok()?;
    Some(shown.first()?.principal.as_ref().ok()?.to_string())
}

fn node_name(id: NodeId) -> String {
    format!("node-{id}")
}

const OPERATOR: &str = "laboratory";
/// The variables of `--ca`, `--cert` and `--key`.
const VARIABLES: [&str; 3] = ["TENURE_CA", "TENURE_CERT", "TENURE_KEY"];
