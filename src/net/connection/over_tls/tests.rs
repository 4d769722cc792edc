//! Connections over TLS on sockets: the same frames, bounds and ends as without.

use super::*;
use crate::base::NodeId;
use crate::net::tls::tests::Papers;
use crate::net::{Closed, Connection, Received};
use crate::sys::poll::{self, Interest, Ready};
use crate::wire::{Frame, FrameKind, Refused, RefusedCode, Request, encode_frame};
use std::io::{Read, Write};
use std::net::TcpListener as StdListener;
use std::os::fd::AsRawFd;

const OUT_BYTES_MAX: usize = 4 << 20;
const BUDGET: usize = 1 << 20;

/// A connection that was dialed, and its other end.
struct Pair {
    dialer: Connection,
    dialed: Connection,
}

fn accepted(listener: &StdListener) -> Connection {
    let (stream, _) = listener.accept().unwrap();
    stream.set_nonblocking(true).unwrap();
    Connection::accepted(TcpStream::from_std(stream), OUT_BYTES_MAX).unwrap()
}

impl Pair {
    /// Two that speak TLS, and do not know each other yet.
    fn new() -> Self {
        let mut papers = Papers::new();
        let server = papers.server("tenure:node/1");
        let client = papers.client("tenure:client/a");
        let listener = StdListener::bind("127.0.0.1:0").unwrap();
        let dialer = Connection::dial(listener.local_addr().unwrap(), OUT_BYTES_MAX).unwrap();
        let dialer = dialer.over_tls(&client, Expected::Node(NodeId(1))).unwrap();
        let dialed = accepted(&listener).answering_over_tls(&server);
        Self { dialer, dialed }
    }

    fn known() -> Self {
        let mut pair = Self::new();
        while !pair.dialer.is_standing() || !pair.dialed.is_standing() {
            assert_eq!(pair.turn(), (Vec::new(), Vec::new()));
        }
        pair
    }

    /// Frames that both receive, after waiting for one of them to have something.
    fn turn(&mut self) -> (Vec<Frame>, Vec<Frame>) {
        self.dialer.flush().unwrap();
        self.dialed.flush().unwrap();
        let interest = |connection: &Connection| match connection.wants_write() {
            true => Interest::ReadWrite,
            false => Interest::Read,
        };
        let entry = |connection: &Connection| {
            (connection.as_raw_fd(), interest(connection), Ready::default())
        };
        poll::wait(&mut [entry(&self.dialer), entry(&self.dialed)], None).unwrap();
        let (mut to_dialer, mut to_dialed) = (Vec::new(), Vec::new());
        self.dialer.receive(&mut to_dialer, BUDGET).unwrap();
        self.dialed.receive(&mut to_dialed, BUDGET).unwrap();
        (to_dialer, to_dialed)
    }
}

fn status(read: u64) -> Request {
    Request::Status { read }
}

fn reads(frames: &[Frame]) -> Vec<u64> {
    let read = |frame: &Frame| match frame.decode().unwrap() {
        Request::Status { read } => read,
        other => panic!("{other:?}"),
    };
    frames.iter().map(read).collect()
}

/// Receives until the connection ends; what came before.
fn end_of(connection: &mut Connection) -> (Vec<Frame>, Closed) {
    let mut frames = Vec::new();
    loop {
        // An end without a word, or one that is read already, is readable as well.
        poll::wait(&mut [(connection.as_raw_fd(), Interest::Read, Ready::default())], None)
            .unwrap();
        if let Err(closed) = connection.receive(&mut frames, BUDGET) {
            return (frames, closed);
        }
    }
}

