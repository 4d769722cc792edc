//! The level of the lock machine: it rises once every member has said that it reads the next one, and no sooner
//! (docs/developers/versions.md).

use crate::server::cluster::{Cluster, MS};
use crate::server::{CLIENT, acquire, connect_with_session, name, token_of};
use std::collections::BTreeSet;
use tenure::base::NodeId;
use tenure::lock::{LEVEL_MAX, LockMachine};
use tenure::raft::{Change, EntryKind};
use tenure::wire::{Order, RefusedCode, Request, Speech};

const FOUR: NodeId = NodeId(4);

/// Three nodes, of which those in `old` run 0.1.0.
fn cluster_of(old: &[u64]) -> (Cluster, NodeId) {
    let mut cluster = Cluster::new(0);
    for id in 1..=3 {
        cluster.add_directory(NodeId(id), tenure::server::Bootstrap::Founder);
        let speech = if old.contains(&id) { Speech::of_0_1() } else { Speech::own() };
        cluster.set_speech(NodeId(id), speech);
    }
    (1..=3).for_each(|id| cluster.restart(NodeId(id)));
    let leader = cluster.elect();
    cluster.advance_in_steps(200 * MS, 10 * MS);
    (cluster, leader)
}

/// Three nodes, of which one, a follower, runs 0.1.0.
fn with_old_follower() -> (Cluster, NodeId, NodeId) {
    let mut tried = (1..=3).map(|old| (cluster_of(&[old]), NodeId(old)));
    let found = tried.find(|((_, leader), old)| leader != old);
    let ((cluster, leader), old) = found.expect("one of three leads");
    (cluster, leader, old)
}

/// The next start of `node` runs this build; it restarts now.
fn replace(cluster: &mut Cluster, node: NodeId, speech: Speech) {
    cluster.crash(node);
    cluster.set_speech(node, speech);
    cluster.restart(node);
}

fn levels(cluster: &Cluster) -> BTreeSet<u32> {
    cluster.nodes().map(|node| cluster.machine(node).level()).collect()
}

fn rise(cluster: &mut Cluster) {
    cluster.advance_in_steps(300 * MS, 10 * MS);
}

/// The formats of the commands in a node's log.
fn formats(cluster: &Cluster, node: NodeId) -> BTreeSet<u8> {
    let raft = cluster.server(node).replica().unwrap().raft();
    let entries = raft.entries(raft.snapshot_index().next(), raft.last_index());
    let commands = entries.filter(|entry| entry.header.kind == EntryKind::Command);
    commands.map(|entry| entry.header.format).collect()
}

fn add_four(cluster: &mut Cluster, leader: NodeId) {
    let change = Change::AddLearner { node: FOUR, address: "node-4:7400".to_owned() };
    let order = Order::ChangeMembers { changes: vec![change] };
    cluster.connect_client(leader, CLIENT);
    cluster.request(leader, CLIENT, Request::Order { read: 1, order });
    cluster.add_directory(FOUR, tenure::server::Bootstrap::Joiner);
    cluster.settle();
}

#[test]
fn a_cluster_of_one_build_rises_to_its_level() {
    let (cluster, leader) = cluster_of(&[]);
    assert_eq!(levels(&cluster), BTreeSet::from([LEVEL_MAX]));
    // Whoever reads level 1 only says "another format", and does not misread it.
    assert_eq!(formats(&cluster, leader), BTreeSet::from([1, 2, 3]));
}

#[test]
fn one_older_member_keeps_the_level_down_until_it_is_replaced() {
    let (mut cluster, leader, old) = with_old_follower();
    assert_eq!(levels(&cluster), BTreeSet::from([1]));
    let bytes = cluster.machine(leader).encode();
    assert_eq!(formats(&cluster, leader), BTreeSet::from([1]), "entries are written as 0.1.0 does");
    LockMachine::decode_up_to(&bytes, 1).expect("a snapshot is written as 0.1.0 does");
    let waits = cluster.status(leader).level_waits;
    assert_eq!(waits, Some(format!("node {old} runs tenure 0.1")));
    cluster.crash(old);
    rise(&mut cluster);
    let waits = cluster.status(leader).level_waits;
    assert_eq!(waits, Some(format!("node {old} is not connected")));
    assert_eq!(cluster.machine(leader).level(), 1, "nobody knows as what it comes back");
    cluster.set_speech(old, Speech::own());
    cluster.restart(old);
    rise(&mut cluster);
    assert_eq!(levels(&cluster), BTreeSet::from([LEVEL_MAX]));
    assert_eq!(cluster.status(leader).level_waits, None);
}

#[test]
fn an_older_leader_raises_nothing() {
    let (mut cluster, leader) = cluster_of(&[1, 2, 3]);
    for node in cluster.nodes().filter(|node| *node != leader) {
        replace(&mut cluster, node, Speech::own());
        cluster.advance_in_steps(50 * MS, 10 * MS);
    }
    rise(&mut cluster);
    assert_eq!(levels(&cluster), BTreeSet::from([1]));
}

