//! Bytes that are no protocol of ours, or come where they have no place: that connection is closed and
//! counted, and nobody else notices.

use super::cluster::{Cluster, wait_for_leader};
use super::speaker::{Speaker, frame};
use std::io::Write;
use std::net::SocketAddr;
use std::time::Duration;
use tenure::base::{ClusterId, NodeId, Term};
use tenure::node::Node;
use tenure::raft::{Message, VoteResponse};
use tenure::wire::{
    ClientHello, ClientWelcome, FrameKind, PROTOCOL_VERSION, PeerMessage, Refused, RefusedCode,
    Request,
};

fn hello() -> ClientHello {
    ClientHello { client: "test".to_owned(), cluster: None }
}

fn vote() -> PeerMessage {
    let response = VoteResponse { term: Term(u64::MAX), granted: true };
    PeerMessage::Raft(Message::VoteResponse(response))
}

/// What a stranger says, one case each.
fn cases() -> Vec<(&'static str, Vec<u8>)> {
    let request = || frame(FrameKind::Request, &Request::Status { read: 1 });
    let mut damaged = request();
    *damaged.last_mut().unwrap() ^= 1;
    let mut flagged = request();
    flagged[6] = 1;
    let mut versioned = request();
    versioned[4] = PROTOCOL_VERSION + 1;
    let mut unknown = request();
    unknown[5] = 200;
    let after_hello = |bytes: Vec<u8>| [frame(FrameKind::ClientHello, &hello()), bytes].concat();
    vec![
        ("http", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n".to_vec()),
        ("tls", vec![0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3]),
        ("length 0", vec![0, 0, 0, 0]),
        ("length 1 MiB + 1", vec![1, 0, 0x10, 0]),
        ("length 2^31", vec![0, 0, 0, 0x80]),
        ("length 2^32 - 1", vec![0xff; 4]),
        ("damaged", damaged),
        ("flags", flagged),
        ("another version", versioned),
        ("an unknown kind", unknown),
        ("a request before the hello", request()),
        ("a peer message before the hello", frame(FrameKind::Peer, &vote())),
        ("a welcome to the listener", frame(FrameKind::ClientWelcome, &hello())),
        ("a hello that is none", frame(FrameKind::PeerHello, &Request::Status { read: 1 })),
        ("a peer message of a client", after_hello(frame(FrameKind::Peer, &vote()))),
        ("a second hello", after_hello(frame(FrameKind::ClientHello, &hello()))),
        ("a body that is none", after_hello(frame(FrameKind::Request, &u64::MAX))),
        ("a hello, then nonsense", after_hello(vec![0xff; 100])),
    ]
}

fn refused(address: SocketAddr, say: impl FnOnce(&mut Speaker)) -> Refused {
    let mut stranger = Speaker::dial(address);
    say(&mut stranger);
    let frames = stranger.hear_to_the_end();
    assert_eq!(frames.len(), 1, "{frames:?}");
    assert_eq!(frames[0].kind, FrameKind::Refused);
    frames[0].decode().unwrap()
}

/// Of those who `dial` and say what strangers say, `before` were refused already. Others are served by `client`.
fn strangers_are_refused(client: &mut Speaker, before: u64, dial: impl Fn() -> Speaker) -> u64 {
    let cases = cases();
    let last = before + cases.len() as u64;
    for (count, (name, bytes)) in (before + 1..).zip(cases) {
        let mut stranger = dial();
        stranger.say_bytes(&bytes);
        let answered = stranger.hear_to_the_end();
        assert!(answered.len() <= 2, "{name}: {answered:?}");
        assert_eq!(client.status(count).refused_connections, count, "{name}");
    }
    last
}

#[test]
fn strangers_are_closed_and_counted_and_others_are_served() {
    let mut cluster = Cluster::new(1);
    let node = cluster.start(1);
    let mut client = Speaker::client(node.address());
    strangers_are_refused(&mut client, 0, || Speaker::dial(node.address()));
}

#[test]
fn strangers_are_closed_before_a_handshake_and_behind_it() {
    let mut cluster = Cluster::new(1);
    let papers = cluster.papers();
    let node = cluster.start(1);
    let mut client = Speaker::dial_over(&papers, node.address()).welcomed();
    let count = strangers_are_refused(&mut client, 0, || Speaker::dial(node.address()));
    strangers_are_refused(&mut client, count, || Speaker::dial_over(&papers, node.address()));
}

#[test]
fn a_peer_message_is_no_clients_whatever_its_certificate() {
    let mut cluster = Cluster::new(3);
    let papers = cluster.papers();
    let nodes = cluster.start_all();
    wait_for_leader(&nodes);
    for node in &nodes {
        for (_, bytes) in cases() {
            let mut stranger = Speaker::dial_over(&papers, node.address());
            stranger.say_bytes(&bytes);
            stranger.hear_to_the_end();
        }
    }
    assert!(nodes.iter().all(|node| node.leadership().term < Term(1 << 32)));
    assert!(nodes.iter().all(|node| node.failure().is_none()));
}

#[test]
fn a_cluster_keeps_its_leader_while_strangers_talk() {
    let mut cluster = Cluster::new(3);
    let nodes = cluster.start_all();
    wait_for_leader(&nodes);
    for node in &nodes {
        for (_, bytes) in cases() {
            let mut stranger = Speaker::dial(node.address());
            stranger.say_bytes(&bytes);
            stranger.hear_to_the_end();
        }
    }
    // Nothing that a stranger said reached consensus: a term of u64::MAX would have.
    assert!(nodes.iter().all(|node| node.leadership().term < Term(1 << 32)));
    assert!(nodes.iter().all(|node| node.failure().is_none()));
}

#[test]
fn one_byte_at_a_time_and_all_at_once_are_answered_alike() {
    let mut cluster = Cluster::new(1);
    let node = cluster.start(1);
    let bytes = [
        frame(FrameKind::ClientHello, &hello()),
        frame(FrameKind::Request, &Request::Status { read: 1 }),
    ]
    .concat();
    for size in [1, bytes.len()] {
        let mut client = Speaker::dial(node.address());
        bytes.chunks(size).for_each(|piece| client.say_bytes(piece));
        assert_eq!(client.hear().unwrap().kind, FrameKind::ClientWelcome);
        assert_eq!(client.hear().unwrap().kind, FrameKind::Server);
    }
}

#[test]
fn connections_that_say_nothing_and_close_leave_nothing() {
    let mut cluster = Cluster::new(1);
    let node = cluster.start(1);
    for _ in 0..1_000 {
        drop(Speaker::dial(node.address()));
    }
    assert_eq!(Speaker::client(node.address()).status(1).refused_connections, 0);
}

#[test]
fn a_client_of_another_cluster_is_told_so() {
    let mut cluster = Cluster::new(1);
    let node = cluster.start(1);
    let other = ClientHello { cluster: Some(ClusterId([9; 16])), ..hello() };
    let refused = refused(node.address(), |stranger| stranger.say(FrameKind::ClientHello, &other));
    assert_eq!(refused.code, RefusedCode::Cluster);
}

#[test]
fn l15_a_client_that_came_before_there_was_a_cluster_comes_again_and_is_told_which() {
    let mut cluster = Cluster::new(2);
    let first = cluster.start(1);
    let other = ClientHello { cluster: Some(ClusterId([9; 16])), ..hello() };
    let mut early = Speaker::dial(first.address());
    early.say(FrameKind::ClientHello, &other);
    assert_eq!(early.hear().unwrap().decode::<ClientWelcome>().unwrap().cluster, None);
    let _second = cluster.start(2);
    let pushed = early.hear_to_the_end();
    assert!(pushed.iter().all(|frame| frame.kind == FrameKind::Server), "{pushed:?}");
    let mut again = Speaker::dial(first.address());
    again.say(FrameKind::ClientHello, &other);
    let refused: Refused = again.hear().unwrap().decode().unwrap();
    assert_eq!(refused.code, RefusedCode::Cluster);
    let mut knows_none = Speaker::dial(first.address());
    knows_none.say(FrameKind::ClientHello, &hello());
    assert!(knows_none.hear().unwrap().decode::<ClientWelcome>().unwrap().cluster.is_some());
}

#[test]
fn a_first_frame_that_is_no_hello_is_told_so() {
    let mut cluster = Cluster::new(1);
    let node = cluster.start(1);
    let refused = refused(node.address(), |stranger| {
        stranger.say(FrameKind::Request, &Request::Status { read: 1 });
    });
    assert_eq!(refused.code, RefusedCode::State);
}

#[test]
fn a_client_that_does_not_read_is_read_no_more_and_loses_nothing() {
    const REQUESTS: usize = 60_000;
    let mut cluster = Cluster::new(1);
    let node = cluster.start(1);
    let (mut writer, mut reader) = Speaker::client(node.address()).split();
    let writing = std::thread::spawn(move || {
        for read in 0..REQUESTS as u64 {
            writer.write_all(&frame(FrameKind::Request, &Request::Status { read })).unwrap();
        }
    });
    // Others are served while its answers, many times the buffers between us, wait to be read.
    let mut client = Speaker::client(node.address());
    (0..100).for_each(|read| drop(client.status(read)));
    assert!(reader.status_answers(REQUESTS).into_iter().eq(0..REQUESTS as u64));
    writing.join().unwrap();
}

#[test]
fn a_port_that_is_in_use_is_refused_and_the_directory_left_alone() {
    let mut cluster = Cluster::new(2);
    let node = cluster.start(1);
    let mut second = cluster.options(2);
    second.listener = None;
    second.listen = Some(node.address().to_string());
    let error = Node::start(second).unwrap_err();
    assert_eq!(error.status, tenure::Status::Io);
    assert!(error.message.contains("another port"), "{error}");
}

#[test]
fn two_nodes_on_one_directory_are_refused() {
    let mut cluster = Cluster::new(1);
    let node = cluster.start(1);
    let mut second = cluster.options(1);
    second.listen = Some("127.0.0.1:0".to_owned());
    let error = Node::start(second).unwrap_err();
    assert_eq!(error.status, tenure::Status::Io);
    assert_eq!(node.next(Some(Duration::from_secs(60))).map(|seen| seen.leader), Ok(None));
    assert_eq!(node.id(), NodeId(1));
}
