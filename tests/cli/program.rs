//! Running `tenure`, and a cluster of three of its processes.

use crate::common::free_ports::free_port;
use crate::common::nodes::{Nodes, members};
use crate::common::quiet::quiet;
use serde_json::Value;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::time::Duration;
use tenure::client::{Client, ClientOptions};

/// `tenure` with an environment that says nothing to it.
pub fn tenure(arguments: &[&str]) -> Command {
    let mut command = quiet(env!("CARGO_BIN_EXE_tenure"));
    command.args(arguments);
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

/// Different ports on loopback at which nobody listens.
pub fn free_ports(count: usize) -> Vec<u16> {
    std::iter::repeat_with(free_port).take(count).collect()
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

/// The processes that live under a lock of this name, in whatever group or session, by their environment; their guard
/// is not one of them.
pub fn living(lock: &str) -> Vec<u32> {
    let variable = format!("TENURE_LOCK={lock}");
    let ids = std::fs::read_dir("/proc").expect("/proc is there").flatten();
    let ids = ids.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let has = |id: u32, file: &str, word: &str| {
        // One that ended meanwhile, or whose end is not waited for yet, has neither.
        let bytes = std::fs::read(format!("/proc/{id}/{file}")).unwrap_or_default();
        bytes.split(|byte| *byte == 0).any(|part| part == word.as_bytes())
    };
    ids.filter(|id| has(*id, "environ", &variable) && !has(*id, "cmdline", "lock-guard")).collect()
}

/// The guard of a `tenure lock`, its only child; `None`: it is not there yet.
pub fn guard_of(lock: &Child) -> Option<u32> {
    let children = format!("/proc/{}/task/{}/children", lock.id(), lock.id());
    let id = std::fs::read_to_string(children).expect("it lives").trim().parse().ok()?;
    let line = std::fs::read_to_string(format!("/proc/{id}/cmdline")).ok()?;
    line.contains("lock-guard").then_some(id)
}

/// Sends `signal` ("TERM") to a process by its number.
pub fn signal_id(id: u32, signal: &str) {
    let status = Command::new("sh").args(["-c", &format!("kill -{signal} {id}")]).status();
    assert!(status.expect("sh runs").success(), "{signal} to {id}");
}

/// Three `tenure serve` processes, killed at the end.
pub struct Cluster {
    nodes: Nodes,
    addresses: Vec<String>,
    dress: Dress,
}

/// What is added to the command of a node, by its id, before it is started.
type Dress = Box<dyn Fn(usize, &mut Command)>;

impl Cluster {
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// One that does not change its leader by itself, however busy the machine is.
    pub fn start_calm() -> Self {
        Self::start_with(&["--election", "2s"])
    }

    fn start_with(flags: &'static [&'static str]) -> Self {
        Self::start_as(move |_, command| {
            command.args(flags).stderr(Stdio::null());
        })
    }

    /// One whose nodes are started as `dress` says.
    pub fn start_as(dress: impl Fn(usize, &mut Command) + 'static) -> Self {
        let addresses = free_ports(3).iter().map(|port| format!("127.0.0.1:{port}")).collect();
        let nodes = Nodes::new(3, tempfile::tempdir().expect("a temporary directory"));
        let mut cluster = Self { nodes, addresses, dress: Box::new(dress) };
        (1..=3).for_each(|id| cluster.start_node(id));
        cluster
    }

    pub fn endpoints(&self) -> String {
        self.addresses.join(",")
    }

    pub fn start_node(&mut self, id: usize) {
        let mut command = self.nodes.serve(tenure(&[]), id);
        command.args(["--cluster", &members(&self.addresses)]);
        (self.dress)(id, &mut command);
        self.nodes.start(id, &mut command);
    }

    /// kill -9.
    pub fn kill(&mut self, id: usize) {
        self.nodes.kill(id);
    }

    /// Waits until it ends by itself; its exit code.
    pub fn wait_for(&mut self, id: usize) -> Option<i32> {
        self.nodes.wait(id).code()
    }

    /// SIGTERM: the code that it ends with.
    pub fn stop(&mut self, id: usize) -> Option<i32> {
        self.signal(id, "TERM");
        self.wait_for(id)
    }

    /// Sends `signal` to one node.
    pub fn signal(&self, id: usize, name: &str) {
        signal(self.nodes.process(id), name);
    }

    /// Sends `signal` to all nodes.
    pub fn signal_all(&self, name: &str) {
        self.nodes.ids().filter(|id| self.nodes.runs(*id)).for_each(|id| self.signal(id, name));
    }

    /// A client in this process.
    pub fn client(&self, name: &str) -> Client {
        let patience = Duration::from_secs(60);
        let options =
            ClientOptions::new().name(name).connect_timeout(patience).request_timeout(patience);
        Client::open(&self.endpoints(), options).expect("the cluster serves")
    }

    /// What `tenure show NAME --json` says, if anybody holds it or waits.
    pub fn lock(&self, name: &str) -> Option<Value> {
        let output = self.run("show", &[name, "--json"]);
        let shown: Value = serde_json::from_slice(&output.stdout).expect("show prints JSON");
        shown["locks"].get(0).cloned()
    }

    /// Asks until so many wait for `name`.
    pub fn until_waiting(&self, name: &str, count: u64) -> Value {
        eventually("they wait", || {
            self.lock(name).filter(|lock| lock["waiting"].as_u64() == Some(count))
        })
    }

    /// Starts `tenure lock` or `elect` with `arguments` and reads the first line of its output.
    pub fn begin(&self, subcommand: &str, arguments: &[&str]) -> Running {
        let mut command = self.tenure(subcommand, arguments);
        let mut child =
            command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("tenure runs");
        let mut output = BufReader::new(child.stdout.take().expect("its stdout is a pipe"));
        let mut line = String::new();
        output.read_line(&mut line).expect("stdout is UTF-8");
        Running { child, output, line: line.trim_end().to_owned() }
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

    /// Asks until a node answers: at first none of them listens.
    pub fn status(&self) -> Value {
        eventually("a node answers", || {
            let output = self.run("status", &["--json"]);
            (code(&output) == Some(0))
                .then(|| serde_json::from_slice(&output.stdout).expect("status prints JSON"))
        })
    }

    /// Asks until one node says that it leads.
    pub fn leader(&self) -> usize {
        eventually("a node leads", || self.status()["leader"].as_u64()) as usize
    }
}

/// A program that has said its first line.
pub struct Running {
    pub child: Child,
    pub output: BufReader<ChildStdout>,
    pub line: String,
}

impl Running {
    /// The next line, without its end.
    pub fn next_line(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).expect("stdout is UTF-8");
        line.trim_end().to_owned()
    }

    /// Waits until nobody can write to its output any more: all who could are gone. What was written, its exit code, and
    /// what it said on stderr.
    pub fn finish(mut self) -> (String, Option<i32>, String) {
        let mut rest = String::new();
        self.output.read_to_string(&mut rest).expect("stdout is UTF-8");
        let output = self.child.wait_with_output().expect("it ends");
        (rest, output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    }

    /// Ends it by SIGTERM.
    pub fn end(self) -> Option<i32> {
        signal(&self.child, "TERM");
        self.finish().1
    }
}
