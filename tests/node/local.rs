//! Connections from a node's own process: taken, bounded and ended as those of TCP are.

use super::cluster::Cluster;
use super::speaker::{Speaker, answered_status};
use std::os::fd::AsRawFd;
use tenure::net::{Closed, Connection};
use tenure::node::Node;
use tenure::sys::poll::{self, Interest, Ready};
use tenure::wire::{ClientHello, ClientWelcome, Frame, FrameKind, Request};

/// What this side of a connection may hold to be sent.
const OUT_BYTES_MAX: usize = 64 << 10;

fn dial(node: &Node) -> Connection {
    let mut connection = node.local().unwrap().dial(OUT_BYTES_MAX).unwrap();
    let hello = ClientHello { client: "test".to_owned(), cluster: None };
    connection.queue(FrameKind::ClientHello, &hello).unwrap();
    connection.flush().unwrap();
    connection
}

/// Reads until `count` frames are there or it is closed, and sends what waits.
fn receive(connection: &mut Connection, count: usize) -> (Vec<Frame>, Option<Closed>) {
    let mut frames = Vec::new();
    while frames.len() < count {
        poll::wait(&mut [(connection.as_raw_fd(), Interest::Read, Ready::default())], None)
            .unwrap();
        let received = connection.receive(&mut frames, 1 << 20);
        if let Err(closed) = received.map(drop).and_then(|()| connection.flush()) {
            return (frames, Some(closed));
        }
    }
    (frames, None)
}

#[test]
fn a_node_welcomes_a_client_of_its_own_process() {
    let mut cluster = Cluster::new(1);
    let node = cluster.start(1);
    let (heard, _) = receive(&mut dial(&node), 1);
    assert_eq!(heard[0].decode::<ClientWelcome>().unwrap().node, node.id());
}

#[test]
fn a_client_of_its_own_process_that_does_not_read_is_read_no_more_and_loses_nothing() {
    let mut cluster = Cluster::new(1);
    let node = cluster.start(1);
    let mut flood = dial(&node);
    assert_eq!(receive(&mut flood, 1).0.len(), 1);
    let mut asked = 0;
    while flood.queue(FrameKind::Request, &Request::Status { read: asked }).is_ok() {
        flood.flush().unwrap();
        asked += 1;
        assert!(asked < 1_000_000, "the node reads on, and holds all that it answers");
    }
    // Others are served meanwhile.
    let mut other = Speaker::client(node.address());
    (0..100).for_each(|read| drop(other.status(read)));
    let mut answered = Vec::new();
    while (answered.len() as u64) < asked {
        let (frames, closed) = receive(&mut flood, 1);
        assert!(closed.is_none(), "{closed:?}");
        answered.extend(frames.iter().filter_map(answered_status));
    }
    assert!(answered.into_iter().eq(0..asked));
}

#[test]
fn a_first_frame_from_its_own_process_that_is_no_hello_is_refused_too() {
    let mut cluster = Cluster::new(1);
    let node = cluster.start(1);
    let mut stranger = node.local().unwrap().dial(OUT_BYTES_MAX).unwrap();
    stranger.queue(FrameKind::Request, &Request::Status { read: 1 }).unwrap();
    stranger.flush().unwrap();
    let (heard, closed) = receive(&mut stranger, 2);
    assert_eq!(heard[0].kind, FrameKind::Refused);
    assert!(matches!(closed, Some(Closed::ByPeer)), "{closed:?}");
    assert_eq!(Speaker::client(node.address()).status(1).refused_connections, 1);
}

#[test]
fn a_node_that_stops_closes_the_connections_of_its_own_process() {
    let mut cluster = Cluster::new(1);
    let node = cluster.start(1);
    let mut client = dial(&node);
    assert_eq!(receive(&mut client, 1).0.len(), 1);
    node.stop(None).unwrap();
    let (_, closed) = receive(&mut client, 1);
    assert!(matches!(closed, Some(Closed::ByPeer)), "{closed:?}");
    assert!(node.local().unwrap().dial(OUT_BYTES_MAX).is_err());
}
