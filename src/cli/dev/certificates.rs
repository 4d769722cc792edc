//! Certificates of `dev --tls`, by an authority in the cluster's own directory, and the shell line
//! that exports them.

use crate::cli::failure::Failure;
use crate::cli::typed::word;
use std::path::{Path, PathBuf};
use tenure::Error;
use tenure::base::{NodeId, Principal};
use tenure::certs::{CertsError, Existing, Host, Place, authority_in, stem};
use tenure::client::TlsOptions;
use tenure::node::NodeTls;

/// Certificates of three nodes, a client and an operator.
#[derive(Debug)]
pub struct Certificates {
    directory: PathBuf,
}

impl Certificates {
    /// Makes the certificates below `data`. An existing authority is kept: others may trust it.
    ///
    /// # Errors
    /// A file cannot be written, or the existing authority cannot be used.
    pub fn make(data: &Path) -> Result<Self, Failure> {
        // Absolute: the exported lines are typed in other directories.
        let data = std::path::absolute(data).map_err(|error| {
            Failure::usage(format!("{} has no whole path: {error}", data.display()))
        })?;
        let place = Place { existing: Existing::Replaced, ..Place::at(data.join("certs")) };
        match Place::at(&place.directory).make_authority() {
            Ok(_) | Err(CertsError::Exists(_)) => {}
            Err(error) => return Err(Error::from(error).into()),
        }
        let hosts = ["127.0.0.1", "localhost"].map(|host| host.parse::<Host>().expect("a host"));
        for id in 1..=3 {
            place.make(&Principal::Node(NodeId(id)), &hosts).map_err(Error::from)?;
        }
        for who in [CLIENT, OPERATOR] {
            place.make(&principal(who), &[]).map_err(Error::from)?;
        }
        Ok(Self { directory: place.directory })
    }

    /// TLS of node `id`.
    #[must_use]
    pub fn of_node(&self, id: NodeId) -> NodeTls {
        let [ca, cert, key] = self.files(&Principal::Node(id));
        NodeTls::new(ca, cert, key)
    }

    /// TLS of the operator, who may do everything.
    #[must_use]
    pub fn of_operator(&self) -> TlsOptions {
        let [ca, cert, key] = self.files(&principal(OPERATOR));
        TlsOptions::new(ca).identity(cert, key)
    }

    /// A line for a shell: variables by which commands and programs of all languages speak TLS.
    #[must_use]
    pub fn export(&self) -> String {
        let files = self.files(&principal(OPERATOR)).map(|file| word(&file.display().to_string()));
        let [ca, cert, key] = files;
        format!("export TENURE_CA={ca} TENURE_CERT={cert} TENURE_KEY={key}")
    }

    /// The path of the client's certificate, which may lock and not operate.
    #[must_use]
    pub fn of_client(&self) -> PathBuf {
        let [_, cert, _] = self.files(&principal(CLIENT));
        cert
    }

    fn files(&self, principal: &Principal) -> [PathBuf; 3] {
        let own = |end| self.directory.join(format!("{}.{end}", stem(principal)));
        [authority_in(&self.directory), own("crt"), own("key")]
    }
}

fn principal(text: &str) -> Principal {
    text.parse().expect("it is one of those below")
}

const CLIENT: &str = "client/dev";
const OPERATOR: &str = "operator/dev";
