//! Whoever may not speak with nodes over TLS: what both sides are told, that it is counted, and that nobody else notices.

use crate::program::{Cluster, code, eventually, free_ports, run, tenure};
use crate::secured::{Papers, leader, run_as};
use rcgen::{CertificateParams, ExtendedKeyUsagePurpose, Issuer, KeyPair, SanType, date_time_ymd};
use serde_json::Value;
use socket2::{Domain, Socket, Type};
use std::fs::{self, File};
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use tempfile::TempDir;
use tenure::client::{AcquireOptions, Client, ClientOptions, SessionState, TlsOptions, Wait};
use tenure::sys::descriptors;

/// Nodes that demand TLS, what they log, and a client that works all the while.
struct Scene {
    papers: Papers,
    cluster: Cluster,
    logs: TempDir,
}

impl Scene {
    fn new() -> Self {
        let (papers, logs) = (Papers::new(), tempfile::tempdir().unwrap());
        let (directory, flags) =
            (logs.path().to_owned(), [1, 2, 3].map(|id| papers.flags(&format!("node-{id}"))));
        let cluster = Cluster::start_as(move |id, command| {
            let log = directory.join(id.to_string());
            let log = File::options().create(true).append(true).open(log).unwrap();
            // Long enough that what others do to a busy machine is no silence.
            command.args(&flags[id - 1]).args(["--election", "3s"]).stderr(log);
        });
        let scene = Self { papers, cluster, logs };
        leader(&scene.cluster, &scene.operator());
        scene
    }

    fn operator(&self) -> Vec<String> {
        self.papers.flags("operator-alice")
    }

    /// What all nodes have logged.
    fn logged(&self) -> String {
        (1..=3).map(|id| read(self.logs.path().join(id.to_string()))).collect()
    }

    /// Who leads, in which term, and how many connections all nodes have refused.
    fn status(&self) -> (u64, u64, u64) {
        let output = run_as(&self.cluster, &self.operator(), "status", &["--json"]);
        let status: Value = serde_json::from_slice(&output.stdout).unwrap();
        let nodes = status["nodes"].as_array().unwrap();
        let refused = nodes.iter().filter_map(|node| node["refused_connections"].as_u64()).sum();
        let leader = status["leader"].as_u64().expect("a node leads");
        (leader, nodes[leader as usize - 1]["term"].as_u64().unwrap(), refused)
    }

    /// Does `strange` while a client that is known acquires and releases: it does so at least once before, and once behind it. No
    /// leader changes, and what was refused is counted.
    fn undisturbed(&self, strange: impl FnOnce()) {
        let (leader, term, refused) = self.status();
        let is_over = AtomicBool::new(false);
        let (tell, hear) = std::sync::mpsc::channel();
        let client = Client::open(&self.cluster.endpoints(), self.options()).unwrap();
        let is_over = &is_over;
        std::thread::scope(|scope| {
            let works = scope.spawn(move || {
                let session = client.session().session;
                let mut is_last = false;
                while !is_last {
                    is_last = is_over.load(Ordering::Relaxed);
                    let options = AcquireOptions::default();
                    let lease = client.acquire("worked", Wait::Forever, options).unwrap();
                    lease.release(Wait::Forever).unwrap();
                    let _ = tell.send(());
                }
                assert_eq!(client.session().state, SessionState::Valid);
                assert_eq!(client.session().session, session);
            });
            hear.recv().expect("the client works");
            strange();
            is_over.store(true, Ordering::Relaxed);
            works.join().unwrap();
        });
        let after = self.status();
        assert_eq!((after.0, after.1), (leader, term), "no leader changes");
        assert!(after.2 > refused, "{} were refused before, and {} now", refused, after.2);
    }

    fn options(&self) -> ClientOptions {
        let [_, ca, _, cert, _, key] = &self.papers.flags("client-billing")[..] else { panic!() };
        ClientOptions::new().tls(TlsOptions::new(ca).identity(cert, key))
    }

