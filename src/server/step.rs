//! The one step.

use crate::base::{ClusterId, NodeId, Sample};
use crate::raft::{LeaderLease, Role};
use crate::server::{Input, Outside, ServerError, ServerOptions};
use crate::wal::{Disk, Wal};
use crate::wire::{ClientWelcome, NodeStatus, PeerHello, Refused};

/// A replica with its durable log.
#[derive(Debug)]
pub struct Server<D: Disk> {
    #[allow(dead_code)]
    wal: Wal<D>,
}

#[allow(unused_variables)]
impl<D: Disk> Server<D> {
    /// Recovers the directory that `disk` shows. `entropy` names a fresh directory.
    ///
    /// # Errors
    /// [`ServerError`]: says what is wrong with the directory or the options, and what to do.
    pub fn open(
        options: ServerOptions,
        disk: D,
        entropy: [u8; 16],
        now: &Sample,
    ) -> Result<Self, ServerError> {
        todo!()
    }

    /// One turn: takes all `inputs` (draining them) and whatever time has made due, and does everything
    /// that follows, in the one order: handle, send what waits for nothing, write, sync, then
    /// acknowledgements, applies and replies. Call it when there is input and at `next_deadline`.
    ///
    /// # Errors
    /// Final: the process ends the node.
    pub fn step(
        &mut self,
        inputs: &mut Vec<Input>,
        outside: &mut impl Outside,
    ) -> Result<(), ServerError> {
        todo!()
    }

    /// When to step at the latest, as a reading of BOOTTIME in nanoseconds; a hint.
    #[must_use]
    pub fn next_deadline(&self) -> u64 {
        todo!()
    }

    /// What to say to `peer` first.
    #[must_use]
    pub fn hello(&self, to: NodeId) -> PeerHello {
        todo!()
    }

    /// Whether a peer's hello (or welcome) is acceptable.
    ///
    /// # Errors
    /// What to answer before closing.
    pub fn check_hello(&self, hello: &PeerHello) -> Result<(), Refused> {
        todo!()
    }

    /// Whether a client that knew `cluster` is at the right place, and what to answer it.
    ///
    /// # Errors
    /// What to answer before closing.
    pub fn welcome(&self, cluster: Option<ClusterId>) -> Result<ClientWelcome, Refused> {
        todo!()
    }

    /// This leader's claim, for the process to publish (C4: compare with a fresh sample).
    #[must_use]
    pub fn leader_lease(&self, now: &Sample) -> Option<LeaderLease> {
        todo!()
    }

    /// The token of a claim in the present term: epoch·2⁴⁸ + term.
    #[must_use]
    pub fn leader_token(&self) -> u64 {
        todo!()
    }

    /// What this node says of itself. `refused_connections` is left for the process to fill in.
    #[must_use]
    pub fn status(&self) -> NodeStatus {
        todo!()
    }

    /// This node's role.
    #[must_use]
    pub fn role(&self) -> Role {
        todo!()
    }

    /// The machine below, for checkers.
    #[must_use]
    pub fn replica(&self) -> &crate::replica::Replica {
        todo!()
    }

    /// The log below, for checkers.
    #[must_use]
    pub fn wal(&self) -> &Wal<D> {
        &self.wal
    }
}
