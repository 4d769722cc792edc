//! Who may speak as a peer: members, and members whom this node does not know yet; nobody else (W9).

use crate::server::CLIENT;
use crate::server::cluster::{Cluster, MS, admitted};
use tenure::base::{ClusterKey, DirectoryId, NodeId, checksum};
use tenure::lock::{LEVEL_MAX, LockMachine};
use tenure::raft::{Change, Seat};
use tenure::server::{Admission, Bootstrap, Candidate, Trust};
use tenure::wire::{
    Abilities, Order, OrderAnswer, PeerHello, Proof, RefusedCode, Request, ServerMessage, Speech,
};

const FOUR: NodeId = NodeId(4);
const STRANGER: NodeId = NodeId(77);

/// Three nodes at the newest level, with a key.
fn with_key() -> (Cluster, NodeId) {
    let mut cluster = Cluster::new(3);
    let leader = cluster.elect();
    cluster.advance_in_steps(300 * MS, 10 * MS);
    assert!(cluster.nodes().all(|node| cluster.machine(node).cluster_key().is_some()));
    cluster.connect_client(leader, CLIENT);
    (cluster, leader)
}

fn order(cluster: &mut Cluster, leader: NodeId, read: u64, order: Order) -> OrderAnswer {
    cluster.request(leader, CLIENT, Request::Order { read, order });
    let replies = cluster.settle_and_take(CLIENT);
    let answer = replies.iter().find_map(|reply| match reply {
        ServerMessage::Ordered { read: of, answer } if *of == read => Some(answer.clone()),
        _ => None,
    });
    answer.unwrap_or_else(|| panic!("{replies:?}"))
}

fn change(cluster: &mut Cluster, leader: NodeId, read: u64, change: Change) {
    let answer = order(cluster, leader, read, Order::ChangeMembers { changes: vec![change] });
    assert!(matches!(answer, OrderAnswer::Done { .. }), "{answer:?}");
}

/// Who says that it is `node`, with a directory of its own.
fn stranger(cluster: &Cluster, node: NodeId, to: NodeId) -> PeerHello {
    PeerHello { node, to, directory: DirectoryId([7; 16]), ..cluster.server(to).hello(node) }
}

#[test]
fn w9_all_have_the_key_of_the_first_leader() {
    let (cluster, leader) = with_key();
    let keys = cluster.nodes().map(|node| *cluster.machine(node).cluster_key().unwrap());
    assert!(keys.into_iter().all(|key| key == ClusterKey([0x80 | leader.0 as u8; 32])));
}

#[test]
fn w9_whoever_is_no_member_is_asked_for_a_proof_and_refused_without() {
    let (cluster, leader) = with_key();
    let server = cluster.server(leader);
    let (hello, speech) = (stranger(&cluster, STRANGER, leader), Speech::own());
    assert_eq!(server.check_hello(&hello, &speech), Ok(Admission::Asked));
    let candidate = Candidate { hello: hello.clone(), speech, nonce: [1; 32] };
    for mac in [[0; 32], [9; 32]] {
        let refused = server.check_proof(&candidate, &Proof { mac }).unwrap_err();
        assert_eq!(refused.code, RefusedCode::Node);
        assert!(refused.text.contains("has not proved"), "{}", refused.text);
        assert!(refused.text.contains("tenure member add 77"), "{}", refused.text);
    }
    let mute = Speech { abilities: Abilities::NONE, ..Speech::own() };
    let refused = server.check_hello(&hello, &mute).unwrap_err();
    assert!(refused.text.contains("cannot prove"), "{}", refused.text);
    // Of 0.1.0, whose level it does not read.
    assert!(server.check_hello(&hello, &Speech::of_0_1()).is_err());
    let member = cluster.nodes().find(|node| *node != leader).unwrap();
    let foreign = stranger(&cluster, member, leader);
    let refused = server.check_hello(&foreign, &Speech::own()).unwrap_err();
    assert_eq!(refused.code, RefusedCode::Directory);
}

#[test]
fn w9_a_member_that_slept_lets_those_in_that_it_does_not_know_and_no_stranger() {
    let (mut cluster, leader) = with_key();
    let sleeper = cluster.nodes().find(|node| *node != leader).unwrap();
    cluster.crash(sleeper);
    let address = "node-4:7400".to_owned();
    change(&mut cluster, leader, 1, Change::AddLearner { node: FOUR, address });
    cluster.add_directory(FOUR, Bootstrap::Joiner);
    cluster.restart(FOUR);
    cluster.settle();
    cluster.advance_in_steps(100 * MS, 10 * MS);
    change(&mut cluster, leader, 2, Change::Promote { node: FOUR });
    cluster.restart(sleeper);
    // It has applied nothing yet, and knows the key by its log.
    let back = cluster.server(sleeper).replica().unwrap();
    assert!(back.machine().cluster_key().is_none() && back.cluster_key().is_some());
    assert!(back.raft().membership().1.member(FOUR).is_none());
    let (new, old) = (cluster.server(FOUR), cluster.server(sleeper));
    assert_eq!(admitted(new, old, [3; 32]), Ok(Trust::Vouched));

    let as_four = stranger(&cluster, FOUR, sleeper);
    assert_eq!(old.check_hello(&as_four, &Speech::own()), Ok(Admission::Asked));
    // What node 4 proved on another connection proves nothing here.
    let asked = |hello: PeerHello, nonce| Candidate { hello, speech: Speech::own(), nonce };
    let honest = asked(new.hello(sleeper), [3; 32]);
    let proof = new.prove(sleeper, &old.challenge(&honest)).unwrap();
    assert_eq!(old.check_proof(&honest, &proof), Ok(()));
    for other in [asked(new.hello(sleeper), [4; 32]), asked(as_four, [3; 32])] {
        assert!(old.check_proof(&other, &proof).is_err());
    }
    let fourth = cluster.server(leader).replica().unwrap().raft().membership().1.member(FOUR);
    assert_eq!(fourth.map(|member| member.seat), Some(Seat::Voter));
}

#[test]
fn w9_a_snapshot_is_handed_out_without_the_key() {
    let (mut cluster, leader) = with_key();
    let next = |at_least| Order::Snapshot { at_least, offset: 0 };
    let begun = order(&mut cluster, leader, 1, next(None));
    let OrderAnswer::Begun { at_least } = begun else { panic!("{begun:?}") };
    cluster.wait_for_snapshot(leader, at_least);
    let part = order(&mut cluster, leader, 2, next(Some(at_least)));
    let OrderAnswer::Part { total, bytes, crc, .. } = part else { panic!("{part:?}") };
    assert_eq!((bytes.bytes().len() as u64, checksum::crc32c(bytes.bytes())), (total, crc));
    assert_eq!(LockMachine::decode(bytes.bytes()).unwrap().cluster_key(), None);
    let own = cluster.server(leader).replica().unwrap().raft().snapshot().unwrap().data.clone();
    let own = LockMachine::decode_blob(&own, LEVEL_MAX).unwrap();
    assert_eq!(own.cluster_key(), cluster.machine(leader).cluster_key());
    assert!(own.cluster_key().is_some());
}