#[test]
fn learners_count_as_voters_do() {
    let (mut cluster, leader, old) = with_old_follower();
    add_four(&mut cluster, leader);
    cluster.set_speech(FOUR, Speech::of_0_1());
    cluster.restart(FOUR);
    rise(&mut cluster);
    replace(&mut cluster, old, Speech::own());
    rise(&mut cluster);
    assert_eq!(levels(&cluster), BTreeSet::from([1]), "node 4 is a learner of 0.1.0");
    replace(&mut cluster, FOUR, Speech::own());
    rise(&mut cluster);
    assert_eq!(levels(&cluster), BTreeSet::from([LEVEL_MAX]));
}

#[test]
fn a_member_that_does_not_answer_any_more_keeps_the_level_down() {
    let (mut cluster, leader, old) = with_old_follower();
    let other = cluster.nodes().find(|node| *node != leader && *node != old).unwrap();
    // Its process is gone, and its connection does not show it yet.
    cluster.cut(leader, other);
    replace(&mut cluster, old, Speech::own());
    for _ in 0..20 {
        cluster.advance(10 * MS);
        assert_eq!(formats(&cluster, leader), BTreeSet::from([1]));
    }
    cluster.heal();
    rise(&mut cluster);
    rise(&mut cluster);
    assert_eq!(levels(&cluster), BTreeSet::from([LEVEL_MAX]));
}

#[test]
fn an_older_build_is_refused_at_a_higher_level_with_a_sentence() {
    let (mut cluster, leader) = cluster_of(&[]);
    let victim = cluster.nodes().find(|node| *node != leader).unwrap();
    let hello = cluster.server(victim).hello(leader);
    cluster.crash(victim);
    let refused = cluster.server(leader).check_hello(&hello, &Speech::of_0_1()).unwrap_err();
    assert_eq!(refused.code, RefusedCode::Level);
    assert!(refused.text.contains("is at level 3"), "{}", refused.text);
    assert!(refused.text.contains(&format!("node {victim} runs tenure 0.1")), "{}", refused.text);
    // 0.1.0 knows no such code; it is told the sentence all the same.
    assert_eq!(refused.clone().for_0_1().code, RefusedCode::State);
    assert_eq!(refused.clone().for_0_1().text, refused.text);
}

#[test]
fn an_older_learner_is_refused_from_the_entry_on_that_raises_the_level() {
    let (mut cluster, leader, old) = with_old_follower();
    replace(&mut cluster, old, Speech::own());
    // The entry is in the leader's log, and nobody has it yet.
    while formats(&cluster, leader).len() == 1 {
        cluster.advance_without_turns(10 * MS);
        (1..=3).for_each(|id| cluster.step(NodeId(id)));
    }
    assert_eq!(cluster.machine(leader).level(), 1);
    add_four(&mut cluster, leader);
    cluster.set_speech(FOUR, Speech::of_0_1());
    cluster.restart(FOUR);
    let hello = cluster.server(FOUR).hello(leader);
    let refused = cluster.server(leader).check_hello(&hello, &Speech::of_0_1()).unwrap_err();
    assert_eq!(refused.code, RefusedCode::Level);
}

/// As if somebody had put an older program in front of a newer directory.
#[test]
fn an_older_build_ends_with_a_sentence_at_a_log_of_a_higher_level() {
    let (mut cluster, leader) = cluster_of(&[]);
    let victim = cluster.nodes().find(|node| *node != leader).unwrap();
    cluster.crash(leader);
    replace(&mut cluster, victim, Speech::of_0_1());
    let third = cluster.nodes().find(|node| *node != leader && *node != victim).unwrap();
    cluster.force_connection(victim, third);
    let error = cluster.run_into_error(victim, 200);
    assert!(error.contains("is of level 3, this version reads up to level 1"), "{error}");
    assert!(error.contains("run a version of tenure that can read it"), "{error}");
}

#[test]
fn locks_are_granted_while_the_level_rises() {
    let (mut cluster, leader, old) = with_old_follower();
    let session = connect_with_session(&mut cluster, leader, CLIENT, 60_000);
    cluster.request(leader, CLIENT, acquire(session, 1, "before"));
    let before = token_of(&cluster.settle_and_take(CLIENT), 1).expect("granted");
    replace(&mut cluster, old, Speech::own());
    rise(&mut cluster);
    cluster.request(leader, CLIENT, acquire(session, 2, "after"));
    let after = token_of(&cluster.settle_and_take(CLIENT), 2).expect("granted");
    assert!(after > before, "{after} after {before}");
    let view = cluster.machine(leader).lock(&name("before")).expect("held");
    assert_eq!(view.token, before);
}
