//! The other end of a node's socket, blocking: says frames or any bytes, and hears frames.

use serde::Serialize;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use tenure::net::{BlockingTls, TlsDialer, begins_as_tls};
use tenure::wire::{
    ClientHello, ClientWelcome, Frame, FrameDecoder, FrameKind, NodeStatus, Request, ServerMessage,
    encode_frame,
};

/// A connection to a node.
pub struct Speaker {
    stream: Stream,
    decoder: FrameDecoder,
}

enum Stream {
    Plain(TcpStream),
    Tls(BlockingTls),
}

impl Stream {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.read(bytes),
            Self::Tls(tls) => tls.read(bytes),
        }
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Plain(socket) => socket.write_all(bytes),
            Self::Tls(tls) => tls.write_all(bytes),
        }
    }
}

impl Speaker {
    pub fn dial(address: SocketAddr) -> Self {
        Self::accepted(TcpStream::connect(address).unwrap())
    }

    /// The end that a node has dialed.
    pub fn accepted(stream: TcpStream) -> Self {
        stream.set_nodelay(true).unwrap();
        Self { stream: Stream::Plain(stream), decoder: FrameDecoder::new() }
    }

    /// A connection over TLS.
    pub fn dial_over(tls: &TlsDialer, address: SocketAddr) -> Self {
        let socket = TcpStream::connect(address).unwrap();
        socket.set_nodelay(true).unwrap();
        let expected = tls.expected(&address.to_string()).unwrap();
        let secured = tls.secure_blocking(socket, expected).unwrap();
        Self { stream: Stream::Tls(secured), decoder: FrameDecoder::new() }
    }

    /// A client that was welcomed.
    pub fn client(address: SocketAddr) -> Self {
        Self::dial(address).welcomed()
    }

    /// Says hello as a client, and is welcomed.
    pub fn welcomed(self) -> Self {
        let mut client = self;
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

    /// The next frame; `None` once the node has closed the connection, or speaks TLS with whoever does not.
    pub fn hear(&mut self) -> Option<Frame> {
        let mut bytes = [0; 4096];
        loop {
            match self.decoder.next_frame() {
                Ok(Some(frame)) => return Some(frame),
                Ok(None) => {}
                Err(_) if begins_as_tls(self.decoder.unread()) => return None,
                Err(error) => panic!("{error}"),
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

    /// The same connection, which has no TLS, for another thread to write to.
    pub fn split(self) -> (TcpStream, Self) {
        let Stream::Plain(socket) = &self.stream else { panic!("a session of TLS is one") };
        (socket.try_clone().unwrap(), self)
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
