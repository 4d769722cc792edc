//! The admin thread: a few connections, one poll(2), and no other waits.

use super::answers::{Page, Subject, answer};
use super::connection::Connection;
use super::exposure::Exposure;
use super::mailbox::{Mailbox, Teller, Told};
use super::probes::News;
use super::stream::{Caller, Stream};
use crate::base::NodeId;
use crate::base::error::{Error, Status};
use crate::base::meters::{Doing, Meters};
use crate::sys::poll::{self, Interest, Ready};
use crate::sys::{clock, inherited, thread};
use parking_lot::Mutex;
use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpListener};
use std::os::fd::{AsRawFd, RawFd};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

/// A running endpoint. A stop ends it at once, whatever its clients do.
#[derive(Debug)]
pub struct Admin {
    address: SocketAddr,
    teller: Teller,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Admin {
    /// Listens on an address, if `exposure` allows it.
    ///
    /// # Errors
    /// INVALID, DENIED, IO, UNAVAILABLE: one sentence that says what to do.
    pub fn listen(address: SocketAddr, exposure: &Exposure) -> Result<TcpListener, Error> {
        exposure.check(address)?;
        inherited::by_no_child(|| TcpListener::bind(address))
            .and_then(|listener| listener.set_nonblocking(true).map(|()| listener))
            .map_err(|error| cannot_bind(address, error))
    }

    /// Serves the clients of `listener`, about the node at `address`, on a thread of its own.
    ///
    /// # Errors
    /// LIMIT: no more threads or descriptors.
    pub fn start(
        (listener, exposure): (TcpListener, Exposure),
        (node, address): (NodeId, String),
        meters: Arc<Meters>,
        (mailbox, teller): (Mailbox, Teller),
    ) -> Result<Self, Error> {
        let exhausted =
            |error: io::Error| Error::new(Status::Limit, error.to_string()).because_of(error);
        let own = listener.local_addr().map_err(exhausted)?;
        let plain = exposure.plain_caller(own);
        let server = Server {
            listener,
            exposure,
            plain,
            node,
            address,
            meters,
            mailbox,
            told: None,
            connections: Vec::new(),
            accepts_from: 0,
            complains_from: 0,
        };
        let running = thread::spawn("tenure-admin", move || server.run()).map_err(exhausted)?;
        Ok(Self { address: own, teller, thread: Mutex::new(Some(running)) })
    }

    /// The address on which it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Ends the endpoint: on return its thread has ended.
    pub fn stop(&self) {
        self.teller.stop();
        if let Some(thread) = self.thread.lock().take() {
            // The thread has no result.
            let _ = thread.join();
        }
    }
}

impl Drop for Admin {
    fn drop(&mut self) {
        self.stop();
    }
}

/// The state of the thread.
#[derive(Debug)]
struct Server {
    listener: TcpListener,
    exposure: Exposure,
    /// The caller that a plaintext client is.
    plain: Caller,
    node: NodeId,
    address: String,
    meters: Arc<Meters>,
    mailbox: Mailbox,
    /// The loop's last status.
    told: Option<Told>,
    /// Connections, oldest first.
    connections: Vec<Connection>,
    /// No connection is accepted before this: descriptors were lacking.
    accepts_from: u64,
    /// The next line about a refused client is logged no sooner than this.
    complains_from: u64,
}

impl Server {
    fn run(mut self) {
        loop {
            let mut set = self.watched();
            let timeout = self.timeout();
            if let Err(error) = poll::wait(&mut set, timeout) {
                log::error!(
                    "the admin endpoint has ended: waiting for sockets has failed: {error}"
                );
                return;
            }
            let now = clock::boot_nanos();
            while let Some(told) = self.mailbox.take() {
                self.told = Some(told);
            }
            // After the event is cleared, or an end in between would wake nobody.
            if self.mailbox.is_stopped() {
                return;
            }
            for (connection, (_, _, ready)) in self.connections.iter_mut().zip(&set[OTHERS..]) {
                if ready.readable || ready.writable {
                    connection.handle_ready(now);
                }
                connection.handle_deadline(now);
            }
            if set[1].2.readable {
                self.accept(now);
            }
            self.answer_all();
            self.complain(now);
            self.connections.retain(|connection| !connection.is_over());
        }
    }

    fn watched(&self) -> Vec<(RawFd, Interest, Ready)> {
        let accepts = clock::boot_nanos() >= self.accepts_from;
        // poll(2) ignores a negative descriptor.
        let listener = if accepts { self.listener.as_raw_fd() } else { -1 };
        let own = [(self.mailbox.as_raw_fd(), Interest::Read), (listener, Interest::Read)];
        let others = self.connections.iter().map(|it| (it.as_raw_fd(), it.interest()));
        own.into_iter().chain(others).map(|(fd, it)| (fd, it, Ready::default())).collect()
    }

