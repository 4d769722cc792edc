//! All connections of a node: they give the server its inputs, and take its messages.

mod muting;

use crate::base::NodeId;
use crate::base::meters::Meters;
use crate::net::{
    Closed, Connection, Key, Listener, LocalListener, LocalNode, Poller, Received, Wake,
};
use crate::node::acceptor::Acceptor;
use crate::node::audit::Audit;
use crate::node::backlog::Backlog;
use crate::node::commands::Command;
use crate::node::complaints::Complaints;
use crate::node::elections::Elections;
use crate::node::ending::Ending;
use crate::node::examining::Examining;
use crate::node::greetings::Greetings;
use crate::node::handshakes::Handshakes;
use crate::node::links::{Link, Links, OUT_BYTES_MAX, Role, connection_id};
use crate::node::outputs::Outputs;
use crate::node::peers::Peers;
use crate::node::places::Bounds;
use crate::node::turns::Turns;
use crate::node::way::Way;
use crate::raft::LeaseTold;
use crate::server::{Input, Server};
use crate::sys::descriptors::Reserve;
use crate::sys::{clock, random};
use crate::wal::Disk;
use crate::wire::{FrameKind, Frames, RefusedCode};
use crossbeam_channel::Sender;
use muting::Muting;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

/// Listener, connections, and their pending work.
#[derive(Debug)]
pub(super) struct Network {
    pub(super) own: NodeId,
    poller: Poller,
    wake: Wake,
    pub(super) commands: Sender<Command>,
    pub(super) acceptor: Acceptor,
    pub(super) links: Links,
    /// The present bounds of the process.
    pub(super) bounds: fn() -> Bounds,
    /// Descriptors reserved for peers.
    pub(super) reserve: Reserve,
    pub(super) reserved_for: usize,
    pub(super) peers: Peers,
    pub(super) complaints: Complaints,
    pub(super) elections: Elections,
    pub(super) audit: Audit,
    pub(super) turns: Turns,
    /// Whether programs may know of the leader lease.
    pub(super) claim: LeaseTold,
    /// Set when a peer refused this node, or its directory, as removed or unknown; the node ends.
    pub(super) dismissed: Option<String>,
    /// Accepted connections without a hello.
    pub(super) greetings: Greetings,
    pub(super) handshakes: Handshakes,
    pub(super) examining: Examining,
    pub(super) backlog: Backlog,
    pub(super) outputs: Outputs,
    muting: Muting,
    /// Links that failed while sending; handled with the next turn's input.
    pub(super) lost: Vec<(Key, Closed)>,
    /// The begin of the present turn, a reading of BOOTTIME.
    pub(super) now: u64,
    /// Reused from turn to turn.
    frames: Frames,
}

impl Network {
    /// A network over a listening socket. Lookups of names are answered to `commands`.
    ///
    /// # Errors
    /// The process has no file descriptor left.
    pub(super) fn new(
        own: NodeId,
        cluster: &[(NodeId, String)],
        mut listener: Listener,
        commands: Sender<Command>,
    ) -> io::Result<Self> {
        let poller = Poller::new(EVENTS_MAX)?;
        let wake = poller.wake(WAKE)?;
        let local = LocalListener::new(wake.clone(), OUT_BYTES_MAX);
        poller.add_listener(&mut listener, LISTENER)?;
        let mut network = Self {
            own,
            poller,
            wake,
            commands,
            acceptor: Acceptor::new(listener, local),
            links: Links::new(FIRST_LINK),
            bounds: Bounds::now,
            reserve: Reserve::new(0),
            reserved_for: 0,
            peers: Peers::new(own, cluster, random::seed(), clock::boot_nanos()),
            complaints: Complaints::default(),
            elections: Elections::default(),
            audit: Audit::new(own),
            turns: Turns::new(Meters::new()),
            claim: LeaseTold::Ended,
            dismissed: None,
            greetings: Greetings::default(),
            handshakes: Handshakes::default(),
            examining: Examining::default(),
            backlog: Backlog::default(),
            outputs: Outputs::default(),
            muting: Muting::default(),
            lost: Vec::new(),
            now: clock::boot_nanos(),
            frames: Frames::default(),
        };
        network.keep_places();
        Ok(network)
    }

    /// Sets the counters.
    pub(super) fn counting(mut self, meters: &Arc<Meters>) -> Self {
        self.turns = Turns::new(Arc::clone(meters));
        self
    }

    /// Sets the members. Connections to others are closed by us, unless they `may_stay`, which
    /// hints at no failure.
    pub(super) fn set_peers(
        &mut self,
        members: &[(NodeId, String)],
        may_stay: impl Fn(NodeId) -> bool,
    ) {
        for key in self.peers.set_members(members, may_stay, clock::boot_nanos()) {
            self.remove(key);
        }
    }

