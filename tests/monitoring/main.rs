//! The dashboard and the alerts of `docs/monitoring`: what they ask for is there, they say what the pages say, and a real
//! Prometheus takes all of it.

mod wedged;

#[path = "../common"]
mod common {
    pub mod free_ports;
}

use common::free_ports::free_port;
use std::collections::BTreeSet;
use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tenure::NodeId;
use tenure::client::{AcquireOptions, Client, ClientOptions, Wait};
use tenure::node::{Node, NodeOptions, NodeTls};

/// A cluster of one node, with an admin endpoint, that has granted a lock.
struct Cluster {
    node: Node,
    directory: TempDir,
}

impl Cluster {
    fn start() -> Self {
        Self::start_with(TempDir::new().expect("a directory"), |_| ())
    }

    /// One that has certificates, of an authority in its directory, and answers beyond loopback; with that of a client.
    fn start_secured() -> Self {
        let directory = TempDir::new().expect("a directory");
        let place = directory.path().to_owned();
        for words in ["ca", "node 1 127.0.0.1", "client prometheus"] {
            let mut command = Command::new(env!("CARGO_BIN_EXE_tenure"));
            run(command.arg("certs").args(words.split(' ')).current_dir(&place));
        }
        let [ca, cert, key] = ["ca.crt", "node-1.crt", "node-1.key"].map(|file| place.join(file));
        Self::start_with(directory, |options| {
            options.tls = Some(NodeTls::new(ca, cert, key));
            options.admin = Some("0.0.0.0:0".into());
        })
    }

    fn start_with(directory: TempDir, change: impl FnOnce(&mut NodeOptions)) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("it is bound").to_string();
        let members = vec![(NodeId(1), address.clone())];
        let mut options = NodeOptions::new(NodeId(1), directory.path().join("data"), members)
            .listener(listener)
            .admin("127.0.0.1:0");
        change(&mut options);
        let node = Node::start(options).expect("a node of one");
        // One in the same process needs no certificate.
        let local = node.local().expect("it runs");
        let client = Client::open_local(&local, ClientOptions::new()).expect("it serves");
        let lease = client.acquire("jobs/x", Wait::Forever, AcquireOptions::default());
        lease.expect("it is free").release(Wait::Forever).expect("it is held");
        client.close(Wait::Forever).expect("it serves");
        Self { node, directory }
    }

    fn admin(&self) -> SocketAddr {
        self.node.admin_address().expect("it was asked for")
    }
}

fn page(name: &str) -> String {
    let path = folder().join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/monitoring")
}

/// The names of metrics in a text of expressions.
fn names(text: &str) -> BTreeSet<String> {
    let words = text.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
    let is_metric =
        |word: &&str| ["tenure_", "process_"].iter().any(|prefix| word.starts_with(prefix));
    words.filter(is_metric).map(str::to_owned).collect()
}

/// Those of a text of metrics, with what histograms have behind theirs.
fn told(metrics: &str) -> BTreeSet<String> {
    let mut told = BTreeSet::new();
    for line in metrics.lines().filter_map(|line| line.strip_prefix("# TYPE ")) {
        let (name, kind) = line.split_once(' ').expect("a name and a type");
        match kind {
            "histogram" => {
                told.extend(["_bucket", "_sum", "_count"].map(|suffix| format!("{name}{suffix}")));
            }
            _ => drop(told.insert(name.to_owned())),
        }
    }
    told
}

#[test]
fn every_metric_of_dashboard_and_alerts_is_there() {
    let cluster = Cluster::start();
    let told = told(&cluster.node.metrics().expect("it runs"));
    for file in ["dashboard.json", "alerts.yml", "alerts_test.yml"] {
        let asked = names(&page(file));
        assert!(asked.len() > 2, "{file} asks for nothing");
        let missing: Vec<_> = asked.difference(&told).collect();
        assert!(missing.is_empty(), "{file} asks for {missing:?}, which no node tells");
    }
    let dashboard: serde_json::Value = serde_json::from_str(&page("dashboard.json")).expect("JSON");
    assert!(dashboard["panels"].as_array().is_some_and(|panels| panels.len() > 10));
}

