//! The other end of a node's socket, blocking: says frames or any bytes, and hears frames.

use serde::Serialize;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use tenure::wire::{
    ClientHello, ClientWelcome, Frame, FrameDecoder, FrameKind, NodeStatus, Request, ServerMessage,
    encode_frame,
};

/// A connection to a node.
pub struct Speaker {
    stream: TcpStream,
    decoder: FrameDecoder,
}

impl Speaker {
    pub fn dial(address: SocketAddr) -> Self {
        Self::accepted(TcpStream::connect(address).unwrap())
    }

    /// The end that a node has dialed.
    pub fn accepted(stream: TcpStream) -> Self {
        stream.set_nodelay(true).unwrap();
        Self { stream, decoder: FrameDecoder::new() }
    }

    /// A client that was welcomed.
    pub fn client(address: SocketAddr) -> Self {
        let mut client = Self::dial(address);
        let hello = ClientHello { client: "test".to_owned(), cluster: None };
        client.say(FrameKind::ClientHello, &hello);
        client.hear().unwrap().decode::<ClientWelcome>().unwrap();
        client
    }

    pub fn say<T: Serialize>(&mut self, kind: FrameKind, value: &T) {
        self.say_bytes(&frame(kind, value));
    }

    /// What the node does not take because it has closed is not said.
    pub fn say_bytes(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes);
    }

    /// The next frame; `None` once the node has closed the connection.
    pub fn hear(&mut self) -> Option<Frame> {
        let mut bytes = [0; 4096];
        loop {
            if let Some(frame) = self.decoder.next_frame().unwrap() {
                return Some(frame);
            }
            match self.stream.read(&mut bytes) {
                Ok(0) | Err(_) => return None,
                Ok(count) => self.decoder.push(&bytes[..count]),
            }
        }
    }

    /// The frames until the node closes the connection.
    pub fn hear_to_the_end(&mut self) -> Vec<Frame> {
        std::iter::from_fn(|| self.hear()).collect()
    }

    pub fn status(&mut self, number: u64) -> NodeStatus {
        self.say(FrameKind::Request, &Request::Status { read: number });
        loop {
            let frame = self.hear().expect("the node answers");
            match frame.decode().unwrap() {
                ServerMessage::Status { read, status } if read == number => return status.into(),
                _ => {}
            }
        }
    }

    /// The numbers of the next `count` answers to `Status`. Who leads is pushed in between, at each change.
    pub fn status_answers(&mut self, count: usize) -> Vec<u64> {
        let heard = std::iter::from_fn(|| self.hear());
        heard.filter_map(|frame| answered_status(&frame)).take(count).collect()
    }

    pub fn split(self) -> (TcpStream, Self) {
        (self.stream.try_clone().unwrap(), self)
    }
}

pub fn frame<T: Serialize>(kind: FrameKind, value: &T) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode_frame(kind, value, &mut bytes);
    bytes
}

/// The number of the `Status` that this frame answers; `None`: it is a push.
pub fn answered_status(frame: &Frame) -> Option<u64> {
    match frame.decode().unwrap() {
        ServerMessage::Status { read, .. } => Some(read),
        ServerMessage::Leader(_) => None,
        other => panic!("nobody asked for {other:?}"),
    }
}
