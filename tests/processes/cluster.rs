//! Three `tenure serve` processes: started, killed, stopped and asked.

use crate::patience::{PATIENCE, until};
use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tempfile::TempDir;
use tenure::base::{NodeId, Token};
use tenure::client::{Client, ClientOptions};
use tenure::sys::process;
use tenure::wire::NodeStatus;

/// How a cluster is made.
#[derive(Debug)]
pub struct Setup {
    /// Where the nodes listen.
    pub listen: Vec<SocketAddr>,
    /// Where peers and clients find them: the same, unless something stands between.
    pub advertised: Vec<SocketAddr>,
    /// More arguments of `tenure serve`.
    pub arguments: Vec<&'static str>,
    /// A library that is loaded before all others and writes what a node does to the file that TRACE_FILE
    /// names.
    pub trace_shim: Option<PathBuf>,
}

impl Setup {
    /// Three nodes on ports that are free now.
    pub fn new() -> Self {
        // Bound together so that they differ, and let go for the processes to take.
        let free = || TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let listeners: Vec<TcpListener> = std::iter::repeat_with(free).take(3).collect();
        let listen: Vec<SocketAddr> =
            listeners.iter().map(|listener| listener.local_addr().expect("an address")).collect();
        Self { advertised: listen.clone(), listen, arguments: Vec::new(), trace_shim: None }
    }
}

/// The processes, and a client that looks after them. Dropped all are killed; the ends of their logs are
/// shown if the test has failed.
#[derive(Debug)]
pub struct Cluster {
    setup: Setup,
    nodes: Vec<Option<Child>>,
    admin: Option<Client>,
    traces: Vec<(NodeId, PathBuf)>,
    directory: TempDir,
    // Given up last: two cores carry one cluster at a time.
    _turn: MutexGuard<'static, ()>,
}

impl Cluster {
    /// Starts three nodes, and waits until they serve.
    pub fn start() -> Self {
        Self::start_with(Setup::new())
    }

    /// Starts three nodes as told, and waits until they serve.
    pub fn start_with(setup: Setup) -> Self {
        let turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        let nodes = setup.listen.iter().map(|_| None).collect();
        let (traces, directory) = (Vec::new(), scratch());
        let mut cluster = Self { setup, nodes, admin: None, traces, directory, _turn: turn };
        for node in cluster.nodes() {
            cluster.start_node(node);
        }
        cluster.admin = Some(cluster.client("admin"));
        cluster
    }

    /// All ids.
    pub fn nodes(&self) -> Vec<NodeId> {
        (1..).map(NodeId).take(self.nodes.len()).collect()
    }

    /// The advertised addresses, for clients.
    pub fn endpoints(&self) -> String {
        list(&self.setup.advertised)
    }

    /// Where `node` listens itself.
    pub fn address(&self, node: NodeId) -> SocketAddr {
        self.setup.listen[place(node)]
    }

    /// A directory that lives as long as the cluster.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// A client of this name, with a session of default length.
    pub fn client(&self, name: &str) -> Client {
        self.client_with_ttl(name, ClientOptions::default().ttl)
    }

    /// A client of this name whose session has this TTL.
    pub fn client_with_ttl(&self, name: &str, ttl: Duration) -> Client {
        let options = ClientOptions {
            ttl,
            name: Some(name.to_owned()),
            connect_timeout: PATIENCE,
            request_timeout: PATIENCE,
            background: false,
        };
        Client::open(&self.endpoints(), options).expect("three nodes serve")
    }

    /// The client that looks after the cluster.
    pub fn admin(&self) -> &Client {
        self.admin.as_ref().expect("there from the start")
    }

    /// The process of a node that runs.
    pub fn process(&self, node: NodeId) -> &Child {
        self.nodes[place(node)].as_ref().unwrap_or_else(|| panic!("node {node} does not run"))
    }

    /// `kill -9`.
    pub fn kill(&mut self, node: NodeId) {
        let mut child = self.nodes[place(node)].take().expect("it runs");
        child.kill().expect("a child can be killed");
        child.wait().expect("a child can be waited for");
    }

    /// `kill -9` of all, none of them waiting for another's end.
    pub fn kill_all(&mut self) {
        for child in self.nodes.iter_mut().flatten() {
            child.kill().expect("a child can be killed");
        }
        for mut child in self.nodes.iter_mut().filter_map(Option::take) {
            child.wait().expect("a child can be waited for");
        }
    }

    /// Starts a node that was killed.
    pub fn start_node(&mut self, node: NodeId) {
        assert!(self.nodes[place(node)].is_none(), "node {node} runs");
        let log = File::options().create(true).append(true).open(self.log(node)).expect("a log");
        let member = |(id, address): (usize, &SocketAddr)| format!("{}={address}", id + 1);
        let members: Vec<String> = self.setup.advertised.iter().enumerate().map(member).collect();
        let mut command = tenure();
        command
            .args(["serve", "--id", &node.to_string(), "--cluster", &members.join(",")])
            .args(["--listen", &self.address(node).to_string(), "--data"])
            .arg(self.directory().join(format!("node-{node}")))
            .args(&self.setup.arguments)
            .stdout(Stdio::null())
            .stderr(log);
        if let Some(shim) = &self.setup.trace_shim {
            // One for each process: a killed one may have torn its last record.
            let file = self.directory().join(format!("trace-{}", self.traces.len()));
            command.env("LD_PRELOAD", shim).env("TRACE_FILE", &file);
            self.traces.push((node, file));
        }
        self.nodes[place(node)] = Some(command.spawn().expect("tenure can be run"));
    }

