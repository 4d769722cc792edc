//! A host in a certificate: a name or an address, without a port.

use rustls::pki_types::DnsName;
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// A host at which a node is dialed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Host {
    /// A name, in lower case.
    Name(String),
    /// An address of IPv4 or IPv6.
    Address(IpAddr),
}

/// What is wrong with a host, as the second half of a sentence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HostError {
    /// No text.
    #[error("is empty: is a variable not set?")]
    Empty,
    /// A host with a port, or with brackets for one.
    #[error(
        "has a port or brackets: a certificate names hosts alone, as \"db1.example\", \"10.0.0.1\" or \"::1\""
    )]
    Port,
    /// An address with a zone.
    #[error(
        "has a zone: its meaning differs from machine to machine, so no certificate can name it"
    )]
    Zone,
    /// A wildcard, which would cover machines that nobody has thought of.
    #[error("is a wildcard: name each host of this node")]
    Wildcard,
    /// Anything else.
    #[error(
        "is no host's name and no address (letters of other alphabets are written as \"xn--…\")"
    )]
    Name,
}

impl FromStr for Host {
    type Err = HostError;

    fn from_str(text: &str) -> Result<Self, HostError> {
        if text.is_empty() {
            return Err(HostError::Empty);
        }
        if let Ok(address) = text.parse() {
            return Ok(Self::Address(address));
        }
        if text.contains('%') {
            return Err(HostError::Zone);
        }
        if text.contains([':', '[', ']']) {
            return Err(HostError::Port);
        }
        if text.contains('*') {
            return Err(HostError::Wildcard);
        }
        let name = text.to_ascii_lowercase();
        // Verifiers refuse names that end with a dot.
        if name.ends_with('.') || DnsName::try_from(name.as_str()).is_err() {
            return Err(HostError::Name);
        }
        Ok(Self::Name(name))
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Address(address) => address.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_addresses_are_hosts() {
        for (text, shown) in [
            ("db1.example", "db1.example"),
            ("DB1", "db1"),
            ("lock_service", "lock_service"),
            ("xn--bcher-kva.example", "xn--bcher-kva.example"),
            ("10.0.0.1", "10.0.0.1"),
            ("0:0::1", "::1"),
        ] {
            assert_eq!(text.parse::<Host>().unwrap().to_string(), shown);
        }
        assert!(matches!("10.0.0.1".parse(), Ok(Host::Address(_))));
    }

    #[test]
    fn what_is_no_host_says_why() {
        use HostError::*;
        for (text, why) in [
            ("", Empty),
            ("db1:7401", Port),
            ("[::1]:7401", Port),
            ("[::1]", Port),
            ("fe80::1%eth0", Zone),
            ("*.example", Wildcard),
            ("10.0.0.300", Name),
            ("db1.", Name),
            ("a b", Name),
            ("bücher.example", Name),
            ("https//db", Name),
            (&"a.".repeat(200), Name),
        ] {
            assert_eq!(text.parse::<Host>(), Err(why), "{text}");
        }
    }
}
