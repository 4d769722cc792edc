//! Stands between the nodes and everybody who dials them, and can cut off one client by its name.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use tenure::wire::{ClientHello, FrameDecoder, FrameKind, Hello};

/// The relays of a cluster, one in front of each node.
#[derive(Debug)]
pub struct Relays {
    /// Where they listen.
    pub addresses: Vec<SocketAddr>,
    victim: Arc<Mutex<Victim>>,
}

/// Whom to cut off, and the connections that it has.
#[derive(Debug)]
struct Victim {
    client: &'static str,
    state: State,
    sockets: Vec<TcpStream>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Connected,
    Cut,
}

impl Relays {
    /// Relays to `targets`, which can cut off the client of the name `client`.
    pub fn start(targets: &[SocketAddr], client: &'static str) -> Self {
        let victim = Victim { client, state: State::Connected, sockets: Vec::new() };
        let victim = Arc::new(Mutex::new(victim));
        let relay = |target: &SocketAddr| listen(*target, Arc::clone(&victim));
        Self { addresses: targets.iter().map(relay).collect(), victim }
    }

    /// Closes all connections of the client, and each new one as soon as it says who it is.
    pub fn cut(&self) {
        let mut victim = self.victim.lock().expect("no relay has failed");
        assert!(!victim.sockets.is_empty(), "{} was never here", victim.client);
        victim.state = State::Cut;
        victim.sockets.drain(..).for_each(|socket| close(&socket));
    }
}

impl Victim {
    /// Whether a connection on which `name` said hello may go on.
    fn admits(&mut self, name: &str, sockets: [&TcpStream; 2]) -> bool {
        if name != self.client {
            return true;
        }
        let is_connected = self.state == State::Connected;
        if is_connected {
            self.sockets.extend(sockets.map(duplicate));
        }
        is_connected
    }
}

/// Accepts for `target` as long as this process lives.
fn listen(target: SocketAddr, victim: Arc<Mutex<Victim>>) -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let address = listener.local_addr().expect("an address");
    std::thread::spawn(move || {
        for dialer in listener.incoming() {
            let Ok(dialer) = dialer else { continue };
            let victim = Arc::clone(&victim);
            // A node that does not run refuses; so do we, by closing.
            let Ok(node) = TcpStream::connect(target) else { continue };
            std::thread::spawn(move || relay(&dialer, &node, &victim));
        }
    });
    address
}

/// Carries bytes both ways until either side ends.
fn relay(dialer: &TcpStream, node: &TcpStream, victim: &Mutex<Victim>) {
    for socket in [dialer, node] {
        socket.set_nodelay(true).expect("a socket");
    }
    if greet(dialer, node, victim).is_some() {
        let (back_from, back_to) = (duplicate(node), duplicate(dialer));
        let back = std::thread::spawn(move || carry(&back_from, &back_to));
        carry(dialer, node);
        // It ends because this direction closed both sockets.
        let _ = back.join();
    }
    close(dialer);
    close(node);
}

/// Passes the first frame on unless its sender is cut off; `None`: no further.
fn greet(mut dialer: &TcpStream, mut node: &TcpStream, victim: &Mutex<Victim>) -> Option<()> {
    let mut decoder = FrameDecoder::new();
    let mut seen = Vec::new();
    let first = loop {
        if let Some(frame) = decoder.next_frame().ok()? {
            break frame;
        }
        let mut bytes = [0; 4096];
        let count = dialer.read(&mut bytes).ok().filter(|count| *count > 0)?;
        decoder.push(&bytes[..count]);
        seen.extend_from_slice(&bytes[..count]);
    };
    let client = match first.kind {
        FrameKind::ClientHello => Some(first.decode::<ClientHello>().ok()?),
        FrameKind::Hello => match Hello::from_values(&first.decode().ok()?).ok()? {
            Hello::Client(hello, ..) => Some(hello),
            Hello::Peer(..) => None,
        },
        _ => None,
    };
    if let Some(hello) = client {
        let mut victim = victim.lock().expect("no relay has failed");
        if !victim.admits(&hello.client, [dialer, node]) {
            return None;
        }
    }
    node.write_all(&seen).ok()
}

fn carry(mut from: &TcpStream, mut to: &TcpStream) {
    // However it ends, the connection has ended.
    let _ = std::io::copy(&mut from, &mut to);
    close(from);
    close(to);
}

fn close(socket: &TcpStream) {
    // It may be closed already.
    let _ = socket.shutdown(Shutdown::Both);
}

fn duplicate(socket: &TcpStream) -> TcpStream {
    socket.try_clone().expect("a free file descriptor")
}
