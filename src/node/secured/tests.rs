//! Permissions on a node's TLS port, and the share of a turn that handshakes take.

use super::*;
use crate::base::time::RHO_PPM;
use crate::base::{DirectoryId, NodeId};
use crate::net::{Listener, Papers};
use crate::node::handshakes::HANDSHAKES_PER_TURN;
use crate::node::{FileDisk, NodeOptions};
use crate::server::{Input, Server};
use crate::sys::clock;
use crate::sys::poll::{self, Interest, Ready};
use crate::wire::{ClientHello, Frame, FrameDecoder, FrameKind, PeerHello, Request, encode_frame};
use socket2::{Domain, Socket, Type};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::AsRawFd;
use tempfile::TempDir;

mod credentials;
mod crowds;
mod standing;

/// Node 3, dialed by the test alone. After a while it dials the others, which are not there.
struct Stand {
    network: Network,
    server: Server<FileDisk>,
    address: SocketAddr,
    papers: Papers,
    _directory: TempDir,
}

impl Stand {
    fn new() -> Self {
        Self::demanding(TlsMode::Required)
    }

    fn demanding(mode: TlsMode) -> Self {
        Self::of(3, (1..=3).map(|id| (NodeId(id), format!("127.0.0.1:{id}"))).collect(), mode)
    }

    fn of(node: u64, members: Vec<(NodeId, String)>, mode: TlsMode) -> Self {
        let node = NodeId(node);
        let mut papers = Papers::new();
        let files = papers.node_files(&format!("tenure:node/{node}"));
        let (cert, key) = files.own.unwrap();
        let tls = NodeTls { mode, ..NodeTls::new(files.ca, cert, key) };
        let secured = Secured::read(&tls, node).unwrap();
        let listener = Listener::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = listener.address().unwrap();
        let (commands, _) = crossbeam_channel::unbounded();
        let mut network = Network::new(node, &members, listener, commands).unwrap();
        network.handshakes.secured = Some(secured);
        let directory = tempfile::tempdir().unwrap();
        let disk = FileDisk::open(directory.path()).unwrap();
        let options = NodeOptions::new(node, "unused", members).server_options();
        let server = Server::open(options, disk, [3; 16], &clock::sample()).unwrap();
        Self { network, server, address, papers, _directory: directory }
    }

    /// A dialer with this identity that has begun its handshake: a node says that it is one.
    fn dial(&mut self, uri: &str) -> Connection {
        let expected = match uri.starts_with("tenure:node/") {
            true => Expected::Node(NodeId(3)),
            false => Expected::AnyNode,
        };
        self.dial_from(1, uri, expected)
    }

    /// As `dial`, from 127.0.0.`from`.
    fn dial_from(&mut self, from: u8, uri: &str, expected: Expected) -> Connection {
        let client = self.papers.client(uri);
        self.hand(from, &client, expected)
    }

    fn dial_as(&self, client: &TlsClient) -> Connection {
        self.hand(1, client, Expected::Node(NodeId(3)))
    }

    fn hand(&self, from: u8, client: &TlsClient, expected: Expected) -> Connection {
        let stream = self.connect(from);
        stream.set_nonblocking(true).unwrap();
        let stream = mio::net::TcpStream::from_std(stream);
        let dialed = Connection::accepted(stream, 1 << 20).unwrap();
        let mut dialed = dialed.over_tls(client, expected).unwrap();
        dialed.flush().unwrap();
        assert!(!dialed.wants_write(), "a socket that is new takes a hello");
        dialed
    }

    /// A silent connection from 127.0.0.`from`.
    fn connect(&self, from: u8) -> TcpStream {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.bind(&SocketAddr::from(([127, 0, 0, from], 0)).into()).unwrap();
        socket.connect(&self.address.into()).unwrap();
        socket.into()
    }

    /// `count` dialers, whose first messages are there to be read.
    fn begin_handshakes(&mut self, count: usize) -> Vec<Connection> {
        let dialed: Vec<_> = (0..count).map(|_| self.dial("tenure:client/a")).collect();
        self.take_dialed(count);
        dialed
    }

