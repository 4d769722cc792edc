//! Clusters in this process, on ports that the system chooses.

use crate::common::founders::Founders;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tenure::base::{NodeId, Principal, Verify};
use tenure::certs::{Authority, Existing, Lifetime};
use tenure::client::{AcquireOptions, Client, ClientOptions, Wait};
use tenure::net::{TlsDialer, TlsFiles};
use tenure::node::{Leadership, Node, NodeOptions, NodeTls};

/// A cluster whose nodes are started one by one.
pub struct Cluster {
    founders: Founders,
    is_secured: bool,
}

impl Cluster {
    pub fn new(size: u64) -> Self {
        Self { founders: Founders::new(size, tempfile::tempdir().unwrap()), is_secured: false }
    }

    pub fn members(&self) -> &[(NodeId, String)] {
        &self.founders.members
    }

    /// The options of a member, with its socket the first time.
    pub fn options(&mut self, id: u64) -> NodeOptions {
        let mut options = self.founders.options(id);
        let file = |name: String| self.founders.directory.path().join("certs").join(name);
        options.tls = self.is_secured.then(|| {
            let own = ["crt", "key"].map(|end| file(format!("node-{id}.{end}")));
            NodeTls::new(file("ca.crt".to_owned()), &own[0], &own[1])
        });
        options
    }

    /// Nodes that are started from now on demand TLS. For a client that has a certificate.
    pub fn papers(&mut self) -> TlsDialer {
        let directory = self.founders.directory.path().join("certs");
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let lifetime = Lifetime { now, days: None };
        let authority = Authority::create(lifetime).unwrap();
        authority.issued().save(&directory, "ca", Existing::Kept).unwrap();
        for (id, _) in self.members() {
            let hosts = ["127.0.0.1".parse().unwrap()];
            let issued = authority.issue(&Principal::Node(*id), &hosts, lifetime).unwrap();
            issued.save(&directory, &format!("node-{id}"), Existing::Kept).unwrap();
        }
        let client = Principal::Client("test".parse().unwrap());
        let issued = authority.issue(&client, &[], lifetime).unwrap();
        let saved = issued.save(&directory, "client", Existing::Kept).unwrap();
        self.is_secured = true;
        let own = Some((saved.certificate, saved.key));
        let files = TlsFiles { ca: directory.join("ca.crt"), own, ..TlsFiles::default() };
        TlsDialer::read(&files, Verify::Host).unwrap()
    }

    pub fn start(&mut self, id: u64) -> Node {
        Node::start(self.options(id)).unwrap()
    }

    pub fn start_all(&mut self) -> Vec<Node> {
        (1..=self.members().len() as u64).map(|id| self.start(id)).collect()
    }
}

/// Waits until what `node` says of leadership is as asked.
pub fn wait_until(node: &Node, is_so: impl Fn(&Leadership) -> bool) -> Leadership {
    loop {
        let seen = node.next(Some(Duration::from_secs(60))).expect("it changes within a minute");
        if is_so(&seen) {
            return seen;
        }
    }
}

/// Waits until all of them know the same leader in the same term; gives its position.
pub fn wait_for_leader(nodes: &[Node]) -> usize {
    loop {
        let seen = nodes.iter().map(wait_until_known).collect::<Vec<_>>();
        let (term, leader) = seen[0];
        if seen.iter().all(|other| *other == (term, leader)) {
            return nodes.iter().position(|node| node.id() == leader).expect("it is one of them");
        }
    }
}

fn wait_until_known(node: &Node) -> (u64, NodeId) {
    let seen = node.leadership();
    let seen =
        if seen.leader.is_some() { seen } else { wait_until(node, |seen| seen.leader.is_some()) };
    (seen.term.0, seen.leader.expect("just seen"))
}

#[test]
fn three_nodes_elect_one_leader_which_alone_claims() {
    let mut cluster = Cluster::new(3);
    let nodes = cluster.start_all();
    let leader = wait_for_leader(&nodes);
    let claim = wait_until(&nodes[leader], |seen| seen.is_leader);
    assert_eq!(claim.leader, Some(nodes[leader].id()));
    assert_eq!(claim.token.unwrap().0, claim.term.0);
    for (position, node) in nodes.iter().enumerate() {
        assert!(position == leader || !node.leadership().is_leader);
    }
}

#[test]
fn a_leader_that_stops_is_replaced_and_comes_back_as_a_follower() {
    let mut cluster = Cluster::new(3);
    let mut nodes = cluster.start_all();
    let first = wait_for_leader(&nodes);
    let stopped = nodes.remove(first);
    let (id, term) = (stopped.id(), stopped.leadership().term);
    stopped.stop(None).unwrap();
    assert!(!stopped.leadership().is_leader);
    drop(stopped);

    let second = wait_until(&nodes[0], |seen| {
        seen.term > term && seen.leader.is_some_and(|leader| leader != id)
    });
    let back = Node::start(cluster.options(id.0)).unwrap();
    let seen = wait_until(&back, |seen| seen.leader.is_some());
    assert!(seen.term >= second.term);
}

#[test]
fn a_single_node_leads_itself_and_its_terms_grow_over_restarts() {
    let mut cluster = Cluster::new(1);
    let mut last = 0;
    for _ in 0..3 {
        let node = cluster.start(1);
        let claim = wait_until(&node, |seen| seen.is_leader);
        let token = claim.token.unwrap().0;
        assert!(token > last, "{claim:?} after {last}");
        last = token;
    }
}

#[test]
fn c3_who_only_follows_which_node_leads_asks_for_no_claim() {
    let mut cluster = Cluster::new(1);
    let lease = Duration::from_millis(20);
    let node = Node::start(cluster.options(1).lease(lease)).unwrap();
    assert!(node.leader_fd().is_some());
    while node.next_leader(None).unwrap().leader != Some(node.id()) {}
    // A wait that is longer than the time after which it may claim.
    let client = || Client::open(&node.endpoints(), ClientOptions::default()).unwrap();
    let _held = client().acquire("a", Wait::Forever, AcquireOptions::default()).unwrap();
    let wait = Wait::For(Duration::from_millis(200));
    assert!(client().acquire("a", wait, AcquireOptions::default()).is_err());
    let known = node.known_leader();
    assert_eq!((known.is_leader, known.token, known.remaining), (false, None, Duration::ZERO));
    assert_eq!(node.next_leader(Some(Duration::ZERO)).unwrap_err().status, tenure::Status::Again);
    // Whoever asks is told.
    wait_until(&node, |seen| seen.is_leader);
}

#[test]
fn a_minority_listens_and_leads_nothing() {
    let mut cluster = Cluster::new(3);
    let node = cluster.start(2);
    assert_eq!(super::speaker::Speaker::client(node.address()).status(1).leader, None);
    let seen = node.next(Some(Duration::ZERO)).unwrap();
    assert_eq!((seen.is_leader, seen.leader), (false, None));
    let addresses = |order: [usize; 3]| order.map(|at| cluster.members()[at].1.as_str()).join(",");
    assert_eq!(node.endpoints(), addresses([1, 0, 2]));
}

#[test]
fn stop_is_idempotent_and_closes_sockets_and_directory() {
    let mut cluster = Cluster::new(1);
    let node = cluster.start(1);
    let mut client = super::speaker::Speaker::client(node.address());
    node.stop(None).unwrap();
    node.stop(Some(Duration::ZERO)).unwrap();
    client.hear_to_the_end();
    assert_eq!(node.next(None).unwrap_err().status, tenure::Status::Closed);
    assert_eq!(node.failure(), None);
    // While the stopped handle lives: port and directory are free.
    drop(cluster.start(1));
}
