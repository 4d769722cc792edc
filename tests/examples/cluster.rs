//! Three nodes in this process.

use crate::free_ports::free_port;
use std::net::TcpListener;
use tenure::base::NodeId;
use tenure::client::{Client, ClientOptions};
use tenure::node::{Node, NodeOptions};

pub struct Cluster {
    pub endpoints: String,
    _nodes: Vec<Node>,
    _directory: tempfile::TempDir,
}

impl Cluster {
    pub fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let listeners = [(); 3].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
        let members: Vec<_> = (1..)
            .map(NodeId)
            .zip(listeners.iter().map(|listener| listener.local_addr().unwrap().to_string()))
            .collect();
        let endpoints: Vec<String> = members.iter().map(|(_, address)| address.clone()).collect();
        let nodes = listeners
            .into_iter()
            .zip(&members)
            .map(|(listener, (id, _))| {
                let data_dir = directory.path().join(id.to_string());
                let options = NodeOptions::new(*id, data_dir, members.clone());
                Node::start(options.listener(listener)).unwrap()
            })
            .collect();
        Self { endpoints: endpoints.join(","), _nodes: nodes, _directory: directory }
    }

    pub fn client(&self) -> Client {
        Client::open(&self.endpoints, ClientOptions::default()).unwrap()
    }
}

/// `1=127.0.0.1:port,…` of three ports that nobody listens on.
pub fn free_members() -> String {
    let members: Vec<String> =
        (1..=3).map(|id| format!("{id}=127.0.0.1:{}", free_port())).collect();
    members.join(",")
}
