//! Asking nodes for their own status: plain short-lived connections, no session, no quorum.

use crate::sys::thread;
use crate::wire::{
    ClientHello, Frame, FrameDecoder, FrameKind, NodeStatus, Refused, Request, ServerMessage,
    encode_frame,
};
use crate::{Error, Status};
use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant};

/// All at once, each on a thread of its own, in the order of `endpoints`.
pub(super) fn ask_all(
    endpoints: Vec<String>,
    timeout: Duration,
) -> Vec<(String, Result<NodeStatus, Error>)> {
    let asked: Vec<_> = endpoints
        .into_iter()
        .map(|endpoint| {
            let node = endpoint.clone();
            let asking = thread::spawn("tenure-status", move || ask(&node, timeout));
            (endpoint, asking)
        })
        .collect();
    let answer = |asking: io::Result<std::thread::JoinHandle<Result<NodeStatus, Error>>>| {
        let asking = asking.map_err(|error| Error::new(Status::Io, error.to_string()))?;
        asking.join().unwrap_or_else(|_| Err(Status::Internal.into()))
    };
    asked.into_iter().map(|(endpoint, asking)| (endpoint, answer(asking))).collect()
}

fn ask(endpoint: &str, timeout: Duration) -> Result<NodeStatus, Error> {
    let failed = |error: io::Error| {
        let late = matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut);
        let why = if late { format!("no answer within {timeout:?}") } else { error.to_string() };
        Error::new(Status::Unavailable, why)
    };
    let until = Instant::now() + timeout;
    let mut stream = dial(endpoint, until).map_err(failed)?;
    let mut bytes = Vec::new();
    let hello = ClientHello { client: "status".to_owned(), cluster: None };
    encode_frame(FrameKind::ClientHello, &hello, &mut bytes);
    encode_frame(FrameKind::Request, &Request::Status { read: 1 }, &mut bytes);
    // The standard library's sockets send with MSG_NOSIGNAL.
    stream.write_all(&bytes).map_err(failed)?;
    let mut decoder = FrameDecoder::new();
    let mut buffer = [0; 16 << 10];
    loop {
        while let Some(frame) = decoder.next_frame().map_err(unusable)? {
            if let Some(status) = status_in(&frame)? {
                return Ok(status);
            }
        }
        stream.set_read_timeout(Some(left(until).map_err(failed)?)).map_err(failed)?;
        match stream.read(&mut buffer).map_err(failed)? {
            0 => return Err(Error::new(Status::Unavailable, "it closed the connection")),
            count => decoder.push(&buffer[..count]),
        }
    }
}

fn dial(endpoint: &str, until: Instant) -> io::Result<TcpStream> {
    let mut last = io::ErrorKind::AddrNotAvailable.into();
    for address in endpoint.to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, left(until)?) {
            Ok(stream) => {
                stream.set_nodelay(true)?;
                return Ok(stream);
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// Never zero: the system takes that for "for ever".
fn left(until: Instant) -> io::Result<Duration> {
    let left = until.saturating_duration_since(Instant::now());
    if left.is_zero() { Err(io::ErrorKind::TimedOut.into()) } else { Ok(left) }
}

/// Welcomes and pushes are passed over.
fn status_in(frame: &Frame) -> Result<Option<NodeStatus>, Error> {
    match frame.kind {
        FrameKind::Refused => {
            let refused: Refused = frame.decode().map_err(unusable)?;
            Err(Error::new(Status::Unavailable, refused.text))
        }
        FrameKind::Server => match frame.decode().map_err(unusable)? {
            ServerMessage::Status { status, .. } => Ok(Some(status)),
            _ => Ok(None),
        },
        _ => Ok(None),
    }
}

fn unusable(error: crate::wire::FrameError) -> Error {
    Error::new(Status::Unavailable, format!("it is no node of Tenure: {error}"))
}
