//! A connection against a plain socket: every byte that the other side may send, or not take.

use super::*;
use crate::sys::poll::{self, Interest, Ready};
use crate::wire::{Frame, PROTOCOL_VERSION, Request, encode_frame};
use socket2::{Domain, Socket, Type};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener as StdListener, TcpStream as StdStream};

const OUT_BYTES_MAX: usize = 4 << 20;
const BUDGET: usize = 1 << 20;

fn pair(out_bytes_max: usize) -> (Connection, StdStream) {
    let listener = StdListener::bind("127.0.0.1:0").unwrap();
    let other = StdStream::connect(listener.local_addr().unwrap()).unwrap();
    let (stream, _) = listener.accept().unwrap();
    stream.set_nonblocking(true).unwrap();
    (Connection::accepted(TcpStream::from_std(stream), out_bytes_max).unwrap(), other)
}

fn wait(connection: &Connection, interest: Interest) {
    let mut set = [(connection.as_raw_fd(), interest, Ready::default())];
    poll::wait(&mut set, None).unwrap();
}

fn bytes_of(reads: impl IntoIterator<Item = u64>) -> Vec<u8> {
    let mut out = Vec::new();
    for read in reads {
        encode_frame(FrameKind::Request, &Request::Status { read }, &mut out);
    }
    out
}

/// Receives until `count` frames are there, or the connection is closed.
fn receive(connection: &mut Connection, count: usize) -> (Vec<Frame>, Option<Closed>) {
    let mut frames = Vec::new();
    while frames.len() < count {
        wait(connection, Interest::Read);
        if let Err(closed) = connection.receive(&mut frames, BUDGET) {
            return (frames, Some(closed));
        }
    }
    (frames, None)
}

#[test]
fn frames_glued_or_byte_by_byte_arrive_alike() {
    let (mut connection, mut other) = pair(OUT_BYTES_MAX);
    other.set_nodelay(true).unwrap();
    let bytes = bytes_of(0..3);
    other.write_all(&bytes).unwrap();
    let (glued, closed) = receive(&mut connection, 3);
    assert!(closed.is_none());
    for byte in &bytes {
        other.write_all(&[*byte]).unwrap();
    }
    let (dripped, closed) = receive(&mut connection, 3);
    assert!(closed.is_none());
    assert_eq!(glued, dripped);
}

#[test]
fn frames_before_the_other_sides_end_are_delivered_with_it() {
    let (mut connection, mut other) = pair(OUT_BYTES_MAX);
    let bytes = bytes_of(0..3);
    // The third is cut short.
    other.write_all(&bytes[..bytes.len() - 1]).unwrap();
    drop(other);
    let (frames, closed) = receive(&mut connection, 3);
    assert_eq!(frames.len(), 2);
    assert!(matches!(closed, Some(Closed::ByPeer)), "{closed:?}");
}

#[test]
fn a_reset_counts_as_the_other_sides_end() {
    let (mut connection, other) = pair(OUT_BYTES_MAX);
    SockRef::from(&other).set_linger(Some(Duration::ZERO)).unwrap();
    drop(other);
    let (_, closed) = receive(&mut connection, 1);
    assert!(matches!(closed, Some(Closed::ByPeer)), "{closed:?}");
}

#[test]
fn bytes_that_are_no_frame_close_after_what_came_before() {
    let (mut connection, mut other) = pair(OUT_BYTES_MAX);
    let mut bytes = bytes_of([1]);
    bytes.extend_from_slice(b"GET / HTTP/1.1\r\n\r\n");
    other.write_all(&bytes).unwrap();
    let (frames, closed) = receive(&mut connection, 2);
    assert_eq!(frames.len(), 1);
    assert!(matches!(closed, Some(Closed::Protocol(FrameError::Length(_)))), "{closed:?}");
}

#[test]
fn a_declared_mebibyte_holds_only_what_was_sent() {
    let (mut connection, mut other) = pair(OUT_BYTES_MAX);
    other.write_all(&[0, 0, 0x10, 0, PROTOCOL_VERSION, 32, 0, 0, 1, 2]).unwrap();
    wait(&connection, Interest::Read);
    let mut frames = Vec::new();
    assert_eq!(connection.receive(&mut frames, BUDGET).unwrap(), Received::All);
    assert!(frames.is_empty());
    assert_eq!(connection.decoder.buffered(), 10);
}

#[test]
fn a_read_ends_with_its_budget_and_goes_on_in_the_next_turn() {
    let (mut connection, mut other) = pair(OUT_BYTES_MAX);
    let bytes = bytes_of(0..5_000);
    other.write_all(&bytes).unwrap();
    wait(&connection, Interest::Read);
    let mut frames = Vec::new();
    assert_eq!(connection.receive(&mut frames, 1).unwrap(), Received::More);
    assert!(frames.len() < 5_000, "{} frames for a budget of one byte", frames.len());
    let (rest, closed) = receive(&mut connection, 5_000 - frames.len());
    assert!(closed.is_none());
    assert_eq!(frames.len() + rest.len(), 5_000);
}

