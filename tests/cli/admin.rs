//! `tenure serve --admin` with what a person can get wrong; and beyond loopback, where it is HTTPS: who is told what.

use crate::program::{code, eventually, run, sentence};
use crate::secured::Papers;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use tenure::NodeId;
use tenure::base::Verify;
use tenure::net::{TlsDialer, TlsFiles};
use tenure::node::{Node, NodeOptions, NodeTls, TlsMode};

fn serve(admin: &str) -> (Option<i32>, String) {
    let data = tempfile::tempdir().unwrap();
    let arguments = ["serve", "--id", "1", "--cluster", "1=127.0.0.1:1", "--listen", "127.0.0.1:0"];
    let data = ["--data", data.path().to_str().unwrap()];
    let output = run(&[&arguments[..], &data, &["--admin", admin]].concat());
    (code(&output), sentence(&output))
}

#[test]
fn an_admin_endpoint_beyond_loopback_needs_insecure() {
    let (code, text) = serve("0.0.0.0:0");
    assert_eq!(code, Some(2), "{text}");
    for part in ["the admin endpoint 0.0.0.0:0 is open to the network", "127.0.0.1", "--insecure"] {
        assert!(text.contains(part), "{text}");
    }
}

#[test]
fn an_admin_port_that_is_taken_is_named() {
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = other.local_addr().unwrap().to_string();
    let (code, text) = serve(&address);
    assert_eq!(code, Some(3), "{text}");
    assert!(text.contains(&format!("the admin endpoint cannot listen on {address}")), "{text}");
    assert!(text.contains("choose another port"), "{text}");
}

#[test]
fn an_admin_port_that_is_the_nodes_own_is_refused() {
    let data = tempfile::tempdir().unwrap();
    let (data, address) = (data.path().to_str().unwrap(), "127.0.0.1:7409");
    let cluster = format!("1={address}");
    let words = ["serve", "--id", "1", "--cluster", &cluster, "--data", data, "--admin", address];
    let output = run(&words);
    let text = sentence(&output);
    assert_eq!(code(&output), Some(2), "{text}");
    assert!(text.contains("is where the node itself listens: give it a port of its own"), "{text}");
}

/// A cluster of one node whose admin endpoint is on all addresses.
struct Open {
    papers: Papers,
    node: Node,
}

impl Open {
    fn start(change: impl FnOnce(&mut NodeOptions)) -> Self {
        let papers = Papers::new();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let members = vec![(NodeId(1), listener.local_addr().unwrap().to_string())];
        let data = papers.path("data");
        let mut options =
            NodeOptions::new(NodeId(1), data, members).listener(listener).admin("0.0.0.0:0");
        let [ca, cert, key] = ["ca.crt", "node-1.crt", "node-1.key"].map(|file| papers.path(file));
        options.tls = Some(NodeTls::new(ca, cert, key));
        change(&mut options);
        let open = Self { node: Node::start(options).unwrap(), papers };
        eventually("it leads", || open.plain("/readyz").starts_with("200 ").then_some(()));
        open
    }

    fn address(&self) -> SocketAddr {
        SocketAddr::new([127, 0, 0, 1].into(), self.node.admin_address().unwrap().port())
    }

    fn files(&self, name: Option<&str>) -> TlsFiles {
        let own = name.map(|name| {
            let path = |end: &str| self.papers.path(&format!("{name}.{end}")).into();
            (path("crt"), path("key"))
        });
        TlsFiles { ca: self.papers.path("ca.crt").into(), own, ..TlsFiles::default() }
    }

    /// Asks by HTTPS with this certificate, or with none: status and body, or why there is none.
    fn ask(&self, name: Option<&str>, path: &str) -> String {
        said_to(&self.files(name), self.address(), path)
    }

    /// Asks in the clear.
    fn plain(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(self.address()).unwrap();
        stream.write_all(request(path).as_bytes()).unwrap();
        answer(&heard(stream))
    }
}

fn said_to(files: &TlsFiles, address: SocketAddr, path: &str) -> String {
    let dialer = TlsDialer::read(files, Verify::Host).unwrap();
    let socket = TcpStream::connect(address).unwrap();
    let expected = dialer.expected(&address.to_string()).unwrap();
    let mut tls = dialer.secure_blocking(socket, expected).unwrap();
    let mut bytes = Vec::new();
    let said = tls.write_all(request(path).as_bytes()).and_then(|()| tls.read_to_end(&mut bytes));
    match said {
        Ok(_) => answer(&String::from_utf8(bytes).unwrap()),
        Err(error) => error.to_string(),
    }
}

fn request(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
}

/// All until the end; what was sent and not read resets the connection.
fn heard(mut stream: TcpStream) -> String {
    let mut bytes = Vec::new();
    match stream.read_to_end(&mut bytes) {
        Err(error) if error.kind() != ErrorKind::ConnectionReset => panic!("{error}"),
        _ => String::from_utf8_lossy(&bytes).into_owned(),
    }
}

/// Its status and its body.
fn answer(text: &str) -> String {
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((text, ""));
    let status = head.split(' ').nth(1).unwrap_or("none");
    format!("{status} {body}")
}

