//! TLS on a blocking socket: for short questions on threads of their own.

use super::error::TlsError;
use super::session::Session;
use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// Reads and writes as its socket does, but until a deadline: one read may take many reads of the
/// socket.
#[derive(Debug)]
pub struct BlockingTls {
    socket: TcpStream,
    until: Option<Instant>,
    session: Box<Session>,
    /// Received plaintext that was not read yet.
    plain: VecDeque<u8>,
}

impl BlockingTls {
    pub(super) fn new(socket: TcpStream, session: Session) -> Self {
        Self { socket, until: None, session: Box::new(session), plain: VecDeque::new() }
    }

    /// All calls from now on end by `until`, with `TimedOut`.
    pub fn set_deadline(&mut self, until: Instant) {
        self.until = Some(until);
    }

    /// The timeout of the next call on the socket.
    fn left(&self) -> io::Result<Option<Duration>> {
        let Some(until) = self.until else { return Ok(None) };
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() { Err(ErrorKind::TimedOut.into()) } else { Ok(Some(left)) }
    }

    fn send_pending(&mut self) -> io::Result<()> {
        while !self.session.pending().is_empty() {
            self.socket.set_write_timeout(self.left()?)?;
            let count = self.socket.write(self.session.pending())?;
            self.session.take_sent(count);
        }
        Ok(())
    }

    /// The cause of a failed send: the peer may have refused us by an alert, and closed.
    fn why(&mut self, error: io::Error) -> io::Error {
        let is_ended = matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset);
        if !is_ended {
            return error;
        }
        self.session.take_sent(self.session.pending().len());
        loop {
            match self.receive() {
                Ok(true) => {}
                Err(why) if why.get_ref().is_some() => return why,
                Ok(false) | Err(_) => return error,
            }
        }
    }

    fn ended(&self, error: io::Error) -> io::Error {
        self.session.explained().map_or(error, io::Error::other)
    }

    /// One read of the socket. `Ok(false)`: its end.
    fn receive(&mut self) -> io::Result<bool> {
        self.send_pending()?;
        let mut buffer = [0; 16 << 10];
        self.socket.set_read_timeout(self.left()?)?;
        let count = match self.socket.read(&mut buffer) {
            Err(error) if error.kind() == ErrorKind::ConnectionReset => Err(self.ended(error))?,
            read => read?,
        };
        if count == 0
            && let Some(why) = self.session.explained()
        {
            return Err(io::Error::other(why));
        }
        let plain = &mut self.plain;
        let received = self.session.receive(&buffer[..count], |piece| plain.extend(piece));
        // Sends also the alert of a failure; the next read notices a peer that is gone.
        let sent = self.send_pending();
        received.map_err(io::Error::other)?;
        sent?;
        Ok(count > 0)
    }
}

impl Read for BlockingTls {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.plain.is_empty() && !self.session.has_ended() {
            if !self.receive()? {
                break;
            }
        }
        self.plain.read(buffer)
    }
}

impl Write for BlockingTls {
    /// Writes, after the handshake.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        while self.session.is_handshaking() {
            if !self.receive()? {
                return Err(io::Error::other(TlsError::BrokenOff));
            }
        }
        let count = self.session.encrypt(bytes).map_err(io::Error::other)?;
        self.send_pending().map_err(|error| self.why(error))?;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.send_pending()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Verify;
    use crate::net::tls::tests::Papers;
    use crate::net::tls::{Expected, Says, TlsDialer, TlsServer};
    use std::net::TcpListener;
    use std::thread;

    /// Answers one who dials with what comes, until its end, or until TLS fails; then closes.
    fn echo(server: &TlsServer, listener: &TcpListener) {
        let (mut socket, _) = listener.accept().unwrap();
        let mut session = server.accept(Says::Nothing).unwrap();
        let mut buffer = [0; 1024];
        loop {
            let count = socket.read(&mut buffer).unwrap();
            let mut plain = Vec::new();
            let received = session.receive(&buffer[..count], |piece| plain.extend(piece));
            if !plain.is_empty() {
                session.encrypt(&plain).unwrap();
            }
            socket.write_all(session.pending()).unwrap();
            session.take_sent(session.pending().len());
            if received.is_err() || count == 0 {
                return;
            }
        }
    }

    fn dial(papers: &mut Papers, uri: &str, to: &TcpListener) -> BlockingTls {
        let dialer = TlsDialer::read(&papers.client_files(uri), Verify::Node).unwrap();
        let socket = TcpStream::connect(to.local_addr().unwrap()).unwrap();
        dialer.secure_blocking(socket, dialer.expected("anywhere:1").unwrap()).unwrap()
    }

    #[test]
    fn what_is_written_is_read_and_the_end_is_seen() {
        let mut papers = Papers::new();
        let server = papers.server("tenure:node/1");
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut near = dial(&mut papers, "tenure:client/a", &listener);
        let far = thread::spawn(move || echo(&server, &listener));
        let text = vec![7; 100_000];
        let mut read = vec![0; 1000];
        for piece in text.chunks(1000) {
            near.write_all(piece).unwrap();
            near.read_exact(&mut read).unwrap();
            assert_eq!(read, piece);
        }
        near.socket.shutdown(std::net::Shutdown::Write).unwrap();
        far.join().unwrap();
        assert_eq!(near.read(&mut read).unwrap(), 0);
    }

    #[test]
    fn a_deadline_ends_what_never_says_anything_however_much_comes() {
        let mut papers = Papers::new();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut near = dial(&mut papers, "tenure:client/a", &listener);
        let (mut far, _) = listener.accept().unwrap();
        // A record that is longer than what comes of it, a byte for each that is read.
        far.write_all(&[0x16, 3, 3, 0x40, 0]).unwrap();
        let mut buffer = [0; 1];
        near.set_deadline(Instant::now());
        for _ in 0..100 {
            far.write_all(&[0]).unwrap();
            assert_eq!(near.read(&mut buffer).unwrap_err().kind(), ErrorKind::TimedOut);
            assert_eq!(near.write(&[1]).unwrap_err().kind(), ErrorKind::TimedOut);
        }
    }

    #[test]
    fn who_is_refused_hears_it_however_late_it_writes() {
        let mut papers = Papers::new();
        let server = papers.server("tenure:node/1");
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut near = dial(&mut papers, "tenure:nobody", &listener);
        let far = thread::spawn(move || echo(&server, &listener));
        // It ends its half of the handshake before the other side has looked at the certificate.
        near.write_all(b"hello").unwrap();
        far.join().unwrap();
        // Whether the socket still takes something is the system's affair.
        let error = loop {
            if let Err(error) = near.write_all(b"again") {
                break error;
            }
        };
        assert!(error.to_string().contains("it refuses us: our certificate"), "{error}");
    }

    #[test]
    fn a_node_that_is_another_is_told_to_who_writes_first() {
        let mut papers = Papers::new();
        let server = papers.server("tenure:node/1");
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let dialer =
            TlsDialer::read(&papers.client_files("tenure:client/a"), Verify::Host).unwrap();
        assert!(matches!(dialer.expected("db2.example:7401"), Ok(Expected::Host(_))));
        let socket = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let expected = dialer.expected("db2.example:7401").unwrap();
        let mut near = dialer.secure_blocking(socket, expected).unwrap();
        let far = thread::spawn(move || echo(&server, &listener));
        let error = near.write_all(b"hello").unwrap_err();
        assert!(
            error.to_string().contains("is not for db2.example, but for db1.example"),
            "{error}"
        );
        drop(near);
        far.join().unwrap();
    }
}
