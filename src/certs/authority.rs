//! A certificate authority: its certificate and key, and the certificates that it issues.

use crate::base::Principal;
use crate::base::text::date;
use crate::certs::{CertsError, Host, files, shown};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, PublicKeyData, SanType, date_time_ymd,
};
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The default lifetime of an authority, in days.
pub const AUTHORITY_DAYS: u32 = 3650;
/// The default lifetime of other certificates, in days: renewed once a year, without a restart.
pub const DAYS: u32 = 365;
/// The longest lifetime in days: nobody means more than a century.
pub const DAYS_MAX: u32 = 36_500;
/// How long before its making a certificate is valid, for machines whose clocks are behind.
const BEFORE: Duration = Duration::from_secs(3600);
const DAY_SECONDS: u64 = 86_400;

/// The validity of a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifetime {
    /// The present, in seconds of the wall clock since 1970.
    pub now: u64,
    /// Days from now; `None`: the default, but not longer than the authority.
    pub days: Option<u32>,
}

/// An authority. The holder of its key can pose as anybody to those who trust its certificate.
pub struct Authority {
    certificate: String,
    key: KeyPair,
    /// Its directory, named in errors.
    place: PathBuf,
    until: u64,
}

/// A certificate with its key, both as PEM.
pub struct Issued {
    /// The certificate, which is public.
    pub certificate: String,
    /// The private key.
    pub key: String,
    /// The end of the certificate, in seconds of the wall clock since 1970.
    pub until: u64,
}

impl Authority {
    /// Makes a new authority.
    ///
    /// # Errors
    /// A lifetime out of bounds.
    pub fn create(lifetime: Lifetime) -> Result<Self, CertsError> {
        let until = end(lifetime.now, lifetime.days.unwrap_or(AUTHORITY_DAYS))?;
        let key = KeyPair::generate()?;
        let mut params = params(lifetime.now, until);
        // Their names tell two authorities of one cluster apart, while one replaces the other.
        let digits: String = params.key_identifier(&key).iter().take(4).map(hex).collect();
        params.distinguished_name = name(&format!("tenure authority {digits}"));
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let certificate = params.self_signed(&key)?.pem();
        Ok(Self { certificate, key, place: PathBuf::new(), until })
    }

    /// Opens the authority in `directory`: `ca.crt` and `ca.key`.
    ///
    /// # Errors
    /// The files are not there, cannot be read, or are no authority's.
    pub fn open(directory: &Path) -> Result<Self, CertsError> {
        let [at, key_at] = [directory.join("ca.crt"), directory.join("ca.key")];
        if !at.exists() && !key_at.exists() {
            return Err(CertsError::NoAuthority(directory.to_owned()));
        }
        let certificate = files::read_text(&at)?;
        let said = shown::first(&certificate, &at)?;
        if !said.is_authority {
            return Err(CertsError::NotAnAuthority(at));
        }
        files::warn_if_open(&key_at);
        let wrong = |why: String| CertsError::Key { path: key_at.clone(), why };
        let key = KeyPair::from_pem(&files::read_text(&key_at)?).map_err(|error| {
            wrong(format!("{error} (`openssl pkcs8 -topk8 -nodes` writes the form that is read)"))
        })?;
        if key.subject_public_key_info() != said.public_key {
            return Err(wrong("it is another certificate's".to_owned()));
        }
        Ok(Self { certificate, key, place: directory.to_owned(), until: said.until })
    }

    /// Issues a certificate with a new key for `principal`; a node's has its `hosts`.
    ///
    /// # Errors
    /// Hosts do not fit the principal, or the authority ends too early.
    pub fn issue(
        &self,
        principal: &Principal,
        hosts: &[Host],
        lifetime: Lifetime,
    ) -> Result<Issued, CertsError> {
        let usages = usages(principal, hosts)?;
        let until = self.end_of(lifetime)?;
        let key = KeyPair::generate()?;
        let mut params = params(lifetime.now, until);
        params.distinguished_name = name(&format!("tenure {principal}"));
        params.subject_alt_names = alternative_names(principal, hosts)?;
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = usages;
        params.use_authority_key_identifier_extension = true;
        let issuer = Issuer::from_ca_cert_pem(&self.certificate, &self.key)?;
        let certificate = params.signed_by(&key, &issuer)?.pem();
        Ok(Issued { certificate, key: key.serialize_pem(), until })
    }

    /// The authority itself, to be saved.
    #[must_use]
    pub fn issued(&self) -> Issued {
        let (certificate, key) = (self.certificate.clone(), self.key.serialize_pem());
        Issued { certificate, key, until: self.until }
    }

    fn end_of(&self, lifetime: Lifetime) -> Result<u64, CertsError> {
        if self.until <= lifetime.now {
            let (path, until) = (self.place.clone(), date(self.until));
            return Err(CertsError::AuthorityEnded { path, until });
        }
        let wanted = end(lifetime.now, lifetime.days.unwrap_or(DAYS))?;
        match lifetime.days {
            Some(days) if wanted > self.until => {
                Err(CertsError::OutlivesAuthority { until: date(self.until), days })
            }
            _ => Ok(wanted.min(self.until)),
        }
    }
}

/// The extended key usages: nodes dial each other, and nobody dials clients.
fn usages(
    principal: &Principal,
    hosts: &[Host],
) -> Result<Vec<ExtendedKeyUsagePurpose>, CertsError> {
    let dials = ExtendedKeyUsagePurpose::ClientAuth;
    match principal {
        Principal::Node(_) if hosts.is_empty() => {
            Err(CertsError::Subject("a node needs the hosts at which it is dialed"))
        }
        Principal::Node(_) => Ok(vec![ExtendedKeyUsagePurpose::ServerAuth, dials]),
        Principal::Client(_) | Principal::Operator(_) if hosts.is_empty() => Ok(vec![dials]),
        Principal::Client(_) | Principal::Operator(_) => {
            Err(CertsError::Subject("only nodes are dialed, and have hosts"))
        }
        Principal::Local(_) => {
            Err(CertsError::Subject("a program within a node's process needs no certificate"))
        }
    }
}

fn alternative_names(principal: &Principal, hosts: &[Host]) -> Result<Vec<SanType>, CertsError> {
    let uri = principal.to_uri().expect("usages refuses whom no certificate names");
    let mut names = vec![SanType::URI(uri.try_into()?)];
    for host in hosts {
        let name = match host {
            Host::Name(name) => SanType::DnsName(name.clone().try_into()?),
            Host::Address(address) => SanType::IpAddress(*address),
        };
        if !names.contains(&name) {
            names.push(name);
        }
    }
    Ok(names)
}

fn params(now: u64, until: u64) -> CertificateParams {
    let mut params = CertificateParams::default();
    let epoch = date_time_ymd(1970, 1, 1);
    params.not_before = epoch + Duration::from_secs(now).saturating_sub(BEFORE);
    params.not_after = epoch + Duration::from_secs(until);
    params
}

fn name(common: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, common);
    name
}

fn end(now: u64, days: u32) -> Result<u64, CertsError> {
    if !(1..=DAYS_MAX).contains(&days) {
        return Err(CertsError::Days(days));
    }
    Ok(now.saturating_add(u64::from(days) * DAY_SECONDS))
}

fn hex(byte: &u8) -> String {
    format!("{byte:02x}")
}

/// Without the key.
impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Authority({}, until {})", self.place.display(), date(self.until))
    }
}

/// Without the key.
impl fmt::Debug for Issued {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Issued(until {})", date(self.until))
    }
}

#[cfg(test)]
mod tests;