    /// Accepts the next `count`, each of which has sent something. Gives their keys.
    fn take_dialed(&mut self, count: usize) -> std::ops::Range<u64> {
        let (first, now) = (self.network.links.next_key().0, clock::boot_nanos());
        let last = first + count as u64;
        while self.network.links.next_key() < Key(last) {
            self.network.acceptor.handle_ready();
            self.network.accept(now, &mut Vec::new());
        }
        for key in (first..last).map(Key) {
            let connection = &self.network.links.find(key).unwrap().connection;
            let readable = (connection.as_raw_fd(), Interest::Read, Ready::default());
            poll::wait(&mut [readable], None).unwrap();
        }
        first..last
    }

    fn turn(&mut self, inputs: &mut Vec<Input>) {
        self.network.wait(u64::MAX).unwrap();
        self.network.collect(&self.server, inputs);
        self.network.flush_links();
    }

    /// The effect of a first frame: the server's inputs, and the frames that its sender gets until
    /// the end.
    fn say<T: serde::Serialize>(
        &mut self,
        uri: &str,
        kind: FrameKind,
        hello: &T,
    ) -> (Vec<Input>, Vec<Frame>) {
        let dialed = self.dial(uri);
        self.say_on(dialed, kind, hello)
    }

    /// As `say`, on this connection.
    fn say_on<T: serde::Serialize>(
        &mut self,
        mut dialed: Connection,
        kind: FrameKind,
        hello: &T,
    ) -> (Vec<Input>, Vec<Frame>) {
        dialed.queue(kind, hello).unwrap();
        // The dial may not be complete yet.
        while dialed.wants_write() {
            dialed.flush().unwrap();
        }
        let hearing = std::thread::spawn(move || {
            let mut frames = Vec::new();
            // Until a frame arrives, or the end.
            while frames.is_empty() {
                let readable = (dialed.as_raw_fd(), Interest::Read, Ready::default());
                poll::wait(&mut [readable], None).unwrap();
                if dialed.receive(&mut frames, 1 << 20).is_err() {
                    break;
                }
            }
            frames
        });
        let mut inputs = Vec::new();
        let before = self.network.complaints.count();
        while inputs.is_empty() && self.network.complaints.count() == before {
            self.turn(&mut inputs);
            // Earlier dialers have left.
            inputs.retain(|input| {
                !matches!(
                    input,
                    Input::ClientDown { .. } | Input::PeerDown { .. } | Input::PeerLost { .. }
                )
            });
        }
        (inputs, hearing.join().unwrap())
    }
}

fn peer(node: u64) -> PeerHello {
    PeerHello {
        node: NodeId(node),
        to: NodeId(3),
        directory: DirectoryId([node as u8; 16]),
        cluster: None,
        boot: 1,
        rho_ppm: RHO_PPM,
    }
}

#[test]
fn a_peer_is_whom_its_certificate_names_and_nobody_else() {
    let mut stand = Stand::new();
    for (uri, shown) in [
        ("tenure:client/a", "this is client/a's"),
        ("tenure:operator/a", "this is operator/a's"),
        ("tenure:node/2", "this is node/2's"),
    ] {
        let (inputs, frames) = stand.say(uri, FrameKind::PeerHello, &peer(1));
        assert!(inputs.is_empty(), "{uri}: {inputs:?}");
        let [refused] = &frames[..] else { panic!("{uri}: {frames:?}") };
        assert_eq!(refused.kind, FrameKind::Refused);
        let text = refused.decode::<Refused>().unwrap().text;
        assert!(text.starts_with("only the certificate of node/1 may speak as node 1"), "{text}");
        assert!(text.contains(shown), "{text}");
    }
    let (inputs, frames) = stand.say("tenure:node/1", FrameKind::PeerHello, &peer(1));
    assert!(matches!(inputs[..], [Input::PeerUp { peer: NodeId(1), .. }]), "{inputs:?}");
    assert_eq!(frames[0].kind, FrameKind::PeerWelcome);
}

