//! Three nodes in this process, and clients of them.

use std::net::TcpListener;
use std::time::Duration;
use tempfile::TempDir;
use tenure::base::NodeId;
use tenure::client::{AcquireOptions, Client, ClientOptions, Lease, Pending, Wait};
use tenure::lock::Mode;
use tenure::node::{Node, NodeOptions};
use tenure::sys::poll::{self, Interest, Ready};
use tenure::{Error, Status};

pub struct Cluster {
    nodes: Vec<Node>,
    endpoints: String,
    _directory: TempDir,
}

impl Cluster {
    pub fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let listeners: Vec<_> = (0..3).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
        let address = |listener: &TcpListener| listener.local_addr().unwrap().to_string();
        let members: Vec<_> = (1..).map(NodeId).zip(listeners.iter().map(address)).collect();
        let endpoints: Vec<_> = members.iter().map(|(_, address)| address.clone()).collect();
        let start = |(listener, (id, _)): (TcpListener, &(NodeId, String))| {
            let data = directory.path().join(id.to_string());
            let options = NodeOptions::new(*id, data, members.clone());
            Node::start(NodeOptions { listener: Some(listener), ..options }).unwrap()
        };
        let nodes = listeners.into_iter().zip(&members).map(start).collect();
        Self { nodes, endpoints: endpoints.join(","), _directory: directory }
    }

    /// A client that others see by this name.
    pub fn client(&self, name: &str) -> Client {
        self.client_with(name, ClientOptions::default())
    }

    pub fn client_with(&self, name: &str, options: ClientOptions) -> Client {
        let connect_timeout = PATIENCE;
        let name = Some(name.to_owned());
        Client::open(&self.endpoints, ClientOptions { name, connect_timeout, ..options }).unwrap()
    }

    /// Ends the leader without a word.
    pub fn drop_leader(&mut self) {
        let leader = loop {
            if let Some(at) = self.nodes.iter().position(|node| node.leadership().is_leader) {
                break at;
            }
            std::thread::yield_now();
        };
        drop(self.nodes.remove(leader));
    }
}

/// An exclusive lock.
pub fn exclusive() -> AcquireOptions {
    AcquireOptions::default()
}

pub fn shared() -> AcquireOptions {
    AcquireOptions { mode: Mode::Shared, ..AcquireOptions::default() }
}

/// So many permits of a semaphore of that size.
pub fn counted(permits: u32, limit: u32) -> AcquireOptions {
    AcquireOptions { permits, limit, ..AcquireOptions::default() }
}

pub fn owned(owner: u64) -> AcquireOptions {
    AcquireOptions { owner, ..AcquireOptions::default() }
}

/// Waits as long as it takes.
pub fn take(pending: &Pending) -> Lease {
    pending.take(Wait::Forever).unwrap()
}

/// The status with which it fails.
pub fn status<T: std::fmt::Debug>(result: Result<T, Error>) -> Status {
    result.unwrap_err().status
}

/// Waits until `name` has that many in its queue.
pub fn wait_for_queue(client: &Client, name: &str, length: u64) {
    let waiting = || {
        let text = client.describe("lock", name).unwrap();
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        value["locks"][0]["waiting"].as_u64()
    };
    while waiting() != Some(length) {
        std::thread::yield_now();
    }
}

/// Waits until `fd` is readable.
pub fn wait_readable(fd: Option<std::os::fd::RawFd>) {
    let mut set = [(fd.expect("a descriptor is left"), Interest::Read, Ready::default())];
    poll::wait(&mut set, None).unwrap();
    assert!(set[0].2.readable);
}

/// Long enough for a slow machine.
pub const PATIENCE: Duration = Duration::from_secs(60);
