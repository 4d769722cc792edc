//! A node's sockets without its loop: bounds on strangers, and the inputs about peers.

mod slow_readers;

use super::*;
use crate::base::limits::CLIENT_BUFFERS_BYTES_MAX;
use crate::base::time::RHO_PPM;
use crate::base::{DirectoryId, Round, Term};
use crate::node::links::key_of;
use crate::node::{FileDisk, NodeOptions};
use crate::raft::{HeartbeatResponse, Message};
use crate::wire::{
    ClientHello, FrameDecoder, PeerHello, PeerMessage, Refused, RefusedCode, Request,
    ServerMessage, Values, encode_frame,
};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use tempfile::TempDir;

const SECOND: u64 = 1_000_000_000;

fn cluster() -> Vec<(NodeId, String)> {
    // Node 3 dials nobody, so nothing but the test connects.
    (1..=3).map(|id| (NodeId(id), format!("127.0.0.1:{id}"))).collect()
}

fn network() -> (Network, SocketAddr) {
    let listener = Listener::bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = listener.address().unwrap();
    let (commands, _) = crossbeam_channel::unbounded();
    (Network::new(NodeId(3), &cluster(), listener, commands).unwrap(), address)
}

fn server() -> (Server<FileDisk>, TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let disk = FileDisk::open(directory.path()).unwrap();
    let options = NodeOptions::new(NodeId(3), "unused", cluster()).server_options();
    (Server::open(options, disk, [3; 16], &clock::sample()).unwrap(), directory)
}

/// Accepts at `now` until there are `count` connections.
fn accept(network: &mut Network, count: usize, now: u64) {
    while network.links.len() < count {
        network.wait(u64::MAX).unwrap();
        network.acceptor.handle_ready();
        network.accept(now, &mut Vec::new());
    }
}

/// Turns the network until `count` connections were closed for their input, or the lack of it.
fn turn_until_complaints(network: &mut Network, server: &Server<FileDisk>, count: u64) {
    while network.complaints.count() < count {
        network.wait(u64::MAX).unwrap();
        network.collect(server, &mut Vec::new());
        network.flush_links();
    }
}

fn bounds(clients: usize) -> Bounds {
    Bounds { clients, clients_until: usize::MAX, greetings_until: usize::MAX, ..Bounds::now() }
}

/// Turns the network until there are inputs for the server.
fn turn(network: &mut Network, server: &Server<FileDisk>) -> Vec<Input> {
    let mut inputs = Vec::new();
    while inputs.is_empty() {
        network.wait(u64::MAX).unwrap();
        network.collect(server, &mut inputs);
        network.flush_links();
    }
    inputs
}

/// A peer that has said hello.
fn peer(address: SocketAddr) -> TcpStream {
    let mut stream = TcpStream::connect(address).unwrap();
    let hello = PeerHello {
        node: NodeId(1),
        to: NodeId(3),
        directory: DirectoryId([1; 16]),
        cluster: None,
        boot: 1,
        rho_ppm: RHO_PPM,
    };
    let mut bytes = Vec::new();
    encode_frame(FrameKind::PeerHello, &hello, &mut bytes);
    stream.write_all(&bytes).unwrap();
    stream
}

fn is_up(inputs: &[Input]) -> bool {
    matches!(inputs, [Input::PeerUp { peer: NodeId(1), .. }])
}

#[test]
fn who_does_not_say_who_it_is_in_time_is_closed() {
    let (mut network, address) = network();
    let mut silent = TcpStream::connect(address).unwrap();
    // A byte now and then is no hello.
    silent.write_all(&[1]).unwrap();
    accept(&mut network, 1, 0);
    assert_eq!(network.next_deadline(), 5 * SECOND);
    network.end_silent(5 * SECOND - 1, &mut Vec::new());
    assert_eq!(network.links.len(), 1);
    network.end_silent(5 * SECOND, &mut Vec::new());
    assert_eq!((network.links.len(), network.complaints.count()), (0, 1));
    // The end of the stream, or a reset because of the byte that nobody read.
    assert!(!matches!(silent.read(&mut [0]), Ok(1)));
}

/// A client of this process that has said hello.
fn local_client(network: &Network) -> Connection {
    let mut client = network.local_node("a:3", "a:3").dial(1 << 20).unwrap();
    let hello = ClientHello { client: "test".to_owned(), cluster: None };
    client.queue(FrameKind::ClientHello, &hello).unwrap();
    client.flush().unwrap();
    client
}