#[test]
fn every_metric_and_every_alert_has_its_line_in_the_page() {
    let cluster = Cluster::start();
    let page = page("../monitoring.md");
    let described = names(&page);
    for line in cluster.node.metrics().expect("it runs").lines() {
        let Some(line) = line.strip_prefix("# TYPE ") else { continue };
        let (name, _) = line.split_once(' ').expect("a name and a type");
        if name.starts_with("tenure_") {
            assert!(described.contains(name), "docs/monitoring.md says nothing of {name}");
        }
    }
    let alerts = self::page("alerts.yml");
    let alerts = alerts.lines().filter_map(|line| line.trim().strip_prefix("- alert: "));
    for alert in alerts {
        assert!(
            page.contains(&format!("### {alert}\n")),
            "docs/monitoring.md says nothing of {alert}"
        );
    }
}

/// Whether `program` is here; else it is said what is not tested.
fn has(program: &str) -> bool {
    let mut command = Command::new(program);
    command.arg("--version").stdout(Stdio::null()).stderr(Stdio::null());
    let here = command.status().is_ok_and(|status| status.success());
    if !here {
        eprintln!(
            "skipped: no {program} (Debian: apt-get install prometheus); nothing checks the monitoring files with it"
        );
    }
    here
}

fn run(command: &mut Command) {
    let output = command.output().expect("it can be run");
    let said = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "{command:?}\n{}", String::from_utf8_lossy(&said));
}

#[test]
fn promtool_has_nothing_to_say_against_metrics_rules_and_configuration() {
    if !has("promtool") {
        return;
    }
    let promtool = |arguments: &[&str]| {
        let mut command = Command::new("promtool");
        command.args(arguments).current_dir(folder());
        command
    };
    run(&mut promtool(&["check", "rules", "alerts.yml"]));
    run(&mut promtool(&["check", "config", "prometheus.yml"]));
    let cluster = Cluster::start_secured();
    for file in ["prometheus-tls.yml", "alerts.yml"] {
        fs::copy(folder().join(file), cluster.directory.path().join(file)).expect("a copy");
    }
    let mut check = promtool(&["check", "config", "prometheus-tls.yml"]);
    run(check.current_dir(cluster.directory.path()));
    drop(cluster);
    run(&mut promtool(&["test", "rules", "alerts_test.yml"]));
    let cluster = Cluster::start();
    let mut command = promtool(&["check", "metrics"]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut lint = command.spawn().expect("it can be run");
    let metrics = cluster.node.metrics().expect("it runs");
    let mut input = lint.stdin.take().expect("a pipe");
    input.write_all(metrics.as_bytes()).expect("it reads");
    drop(input);
    let output = lint.wait_with_output().expect("it ends");
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success() && said.is_empty(), "{said}\n{metrics}");
}

/// A Prometheus that is killed with its test.
struct Prometheus {
    process: Child,
    address: SocketAddr,
    _directory: TempDir,
}

impl Prometheus {
    /// One that scrapes `target`, as the file of that name in the tree has it, with what else that names beside it.
    fn scraping(target: SocketAddr, file: &str, beside: &Path) -> Self {
        let directory = TempDir::new().expect("a directory");
        let address: SocketAddr = ([127, 0, 0, 1], free_port()).into();
        let text = page(file);
        let (head, targets) = text.split_once("targets: [").expect("it has targets");
        let (_, tail) = targets.split_once(']').expect("they end");
        let configuration = format!("{head}targets: [\"{target}\"]{tail}")
            .replace("scrape_interval: 15s", "scrape_interval: 1s");
        for name in ["ca.crt", "client-prometheus.crt", "client-prometheus.key"] {
            if beside.join(name).exists() {
                fs::copy(beside.join(name), directory.path().join(name)).expect("a copy");
            }
        }
        fs::copy(folder().join("alerts.yml"), directory.path().join("alerts.yml")).expect("a copy");
        let file = directory.path().join("prometheus.yml");
        fs::write(&file, configuration).expect("a file");
        let mut command = Command::new("prometheus");
        command
            .arg(format!("--config.file={}", file.display()))
            .arg(format!("--storage.tsdb.path={}", directory.path().join("data").display()))
            .arg(format!("--web.listen-address={address}"))
            .stdout(Stdio::null())
            .stderr(fs::File::create(directory.path().join("log")).expect("a file"));
        tenure::sys::process::die_with_parent(&mut command);
        let process = command.spawn().expect("it can be run");
        Self { process, address, _directory: directory }
    }

