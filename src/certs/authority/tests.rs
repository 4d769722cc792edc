//! The certificates of an authority, read again.

use super::*;
use crate::certs::{Existing, Shown, read};
use std::fs;

const NOW: u64 = 1_798_000_000;

fn lifetime(days: Option<u32>) -> Lifetime {
    Lifetime { now: NOW, days }
}

fn authority() -> (tempfile::TempDir, Authority) {
    let directory = tempfile::tempdir().unwrap();
    let made = Authority::create(lifetime(None)).unwrap();
    made.issued().save(directory.path(), "ca", Existing::Kept).unwrap();
    let opened = Authority::open(directory.path()).unwrap();
    (directory, opened)
}

fn shown(issued: &Issued) -> Shown {
    let directory = tempfile::tempdir().unwrap();
    let saved = issued.save(directory.path(), "x", Existing::Kept).unwrap();
    let [shown] = <[Shown; 1]>::try_from(read(&saved.certificate).unwrap()).unwrap();
    shown
}

fn principal(text: &str) -> Principal {
    text.parse().unwrap()
}

#[test]
fn a_node_is_certified_with_its_hosts_for_both_ends_of_a_connection() {
    let (_directory, authority) = authority();
    let hosts = ["db1.example", "10.0.0.1", "::1", "db1.example"].map(|host| host.parse().unwrap());
    let issued = authority.issue(&principal("node/3"), &hosts, lifetime(None)).unwrap();
    let shown = shown(&issued);
    assert_eq!(shown.principal, Ok(principal("node/3")));
    assert_eq!(shown.uris, ["tenure:node/3"]);
    assert_eq!(shown.hosts, ["db1.example", "10.0.0.1", "::1"]);
    assert_eq!(shown.usages, ["server", "client"]);
    assert_eq!(shown.subject, "CN=tenure node/3");
    assert!(shown.issuer.starts_with("CN=tenure authority "), "{}", shown.issuer);
    assert_eq!((shown.from, shown.until), (NOW - 3600, NOW + 365 * 86_400));
    assert!(!shown.is_authority);
}

#[test]
fn clients_and_operators_are_certified_to_dial_alone() {
    let (_directory, authority) = authority();
    for text in ["client/team-a/billing", "operator/alice"] {
        let shown = shown(&authority.issue(&principal(text), &[], lifetime(Some(7))).unwrap());
        assert_eq!(shown.principal, Ok(principal(text)));
        assert_eq!(shown.usages, ["client"]);
        assert_eq!(shown.until, NOW + 7 * 86_400);
    }
}

#[test]
fn an_authority_lives_ten_years_and_has_a_name_of_its_own() {
    let [one, other] =
        [(); 2].map(|()| shown(&Authority::create(lifetime(None)).unwrap().issued()));
    assert!(one.is_authority && one.subject == one.issuer);
    assert_ne!(one.subject, other.subject);
    assert_eq!(one.until, NOW + 3650 * 86_400);
    assert!(one.principal.unwrap_err().starts_with("names nobody"));
}

#[test]
fn what_makes_no_sense_is_not_certified() {
    let (_directory, authority) = authority();
    let host = ["db".parse().unwrap()];
    let issue = |text: &str, hosts: &[Host]| {
        authority.issue(&principal(text), hosts, lifetime(None)).unwrap_err().to_string()
    };
    assert!(issue("node/1", &[]).contains("needs the hosts"));
    assert!(issue("client/a", &host).contains("only nodes"));
    assert!(issue("operator/a", &host).contains("only nodes"));
    assert!(issue("local/1", &[]).contains("needs no certificate"));
    for days in [0, DAYS_MAX + 1] {
        let error = Authority::create(lifetime(Some(days))).unwrap_err();
        assert!(matches!(error, CertsError::Days(_)), "{error}");
    }
}

#[test]
fn nothing_outlives_its_authority() {
    let short = Authority::create(lifetime(Some(10))).unwrap();
    let client = principal("client/a");
    assert_eq!(short.issue(&client, &[], lifetime(None)).unwrap().until, NOW + 10 * 86_400);
    let error = short.issue(&client, &[], lifetime(Some(11))).unwrap_err();
    assert!(matches!(error, CertsError::OutlivesAuthority { days: 11, .. }), "{error}");
    let later = Lifetime { now: NOW + 10 * 86_400, days: None };
    let error = short.issue(&client, &[], later).unwrap_err();
    assert!(error.to_string().contains("ended on 20"), "{error}");
}

#[test]
fn what_is_no_authority_is_told_by_what_it_is() {
    let (directory, authority) = authority();
    let empty = tempfile::tempdir().unwrap();
    let open = |directory: &Path| Authority::open(directory).unwrap_err();
    assert!(matches!(open(empty.path()), CertsError::NoAuthority(_)));
    // A client's certificate in its place.
    let client = authority.issue(&principal("client/a"), &[], lifetime(None)).unwrap();
    client.save(empty.path(), "ca", Existing::Kept).unwrap();
    assert!(matches!(open(empty.path()), CertsError::NotAnAuthority(_)));
    // Another one's key.
    let key = directory.path().join("ca.key");
    fs::write(&key, Authority::create(lifetime(None)).unwrap().issued().key).unwrap();
    assert!(open(directory.path()).to_string().contains("another certificate's"));
    fs::write(&key, "no key").unwrap();
    assert!(matches!(open(directory.path()), CertsError::Key { .. }));
    fs::write(&key, [0xff, 0xfe]).unwrap();
    assert!(matches!(open(directory.path()), CertsError::NoCertificate(_)));
    fs::remove_file(&key).unwrap();
    assert!(open(directory.path()).to_string().contains("ca.key"));
}

#[test]
fn what_cannot_be_read_as_a_certificate_says_what_it_is() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("file");
    let issued = Authority::create(lifetime(None)).unwrap().issued();
    let body: String = issued.certificate.lines().filter(|line| !line.starts_with("--")).collect();
    let cut = format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", &body[..64]);
    for (text, why) in [
        ("", "is empty"),
        ("hello", "has no certificate"),
        (&issued.key, "has a private key and no certificate"),
        (&issued.certificate[..200], "is a damaged PEM file"),
        (&cut, "certificate 1 of "),
    ] {
        fs::write(&path, text).unwrap();
        let error = read(&path).unwrap_err().to_string();
        assert!(error.contains(why), "{why}: {error}");
    }
    fs::write(&path, vec![b'x'; 5 << 20]).unwrap();
    assert!(read(&path).unwrap_err().to_string().contains("too large"));
    assert!(read(&directory.path().join("none")).unwrap_err().to_string().contains("cannot read"));
    // A chain is read whole.
    fs::write(&path, format!("{0}# and\n{0}", issued.certificate)).unwrap();
    assert_eq!(read(&path).unwrap().len(), 2);
}

#[test]
fn keys_are_not_shown() {
    let authority = Authority::create(lifetime(None)).unwrap();
    let issued = authority.issued();
    for shown in [format!("{authority:?}"), format!("{issued:?}")] {
        assert!(shown.len() < 100 && !shown.contains("KEY"), "{shown}");
    }
}
