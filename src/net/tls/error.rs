//! Errors of TLS, worded so that the reader knows which of the two sides to mend.

use crate::base::IdentityError;
use crate::base::text::date;
use rustls::{
    AlertDescription, CertificateError, Error, InvalidMessage, OtherError, PeerIncompatible,
};
use std::sync::Arc;

/// A failed handshake, or a broken stream after it. "It" in a sentence is the peer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TlsError {
    /// The peer's first bytes are no TLS, and this side demands TLS.
    #[error(
        "it does not speak TLS, and this side demands it: give it --ca, --cert and --key, or let both do without"
    )]
    NotTls,
    /// The peer's first bytes are TLS, and this side is plaintext.
    #[error(
        "it speaks TLS, and this side does not: give this side --ca, --cert and --key, or let both do without"
    )]
    SpeaksTls,
    /// The peer closed at our first message: it is plaintext, or refused us without an alert.
    #[error(
        "it closed the connection at our first word of TLS: if it does without TLS, leave --ca, --cert and --key away, or give them to it, too; if it does speak TLS, its log says why"
    )]
    HungUp,
    /// The peer closed later in the handshake.
    #[error(
        "it closed the connection in the middle of the TLS handshake: it has ended, or its log says why"
    )]
    BrokenOff,
    /// The peer's first message is too long.
    #[error(
        "its first message of TLS is larger than 4 KiB, or has no end: that is no program of Tenure; find out what dials this port"
    )]
    Oversized,
    /// The peer's handshake is too long, by its chain of certificates.
    #[error(
        "it sends more than 32 KiB before the TLS handshake is over: give it a shorter chain of certificates (its own, and those between that and --ca)"
    )]
    Endless,
    /// The peer shows no certificate.
    #[error("it has no certificate: give it one of this cluster's authority (--cert and --key)")]
    NoCertificate,
    /// We refuse the peer's certificate.
    #[error("its certificate {0}")]
    Theirs(String),
    /// We refuse the peer's certificate, which has expired, or is not valid yet.
    #[error("its certificate {0}")]
    Outdated(String),
    /// The peer refuses our certificate, or that we have none.
    #[error("it refuses us: {0}")]
    Ours(String),
    /// Another failure.
    #[error("the TLS connection has failed: {0}")]
    Failed(String),
}

/// Why we refuse a certificate with a valid signature, as the second half of a sentence.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Misfit {
    #[error("{0}")]
    Identity(#[from] IdentityError),
    #[error(
        "is {is}'s, and this is the address of {expected}: correct the address, or its certificate"
    )]
    Other { is: String, expected: String },
    #[error("is {0}'s, and only a node's is accepted here")]
    NoNode(String),
    #[error("is an authority's own: give it one that the authority has made (`tenure certs`)")]
    Authority,
    #[error("is not in order: {0}")]
    Broken(String),
}

impl From<Misfit> for Error {
    fn from(misfit: Misfit) -> Self {
        Self::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(misfit))))
    }
}

impl From<Error> for TlsError {
    fn from(error: Error) -> Self {
        match error {
            Error::NoCertificatesPresented => Self::NoCertificate,
            Error::InvalidCertificate(
                error @ (CertificateError::ExpiredContext { .. }
                | CertificateError::NotValidYetContext { .. }),
            ) => Self::Outdated(refusal(&error)),
            Error::InvalidCertificate(error) => Self::Theirs(refusal(&error)),
            Error::AlertReceived(alert) => Self::Ours(alert_text(alert)),
            Error::PeerIncompatible(
                PeerIncompatible::SupportedVersionsExtensionRequired
                | PeerIncompatible::Tls13RequiredForQuic
                | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig
                | PeerIncompatible::Tls12NotOffered
                | PeerIncompatible::Tls12NotOfferedOrEnabled,
            ) => Self::Failed(ONLY_1_3.into()),
            error => Self::Failed(format!("{error}; it may be no program of Tenure")),
        }
    }
}