    /// Disconnects clients when this node gets its cluster. Earlier clients were not told the
    /// cluster: they reconnect at once, and are refused if they know another one (L15).
    pub(super) fn send_clients_away(&mut self, inputs: &mut Vec<Input>) {
        for key in self.links.clients() {
            self.remove(key);
            inputs.push(Input::ClientDown { connection: connection_id(key) });
        }
    }

    /// Ends the loop's wait from another thread.
    pub(super) fn wake(&self) -> Wake {
        self.wake.clone()
    }

    /// The handle by which clients of this process reach this node without a socket.
    pub(super) fn local_node(&self, address: &str, endpoints: &str) -> LocalNode {
        let is_among_tls = !self.handshakes.may_be_plain();
        self.acceptor.local().node(address, endpoints).among_tls(is_among_tls)
    }

    /// Waits for a socket, a command or `deadline` (a reading of BOOTTIME), unless something is left to do.
    ///
    /// # Errors
    /// The poller's.
    pub(super) fn wait(&mut self, deadline: u64) -> io::Result<()> {
        let deadline = deadline.min(self.next_deadline());
        let timeout = (deadline != u64::MAX)
            .then(|| Duration::from_nanos(deadline.saturating_sub(clock::boot_nanos())));
        self.turns.end();
        let waited = self.poller.wait(timeout);
        self.turns.begin();
        waited
    }

    fn next_deadline(&self) -> u64 {
        if !self.backlog.is_empty() || !self.lost.is_empty() || !self.handshakes.is_empty() {
            return 0;
        }
        self.greetings
            .next_deadline()
            .min(self.peers.next_deadline())
            .min(self.acceptor.next_deadline())
            .min(self.outputs.next_deadline())
            .min(self.next_examination())
            .min(self.examining.verified.next_deadline())
    }

    /// Makes inputs of all that the last wait reported: ends first, then peers, then clients.
    pub(super) fn collect<D: Disk>(&mut self, server: &Server<D>, inputs: &mut Vec<Input>) {
        self.note_ready();
        self.list_muted();
        let now = clock::boot_nanos();
        self.now = now;
        self.examine_credentials(server, inputs);
        self.advance_outputs(now, inputs);
        for (key, closed) in std::mem::take(&mut self.lost) {
            self.end(key, Ending::Closed(closed), inputs);
        }
        // Each at most once a turn, and only as many as a turn of bounded length allows.
        let [peers, others, new] = self.backlog.counts();
        for _ in 0..peers {
            let Some(key) = self.backlog.take_peer() else { break };
            self.read(key, server, inputs);
        }
        // Committed entries are applied first, or they would pile up.
        let budget = if server.is_behind() { READ_UNITS_BEHIND } else { READ_UNITS_PER_TURN };
        let mut units = 0;
        for _ in 0..others {
            if units >= budget {
                break;
            }
            let Some(key) = self.backlog.take_other() else { break };
            units += self.read(key, server, inputs);
        }
        units += self.hear_new(new, budget.saturating_sub(units), server, inputs);
        self.shake_hands(budget.saturating_sub(units), server, inputs);
        self.accept(now, inputs);
        self.end_silent(now, inputs);
        self.examine(&clock::sample(), inputs);
        while let Some(key) = self.peers.overdue(now) {
            let timed_out = Closed::Failed(io::ErrorKind::TimedOut.into());
            self.end(key, Ending::Closed(timed_out), inputs);
        }
        while let Some(peer) = self.peers.due(now) {
            self.dial(peer, server, now);
        }
        self.keep_places();
    }

    fn note_ready(&mut self) {
        for ready in self.poller.ready() {
            match ready.key {
                WAKE => {}
                LISTENER => self.acceptor.handle_ready(),
                key => {
                    let Some(link) = self.links.find(key) else { continue };
                    if ready.readable {
                        self.backlog.add(key, link);
                    }
                    if ready.writable && link.connection.wants_write() {
                        self.outputs.note_dirty(key, link);
                    }
                }
            }
        }
    }

    /// Reads one connection; gives the units of a turn's work.
    pub(super) fn read<D: Disk>(
        &mut self,
        key: Key,
        server: &Server<D>,
        inputs: &mut Vec<Input>,
    ) -> usize {
        let Some(link) = self.links.find(key) else { return 1 };
        link.is_listed = false;
        if link.connection.wants_flush_when_read() {
            self.outputs.note_dirty(key, link);
        }
        if link.role == Role::Leaving {
            self.drain_leaving(key);
            return UNITS_OF_READ;
        }
        if link.is_congested() {
            link.is_parked = true;
            return 1;
        }
        let budget = match link.role {
            Role::Peer(_) => PEER_BYTES_PER_TURN,
            _ => CLIENT_BYTES_PER_TURN,
        };
        let mut frames = std::mem::take(&mut self.frames);
        let was_handshaking = link.connection.is_handshaking();
        let received = link.connection.receive(&mut frames, budget);
        self.handshakes.note_end(was_handshaking, link, self.turns.meters());
        let units = UNITS_OF_READ + frames.len() * UNITS_OF_FRAME + frames.body_bytes() / 64;
        let handled =
            frames.iter().try_for_each(|frame| self.handle_frame(key, frame, server, inputs));
        frames.clear();
        self.frames = frames;
        match handled.and(received.map_err(Ending::Closed)) {
            Ok(Received::All) => {}
            Ok(Received::More) => {
                if let Some(link) = self.links.find(key) {
                    self.backlog.add(key, link);
                }
            }
            Err(ending) => self.end(key, ending, inputs),
        }
        units
    }

