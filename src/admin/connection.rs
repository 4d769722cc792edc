//! One client of the admin endpoint: one request after the other, each bounded in bytes and time.

use super::request::{HEAD_BYTES_MAX, Method, Parsed, Refusal, Request, parse};
use super::response::Response;
use super::stream::{Caller, Stream};
use crate::sys::poll::Interest;
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::{AsRawFd, RawFd};

/// A connection and its stage. Instants are readings of BOOTTIME.
#[derive(Debug)]
pub(super) struct Connection {
    stream: Stream,
    /// Bytes that were received and are not handled yet.
    input: Vec<u8>,
    stage: Stage,
    /// The deadline of the present stage.
    until: u64,
    complaint: Option<String>,
}

#[derive(Debug)]
enum Stage {
    /// No request, or the beginning of one.
    Reading,
    /// A request that waits for its answer since `since`.
    Asking { request: Request, since: u64 },
    /// The rest of an answer; `keeps`: the connection stays after it (keep-alive).
    Writing { output: Vec<u8>, written: usize, keeps: bool },
    /// To be closed.
    Over,
}

impl Connection {
    /// A connection just accepted.
    pub(super) fn new(stream: Stream, now: u64) -> Self {
        let (input, until) = (Vec::new(), now + READ_NANOS);
        Self { stream, input, stage: Stage::Reading, until, complaint: None }
    }

    /// The readiness to poll for.
    pub(super) fn interest(&self) -> Interest {
        match self.stage {
            Stage::Reading if self.stream.has_pending() => Interest::ReadWrite,
            Stage::Reading => Interest::Read,
            Stage::Asking { .. } | Stage::Over => Interest::End,
            Stage::Writing { .. } => Interest::Write,
        }
    }

    /// The deadline of the present stage.
    pub(super) fn until(&self) -> u64 {
        self.until
    }

    /// The caller at the other end.
    pub(super) fn caller(&self) -> Caller {
        self.stream.caller()
    }

    /// Why the connection ended before a request, if that is worth a line in the log.
    pub(super) fn take_complaint(&mut self) -> Option<String> {
        self.complaint.take()
    }

    /// The request that waits for its answer, and since when.
    pub(super) fn asking(&self) -> Option<(&Request, u64)> {
        match &self.stage {
            Stage::Asking { request, since } => Some((request, *since)),
            _ => None,
        }
    }

    /// Whether no request is under way: the connection may be closed in favour of others.
    pub(super) fn is_idle(&self) -> bool {
        matches!(self.stage, Stage::Reading)
    }

    /// Whether the connection is to be closed.
    pub(super) fn is_over(&self) -> bool {
        matches!(self.stage, Stage::Over)
    }

    /// Handles readiness of the socket.
    pub(super) fn handle_ready(&mut self, now: u64) {
        match self.stage {
            Stage::Reading => self.read_all(now),
            Stage::Writing { .. } => self.write(now),
            // The client left before its answer.
            Stage::Asking { .. } => self.stage = Stage::Over,
            Stage::Over => {}
        }
    }

    /// Ends the connection if its deadline has passed. A request that waits for its answer is never
    /// late here: the server bounds that wait.
    pub(super) fn handle_deadline(&mut self, now: u64) {
        if now < self.until || matches!(self.stage, Stage::Asking { .. }) {
            return;
        }
        match self.stage {
            // A client that began a request is told why the connection ends.
            Stage::Reading if !self.input.is_empty() => self.refuse(Refusal::TooSlow, now),
            _ => self.stage = Stage::Over,
        }
    }

    /// Answers the request that waits.
    pub(super) fn answer(&mut self, response: &Response, now: u64) {
        let Stage::Asking { request, .. } = &self.stage else { return };
        let (method, keeps) = (request.method, request.keeps);
        self.begin_writing(response.to_bytes(method, keeps), keeps, now);
    }

