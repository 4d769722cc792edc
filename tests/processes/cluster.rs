//! Three `tenure serve` processes: started, killed, stopped and asked.

use crate::common::free_ports::free_port;
use crate::common::nodes::{self, Nodes};
use crate::common::quiet::quiet;
use crate::patience::{PATIENCE, until};
use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
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
    /// More arguments of `tenure serve`, for those that found the cluster.
    pub arguments: Vec<&'static str>,
    /// The same for those that join it.
    pub joiner_arguments: Vec<&'static str>,
    /// The snapshot that the founders' directories are restored from.
    pub restored: Option<Restored>,
    /// How many descriptors each node may have.
    pub descriptors: Option<u64>,
    /// Whose syncs can be held up.
    pub stall_shim: Option<StallShim>,
    /// Where the nodes have their admin endpoints; empty: nowhere.
    pub admin: Vec<SocketAddr>,
    /// A library that is loaded before all others and writes what a node does to the file that TRACE_FILE
    /// names.
    pub trace_shim: Option<PathBuf>,
}

impl Setup {
    /// As [`Setup::new`], each with an admin endpoint.
    pub fn with_admin() -> Self {
        let admin = std::iter::repeat_with(free_address).take(3).collect();
        Self { admin, ..Self::new() }
    }

    /// Three nodes on ports that are free now.
    pub fn new() -> Self {
        let listen: Vec<SocketAddr> = std::iter::repeat_with(free_address).take(3).collect();
        Self {
            advertised: listen.clone(),
            listen,
            arguments: Vec::new(),
            joiner_arguments: Vec::new(),
            restored: None,
            descriptors: None,
            stall_shim: None,
            admin: Vec::new(),
            trace_shim: None,
        }
    }
}

/// A snapshot's file, and how each founder is restored from it.
#[derive(Clone, Debug)]
pub struct Restored {
    /// What `tenure snapshot save` made.
    pub file: PathBuf,
    /// More arguments of `tenure snapshot restore`, for each founder.
    pub arguments: [Vec<&'static str>; 3],
}

/// A library that is loaded before all others and holds up a node's syncs as long as its test wants.
#[derive(Clone, Debug)]
pub struct StallShim {
    /// Where it is.
    pub library: PathBuf,
    /// How the names of the files begin that it is about; empty: all.
    pub prefix: &'static str,
}

/// The processes, and a client that looks after them. Dropped all are killed; the ends of their logs are
/// shown if the test has failed.
#[derive(Debug)]
pub struct Cluster {
    setup: Setup,
    /// The first of the nodes; those behind them join.
    founders: usize,
    nodes: Nodes,
    admin: Option<Client>,
    traces: Vec<(NodeId, PathBuf)>,
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
        let mut cluster = Self::found(setup);
        cluster.admin = Some(cluster.client("admin"));
        cluster
    }

    /// Starts three nodes as told, which may never serve.
    pub fn found(setup: Setup) -> Self {
        let turn = turn();
        let founders = setup.listen.len();
        let nodes = Nodes::new(founders, scratch());
        let traces = Vec::new();
        let mut cluster = Self { setup, founders, nodes, admin: None, traces, _turn: turn };
        for node in cluster.nodes() {
            cluster.restore(node);
        }
        cluster.start_all();
        cluster
    }

    /// A place for one more node, which can join once it is added.
    pub fn reserve(&mut self) -> NodeId {
        let address = free_address();
        self.setup.listen.push(address);
        self.setup.advertised.push(address);
        NodeId(self.nodes.reserve() as u64)
    }

    /// All ids.
    pub fn nodes(&self) -> Vec<NodeId> {
        self.nodes.ids().map(|id| NodeId(id as u64)).collect()
    }

    /// The advertised addresses, for clients.
    pub fn endpoints(&self) -> String {
        list(&self.setup.advertised)
    }

    /// Where `node` listens itself.
    pub fn address(&self, node: NodeId) -> SocketAddr {
        self.setup.listen[place(node)]
    }

    /// Where `node` has its admin endpoint.
    pub fn admin_address(&self, node: NodeId) -> SocketAddr {
        self.setup.admin[place(node)]
    }

    /// From its next start `node` listens elsewhere; where.
    pub fn relocate(&mut self, node: NodeId) -> SocketAddr {
        let address = free_address();
        self.setup.listen[place(node)] = address;
        self.setup.advertised[place(node)] = address;
        address
    }

    /// Where clients and peers find `node`.
    pub fn advertised(&self, node: NodeId) -> SocketAddr {
        self.setup.advertised[place(node)]
    }

    /// The data directory of `node`.
    pub fn data(&self, node: NodeId) -> PathBuf {
        self.nodes.data(number(node))
    }

    /// A directory that lives as long as the cluster.
    pub fn directory(&self) -> &Path {
        self.nodes.directory()
    }

    /// A client of this name, with a session of default length.
    pub fn client(&self, name: &str) -> Client {
        self.client_with_ttl(name, ClientOptions::default().ttl)
    }

    /// A client of this name whose session has this TTL.
    pub fn client_with_ttl(&self, name: &str, ttl: Duration) -> Client {
        let options = ClientOptions::new()
            .ttl(ttl)
            .name(name)
            .connect_timeout(PATIENCE)
            .request_timeout(PATIENCE);
        Client::open(&self.endpoints(), options).expect("three nodes serve")
    }