    /// Adds a connection to the poller; `None` if the system refuses.
    pub(super) fn adopt(&mut self, mut connection: Connection, role: Role) -> Option<Key> {
        match self.poller.add(&mut connection, self.links.next_key()) {
            Ok(()) => Some(self.links.insert(connection, role, self.examining.changes())),
            Err(error) => {
                log::warn!("a connection cannot be watched: {error}");
                None
            }
        }
    }

    /// Removes and closes a connection.
    pub(super) fn remove(&mut self, key: Key) {
        if let Some(link) = self.take(key) {
            self.audit.end(key);
            self.close(link.connection.into_socket());
        }
    }

    fn take(&mut self, key: Key) -> Option<Link> {
        let link = self.links.remove(key)?;
        self.greetings.remove(key, link.source);
        Some(link)
    }

    fn close(&mut self, socket: Option<OwnedFd>) {
        if let Some(socket) = socket {
            self.reserve.close(socket);
        }
    }

    /// Removes a connection, and tells the server of its end.
    pub(super) fn end(&mut self, key: Key, ending: Ending, inputs: &mut Vec<Input>) {
        let Some(mut link) = self.take(key) else { return };
        self.audit.end(key);
        let now = clock::boot_nanos();
        if let (Ending::Refused(refused), Role::Peer(peer) | Role::Dialing(peer)) =
            (&ending, link.role)
            && is_final(refused.code)
            && self.peers.is_member(peer)
        {
            self.dismissed = Some(refused.text.clone());
        }
        self.handshakes.note_failure(&link, &ending, self.turns.meters());
        if ending.is_complaint() {
            self.complaints.add(now, link.source, &ending);
        }
        let way = Way::after(&link, &ending, self.handshakes.may_be_plain());
        match link.role {
            Role::Greeting | Role::Challenged | Role::Leaving => {}
            Role::Dialing(peer) => match way {
                Some(way) => self.peers.handle_unheard(peer, key, way, now),
                None => self.peers.handle_ended(peer, key, now, ending.pace(), &ending),
            },
            Role::Peer(peer) => {
                // A hint of its death only if it was the other side's doing.
                let is_theirs = matches!(ending, Ending::Closed(Closed::ByPeer));
                inputs.push(match is_theirs {
                    true => Input::PeerDown { peer },
                    false => Input::PeerLost { peer },
                });
                self.peers.handle_ended(peer, key, now, ending.pace(), &ending);
            }
            Role::Client => inputs.push(Input::ClientDown { connection: connection_id(key) }),
        }
        let refused = match ending.last_words() {
            Some(refused) if link.abilities.cover(refused.code.needs()) => Some(refused),
            refused => refused.map(|refused| refused.for_0_1()),
        };
        let socket = match refused {
            Some(refused) if link.connection.queue(FrameKind::Refused, &refused).is_ok() => {
                link.connection.finish()
            }
            _ => link.connection.into_socket(),
        };
        self.close(socket);
    }
}

/// Whether a refusal with `code` is final: a person has to act.
fn is_final(code: RefusedCode) -> bool {
    matches!(code, RefusedCode::Removed | RefusedCode::Directory | RefusedCode::Level)
}

const WAKE: Key = Key(0);
const LISTENER: Key = Key(1);
const FIRST_LINK: Key = Key(2);

/// The most sources reported by one wait.
const EVENTS_MAX: usize = 1024;
/// Bytes read from one peer in one turn, so that none starves the others (fault NT24).
const PEER_BYTES_PER_TURN: usize = 1 << 20;
const CLIENT_BYTES_PER_TURN: usize = 16 << 10;
/// Work after which no further client is read in a turn: heartbeats must not wait for more. A unit is about a microsecond; to
/// handle a request costs more than to read it.
const READ_UNITS_PER_TURN: usize = 3072;
/// [`READ_UNITS_PER_TURN`] while committed entries wait to be applied.
const READ_UNITS_BEHIND: usize = 512;
/// Of a socket that was not read for a while, as all are where ten thousand have something to say.
pub(super) const UNITS_OF_READ: usize = 4;
const UNITS_OF_FRAME: usize = 6;
/// A peer that acknowledges nothing for this long is dialed again: TCP's own growing pauses would
/// outlast a healed partition.
pub(super) const PEER_UNACKNOWLEDGED_MAX: Duration = Duration::from_secs(1);
/// As [`PEER_UNACKNOWLEDGED_MAX`], for clients, whose networks may be worse.
pub(super) const CLIENT_UNACKNOWLEDGED_MAX: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests;
