//! What keeps a cluster from granting is told: in a node's status, and to the clients that are connected.

use crate::server::cluster::{Cluster, MS};
use crate::server::restored::{SHORT, cluster_of, restored};
use crate::server::{CLIENT, open_session};
use tenure::base::{ConnectionId, NodeId};
use tenure::server::{Bootstrap, ServerOptions};
use tenure::wire::{Condition, ServerMessage, ServiceState};

const LATER: ConnectionId = ConnectionId(2);

/// What was told since the last look.
fn told(cluster: &mut Cluster, connection: ConnectionId) -> Vec<Condition> {
    let replies = cluster.settle_and_take(connection).into_iter();
    let conditions = replies.filter_map(|reply| match reply {
        ServerMessage::Condition(values) => Condition::from_values(&values),
        _ => None,
    });
    conditions.collect()
}

fn condition(cluster: &Cluster, node: NodeId) -> Condition {
    cluster.status(node).condition.expect("each node of this build says it")
}

#[test]
fn a_cluster_that_is_not_founded_says_whom_it_waits_for() {
    let base = ServerOptions::new(NodeId(1), Vec::new());
    let mut cluster = Cluster::with_options(0, base);
    (1..=3).for_each(|id| cluster.add_directory(NodeId(id), Bootstrap::Founder));
    cluster.restart(NodeId(1));
    cluster.connect_client(NodeId(1), CLIENT);
    let alone =
        "not founded yet: node 1 waits to meet node 2 at node-2:7400, node 3 at node-3:7400; ";
    let heard = told(&mut cluster, CLIENT);
    assert_eq!(heard.len(), 1);
    assert_eq!((heard[0].state, heard[0].until_ms), (ServiceState::WaitsForMembers, None));
    assert!(heard[0].text.starts_with(alone), "{heard:?}");
    assert_eq!(condition(&cluster, NodeId(1)), heard[0]);
    cluster.restart(NodeId(2));
    let heard = told(&mut cluster, CLIENT);
    assert!(
        heard.last().unwrap().text.contains("waits to meet node 3 at node-3:7400; "),
        "{heard:?}"
    );
    cluster.restart(NodeId(3));
    cluster.elect();
    assert_eq!(told(&mut cluster, CLIENT), [Condition::serving()]);
    cluster.nodes().for_each(|node| assert!(condition(&cluster, node).is_serving()));
}

#[test]
fn one_that_joins_says_that_it_waits_to_be_taken_in() {
    let base = ServerOptions::new(NodeId(1), Vec::new());
    let mut cluster = Cluster::with_options(0, base);
    cluster.add_directory(NodeId(1), Bootstrap::Founder);
    cluster.add_directory(NodeId(4), Bootstrap::Joiner);
    cluster.restart(NodeId(4));
    let waits = condition(&cluster, NodeId(4));
    assert_eq!(waits.state, ServiceState::NotFounded);
    assert!(waits.text.contains("`tenure member add`"), "{waits:?}");
}

#[test]
fn l15_a_restored_cluster_says_until_when_it_grants_nothing() {
    let (snapshot, _) = restored(SHORT);
    let mut cluster = cluster_of(&snapshot);
    let leader = cluster.elect();
    cluster.connect_client(leader, CLIENT);
    cluster.request(leader, CLIENT, open_session(1, 900));
    let heard = told(&mut cluster, CLIENT);
    assert_eq!(heard.len(), 1, "{heard:?}");
    let left = heard[0].until_ms.expect("its leader knows");
    assert!(heard[0].text.starts_with("restored, grants nothing until 00:00:1"), "{heard:?}");
    assert!((9_000..=10_000).contains(&left), "{left} ms");
    cluster.advance_in_steps(2_000 * MS, 20 * MS);
    assert_eq!(told(&mut cluster, CLIENT), [], "nothing is news but the time that is left");
    let now = condition(&cluster, leader);
    assert_eq!((&now.text, now.until_ms), (&heard[0].text, Some(left - 2_000)));
    cluster.connect_client(leader, LATER);
    assert_eq!(told(&mut cluster, LATER), [now]);
    let follower = cluster.nodes().find(|node| *node != leader).expect("there are three");
    let text = condition(&cluster, follower).text;
    let expected =
        format!("restored, grants nothing until its leader, node {leader}, has waited for 10.0s");
    assert_eq!(text, expected);
    cluster.advance_in_steps(8_100 * MS, 20 * MS);
    assert_eq!(told(&mut cluster, CLIENT), [Condition::serving()]);
    cluster.nodes().for_each(|node| assert!(condition(&cluster, node).is_serving()));
}

#[test]
fn a_cluster_without_a_leader_says_so() {
    let mut cluster = Cluster::new(3);
    let leader = cluster.elect();
    for node in cluster.nodes().filter(|node| *node != leader) {
        cluster.crash(node);
    }
    cluster.advance_in_steps(2_000 * MS, 20 * MS);
    assert_eq!(condition(&cluster, leader).state, ServiceState::NoQuorum);
}
