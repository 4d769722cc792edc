//! A node that is played by hand: it says what a node would, when a test wants it to.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;
use tenure::base::time::RHO_PPM;
use tenure::base::{Ancestors, ClusterId, NodeId, SessionId, Term};
use tenure::wire::{
    ClientWelcome, Frame, FrameDecoder, FrameKind, Hello, LeaderHint, Request, ServerMessage,
    Speech, Welcomed, encode_frame,
};

/// Where it listens.
pub struct Scripted {
    listener: TcpListener,
    pub endpoint: String,
}

/// A connection of a client, which was welcomed by the leader.
pub struct Talk {
    stream: TcpStream,
    decoder: FrameDecoder,
}

impl Scripted {
    pub fn listen() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = listener.local_addr().unwrap().to_string();
        Self { listener, endpoint }
    }

    /// The next connection.
    pub fn accept(&self) -> Talk {
        let (stream, _) = self.listener.accept().unwrap();
        // However busy the machine is.
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        let mut talk = Talk { stream, decoder: FrameDecoder::new() };
        let hello = talk.frame().expect("a hello");
        let hello = Hello::from_values(&hello.decode().unwrap()).unwrap();
        assert!(matches!(hello, Hello::Client(..)), "{hello:?}");
        let leader = Some((NodeId(1), self.endpoint.clone()));
        let leader = LeaderHint { term: Term(1), leader };
        let cluster = Some(ClusterId([1; 16]));
        let welcome = ClientWelcome { node: NodeId(1), cluster, leader };
        let (speech, ancestors) = (Speech::own(), Ancestors::NONE);
        let welcomed = Welcomed { welcome, speech, ancestors };
        talk.send(FrameKind::Welcome, &welcomed.to_values());
        talk
    }

    /// The next connection, and a session of that TTL on it.
    pub fn accept_with_session(&self, session: u64, ttl: Duration) -> Talk {
        let mut talk = self.accept();
        talk.open(session, ttl);
        talk
    }
}

impl Talk {
    /// Answers the next creation.
    pub fn open(&mut self, session: u64, ttl: Duration) {
        let number = loop {
            if let Some(Request::OpenSession { number, .. }) = self.request() {
                break number;
            }
        };
        let ttl_ms = u32::try_from(ttl.as_millis()).unwrap();
        let (session, rho_ppm) = (SessionId(session), RHO_PPM);
        self.say(&ServerMessage::SessionOpened { number, session, ttl_ms, rho_ppm });
    }

    pub fn say(&mut self, message: &ServerMessage) {
        self.send(FrameKind::Server, message);
    }

    /// What the client asks next; `None`: it has closed.
    pub fn request(&mut self) -> Option<Request> {
        Some(self.frame()?.decode().unwrap())
    }

    fn send<T: serde::Serialize>(&mut self, kind: FrameKind, value: &T) {
        let mut bytes = Vec::new();
        encode_frame(kind, value, &mut bytes);
        // The client may have gone.
        let _ = self.stream.write_all(&bytes);
    }

    fn frame(&mut self) -> Option<Frame> {
        let mut bytes = [0; 4096];
        loop {
            if let Some(frame) = self.decoder.next_frame().unwrap() {
                return Some(frame);
            }
            match self.stream.read(&mut bytes) {
                Ok(0) => return None,
                Ok(count) => self.decoder.push(&bytes[..count]),
                Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => return None,
                Err(error) => panic!("nothing from the client: {error}"),
            }
        }
    }
}
