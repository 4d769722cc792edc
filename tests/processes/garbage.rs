//! Garbage on the port (faults H1–H10): closed, counted, and nobody else notices.

use crate::cluster::Cluster;
use crate::load::Load;
use crate::patience::until;
use crate::raw_client::{RawClient, frame};
use std::fs;
use std::net::TcpStream;
use tenure::base::limits::FRAME_BYTES_MAX;
use tenure::base::rng::Rng;
use tenure::base::{NodeId, Round, Term};
use tenure::raft::{HeartbeatResponse, Message};
use tenure::wire::{ClientHello, FrameKind, PROTOCOL_VERSION, PeerMessage, Request};

#[test]
fn garbage_is_closed_and_counted_and_disturbs_nobody() {
    let cluster = Cluster::start();
    let leader = cluster.leader();
    let mut load = Load::start(&cluster, "jobs/beside-garbage");
    load.wait_for_grants(10);
    let before = refused(&cluster, leader);

    // H6: 1 MiB is announced, ten bytes come. It is closed for its silence, meanwhile the others are tried.
    let mut slow = RawClient::connect(cluster.address(leader));
    slow.send(&header(FRAME_BYTES_MAX as u32, FrameKind::ClientHello as u8)[..10]);
    let offences = offences();
    for (what, bytes) in &offences {
        let mut stranger = RawClient::connect(cluster.address(leader));
        stranger.send(bytes);
        let frames = stranger.wait_closed();
        assert!(frames <= 1, "{what}: {frames} frames before the end");
        load.wait_for_grants(1);
    }
    offend_as_a_client(&cluster, leader);
    slow.wait_closed();

    // A frame that is cut off by the end of the connection is no offence: cables do that.
    let mut cut_off = RawClient::connect(cluster.address(leader));
    cut_off.send(&hello()[..20]);
    cut_off.end_output();
    assert_eq!(cut_off.wait_closed(), 0);

    let counted = refused(&cluster, leader) - before;
    assert_eq!(counted, offences.len() as u64 + 2, "one for each, the slow one, the false client");
    load.wait_for_grants(10);
    load.finish();
}

#[test]
fn a_thousand_empty_connections_leave_nothing_behind() {
    let cluster = Cluster::start();
    let leader = cluster.leader();
    let mut load = Load::start(&cluster, "jobs/beside-empty");
    load.wait_for_grants(10);
    let (refused_before, open_before) = (refused(&cluster, leader), descriptors(&cluster, leader));

    for _ in 0..1000 {
        TcpStream::connect(cluster.address(leader)).expect("the kernel takes the connection");
    }

    // The node reads on while we ask: each answer is a turn of its loop.
    until("all empty connections are closed", || {
        let refused = refused(&cluster, leader);
        assert_eq!(refused, refused_before, "an empty connection is no offence");
        (descriptors(&cluster, leader) <= open_before).then_some(())
    });
    load.wait_for_grants(10);
    load.finish();
}

/// What a stranger may send first that no client sends.
fn offences() -> Vec<(&'static str, Vec<u8>)> {
    let hello = hello();
    let damaged = |at: usize| {
        let mut bytes = hello.clone();
        bytes[at] ^= 0x20;
        bytes
    };
    let kind = FrameKind::ClientHello as u8;
    let heartbeat = HeartbeatResponse { term: Term(1), round: Round(1) };
    let peer_message = PeerMessage::Raft(Message::HeartbeatResponse(heartbeat));
    vec![
        ("random bytes (H1)", random_bytes()),
        ("an HTTP request (H1)", b"GET / HTTP/1.1\r\nHost: tenure\r\n\r\n".to_vec()),
        ("a TLS hello (H1)", TLS_HELLO.to_vec()),
        ("length 0 (H4)", header(0, kind)),
        ("one byte too long (H5)", header(FRAME_BYTES_MAX as u32 + 1, kind)),
        ("2^31 bytes long (H5)", header(1 << 31, kind)),
        ("2^32 - 1 bytes long (H5)", header(u32::MAX, kind)),
        ("a wrong checksum (H8)", damaged(8)),
        ("a damaged body (H8)", damaged(hello.len() - 1)),
        ("another version (H8)", damaged(4)),
        ("an unknown kind (H9)", header(1, 200)),
        ("unknown flags (H9)", damaged(6)),
        (
            "a request before the hello (H10)",
            frame(FrameKind::Request, &Request::Status { read: 1 }),
        ),
        ("a peer's message before the hello (H10)", frame(FrameKind::Peer, &peer_message)),
        ("a hello that is none", frame(FrameKind::ClientHello, &7u8)),
    ]
}

/// H10: what was welcomed as a client sends consensus messages.
fn offend_as_a_client(cluster: &Cluster, node: NodeId) {
    let term = cluster.status(node).expect("it serves").term;
    let mut client = RawClient::connect(cluster.address(node));
    client.say_hello();
    client.welcome();
    let heartbeat = HeartbeatResponse { term: Term(term.0 + 1_000_000), round: Round(u64::MAX) };
    let message = PeerMessage::Raft(Message::HeartbeatResponse(heartbeat));
    client.send(&frame(FrameKind::Peer, &message));
    client.wait_closed();
    assert_eq!(cluster.status(node).expect("it serves").term, term, "a client moved the term");
}

fn hello() -> Vec<u8> {
    let hello = ClientHello { client: "stranger".to_owned(), cluster: None };
    frame(FrameKind::ClientHello, &hello)
}

/// A header with this length and kind, its checksum not filled in, and a byte of body.
fn header(length: u32, kind: u8) -> Vec<u8> {
    let mut bytes = length.to_le_bytes().to_vec();
    bytes.extend_from_slice(&[PROTOCOL_VERSION, kind, 0, 0, 0, 0, 0, 0, 0]);
    bytes
}

/// Bytes that look like nothing of ours, the same in each run.
fn random_bytes() -> Vec<u8> {
    let mut rng = Rng::new(0x007e_0e0e);
    std::iter::repeat_with(|| rng.number().to_le_bytes()).take(64).flatten().collect()
}

fn refused(cluster: &Cluster, node: NodeId) -> u64 {
    cluster.status(node).expect("it serves").refused_connections
}

/// Files and sockets that the node's process has open.
fn descriptors(cluster: &Cluster, node: NodeId) -> usize {
    let folder = format!("/proc/{}/fd", cluster.process(node).id());
    fs::read_dir(folder).expect("the process runs").count()
}

/// The start of a TLS 1.2 ClientHello record.
const TLS_HELLO: &[u8] = &[
    0x16, 0x03, 0x01, 0x00, 0x2f, 0x01, 0x00, 0x00, 0x2b, 0x03, 0x03, 0x00, 0x01, 0x02, 0x03, 0x04,
    0x05, 0x06, 0x07, 0x08, 0x09, 0x0a, 0x0b, 0x0c, 0x0d, 0x0e, 0x0f, 0x10, 0x11, 0x12, 0x13, 0x14,
];
