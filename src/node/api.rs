//! The interface of an embedded node for Rust programs.

use crate::Error;
use crate::admin::{Admin, Format};
use crate::base::NodeId;
use crate::base::error::Status;
use crate::base::meters::Meters;
use crate::net::{LocalNode, Wake};
use crate::node::admin;
use crate::node::audit::AuditFile;
use crate::node::board::Board;
use crate::node::commands::Command;
use crate::node::config::NodeOptions;
use crate::node::departure::Departure;
use crate::node::event_loop::{EventLoop, endpoints_of};
use crate::node::leadership::Leadership;
use crate::node::listen::{listen, warn_of_plaintext};
use crate::node::network::Network;
use crate::node::publishing::Publishing;
use crate::node::renewal::Renewal;
use crate::node::secured::Secured;
use crate::node::threads::{begin_loop, begin_renewal, exhausted, open_directory};
use crate::sys::{Descriptor, fork};
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};
use parking_lot::Mutex;
use std::fmt;
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, RawFd};
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;
use std::time::Duration;

/// A running node. A drop stops it.
///
/// In a child of fork(2) the handle is dead: leadership reads nothing, calls answer FORKED (safety L20).
pub struct Node {
    id: NodeId,
    address: SocketAddr,
    /// The endpoints at the start.
    endpoints: String,
    /// The fork generation at the start.
    forks: u32,
    /// `None` only during the drop.
    running: Option<Running>,
}

/// State shared with the loop's thread; not to be touched in a forked child.
struct Running {
    board: Arc<Board>,
    commands: Sender<Command>,
    wake: Wake,
    local: LocalNode,
    /// Disconnected once the thread has released everything.
    finished: Receiver<()>,
    thread: Mutex<Option<JoinHandle<()>>>,
    meters: Arc<Meters>,
    admin: Option<Box<Admin>>,
    /// Present with TLS.
    renewal: Option<Arc<Renewal>>,
}

impl Node {
    /// Recovers the data directory, listens, and starts the loop thread. Needs no quorum.
    ///
    /// # Errors
    /// INVALID (options, another node's directory), DENIED (the directory or the port may not be
    /// used), CORRUPT: a person must mend the cause. UNAVAILABLE (the name or the address to listen
    /// on is not there at present), IO (port or directory in use, the disk), LIMIT (files,
    /// threads): try again. One sentence that says what to do.
    pub fn start(mut options: NodeOptions) -> Result<Self, Error> {
        fork::watch();
        options.check_bounds()?;
        let secured = options.tls.as_ref().map(|tls| Secured::read(tls, options.id)).transpose()?;
        let audit = options.audit.as_deref().map(AuditFile::open).transpose()?;
        let (listener, address) = listen(&mut options)?;
        warn_of_plaintext(&options);
        let admin_listener = admin::listen(&options, secured.as_ref())?;
        let (meters, loop_wake) = (Meters::new(), Arc::new(OnceLock::new()));
        let admin = admin::start(admin_listener, &options, &meters, Arc::clone(&loop_wake))?;
        let server = open_directory(&options, &meters)?;
        let (commands, received) = crossbeam_channel::unbounded();
        let mut network = Network::new(options.id, &options.cluster, listener, commands.clone())
            .map_err(exhausted)?
            .counting(&meters);
        network.secure(secured);
        network.audit.file = audit;
        let (renewal, watch) = begin_renewal(&options, &network)?.unzip();
        let (wake, board) = (network.wake(), Arc::new(Board::default()));
        let endpoints = endpoints_of(&server);
        board.post_endpoints(endpoints.clone());
        let local = network.local_node(options.own_address()?, &endpoints);
        let _ = loop_wake.set(wake.clone());
        let (admin, teller) = admin.map(|(admin, teller)| (Box::new(admin), teller)).unzip();
        let event_loop = EventLoop {
            server,
            network,
            commands: received,
            board: Arc::clone(&board),
            inputs: Vec::new(),
            departure: Departure::default(),
            reach: None,
            dismissed: None,
            meters: Arc::clone(&meters),
            teller,
            publishing: Publishing::default(),
            _watch: watch,
        };
        let (thread, finished) = begin_loop(event_loop)?;
        let thread = Mutex::new(Some(thread));
        Ok(Self {
            id: options.id,
            address,
            endpoints,
            forks: fork::generation(),
            running: Some(Running {
                board,
                commands,
                wake,
                local,
                finished,
                thread,
                meters,
                admin,
                renewal,
            }),
        })
    }