#[test]
fn what_is_queued_before_the_handshake_leaves_with_its_end() {
    let mut pair = Pair::new();
    pair.dialer.queue(FrameKind::Request, &status(1)).unwrap();
    pair.dialed.queue(FrameKind::Request, &status(2)).unwrap();
    assert!(!pair.dialer.is_standing() && !pair.dialed.is_standing());
    assert_eq!(pair.dialed.principal(), None);
    assert!(!pair.dialed.wants_write(), "it waits for the other side, and not for room");
    let (mut to_dialer, mut to_dialed) = (Vec::new(), Vec::new());
    while to_dialer.is_empty() || to_dialed.is_empty() {
        let (one, other) = pair.turn();
        to_dialer.extend(one);
        to_dialed.extend(other);
    }
    assert_eq!((reads(&to_dialer), reads(&to_dialed)), (vec![2], vec![1]));
    assert_eq!(pair.dialer.principal().unwrap().to_string(), "node/1");
    assert_eq!(pair.dialed.principal().unwrap().to_string(), "client/a");
}

/// Only one end is polled for the bytes of the other: with edges, none is notified twice.
#[test]
fn frames_of_any_number_arrive_whole_and_nothing_stays_behind() {
    let mut pair = Pair::known();
    for count in [1, 10, 10_000] {
        for read in 0..count {
            pair.dialer.queue(FrameKind::Request, &status(read)).unwrap();
        }
        let mut frames = Vec::new();
        while frames.len() < count as usize {
            frames.extend(pair.turn().1);
        }
        assert_eq!(reads(&frames), (0..count).collect::<Vec<_>>());
        assert_eq!(pair.dialed.receive(&mut frames, BUDGET).unwrap(), Received::All);
    }
}

#[test]
fn a_budget_that_is_used_up_says_that_there_may_be_more() {
    let mut pair = Pair::known();
    for read in 0..5_000 {
        pair.dialer.queue(FrameKind::Request, &status(read)).unwrap();
    }
    pair.dialer.flush().unwrap();
    let mut frames = Vec::new();
    let mut pieces = 0;
    while frames.len() < 5_000 {
        let readable = (pair.dialed.as_raw_fd(), Interest::Read, Ready::default());
        poll::wait(&mut [readable], None).unwrap();
        let received = pair.dialed.receive(&mut frames, 1).unwrap();
        assert_eq!(received, Received::More, "as long as the socket has something");
        pieces += 1;
        pair.dialer.flush().unwrap();
    }
    assert!(pieces > 1);
    assert_eq!(pair.dialed.receive(&mut frames, 1).unwrap(), Received::All);
}

#[test]
fn output_that_is_not_read_is_bounded_and_arrives_in_order() {
    let mut pair = Pair::known();
    let mut queued = 0;
    while pair.dialer.queue(FrameKind::Request, &status(queued)).is_ok() {
        queued += 1;
        if queued.is_multiple_of(1_000) {
            pair.dialer.flush().unwrap();
        }
    }
    assert!(pair.dialer.wants_write());
    let bound = OUT_BYTES_MAX + (64 << 10);
    assert!(pair.dialer.queued_bytes() <= bound, "{}", pair.dialer.queued_bytes());
    let mut frames = Vec::new();
    while (frames.len() as u64) < queued {
        frames.extend(pair.turn().1);
    }
    assert_eq!(reads(&frames), (0..queued).collect::<Vec<_>>());
    assert_eq!(pair.dialer.queued_bytes(), 0);
    assert!(!pair.dialer.wants_write());
}

#[test]
fn an_end_without_a_word_is_the_other_sides_as_one_with_it() {
    let Pair { dialer, mut dialed } = Pair::known();
    // As a process that is killed.
    drop(dialer);
    assert!(matches!(end_of(&mut dialed).1, Closed::ByPeer));

    let Pair { dialer, mut dialed } = Pair::known();
    assert!(dialer.finish().is_some());
    assert!(matches!(end_of(&mut dialed).1, Closed::ByPeer));

    // In the middle of a handshake.
    let Pair { dialer, mut dialed } = Pair::new();
    drop(dialer);
    assert!(matches!(end_of(&mut dialed).1, Closed::ByPeer));
}

