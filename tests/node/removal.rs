//! Nodes that are removed while those whom their options name are gone, and leaders that are removed.

use super::cluster::{Cluster, wait_until};
use super::speaker::Speaker;
use std::net::TcpListener;
use std::path::Path;
use std::time::Duration;
use tenure::base::NodeId;
use tenure::client::Client;
use tenure::node::{Node, NodeOptions};
use tenure::raft::Change;
use tenure::wire::{FrameKind, Order, OrderAnswer, Request, ServerMessage};
use tenure::{Error, Status};

/// Longer than any order takes.
const PATIENCE: Duration = Duration::from_secs(60);

/// Options with which no election comes between on a busy machine.
fn calm(options: NodeOptions) -> NodeOptions {
    options.election(Duration::from_secs(1))
}

/// Has the leader of those at `endpoints` change the members; again, if it says that it was not done and why.
fn change(endpoints: &str, change: &Change) {
    let order = Order::ChangeMembers { changes: vec![change.clone()] };
    loop {
        match Client::order_of(endpoints, &order, PATIENCE).unwrap() {
            OrderAnswer::Done { .. } => return,
            OrderAnswer::Refused { text }
                if text.contains("try again") || text.contains("not joined yet") => {}
            other => panic!("{change:?}: {other:?}"),
        }
    }
}

/// Adds node `id` under an address of its own to the cluster that `member` is of, starts it and gives it a vote.
fn join(directory: &Path, id: u64, member: &Node) -> Node {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (node, address) = (NodeId(id), listener.local_addr().unwrap().to_string());
    change(&member.endpoints(), &Change::AddLearner { node, address });
    let told = Speaker::client(member.address()).status(1).members;
    let told = told.into_iter().map(|member| (member.node, member.address)).collect();
    let options = NodeOptions::new(node, directory.join(id.to_string()), Vec::new());
    let mut options = calm(options.joining(Ok(told)).unwrap());
    options.listener = Some(listener);
    let joined = Node::start(options).unwrap();
    change(&member.endpoints(), &Change::Promote { node });
    joined
}

fn remove(endpoints: &str, id: u64) {
    change(endpoints, &Change::Remove { node: NodeId(id) });
}

/// Why a node ends by itself.
fn end_of(node: &Node) -> Error {
    while node.next(None).is_ok() {}
    node.failure().expect("it has ended by itself")
}

fn check_told(node: &Node) {
    let (id, end) = (node.id(), end_of(node));
    assert_eq!(end.status, Status::Denied, "{end}");
    assert!(end.message.contains(&format!("node {id} was removed from this cluster")), "{end}");
}

#[test]
fn a_removed_leader_whose_options_name_nobody_else_ends_with_its_sentence_each_time_it_is_started()
{
    let mut cluster = Cluster::new(1);
    let joiners = tempfile::tempdir().unwrap();
    let founder = Node::start(calm(cluster.options(1))).unwrap();
    wait_until(&founder, |seen| seen.is_leader);
    let two = join(joiners.path(), 2, &founder);
    let three = join(joiners.path(), 3, &founder);
    let places = [&founder, &two, &three].map(|node| node.address().to_string());
    assert_eq!(founder.endpoints(), places.join(","), "as its log has them");
    assert!(founder.leadership().leader == Some(NodeId(1)), "{:?}", founder.leadership());

    let order = Order::ChangeMembers { changes: vec![Change::Remove { node: NodeId(1) }] };
    let mut operator = Speaker::client(founder.address());
    operator.say(FrameKind::Request, &Request::Order { read: 1, order });
    assert!(matches!(answer(&mut operator), Some(OrderAnswer::Done { .. })));
    check_told(&founder);
    drop(founder);
    for node in [&two, &three] {
        wait_until(node, |seen| [Some(NodeId(2)), Some(NodeId(3))].contains(&seen.leader));
    }
    check_told(&Node::start(cluster.options(1)).unwrap());
}

/// What comes first: the answer to the first order, or that this node leads no more.
fn answer(operator: &mut Speaker) -> Option<OrderAnswer> {
    loop {
        match operator.hear()?.decode::<ServerMessage>().unwrap() {
            ServerMessage::Ordered { read: 1, answer } => return Some(answer),
            ServerMessage::Leader(hint) if hint.leader.is_none() => return None,
            _ => {}
        }
    }
}

#[test]
fn a_member_that_slept_while_all_others_were_replaced_hears_of_its_removal_where_its_options_say() {
    let mut cluster = Cluster::new(2);
    let joiners = tempfile::tempdir().unwrap();
    let start = |id| Node::start(calm(cluster.options(id))).unwrap();
    let mut nodes: Vec<Node> = [1, 2].map(start).into();
    super::cluster::wait_for_leader(&nodes);
    let (sleeper, one) = (nodes.remove(1), nodes.remove(0));
    let three = join(joiners.path(), 3, &one);
    sleeper.stop(None).unwrap();
    drop(sleeper);
    let four = join(joiners.path(), 4, &one);
    remove(&one.endpoints(), 2);
    remove(&one.endpoints(), 1);
    check_told(&one);
    drop(one);
    wait_until(&four, |seen| seen.leader.is_some());

    let mut options = cluster.options(2);
    options.cluster.retain(|(node, _)| *node == NodeId(2));
    // Its log names nodes 1 and 3. The latter is gone, too, when it wakes.
    let address = four.address().to_string();
    options.cluster.push((NodeId(4), address.clone()));
    remove(&address, 3);
    check_told(&three);
    drop(three);
    check_told(&Node::start(options).unwrap());
}
