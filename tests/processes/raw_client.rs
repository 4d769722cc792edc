//! A client by hand: it says what no library would, when no library would.

use crate::patience::PATIENCE;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use tenure::wire::{
    ClientHello, ClientWelcome, Frame, FrameDecoder, FrameKind, Request, ServerMessage,
    encode_frame,
};

/// A connection to one node. Reads wait at most [`PATIENCE`].
#[derive(Debug)]
pub struct RawClient {
    stream: TcpStream,
    decoder: FrameDecoder,
}

impl RawClient {
    /// Connects, and says nothing.
    pub fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).expect("the kernel takes the connection");
        stream.set_read_timeout(Some(PATIENCE)).expect("a socket");
        Self { stream, decoder: FrameDecoder::new() }
    }

    /// Sends these bytes. The other side may have closed already.
    pub fn send(&mut self, bytes: &[u8]) {
        // What matters is how the connection ends, which reading tells.
        let _ = self.stream.write_all(bytes);
    }

    /// Sends the first frame of a client.
    pub fn say_hello(&mut self) {
        let hello = ClientHello { client: "raw".to_owned(), cluster: None };
        self.send(&frame(FrameKind::ClientHello, &hello));
    }

    /// Sends a request.
    pub fn request(&mut self, request: &Request) {
        self.send(&frame(FrameKind::Request, request));
    }

    /// Says that nothing more will be sent.
    pub fn end_output(&mut self) {
        let _ = self.stream.shutdown(Shutdown::Write);
    }

    /// The answer to the hello.
    pub fn welcome(&mut self) -> ClientWelcome {
        let frame = self.frame().expect("a client is welcome");
        assert_eq!(frame.kind, FrameKind::ClientWelcome);
        frame.decode().expect("a welcome")
    }

    /// The next thing that the server says.
    pub fn message(&mut self) -> ServerMessage {
        let frame = self.frame().expect("the server keeps the connection");
        assert_eq!(frame.kind, FrameKind::Server);
        frame.decode().expect("a message")
    }

    /// Waits until the node has closed the connection; how many frames it sent before.
    pub fn wait_closed(&mut self) -> usize {
        std::iter::from_fn(|| self.frame()).count()
    }

    /// The next frame; `None` once the other side has closed.
    pub fn frame(&mut self) -> Option<Frame> {
        let mut bytes = [0; 4096];
        loop {
            if let Some(frame) = self.decoder.next_frame().expect("a node sends whole frames") {
                return Some(frame);
            }
            match self.stream.read(&mut bytes) {
                Ok(0) => return None,
                Ok(count) => self.decoder.push(&bytes[..count]),
                // Bytes of ours that were not read when it closed make it a reset.
                Err(error) if error.kind() == ErrorKind::ConnectionReset => return None,
                Err(error) => panic!("the node neither answered nor closed: {error}"),
            }
        }
    }
}

/// One frame.
pub fn frame<T: serde::Serialize>(kind: FrameKind, value: &T) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode_frame(kind, value, &mut bytes);
    bytes
}
