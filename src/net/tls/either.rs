//! A socket that was accepted, and whose first bytes tell whether it speaks TLS.

use super::error::{ALERT, HANDSHAKE, TlsError, begins_as_tls};
use super::sides::TlsServer;
use super::stream::{StreamError, TlsStream};
use crate::net::socket;
use mio::net::TcpStream;
use std::mem::MaybeUninit;

/// Nothing is known of it yet.
#[derive(Debug)]
pub(in crate::net) struct EitherStream {
    /// `None` only while another kind of stream takes its place.
    socket: Option<TcpStream>,
    server: TlsServer,
    /// What has come, as long as that is too little to tell.
    begin: Vec<u8>,
}

/// What it speaks, and what has come of that.
#[derive(Debug)]
pub(in crate::net) enum Spoken {
    Plain(TcpStream, Vec<u8>),
    Tls(TlsStream, Vec<u8>),
}

impl EitherStream {
    pub(in crate::net) fn new(socket: TcpStream, server: TlsServer) -> Self {
        Self { socket: Some(socket), server, begin: Vec::new() }
    }

    pub(in crate::net) fn socket(&self) -> &TcpStream {
        self.socket.as_ref().expect("no other stream has its socket yet")
    }

    pub(in crate::net) fn socket_mut(&mut self) -> &mut TcpStream {
        self.socket.as_mut().expect("no other stream has its socket yet")
    }

    pub(in crate::net) fn into_socket(self) -> TcpStream {
        self.socket.expect("no other stream has its socket yet")
    }

    /// Takes what came in one read: how many bytes, 0 at the end; and what it speaks, once that is known: then this stream
    /// is of no use any more.
    pub(in crate::net) fn receive(&mut self) -> Result<(usize, Option<Spoken>), StreamError> {
        let mut scratch = [MaybeUninit::uninit(); socket::RECEIVE_BYTES];
        let bytes = socket::receive(self.socket(), &mut scratch)?;
        let count = bytes.len();
        self.begin.extend_from_slice(bytes);
        Ok((count, self.spoken()?))
    }

    fn spoken(&mut self) -> Result<Option<Spoken>, TlsError> {
        let is_tls = match self.begin.as_slice() {
            [] | [ALERT | HANDSHAKE] | [ALERT | HANDSHAKE, 3] => return Ok(None),
            begin => begins_as_tls(begin),
        };
        let begin = std::mem::take(&mut self.begin);
        if !is_tls {
            return Ok(self.socket.take().map(|socket| Spoken::Plain(socket, begin)));
        }
        let session = Box::new(self.server.accept().map_err(TlsError::Failed)?);
        Ok(self.socket.take().map(|socket| Spoken::Tls(TlsStream { socket, session }, begin)))
    }
}
