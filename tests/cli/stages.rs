//! A cluster goes from plaintext to TLS and back, one node after the other, while clients of both kinds work: no session is
//! lost, not even where the leader is killed in the middle of it. And a node that joins meanwhile.

use crate::program::{Cluster, code, eventually, free_ports, run, stdout, tenure};
use crate::secured::{Papers, leader, roll, run_as};
use serde_json::Value;
use std::cell::Cell;
use std::fs::{self, File};
use std::process::{Child, Stdio};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use tenure::client::{AcquireOptions, Client, ClientOptions, TlsOptions, Wait};

/// A client that holds one lock all the while, and acquires and releases another that all want.
struct Worker {
    is_over: Arc<AtomicBool>,
    cycles: Arc<AtomicU64>,
    thread: JoinHandle<()>,
}

impl Worker {
    /// It works once this has returned.
    fn start(cluster: &Cluster, name: &'static str, tls: Option<TlsOptions>) -> Self {
        let options = ClientOptions::new().name(name);
        let options = match tls {
            Some(tls) => options.tls(tls),
            None => options,
        };
        let client = Client::open(&cluster.endpoints(), options).unwrap();
        let (is_over, cycles) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let (over, count) = (Arc::clone(&is_over), Arc::clone(&cycles));
        let thread = std::thread::spawn(move || {
            let options = AcquireOptions::default;
            let kept = client.acquire(name, Wait::Forever, options()).unwrap();
            let session = client.session().session;
            while !over.load(Ordering::Relaxed) {
                let lease = client.acquire("shared", Wait::Forever, options()).unwrap();
                lease.release(Wait::Forever).unwrap();
                count.fetch_add(1, Ordering::Relaxed);
            }
            assert_eq!(client.session().session, session, "{name}: its session was lost");
            kept.release(Wait::Forever).unwrap();
        });
        let worker = Self { is_over, cycles, thread };
        worker.works_on();
        worker
    }

    /// Waits for two of its cycles: one at least has begun by then.
    fn works_on(&self) {
        let before = self.cycles.load(Ordering::Relaxed);
        while self.cycles.load(Ordering::Relaxed) < before + 2 {
            assert!(!self.thread.is_finished(), "a worker has ended");
            std::thread::yield_now();
        }
    }

    fn finish(self) {
        self.works_on();
        self.is_over.store(true, Ordering::Relaxed);
        self.thread.join().unwrap();
    }
}

fn tls(papers: &Papers) -> Option<TlsOptions> {
    let [_, ca, _, cert, _, key] = &papers.flags("client-billing")[..] else { panic!() };
    Some(TlsOptions::new(ca).identity(cert, key))
}

/// What the leader says of why it leads, as each node that answers knows it.
fn reasons(cluster: &Cluster, flags: &[String]) -> Option<(u64, Vec<String>)> {
    let output = run_as(cluster, flags, "status", &["--json"]);
    let status: Value = serde_json::from_slice(&output.stdout).ok()?;
    let leader = status["leader"].as_u64()?;
    let why = |node: &Value| node["leader_change_why"].as_str().map(str::to_owned);
    Some((leader, status["nodes"].as_array()?.iter().filter_map(why).collect()))
}

/// kill -9 of the leader. Another is elected since its connection was closed, and not since it was silent.
fn kill_leader(cluster: &mut Cluster, flags: &[String]) -> usize {
    let killed = leader(cluster, flags);
    cluster.kill(killed);
    let part = format!("node {killed} closed its connection");
    let why = eventually("another node leads", || {
        reasons(cluster, flags).filter(|(leader, _)| *leader as usize != killed)
    });
    let (_, why) = why;
    assert!(why.contains(&part), "{why:?}");
    assert!(why.iter().all(|why| !why.contains("nothing was heard")), "{why:?}");
    killed
}

fn set(cluster: &mut Cluster, tls: &Rc<Cell<&'static str>>, to: &'static str, flags: &[String]) {
    tls.set(to);
    roll(cluster, flags);
}

