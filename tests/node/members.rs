//! Hellos of peers: who may say to be whom, and which connection counts.

use super::cluster::{Cluster, wait_for_leader};
use super::speaker::Speaker;
use std::net::{SocketAddr, TcpListener};
use tenure::base::time::RHO_PPM;
use tenure::base::{ClusterId, DirectoryId, NodeId};
use tenure::node::Node;
use tenure::wire::{FrameKind, Hello, PeerHello, Refused, RefusedCode};

fn hello(from: u64, to: u64, directory: u8) -> PeerHello {
    PeerHello {
        node: NodeId(from),
        to: NodeId(to),
        directory: DirectoryId([directory; 16]),
        cluster: None,
        boot: 1,
        rho_ppm: RHO_PPM,
    }
}

/// The hello of whoever has dialed.
fn heard(peer: &mut Speaker) -> Hello {
    let frame = peer.hear().unwrap();
    assert_eq!(frame.kind, FrameKind::Hello);
    Hello::from_values(&frame.decode().unwrap()).unwrap()
}

fn greet(address: SocketAddr, hello: &PeerHello) -> Speaker {
    let mut peer = Speaker::dial(address);
    peer.say(FrameKind::PeerHello, hello);
    peer
}

fn refusal(address: SocketAddr, hello: &PeerHello) -> Refused {
    let frames = greet(address, hello).hear_to_the_end();
    let last = frames.last().expect("a refusal is said before closing");
    assert_eq!(last.kind, FrameKind::Refused, "{frames:?}");
    last.decode().unwrap()
}

#[test]
fn hellos_that_do_not_fit_are_refused_with_their_reason() {
    let mut cluster = Cluster::new(3);
    let node = cluster.start(2);
    let strange_clock = PeerHello { rho_ppm: RHO_PPM + 1, ..hello(1, 2, 1) };
    let cases = [
        (hello(1, 3, 1), RefusedCode::Node, "not node 3"),
        (hello(2, 2, 1), RefusedCode::Node, "not another member"),
        (hello(9, 2, 1), RefusedCode::Node, "not another member"),
        (strange_clock, RefusedCode::ClockRate, "ppm"),
    ];
    for (hello, code, text) in cases {
        let refused = refusal(node.address(), &hello);
        assert_eq!(refused.code, code, "{refused:?}");
        assert!(refused.text.contains(text), "{refused:?}");
    }
}

#[test]
fn the_higher_id_may_dial_only_while_no_connection_stands() {
    let mut cluster = Cluster::new(3);
    let node = cluster.start(2);
    let mut first = greet(node.address(), &hello(3, 2, 1));
    assert_eq!(first.hear().unwrap().kind, FrameKind::PeerWelcome);
    let refused = refusal(node.address(), &hello(3, 2, 1));
    assert_eq!(refused.code, RefusedCode::State);
    assert!(refused.text.contains("node 2 dials node 3"), "{refused:?}");
}

#[test]
fn a_founded_cluster_refuses_other_clusters_and_emptied_directories() {
    let mut cluster = Cluster::new(3);
    let nodes = cluster.start_all();
    wait_for_leader(&nodes);
    let address = nodes[2].address();
    let stranger = PeerHello { cluster: Some(ClusterId([9; 16])), ..hello(1, 3, 1) };
    assert_eq!(refusal(address, &stranger).code, RefusedCode::Cluster);
    assert_eq!(refusal(address, &hello(1, 3, 1)).code, RefusedCode::Directory);
    wait_for_leader(&nodes);
}

#[test]
fn the_newest_connection_of_a_peer_replaces_the_older_one() {
    let mut cluster = Cluster::new(3);
    let node = cluster.start(3);
    let mut first = greet(node.address(), &hello(1, 3, 1));
    assert_eq!(first.hear().unwrap().kind, FrameKind::PeerWelcome);
    let mut second = greet(node.address(), &hello(1, 3, 1));
    assert_eq!(second.hear().unwrap().kind, FrameKind::PeerWelcome);
    first.hear_to_the_end();
    // The second still stands: it is told what there is to found.
    assert_eq!(second.hear().unwrap().kind, FrameKind::Peer);
}

