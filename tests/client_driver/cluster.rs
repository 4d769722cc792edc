//! Three real nodes in this process, and what the tests ask of their clients.

use crate::common::founders::Founders;
use std::os::fd::RawFd;
use std::thread;
use std::time::Duration;
use tenure::client::{AcquireOptions, Client, ClientOptions, Lease, Pending, Wait};
use tenure::lock::Name;
use tenure::node::Node;
use tenure::sys::poll::{self, Interest, Ready};
use tenure::wire::{Query, ReadAnswer};
use tenure::{Error, Status};

pub struct Cluster {
    pub nodes: Vec<Node>,
    pub endpoints: String,
    _founders: Founders,
}

impl Cluster {
    pub fn start() -> Self {
        let mut founders = Founders::new(3, tempfile::tempdir().unwrap());
        let nodes = founders.start_all();
        Self { nodes, endpoints: founders.endpoints(), _founders: founders }
    }

    pub fn client(&self) -> Client {
        self.open(ClientOptions::default())
    }

    /// A client that others know by this name.
    pub fn client_called(&self, name: &str) -> Client {
        self.open(ClientOptions::new().name(name))
    }

    /// A client whose session lives so long without its servers.
    pub fn client_of_ttl(&self, ttl: Duration) -> Client {
        self.open(ClientOptions::new().ttl(ttl))
    }

    pub fn open(&self, options: ClientOptions) -> Client {
        // However busy the machine is.
        let timeout = Duration::from_secs(60);
        let options = options.connect_timeout(timeout).request_timeout(timeout);
        Client::open(&self.endpoints, options).unwrap()
    }

    /// Ends the leader without any goodbye to clients but the closed connections.
    pub fn stop_leader(&mut self) {
        let leader = loop {
            let leads = |node: &Node| node.leadership().is_leader;
            if let Some(at) = self.nodes.iter().position(leads) {
                break at;
            }
            thread::yield_now();
        };
        drop(self.nodes.remove(leader));
    }
}

pub fn options() -> AcquireOptions {
    AcquireOptions::default()
}

pub fn is_readable(fd: RawFd, timeout: Option<Duration>) -> bool {
    let mut set = [(fd, Interest::Read, Ready::default())];
    poll::wait(&mut set, timeout).unwrap();
    set[0].2.readable
}

/// A lock of this name, however long that takes.
pub fn hold(client: &Client, name: &str) -> Lease {
    client.acquire(name, Wait::Forever, options()).unwrap()
}

/// Waits for a lock, behind all who wait already.
pub fn wait_for(client: &Client, name: &str) -> Pending {
    wait_with(client, name, options())
}

/// As [`wait_for`], with options.
pub fn wait_with(client: &Client, name: &str, options: AcquireOptions) -> Pending {
    let before = waiting(client, name);
    let pending = client.acquire_start(name, Wait::Forever, options).unwrap();
    // The server says when it stands in the queue.
    while waiting(client, name) == before {}
    pending
}

/// How many wait for `name`.
pub fn waiting(client: &Client, name: &str) -> u32 {
    match client.read(Query::Lock { name: Name::try_from(name).unwrap() }).unwrap() {
        ReadAnswer::Lock { lock, .. } => lock.map_or(0, |lock| lock.waiting),
        other => panic!("{other:?}"),
    }
}

/// The status of what failed.
pub fn status<T: std::fmt::Debug>(result: Result<T, Error>) -> Status {
    result.unwrap_err().status
}
