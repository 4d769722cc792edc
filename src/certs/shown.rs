//! The content of a certificate, for people.

use crate::base::Principal;
use crate::certs::{CertsError, files};
use ring::digest::{SHA256, digest};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use std::net::IpAddr;
use std::path::Path;
use x509_parser::extensions::{ExtendedKeyUsage, GeneralName};
use x509_parser::prelude::{FromDer, X509Certificate};

/// The content of one certificate. Texts are raw: the printer must escape them.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Shown {
    /// The subject, as authorities write it.
    pub subject: String,
    /// The issuer.
    pub issuer: String,
    /// Whether it may issue certificates.
    pub is_authority: bool,
    /// The one principal that Tenure reads in it, or why there is none.
    pub principal: Result<Principal, String>,
    /// The names and addresses of a node.
    pub hosts: Vec<String>,
    /// All URIs.
    pub uris: Vec<String>,
    /// Extended key usages; empty: any use.
    pub usages: Vec<String>,
    /// The beginning, in seconds of the wall clock since 1970.
    pub from: u64,
    /// The end, likewise.
    pub until: u64,
    /// The serial number in hexadecimal digits.
    pub serial: String,
    /// SHA-256 of the certificate, in hexadecimal digits.
    pub fingerprint: String,
    /// The encoded public key.
    pub public_key: Vec<u8>,
}

/// All certificates of a PEM file, in their order.
///
/// # Errors
/// The file cannot be read, has no certificate, or a damaged one.
pub fn read(path: &Path) -> Result<Vec<Shown>, CertsError> {
    parse(&files::read_text(path)?, path)
}

/// The first certificate in `text`; an authority's is alone in its file.
pub(super) fn first(text: &str, path: &Path) -> Result<Shown, CertsError> {
    Ok(parse(text, path)?.swap_remove(0))
}

fn parse(text: &str, path: &Path) -> Result<Vec<Shown>, CertsError> {
    let path = path.display();
    let wrong = |why: String| CertsError::NoCertificate(why);
    let ders: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(text.as_bytes()).collect();
    let ders = ders.map_err(|error| wrong(format!("{path} is a damaged PEM file: {error}")))?;
    if ders.is_empty() {
        let why = if text.trim().is_empty() {
            "is empty"
        } else if text.contains("PRIVATE KEY-----") {
            "has a private key and no certificate: the certificate is the file beside it"
        } else {
            "has no certificate (\"-----BEGIN CERTIFICATE-----\") in it"
        };
        return Err(wrong(format!("{path} {why}")));
    }
    let shown = |(at, der): (usize, &CertificateDer<'_>)| {
        of(der).map_err(|why| wrong(format!("certificate {} of {path} is damaged: {why}", at + 1)))
    };
    ders.iter().enumerate().map(shown).collect()
}

fn of(der: &CertificateDer<'_>) -> Result<Shown, String> {
    let (rest, certificate) = X509Certificate::from_der(der).map_err(|error| error.to_string())?;
    if !rest.is_empty() {
        return Err("bytes follow it".to_owned());
    }
    let (hosts, uris) = names(&certificate)?;
    let usages = certificate.extended_key_usage().map_err(|error| error.to_string())?;
    let seconds = |timestamp: i64| u64::try_from(timestamp).unwrap_or(0);
    let validity = certificate.validity();
    Ok(Shown {
        subject: certificate.subject().to_string(),
        issuer: certificate.issuer().to_string(),
        is_authority: certificate.is_ca(),
        principal: principal(&uris),
        hosts,
        uris,
        usages: usages.map_or_else(Vec::new, |extension| words(extension.value)),
        from: seconds(validity.not_before.timestamp()),
        until: seconds(validity.not_after.timestamp()),
        serial: hex(certificate.raw_serial()),
        fingerprint: hex(digest(&SHA256, der).as_ref()),
        public_key: certificate.public_key().raw.to_vec(),
    })
}

/// Hosts and URIs.
fn names(certificate: &X509Certificate<'_>) -> Result<(Vec<String>, Vec<String>), String> {
    let extension = certificate.subject_alternative_name().map_err(|error| error.to_string())?;
    let (mut hosts, mut uris) = (Vec::new(), Vec::new());
    for name in extension.iter().flat_map(|extension| &extension.value.general_names) {
        match name {
            GeneralName::DNSName(name) => hosts.push((*name).to_owned()),
            GeneralName::URI(uri) => uris.push((*uri).to_owned()),
            GeneralName::IPAddress(bytes) => hosts.push(address(bytes)),
            _ => {}
        }
    }
    Ok((hosts, uris))
}

fn address(bytes: &[u8]) -> String {
    let v4 = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
    let address = v4.or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from));
    address.map_or_else(|_| hex(bytes), |address| address.to_string())
}

/// The principal by the verifiers' rule: exactly one URI of ours, and that one well-formed.
fn principal(uris: &[String]) -> Result<Principal, String> {
    Principal::of_uris(uris.iter().map(String::as_str)).map_err(|error| error.to_string())
}

fn words(usages: &ExtendedKeyUsage<'_>) -> Vec<String> {
    let known = [
        (usages.any, "anything"),
        (usages.server_auth, "server"),
        (usages.client_auth, "client"),
        (usages.code_signing, "code signing"),
        (usages.email_protection, "email"),
        (usages.time_stamping, "time stamping"),
        (usages.ocsp_signing, "OCSP signing"),
    ];
    let known = known.iter().filter(|(is_set, _)| *is_set).map(|(_, word)| (*word).to_owned());
    known.chain(usages.other.iter().map(ToString::to_string)).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