    /// This node's id.
    #[must_use]
    pub fn id(&self) -> NodeId {
        self.id
    }

    /// The address that it listens on.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// All members' addresses as an endpoint list for a client, this node's own first. They are
    /// those of the present log: call this for each client. In a child of fork(2) those at the
    /// node's start.
    #[must_use]
    pub fn endpoints(&self) -> String {
        let posted = self.running().map(|running| running.board.endpoints());
        posted.unwrap_or_else(|_| self.endpoints.clone())
    }

    /// This node for [`Client::open_local`](crate::client::Client::open_local): a client in the same process reaches
    /// it without a socket, and the other members over TCP.
    ///
    /// # Errors
    /// FORKED.
    pub fn local(&self) -> Result<LocalNode, Error> {
        let running = self.running()?;
        Ok(running.local.clone().with_endpoints(running.board.endpoints()))
    }

    /// Whether this node leads, until when, under which token, all at one instant. Local and
    /// lock-free. The first call has the loop publish claims from then on, so it may be a moment
    /// behind.
    #[must_use]
    pub fn leadership(&self) -> Leadership {
        self.asking().map_or_else(|_| Leadership::default(), |running| running.board.leadership())
    }

    /// Readable while [`Node::next`] has a change, also when a claim lapses with the loop wedged.
    /// `None` when the process has no descriptor left.
    #[must_use]
    pub fn fd(&self) -> Option<RawFd> {
        self.descriptor().ok().map(|descriptor| descriptor.as_raw_fd())
    }

    /// The same descriptor as [`fd`](Self::fd), kept open as long as the returned value.
    ///
    /// # Errors
    /// LIMIT: the process has no descriptor left; FORKED.
    pub fn descriptor(&self) -> Result<Descriptor, Error> {
        self.asking()?.board.descriptor().ok_or_else(no_descriptor)
    }

    /// The next change of leadership (leader, term, or claim); first the present state. Waits at
    /// most `wait` (`None`: for ever).
    ///
    /// # Errors
    /// AGAIN: nothing changed in time. IO, LIMIT, CORRUPT, DENIED, INVALID, INTERNAL: the node has ended, and why. CLOSED:
    /// stopped.
    pub fn next(&self, wait: Option<Duration>) -> Result<Leadership, Error> {
        self.asking()?.board.next(wait)
    }

    /// As [`Node::leadership`], for programs that only want to know which node leads: asks for no
    /// claim, which would have to run out before leadership is handed over (C3). Term and leader
    /// are as there; the rest reads 0 as long as no program of this process has asked for
    /// leadership.
    #[must_use]
    pub fn known_leader(&self) -> Leadership {
        self.running().map_or_else(|_| Leadership::default(), |running| running.board.leadership())
    }

    /// As [`Node::fd`], for [`Node::next_leader`].
    #[must_use]
    pub fn leader_fd(&self) -> Option<RawFd> {
        self.leader_descriptor().ok().map(|descriptor| descriptor.as_raw_fd())
    }

    /// The same descriptor as [`leader_fd`](Self::leader_fd), kept open as long as the returned
    /// value.
    ///
    /// # Errors
    /// LIMIT: the process has no descriptor left; FORKED.
    pub fn leader_descriptor(&self) -> Result<Descriptor, Error> {
        self.running()?.board.descriptor().ok_or_else(no_descriptor)
    }

    /// As [`Node::next`], for programs that only want to know which node leads: asks for no claim,
    /// as [`Node::known_leader`].
    ///
    /// # Errors
    /// As for [`Node::next`].
    pub fn next_leader(&self, wait: Option<Duration>) -> Result<Leadership, Error> {
        self.running()?.board.next(wait)
    }

    /// The number of turns of the loop. Each call causes another turn, so a number that stays the
    /// same from one call to a later one says that the loop hangs: in a disk that does not answer,
    /// or by a bug. 0 in a child of fork(2).
    #[must_use]
    pub fn turns(&self) -> u64 {
        self.running().map_or(0, |running| {
            running.wake.wake();
            running.board.turns()
        })
    }

    /// All metrics of this node and its process, in the text format of Prometheus (0.0.4), as at
    /// `/metrics` of its admin endpoint. Does not wait for the loop.
    ///
    /// # Errors
    /// FORKED.
    pub fn metrics(&self) -> Result<String, Error> {
        Ok(crate::admin::metrics(self.id, &self.running()?.meters, Format::Text))
    }

