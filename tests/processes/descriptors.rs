//! Processes that have no descriptor left: the log and the peers have some of their own.

use crate::cluster::{Cluster, Setup, scratch};
use crate::patience::until;
use crate::program::{Program, python};
use crate::raw_client::RawClient;
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
    let mut clients = Vec::new();
    loop {
        let mut client = RawClient::connect(cluster.address(node));
        client.say_hello();
        let answer = client.frame().expect("it is answered");
        if answer.kind == FrameKind::ClientWelcome {
            clients.push(client);
            continue;
        }
        let refused: Refused = answer.decode().expect("a refusal");
        assert_eq!(refused.code, RefusedCode::Full);
        assert!(refused.text.contains("limit of open files"), "{}", refused.text);
        assert!(clients.len() > 8, "only {} clients found a place", clients.len());
        return clients;
    }
}

/// Takes and gives back a lock until the log has gone on to another file.
fn write_a_segment(client: &Client) {
    for _ in 0..2200 {
        let options = AcquireOptions { value: vec![7; 4000], ..AcquireOptions::default() };
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
    let addresses = Setup::new().listen.into_iter().map(|address| address.to_string());
    let mut command = python("exhausted_host");
    command.arg(directory.path()).args(addresses);
    let host = Program::start("exhausted_host.py", &mut command);
    let begun = host.line();
    assert!(begun.split(' ').all(|count| count != "0"), "files that the logs went on to: {begun}");
    assert!(host.finish().success());
}

const DESCRIPTORS: u64 = 64;