#[test]
fn beyond_loopback_whoever_has_a_certificate_is_told_what_names_no_lock() {
    let open = Open::start(|_| ());
    let table = [
        (None, [200, 200, 403, 403, 403]),
        (Some("client-billing"), [200, 200, 200, 200, 200]),
        (Some("operator-alice"), [200, 200, 200, 200, 200]),
        (Some("node-2"), [200, 200, 200, 200, 200]),
    ];
    let paths = ["/livez", "/readyz", "/", "/metrics", "/status"];
    for (name, expected) in table {
        for (path, expected) in paths.iter().zip(expected) {
            let said = open.ask(name, path);
            assert!(said.starts_with(&format!("{expected} ")), "{name:?} {path}: {said}");
        }
    }
    for (path, expected) in paths.iter().zip(["200 ok\n", "200 ok\n", "403 ", "403 ", "403 "]) {
        let said = open.plain(path);
        assert!(said.starts_with(expected), "in the clear {path}: {said}");
    }
    assert!(open.plain("/metrics").contains("by https with a certificate of this cluster's"));
    let status: serde_json::Value =
        serde_json::from_str(&open.ask(Some("operator-alice"), "/status")[4..]).unwrap();
    assert_eq!(status["leader"], 1);
    assert!(status["leader_since_unix_ms"].as_u64().is_some(), "{status}");
}

#[test]
fn a_certificate_of_another_authority_is_refused_and_both_sides_say_so() {
    let open = Open::start(|_| ());
    let others = Papers::new();
    let (cert, key) = (others.path("operator-alice.crt"), others.path("operator-alice.key"));
    let files = TlsFiles { own: Some((cert.into(), key.into())), ..open.files(None) };
    let said = said_to(&files, open.address(), "/livez");
    assert!(
        said.contains("it refuses us: our certificate is not of an authority that it trusts"),
        "{said}"
    );
    // And who does not trust this node's authority hangs up by itself.
    let files = TlsFiles { ca: others.path("ca.crt").into(), ..open.files(None) };
    let said = said_to(&files, open.address(), "/livez");
    assert!(said.contains("is not of an authority that is trusted here"), "{said}");
    assert_eq!(open.ask(None, "/livez"), "200 ok\n");
}

#[test]
fn no_handshake_disturbs_anybody_half_open_slow_endless_or_garbage() {
    let open = Open::start(|_| ());
    let address = open.address();
    let said = |bytes: &[u8]| {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(bytes).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        heard(stream)
    };
    // Whatever begins as a handshake and is none ends with an alert, and nothing is told.
    let hello = [0x16, 3, 1, 0, 5, 1, 0, 0, 1, 0];
    for bytes in [&hello[..], &[0x16; 4096], b"\x16GET /metrics HTTP/1.1\r\n\r\n", &hello[..3]] {
        assert!(!said(bytes).contains("HTTP"), "{bytes:?}");
    }
    let mut endless = TcpStream::connect(address).unwrap();
    // Records of a handshake that says that it is 16 MiB long.
    let record = [&[0x16, 3, 3, 0x40, 0][..], &[1, 255, 255, 255], &vec![0; 0x4000 - 4]].concat();
    eventually("an endless handshake is cut off", || {
        endless.write_all(&record).is_err().then_some(())
    });
    // More than there is room for, none of which goes on.
    let crowd: Vec<TcpStream> = (0..200)
        .map(|_| {
            let mut stream = TcpStream::connect(address).unwrap();
            // Those before it may have been closed for it; it was not.
            stream.write_all(&[0x16, 3, 1, 2, 0, 1]).unwrap();
            stream
        })
        .collect();
    assert!(open.ask(Some("client-billing"), "/metrics").starts_with("200 "));
    assert_eq!(open.plain("/livez"), "200 ok\n");
    // Each comes to an end without another word of it.
    for stream in crowd {
        let _ = heard(stream);
    }
    assert_eq!(open.ask(None, "/livez"), "200 ok\n");
}

#[test]
fn on_loopback_all_is_as_without_tls_and_https_is_answered_too() {
    let open = Open::start(|options| options.admin = Some("127.0.0.1:0".into()));
    assert!(open.plain("/status").starts_with("200 "));
    assert!(open.plain("/metrics").starts_with("200 "));
    assert!(open.ask(None, "/status").starts_with("200 "));
}

#[test]
fn as_long_as_tls_is_a_stage_who_said_insecure_is_read_in_the_clear() {
    let open = Open::start(|options| {
        options.insecure = true;
        options.tls.as_mut().unwrap().mode = TlsMode::Optional;
    });
    assert!(open.plain("/metrics").starts_with("200 "));
    assert!(open.ask(Some("client-billing"), "/metrics").starts_with("200 "));
    drop(open);
    // With TLS demanded it says nothing any more.
    let open = Open::start(|options| options.insecure = true);
    assert!(open.plain("/metrics").starts_with("403 "));
}

#[test]
fn curl_reads_metrics_as_the_page_says() {
    if !Command::new("curl").arg("--version").output().is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: no curl; nothing checks HTTPS of the admin endpoint with it");
        return;
    }
    let open = Open::start(|_| ());
    let page = include_str!("../../docs/monitoring.md");
    let line = page.lines().map(str::trim).find(|line| line.starts_with("curl --cacert"));
    let line = line.expect("docs/monitoring.md has a line for curl");
    let directory = open.papers.path("");
    let line =
        line.replace("10.0.0.1:9401", &open.address().to_string()).replace("prometheus", "billing");
    let output = Command::new("sh").args(["-c", &line]).current_dir(directory).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("tenure_has_leader 1\n"), "{line}: {output:?}");
}
