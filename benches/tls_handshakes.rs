//! What a TLS handshake costs each side, whole and resumed by a ticket: whether tickets would help clients that come back.
//!
//!     cargo bench --bench tls_handshakes
//!
//! Mutual TLS 1.3 with the provider and the kind of certificates that nodes have, without sockets; processor time of each side
//! alone, whole and resumed in turns. Nodes give no tickets: here they are given by rustls, and a resumed handshake is measured
//! twice, as it is, and with the certificate of the first one verified again, as it would have to be.

use rcgen::{
    BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, SanType,
};
use rustls::client::{ClientConfig, ClientConnection, Resumption};
use rustls::crypto::ring::{self, Ticketer};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{ServerConfig, ServerConnection, WebPkiClientVerifier};
use rustls::version::TLS13;
use rustls::{HandshakeKind, RootCertStore};
use std::sync::Arc;
use tenure::sys::clock;

/// Both sides of all handshakes.
struct Sides {
    server: Arc<ServerConfig>,
    /// Without tickets, and with.
    clients: [Arc<ClientConfig>; 2],
    verifier: Arc<dyn ClientCertVerifier>,
}

/// Processor time of one handshake in nanoseconds.
struct Cost {
    server: u64,
    client: u64,
    /// To verify the certificate once more.
    again: u64,
}

fn sides() -> Sides {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    let key = KeyPair::generate().expect("a key");
    let authority = params.self_signed(&key).expect("an authority");
    let mut roots = RootCertStore::empty();
    roots.add(authority.der().clone()).expect("it is one");
    let (roots, issuer) = (Arc::new(roots), Issuer::new(params, key));
    let provider = Arc::new(ring::default_provider());
    let verifier = WebPkiClientVerifier::builder_with_provider(roots.clone(), provider.clone());
    let verifier = verifier.build().expect("it has an authority");
    let (chain, key) = certificate(&issuer, "tenure:node/1");
    let mut server = ServerConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(&[&TLS13])
        .expect("ring speaks it")
        .with_client_cert_verifier(verifier.clone())
        .with_single_cert(chain, key)
        .expect("they fit");
    server.ticketer = Ticketer::new().expect("a ticketer");
    server.send_tls13_tickets = 1;
    let client = |resumption| {
        let (chain, key) = certificate(&issuer, "tenure:client/a");
        let mut client = ClientConfig::builder_with_provider(provider.clone())
            .with_protocol_versions(&[&TLS13])
            .expect("ring speaks it")
            .with_root_certificates(roots.clone())
            .with_client_auth_cert(chain, key)
            .expect("they fit");
        client.resumption = resumption;
        Arc::new(client)
    };
    let clients = [client(Resumption::disabled()), client(Resumption::in_memory_sessions(16))];
    Sides { server: Arc::new(server), clients, verifier }
}

fn certificate(
    issuer: &Issuer<'_, KeyPair>,
    uri: &str,
) -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
    let mut params = CertificateParams::default();
    let host = SanType::DnsName("db1.example".try_into().expect("a name"));
    params.subject_alt_names = vec![SanType::URI(uri.try_into().expect("a URI")), host];
    params.extended_key_usages =
        vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
    let key = KeyPair::generate().expect("a key");
    let certificate = params.signed_by(&key, issuer).expect("it signs");
    let key = PrivateKeyDer::try_from(key.serialize_der()).expect("PKCS #8");
    (vec![certificate.der().clone()], key)
}

fn measured<T>(nanos: &mut u64, act: impl FnOnce() -> T) -> T {
    let began = clock::thread_nanos();
    let result = act();
    *nanos += clock::thread_nanos() - began;
    result
}

/// One connection, until the client has its ticket.
fn shake_hands(sides: &Sides, client: &Arc<ClientConfig>, expected: HandshakeKind) -> Cost {
    let mut cost = Cost { server: 0, client: 0, again: 0 };
    let name = ServerName::try_from("db1.example").expect("a name");
    let mut client = measured(&mut cost.client, || {
        ClientConnection::new(client.clone(), name).expect("a client")
    });
    let mut server = measured(&mut cost.server, || {
        ServerConnection::new(sides.server.clone()).expect("a server")
    });
    while client.wants_write() || server.wants_write() {
        let mut bytes = Vec::new();
        measured(&mut cost.client, || {
            while client.wants_write() {
                client.write_tls(&mut bytes).expect("memory");
            }
        });
        measured(&mut cost.server, || {
            server.read_tls(&mut bytes.as_slice()).expect("memory");
            server.process_new_packets().expect("a handshake");
        });
        bytes.clear();
        measured(&mut cost.server, || {
            while server.wants_write() {
                server.write_tls(&mut bytes).expect("memory");
            }
        });
        measured(&mut cost.client, || {
            client.read_tls(&mut bytes.as_slice()).expect("memory");
            client.process_new_packets().expect("a handshake");
        });
    }
    assert_eq!(server.handshake_kind(), Some(expected));
    let shown = server.peer_certificates().expect("it is mutual")[0].clone();
    measured(&mut cost.again, || {
        sides.verifier.verify_client_cert(&shown, &[], UnixTime::now()).expect("it is good");
    });
    cost
}

fn median(mut values: Vec<u64>) -> f64 {
    values.sort_unstable();
    values[values.len() / 2] as f64 / 1000.0
}

fn main() {
    // Asked by `cargo test --benches`: whether it runs at all.
    let count = if std::env::args().any(|word| word == "--bench") { COUNT } else { 2 };
    let sides = sides();
    let [whole_client, client] = &sides.clients;
    shake_hands(&sides, client, HandshakeKind::Full);
    let (mut whole, mut resumed) = (Vec::new(), Vec::new());
    for _ in 0..count {
        whole.push(shake_hands(&sides, whole_client, HandshakeKind::Full));
        resumed.push(shake_hands(&sides, client, HandshakeKind::Resumed));
    }
    println!("processor time of one handshake in µs, medians of {count}, in turns:");
    let of = |costs: &[Cost], part: fn(&Cost) -> u64| median(costs.iter().map(part).collect());
    let server = [of(&whole, |cost| cost.server), of(&resumed, |cost| cost.server)];
    let clients = [of(&whole, |cost| cost.client), of(&resumed, |cost| cost.client)];
    let again = of(&resumed, |cost| cost.again);
    println!("  whole:                      node {:6.0}, client {:6.0}", server[0], clients[0]);
    println!("  resumed:                    node {:6.0}, client {:6.0}", server[1], clients[1]);
    println!(
        "  resumed, verified again:    node {:6.0}, client {:6.0}",
        server[1] + again,
        clients[1]
    );
    let [all, left] = [server[0], server[1] + again].map(|one| one * 5000.0 / 1e6);
    println!(
        "  5,000 clients that come back to one node: {all:.2} s of it whole, {left:.2} s resumed and verified again"
    );
}

const COUNT: usize = 2000;
