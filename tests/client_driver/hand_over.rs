//! Orders that take the leader's vote: what the nodes of a scripted cluster hear.

use serde::Serialize;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread::{self, JoinHandle};
use std::time::Duration;
use tenure::base::{Index, NodeId, Term};
use tenure::client::Client;
use tenure::raft::Change;
use tenure::wire::{
    ClientWelcome, Frame, FrameDecoder, FrameKind, LeaderHint, Order, OrderAnswer, Request,
    ServerMessage, encode_frame,
};

/// A node at which operators come one after the other; each time it says who leads, and answers the orders on that
/// connection.
fn node(listener: TcpListener, says: Vec<(u64, Vec<OrderAnswer>)>) -> JoinHandle<Vec<Order>> {
    thread::spawn(move || {
        let mut heard = Vec::new();
        for (leader, answers) in says {
            let mut stream = listener.accept().unwrap().0;
            let mut decoder = FrameDecoder::new();
            next_frame(&mut stream, &mut decoder);
            let (node, address) = (NodeId(leader), listener.local_addr().unwrap().to_string());
            let leader = LeaderHint { term: Term(leader), leader: Some((node, address)) };
            let welcome = ClientWelcome { node, cluster: None, leader };
            say(&mut stream, FrameKind::ClientWelcome, &welcome);
            for answer in answers {
                let frame = next_frame(&mut stream, &mut decoder);
                let Request::Order { read, order } = frame.decode().unwrap() else {
                    panic!("{frame:?}")
                };
                heard.push(order);
                say(&mut stream, FrameKind::Server, &ServerMessage::Ordered { read, answer });
            }
        }
        heard
    })
}

fn next_frame(stream: &mut TcpStream, decoder: &mut FrameDecoder) -> Frame {
    let mut bytes = [0; 1024];
    loop {
        if let Some(frame) = decoder.next_frame().unwrap() {
            return frame;
        }
        let count = stream.read(&mut bytes).unwrap();
        assert!(count > 0, "it is closed");
        decoder.push(&bytes[..count]);
    }
}

fn say(stream: &mut TcpStream, kind: FrameKind, value: &impl Serialize) {
    let mut bytes = Vec::new();
    encode_frame(kind, value, &mut bytes);
    stream.write_all(&bytes).unwrap();
}

/// What a node hears that says this when it is to remove node `removed`, and whether that is done.
fn heard(says: Vec<(u64, Vec<OrderAnswer>)>, removed: u64) -> (Vec<Order>, bool) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = listener.local_addr().unwrap().to_string();
    let node = node(listener, says);
    let answer = Client::order_of(&endpoint, &removal(removed), Duration::from_secs(60)).unwrap();
    (node.join().unwrap(), matches!(answer, OrderAnswer::Done { .. }))
}

fn removal(node: u64) -> Order {
    Order::ChangeMembers { changes: vec![Change::Remove { node: NodeId(node) }] }
}

fn done() -> OrderAnswer {
    OrderAnswer::Done { index: Index(1) }
}

#[test]
fn a_leader_hands_over_before_it_is_removed_and_its_successor_removes_it() {
    let says = vec![(1, vec![done()]), (2, vec![done()])];
    let orders = vec![Order::MoveLeader { to: None }, removal(1)];
    assert_eq!(heard(says, 1), (orders, true));
}

#[test]
fn a_leader_that_cannot_hand_over_removes_itself() {
    let refused = OrderAnswer::Refused { text: "nobody takes over".to_owned() };
    let orders = vec![Order::MoveLeader { to: None }, removal(1)];
    assert_eq!(heard(vec![(1, vec![refused, done()])], 1), (orders, true));
}

#[test]
fn another_member_is_removed_by_the_leader_as_it_is() {
    assert_eq!(heard(vec![(1, vec![done()])], 3), (vec![removal(3)], true));
}