    fn timeout(&self) -> Option<Duration> {
        let deadlines = self.connections.iter().map(|connection| {
            connection.asking().map_or(connection.until(), |(_, since)| since + PATIENCE_NANOS)
        });
        let accepts = (self.accepts_from > clock::boot_nanos()).then_some(self.accepts_from);
        let next = deadlines.chain(accepts).min()?;
        Some(Duration::from_nanos(next.saturating_sub(clock::boot_nanos())))
    }

    /// Accepts connections. Beyond the limit another one is closed for each.
    fn accept(&mut self, now: u64) {
        for _ in 0..ACCEPTS_PER_TURN {
            let socket = match inherited::by_no_child(|| Ok(self.listener.accept()?.0)) {
                Ok(socket) => socket,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) => {
                    log::debug!("the admin endpoint cannot accept: {error}");
                    self.accepts_from = now + PAUSE_NANOS;
                    return;
                }
            };
            if self.connections.len() >= CONNECTIONS_MAX {
                self.connections.remove(self.least_of_all());
            }
            // A connection may be reset already.
            if let Ok(stream) = Stream::accepted(socket, self.plain, self.exposure.tls()) {
                self.connections.push(Connection::new(stream, now));
            }
        }
    }

    /// The connection to close in favour of others: the one longest without a request, unknown
    /// callers first.
    fn least_of_all(&self) -> usize {
        let idle = |connection: &Connection| connection.is_idle();
        let is_stranger = |connection: &Connection| connection.caller() == Caller::Anybody;
        let mut all = self.connections.iter();
        let stranger = all.position(|connection| idle(connection) && is_stranger(connection));
        stranger.or_else(|| self.connections.iter().position(idle)).unwrap_or(0)
    }

    /// Logs refused certificates and the like: one a second, so that nobody can fill the log.
    fn complain(&mut self, now: u64) {
        for why in self.connections.iter_mut().filter_map(Connection::take_complaint) {
            if now < self.complains_from {
                log::debug!("the admin endpoint has hung up: {why}");
                continue;
            }
            self.complains_from = now + COMPLAINT_NANOS;
            log::warn!("the admin endpoint has hung up: {why}");
        }
    }

    /// Answers all requests that can be answered: those that need the loop once it has told its
    /// status, or its time is over. An answered connection may have sent further requests, as many
    /// as fit into its input.
    fn answer_all(&mut self) {
        let mut connections = std::mem::take(&mut self.connections);
        for connection in &mut connections {
            while self.answer_one(connection) {}
        }
        self.connections = connections;
    }

    /// Answers a request if possible; says whether it did.
    fn answer_one(&self, connection: &mut Connection) -> bool {
        let Some((request, since)) = connection.asking() else { return false };
        let (now, caller) = (clock::boot_nanos(), connection.caller());
        let page = Page::at(&request.path);
        let doing = self.meters.now.doing(now);
        let told = self.told.as_ref();
        let is_fresh = told.is_some_and(|told| told.at + FRESH_NANOS >= since);
        let asks = page.is_some_and(|page| page.asks_loop() && page.is_for(caller));
        let can_answer = match doing {
            Doing::Ended | Doing::Starting => false,
            // The loop has had its time: frequent probes need not wait for it each time.
            Doing::Syncing(nanos) | Doing::Turning(nanos) => nanos < PATIENCE_NANOS,
            Doing::Waiting => true,
        };
        if asks && !is_fresh && can_answer && now < since + PATIENCE_NANOS {
            self.mailbox.ask();
            return false;
        }
        let news = News { told, is_fresh, doing, end: self.mailbox.end() };
        let subject = Subject { node: self.node, address: &self.address, meters: &self.meters };
        let response = answer(page, request, caller, subject, &news);
        connection.answer(&response, now);
        true
    }
}

fn cannot_bind(address: SocketAddr, error: io::Error) -> Error {
    let (status, advice) = match error.kind() {
        ErrorKind::AddrInUse => {
            (Status::Io, "another program listens there: stop it, or choose another port")
        }
        ErrorKind::AddrNotAvailable => (
            Status::Unavailable,
            "this machine does not have that address: choose one of its own, or wait until it has it",
        ),
        ErrorKind::PermissionDenied => {
            (Status::Denied, "this user may not use that port: choose one above 1023")
        }
        _ => (Status::Io, "choose another address or port"),
    };
    let text = format!("the admin endpoint cannot listen on {address} ({error}): {advice}");
    Error::new(status, text).because_of(error)
}

/// The mailbox and the listener come before the connections.
const OTHERS: usize = 2;
/// More than scrapers, probes and people need; each connection has a head and one answer in memory.
const CONNECTIONS_MAX: usize = 64;
const ACCEPTS_PER_TURN: usize = 64;
/// A loop that has not answered for so long does not turn: two heartbeat timeouts of the slowest
/// usual settings, and far below the least TTL by default.
const PATIENCE_NANOS: u64 = 2_000_000_000;
/// A status so shortly before the question counts as fresh.
const FRESH_NANOS: u64 = 50_000_000;
/// The time between two log lines about refused clients.
const COMPLAINT_NANOS: u64 = 1_000_000_000;
/// The pause of accepting while descriptors are lacking.
const PAUSE_NANOS: u64 = 100_000_000;
