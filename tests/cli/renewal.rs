//! Certificates, authorities and lists of revoked ones that are replaced while nodes and clients run: who uses the new ones, who
//! is sent away, and that no session is lost.

use crate::program::{Cluster, code, eventually, free_ports};
use crate::secured::{Papers, leader, run_as};
use rcgen::{
    CertificateParams, CertificateRevocationListParams, ExtendedKeyUsagePurpose, Issuer,
    KeyIdMethod, KeyPair, RevokedCertParams, SanType, date_time_ymd,
};
use serde_json::Value;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tenure::client::{AcquireOptions, Client, ClientOptions, Lease, TlsOptions, Wait};

/// Nodes that write to `node-ID.log` beside their certificates, and take SIGHUP for an order.
fn cluster(papers: &Papers, flags: &[String]) -> Cluster {
    let (logs, flags) =
        ([1, 2, 3].map(|id| papers.path(&format!("node-{id}.log"))), flags.to_vec());
    papers.cluster_with(move |id, command| {
        // Not our own terminal, if this test has one: SIGHUP would say that it is gone.
        let mut apart = Command::new("setsid");
        apart.arg(command.get_program()).args(command.get_args()).args(&flags);
        for (key, value) in command.get_envs() {
            match value {
                Some(value) => apart.env(key, value),
                None => apart.env_remove(key),
            };
        }
        let log = File::options().create(true).append(true).open(&logs[id - 1]).unwrap();
        apart.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        *command = apart;
    })
}

/// The lines of a node's log that have `part`.
fn lines(papers: &Papers, id: usize, part: &str) -> Vec<String> {
    let log = fs::read_to_string(papers.path(&format!("node-{id}.log"))).unwrap_or_default();
    log.lines().filter(|line| line.contains(part)).map(str::to_owned).collect()
}

/// How many days each node says that its certificate has left.
fn days(cluster: &Cluster, flags: &[String]) -> Option<Vec<i64>> {
    let output = run_as(cluster, flags, "status", &["--json"]);
    let status: Value = serde_json::from_slice(&output.stdout).ok()?;
    status["nodes"].as_array()?.iter().map(|node| node["certificate_days"].as_i64()).collect()
}

/// Whether the three nodes' certificates, each a few minutes old at most, are those made for so many days. Whole days are
/// told: all of them within the second in which a certificate was made, one fewer from then on.
fn made_for(found: Option<Vec<i64>>, made: [i64; 3]) -> bool {
    found.is_some_and(|found| {
        found.len() == 3
            && found.iter().zip(made).all(|(days, made)| (made - 1..=made).contains(days))
    })
}

/// What the admin endpoint at `port` says that `metric` is by now.
fn metric(port: u16, metric: &str) -> Option<f64> {
    let mut socket = TcpStream::connect(("127.0.0.1", port)).ok()?;
    socket.write_all(b"GET /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").ok()?;
    let mut text = String::new();
    socket.read_to_string(&mut text).ok()?;
    text.lines().find_map(|line| line.strip_prefix(metric)?.strip_prefix(' ')?.parse().ok())
}

fn options(papers: &Papers, name: &str) -> ClientOptions {
    let tls = TlsOptions::new(papers.path("ca.crt"));
    let tls = tls.identity(
        papers.path(&format!("client-{name}.crt")),
        papers.path(&format!("client-{name}.key")),
    );
    let patience = Duration::from_secs(60);
    ClientOptions::new().name(name).connect_timeout(patience).request_timeout(patience).tls(tls)
}

/// Somebody who holds one lock all the time, and takes and gives back another as fast as he can.
struct Busy {
    client: Client,
    held: Lease,
    is_over: Arc<AtomicBool>,
    stream: JoinHandle<u64>,
}

impl Busy {
    fn begin(cluster: &Cluster, options: ClientOptions) -> Self {
        let client = Client::open(&cluster.endpoints(), options).expect("the cluster serves");
        let held = client.acquire("held", Wait::Forever, AcquireOptions::default()).unwrap();
        let is_over = Arc::new(AtomicBool::new(false));
        let (other, ends) = (client.clone(), Arc::clone(&is_over));
        let stream = thread::spawn(move || {
            let mut count = 0;
            while !ends.load(Ordering::Relaxed) {
                let lease = other.acquire("taken", Wait::Forever, AcquireOptions::default());
                lease.expect("the cluster serves").release(Wait::Forever).expect("it is held");
                count += 1;
            }
            count
        });
        Self { client, held, is_over, stream }
    }

