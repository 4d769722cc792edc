//! A cluster of nodes in this process, for `demo`, `dev` and `bench --embedded`.

use crate::cli::failure::Failure;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tenure::base::NodeId;
use tenure::node::{Leadership, Node, NodeOptions, NodeTls};

/// Nodes with a data directory each; those that were killed are empty places until restarted.
#[derive(Debug)]
pub struct LocalCluster {
    data: PathBuf,
    members: Vec<(NodeId, String)>,
    nodes: Vec<Option<Node>>,
    /// The longest TTL of a session; `None`: a node's default.
    ttl_max: Option<Duration>,
    /// TLS of each node; `None`: plaintext.
    tls: Vec<Option<NodeTls>>,
}

impl LocalCluster {
    /// Starts one node on each of `listeners`, with directories below `data`.
    ///
    /// # Errors
    /// Those of `Node::start`.
    #[cfg(feature = "lab")]
    pub fn start(data: &Path, listeners: Vec<TcpListener>) -> Result<Self, Failure> {
        Self::start_with(data, listeners, None, &|_| None)
    }

    /// As [`Self::start`], with another bound on the TTLs of sessions, and with TLS of each node.
    ///
    /// # Errors
    /// Those of `Node::start`.
    pub fn start_with(
        data: &Path,
        listeners: Vec<TcpListener>,
        ttl_max: Option<Duration>,
        tls: &dyn Fn(NodeId) -> Option<NodeTls>,
    ) -> Result<Self, Failure> {
        let mut members = Vec::new();
        for (id, listener) in (1..).zip(&listeners) {
            let address = listener.local_addr().map_err(|error| {
                Failure::unavailable(format!("a listening socket has no address: {error}"))
            })?;
            members.push((NodeId(id), address.to_string()));
        }
        let tls = members.iter().map(|(id, _)| tls(*id)).collect();
        let mut cluster = Self { data: data.to_owned(), members, nodes: Vec::new(), ttl_max, tls };
        for (place, listener) in listeners.into_iter().enumerate() {
            let options = cluster.options(place).listener(listener);
            cluster.nodes.push(Some(Node::start(options)?));
        }
        Ok(cluster)
    }

    /// All nodes' addresses, for clients.
    #[must_use]
    pub fn endpoints(&self) -> String {
        self.members.iter().map(|(_, address)| address.as_str()).collect::<Vec<_>>().join(",")
    }

    /// Each node's id and address, and its view of the leadership if it runs. No claim of a lease
    /// is asked for (C3).
    pub fn nodes(&self) -> impl Iterator<Item = (NodeId, &str, Option<Leadership>)> {
        self.members.iter().zip(&self.nodes).map(|((id, address), node)| {
            (*id, address.as_str(), node.as_ref().map(Node::known_leader))
        })
    }

    /// Stops `id` without a hand-over or a farewell: its connections close, as when a process is
    /// killed.
    ///
    /// # Errors
    /// Its thread did not end.
    pub fn kill(&mut self, id: NodeId) -> Result<(), Failure> {
        let place = self.place(id);
        match self.nodes[place].take() {
            Some(node) => Ok(node.stop(None)?),
            None => Ok(()),
        }
    }

    /// Starts `id` again on its own directory and port; nothing if it runs.
    ///
    /// # Errors
    /// Those of `Node::start`.
    pub fn restart(&mut self, id: NodeId) -> Result<(), Failure> {
        let place = self.place(id);
        if self.nodes[place].is_none() {
            self.nodes[place] = Some(Node::start(self.options(place))?);
        }
        Ok(())
    }

    fn options(&self, place: usize) -> NodeOptions {
        let id = self.members[place].0;
        let data = self.data.join(format!("node-{id}"));
        let mut options = NodeOptions::new(id, data, self.members.clone());
        options.tls.clone_from(&self.tls[place]);
        let ttl_max = self.ttl_max.unwrap_or(options.ttl_max);
        options.ttl_max(ttl_max)
    }

    fn place(&self, id: NodeId) -> usize {
        let place = self.members.iter().position(|(member, _)| *member == id);
        place.expect("the id came from this cluster")
    }
}

#[cfg(feature = "lab")]
impl LocalCluster {
    /// The node that holds the leader lease now.
    #[must_use]
    pub fn leader(&self) -> Option<NodeId> {
        let mut running = self.nodes.iter().flatten();
        running.find(|node| node.leadership().is_leader).map(Node::id)
    }

    /// The node that holds the leader lease, once one does. All of them run.
    ///
    /// # Errors
    /// None does within `wait`.
    pub fn wait_for_leader(&self, wait: Duration) -> Result<&Node, Failure> {
        let running = || self.nodes.iter().flatten();
        let first = running().next().expect("a cluster has a node that runs");
        let elected = wait_until(first, wait, |seen| seen.leader.is_some())?.leader;
        let node = running().find(|node| Some(node.id()) == elected);
        let node = node.ok_or_else(|| Failure::unavailable("the leader does not run any more"))?;
        wait_until(node, wait, |seen| seen.is_leader).map(|_| node)
    }
}

/// The leadership as `node` sees it, once it satisfies the condition; each change may take as long
/// as `wait`.
#[cfg(feature = "lab")]
fn wait_until(
    node: &Node,
    wait: Duration,
    is_so: impl Fn(&Leadership) -> bool,
) -> Result<Leadership, Failure> {
    let mut seen = node.leadership();
    while !is_so(&seen) {
        seen = node.next(Some(wait)).map_err(|_| {
            Failure::unavailable(format!("no leader within {wait:?}: is this machine overloaded?"))
        })?;
    }
    Ok(seen)
}
