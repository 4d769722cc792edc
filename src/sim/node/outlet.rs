//! The outside of a simulated server during one step: clocks that move on, and bytes that leave.

use crate::base::{ConnectionId, NodeId, Sample};
use crate::raft::LeaseTold;
use crate::server::Outside;
use crate::sim::charges::Work;
use crate::sim::checkers::Violation;
use crate::sim::checkers::durability::Ledger;
use crate::sim::disk::host::SharedHost;
use crate::sim::disk::storage::Synced;
use crate::wire::{NodeStatus, PeerMessage, ServerMessage};

/// A message for somebody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outgoing {
    /// For a peer.
    Peer(NodeId, PeerMessage),
    /// For a client.
    Client(ConnectionId, ServerMessage),
}

/// Collects what one step says, with the instant at which it leaves.
#[derive(Debug)]
pub struct Outlet<'a> {
    node: NodeId,
    host: SharedHost,
    ledger: &'a mut Ledger,
    claim: LeaseTold,
    /// Messages that left, and when; from `flushed` on, messages that wait for the next flush.
    left: Vec<(u64, Outgoing)>,
    flushed: usize,
    violation: Option<Violation>,
}

impl<'a> Outlet<'a> {
    /// For one step of `node`; `left` is empty, and kept for its room.
    #[must_use]
    pub fn new(
        (node, claim): (NodeId, LeaseTold),
        host: SharedHost,
        ledger: &'a mut Ledger,
        left: Vec<(u64, Outgoing)>,
    ) -> Self {
        Self { node, host, ledger, claim, left, flushed: 0, violation: None }
    }

    /// The messages that left, in order.
    ///
    /// # Errors
    /// The first acknowledgement that nothing durable covers.
    pub fn finish(mut self) -> Result<Vec<(u64, Outgoing)>, Violation> {
        self.flush();
        drain_durable(&self.host, self.ledger);
        self.violation.map_or(Ok(self.left), Err)
    }
}

impl Outlet<'_> {
    /// The process works before what follows.
    pub fn charge(&mut self, work: Work) {
        self.host.borrow_mut().charge(work);
    }

    /// The messages that left before the process ended by itself.
    ///
    /// # Errors
    /// As for [`Outlet::finish`].
    pub fn abandon(mut self) -> Result<Vec<(u64, Outgoing)>, Violation> {
        self.left.truncate(self.flushed);
        drain_durable(&self.host, self.ledger);
        self.violation.map_or(Ok(self.left), Err)
    }
}

impl Outside for Outlet<'_> {
    fn now(&mut self) -> Sample {
        self.host.borrow_mut().read_clocks()
    }

    fn unix_ms(&mut self) -> u64 {
        1_700_000_000_000 + self.host.borrow().local / 1_000_000
    }

    fn claim(&mut self) -> LeaseTold {
        self.claim
    }

    fn send_peer(&mut self, to: NodeId, message: PeerMessage) {
        self.charge(Work::of_peer_message(&message));
        self.left.push((u64::MAX, Outgoing::Peer(to, message)));
    }

    fn send_client(&mut self, to: ConnectionId, message: ServerMessage) {
        self.charge(Work::of_server_message(&message));
        self.left.push((u64::MAX, Outgoing::Client(to, message)));
    }

    fn complete(&self, status: NodeStatus) -> NodeStatus {
        status
    }

    fn flush(&mut self) {
        // A process may be hit between any two operations; sending is one of them.
        let alive = self.host.borrow_mut().operate().is_ok();
        drain_durable(&self.host, self.ledger);
        let local = self.host.borrow().local;
        if !alive {
            self.left.truncate(self.flushed);
        }
        for (at, message) in &mut self.left[self.flushed..] {
            if let Outgoing::Peer(to, PeerMessage::Raft(raft)) = message {
                let checked = self.ledger.check_promise(self.node, *to, raft);
                self.violation = self.violation.take().or(checked.err());
            }
            *at = local;
        }
        self.flushed = self.left.len();
    }
}

/// Tells the ledger what the disk has made durable.
pub fn drain_durable(host: &SharedHost, ledger: &mut Ledger) {
    let mut host = host.borrow_mut();
    let now = host.local;
    for synced in host.storage.take_newly_durable() {
        match synced {
            Synced::Write(write) => ledger.handle_durable(now, &write),
            Synced::Snapshot(file) => ledger.handle_durable_snapshot(now, &file),
        }
    }
}