    /// A command of a stranger fails with these words, and a node's log has those.
    fn refused(&self, name: &str, flags: &[String], client: &str, node: &str) {
        self.undisturbed(|| {
            let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
            let endpoints = self.cluster.endpoints();
            let line = ["show", "--endpoints", &endpoints, "--timeout", "1s", "x"];
            let output = run(&[&line[..], &flags].concat());
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert_ne!(code(&output), Some(0), "{name}");
            assert!(said.contains(client), "{name}: expected {client:?} in {said}");
            let ask = || {
                self.status();
            };
            until_logged(node, || self.logged(), ask);
        });
    }

    /// Flags of whoever has a certificate of this cluster's authority that `change` has changed.
    fn certified(&self, name: &str, change: impl FnOnce(&mut CertificateParams)) -> Vec<String> {
        let [ca, ca_key] = ["ca.crt", "ca.key"].map(|file| read(self.papers.path(file)));
        let issuer = Issuer::from_ca_cert_pem(&ca, KeyPair::from_pem(&ca_key).unwrap()).unwrap();
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.subject_alt_names = vec![uri("tenure:client/a")];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        change(&mut params);
        let certificate = params.signed_by(&key, &issuer).unwrap();
        self.saved(name, &certificate.pem(), &key)
    }

    fn saved(&self, name: &str, certificate: &str, key: &KeyPair) -> Vec<String> {
        fs::write(self.papers.path(&format!("{name}.crt")), certificate).unwrap();
        fs::write(self.papers.path(&format!("{name}.key")), key.serialize_pem()).unwrap();
        self.papers.flags(name)
    }
}

/// Asks until `words` stand in a log; between two looks the nodes are asked something, and so have had time to write.
fn until_logged(words: &str, log: impl Fn() -> String, ask: impl Fn()) {
    eventually(words, || {
        let is_there = log().contains(words);
        if !is_there {
            ask();
        }
        is_there.then_some(())
    });
}

fn read(path: impl Into<PathBuf>) -> String {
    fs::read_to_string(path.into()).unwrap_or_default()
}

fn uri(text: &str) -> SanType {
    SanType::URI(text.try_into().unwrap())
}

/// What a client is told whose certificate names nobody that a node knows: its own reasons the node has in its log.
const NOT_EXPECTED: &str =
    "our certificate is not the one that it expects: `tenure certs show` says whom it names";

#[test]
fn a_certificate_that_does_not_fit_is_told_on_both_sides_and_disturbs_nobody() {
    let scene = Scene::new();
    let with = |name, change: fn(&mut CertificateParams)| scene.certified(name, change);
    let expired = with("expired", |params| params.not_after = date_time_ymd(2020, 1, 1));
    let early = with("early", |params| params.not_before = date_time_ymd(3000, 1, 1));
    let nobody = with("nobody", |params| params.subject_alt_names.clear());
    let two = with("two", |params| params.subject_alt_names.push(uri("tenure:client/b")));
    let odd = with("odd", |params| params.subject_alt_names = vec![uri("tenure:node/03")]);
    let served = with("served", |params| {
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    });
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::default();
    params.subject_alt_names = vec![uri("tenure:client/a")];
    let own = scene.saved("own", &params.self_signed(&key).unwrap().pem(), &key);
    let others = Papers::new();
    let mut foreign = others.flags("client-billing");
    foreign[1] = scene.papers.path("ca.crt");
    for (name, flags, client, node) in [
        (
            "expired",
            expired,
            "our certificate has expired, or is not valid yet: renew it",
            "its certificate expired on 2020-01-01 00:00 UTC: renew it",
        ),
        (
            "not valid yet",
            early,
            "our certificate has expired, or is not valid yet: renew it, and compare the clocks",
            "its certificate is valid from 3000-01-01 00:00 UTC only: set the clocks",
        ),
        ("without a name", nobody, NOT_EXPECTED, "its certificate names nobody: it needs a URI"),
        (
            "with two names",
            two,
            NOT_EXPECTED,
            "its certificate has more than one URI that begins with",
        ),
        ("with a bad name", odd, NOT_EXPECTED, "\"tenure:node/03\""),
        (
            "for another use",
            served,
            "our certificate may not be used at this end of a connection",
            "its certificate may not be used at this end of a connection: clients dial",
        ),
        (
            "self-signed",
            own,
            "our certificate is not of an authority that it trusts: use one of its cluster's",
            "its certificate is not of an authority that is trusted here: give it one of this",
        ),
        (
            "foreign",
            foreign,
            "our certificate is not of an authority that it trusts: use one of its cluster's",
            "its certificate is not of an authority that is trusted here: give it one of this",
        ),
        (
            "the authority's own",
            scene.papers.flags("ca"),
            NOT_EXPECTED,
            "its certificate is an authority's own: give it one that the authority has made",
        ),
        (
            "none",
            scene.papers.flags("ca")[..2].to_vec(),
            "it demands a certificate, and this side has none: give --cert and --key",
            "it has no certificate: give it one of this cluster's authority (--cert and --key)",
        ),
        (
            "without TLS",
            Vec::new(),
            "it speaks TLS, and this side does not: give this side --ca, --cert and --key",
            "it does not speak TLS, and this side demands it: give it --ca, --cert and --key",
        ),
    ] {
        scene.refused(name, &flags, client, node);
    }
    assert!(scene.logged().contains("closed a connection with 127.0.0.1: its certificate"));
}

