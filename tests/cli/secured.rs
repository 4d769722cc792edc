//! Three nodes that speak TLS alone: whom they serve, what strangers are told, and that a leader's end costs no more than
//! without.

use crate::program::{Cluster, code, eventually, free_ports, run, sentence, stdout, tenure};
use serde_json::Value;
use std::cell::Cell;
use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::rc::Rc;
use tempfile::TempDir;

/// Certificates by `tenure certs`, and what they are for.
pub struct Papers {
    directory: TempDir,
}

impl Papers {
    /// An authority, three nodes on loopback, a client and an operator.
    pub fn new() -> Self {
        let papers = Self { directory: tempfile::tempdir().unwrap() };
        papers.make(&["ca"]);
        for id in ["1", "2", "3"] {
            papers.make(&["node", id, "127.0.0.1", "localhost"]);
        }
        papers.make(&["client", "billing"]);
        papers.make(&["operator", "alice"]);
        papers
    }

    pub fn make(&self, arguments: &[&str]) {
        let mut command = tenure(&[&["certs"], arguments].concat());
        let output = command.current_dir(self.directory.path()).output().unwrap();
        assert_eq!(code(&output), Some(0), "{output:?}");
    }

    pub fn path(&self, file: &str) -> String {
        self.directory.path().join(file).to_str().unwrap().to_owned()
    }

    /// The flags of whoever has this certificate.
    pub fn flags(&self, name: &str) -> Vec<String> {
        let (cert, key) = (self.path(&format!("{name}.crt")), self.path(&format!("{name}.key")));
        ["--ca", &self.path("ca.crt"), "--cert", &cert, "--key", &key].map(str::to_owned).to_vec()
    }

    /// Nodes that demand TLS.
    pub fn cluster(&self) -> Cluster {
        self.cluster_with(|_, _| ())
    }

    /// The same, with what `change` does to the command of each.
    pub fn cluster_with(&self, change: impl Fn(usize, &mut Command) + 'static) -> Cluster {
        self.cluster_at(&Rc::new(Cell::new("required")), change)
    }

    /// Nodes that are started at `--tls` and what stands there by then; none of them has certificates while that is nothing.
    pub fn cluster_at(
        &self,
        tls: &Rc<Cell<&'static str>>,
        change: impl Fn(usize, &mut Command) + 'static,
    ) -> Cluster {
        let (flags, tls) = ([1, 2, 3].map(|id| self.flags(&format!("node-{id}"))), Rc::clone(tls));
        Cluster::start_as(move |id, command| {
            if !tls.get().is_empty() {
                command.args(&flags[id - 1]).args(["--tls", tls.get()]);
            }
            command.args(["--election", "1s"]).stderr(Stdio::null());
            change(id, command);
        })
    }
}

/// A command of whoever has this certificate.
pub fn run_as(cluster: &Cluster, flags: &[String], subcommand: &str, arguments: &[&str]) -> Output {
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    cluster.run(subcommand, &[&flags, arguments].concat())
}

/// Asks until one node says that it leads.
pub fn leader(cluster: &Cluster, flags: &[String]) -> usize {
    eventually("a node leads", || {
        let output = run_as(cluster, flags, "status", &["--json"]);
        let status: Value = serde_json::from_slice(&output.stdout).ok()?;
        status["leader"].as_u64()
    }) as usize
}

#[test]
fn nodes_that_know_each_other_serve_whom_they_know_through_a_leaders_end() {
    let papers = Papers::new();
    let mut cluster = papers.cluster();
    let (client, operator) = (papers.flags("client-billing"), papers.flags("operator-alice"));
    let lock = |cluster: &Cluster, flags: &[String]| {
        let output = run_as(cluster, flags, "lock", &["x", "--", "echo", "held"]);
        assert_eq!((code(&output), stdout(&output).as_str()), (Some(0), "held\n"), "{output:?}");
    };
    lock(&cluster, &client);
    // By any node's certificate as well as by the host's, and from the environment.
    lock(&cluster, &[&client[..], &["--verify".to_owned(), "node".to_owned()]].concat());
    let mut command = cluster.tenure("lock", &["x", "--", "echo", "held"]);
    for pair in client.chunks(2) {
        command.env(format!("TENURE_{}", pair[0][2..].to_ascii_uppercase()), &pair[1]);
    }
    assert_eq!(code(&command.output().unwrap()), Some(0));
    let first = leader(&cluster, &operator);
    cluster.kill(first);
    lock(&cluster, &client);
    let second = leader(&cluster, &operator);
    assert_ne!(first, second);
    cluster.start_node(first);
    eventually("all are whole again", || {
        (code(&run_as(&cluster, &operator, "status", &["--check"])) == Some(0)).then_some(())
    });
    let moved = run_as(&cluster, &operator, "move-leader", &[]);
    assert_eq!(code(&moved), Some(0), "{moved:?}");
    lock(&cluster, &client);
}