#[test]
fn clients_work_on_through_all_stages_and_the_kill_of_a_leader_in_each() {
    let (papers, stage) = (Papers::new(), Rc::new(Cell::new("")));
    let mut cluster = papers.cluster_at(&stage, |_, _| ());
    let (none, operator) = (Vec::new(), papers.flags("operator-alice"));
    leader(&cluster, &none);
    let plain = [Worker::start(&cluster, "p1", None), Worker::start(&cluster, "p2", None)];
    set(&mut cluster, &stage, "optional", &none);
    let secured = ["t1", "t2"].map(|name| Worker::start(&cluster, name, tls(&papers)));
    let killed = kill_leader(&mut cluster, &none);
    plain.iter().chain(&secured).for_each(Worker::works_on);
    cluster.start_node(killed);
    eventually("all are whole again", || whole(&cluster, &none));
    plain.into_iter().for_each(Worker::finish);
    set(&mut cluster, &stage, "required", &operator);
    let killed = kill_leader(&mut cluster, &operator);
    secured.iter().for_each(Worker::works_on);
    cluster.start_node(killed);
    eventually("all are whole again", || whole(&cluster, &operator));
    set(&mut cluster, &stage, "optional", &operator);
    let plain = Worker::start(&cluster, "p3", None);
    secured.into_iter().for_each(Worker::finish);
    set(&mut cluster, &stage, "off", &none);
    plain.finish();
}

/// Whether all three answer, follow one leader, and miss nothing.
fn whole(cluster: &Cluster, flags: &[String]) -> Option<()> {
    let output = run_as(cluster, flags, "status", &["--json"]);
    let status: Value = serde_json::from_slice(&output.stdout).ok()?;
    let nodes = status["nodes"].as_array()?;
    let terms: Vec<_> = nodes.iter().filter_map(|node| node["term"].as_u64()).collect();
    let is_one = terms.len() == 3 && terms.iter().all(|term| *term == terms[0]);
    (is_one && status["leader"].is_u64()).then_some(())
}

/// A node that joins, and what it logs.
struct Joiner {
    child: Child,
    directory: tempfile::TempDir,
    address: String,
}

impl Joiner {
    fn start(cluster: &Cluster, flags: &[String], tls: &str, address: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let data = directory.path().join("node");
        let log = File::create(directory.path().join("log")).unwrap();
        let line = ["serve", "--id", "4", "--join", &cluster.endpoints(), "--tls", tls];
        let mut command = tenure(&line);
        command.args(flags).arg("--data").arg(data).stderr(log).stdout(Stdio::null());
        let child = command.spawn().unwrap();
        Self { child, directory, address: address.to_owned() }
    }

    fn logged(&self) -> String {
        fs::read_to_string(self.directory.path().join("log")).unwrap()
    }
}

