//! The verifiers of both sides of a handshake. There is no bypass, and no fallback from one check
//! to another.

use super::error::Misfit;
use super::sides::Expected;
use super::trust::{self, Trust, Usage};
use crate::base::Principal;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::verify_tls13_signature;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{DigitallySignedStruct, DistinguishedName, Error, SignatureScheme};
use std::sync::Arc;

/// The dialer's verifier of a node.
#[derive(Debug)]
pub(super) struct DialedVerifier {
    pub(super) nodes: Arc<Trust>,
    pub(super) expected: Expected,
}

/// A node's verifier of dialers. If clients have an authority of their own, it certifies no nodes,
/// and that of nodes no clients.
#[derive(Debug)]
pub(super) struct DialerVerifier {
    pub(super) nodes: Arc<Trust>,
    pub(super) clients: Arc<Trust>,
    pub(super) demand: Demand,
}

/// Whether a dialer must show a certificate. One that is shown is verified in any case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Demand {
    Certificate,
    Nothing,
}

impl DialedVerifier {
    pub(super) fn verify(
        &self,
        certificate: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<(), Error> {
        let certificate = trust::parse(certificate)?;
        self.nodes.verify(&certificate, others, now, Usage::Server)?;
        match &self.expected {
            Expected::Host(host) => trust::check_host(&certificate, host)?,
            Expected::AnyNode => drop(node(&certificate)?),
            Expected::Node(id) => {
                let (is, expected) = (node(&certificate)?, Principal::Node(*id));
                if is != expected {
                    let (is, expected) = (is.to_string(), expected.to_string());
                    return Err(Misfit::Other { is, expected }.into());
                }
            }
        }
        Ok(())
    }
}

impl DialerVerifier {
    pub(super) fn verify(
        &self,
        certificate: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<(), Error> {
        let certificate = trust::parse(certificate)?;
        // The claimed principal decides which authority must have issued the certificate. One
        // without a principal is verified first: the error for a stranger's certificate is that of
        // its authority.
        let identity = trust::identity(&certificate);
        let trust = match &identity {
            Ok(Principal::Node(_)) => &self.nodes,
            _ => &self.clients,
        };
        trust.verify(&certificate, others, now, Usage::Client)?;
        identity.map(drop).map_err(|why| Misfit::from(why).into())
    }
}

impl ServerCertVerifier for DialedVerifier {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.verify(certificate, others, now).map(|()| ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(only_1_3())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, self.nodes.algorithms())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.nodes.algorithms().supported_schemes()
    }
}

impl ClientCertVerifier for DialerVerifier {
    /// Empty: a dialer shows the one certificate that it has.
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn client_auth_mandatory(&self) -> bool {
        self.demand == Demand::Certificate
    }

    fn verify_client_cert(
        &self,
        certificate: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        self.verify(certificate, others, now).map(|()| ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(only_1_3())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, self.nodes.algorithms())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.nodes.algorithms().supported_schemes()
    }
}

/// The principal in a node's certificate.
fn node(certificate: &webpki::EndEntityCert<'_>) -> Result<Principal, Error> {
    match trust::identity(certificate).map_err(Misfit::from)? {
        node @ Principal::Node(_) => Ok(node),
        other => Err(Misfit::NoNode(other.to_string()).into()),
    }
}

fn only_1_3() -> Error {
    Error::General("TLS 1.2 is not spoken here".to_owned())
}