/// Starts one node after the other anew, each once all three are of one term again. Ends with what `--check` says.
pub fn roll(cluster: &mut Cluster, flags: &[String]) -> Option<i32> {
    for id in 1..=3 {
        assert_eq!(cluster.stop(id), Some(0));
        cluster.start_node(id);
        eventually("all three are of one term", || {
            let output = run_as(cluster, flags, "status", &["--json"]);
            let status: Value = serde_json::from_slice(&output.stdout).ok()?;
            let terms: Vec<_> = status["nodes"]
                .as_array()?
                .iter()
                .filter_map(|node| node["term"].as_u64())
                .collect();
            let is_one = terms.len() == 3 && terms.iter().all(|term| *term == terms[0]);
            (is_one && status["leader"].is_u64()).then_some(())
        });
    }
    code(&run_as(cluster, flags, "status", &["--check"]))
}

#[test]
fn a_cluster_goes_from_plaintext_to_tls_and_back_and_no_session_is_lost() {
    let (papers, tls) = (Papers::new(), Rc::new(Cell::new("")));
    let mut cluster = papers.cluster_at(&tls, |_, _| ());
    let (none, client, operator) =
        (Vec::new(), papers.flags("client-billing"), papers.flags("operator-alice"));
    let hold = |cluster: &Cluster, flags: &[String], name| {
        let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
        cluster.begin("lock", &[&flags[..], &["--hold", name]].concat())
    };
    // A holder who lost its lock would have ended by itself, with another code.
    let is_held = |cluster: &Cluster, flags: &[String], name| {
        let output = run_as(cluster, flags, "show", &[name, "--json"]);
        let shown: Value = serde_json::from_slice(&output.stdout).unwrap();
        shown["locks"][0]["token"].as_u64()
    };
    leader(&cluster, &none);
    let plain = hold(&cluster, &none, "plain");
    let token = is_held(&cluster, &none, "plain");
    assert!(token.is_some());
    tls.set("optional");
    assert_eq!(roll(&mut cluster, &none), Some(1), "a stage is no state to stay in");
    let text = stdout(&run_as(&cluster, &none, "status", &[]));
    assert!(text.contains("taken as well by node 1, node 2, node 3 (--tls optional)"), "{text}");
    assert_eq!(is_held(&cluster, &none, "plain"), token);
    let secured = hold(&cluster, &client, "secured");
    let token = is_held(&cluster, &operator, "secured");
    assert!(token.is_some());
    assert_eq!(plain.end(), Some(0), "it was held all the time");
    tls.set("required");
    assert_eq!(roll(&mut cluster, &operator), Some(0));
    let refused = run_as(&cluster, &none, "status", &["--check"]);
    assert_eq!(code(&refused), Some(3), "{refused:?}");
    tls.set("optional");
    assert_eq!(roll(&mut cluster, &operator), Some(1));
    assert_eq!(is_held(&cluster, &operator, "secured"), token);
    let plain = hold(&cluster, &none, "plain");
    assert_eq!(secured.end(), Some(0), "it was held all the time");
    tls.set("off");
    assert_eq!(roll(&mut cluster, &none), Some(0));
    assert_eq!(plain.end(), Some(0), "it was held all the time");
    // Whoever was told whom to trust goes on with nobody else.
    let refused = run_as(&cluster, &client, "status", &["--check"]);
    assert_eq!(code(&refused), Some(3), "{refused:?}");
}

