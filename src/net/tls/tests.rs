//! Handshakes without sockets: which succeed, and the error of each side if one fails.

use super::*;
use crate::base::{Credential, NodeId, Principal};
use crate::sys::clock;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose, SanType, date_time_ymd,
};
use std::path::PathBuf;
use std::time::Duration;
use tempfile::TempDir;

mod refusals;
mod renewals;

type Issuer = CertifiedIssuer<'static, KeyPair>;

/// A directory of certificates, and the authority of most of them.
pub(crate) struct Papers {
    directory: TempDir,
    pub(in crate::net) authority: Issuer,
    ca: PathBuf,
    count: u32,
}

impl Papers {
    pub(crate) fn new() -> Self {
        let (directory, authority) = (tempfile::tempdir().unwrap(), new_authority());
        let ca = directory.path().join("ca.crt");
        std::fs::write(&ca, authority.pem()).unwrap();
        Self { directory, authority, ca, count: 0 }
    }

    fn write(&mut self, text: &str) -> PathBuf {
        self.count += 1;
        let path = self.directory.path().join(self.count.to_string());
        std::fs::write(&path, text).unwrap();
        path
    }

    /// Trusts our authority, and shows a certificate of `issuer`.
    fn files_of(&mut self, issuer: &Issuer, params: &CertificateParams) -> TlsFiles {
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, issuer).unwrap().pem();
        let own = (self.write(&certificate), self.write(&key.serialize_pem()));
        TlsFiles { ca: self.ca.clone(), own: Some(own), ..TlsFiles::default() }
    }

    fn files(&mut self, params: &CertificateParams) -> TlsFiles {
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.authority).unwrap().pem();
        let own = (self.write(&certificate), self.write(&key.serialize_pem()));
        TlsFiles { ca: self.ca.clone(), own: Some(own), ..TlsFiles::default() }
    }

    fn read(&mut self, params: &CertificateParams) -> TlsMaterial {
        TlsMaterial::read(&self.files(params)).unwrap()
    }

    pub(crate) fn client_files(&mut self, uri: &str) -> TlsFiles {
        self.files(&client(uri))
    }

    /// A client that says that its credential follows.
    pub(crate) fn client_with_credential(&mut self, credential: &Credential) -> TlsClient {
        let credential = Some(self.write(&credential.to_line()));
        let files = TlsFiles { ca: self.ca.clone(), credential, ..TlsFiles::default() };
        TlsClient::new(&TlsMaterial::read(&files).unwrap()).unwrap()
    }

    /// A client with neither certificate nor credential.
    pub(crate) fn client_with_nothing(&self) -> TlsClient {
        let files = TlsFiles { ca: self.ca.clone(), ..TlsFiles::default() };
        TlsClient::new(&TlsMaterial::read(&files).unwrap()).unwrap()
    }

    /// The files of a node.
    pub(crate) fn node_files(&mut self, uri: &str) -> TlsFiles {
        self.files(&node(uri))
    }

    /// The files of a node with an expired certificate.
    pub(crate) fn expired_node_files(&mut self, uri: &str) -> TlsFiles {
        self.files(&changed(node(uri), |params| params.not_after = date_time_ymd(2020, 1, 1)))
    }

    /// A client whose certificate ends in a day.
    pub(crate) fn client_for_a_day(&mut self, uri: &str) -> TlsClient {
        let material = self.read(&changed(client(uri), for_a_day));
        TlsClient::new(&material).unwrap()
    }

    /// A node whose certificate ends in a day.
    pub(crate) fn server_for_a_day(&mut self, uri: &str) -> TlsServer {
        let material = self.read(&changed(node(uri), for_a_day));
        TlsServer::new(&material).unwrap()
    }

    /// The file of an authority that has issued no certificate.
    pub(crate) fn strange_authority(&mut self) -> PathBuf {
        self.write(&new_authority().pem())
    }

    pub(in crate::net) fn server(&mut self, uri: &str) -> TlsServer {
        let material = self.read(&node(uri));
        TlsServer::new(&material).unwrap()
    }

    pub(crate) fn client(&mut self, uri: &str) -> TlsClient {
        let material = self.read(&client(uri));
        TlsClient::new(&material).unwrap()
    }
}

