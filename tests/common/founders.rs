//! Members of a cluster in this process, on ports that the system chooses.

use std::net::TcpListener;
use tempfile::TempDir;
use tenure::base::NodeId;
use tenure::node::{Node, NodeOptions};

/// The directories and sockets of members that are started one by one, and again.
pub struct Founders {
    pub directory: TempDir,
    pub members: Vec<(NodeId, String)>,
    listeners: Vec<Option<TcpListener>>,
}

impl Founders {
    /// So many members, numbered from 1, whose data lies below `directory`.
    pub fn new(size: u64, directory: TempDir) -> Self {
        let listeners: Vec<_> =
            (0..size).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
        let members = (1..)
            .zip(&listeners)
            .map(|(id, listener)| (NodeId(id), listener.local_addr().unwrap().to_string()))
            .collect();
        Self { directory, members, listeners: listeners.into_iter().map(Some).collect() }
    }

    /// All addresses, for clients.
    pub fn endpoints(&self) -> String {
        let addresses: Vec<&str> = self.members.iter().map(|(_, address)| &**address).collect();
        addresses.join(",")
    }

    /// The options of a member, with its socket the first time.
    pub fn options(&mut self, id: u64) -> NodeOptions {
        let data = self.directory.path().join(id.to_string());
        let mut options = NodeOptions::new(NodeId(id), data, self.members.clone());
        options.listener = self.listeners[id as usize - 1].take();
        options
    }

    pub fn start_all(&mut self) -> Vec<Node> {
        (1..=self.members.len() as u64).map(|id| Node::start(self.options(id)).unwrap()).collect()
    }
}