#[test]
fn strangers_are_refused_with_what_to_mend() {
    let papers = Papers::new();
    let cluster = papers.cluster();
    let operator = papers.flags("operator-alice");
    leader(&cluster, &operator);
    let others = Papers::new();
    let refused = |flags: &[String], part: &str| {
        for (subcommand, arguments) in
            [("status", &[][..]), ("lock", &["-w", "1s", "x", "--", "true"]), ("show", &["x"])]
        {
            let all = [&["--timeout", "1s"], arguments].concat();
            let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
            let endpoints = cluster.endpoints();
            let line = [&[subcommand, "--endpoints", &endpoints], &flags[..], &all].concat();
            let output = run(&line);
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert_ne!(code(&output), Some(0), "{line:?}");
            assert!(said.contains(part), "{line:?}: expected {part:?} in {said}");
        }
    };
    let with = |flags: &[&str]| flags.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    refused(&[], "it speaks TLS, and this side does not: give this side --ca");
    refused(
        &with(&["--ca", &papers.path("ca.crt")]),
        "it demands a certificate, and this side has none",
    );
    // Each trusts its own authority alone.
    refused(
        &others.flags("client-billing"),
        "its certificate is not of an authority that is trusted here",
    );
    let mut foreign = others.flags("client-billing");
    foreign[1] = papers.path("ca.crt");
    refused(&foreign, "our certificate is not of an authority that it trusts");
    // They go on for those whom they know.
    let served = run_as(&cluster, &papers.flags("client-billing"), "lock", &["x", "--", "true"]);
    assert_eq!(code(&served), Some(0), "{served:?}");
}

#[test]
fn a_nodes_certificate_asks_what_a_node_tells_and_uses_no_locks() {
    let papers = Papers::new();
    let cluster = papers.cluster();
    leader(&cluster, &papers.flags("operator-alice"));
    let node = papers.flags("node-1");
    assert_eq!(code(&run_as(&cluster, &node, "status", &["--json"])), Some(0));
    let arguments = ["--timeout", "1s", "-w", "1s", "x", "--", "true"];
    let flags: Vec<&str> = node.iter().map(String::as_str).collect();
    let endpoints = cluster.endpoints();
    let output = run(&[&["lock", "--endpoints", &endpoints], &flags[..], &arguments].concat());
    assert_eq!(code(&output), Some(125), "{output:?}");
    let said = sentence(&output);
    assert!(said.contains("the certificate of a node is no client's and no operator's"), "{said}");
}

#[test]
fn a_node_joins_with_its_certificate() {
    let papers = Papers::new();
    papers.make(&["node", "4", "127.0.0.1"]);
    let cluster = papers.cluster();
    let operator = papers.flags("operator-alice");
    leader(&cluster, &operator);
    let address = format!("127.0.0.1:{}", free_ports(1)[0]);
    let added = run_as(&cluster, &operator, "member", &[]);
    assert_eq!(code(&added), Some(2), "member needs to be told what");
    let endpoints = cluster.endpoints();
    let flags: Vec<&str> = operator.iter().map(String::as_str).collect();
    let line = ["member", "add", "4", &address, "--endpoints", &endpoints];
    let added = run(&[&line[..], &flags].concat());
    assert_eq!(code(&added), Some(0), "{added:?}");
    let hint = format!("--ca {} --cert node-4.crt --key node-4.key\n", papers.path("ca.crt"));
    assert!(stdout(&added).contains(&hint), "{added:?}");
    let data = tempfile::tempdir().unwrap();
    let data = data.path().to_str().unwrap();
    let own = papers.flags("node-4");
    let mut serve = tenure(&["serve", "--id", "4", "--data", data, "--join", &endpoints]);
    let mut serve = serve.args(&own).stderr(Stdio::null()).spawn().unwrap();
    eventually("it has joined", || {
        let line = ["status", "--json", "--endpoints", &address];
        let output = run(&[&line[..], &flags].concat());
        let status: Value = serde_json::from_slice(&output.stdout).ok()?;
        status["leader"].as_u64()
    });
    serve.kill().unwrap();
    serve.wait().unwrap();
}