    /// Ends it: no session was lost, nor what was held.
    fn end(self) {
        self.is_over.store(true, Ordering::Relaxed);
        assert!(self.stream.join().expect("nothing has failed") > 0);
        assert!(!self.held.remaining().is_zero(), "it is held");
        let told: Value =
            serde_json::from_str(&self.client.describe("client", "").unwrap()).unwrap();
        let told = &told["client"];
        let sessions = (&told["sessions"], &told["sessions_ended"]);
        assert_eq!(sessions, (&1.into(), &0.into()), "{told}");
        self.held.release(Wait::Forever).expect("it is held");
    }
}

/// The authority of `papers`, to make what `tenure certs` does not.
fn authority(papers: &Papers) -> Issuer<'static, KeyPair> {
    let read = |file: &str| fs::read_to_string(papers.path(file)).unwrap();
    Issuer::from_ca_cert_pem(&read("ca.crt"), KeyPair::from_pem(&read("ca.key")).unwrap()).unwrap()
}

/// Writes a certificate of this number, in place of one that is there.
fn write_client(papers: &Papers, name: &str, serial: u64) {
    let mut params = CertificateParams::default();
    let uri = format!("tenure:client/{name}");
    params.subject_alt_names = vec![SanType::URI(uri.as_str().try_into().unwrap())];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    params.serial_number = Some(serial.into());
    let key = KeyPair::generate().unwrap();
    let certificate = params.signed_by(&key, &authority(papers)).unwrap();
    fs::write(papers.path(&format!("client-{name}.crt")), certificate.pem()).unwrap();
    fs::write(papers.path(&format!("client-{name}.key")), key.serialize_pem()).unwrap();
}

/// Writes a list of what is revoked.
fn revoke(papers: &Papers, serials: &[u64]) {
    let revoked = serials.iter().map(|serial| RevokedCertParams {
        serial_number: (*serial).into(),
        revocation_time: date_time_ymd(2020, 1, 1),
        reason_code: None,
        invalidity_date: None,
    });
    let params = CertificateRevocationListParams {
        this_update: date_time_ymd(2020, 1, 1),
        next_update: date_time_ymd(2100, 1, 1),
        crl_number: 1u64.into(),
        issuing_distribution_point: None,
        revoked_certs: revoked.collect(),
        key_identifier_method: KeyIdMethod::Sha256,
    };
    let list = params.signed_by(&authority(papers)).unwrap().pem().unwrap();
    // As tools do that nobody may read half: beside it, then in its place.
    fs::write(papers.path("revoked.new"), list).unwrap();
    fs::rename(papers.path("revoked.new"), papers.path("revoked.crl")).unwrap();
}

fn renew(papers: &Papers, id: &str, days: &str) {
    papers.make(&["node", id, "127.0.0.1", "localhost", "--days", days, "--force"]);
}

#[test]
fn certificates_are_renewed_by_sighup_under_load_and_no_session_is_lost() {
    let papers = Papers::new();
    let cluster = cluster(&papers, &[]);
    let operator = papers.flags("operator-alice");
    let leads = leader(&cluster, &operator);
    let busy = Busy::begin(&cluster, options(&papers, "billing"));
    assert!(made_for(days(&cluster, &operator), [365; 3]));
    ["1", "2", "3"].iter().for_each(|id| renew(&papers, id, "30"));
    cluster.signal_all("HUP");
    eventually("all use the new ones", || {
        made_for(days(&cluster, &operator), [30; 3]).then_some(())
    });
    for id in 1..=3 {
        let said = lines(&papers, id, "certificate files were read again");
        assert!(
            said[0].contains(&format!("the certificate of node {id} is valid until ")),
            "{said:?}"
        );
    }
    assert_eq!(leader(&cluster, &operator), leads);
    busy.end();
}