#[test]
fn a_second_node_with_the_same_id_is_refused_and_the_first_stays() {
    let mut cluster = Cluster::new(3);
    let node = cluster.start(3);
    let mut first = greet(node.address(), &hello(1, 3, 1));
    assert_eq!(first.hear().unwrap().kind, FrameKind::PeerWelcome);
    let refused = refusal(node.address(), &hello(1, 3, 2));
    assert_eq!(refused.code, RefusedCode::Node);
    assert!(refused.text.contains("another node 1"), "{refused:?}");
    assert_eq!(first.hear().unwrap().kind, FrameKind::Peer);
}

#[test]
fn a_node_that_dials_another_than_it_means_is_refused_and_tries_again() {
    // Node 1 believes that node 2 is at this address; whoever is there says to be node 3.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut cluster = Cluster::new(3);
    let mut members = cluster.members().to_vec();
    members[1].1 = listener.local_addr().unwrap().to_string();
    let mut options = cluster.options(1);
    options.cluster = members;
    let node = Node::start(options).unwrap();
    for _ in 0..2 {
        let (stream, _) = listener.accept().unwrap();
        let mut peer = Speaker::accepted(stream);
        let Hello::Peer(said, _) = heard(&mut peer) else { panic!("a peer dials") };
        assert_eq!(said.to, NodeId(2));
        peer.say(FrameKind::PeerWelcome, &hello(3, 1, 3));
        let refused: Refused = peer.hear_to_the_end()[0].decode().unwrap();
        assert_eq!(refused.code, RefusedCode::Node);
    }
    assert_eq!(node.failure(), None);
}

/// Node 2 of three, whose welcome to `peer`, who has dialed it, is refused with this code.
fn refuse_welcome(peer: u64, code: RefusedCode) -> Node {
    let mut cluster = Cluster::new(3);
    let node = cluster.start(2);
    let mut dialer = greet(node.address(), &hello(peer, 2, 1));
    assert_eq!(dialer.hear().unwrap().kind, FrameKind::PeerWelcome);
    let text = "add it again under a new id".to_owned();
    dialer.say(FrameKind::Refused, &Refused { code, text });
    dialer.hear_to_the_end();
    node
}

#[test]
fn a_node_ends_with_the_sentence_of_a_member_that_knows_another_directory_or_its_removal() {
    for code in [RefusedCode::Directory, RefusedCode::Removed] {
        let node = refuse_welcome(1, code);
        while node.next(None).is_ok() {}
        let failure = node.failure().expect("it has ended by itself");
        assert_eq!(failure.status, tenure::Status::Denied);
        assert!(failure.message.contains("under a new id"), "{failure}");
    }
}

#[test]
fn a_node_that_is_refused_for_what_can_change_goes_on() {
    for code in [RefusedCode::State, RefusedCode::Node, RefusedCode::Cluster] {
        let node = refuse_welcome(1, code);
        assert_eq!(super::speaker::Speaker::client(node.address()).status(1).node, NodeId(2));
        assert_eq!(node.failure(), None);
    }
}

#[test]
fn the_dialer_comes_back_after_each_loss() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut cluster = Cluster::new(2);
    let mut members = cluster.members().to_vec();
    members[1].1 = listener.local_addr().unwrap().to_string();
    let mut options = cluster.options(1);
    options.cluster = members;
    let _node = Node::start(options).unwrap();
    for _ in 0..5 {
        let (stream, _) = listener.accept().unwrap();
        let mut peer = Speaker::accepted(stream);
        assert!(matches!(heard(&mut peer), Hello::Peer(..)));
        peer.say(FrameKind::PeerWelcome, &hello(2, 1, 2));
        assert_eq!(peer.hear().unwrap().kind, FrameKind::Peer);
    }
}