    /// Reads all input of the socket, also what TLS holds, for which the socket gives no more
    /// readiness.
    fn read_all(&mut self, now: u64) {
        // An answer of the handshake that found no room; the read notices a client that is gone.
        let _ = self.stream.flush();
        self.read(now);
        while self.is_idle() && self.stream.has_input() {
            self.read(now);
        }
    }

    fn read(&mut self, now: u64) {
        let mut bytes = [0; HEAD_BYTES_MAX];
        // No more than a head is ever kept.
        let room = HEAD_BYTES_MAX - self.input.len();
        match self.stream.read(&mut bytes[..room]) {
            Ok(0) => self.stage = Stage::Over,
            Ok(count) => {
                if self.input.is_empty() {
                    // The time of a request begins with its first byte.
                    self.until = now + READ_NANOS;
                }
                self.input.extend_from_slice(&bytes[..count]);
                self.take_request(now);
            }
            Err(error) if is_passing(&error) => {}
            Err(error) => {
                self.complaint = error.get_ref().map(ToString::to_string);
                self.stage = Stage::Over;
            }
        }
    }

    fn take_request(&mut self, now: u64) {
        match parse(&self.input) {
            Parsed::Partial => {}
            Parsed::Whole(request, length) => {
                self.input.drain(..length);
                self.stage = Stage::Asking { request, since: now };
                self.until = u64::MAX;
            }
            Parsed::Refused(refusal) => self.refuse(refusal, now),
        }
    }

    fn refuse(&mut self, refusal: Refusal, now: u64) {
        self.begin_writing(Response::refusing(refusal).to_bytes(Method::Get, false), false, now);
    }

    fn begin_writing(&mut self, output: Vec<u8>, keeps: bool, now: u64) {
        self.stage = Stage::Writing { output, written: 0, keeps };
        self.until = now + WRITE_NANOS;
        self.write(now);
    }

    fn write(&mut self, now: u64) {
        let Stage::Writing { output, written, keeps } = &mut self.stage else { return };
        while *written < output.len() {
            match self.stream.write(&output[*written..]) {
                Ok(count) if count > 0 => *written += count,
                Err(error) if is_passing(&error) => return,
                _ => {
                    self.stage = Stage::Over;
                    return;
                }
            }
        }
        match self.stream.flush() {
            Ok(()) => {}
            Err(error) if is_passing(&error) => return,
            Err(_) => {
                self.stage = Stage::Over;
                return;
            }
        }
        if !*keeps {
            self.stream.end();
            self.stage = Stage::Over;
            return;
        }
        self.stage = Stage::Reading;
        self.until = now + if self.input.is_empty() { IDLE_NANOS } else { READ_NANOS };
        // The next request may have come with this one.
        if !self.input.is_empty() {
            self.take_request(now);
        }
        while self.is_idle() && self.stream.has_input() {
            self.read(now);
        }
    }
}

impl AsRawFd for Connection {
    fn as_raw_fd(&self) -> RawFd {
        self.stream.as_raw_fd()
    }
}

fn is_passing(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}

