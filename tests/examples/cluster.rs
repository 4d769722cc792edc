//! Three nodes in this process.

use crate::common::founders::Founders;
use crate::common::free_ports::free_port;
use tenure::client::{Client, ClientOptions};
use tenure::node::Node;

pub struct Cluster {
    pub endpoints: String,
    _nodes: Vec<Node>,
    _founders: Founders,
}

impl Cluster {
    pub fn start() -> Self {
        let mut founders = Founders::new(3, tempfile::tempdir().unwrap());
        let nodes = founders.start_all();
        Self { endpoints: founders.endpoints(), _nodes: nodes, _founders: founders }
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
