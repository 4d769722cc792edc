//! One busy client does not starve others: what one connection brings in a turn is bounded (fault NT24).

use super::cluster::Cluster;
use super::speaker::{Speaker, frame};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use tenure::wire::{FrameKind, Request};

#[test]
fn nt24_others_are_served_while_one_client_never_stops_asking() {
    let mut cluster = Cluster::new(1);
    let node = cluster.start(1);
    let (writer, _reader) = Speaker::client(node.address()).split();
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let answers = writer.try_clone().unwrap();
        scope.spawn(|| ask_without_end(writer, &is_over));
        scope.spawn(|| discard(answers));
        // If its socket had to be empty first, this would never end.
        let mut client = Speaker::client(node.address());
        (0..200).for_each(|read| drop(client.status(read)));
        is_over.store(true, Ordering::Relaxed);
    });
}

/// Requests that cost the node more to answer than us to send: its socket is never empty.
fn ask_without_end(mut stream: TcpStream, is_over: &AtomicBool) {
    let request = frame(FrameKind::Request, &Request::Status { read: 1 });
    let many = request.repeat(4096);
    while !is_over.load(Ordering::Relaxed) {
        stream.write_all(&many).unwrap();
    }
    stream.shutdown(std::net::Shutdown::Both).unwrap();
}

/// It reads its answers, so it goes on being read.
fn discard(mut stream: TcpStream) {
    let mut bytes = [0; 64 << 10];
    while stream.read(&mut bytes).is_ok_and(|count| count > 0) {}
}