#[test]
fn options_that_do_not_fit_are_told_before_a_node_listens() {
    let papers = Papers::new();
    let data = tempfile::tempdir().unwrap();
    let address = format!("127.0.0.1:{}", free_ports(1)[0]);
    let cluster = format!("1={address}");
    let data = data.path().join("node").to_str().unwrap().to_owned();
    let serve = |flags: &[String], part: &str| {
        let line = ["serve", "--id", "1", "--data", &data, "--cluster", &cluster];
        let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
        let output = run(&[&line[..], &flags].concat());
        assert_eq!(code(&output), Some(2), "{flags:?}: {output:?}");
        let said = sentence(&output);
        assert!(said.contains(part), "expected {part:?} in {said}");
        assert!(!Path::new(&data).exists(), "nothing was made");
    };
    let good = papers.flags("node-1");
    serve(&good[..2], "needs all of --ca, --cert and --key");
    serve(&good[..4], "needs all of --ca, --cert and --key");
    for tls in ["optional", "required"] {
        serve(&["--tls", tls].map(str::to_owned), "needs all of --ca, --cert and --key");
    }
    let beyond = ["--tls", "optional", "--listen", "0.0.0.0:0"].map(str::to_owned);
    serve(
        &[&good[..], &beyond].concat(),
        "--tls optional takes everybody who comes without TLS as well",
    );
    serve(&papers.flags("node-2"), "is the certificate of node/2, and this is node/1");
    serve(&papers.flags("client-billing"), "is the certificate of client/billing, and this is");
    let mut mixed = good.clone();
    mixed[5] = papers.path("node-2.key");
    serve(&mixed, "node-2.key (key) is not the key of ");
    let mut empty = good.clone();
    empty[1] = papers.path("empty");
    fs::write(&empty[1], "").unwrap();
    serve(&empty, "empty (ca) is empty");
    // Of an authority that its peers do not trust.
    let mut strange = good.clone();
    let others = Papers::new();
    strange[1] = others.path("ca.crt");
    serve(&strange, "node-1.crt is not of an authority that is trusted here");
    let crl = [&good[..], &["--crl".to_owned(), papers.path("ca.crt")]].concat();
    serve(&crl, "has no list of revoked certificates");
    // The same of clients, and none of them goes on without TLS.
    for (flags, part) in [
        (&good[..4], "and key is not given: give both"),
        (&good[2..], "without the authority of the nodes nothing would be encrypted"),
        (&mixed, "is not the key of"),
    ] {
        let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
        let output = run(&[&["show", "x"], &flags[..]].concat());
        assert_eq!(code(&output), Some(2), "{output:?}");
        assert!(sentence(&output).contains(part), "{output:?}");
    }
}

#[test]
fn who_speaks_tls_with_nodes_that_do_not_is_told_what_to_look_for() {
    let (papers, cluster) = (Papers::new(), Cluster::start_calm());
    let (flags, endpoints) = (papers.flags("client-billing"), cluster.endpoints());
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    for (subcommand, arguments) in
        [("status", &[][..]), ("lock", &["-w", "1s", "x", "--", "true"]), ("show", &["x"])]
    {
        let reach = [subcommand, "--endpoints", &endpoints, "--timeout", "1s"];
        eventually("a node has hung up, and it is said what that may mean", || {
            let output = run(&[&reach[..], &flags, arguments].concat());
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert_ne!(code(&output), Some(0), "{subcommand}");
            said.contains("at our first word of TLS: if it does without TLS").then_some(())
        });
    }
}

#[test]
fn what_speaks_tls_is_measured_by_one_client_and_by_many() {
    let papers = Papers::new();
    let cluster = papers.cluster();
    let client = papers.flags("client-billing");
    leader(&cluster, &papers.flags("operator-alice"));
    for clients in ["1", "4"] {
        let measured =
            run_as(&cluster, &client, "bench", &["--clients", clients, "--ops", "20", "--json"]);
        assert_eq!(code(&measured), Some(0), "{measured:?}");
        let figures: Value = serde_json::from_slice(&measured.stdout).unwrap();
        assert_eq!(figures["ops"], 20, "{figures}");
    }
    let own = run(&["bench", "--spawn", "--tls", "--clients", "4", "--ops", "20", "--json"]);
    assert_eq!(code(&own), Some(0), "{own:?}");
    let figures: Value = serde_json::from_slice(&own.stdout).unwrap();
    assert_eq!(figures["ops"], 20, "{figures}");
}