#[test]
fn last_words_arrive_before_the_end() {
    let Pair { mut dialer, mut dialed } = Pair::known();
    let refused = Refused { code: RefusedCode::State, text: "no room".into() };
    dialed.queue(FrameKind::Refused, &refused).unwrap();
    drop(dialed.finish());
    let (frames, closed) = end_of(&mut dialer);
    assert_eq!(frames.len(), 1);
    assert_eq!(frames[0].decode::<Refused>().unwrap(), refused);
    assert!(matches!(closed, Closed::ByPeer), "{closed:?}");
}

#[test]
fn plaintext_to_a_node_of_tls_is_told_on_both_sides() {
    let mut papers = Papers::new();
    let server = papers.server("tenure:node/1");
    let listener = StdListener::bind("127.0.0.1:0").unwrap();
    let mut dialer = Connection::dial(listener.local_addr().unwrap(), OUT_BYTES_MAX).unwrap();
    dialer.queue(FrameKind::Request, &status(1)).unwrap();
    while dialer.wants_write() {
        dialer.flush().unwrap();
    }
    let mut dialed = accepted(&listener).answering_over_tls(&server);
    let (frames, closed) = end_of(&mut dialed);
    assert!(frames.is_empty());
    assert!(matches!(closed, Closed::Tls(TlsError::NotTls)), "{closed:?}");
    drop(dialed);
    let closed = end_of(&mut dialer).1;
    assert!(matches!(closed, Closed::Tls(TlsError::SpeaksTls)), "{closed:?}");
}

#[test]
fn tls_to_a_node_without_is_told_on_both_sides() {
    let mut papers = Papers::new();
    let client = papers.client("tenure:client/a");
    let listener = StdListener::bind("127.0.0.1:0").unwrap();
    let dialer = Connection::dial(listener.local_addr().unwrap(), OUT_BYTES_MAX).unwrap();
    let mut dialer = dialer.over_tls(&client, Expected::AnyNode).unwrap();
    while dialer.wants_write() {
        dialer.flush().unwrap();
    }
    let mut dialed = accepted(&listener);
    let closed = end_of(&mut dialed).1;
    assert!(matches!(closed, Closed::Tls(TlsError::SpeaksTls)), "{closed:?}");
    // Words of a node to a side that it does not understand.
    let refused = Refused { code: RefusedCode::State, text: "what?".into() };
    dialed.queue(FrameKind::Refused, &refused).unwrap();
    drop(dialed.finish());
    let closed = end_of(&mut dialer).1;
    assert!(matches!(closed, Closed::Tls(TlsError::NotTls)), "{closed:?}");
}

#[test]
fn a_refused_certificate_is_told_to_who_showed_it() {
    let mut papers = Papers::new();
    let server = papers.server("tenure:node/1");
    let client = papers.client("tenure:nobody");
    let listener = StdListener::bind("127.0.0.1:0").unwrap();
    let dialer = Connection::dial(listener.local_addr().unwrap(), OUT_BYTES_MAX).unwrap();
    let mut dialer = dialer.over_tls(&client, Expected::AnyNode).unwrap();
    dialer.queue(FrameKind::Request, &status(1)).unwrap();
    while dialer.wants_write() {
        dialer.flush().unwrap();
    }
    let mut dialed = accepted(&listener).answering_over_tls(&server);
    let ends = std::thread::scope(|scope| {
        let dialed = scope.spawn(|| {
            let end = end_of(&mut dialed);
            drop(dialed);
            end
        });
        (end_of(&mut dialer), dialed.join().unwrap())
    });
    let ((said, dialer), (heard, dialed)) = ends;
    assert!(said.is_empty() && heard.is_empty(), "nothing is said to strangers, nor heard of them");
    assert!(matches!(dialed, Closed::Tls(TlsError::Theirs(_))), "{dialed:?}");
    assert!(matches!(dialer, Closed::Tls(TlsError::Ours(_))), "{dialer:?}");
}

