//! The trusted authorities, and the certificates that they have revoked.

use super::error::Misfit;
use crate::base::{IdentityError, Principal};
use rustls::crypto::WebPkiSupportedAlgorithms;
use rustls::pki_types::{
    CertificateDer, CertificateRevocationListDer, ServerName, TrustAnchor, UnixTime,
};
use rustls::{CertificateError, Error, RootCertStore};
use webpki::{
    CertRevocationList, EndEntityCert, KeyUsage, OwnedCertRevocationList, RevocationOptionsBuilder,
    UnknownStatusPolicy,
};

/// Authorities and their lists of revoked certificates.
#[derive(Debug)]
pub(super) struct Trust {
    anchors: Vec<TrustAnchor<'static>>,
    lists: Vec<CertRevocationList<'static>>,
    algorithms: WebPkiSupportedAlgorithms,
}

/// The use that a certificate must allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Usage {
    /// To dial.
    Client,
    /// To be dialed.
    Server,
}

impl Trust {
    /// Trust in `authorities`, except for certificates on `lists`.
    ///
    /// # Errors
    /// A certificate or list is damaged, or there is no authority.
    pub(super) fn new(
        authorities: &[CertificateDer<'static>],
        lists: &[CertificateRevocationListDer<'static>],
    ) -> Result<Self, Error> {
        let mut roots = RootCertStore::empty();
        for authority in authorities {
            roots.add(authority.clone())?;
        }
        let list = |der: &CertificateRevocationListDer<'static>| {
            OwnedCertRevocationList::from_der(der)
                .map(CertRevocationList::from)
                .map_err(|error| Error::General(error.to_string()))
        };
        let lists = lists.iter().map(list).collect::<Result<_, _>>()?;
        let algorithms = super::sides::provider().signature_verification_algorithms;
        Ok(Self { anchors: roots.roots, lists, algorithms })
    }

    pub(super) fn algorithms(&self) -> &WebPkiSupportedAlgorithms {
        &self.algorithms
    }

    /// Verifies that one of our authorities has issued `certificate` for `usage`, and that it is
    /// valid at `now` and not revoked.
    pub(super) fn verify(
        &self,
        certificate: &EndEntityCert<'_>,
        others: &[CertificateDer<'_>],
        now: UnixTime,
        usage: Usage,
    ) -> Result<(), Error> {
        let key_usage = match usage {
            Usage::Client => KeyUsage::client_auth(),
            Usage::Server => KeyUsage::server_auth(),
        };
        let lists: Vec<&CertRevocationList<'_>> = self.lists.iter().collect();
        // A list is of one authority; certificates of others are judged without. An old list is
        // better than none.
        let revocation = RevocationOptionsBuilder::new(&lists)
            .ok()
            .map(|options| options.with_status_policy(UnknownStatusPolicy::Allow).build());
        let (algorithms, anchors) = (self.algorithms.all, &self.anchors);
        let verified = certificate
            .verify_for_usage(algorithms, anchors, others, now, key_usage, revocation, None);
        verified.map(drop).map_err(refused)
    }
}

/// Parses the peer's certificate.
pub(super) fn parse<'a>(certificate: &'a CertificateDer<'a>) -> Result<EndEntityCert<'a>, Error> {
    EndEntityCert::try_from(certificate)
        .map_err(|_| Error::InvalidCertificate(CertificateError::BadEncoding))
}

/// The principal that a certificate names.
pub(super) fn identity(certificate: &EndEntityCert<'_>) -> Result<Principal, IdentityError> {
    Principal::of_uris(certificate.valid_uri_names())
}

/// The principal of a verified certificate; `None`: none of ours.
pub(super) fn principal_of(certificate: &CertificateDer<'_>) -> Option<Principal> {
    identity(&parse(certificate).ok()?).ok()
}

/// Checks that a certificate names the dialed host.
pub(super) fn check_host(
    certificate: &EndEntityCert<'_>,
    host: &ServerName<'_>,
) -> Result<(), Error> {
    certificate.verify_is_valid_for_subject_name(host).map_err(refused)
}

/// Maps an error of webpki to one of rustls, which becomes the alert to the peer.
fn refused(error: webpki::Error) -> Error {
    use webpki::Error as Found;
    Error::InvalidCertificate(match error {
        Found::CertExpired { time, not_after } => {
            CertificateError::ExpiredContext { time, not_after }
        }
        Found::CertNotValidYet { time, not_before } => {
            CertificateError::NotValidYetContext { time, not_before }
        }
        Found::CertRevoked => CertificateError::Revoked,
        Found::UnknownIssuer => CertificateError::UnknownIssuer,
        Found::InvalidSignatureForPublicKey => CertificateError::BadSignature,
        Found::RequiredEkuNotFoundContext(_) => CertificateError::InvalidPurpose,
        Found::CertNotValidForName(context) => CertificateError::NotValidForNameContext {
            expected: context.expected,
            presented: context.presented.iter().filter_map(|name| host(name)).collect(),
        },
        Found::BadDer => CertificateError::BadEncoding,
        Found::CaUsedAsEndEntity => return Misfit::Authority.into(),
        error => return Misfit::Broken(error.to_string()).into(),
    })
}

/// A name or address from webpki's debug text of a certificate's names.
fn host(shown: &str) -> Option<String> {
    let (kind, name) = shown.strip_suffix(')')?.split_once('(')?;
    matches!(kind, "DnsName" | "IpAddress").then(|| name.trim_matches('"').to_owned())
}
