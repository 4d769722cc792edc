//! The identity of a client in a node's own process: its certificate is verified as over TCP,
//! without encryption.
//!
//! The dialing thread verifies, since the node's loop has others to serve. Possession of the key is
//! not proved: code in a process can do all that the process can. So a client has the same identity
//! whichever node leads.

use super::error::TlsError;
use super::material::TlsMaterial;
use super::trust;
use super::verifiers::{Demand, DialerVerifier};
use crate::base::Principal;
use rustls::pki_types::UnixTime;
use rustls::server::danger::ClientCertVerifier;
use rustls::sign::CertifiedKey;
use std::fmt;
use std::sync::Arc;

/// The certificate of a client.
#[derive(Clone)]
pub struct ShownWithin(Arc<CertifiedKey>);

/// A node's verifier of certificates within its process.
#[derive(Clone, Debug)]
pub struct TrustWithin(Arc<DialerVerifier>);

impl ShownWithin {
    /// The certificate of `material`.
    pub(super) fn of(material: &TlsMaterial) -> Option<Self> {
        material.own.as_ref().map(|(own, _)| Self(Arc::clone(own)))
    }
}

impl TrustWithin {
    /// The verifier of a node with `material`.
    #[must_use]
    pub fn of(material: &TlsMaterial) -> Self {
        let (nodes, clients) = (Arc::clone(&material.nodes), Arc::clone(&material.clients));
        Self(Arc::new(DialerVerifier { nodes, clients, demand: Demand::Certificate }))
    }

    /// The principal that `shown` names.
    ///
    /// # Errors
    /// Why the certificate is refused, in one sentence.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::tls::tests::Papers;
    use crate::net::{Key, LocalDialError, LocalListener, Poller, TlsFiles};

    fn shown(files: &TlsFiles) -> ShownWithin {
        ShownWithin::of(&TlsMaterial::read(files).unwrap()).unwrap()
    }

    fn listener() -> LocalListener {
        LocalListener::new(Poller::new(8).unwrap().wake(Key(0)).unwrap(), 1 << 20)
    }

    #[test]
    fn who_dials_is_whom_a_certificate_names_that_would_do_over_tcp() {
        let (mut papers, mut others) = (Papers::new(), Papers::new());
        let node = TlsMaterial::read(&papers.node_files("tenure:node/1")).unwrap();
        let listener = listener();
        listener.trust(Some(TrustWithin::of(&node)));
        let local = listener.node("a:1", "a:1");
        let billing = shown(&papers.client_files("tenure:client/billing"));
        let _near = local.dial_as(Some(&billing), 1).unwrap();
        let far = listener.accept().unwrap();
        assert_eq!(far.principal().map(ToString::to_string).as_deref(), Some("client/billing"));
        // As over TCP: a node's certificate is accepted here; requests are judged above.
        let _near = local.dial_as(Some(&shown(&papers.node_files("tenure:node/2"))), 1).unwrap();
        let far = listener.accept().unwrap();
        assert_eq!(far.principal().map(ToString::to_string).as_deref(), Some("node/2"));
        for (files, why) in [
            (
                others.client_files("tenure:client/billing"),
                "is not of an authority that is trusted",
            ),
            (papers.client_files("tenure:nobody"), "has the URI \"tenure:nobody\""),
            (papers.client_files("urn:x"), "names nobody"),
        ] {
            let refused = local.dial_as(Some(&shown(&files)), 1).unwrap_err();
            assert!(
                matches!(&refused, LocalDialError::Refused(said) if said.contains(why)),
                "{refused}"
            );
        }
        assert!(listener.is_empty(), "who is refused does not wait to be accepted");
    }

    #[test]
    fn who_shows_nothing_or_to_a_node_that_asks_for_nothing_is_nobody_in_particular() {
        let mut papers = Papers::new();
        let billing = shown(&papers.client_files("tenure:client/billing"));
        let listener = listener();
        let local = listener.node("a:1", "a:1");
        let _near = local.dial_as(Some(&billing), 1).unwrap();
        assert_eq!(listener.accept().unwrap().principal(), None);
        let node = TlsMaterial::read(&papers.node_files("tenure:node/1")).unwrap();
        listener.trust(Some(TrustWithin::of(&node)));
        let _near = local.dial(1).unwrap();
        assert_eq!(listener.accept().unwrap().principal(), None);
    }
}