#[test]
fn files_are_read_when_they_change_and_of_no_use_they_change_nothing() {
    let papers = Papers::new();
    let cluster = cluster(&papers, &[]);
    let operator = papers.flags("operator-alice");
    leader(&cluster, &operator);
    let busy = Busy::begin(&cluster, options(&papers, "billing"));
    let key = papers.path("node-2.key");
    let useless =
        "certificate files have changed and cannot be used, so the former ones stay in use: ";
    // A key that does not fit, as between two writes; then what is half written.
    fs::copy(papers.path("node-3.key"), &key).unwrap();
    let all_stays = || assert!(made_for(days(&cluster, &operator), [365; 3]));
    eventually("the key is told of", || {
        all_stays();
        lines(&papers, 2, useless).pop()
    });
    let said = lines(&papers, 2, useless);
    assert!(said.len() == 1 && said[0].contains("node-2.key (key) is not the key of "), "{said:?}");
    fs::copy(papers.path("node-1.crt"), papers.path("old.crt")).unwrap();
    fs::write(papers.path("node-1.crt"), "-----BEGIN CERTIFICATE-----\nMIIB").unwrap();
    eventually("the certificate is told of", || {
        all_stays();
        lines(&papers, 1, useless).pop()
    });
    let said = lines(&papers, 1, useless);
    assert!(said.len() == 1 && said[0].contains("node-1.crt "), "{said:?}");
    // By order as well, and whoever gives it is told.
    cluster.signal_all("HUP");
    let refused = "SIGHUP: the certificate files cannot be used, so the former ones stay in use: ";
    eventually("the order is answered", || {
        all_stays();
        lines(&papers, 1, refused).pop().and(lines(&papers, 2, refused).pop())
    });
    fs::rename(papers.path("old.crt"), papers.path("node-1.crt")).unwrap();
    renew(&papers, "2", "30");
    eventually("it uses the new one", || {
        made_for(days(&cluster, &operator), [365, 30, 365]).then_some(())
    });
    eventually("the old one is read again", || {
        days(&cluster, &operator);
        lines(&papers, 1, "certificate files were read again").pop()
    });
    assert_eq!(lines(&papers, 2, useless).len(), 1);
    busy.end();
}

#[test]
fn who_is_revoked_ends_with_a_sentence_and_comes_back_with_a_new_certificate() {
    let papers = Papers::new();
    ["alice", "bob"].iter().zip([101, 102]).for_each(|(name, serial)| {
        write_client(&papers, name, serial);
    });
    revoke(&papers, &[]);
    let cluster = cluster(&papers, &["--crl".to_owned(), papers.path("revoked.crl")]);
    let operator = papers.flags("operator-alice");
    leader(&cluster, &operator);
    let alice = Busy::begin(&cluster, options(&papers, "alice"));
    let bob = Client::open(&cluster.endpoints(), options(&papers, "bob")).unwrap();
    let lease = bob.acquire("bobs", Wait::Forever, AcquireOptions::default()).unwrap();
    let flags = papers.flags("client-bob");
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    let held =
        cluster.begin("lock", &[&flags[..], &["--ttl", "2s", "--hold", "held by bob"]].concat());
    // The one has renewed his, the other has not.
    write_client(&papers, "alice", 103);
    revoke(&papers, &[101, 102]);
    cluster.signal_all("HUP");
    for id in 1..=3 {
        // Of many that end together one is told of, and how many they are.
        eventually("it sends them away", || {
            days(&cluster, &operator)?;
            let said = lines(&papers, id, ": the certificate of client/");
            said.into_iter().find(|line| {
                line.contains("closed a connection with 127.0.0.1: ")
                    && line.contains(" was revoked: it is on the list of --crl")
            })
        });
    }
    let error = eventually("nobody serves him", || {
        let wait = Wait::For(Duration::from_secs(1));
        bob.acquire("more", wait, AcquireOptions::default()).err()
    });
    assert!(error.message.contains("our certificate was revoked: use a new one"), "{error}");
    drop(lease);
    let (_, ended, said) = held.finish();
    assert_ne!(ended, Some(0));
    let part = "a node has hung up: this node closes the connection: the certificate of client/bob was revoked";
    assert!(said.contains(part), "{said}");
    alice.end();
}