impl Drop for Joiner {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_node_that_takes_both_joins_nodes_without_tls_and_asks_over_tls_first() {
    let (papers, stage) = (Papers::new(), Rc::new(Cell::new("")));
    papers.make(&["node", "4", "127.0.0.1"]);
    let cluster = papers.cluster_at(&stage, |_, _| ());
    leader(&cluster, &[]);
    let address = format!("127.0.0.1:{}", free_ports(1)[0]);
    let added = run(&["member", "add", "4", &address, "--endpoints", &cluster.endpoints()]);
    assert_eq!(code(&added), Some(0), "{added:?}");
    // Who demands TLS is told what is missing, and goes no further.
    let own = papers.flags("node-4");
    let mut strict = Joiner::start(&cluster, &own, "required", &address);
    assert_eq!(strict.child.wait().unwrap().code(), Some(3));
    assert!(strict.logged().contains("at our first word of TLS"), "{}", strict.logged());
    let joiner = Joiner::start(&cluster, &own, "optional", &address);
    eventually("it has joined", || {
        let output = run(&["status", "--json", "--endpoints", &joiner.address]);
        let status: Value = serde_json::from_slice(&output.stdout).ok()?;
        status["leader"].as_u64()
    });
    assert!(joiner.logged().contains("is asked without TLS: it closed"), "{}", joiner.logged());
}

/// Nodes that take both would answer it in the clear.
#[test]
fn whose_certificate_is_refused_does_not_join_without_one() {
    let (papers, stage) = (Papers::new(), Rc::new(Cell::new("optional")));
    let cluster = papers.cluster_at(&stage, |_, _| ());
    leader(&cluster, &papers.flags("operator-alice"));
    let others = Papers::new();
    others.make(&["node", "4", "127.0.0.1"]);
    let mut foreign = others.flags("node-4");
    foreign[1] = papers.path("both.crt");
    let both = ["ca.crt"].map(|file| fs::read_to_string(papers.path(file)).unwrap()).concat()
        + &fs::read_to_string(others.path("ca.crt")).unwrap();
    fs::write(&foreign[1], both).unwrap();
    let mut joiner = Joiner::start(&cluster, &foreign, "optional", "127.0.0.1:1");
    assert_eq!(joiner.child.wait().unwrap().code(), Some(3));
    let logged = joiner.logged();
    assert!(logged.contains("our certificate is not of an authority that it trusts"), "{logged}");
    assert!(!logged.contains("without TLS"), "{logged}");
    let members = run_as(&cluster, &papers.flags("operator-alice"), "status", &[]);
    assert!(!stdout(&members).contains("node 4"), "{members:?}");
}

/// Two authorities, and the certificates of nodes and clients that are in force.
struct Authorities {
    old: Papers,
    new: Papers,
    both: String,
}

impl Authorities {
    fn new() -> Self {
        let (old, new) = (Papers::new(), Papers::new());
        let both = old.path("both.crt");
        let bundle = [&old, &new].map(|papers| fs::read_to_string(papers.path("ca.crt")).unwrap());
        fs::write(&both, bundle.concat()).unwrap();
        Self { old, new, both }
    }

    /// What whoever is called so trusts and shows at a stage.
    fn flags(&self, stage: &str, name: &str) -> Vec<String> {
        let mut flags = match stage {
            "old" | "old, and trusts both" => self.old.flags(name),
            _ => self.new.flags(name),
        };
        if stage.ends_with("trusts both") {
            flags[1].clone_from(&self.both);
        }
        flags
    }
}

#[test]
fn clients_work_on_while_one_authority_takes_the_place_of_another() {
    let (all, stage) = (Rc::new(Authorities::new()), Rc::new(Cell::new("old")));
    let (papers, at) = (Rc::clone(&all), Rc::clone(&stage));
    let mut cluster = Cluster::start_as(move |id, command| {
        let flags = papers.flags(at.get(), &format!("node-{id}"));
        command.args(flags).args(["--election", "1s"]).stderr(Stdio::null());
    });
    // What an operator has who changes authorities: whom nodes trust comes first, then what they show.
    let operator = |stage: &str| all.flags(stage, "operator-alice");
    let worker = |cluster: &Cluster, name, stage: &str| {
        let flags = all.flags(stage, "client-billing");
        let [_, ca, _, cert, _, key] = &flags[..] else { panic!("{flags:?}") };
        Worker::start(cluster, name, Some(TlsOptions::new(ca).identity(cert, key)))
    };
    leader(&cluster, &operator("old"));
    let first = worker(&cluster, "first", "old, and trusts both");
    set(&mut cluster, &stage, "old, and trusts both", &operator("old"));
    let second = worker(&cluster, "second", "new, and trusts both");
    set(&mut cluster, &stage, "new, and trusts both", &operator("old, and trusts both"));
    first.finish();
    set(&mut cluster, &stage, "new", &operator("new, and trusts both"));
    second.finish();
    let old = run_as(&cluster, &operator("old"), "status", &["--check"]);
    assert_eq!(code(&old), Some(3), "{old:?}");
}