    /// The JSON at `path`, if it answers by now.
    fn ask(&self, path: &str) -> Option<serde_json::Value> {
        let mut stream = TcpStream::connect(self.address).ok()?;
        write!(stream, "GET {path} HTTP/1.0\r\nHost: a\r\n\r\n").ok()?;
        let mut text = String::new();
        stream.read_to_string(&mut text).ok()?;
        serde_json::from_str(text.split_once("\r\n\r\n")?.1).ok()
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn a_real_prometheus_scrapes_a_node_and_evaluates_every_alert() {
    if !has("prometheus") {
        return;
    }
    let cluster = Cluster::start();
    let (target, beside) = (cluster.admin(), cluster.directory.path());
    let prometheus = Prometheus::scraping(target, "prometheus.yml", beside);
    let leads = until("it has scraped the node", || {
        let answer = prometheus.ask("/api/v1/query?query=tenure_is_leader")?;
        answer["data"]["result"][0]["value"][1].as_str().map(str::to_owned)
    });
    assert_eq!(leads, "1");
    let targets = prometheus.ask("/api/v1/targets").expect("it answers");
    let target = &targets["data"]["activeTargets"][0];
    assert_eq!((&target["health"], &target["lastError"]), (&"up".into(), &"".into()), "{target}");
    let counted = prometheus.ask("/api/v1/query?query=tenure_grants_total").expect("it answers");
    assert_eq!(counted["data"]["result"][0]["value"][1], "1", "{counted}");
    let rules = until("it has evaluated the alerts", || {
        let rules = prometheus.ask("/api/v1/rules")?;
        let rules = rules["data"]["groups"][0]["rules"].as_array()?.clone();
        rules.iter().all(|rule| rule["health"] != "unknown").then_some(rules)
    });
    assert!(rules.len() > 10, "{rules:?}");
    for rule in rules {
        assert_eq!((&rule["health"], &rule["state"]), (&"ok".into(), &"inactive".into()), "{rule}");
    }
}

#[test]
fn a_real_prometheus_scrapes_a_node_beyond_loopback_with_a_certificate() {
    if !has("prometheus") {
        return;
    }
    let cluster = Cluster::start_secured();
    let target = SocketAddr::new([127, 0, 0, 1].into(), cluster.admin().port());
    let beside = cluster.directory.path();
    let prometheus = Prometheus::scraping(target, "prometheus-tls.yml", beside);
    let target = until("it has tried the node", || {
        let targets = prometheus.ask("/api/v1/targets")?;
        let target = targets["data"]["activeTargets"][0].clone();
        (target["health"] != "unknown" && !target.is_null()).then_some(target)
    });
    assert_eq!((&target["health"], &target["lastError"]), (&"up".into(), &"".into()), "{target}");
    // It says that the target is up before it has stored what it scraped there.
    let leads = until("it has stored what it scraped", || {
        let answer = prometheus.ask("/api/v1/query?query=tenure_is_leader")?;
        answer["data"]["result"][0]["value"][1].as_str().map(str::to_owned)
    });
    assert_eq!(leads, "1");
}

/// Asks again and again until there is an answer.
fn until<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(120);
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < deadline, "{what}: not within two minutes");
        std::thread::yield_now();
    }
}