#[test]
fn an_authority_is_changed_in_three_steps_and_no_session_is_lost() {
    let papers = Papers::new();
    let cluster = cluster(&papers, &[]);
    let next = Papers::new();
    let operator = papers.flags("operator-alice");
    leader(&cluster, &operator);
    let busy = Busy::begin(&cluster, options(&papers, "billing"));
    let until_read = |count: usize| {
        cluster.signal_all("HUP");
        for id in 1..=3 {
            eventually("it has read them", || {
                days(&cluster, &operator);
                let said = lines(&papers, id, "certificate files were read again");
                (said.len() >= count).then_some(())
            });
        }
    };
    // 1. Everybody trusts both.
    let read = |papers: &Papers| fs::read_to_string(papers.path("ca.crt")).unwrap();
    let both = format!("{}{}", read(&papers), read(&next));
    fs::write(papers.path("ca.crt"), &both).unwrap();
    until_read(1);
    // 2. Everybody shows a certificate of the new one.
    for file in ["node-1", "node-2", "node-3", "client-billing", "operator-alice"] {
        for end in ["crt", "key"] {
            let file = format!("{file}.{end}");
            fs::copy(next.path(&file), papers.path(&file)).unwrap();
        }
    }
    until_read(2);
    let is_served =
        |flags: &[String]| run_as(&cluster, flags, "status", &["--check"]).status.code() == Some(0);
    assert!(is_served(&operator));
    // 3. Nobody trusts the old one. The client's files are others than those of nodes, or it would be too late for it.
    fs::write(papers.path("ca.crt"), read(&next)).unwrap();
    until_read(3);
    eventually("all is well", || is_served(&operator).then_some(()));
    let old = Papers::new();
    assert!(!is_served(&old.flags("operator-alice")));
    let leads = leader(&cluster, &operator);
    busy.end();
    let ends = (1..=3).flat_map(|id| lines(&papers, id, "others are trusted than before")).count();
    assert!(ends >= 6, "twice on each node");
    assert!(!lines(&papers, leads, "this node leads").is_empty());
}

#[test]
fn handshakes_denials_and_the_ends_of_certificates_are_counted_and_identities_shown() {
    let papers = Papers::new();
    let ports = free_ports(3);
    let admin = ports.clone();
    let cluster = papers.cluster_with(move |id, command| {
        command.args(["--admin", &format!("127.0.0.1:{}", admin[id - 1])]);
    });
    let operator = papers.flags("operator-alice");
    let leads = leader(&cluster, &operator);
    let sum = |name: &str| -> Option<f64> { ports.iter().map(|port| metric(*port, name)).sum() };
    let shaken = sum("tenure_handshakes_total{result=\"ok\"}").unwrap();
    // Each of three pairs has two ends.
    assert!(shaken >= 6.0, "{shaken}");
    let others = Papers::new();
    let strangers = others.flags("client-billing");
    assert_ne!(code(&run_as(&cluster, &strangers, "status", &["--check"])), Some(0));
    // They do not trust us, and say so; one that trusts us is not trusted.
    eventually("both are counted", || {
        let mut foreign = strangers.clone();
        foreign[1] = papers.path("ca.crt");
        run_as(&cluster, &foreign, "status", &["--check"]);
        let of = |result| sum(&format!("tenure_handshakes_total{{result=\"{result}\"}}"));
        (of("refused_by_peer")? >= 3.0 && of("untrusted")? >= 3.0).then_some(())
    });
    let client = papers.flags("client-billing");
    let denied = run_as(&cluster, &client, "move-leader", &[]);
    assert_ne!(code(&denied), Some(0));
    assert_eq!(sum("tenure_denials_total{right=\"operate\"}"), Some(1.0), "{denied:?}");
    assert_eq!(sum("tenure_denials_total{right=\"acquire\"}"), Some(0.0));
    let output = run_as(&cluster, &operator, "status", &["--json"]);
    let status: Value = serde_json::from_slice(&output.stdout).unwrap();
    let end = metric(ports[leads - 1], "tenure_certificate_expiry_seconds").unwrap();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64();
    let days = ((end - now) / 86_400.0).floor();
    for (place, node) in status["nodes"].as_array().unwrap().iter().enumerate() {
        assert_eq!(node["identity"], format!("node/{}", place + 1));
        assert_eq!(node["certificate_days"].as_f64(), Some(days));
    }
}
