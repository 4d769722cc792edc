//! A node in this process, as programs see it.

use crate::Error;
use crate::base::{NodeId, Term, Token};
use std::net::TcpListener;
use std::os::fd::RawFd;
use std::path::PathBuf;
use std::time::Duration;

/// How a node is started.
#[derive(Debug)]
pub struct NodeOptions {
    /// This node, 1 or larger.
    pub id: NodeId,
    /// Its data directory; made if it does not exist.
    pub data_dir: PathBuf,
    /// All members with the addresses ("host:port") that peers and clients dial.
    pub cluster: Vec<(NodeId, String)>,
    /// Where to listen; `None`: at its own address in `cluster`.
    pub listen: Option<String>,
    /// A socket that listens already, instead of `listen`: for tests that let the system choose ports.
    pub listener: Option<TcpListener>,
    /// Heartbeats of a leader; 30 ms.
    pub heartbeat: Duration,
    /// Smallest election timeout; 150 ms, the largest is twice that.
    pub election: Duration,
    /// Δ of the leader lease; 150 ms.
    pub lease: Duration,
    /// Listen on more than loopback although nothing is encrypted.
    pub insecure: bool,
}

impl NodeOptions {
    /// The defaults, for this member of this cluster.
    pub fn new(id: NodeId, data_dir: impl Into<PathBuf>, cluster: Vec<(NodeId, String)>) -> Self {
        Self {
            id,
            data_dir: data_dir.into(),
            cluster,
            listen: None,
            listener: None,
            heartbeat: Duration::from_millis(30),
            election: Duration::from_millis(150),
            lease: Duration::from_millis(150),
            insecure: false,
        }
    }
}

/// The members that "1=host:port,2=host:port,…" names.
///
/// # Errors
/// INVALID: says which part is wrong and how it must look.
#[allow(unused_variables)]
pub fn parse_cluster(text: &str) -> Result<Vec<(NodeId, String)>, Error> {
    todo!()
}

/// What a node knows of the leader lease, at one instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leadership {
    /// `remaining > 0` (C4).
    pub is_leader: bool,
    /// The leader that was heard in this term, or `None`.
    pub leader: Option<NodeId>,
    /// The term.
    pub term: Term,
    /// epoch·2⁴⁸ + term while claimed, else 0.
    pub token: Token,
    /// What is left of the claim.
    pub remaining: Duration,
}

/// A running node. Dropped it stops.
#[derive(Debug)]
pub struct Node {}

#[allow(unused_variables)]
impl Node {
    /// Recovers the data directory, listens, and starts the loop thread. Needs no quorum.
    ///
    /// # Errors
    /// INVALID (options), IO (port in use, directory), CORRUPT, LIMIT: one sentence that says what to do.
    pub fn start(options: NodeOptions) -> Result<Self, Error> {
        todo!()
    }

    /// The address that it listens on.
    #[must_use]
    pub fn address(&self) -> std::net::SocketAddr {
        todo!()
    }

    /// All members' addresses as an endpoint list for a client, this node's own first.
    #[must_use]
    pub fn endpoints(&self) -> String {
        todo!()
    }

    /// Whether this node leads, until when, under which token. Local and lock-free, one snapshot.
    #[must_use]
    pub fn leadership(&self) -> Leadership {
        todo!()
    }

    /// Readable while [`Node::next`] has something, also when a claim lapses with the loop wedged. `None`
    /// when the process has no descriptor left.
    #[must_use]
    pub fn fd(&self) -> Option<RawFd> {
        todo!()
    }

    /// The next change of leadership (of leader, term, or claim); first the present. Waits at most `wait`
    /// (`None`: for ever).
    ///
    /// # Errors
    /// AGAIN: nothing changed in time. IO, CORRUPT, INTERNAL: the node has ended, and why. CLOSED: stopped.
    pub fn next(&self, wait: Option<Duration>) -> Result<Leadership, Error> {
        todo!()
    }

    /// Why the node ended by itself, if it did.
    #[must_use]
    pub fn failure(&self) -> Option<Error> {
        todo!()
    }

    /// Stops the loop: connections are closed, the directory is unlocked. Idempotent. Waits at most
    /// `wait` for the thread to end (`None`: for ever).
    ///
    /// # Errors
    /// TIMEOUT: it still runs (a disk that hangs).
    pub fn stop(&self, wait: Option<Duration>) -> Result<(), Error> {
        todo!()
    }
}
