//! Processes that have no descriptor left: the log and the peers have some of their own.

use crate::cluster::{Cluster, Setup, scratch};
use crate::patience::until;
use crate::program::{Program, python};
use crate::raw_client::RawClient;
use std::net::SocketAddr;
use tenure::base::NodeId;
use tenure::client::{AcquireOptions, Client, Wait};
use tenure::wire::{FrameKind, Refused, RefusedCode};

#[test]
fn w2_nodes_without_a_descriptor_left_go_on_and_take_their_peers() {
    let mut cluster = Cluster::start_with(Setup { descriptors: Some(DESCRIPTORS), ..Setup::new() });
    let leader = cluster.leader();
    let follower = cluster.nodes().into_iter().find(|node| *node != leader).expect("three nodes");
    let mut clients: Vec<_> =
        cluster.nodes().into_iter().flat_map(|node| fill(&cluster, node)).collect();
    // Each full of clients; those who say nothing come on top.
    for node in cluster.nodes() {
        clients.extend((0..DESCRIPTORS).map(|_| RawClient::connect(cluster.address(node))));
    }

    write_a_segment(cluster.admin());
    cluster.kill(follower);
    cluster.start_node(follower);
    until("a node that comes back is taken by full ones", || {
        cluster.status(follower).filter(|status| status.leader.is_some())
    });
    cluster.wait_caught_up(follower);
    drop(clients);
    for node in cluster.nodes() {
        assert!(log_files(&cluster, node) > 1, "node {node} needed no further file");
    }
}

/// Connects clients until the node has no place for one more, and says so.
fn fill(cluster: &Cluster, node: NodeId) -> Vec<RawClient> {
    let clients: Vec<_> = std::iter::from_fn(|| fill_one(cluster.address(node))).collect();
    assert!(clients.len() > 8, "only {} clients found a place", clients.len());
    clients
}

/// Connects a client; `None`: the node has no place for it, and has said so.
fn fill_one(address: SocketAddr) -> Option<RawClient> {
    let mut client = RawClient::connect(address);
    client.say_hello();
    let answer = client.frame().expect("it is answered");
    if answer.kind == FrameKind::ClientWelcome {
        return Some(client);
    }
    let refused: Refused = answer.decode().expect("a refusal");
    assert_eq!(refused.code, RefusedCode::Full);
    assert!(refused.text.contains("limit of open files"), "{}", refused.text);
    None
}

/// Takes and gives back a lock until the log has gone on to another file.
fn write_a_segment(client: &Client) {
    for _ in 0..2200 {
        let options = AcquireOptions::new().value(vec![7; 4000]);
        let lease = client.acquire("jobs", Wait::Forever, options).expect("it is granted");
        lease.release(Wait::Forever).expect("it is held");
    }
}

fn log_files(cluster: &Cluster, node: NodeId) -> usize {
    let names = std::fs::read_dir(cluster.data(node)).expect("a directory");
    let names = names.map(|entry| entry.expect("an entry").file_name());
    names.filter(|name| name.to_string_lossy().starts_with("log-")).count()
}

#[test]
fn w2_nodes_in_a_process_that_has_no_descriptor_left_go_on() {
    let directory = scratch();
    let addresses = Setup::new().listen;
    let mut command = python("exhausted_host");
    command.arg(directory.path()).args(addresses.iter().map(ToString::to_string));
    let mut host = Program::start("exhausted_host.py", &mut command);
    assert_eq!(host.line(), "exhausted");
    // Whoever comes is heard: it may be a peer. More than there are descriptors kept, one of them silent.
    let _silent = RawClient::connect(addresses[0]);
    // What a node had opened for a moment when the host took all that was left may be free by now: who finds that place keeps it.
    let (mut placed, mut refused) = (Vec::new(), 0);
    while refused < 10 {
        match fill_one(addresses[0]) {
            Some(client) => placed.push(client),
            None => refused += 1,
        }
    }
    host.tell("go on");
    let begun = host.line();
    assert!(begun.split(' ').all(|count| count != "0"), "files that the logs went on to: {begun}");
    assert!(host.finish().success());
}

const DESCRIPTORS: u64 = 64;