const SECOND: u64 = 1_000_000_000;
/// The time of a request from its first byte to its end.
const READ_NANOS: u64 = 5 * SECOND;
/// The time in which a client must take an answer.
const WRITE_NANOS: u64 = 10 * SECOND;
/// The time between two requests: two intervals of a scraper that asks each minute.
const IDLE_NANOS: u64 = 120 * SECOND;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::{Papers, TlsMaterial, TlsServer};
    use std::net::{TcpListener, TcpStream};

    fn pair() -> (Connection, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (socket, _) = listener.accept().unwrap();
        (Connection::new(Stream::accepted(socket, Caller::Known, None).unwrap(), 0), client)
    }

    /// Until it has read something: what was written arrives soon, not at once.
    fn read_until(connection: &mut Connection, now: u64, done: impl Fn(&Connection) -> bool) {
        while !done(connection) {
            let mut set = [(connection.as_raw_fd(), connection.interest(), Default::default())];
            crate::sys::poll::wait(&mut set, None).unwrap();
            connection.handle_ready(now);
        }
    }

    fn said(mut client: TcpStream) -> String {
        let mut text = String::new();
        client.read_to_string(&mut text).unwrap();
        text
    }

    const ASKED: &[u8] = b"GET /livez HTTP/1.1\r\nHost: a\r\n\r\n";

    #[test]
    fn two_requests_in_one_piece_are_answered_one_after_the_other() {
        let (mut connection, mut client) = pair();
        client
            .write_all(
                &[ASKED, b"HEAD /readyz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"].concat(),
            )
            .unwrap();
        read_until(&mut connection, 1, |connection| connection.asking().is_some());
        assert_eq!(connection.asking().unwrap().0.path, "/livez");
        connection.answer(&Response::line("200 OK", "one"), 2);
        assert_eq!(connection.asking().unwrap().0.path, "/readyz");
        assert!(!connection.is_over());
        connection.answer(&Response::line("200 OK", "two"), 3);
        assert!(connection.is_over());
        drop(connection);
        let text = said(client);
        assert_eq!(text.matches("HTTP/1.1 200 OK").count(), 2);
        assert!(text.contains("one") && !text.contains("two"), "{text}");
    }

    #[test]
    fn who_begins_a_request_and_does_not_end_it_is_told_so() {
        let (mut connection, mut client) = pair();
        client.write_all(&ASKED[..20]).unwrap();
        read_until(&mut connection, SECOND, |connection| !connection.input.is_empty());
        connection.handle_deadline(connection.until() - 1);
        assert!(connection.is_idle());
        connection.handle_deadline(connection.until());
        assert!(connection.is_over());
        drop(connection);
        assert!(said(client).starts_with("HTTP/1.1 408 "));
    }

    #[test]
    fn who_says_nothing_is_closed_without_a_word_and_an_answer_is_never_late() {
        let (mut silent, client) = pair();
        silent.handle_deadline(silent.until());
        assert!(silent.is_over());
        drop(silent);
        assert_eq!(said(client), "");
        let (mut asking, mut client) = pair();
        client.write_all(ASKED).unwrap();
        read_until(&mut asking, 1, |connection| connection.asking().is_some());
        asking.handle_deadline(u64::MAX);
        assert!(!asking.is_over());
    }

    #[test]
    fn a_handshake_has_its_time_and_bytes_of_it_win_none() {
        let mut papers = Papers::new();
        let files = papers.node_files("tenure:node/1");
        let server = TlsServer::for_anybody(&TlsMaterial::read(&files).unwrap()).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (socket, _) = listener.accept().unwrap();
        let stream = Stream::accepted(socket, Caller::Anybody, Some(server)).unwrap();
        let mut connection = Connection::new(stream, 0);
        // A record of 512 bytes, of which one comes each second.
        for (second, bytes) in [&[0x16, 3, 1, 2, 0, 1][..], &[0], &[1]].into_iter().enumerate() {
            client.write_all(bytes).unwrap();
            let mut set = [(connection.as_raw_fd(), connection.interest(), Default::default())];
            crate::sys::poll::wait(&mut set, None).unwrap();
            connection.handle_ready(second as u64 * SECOND);
            assert!(connection.is_idle() && connection.until() == READ_NANOS);
        }
        connection.handle_deadline(READ_NANOS);
        assert!(connection.is_over());
        drop(connection);
        assert_eq!(said(client), "");
    }

    #[test]
    fn a_head_without_an_end_is_refused_when_it_is_too_long() {
        let (mut connection, mut client) = pair();
        let endless = [b"GET /".to_vec(), vec![b'a'; HEAD_BYTES_MAX]].concat();
        client.write_all(&endless).unwrap();
        read_until(&mut connection, 1, Connection::is_over);
        // Unread input may reset the connection and lose the answer: that is the client's fault.
        assert!(connection.input.len() <= HEAD_BYTES_MAX);
    }
}
