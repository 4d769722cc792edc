//! Who a client of a node's own process is: its certificate is verified as over TCP, and nothing is encrypted.
//!
//! The thread that dials verifies, since the node's loop has others to serve. That whoever shows a certificate has its key is
//! not proved: what runs in a process can do all that the process can. So a client is the same whichever node leads.

use super::error::TlsError;
use super::material::TlsMaterial;
use super::trust;
use super::verifiers::DialerVerifier;
use crate::base::Principal;
use rustls::pki_types::UnixTime;
use rustls::server::danger::ClientCertVerifier;
use rustls::sign::CertifiedKey;
use std::fmt;
use std::sync::Arc;

/// The certificate of a client.
#[derive(Clone)]
pub struct ShownWithin(Arc<CertifiedKey>);

/// What a node demands of a certificate that is shown to it.
#[derive(Clone, Debug)]
pub struct TrustWithin(Arc<DialerVerifier>);

impl ShownWithin {
    /// What `material` has of its own.
    pub(super) fn of(material: &TlsMaterial) -> Option<Self> {
        material.own.as_ref().map(|(own, _)| Self(Arc::clone(own)))
    }
}

impl TrustWithin {
    /// That of whoever has `material`.
    #[must_use]
    pub fn of(material: &TlsMaterial) -> Self {
        let (nodes, clients) = (Arc::clone(&material.nodes), Arc::clone(&material.clients));
        Self(Arc::new(DialerVerifier { nodes, clients }))
    }

    /// Whom `shown` names.
    ///
    /// # Errors
    /// Why it is refused, in one sentence.
    pub fn identify(&self, shown: &ShownWithin) -> Result<Option<Principal>, String> {
        let Some((first, others)) = shown.0.cert.split_first() else { return Ok(None) };
        match self.0.verify_client_cert(first, others, UnixTime::now()).map_err(TlsError::from) {
            Ok(_) => Ok(trust::principal_of(first)),
            Err(TlsError::Theirs(why) | TlsError::Outdated(why)) => {
                Err(format!("the certificate of this client {why}"))
            }
            Err(other) => Err(format!("the certificate of this client cannot be used: {other}")),
        }
    }
}

/// Without the key.
impl fmt::Debug for ShownWithin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ShownWithin")
    }
}