    /// Starts every node that does not run.
    pub fn start_all(&mut self) {
        for node in self.nodes() {
            if self.nodes[place(node)].is_none() {
                self.start_node(node);
            }
        }
    }

    /// Where the shim wrote what each process did, in the order of their starts.
    pub fn traces(&self) -> &[(NodeId, PathBuf)] {
        &self.traces
    }

    /// What `node` says of itself, if it answers.
    pub fn status(&self, node: NodeId) -> Option<NodeStatus> {
        status_at(self.address(node))
    }

    /// The node that leads now.
    pub fn leader(&self) -> NodeId {
        self.leader_among(&self.nodes()).node
    }

    /// The status of the one of `nodes` that leads, asked after a linearizable read: so a quorum had
    /// confirmed a leader just before.
    pub fn leader_among(&self, nodes: &[NodeId]) -> NodeStatus {
        until("a node says that it leads", || {
            self.admin().holder_of("nothing").expect("a quorum serves");
            let leading = nodes.iter().filter_map(|node| self.status(*node));
            let leading = leading.filter(|status| status.role == "leader");
            leading.max_by_key(|status| status.term)
        })
    }

    /// `SIGSTOP`; on return none of its threads runs.
    pub fn stop(&self, node: NodeId) {
        stop(self.process(node));
    }

    /// `SIGCONT`.
    pub fn wake(&self, node: NodeId) {
        process::signal_child(self.process(node), libc::SIGCONT);
    }

    /// Kills the leader and starts it again, and waits until it is a member like the others.
    pub fn kill_leader(&mut self) {
        let leader = self.leader();
        self.kill(leader);
        self.start_node(leader);
        self.wait_caught_up(leader);
    }

    /// Waits until `node` has applied all that was committed when this was called.
    pub fn wait_caught_up(&self, node: NodeId) {
        let others = self.nodes().into_iter().filter(|other| *other != node);
        let commits = others.filter_map(|other| self.status(other)).map(|status| status.commit);
        let commit = commits.max().expect("another node answers");
        until("a node has caught up", || {
            self.admin().holder_of("nothing").expect("a quorum serves");
            self.status(node).filter(|status| status.applied >= commit)
        });
    }

    fn log(&self, node: NodeId) -> PathBuf {
        self.directory().join(format!("node-{node}.log"))
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        for child in self.nodes.iter_mut().flatten() {
            // One that has ended already needs neither.
            let _ = child.kill();
            let _ = child.wait();
        }
        if std::thread::panicking() {
            for node in self.nodes() {
                let log = fs::read_to_string(self.log(node)).unwrap_or_default();
                let lines: Vec<&str> = log.lines().collect();
                let tail = &lines[lines.len().saturating_sub(LOG_LINES_SHOWN)..];
                eprintln!("--- the end of the log of node {node}\n{}", tail.join("\n"));
            }
        }
    }
}

/// What the node at `address` says of itself, if it answers.
fn status_at(address: SocketAddr) -> Option<NodeStatus> {
    Client::status_of(&address.to_string(), STATUS_WAIT).pop()?.1.ok()
}

/// Stops a process, and waits until none of its threads runs.
pub fn stop(child: &Child) {
    process::signal_child(child, libc::SIGSTOP);
    until("all threads of a stopped process stop", || {
        let threads = fs::read_dir(format!("/proc/{}/task", child.id())).expect("it lives");
        let mut states = threads.map(|thread| {
            let path = thread.expect("it lives").path().join("stat");
            let stat = fs::read_to_string(path).expect("it lives");
            // The name in parentheses may hold anything.
            stat.rsplit(") ").next().and_then(|rest| rest.chars().next())
        });
        states.all(|state| state == Some('T')).then_some(())
    });
}

/// `tenure`, told by arguments alone, killed with us.
pub fn tenure() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tenure"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("TENURE_") {
            command.env_remove(name);
        }
    }
    process::die_with_parent(&mut command);
    command.stdin(Stdio::null());
    command
}

/// Addresses as `--endpoints` has them.
pub fn list(addresses: &[SocketAddr]) -> String {
    addresses.iter().map(SocketAddr::to_string).collect::<Vec<_>>().join(",")
}

/// A directory on the real disk, gone with its owner.
pub fn scratch() -> TempDir {
    tempfile::Builder::new()
        .prefix("processes-")
        .tempdir_in(env!("CARGO_TARGET_TMPDIR"))
        .expect("the target directory is writable")
}

/// Each token is larger than the one before it (safety L3).
#[track_caller]
pub fn check_rising(tokens: &[Token]) {
    for pair in tokens.windows(2) {
        assert!(pair[0] < pair[1], "token {} was followed by {}", pair[0], pair[1]);
    }
}

fn place(node: NodeId) -> usize {
    usize::try_from(node.0).expect("a small id") - 1
}

static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
/// A stopped node does not answer at all; a running one does within a turn.
const STATUS_WAIT: Duration = Duration::from_secs(2);
const LOG_LINES_SHOWN: usize = 40;