    /// The client that looks after the cluster.
    pub fn admin(&self) -> &Client {
        self.admin.as_ref().expect("there from the start")
    }

    /// The process of a node that runs.
    pub fn process(&self, node: NodeId) -> &Child {
        self.nodes.process(number(node))
    }

    /// `kill -9`.
    pub fn kill(&mut self, node: NodeId) {
        self.nodes.kill(number(node));
    }

    /// `kill -9` of all, none of them waiting for another's end.
    pub fn kill_all(&mut self) {
        self.nodes.kill_all();
    }

    /// SIGTERM, and the end that follows, which is one in good order.
    pub fn terminate(&mut self, node: NodeId) {
        process::signal_child(self.process(node), libc::SIGTERM);
        let (status, log) = self.wait_ended(node);
        assert!(status.success(), "node {node}: {status}\n{log}");
    }

    /// Waits until a node has ended; how, and all that it logged.
    pub fn wait_ended(&mut self, node: NodeId) -> (ExitStatus, String) {
        let status = until("a node ends", || self.nodes.ended(number(node)));
        (status, self.logged(node))
    }

    /// The next of the nodes that ends by itself; how, and all that it logged.
    pub fn wait_for_an_end(&mut self) -> (ExitStatus, String) {
        let (node, status) = until("a node ends", || {
            let mut nodes = self.nodes().into_iter();
            nodes.find_map(|node| Some((node, self.nodes.ended(number(node))?)))
        });
        (status, self.logged(node))
    }

    /// Starts a node that does not run.
    pub fn start_node(&mut self, node: NodeId) {
        let log = File::options().create(true).append(true).open(self.log(node)).expect("a log");
        let tenure = self.setup.descriptors.map_or_else(tenure, with_descriptors);
        let mut command = self.nodes.serve(tenure, number(node));
        command.args(["--listen", &self.address(node).to_string()]);
        command.stdout(Stdio::null()).stderr(log);
        if place(node) < self.founders {
            command.args(["--cluster", &self.members()]).args(&self.setup.arguments);
        } else {
            let joined = list(&self.setup.advertised[..self.founders]);
            command.args(["--join", &joined]).args(&self.setup.joiner_arguments);
        }
        if let Some(admin) = self.setup.admin.get(place(node)) {
            command.args(["--admin", &admin.to_string()]);
        }
        if let Some(shim) = &self.setup.trace_shim {
            // One for each process: a killed one may have torn its last record.
            let file = self.directory().join(format!("trace-{}", self.traces.len()));
            command.env("LD_PRELOAD", shim).env("TRACE_FILE", &file);
            self.traces.push((node, file));
        }
        if let Some(shim) = &self.setup.stall_shim {
            command.env("LD_PRELOAD", &shim.library).env("STALL_PREFIX", shim.prefix);
            command.env("STALL_FILE", self.stall_file(node));
        }
        self.nodes.start(number(node), &mut command);
    }

    /// From now on no sync of `node` returns that its shim is about.
    pub fn stall(&self, node: NodeId) {
        File::create(self.stall_file(node)).expect("a file");
    }

    /// They return again.
    pub fn end_stall(&self, node: NodeId) {
        fs::remove_file(self.stall_file(node)).expect("it is stalled");
    }

    /// Starts every node that does not run.
    pub fn start_all(&mut self) {
        for node in self.nodes() {
            if !self.nodes.runs(number(node)) {
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

    /// The founders as --cluster has them.
    fn members(&self) -> String {
        nodes::members(&self.setup.advertised[..self.founders])
    }

    /// Makes the directory of a founder as the setup says.
    fn restore(&self, node: NodeId) {
        let Some(Restored { file, arguments }) = &self.setup.restored else { return };
        let mut command = tenure();
        command.args(["snapshot", "restore", "--id", &node.to_string(), "--data"]);
        command.arg(self.data(node)).args(["--cluster", &self.members()]);
        let output = command.args(&arguments[place(node)]).arg(file).output();
        let output = output.expect("tenure can be run");
        let complaints = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{}: {complaints}", output.status);
    }

    fn stall_file(&self, node: NodeId) -> PathBuf {
        self.directory().join(format!("stall-{node}"))
    }

    fn log(&self, node: NodeId) -> PathBuf {
        self.directory().join(format!("node-{node}.log"))
    }

    fn logged(&self, node: NodeId) -> String {
        fs::read_to_string(self.log(node)).expect("a log")
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.nodes.kill_all();
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
    let mut command = quiet(env!("CARGO_BIN_EXE_tenure"));
    process::die_with_parent(&mut command);
    command
}

/// `tenure` that may have so many descriptors.
fn with_descriptors(count: u64) -> Command {
    let mut command = quiet("sh");
    command.args(["-c", "ulimit -n \"$0\" && exec \"$@\"", &count.to_string()]);
    command.arg(env!("CARGO_BIN_EXE_tenure"));
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

/// Two cores carry one cluster at a time: held as long as one runs.
pub fn turn() -> MutexGuard<'static, ()> {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner)
}

fn free_address() -> SocketAddr {
    (Ipv4Addr::LOCALHOST, free_port()).into()
}

fn number(node: NodeId) -> usize {
    usize::try_from(node.0).expect("a small id")
}

fn place(node: NodeId) -> usize {
    number(node) - 1
}

/// A stopped node does not answer at all; a running one does within a turn.
const STATUS_WAIT: Duration = Duration::from_secs(2);
const LOG_LINES_SHOWN: usize = 40;
