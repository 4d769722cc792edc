//! Running `tenure`, and a cluster of three of its processes.

use serde_json::Value;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use tempfile::TempDir;

/// `tenure` with an environment that says nothing to it.
pub fn tenure(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tenure"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("TENURE_") {
            command.env_remove(name);
        }
    }
    command.args(arguments).stdin(Stdio::null());
    command
}

/// What it says and how it ends.
pub fn run(arguments: &[&str]) -> Output {
    tenure(arguments).output().expect("tenure runs")
}

/// Its exit code; a signal is none.
pub fn code(output: &Output) -> Option<i32> {
    output.status.code()
}

pub fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("stdout is UTF-8")
}

/// The one sentence on its stderr, without the name before it.
pub fn sentence(output: &Output) -> String {
    let text = String::from_utf8(output.stderr.clone()).expect("stderr is UTF-8");
    let lines: Vec<&str> = text.lines().collect();
    let [line] = lines[..] else { panic!("one line was expected on stderr: {text:?}") };
    line.strip_prefix("tenure: ")
        .unwrap_or_else(|| panic!("no \"tenure: \" before {line:?}"))
        .into()
}

/// Ports on loopback that are free, and outside of those that outgoing connections are given.
pub fn free_ports(count: usize) -> Vec<u16> {
    let mut rng = fastrand::Rng::new();
    let mut held = Vec::new();
    while held.len() < count {
        held.extend(TcpListener::bind(("127.0.0.1", rng.u16(10_000..32_000))));
    }
    held.iter().map(|listener| listener.local_addr().expect("it is bound").port()).collect()
}

/// Asks again and again until there is an answer. How often is bounded, and not how long: each time asks
/// processes, and a slow machine answers slowly.
pub fn eventually<T>(what: &str, ask: impl FnMut() -> Option<T>) -> T {
    let answer = std::iter::repeat_with(ask).take(5000).flatten().next();
    answer.unwrap_or_else(|| panic!("asked 5000 times, and never: {what}"))
}

/// Sends `signal` ("TERM") to a process.
pub fn signal(child: &Child, signal: &str) {
    let line = format!("kill -{signal} {}", child.id());
    let status = Command::new("sh").args(["-c", &line]).status().expect("sh runs");
    assert!(status.success(), "{line}");
}

/// Three `tenure serve` processes, killed at the end.
pub struct Cluster {
    directory: TempDir,
    addresses: Vec<String>,
    nodes: Vec<Option<Child>>,
    flags: &'static [&'static str],
}

impl Cluster {
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// One that does not change its leader by itself, however busy the machine is.
    pub fn start_calm() -> Self {
        Self::start_with(&["--election", "2s"])
    }

    fn start_with(flags: &'static [&'static str]) -> Self {
        let addresses = free_ports(3).iter().map(|port| format!("127.0.0.1:{port}")).collect();
        let directory = tempfile::tempdir().expect("a temporary directory");
        let mut cluster = Self { directory, addresses, nodes: vec![None, None, None], flags };
        (1..=3).for_each(|id| cluster.start_node(id));
        cluster
    }

    pub fn endpoints(&self) -> String {
        self.addresses.join(",")
    }

    pub fn start_node(&mut self, id: usize) {
        let member = |(place, address): (usize, &String)| format!("{}={address}", place + 1);
        let members: Vec<String> = self.addresses.iter().enumerate().map(member).collect();
        let data: PathBuf = self.directory.path().join(format!("node-{id}"));
        let data = data.to_str().expect("a path of UTF-8");
        let (id_text, cluster) = (id.to_string(), members.join(","));
        let mut command =
            tenure(&["serve", "--id", &id_text, "--data", data, "--cluster", &cluster]);
        command.args(self.flags);
        let child = command.stderr(Stdio::null()).spawn().expect("a node starts");
        self.nodes[id - 1] = Some(child);
    }

    /// kill -9.
    pub fn kill(&mut self, id: usize) {
        let mut child = self.nodes[id - 1].take().expect("this node runs");
        child.kill().expect("it can be killed");
        child.wait().expect("it can be waited for");
    }

    /// A command against this cluster.
    pub fn tenure(&self, subcommand: &str, arguments: &[&str]) -> Command {
        let endpoints = self.endpoints();
        let mut all = vec![subcommand, "--endpoints", &endpoints, "--timeout", "30s"];
        all.extend(arguments);
        tenure(&all)
    }

    pub fn run(&self, subcommand: &str, arguments: &[&str]) -> Output {
        self.tenure(subcommand, arguments).output().expect("tenure runs")
    }

    pub fn status(&self) -> Value {
        let output = self.run("status", &["--json"]);
        serde_json::from_slice(&output.stdout).expect("status prints JSON")
    }

    /// Asks until one node says that it leads.
    pub fn leader(&self) -> usize {
        eventually("a node leads", || self.status()["leader"].as_u64()) as usize
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        for child in self.nodes.iter_mut().flatten() {
            // It may have ended by itself.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