#[test]
fn a_client_of_this_process_is_one_of_the_clients() {
    let ((mut network, _), (server, _directory)) = (network(), server());
    let mut client = local_client(&network);
    let inputs = turn(&mut network, &server);
    assert!(matches!(inputs[..], [Input::ClientUp { .. }]), "{inputs:?}");
    client.queue(FrameKind::Request, &Request::Status { read: 4 }).unwrap();
    client.flush().unwrap();
    let inputs = turn(&mut network, &server);
    let request = &Request::Status { read: 4 };
    assert!(matches!(&inputs[..], [Input::Client { request: r, .. }] if r == request));
    drop(client);
    let inputs = turn(&mut network, &server);
    assert!(matches!(inputs[..], [Input::ClientDown { .. }]), "{inputs:?}");
    assert_eq!(network.links.len(), 0);
}

#[test]
fn a_client_of_this_process_over_the_number_is_told_so() {
    let ((mut network, _), (server, _directory)) = (network(), server());
    network.bounds = || bounds(0);
    let mut client = local_client(&network);
    turn_until_complaints(&mut network, &server, 1);
    let mut frames = Vec::new();
    let ended = client.receive(&mut frames, 1 << 20);
    assert!(matches!(ended, Err(Closed::ByPeer)), "{ended:?}");
    assert_eq!(frames[0].decode::<Refused>().unwrap().code, RefusedCode::Full);
    assert_eq!(network.links.len(), 0);
}

/// A client of another process that has said hello.
fn client(address: SocketAddr) -> TcpStream {
    let mut stream = TcpStream::connect(address).unwrap();
    let hello = ClientHello { client: "test".to_owned(), cluster: None };
    let mut bytes = Vec::new();
    encode_frame(FrameKind::ClientHello, &hello, &mut bytes);
    stream.write_all(&bytes).unwrap();
    stream
}

/// Why a client was refused.
fn refusal(mut stream: TcpStream) -> Refused {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).unwrap();
    let mut decoder = FrameDecoder::new();
    decoder.push(&bytes);
    decoder.next_frame().unwrap().unwrap().decode().unwrap()
}

#[test]
fn a_client_over_the_number_is_told_so() {
    let ((mut network, address), (server, _directory)) = (network(), server());
    network.bounds = || bounds(1);
    let _first = client(address);
    assert!(matches!(turn(&mut network, &server)[..], [Input::ClientUp { .. }]));
    let second = client(address);
    turn_until_complaints(&mut network, &server, 1);
    let refused = refusal(second);
    assert_eq!(refused.code, RefusedCode::Full);
    assert!(refused.text.contains("1 client connections, the most"), "{}", refused.text);
    assert_eq!(network.links.len(), 1);
}

#[test]
fn a_client_is_told_when_the_process_has_nearly_no_descriptor_left() {
    let ((mut network, address), (server, _directory)) = (network(), server());
    network.bounds = || Bounds { clients_until: 0, ..bounds(10) };
    let refused = client(address);
    turn_until_complaints(&mut network, &server, 1);
    let refused = refusal(refused);
    assert_eq!(refused.code, RefusedCode::Full);
    assert!(refused.text.contains("LimitNOFILE"), "{}", refused.text);
    // Those of this process are the host's own doing.
    let _local = local_client(&network);
    assert!(matches!(turn(&mut network, &server)[..], [Input::ClientUp { .. }]));
}

#[test]
fn a_full_node_takes_its_peers() {
    let ((mut network, address), (server, _directory)) = (network(), server());
    network.bounds = || Bounds { clients_until: 0, greetings_until: 0, ..bounds(1) };
    let _local = local_client(&network);
    assert!(matches!(turn(&mut network, &server)[..], [Input::ClientUp { .. }]));
    let _silent = TcpStream::connect(address).unwrap();
    let _peer = peer(address);
    assert!(is_up(&turn(&mut network, &server)));
}

#[test]
fn who_says_nothing_goes_when_there_is_no_room_for_others() {
    let ((mut network, address), (server, _directory)) = (network(), server());
    network.bounds = || Bounds { greetings_until: 0, ..bounds(10) };
    let mut silent = TcpStream::connect(address).unwrap();
    accept(&mut network, 1, 0);
    let _client = client(address);
    assert!(matches!(turn(&mut network, &server)[..], [Input::ClientUp { .. }]));
    assert_eq!((network.links.len(), network.complaints.count()), (1, 1));
    assert!(matches!(silent.read(&mut [0]), Ok(0)));
    // One that is there alone has its time.
    let _silent = TcpStream::connect(address).unwrap();
    accept(&mut network, 2, 0);
    network.end_silent(5 * SECOND - 1, &mut Vec::new());
    assert_eq!((network.links.len(), network.complaints.count()), (2, 1));
}