    /// Reads the files of [`NodeTls`](crate::node::NodeTls) again: certificate, key, authorities,
    /// and revoked certificates. Later handshakes use the new files; open connections stay, but for
    /// those whose certificate is not trusted any more: these end within a minute. The node also
    /// reads the files by itself, some seconds after they have changed. A node without TLS has
    /// nothing to read.
    ///
    /// # Errors
    /// INVALID: which file cannot be used, and why; the former files stay in use. FORKED.
    pub fn reload(&self) -> Result<(), Error> {
        match &self.running()?.renewal {
            Some(renewal) => renewal.reload(),
            None => Ok(()),
        }
    }

    /// The address of its admin endpoint, if it has one.
    #[must_use]
    pub fn admin_address(&self) -> Option<SocketAddr> {
        self.running.as_ref()?.admin.as_deref().map(Admin::address)
    }

    /// Why the node ended by itself, if it did.
    #[must_use]
    pub fn failure(&self) -> Option<Error> {
        self.running().ok()?.board.failure()
    }

    /// Hands leadership to `to`, or to the voter with the longest log. Leadership reads 0 from now
    /// on, unless the call fails. Waits at most `wait` (`None`: as long as it takes, about an
    /// election timeout).
    ///
    /// # Errors
    /// LOST: this node does not lead. UNAVAILABLE: no other node took over. TIMEOUT: not decided in time.
    pub fn resign(&self, to: Option<NodeId>, wait: Option<Duration>) -> Result<(), Error> {
        self.running()?.resign(to, wait)
    }

    /// Hands leadership over, if this node leads, and stops the loop: connections are closed, the directory is
    /// unlocked. Idempotent. Waits at most `wait` for the thread to end (`None`: for ever).
    ///
    /// # Errors
    /// TIMEOUT: the node still runs (a disk hangs).
    pub fn stop(&self, wait: Option<Duration>) -> Result<(), Error> {
        self.running()?.stop(wait)
    }

    /// The running node, for a call that asks for leadership.
    fn asking(&self) -> Result<&Running, Error> {
        let running = self.running()?;
        if running.board.note_asked() {
            running.wake.wake();
        }
        Ok(running)
    }

    fn running(&self) -> Result<&Running, Error> {
        match &self.running {
            Some(running) if fork::generation() == self.forks => Ok(running),
            _ => Err(Status::Forked.into()),
        }
    }
}

/// Without leadership: a question for it would have the loop publish claims from then on.
impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Node")
            .field("id", &self.id.0)
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

impl Running {
    fn resign(&self, to: Option<NodeId>, wait: Option<Duration>) -> Result<(), Error> {
        let (reply, answer) = crossbeam_channel::bounded(1);
        if self.commands.send(Command::HandOver { to, reply }).is_err() {
            return Err(Status::Closed.into());
        }
        self.wake.wake();
        let answered = match wait {
            Some(wait) => answer.recv_timeout(wait),
            None => answer.recv().map_err(|_| RecvTimeoutError::Disconnected),
        };
        answered.unwrap_or_else(|error| match error {
            RecvTimeoutError::Timeout => {
                let text = "leadership is not handed over yet; it goes on";
                Err(Error::new(Status::Timeout, text))
            }
            RecvTimeoutError::Disconnected => Err(Status::Closed.into()),
        })
    }

    fn stop(&self, wait: Option<Duration>) -> Result<(), Error> {
        // The loop may have ended by itself.
        let _ = self.commands.send(Command::Stop);
        self.wake.wake();
        let finished = match wait {
            Some(wait) => self.finished.recv_timeout(wait),
            None => self.finished.recv().map_err(|_| RecvTimeoutError::Disconnected),
        };
        if finished == Err(RecvTimeoutError::Timeout) {
            return Err(Error::new(Status::Timeout, "the node still runs: its disk may hang"));
        }
        if let Some(thread) = self.thread.lock().take() {
            // The loop catches panics; a later one must not hurt the host either.
            let _ = thread.join();
        }
        if let Some(admin) = &self.admin {
            admin.stop();
        }
        Ok(())
    }
}

fn no_descriptor() -> Error {
    Error::new(Status::Limit, Descriptor::NONE_LEFT)
}

impl Drop for Node {
    fn drop(&mut self) {
        let is_ours = fork::generation() == self.forks;
        match self.running.take() {
            // Waits for ever, so it ends with the thread joined.
            Some(running) if is_ours => drop(running.stop(None)),
            // The thread, and the holders of locks, live in the parent.
            running => std::mem::forget(running),
        }
    }
}