#[test]
fn output_that_the_other_side_does_not_read_ends_at_the_bound_and_arrives_in_order() {
    let (mut connection, mut other) = pair(1 << 20);
    let mut queued = 0u64;
    let closed = loop {
        match connection.queue(FrameKind::Request, &Request::Status { read: queued }) {
            Ok(()) => queued += 1,
            Err(closed) => break closed,
        }
        if queued.is_multiple_of(1_000) {
            connection.flush().unwrap();
        }
    };
    assert!(matches!(closed, Closed::Full));
    assert!(connection.queued_bytes() <= 1 << 20 && connection.wants_write());

    let expected = bytes_of(0..queued);
    let reader = std::thread::spawn(move || {
        let mut bytes = Vec::new();
        other.read_to_end(&mut bytes).unwrap();
        bytes
    });
    while connection.wants_write() {
        wait(&connection, Interest::ReadWrite);
        connection.flush().unwrap();
    }
    connection.finish();
    assert!(reader.join().unwrap() == expected, "the stream differs");
}

#[test]
fn writing_to_an_end_is_an_error_and_no_signal() {
    let (mut connection, other) = pair(OUT_BYTES_MAX);
    SockRef::from(&other).set_linger(Some(Duration::ZERO)).unwrap();
    drop(other);
    wait(&connection, Interest::Read);
    // The first send may meet the reset itself, the second a pipe that is broken: with SIGPIPE at its
    // default a plain write would end the process here.
    for _ in 0..2 {
        connection.queue(FrameKind::Request, &Request::Status { read: 1 }).unwrap();
        assert!(matches!(connection.flush(), Err(Closed::ByPeer)));
    }
}

#[test]
fn a_dial_stands_once_it_is_writable_and_sends_what_was_queued_before() {
    let listener = StdListener::bind("127.0.0.1:0").unwrap();
    let mut connection = Connection::dial(listener.local_addr().unwrap(), OUT_BYTES_MAX).unwrap();
    connection.queue(FrameKind::Request, &Request::Status { read: 9 }).unwrap();
    while connection.wants_write() {
        wait(&connection, Interest::ReadWrite);
        connection.flush().unwrap();
    }
    assert!(connection.check_connected().unwrap());
    assert!(matches!(&connection.stream, Stream::Tcp(stream) if stream.nodelay().unwrap()));
    let (mut other, _) = listener.accept().unwrap();
    let mut bytes = vec![0; bytes_of([9]).len()];
    other.read_exact(&mut bytes).unwrap();
    assert_eq!(bytes, bytes_of([9]));
}

#[test]
fn a_dial_to_a_port_without_a_listener_fails() {
    // Bound, and so nobody else's, but not listened on.
    let unheard = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    unheard.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    let address = unheard.local_addr().unwrap().as_socket().unwrap();
    // Refused at once, or when it is asked.
    if let Ok(mut connection) = Connection::dial(address, OUT_BYTES_MAX) {
        wait(&connection, Interest::ReadWrite);
        assert!(matches!(connection.check_connected(), Err(Closed::Failed(_))));
    }
}

#[test]
fn within_a_process_output_that_is_not_read_ends_at_the_bound_and_arrives_in_order() {
    let (mut one, mut two) = Connection::local_pair((1 << 20, 1 << 20)).unwrap();
    let mut queued = 0u64;
    let closed = loop {
        match one.queue(FrameKind::Request, &Request::Status { read: queued }) {
            Ok(()) => queued += 1,
            Err(closed) => break closed,
        }
        if queued.is_multiple_of(1_000) {
            one.flush().unwrap();
        }
    };
    assert!(matches!(closed, Closed::Full));
    assert!(one.queued_bytes() <= 1 << 20 && one.wants_flush_when_read());
    assert!(!one.wants_write(), "its descriptor is always writable: a poll for that would spin");

    let mut frames = Vec::new();
    while (frames.len() as u64) < queued {
        wait(&two, Interest::Read);
        two.receive(&mut frames, BUDGET).unwrap();
        assert_eq!(one.receive(&mut Vec::new(), BUDGET).unwrap(), Received::All);
        one.flush().unwrap();
    }
    let numbers = frames.iter().map(|frame| match frame.decode().unwrap() {
        Request::Status { read } => read,
        other => panic!("{other:?}"),
    });
    assert!(numbers.eq(0..queued), "the stream differs");
}

#[test]
fn within_a_process_last_words_arrive_before_the_end() {
    let (mut one, mut two) = Connection::local_pair((OUT_BYTES_MAX, OUT_BYTES_MAX)).unwrap();
    one.queue(FrameKind::Request, &Request::Status { read: 1 }).unwrap();
    one.finish();
    let (frames, closed) = receive(&mut two, 2);
    assert_eq!(frames.len(), 1);
    assert!(matches!(closed, Some(Closed::ByPeer)), "{closed:?}");
    two.queue(FrameKind::Request, &Request::Status { read: 2 }).unwrap();
    assert!(matches!(two.flush(), Err(Closed::ByPeer)));
}

#[test]
fn a_machine_that_vanished_is_noticed_within_a_minute_by_who_accepted_and_by_who_dialed() {
    let listener = StdListener::bind("127.0.0.1:0").unwrap();
    let dialed = Connection::dial(listener.local_addr().unwrap(), OUT_BYTES_MAX).unwrap();
    let (accepted, _other) = pair(OUT_BYTES_MAX);
    for connection in [&accepted, &dialed] {
        let Stream::Tcp(stream) = &connection.stream else { panic!("it is of TCP") };
        let socket = SockRef::from(stream);
        assert!(socket.keepalive().unwrap());
        let silence = socket.tcp_keepalive_time().unwrap();
        let asked =
            socket.tcp_keepalive_interval().unwrap() * socket.tcp_keepalive_retries().unwrap();
        assert!(silence + asked <= Duration::from_secs(60), "{silence:?} and {asked:?}");
    }
}