#[test]
fn a_client_that_speaks_tls_with_nodes_that_do_not_is_told_so_and_so_are_they() {
    let (papers, logs) = (Papers::new(), tempfile::tempdir().unwrap());
    let log = logs.path().join("log");
    let to = log.clone();
    let cluster = Cluster::start_as(move |_, command| {
        let log = File::options().create(true).append(true).open(&to).unwrap();
        command.args(["--election", "1s"]).stderr(log);
    });
    leader(&cluster, &[]);
    let endpoints = cluster.endpoints();
    let flags = papers.flags("client-billing");
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    for line in [&["show", "x"][..], &["lock", "-w", "1s", "x", "--", "true"], &["status"]] {
        let to = ["--endpoints", &endpoints, "--timeout", "1s"];
        let output = run(&[&line[..1], &to, &flags, &line[1..]].concat());
        let said = String::from_utf8_lossy(&output.stderr).into_owned()
            + &String::from_utf8_lossy(&output.stdout);
        let part = "it closed the connection at our first word of TLS: if it does without TLS, leave --ca, --cert and --key away";
        assert!(said.contains(part), "{line:?}: {said}");
    }
    let part = "it speaks TLS, and this side does not: give this side --ca, --cert and --key";
    until_logged(part, || read(&log), || drop(cluster.status()));
    assert_eq!(code(&cluster.run("lock", &["x", "--", "true"])), Some(0));
}

/// A node with node 2's certificate at the address of node 3, which has never run.
#[test]
fn a_node_at_anothers_address_is_told_so_and_so_is_who_dials_it() {
    let (papers, data) = (Papers::new(), tempfile::tempdir().unwrap());
    let addresses: Vec<String> =
        free_ports(4).iter().map(|port| format!("127.0.0.1:{port}")).collect();
    let cluster = format!("1={},2={},3={}", addresses[0], addresses[1], addresses[2]);
    let start = |id: &str, cluster: &str, name: &str| {
        let log = File::create(data.path().join(format!("{name}.log"))).unwrap();
        let path = data.path().join(name);
        let path = path.to_str().unwrap();
        let mut command = tenure(&["serve", "--id", id, "--data", path, "--cluster", cluster]);
        let command = command.args(papers.flags(&format!("node-{id}"))).stderr(log);
        command.stdout(Stdio::null()).spawn().unwrap()
    };
    let posing = format!("1={},2={},3={}", addresses[0], addresses[2], addresses[3]);
    let mut nodes = [start("1", &cluster, "1"), start("2", &posing, "posing")];
    for (log, part) in [
        (
            "1",
            "its certificate is node/2's, and this is the address of node/3: correct the address",
        ),
        ("posing", "it refuses us: our certificate is not the one that it expects"),
    ] {
        let log = data.path().join(format!("{log}.log"));
        let flags = papers.flags("operator-alice");
        let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
        let ask = || {
            run(&[&["status", "--endpoints", &addresses[0]], &flags[..]].concat());
        };
        until_logged(part, || read(&log), ask);
    }
    for node in &mut nodes {
        node.kill().unwrap();
        node.wait().unwrap();
    }
}

