//! Clients of a node in their own process: reached without a socket, and else as any other.

use crate::client_driver::cluster::{Cluster, hold, is_readable, options, wait_for};
use std::io::ErrorKind;
use std::net::TcpListener;
use std::thread;
use std::time::Duration;
use tenure::base::NodeId;
use tenure::client::{Client, ClientOptions, LeaseState, SessionState, Wait};
use tenure::node::{Node, NodeOptions};

/// However busy the machine is.
const PATIENT: Duration = Duration::from_secs(60);

fn open(node: &Node) -> Client {
    let patient = ClientOptions::new().connect_timeout(PATIENT).request_timeout(PATIENT);
    Client::open_local(&node.local().unwrap(), patient).unwrap()
}

/// The place of the node that leads.
fn leader(nodes: &[Node]) -> usize {
    loop {
        if let Some(at) = nodes.iter().position(|node| node.leadership().is_leader) {
            return at;
        }
        thread::yield_now();
    }
}

#[test]
fn a_leader_grants_to_its_own_process_without_a_socket() {
    let directory = tempfile::tempdir().unwrap();
    // Who dials the node's address comes here.
    let street = TcpListener::bind("127.0.0.1:0").unwrap();
    let members = vec![(NodeId(1), street.local_addr().unwrap().to_string())];
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let options = NodeOptions::new(NodeId(1), directory.path(), members);
    let node = Node::start(options.listener(listener)).unwrap();
    let (one, two) = (open(&node), open(&node));
    let lease = hold(&one, "a");
    let waits = wait_for(&two, "a");
    lease.release(Wait::Forever).unwrap();
    assert!(is_readable(waits.fd().unwrap(), None));
    waits.take(Wait::Forever).unwrap().release(Wait::Forever).unwrap();
    two.close(Wait::Forever).unwrap();
    street.set_nonblocking(true).unwrap();
    assert_eq!(street.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
}

#[test]
fn a_client_of_a_follower_is_served_by_the_leader() {
    let cluster = Cluster::start();
    let follower = (leader(&cluster.nodes) + 1) % 3;
    let client = open(&cluster.nodes[follower]);
    let lease = hold(&client, "a");
    assert!(client.validate("a", lease.token()).unwrap());
    lease.release(Wait::Forever).unwrap();
}

#[test]
fn a_client_follows_leadership_away_and_back_and_keeps_its_leases() {
    let cluster = Cluster::start();
    let own = leader(&cluster.nodes);
    let client = open(&cluster.nodes[own]);
    let lease = hold(&client, "a");
    let session = client.session().session;
    for _ in 0..2 {
        let at = leader(&cluster.nodes);
        let to = if at == own { (own + 1) % 3 } else { own };
        while cluster.nodes[at].resign(Some(cluster.nodes[to].id()), None).is_err() {}
        assert!(client.validate("a", lease.token()).unwrap());
    }
    assert_eq!(lease.state(), LeaseState::Held);
    assert_eq!(client.session().session, session);
    lease.release(Wait::Forever).unwrap();
}

#[test]
fn a_node_that_stops_takes_no_lease_with_it() {
    let mut cluster = Cluster::start();
    let at = leader(&cluster.nodes);
    let client = open(&cluster.nodes[at]);
    let lease = hold(&client, "a");
    drop(cluster.nodes.remove(at));
    assert!(client.validate("a", lease.token()).unwrap());
    assert_eq!((lease.state(), client.session().state), (LeaseState::Held, SessionState::Valid));
    lease.release(Wait::Forever).unwrap();
}

#[test]
fn a_client_that_outlives_its_node_reaches_the_next_one_at_its_address() {
    let directory = tempfile::tempdir().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let members = vec![(NodeId(1), listener.local_addr().unwrap().to_string())];
    let start = |listener| {
        let mut options = NodeOptions::new(NodeId(1), directory.path(), members.clone());
        options.listener = listener;
        Node::start(options).unwrap()
    };
    let node = start(Some(listener));
    let client = open(&node);
    let lease = hold(&client, "a");
    drop(node);
    let _next = start(None);
    assert!(client.validate("a", lease.token()).unwrap());
    assert_eq!(lease.state(), LeaseState::Held);
}

#[test]
fn a_node_that_has_stopped_gives_clients_that_go_to_the_others() {
    let mut cluster = Cluster::start();
    let stopped = cluster.nodes.remove(0);
    stopped.stop(None).unwrap();
    let client = open(&stopped);
    client.acquire("a", Wait::Forever, options()).unwrap().release(Wait::Forever).unwrap();
}