fn new_authority() -> Issuer {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    Issuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

fn client(uri: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.subject_alt_names = vec![SanType::URI(uri.try_into().unwrap())];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    params
}

fn node(uri: &str) -> CertificateParams {
    let mut params = client(uri);
    params.subject_alt_names.push(SanType::DnsName("db1.example".try_into().unwrap()));
    params.subject_alt_names.push(SanType::IpAddress([10, 0, 0, 1].into()));
    params.extended_key_usages.push(ExtendedKeyUsagePurpose::ServerAuth);
    params
}

fn for_a_day(params: &mut CertificateParams) {
    let end = Duration::from_millis(clock::unix_ms()) + Duration::from_secs(86_400);
    params.not_after = date_time_ymd(1970, 1, 1) + end;
}

fn changed(
    mut params: CertificateParams,
    change: impl FnOnce(&mut CertificateParams),
) -> CertificateParams {
    change(&mut params);
    params
}

/// The two ends of a connection, and the error of each.
struct Pair {
    dialer: Session,
    dialed: Session,
    dialer_error: Option<TlsError>,
    dialed_error: Option<TlsError>,
}

impl Pair {
    fn new(dialer: &TlsClient, expected: Expected, dialed: &TlsServer) -> Self {
        let (dialer, dialed) =
            (dialer.dial(expected).unwrap(), dialed.accept(Says::Nothing).unwrap());
        let mut pair = Self { dialer, dialed, dialer_error: None, dialed_error: None };
        pair.settle();
        pair
    }

    /// Carries bytes until both outputs are empty; gives the plaintexts.
    fn settle(&mut self) -> (Vec<u8>, Vec<u8>) {
        let (mut to_dialer, mut to_dialed) = (Vec::new(), Vec::new());
        while !self.dialer.pending().is_empty() || !self.dialed.pending().is_empty() {
            let error = carry(&mut self.dialer, &mut self.dialed, &mut to_dialed);
            self.dialed_error = self.dialed_error.take().or(error);
            let error = carry(&mut self.dialed, &mut self.dialer, &mut to_dialer);
            self.dialer_error = self.dialer_error.take().or(error);
        }
        (to_dialer, to_dialed)
    }

    #[track_caller]
    fn assert_refused(&self, dialed: &str, dialer: &str) {
        let texts = [&self.dialed_error, &self.dialer_error]
            .map(|error| error.as_ref().map_or("nothing".to_owned(), TlsError::to_string));
        for (text, part) in texts.iter().zip([dialed, dialer]) {
            assert!(text.contains(part), "expected {part:?} in {texts:?}");
        }
    }
}

fn carry(from: &mut Session, to: &mut Session, plain: &mut Vec<u8>) -> Option<TlsError> {
    let bytes = from.pending().to_vec();
    from.take_sent(bytes.len());
    to.receive(&bytes, |piece| plain.extend_from_slice(piece)).err()
}

#[test]
fn both_ends_know_each_other_by_their_certificates() {
    let mut papers = Papers::new();
    let (server, client) = (papers.server("tenure:node/3"), papers.client("tenure:client/billing"));
    for expected in [
        Expected::AnyNode,
        Expected::Node(NodeId(3)),
        Expected::host_of("db1.example:7401").unwrap(),
    ] {
        let mut pair = Pair::new(&client, expected, &server);
        assert_eq!((&pair.dialed_error, &pair.dialer_error), (&None, &None));
        assert_eq!(pair.dialer.peer(), Some(&Principal::Node(NodeId(3))));
        assert_eq!(pair.dialed.peer().unwrap().to_string(), "client/billing");
        let text = vec![7; 100_000];
        let mut sent = 0;
        while sent < text.len() {
            sent += pair.dialed.encrypt(&text[sent..]).unwrap();
        }
        pair.dialer.encrypt(b"hello").unwrap();
        assert_eq!(pair.settle(), (text, b"hello".to_vec()));
    }
}

#[test]
fn nothing_is_encrypted_or_told_before_the_other_side_is_known() {
    let mut papers = Papers::new();
    let (server, client) = (papers.server("tenure:node/1"), papers.client("tenure:client/a"));
    let mut dialer = client.dial(Expected::AnyNode).unwrap();
    let mut dialed = server.accept(Says::Nothing).unwrap();
    let mut plain = Vec::new();
    assert_eq!(dialer.encrypt(b"early").unwrap(), 0);
    assert!(carry(&mut dialer, &mut dialed, &mut plain).is_none());
    // It must not say anything to an unknown peer.
    assert_eq!(dialed.encrypt(b"early").unwrap(), 0);
    assert_eq!((dialed.peer(), dialer.peer()), (None, None));
    assert!(carry(&mut dialed, &mut dialer, &mut plain).is_none());
    assert!(!dialer.is_handshaking() && dialed.is_handshaking());
    assert_eq!(dialer.encrypt(b"in time").unwrap(), 7);
    assert!(carry(&mut dialer, &mut dialed, &mut plain).is_none());
    assert_eq!(plain, b"in time");
    assert!(dialed.peer().is_some());
}

#[test]
fn bytes_one_by_one_and_all_at_once_say_the_same() {
    let mut papers = Papers::new();
    let (server, client) = (papers.server("tenure:node/1"), papers.client("tenure:client/a"));
    let mut pair = Pair::new(&client, Expected::AnyNode, &server);
    let text: Vec<u8> = (0..60_000u32).map(|number| number as u8).collect();
    let mut sent = 0;
    while sent < text.len() {
        sent += pair.dialer.encrypt(&text[sent..]).unwrap();
    }
    let bytes = pair.dialer.pending().to_vec();
    let mut plain = Vec::new();
    for byte in &bytes[..30_000] {
        pair.dialed.receive(&[*byte], |piece| plain.extend_from_slice(piece)).unwrap();
    }
    // The rest in one piece: nothing of it may stay inside.
    pair.dialed.receive(&bytes[30_000..], |piece| plain.extend_from_slice(piece)).unwrap();
    assert_eq!(plain, text);
}

#[test]
fn an_end_that_is_said_comes_behind_what_was_sent() {
    let mut papers = Papers::new();
    let (server, client) = (papers.server("tenure:node/1"), papers.client("tenure:client/a"));
    let mut pair = Pair::new(&client, Expected::AnyNode, &server);
    pair.dialed.encrypt(b"last words").unwrap();
    pair.dialed.end();
    assert_eq!(pair.settle().0, b"last words");
    assert!(pair.dialer.has_ended() && pair.dialer_error.is_none());
}

#[test]
fn bytes_that_were_changed_on_the_way_are_never_delivered() {
    let mut papers = Papers::new();
    let (server, client) = (papers.server("tenure:node/1"), papers.client("tenure:client/a"));
    // The first of what is encrypted, one in its middle, and the last of what proves that it is whole.
    for from_end in [38, 20, 1] {
        let mut pair = Pair::new(&client, Expected::AnyNode, &server);
        pair.dialer.encrypt(b"a request of a client").unwrap();
        let mut bytes = pair.dialer.pending().to_vec();
        assert_eq!(bytes.len(), 5 + 38);
        let at = bytes.len() - from_end;
        bytes[at] ^= 1;
        let error = pair.dialed.receive(&bytes, |_| panic!("delivered")).unwrap_err();
        assert!(matches!(error, TlsError::Failed(_)), "{error}");
    }
}

#[test]
fn what_is_no_tls_is_told_as_that() {
    let mut papers = Papers::new();
    let server = papers.server("tenure:node/1");
    for bytes in [
        &b"GET / HTTP/1.1\r\nHost: db1\r\n\r\n"[..],
        &[40, 0, 0, 0, 1, 6, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8],
        &[0; 64],
        &[0xff; 64],
    ] {
        let mut dialed = server.accept(Says::Nothing).unwrap();
        let error = dialed.receive(bytes, |_| panic!("nothing was said")).unwrap_err();
        assert_eq!(error, TlsError::NotTls, "{bytes:?}");
        assert_eq!(dialed.pending()[0], 0x15, "an alert");
        // And all input after it.
        assert!(dialed.receive(bytes, |_| panic!("nothing was said")).is_err());
    }
    let client = papers.client("tenure:client/a");
    let mut dialer = client.dial(Expected::AnyNode).unwrap();
    let error = dialer.receive(&[40, 0, 0, 0, 1, 5, 0, 0, 1, 2, 3, 4], |_| ()).unwrap_err();
    assert_eq!(error, TlsError::NotTls);
}

#[test]
fn an_endless_hello_is_refused_before_it_takes_memory() {
    let mut papers = Papers::new();
    let server = papers.server("tenure:node/1");
    let mut dialed = server.accept(Says::Nothing).unwrap();
    // Records of a handshake message that declares 16 MiB.
    let mut record = vec![0x16, 3, 1, 0x40, 0, 1, 0xff, 0xff, 0xff];
    record.resize(5 + 0x4000, 0);
    let mut sent = 0;
    let error = loop {
        match dialed.receive(&record, |_| ()) {
            Ok(()) => sent += record.len(),
            Err(error) => break error,
        }
        assert!(sent < 1 << 20, "{sent} bytes were taken");
        record.splice(5..9, [0; 4]);
    };
    assert!(matches!(error, TlsError::Failed(_) | TlsError::NotTls), "{error}");
}

#[test]
fn older_versions_of_tls_are_refused() {
    let mut papers = Papers::new();
    let mut dialer = papers.client("tenure:client/a").dial(Expected::AnyNode).unwrap();
    let mut hello = dialer.pending().to_vec();
    dialer.take_sent(hello.len());
    // Its extension of supported versions becomes one that nobody knows: what is left is TLS 1.2.
    let at = hello.windows(7).position(|window| window == [0, 43, 0, 3, 2, 3, 4]).unwrap();
    hello[at] = 0x7f;
    let mut dialed = papers.server("tenure:node/1").accept(Says::Nothing).unwrap();
    let error = dialed.receive(&hello, |_| ()).unwrap_err();
    assert!(error.to_string().contains("does not speak TLS 1.3"), "{error}");
}