/// An end whose first bytes will tell what it speaks, and its dialer.
fn either() -> (std::net::TcpStream, Connection, Papers) {
    let mut papers = Papers::new();
    let server = papers.server("tenure:node/1");
    let listener = StdListener::bind("127.0.0.1:0").unwrap();
    let dialer = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    (dialer, accepted(&listener).answering_either(&server), papers)
}

fn wait_for_input(connection: &Connection) {
    poll::wait(&mut [(connection.as_raw_fd(), Interest::Read, Ready::default())], None).unwrap();
}

#[test]
fn who_takes_both_answers_tls_with_tls() {
    let mut papers = Papers::new();
    let server = papers.server("tenure:node/1");
    let client = papers.client("tenure:client/a");
    let listener = StdListener::bind("127.0.0.1:0").unwrap();
    let dialer = Connection::dial(listener.local_addr().unwrap(), OUT_BYTES_MAX).unwrap();
    let dialer = dialer.over_tls(&client, Expected::Node(NodeId(1))).unwrap();
    let mut pair = Pair { dialer, dialed: accepted(&listener).answering_either(&server) };
    assert!(pair.dialed.is_handshaking() && !pair.dialed.is_over_tls());
    pair.dialer.queue(FrameKind::Request, &status(7)).unwrap();
    let mut heard = Vec::new();
    while heard.is_empty() {
        heard = pair.turn().1;
    }
    assert_eq!(reads(&heard), [7]);
    assert!(pair.dialed.is_over_tls() && pair.dialed.is_standing());
    assert_eq!(pair.dialed.principal().unwrap().to_string(), "client/a");
}

#[test]
fn who_takes_both_answers_plaintext_with_plaintext_however_slowly_it_comes() {
    let (mut dialer, mut dialed, _papers) = either();
    let mut bytes = Vec::new();
    encode_frame(FrameKind::Request, &status(7), &mut bytes);
    let mut heard = Vec::new();
    for byte in &bytes {
        assert!(heard.is_empty());
        dialer.write_all(&[*byte]).unwrap();
        wait_for_input(&dialed);
        dialed.receive(&mut heard, BUDGET).unwrap();
    }
    assert_eq!(reads(&heard), [7]);
    assert!(!dialed.is_over_tls() && dialed.is_standing() && dialed.principal().is_none());
    dialed.queue(FrameKind::Request, &status(8)).unwrap();
    dialed.flush().unwrap();
    let (mut decoder, mut answer) = (crate::wire::FrameDecoder::new(), [0; 1024]);
    let count = dialer.read(&mut answer).unwrap();
    decoder.push(&answer[..count]);
    assert_eq!(reads(&[decoder.next_frame().unwrap().unwrap()]), [8]);
}

#[test]
fn a_hello_of_tls_that_comes_byte_by_byte_is_one() {
    let (mut dialer, mut dialed, mut papers) = either();
    let hello = papers.client("tenure:client/a").dial(Expected::Node(NodeId(1))).unwrap();
    let mut heard = Vec::new();
    for byte in hello.pending() {
        assert!(dialed.is_handshaking());
        dialer.write_all(&[*byte]).unwrap();
        wait_for_input(&dialed);
        dialed.receive(&mut heard, BUDGET).unwrap();
    }
    assert!(dialed.is_over_tls() && dialed.is_handshaking());
    let mut answer = [0; 1];
    assert_eq!((dialer.read(&mut answer).unwrap(), answer), (1, [0x16]));
}

#[test]
fn who_ends_before_it_is_known_what_it_speaks_has_ended() {
    for begin in [&[][..], &[0x16], &[0x16, 3]] {
        let (mut dialer, mut dialed, _papers) = either();
        dialer.write_all(begin).unwrap();
        drop(dialer);
        let (frames, closed) = end_of(&mut dialed);
        assert!(frames.is_empty() && matches!(closed, Closed::ByPeer), "{begin:?}: {closed:?}");
    }
}