/// A connection from 127.0.0.`from`; whatever comes of it is not waited for.
fn connect(from: u8, to: SocketAddr) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.set_reuse_address(true).unwrap();
    socket.bind(&SocketAddr::from(([127, 0, 0, from], 0)).into()).unwrap();
    socket.connect(&to.into()).unwrap();
    socket.set_nonblocking(true).unwrap();
    socket.into()
}

/// A client's first message, as any library says it.
fn hello() -> Vec<u8> {
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
    let name = "localhost".try_into().unwrap();
    let mut client = rustls::ClientConnection::new(std::sync::Arc::new(config), name).unwrap();
    let mut bytes = Vec::new();
    client.write_tls(&mut bytes).unwrap();
    bytes
}

/// Some say nothing, some a part of a first message, some the whole of it, some a byte now and then.
#[test]
fn ten_thousand_half_open_handshakes_end_and_nobody_else_notices() {
    let scene = Scene::new();
    let leader = leader(&scene.cluster, &scene.operator());
    let address = scene.cluster.endpoints();
    let address: SocketAddr = address.split(',').nth(leader - 1).unwrap().parse().unwrap();
    let limit = usize::try_from(descriptors::limit()).unwrap_or(usize::MAX);
    let count = 10_000.min(limit.saturating_sub(500));
    let hello = hello();
    scene.undisturbed(|| {
        let mut strangers = Vec::new();
        for number in 0..count {
            // Half of them from one address.
            let from = if number % 2 == 0 { 2 } else { 3 + (number % 200) as u8 };
            let mut stranger = connect(from, address);
            let said = match number % 4 {
                0 => &hello[..],
                1 => &hello[..hello.len() - 1],
                2 => &hello[..1],
                _ => &[],
            };
            stranger.write_all(said).unwrap();
            strangers.push((stranger, 1));
        }
        // They end by themselves, whatever they say; one that is at it says a byte at each look.
        while !strangers.is_empty() {
            strangers.retain_mut(|(stranger, said)| {
                if let Some(byte) = hello.get(*said).filter(|_| *said < hello.len() - 1) {
                    *said += usize::from(stranger.write_all(&[*byte]).is_ok());
                }
                let mut answer = [0; 4096];
                match stranger.read(&mut answer) {
                    Ok(0) => false,
                    Ok(_) => true,
                    Err(error) => error.kind() == ErrorKind::WouldBlock,
                }
            });
        }
    });
    let part = "it has not said who it is within 5 s";
    assert!(scene.logged().contains(part), "{}", scene.logged());
}

#[test]
fn a_file_that_is_empty_is_named_and_nothing_starts() {
    let papers = Papers::new();
    let (data, empty) = (tempfile::tempdir().unwrap(), papers.path("empty"));
    fs::write(&empty, "").unwrap();
    let path = data.path().join("node");
    let cluster = format!("1=127.0.0.1:{}", free_ports(1)[0]);
    for place in [1, 3, 5] {
        for (name, start) in [
            (
                "node-1",
                &["serve", "--id", "1", "--data", path.to_str().unwrap(), "--cluster", &cluster][..],
            ),
            ("client-billing", &["show", "x"]),
        ] {
            let mut flags = papers.flags(name);
            flags[place].clone_from(&empty);
            let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
            let output = run(&[start, &flags].concat());
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert_eq!(code(&output), Some(2), "{said}");
            assert!(said.contains("empty (") && said.contains(") is empty"), "{said}");
        }
    }
    assert!(!path.exists());
}