#[test]
fn who_is_not_known_says_nothing_that_is_heard() {
    let mut stand = Stand::new();
    let hello = ClientHello { client: "test".to_owned(), cluster: None };
    let (inputs, frames) = stand.say("tenure:nobody", FrameKind::ClientHello, &hello);
    assert!(inputs.is_empty() && frames.is_empty(), "{inputs:?} {frames:?}");
    assert_eq!(stand.network.complaints.count(), 1);
    let (inputs, _) = stand.say("tenure:client/a", FrameKind::ClientHello, &hello);
    assert!(matches!(inputs[..], [Input::ClientUp { .. }]), "{inputs:?}");
}

#[test]
fn handshakes_take_a_part_of_each_turn_and_those_who_are_known_go_first() {
    let mut stand = Stand::new();
    let mut known = stand.network.local_node("a:3", "a:3").dial(1 << 20).unwrap();
    let hello = ClientHello { client: "test".to_owned(), cluster: None };
    known.queue(FrameKind::ClientHello, &hello).unwrap();
    known.flush().unwrap();
    let mut inputs = Vec::new();
    while inputs.is_empty() {
        stand.turn(&mut inputs);
    }
    let _others = stand.begin_handshakes(2 * HANDSHAKES_PER_TURN + 1);
    inputs.clear();
    known.queue(FrameKind::Request, &Request::Status { read: 1 }).unwrap();
    known.flush().unwrap();
    stand.turn(&mut inputs);
    assert!(matches!(inputs[..], [Input::Client { .. }]), "{inputs:?}");
    assert_eq!(stand.network.handshakes.len(), HANDSHAKES_PER_TURN + 1);
    stand.turn(&mut inputs);
    assert_eq!(stand.network.handshakes.len(), 1);
    stand.turn(&mut inputs);
    assert_eq!(stand.network.handshakes.len(), 0);
}

#[test]
fn a_turn_that_has_done_its_work_goes_on_with_one_handshake_all_the_same() {
    let mut stand = Stand::new();
    let _others = stand.begin_handshakes(HANDSHAKES_PER_TURN + 2);
    let mut inputs = Vec::new();
    stand.turn(&mut inputs);
    assert_eq!(stand.network.handshakes.len(), 2);
    stand.network.shake_hands(0, &stand.server, &mut inputs);
    assert_eq!(stand.network.handshakes.len(), 1);
}

#[test]
fn what_is_no_handshake_is_closed_and_counted_and_disturbs_nobody() {
    let mut stand = Stand::new();
    let hello = ClientHello { client: "test".to_owned(), cluster: None };
    let mut frame = Vec::new();
    encode_frame(FrameKind::ClientHello, &hello, &mut frame);
    let hostile: [&[u8]; 4] =
        [b"GET / HTTP/1.1\r\nHost: db1\r\n\r\n", &frame, &[0xff; 4096], &[0x16, 3, 1, 0xff, 0xff]];
    for (count, bytes) in hostile.into_iter().enumerate() {
        let mut stranger = TcpStream::connect(stand.address).unwrap();
        stranger.write_all(bytes).unwrap();
        while stand.network.complaints.count() == count as u64 {
            let mut inputs = Vec::new();
            stand.turn(&mut inputs);
            assert!(inputs.is_empty(), "{inputs:?}");
        }
        let mut heard = Vec::new();
        // A reset comes of what nobody has read.
        let _ = stranger.read_to_end(&mut heard);
        assert!(heard.is_empty() || heard[0] == 0x15, "an alert, if anything: {heard:?}");
        assert_eq!(stand.network.greetings.len(), 0);
    }
    let (inputs, _) = stand.say("tenure:client/a", FrameKind::ClientHello, &hello);
    assert!(matches!(inputs[..], [Input::ClientUp { .. }]), "{inputs:?}");
}

