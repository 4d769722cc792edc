//! Access rules (L27) at whole servers.

mod denied;
mod enabling;
mod requests;
mod table;
mod taken;

use crate::server::cluster::{Cluster, MS};
use crate::server::{KEY, acquire_of, name, open_session, submit};
use std::collections::BTreeSet;
use tenure::base::meters::{Counter, RequestKind, RequestResult, RightKind};
use tenure::base::{
    ConnectionId, CredentialHash, NodeId, RequestId, Right, Rights, SessionId, Subject, Token,
};
use tenure::lock::{
    AccessChange, Answer, BreakWay, Name, Names, Needed, Operation, Refusal, Rule, WaitRule,
};
use tenure::raft::Change;
use tenure::server::Bootstrap;
use tenure::wire::{
    AccessSaid, Order, OrderAnswer, Query, ReadAnswer, Request, ServerMessage, Speech,
};

const ADMIN: ConnectionId = ConnectionId(70);
const A: ConnectionId = ConnectionId(71);
const B: ConnectionId = ConnectionId(72);
const ROOT: &str = "operator/root";

fn tls(requires: Option<bool>) -> Speech {
    Speech { requires_tls: requires, ..Speech::own() }
}

/// Three nodes at level 3, each of which says this of itself.
fn cluster_saying(speech: [Option<bool>; 3]) -> (Cluster, NodeId) {
    let mut cluster = Cluster::new(0);
    for (id, requires) in (1..).zip(speech) {
        cluster.add_directory(NodeId(id), Bootstrap::Founder);
        cluster.set_speech(NodeId(id), tls(requires));
    }
    (1..=3).for_each(|id| cluster.restart(NodeId(id)));
    let leader = cluster.elect();
    cluster.advance_in_steps(300 * MS, 10 * MS);
    assert_eq!(cluster.machine(leader).level(), 3);
    (cluster, leader)
}

fn connect(cluster: &mut Cluster, node: NodeId, connection: ConnectionId, subject: &str) {
    cluster.subject = subject.parse().unwrap();
    cluster.connect_client(node, connection);
}

fn rule(who: &str, rights: &str, names: &str) -> Rule {
    let names = if names.is_empty() { Names::of_cluster() } else { names.parse().unwrap() };
    Rule { who: who.parse().unwrap(), names, rights: rights.parse().unwrap() }
}

fn order(
    cluster: &mut Cluster,
    node: NodeId,
    connection: ConnectionId,
    order: Order,
) -> OrderAnswer {
    cluster.request(node, connection, Request::Order { read: 1, order });
    let replies = cluster.settle_and_take(connection);
    let answered = replies.iter().find_map(|reply| match reply {
        ServerMessage::Ordered { answer, .. } => Some(answer.clone()),
        _ => None,
    });
    answered.unwrap_or_else(|| panic!("no answer in {replies:?}"))
}

fn change(cluster: &mut Cluster, leader: NodeId, change: AccessChange) -> AccessSaid {
    match order(cluster, leader, ADMIN, Order::Access { change }) {
        OrderAnswer::Access(values) => AccessSaid::from_values(&values),
        other => panic!("{other:?}"),
    }
}

fn allow(cluster: &mut Cluster, leader: NodeId, who: &str, rights: &str, names: &str) {
    assert!(change(cluster, leader, AccessChange::Allow(rule(who, rights, names))).is_changed);
}

fn deny(cluster: &mut Cluster, leader: NodeId, who: &str, rights: &str, names: &str) {
    assert!(change(cluster, leader, AccessChange::Deny(rule(who, rights, names))).is_changed);
}

/// Rights are on, and `root` has admin.
fn cluster_with_rights() -> (Cluster, NodeId) {
    let (mut cluster, leader) = cluster_saying([Some(true); 3]);
    connect(&mut cluster, leader, ADMIN, ROOT);
    allow(&mut cluster, leader, ROOT, "admin", "");
    assert!(change(&mut cluster, leader, AccessChange::On).is_changed);
    (cluster, leader)
}

fn session(
    cluster: &mut Cluster,
    node: NodeId,
    connection: ConnectionId,
    subject: &str,
) -> SessionId {
    connect(cluster, node, connection, subject);
    cluster.request(node, connection, open_session(1, 60_000));
    let replies = cluster.settle_and_take(connection);
    let opened = replies.iter().find_map(|reply| match reply {
        ServerMessage::SessionOpened { session, .. } => Some(*session),
        _ => None,
    });
    opened.unwrap_or_else(|| panic!("no session in {replies:?}"))
}

/// What it is told, leaders aside.
fn said(cluster: &mut Cluster, connection: ConnectionId) -> Vec<ServerMessage> {
    let all = cluster.settle_and_take(connection).into_iter();
    all.filter(|it| !matches!(it, ServerMessage::Leader(_) | ServerMessage::Condition(_))).collect()
}

fn is_denial(message: &ServerMessage) -> bool {
    matches!(
        message,
        ServerMessage::Denied { .. }
            | ServerMessage::Read { answer: ReadAnswer::Denied { .. }, .. }
            | ServerMessage::Ordered { answer: OrderAnswer::Denied { .. }, .. }
    )
}

/// Three nodes, of which one, a follower, runs 0.1.0.
fn cluster_with_old_follower() -> (Cluster, NodeId, NodeId) {
    let tried = (1..=3).map(|old| {
        let mut cluster = Cluster::new(0);
        for id in (1..=3).map(NodeId) {
            cluster.add_directory(id, Bootstrap::Founder);
            let speech = if id == NodeId(old) { Speech::of_0_1() } else { tls(Some(true)) };
            cluster.set_speech(id, speech);
        }
        (1..=3).for_each(|id| cluster.restart(NodeId(id)));
        let leader = cluster.elect();
        cluster.advance_in_steps(300 * MS, 10 * MS);
        (cluster, leader, NodeId(old))
    });
    tried.into_iter().find(|(_, leader, old)| leader != old).expect("one of three leads")
}

/// Gives `who` these rights: to names those of names, and those of the cluster.
fn with_rights(
    cluster: &mut Cluster,
    leader: NodeId,
    (who, names): (&str, &str),
    bits: usize,
) -> Rights {
    let chosen = Right::ALL.into_iter().enumerate().filter(|(at, _)| bits & (1 << at) != 0);
    let rights = Rights::of(chosen.map(|(_, right)| right));
    for (of, names) in [(Rights::OF_NAMES, names), (Rights::OF_CLUSTER, "")] {
        let some = rights.common(of);
        if !some.is_empty() {
            allow(cluster, leader, who, &some.to_string(), names);
        }
    }
    rights
}

/// These denials, and no others.
fn counts(some: &[(RightKind, u64)]) -> Vec<u64> {
    let of =
        |kind: &RightKind| some.iter().find(|(it, _)| it == kind).map_or(0, |(_, count)| *count);
    RightKind::ALL.iter().map(of).collect()
}

fn requests_of(cluster: &Cluster, node: NodeId, kind: RequestKind) -> Vec<u64> {
    let meters = cluster.server(node).replica().unwrap().meters();
    meters.requests[kind as usize].iter().map(Counter::value).collect()
}

fn denials(cluster: &Cluster, node: NodeId) -> Vec<u64> {
    let meters = cluster.server(node).replica().unwrap().meters();
    meters.denials.iter().map(Counter::value).collect()
}