#[test]
fn those_who_say_nothing_are_bounded_in_number() {
    let ((mut network, address), (_server, _directory)) = (network(), server());
    network.bounds = || bounds(0);
    let mut silent = Vec::new();
    for _ in 0..5 {
        silent.extend((0..40).map(|_| TcpStream::connect(address).unwrap()));
        let mut accepted = network.links.len() as u64 + network.complaints.count();
        while accepted < silent.len() as u64 {
            network.acceptor.handle_ready();
            network.accept(0, &mut Vec::new());
            accepted = network.links.len() as u64 + network.complaints.count();
        }
    }
    assert_eq!((network.links.len(), network.complaints.count()), (128, 72));
}

#[test]
fn a_descriptor_is_kept_for_each_peer_that_is_not_connected() {
    let ((mut network, address), (server, _directory)) = (network(), server());
    assert_eq!(network.reserved_for, 2 + 2);
    let peer = peer(address);
    assert!(is_up(&turn(&mut network, &server)));
    assert_eq!(network.reserved_for, 1 + 2);
    drop(peer);
    turn(&mut network, &server);
    assert_eq!(network.reserved_for, 2 + 2);
}

#[test]
fn only_the_other_sides_end_of_the_connection_that_counts_is_a_peers_death() {
    let (mut network, address) = network();
    let (server, _directory) = server();
    let first = peer(address);
    assert!(is_up(&turn(&mut network, &server)));
    // A newer one replaces it: up again, and not down, also once the older one ends.
    let second = peer(address);
    assert!(is_up(&turn(&mut network, &server)));
    drop(first);
    drop(second);
    let inputs = turn(&mut network, &server);
    assert!(matches!(inputs[..], [Input::PeerDown { peer: NodeId(1) }]), "{inputs:?}");
}

#[test]
fn a_turn_counts_what_it_takes_to_read_a_socket_besides_what_is_read() {
    let ((mut network, address), (server, _directory)) = (network(), server());
    let mut clients = Vec::new();
    let mut units_of = |frames: usize| {
        let mut stream = client(address);
        let inputs = turn(&mut network, &server);
        let [Input::ClientUp { connection, .. }] = inputs[..] else { panic!("{inputs:?}") };
        let mut bytes = Vec::new();
        for read in 0..frames as u64 {
            encode_frame(FrameKind::Request, &Request::Status { read }, &mut bytes);
        }
        stream.write_all(&bytes).unwrap();
        network.wait(u64::MAX).unwrap();
        clients.push(stream);
        network.read(key_of(connection), &server, &mut Vec::new())
    };
    let (one, two) = (units_of(1), units_of(2));
    assert!(2 * one > two, "two sockets cost more than one: {one} each, {two}");
    assert_eq!(2 * one - two, UNITS_OF_READ);
}

#[test]
fn what_a_muted_peer_says_ends_no_wait_and_is_heard_with_the_next_turn() {
    let ((mut network, address), (server, _directory)) = (network(), server());
    let mut stream = peer(address);
    assert!(is_up(&turn(&mut network, &server)));
    network.hear_peers(false, 0);
    network.hear_peers(false, SECOND);
    let mut say = |round| {
        let echo = HeartbeatResponse { term: Term(1), round: Round(round) };
        let echo = PeerMessage::Raft(Message::HeartbeatResponse(echo));
        let mut bytes = Vec::new();
        encode_frame(FrameKind::Peer, &echo, &mut bytes);
        stream.write_all(&bytes).unwrap();
    };
    say(1);
    let mut inputs = Vec::new();
    while inputs.is_empty() {
        // Something else is due at once.
        network.wait(0).unwrap();
        assert!(!network.poller.ready().any(|ready| ready.readable));
        network.collect(&server, &mut inputs);
    }
    assert!(matches!(inputs[..], [Input::Peer { from: NodeId(1), .. }]), "{inputs:?}");
    say(2);
    network.hear_peers(true, SECOND);
    while !network.poller.ready().any(|ready| ready.readable) {
        network.wait(u64::MAX).unwrap();
    }
}

#[test]
fn a_peer_that_we_close_for_what_it_sent_is_not_reported_dead() {
    let (mut network, address) = network();
    let (server, _directory) = server();
    let mut stream = peer(address);
    assert!(is_up(&turn(&mut network, &server)));
    stream.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    let mut inputs = Vec::new();
    while network.links.len() > 0 {
        network.wait(u64::MAX).unwrap();
        network.collect(&server, &mut inputs);
    }
    assert!(matches!(inputs[..], [Input::PeerLost { peer: NodeId(1) }]), "{inputs:?}");
    assert_eq!(network.complaints.count(), 1);
}