#[test]
fn who_does_not_finish_a_handshake_in_time_is_closed() {
    let mut stand = Stand::new();
    // The begin of a record, and no more; and a whole first message, after which nothing comes.
    let mut begun = TcpStream::connect(stand.address).unwrap();
    begun.write_all(&[0x16, 3, 1, 2, 0, 1]).unwrap();
    let half = stand.dial("tenure:client/a");
    let mut inputs = Vec::new();
    while stand.network.greetings.len() < 2 {
        stand.turn(&mut inputs);
    }
    stand.network.end_silent(clock::boot_nanos() + 6_000_000_000, &mut inputs);
    assert_eq!((stand.network.greetings.len(), stand.network.complaints.count()), (0, 2));
    assert!(inputs.is_empty() && half.is_handshaking());
}

#[test]
fn whose_handshake_waits_for_us_is_not_late_itself_but_once() {
    let mut stand = Stand::new();
    let _others = stand.begin_handshakes(HANDSHAKES_PER_TURN + 3);
    let mut inputs = Vec::new();
    // Those whose turn it is are answered, and must send next.
    stand.turn(&mut inputs);
    stand.network.end_silent(clock::boot_nanos() + 6_000_000_000, &mut inputs);
    assert_eq!(stand.network.greetings.len(), 3);
    stand.network.end_silent(clock::boot_nanos() + 12_000_000_000, &mut inputs);
    assert_eq!(stand.network.greetings.len(), 0);
}

#[test]
fn a_node_that_takes_both_serves_both_and_a_certificate_is_no_less_than_without() {
    let mut stand = Stand::demanding(TlsMode::Optional);
    let plain = |stand: &Stand| Connection::dial(stand.address, 1 << 20).unwrap();
    let hello = ClientHello { client: "test".to_owned(), cluster: None };
    let dialed = plain(&stand);
    let (inputs, frames) = stand.say_on(dialed, FrameKind::ClientHello, &hello);
    assert!(matches!(inputs[..], [Input::ClientUp { .. }]), "{inputs:?}");
    assert_eq!(frames[0].kind, FrameKind::ClientWelcome);
    let (inputs, _) = stand.say("tenure:client/a", FrameKind::ClientHello, &hello);
    assert!(matches!(inputs[..], [Input::ClientUp { .. }]), "{inputs:?}");
    let dialed = plain(&stand);
    let (inputs, frames) = stand.say_on(dialed, FrameKind::PeerHello, &peer(1));
    assert!(matches!(inputs[..], [Input::PeerUp { peer: NodeId(1), .. }]), "{inputs:?}");
    assert_eq!(frames[0].kind, FrameKind::PeerWelcome);
    // A certificate names one identity and no other.
    for uri in ["tenure:client/a", "tenure:node/1"] {
        let (inputs, frames) = stand.say(uri, FrameKind::PeerHello, &peer(2));
        assert!(inputs.is_empty(), "{uri}: {inputs:?}");
        assert_eq!(frames[0].kind, FrameKind::Refused);
    }
}

/// The beginnings of `count` dials of node 2 by a node in mode `mode`, each closed without an
/// answer.
fn dials(mode: TlsMode, count: usize) -> Vec<String> {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let other = (NodeId(2), listener.local_addr().unwrap().to_string());
    let mut stand = Stand::of(1, vec![(NodeId(1), "127.0.0.1:1".to_owned()), other], mode);
    let heard = std::thread::spawn(move || {
        let begin = |()| {
            let (mut socket, _) = listener.accept().unwrap();
            let (mut decoder, mut bytes) = (FrameDecoder::new(), [0; 4096]);
            loop {
                let count = socket.read(&mut bytes).unwrap();
                if bytes[0] == 0x16 {
                    return "TLS".to_owned();
                }
                decoder.push(&bytes[..count]);
                if let Some(frame) = decoder.next_frame().unwrap() {
                    return format!("{:?}", frame.kind);
                }
            }
        };
        std::iter::repeat_n((), count).map(begin).collect()
    });
    while !heard.is_finished() {
        stand.turn(&mut Vec::new());
    }
    heard.join().unwrap()
}

#[test]
fn a_peer_is_dialed_over_tls_first_and_without_only_where_that_is_allowed() {
    let all = ["TLS", "Hello", "PeerHello", "TLS", "Hello"];
    assert_eq!(dials(TlsMode::Optional, all.len()), all);
    assert_eq!(dials(TlsMode::Required, 3), ["TLS"; 3]);
}
