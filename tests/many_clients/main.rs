//! Many clients of one process: what they cost it, and that none of them holds up another.
//!
//! Threads and descriptors are the whole process's, so one test runs at a time.

#[path = "../common/scripted.rs"]
mod scripted;

mod costs;
mod hanging_log;
mod starvation;

use parking_lot::{Mutex, MutexGuard};
use std::net::TcpListener;
use std::os::fd::RawFd;
use std::time::Duration;
use tempfile::TempDir;
use tenure::base::NodeId;
use tenure::client::{AcquireOptions, Client, ClientOptions, Lease, Pending, Wait};
use tenure::node::{Node, NodeOptions};
use tenure::sys::poll::{self, Interest, Ready};

/// A cluster of one node, which no other test disturbs.
struct Cluster {
    node: Node,
    _directory: TempDir,
    _turn: MutexGuard<'static, ()>,
}

impl Cluster {
    fn start() -> Self {
        static TURN: Mutex<()> = Mutex::new(());
        let turn = TURN.lock();
        let directory = tempfile::tempdir().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let members = vec![(NodeId(1), listener.local_addr().unwrap().to_string())];
        let options = NodeOptions::new(NodeId(1), directory.path(), members);
        let node = Node::start(options.listener(listener)).unwrap();
        Self { node, _directory: directory, _turn: turn }
    }

    fn client(&self) -> Client {
        self.client_of_ttl(HOUR)
    }

    fn client_of_ttl(&self, ttl: Duration) -> Client {
        Client::open(&self.node.endpoints(), patient().ttl(ttl)).unwrap()
    }
}

/// However busy the machine is.
fn patient() -> ClientOptions {
    ClientOptions::new().connect_timeout(PATIENT).request_timeout(PATIENT)
}

fn hold(client: &Client, name: &str) -> Lease {
    client.acquire(name, Wait::Forever, AcquireOptions::new()).unwrap()
}

fn start(client: &Client, name: &str) -> Pending {
    client.acquire_start(name, Wait::Forever, AcquireOptions::new()).unwrap()
}

/// Whether `pending` is decided by the clients' own thread, which alone reads what comes for it.
fn is_decided(pending: &Pending) -> bool {
    is_readable(pending.fd().unwrap(), PATIENT)
}

fn is_readable(fd: RawFd, wait: Duration) -> bool {
    let mut set = [(fd, Interest::Read, Ready::default())];
    poll::wait(&mut set, Some(wait)).unwrap();
    set[0].2.readable
}

/// Waits for a renewal: only one that was acknowledged makes what remains longer.
fn see_renewal(lease: &Lease) {
    let (fd, mut before) = (lease.fd().unwrap(), lease.remaining());
    loop {
        // It says when the lease is lost; meanwhile others may run.
        is_readable(fd, Duration::from_millis(20));
        let remaining = lease.remaining();
        assert!(!remaining.is_zero(), "{} was not renewed", lease.name());
        if remaining > before {
            return;
        }
        before = remaining;
    }
}

/// The ids of this process's threads that have this name.
fn threads(name: &str) -> Vec<i32> {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    tasks
        .filter_map(|task| {
            let task = task.ok()?;
            let found = std::fs::read_to_string(task.path().join("comm")).ok()?;
            (found.trim() == name).then(|| task.file_name().to_str()?.parse().ok())?
        })
        .collect()
}

/// The thread that serves clients.
const SERVING: &str = "tenure-clients";
/// However busy the machine is.
const PATIENT: Duration = Duration::from_secs(60);
/// So long that nothing is renewed meanwhile.
const HOUR: Duration = Duration::from_secs(3600);