impl TlsError {
    /// What is wrong with the peer's certificate, as the second half of a sentence; `None`: another
    /// failure.
    #[must_use]
    pub fn of_certificate(&self) -> Option<&str> {
        match self {
            Self::Theirs(why) | Self::Outdated(why) => Some(why),
            _ => None,
        }
    }

    /// The failure, classified by the peer's first bytes.
    pub(super) fn of_first_bytes(error: Error) -> Self {
        match error {
            Error::InvalidMessage(
                InvalidMessage::InvalidContentType | InvalidMessage::UnknownProtocolVersion,
            ) => Self::NotTls,
            error => error.into(),
        }
    }
}

/// Whether a stream begins as TLS does, with an alert or a handshake. Read as a frame's length
/// these bytes are 64 KiB and more, and no first frame is that long.
#[must_use]
pub fn begins_as_tls(begin: &[u8]) -> bool {
    matches!(begin, [ALERT | HANDSHAKE, 3, 1..=4, ..])
}

/// A type of record with which a stream of TLS may begin.
pub(super) const ALERT: u8 = 0x15;
/// See [`ALERT`].
pub(super) const HANDSHAKE: u8 = 0x16;

const ONLY_1_3: &str = "it does not speak TLS 1.3, which is the only version here: give it a newer library of TLS, or take away what stands between";

fn refusal(error: &CertificateError) -> String {
    match error {
        CertificateError::ExpiredContext { not_after, .. } => {
            let end = date(not_after.as_secs());
            format!("expired on {end}: renew it, if the clocks of both machines are right")
        }
        CertificateError::NotValidYetContext { not_before, .. } => {
            let begin = date(not_before.as_secs());
            format!("is valid from {begin} only: set the clocks of both machines")
        }
        CertificateError::UnknownIssuer | CertificateError::BadSignature => {
            "is not of an authority that is trusted here: give it one of this cluster's, or trust its authority (--ca)"
                .into()
        }
        CertificateError::Revoked => "was revoked: it is on the list of --crl".into(),
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            "may not be used at this end of a connection: clients dial, and only nodes are dialed".into()
        }
        CertificateError::NotValidForNameContext { expected, presented } => {
            let expected = expected.to_str();
            let presented = match presented.as_slice() {
                [] => "no host".to_owned(),
                names => names.join(", "),
            };
            format!(
                "is not for {expected}, but for {presented}: make one that names the host, or verify by node (--verify node)"
            )
        }
        CertificateError::Other(OtherError(error)) => match error.downcast_ref::<Misfit>() {
            Some(misfit) => misfit.to_string(),
            None => Misfit::Broken(error.to_string()).to_string(),
        },
        error => Misfit::Broken(error.to_string()).to_string(),
    }
}

fn alert_text(alert: AlertDescription) -> String {
    let known = match alert {
        AlertDescription::CertificateRequired => {
            "it demands a certificate, and this side has none: give --cert and --key"
        }
        AlertDescription::UnknownCA | AlertDescription::DecryptError => {
            "our certificate is not of an authority that it trusts: use one of its cluster's"
        }
        AlertDescription::CertificateExpired => {
            "our certificate has expired, or is not valid yet: renew it, and compare the clocks of both machines"
        }
        AlertDescription::CertificateRevoked => "our certificate was revoked: use a new one",
        AlertDescription::UnsupportedCertificate => {
            "our certificate may not be used at this end of a connection: `tenure certs show` says for what it may"
        }
        AlertDescription::BadCertificate
        | AlertDescription::CertificateUnknown
        | AlertDescription::AccessDenied => {
            "our certificate is not the one that it expects: `tenure certs show` says whom it names; its log says what it misses"
        }
        AlertDescription::ProtocolVersion => ONLY_1_3,
        AlertDescription::UnexpectedMessage | AlertDescription::DecodeError => {
            "it does not take us for TLS: does it speak something else at this address?"
        }
        alert => return format!("it ended the TLS connection with {alert:?}: its log says why"),
    };
    known.to_owned()
}
