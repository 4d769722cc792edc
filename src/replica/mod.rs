//! Raft, the lock machine and the leader's session timers as one deterministic machine: input, output, no IO.
//!
//! It *says* what to write and send; `server` obeys. A client's request goes through `requests`; what is
//! logged comes back through `apply`; what only needs a round (renewals, reads) through `confirm`.

mod apply;
mod clients;
mod confirm;
mod leading;
mod requests;
mod timers;

use crate::base::{ConnectionId, Index, NodeId, Sample, WriteSeq};
use crate::lock::LockMachine;
use crate::raft::{Action, Event, Raft, Role, Write};
use crate::wire::{LeaderHint, ServerMessage};
use clients::Clients;
use confirm::Confirmations;
use leading::Leading;
use std::collections::BTreeMap;

/// Fixed for the life of a replica.
#[derive(Clone, Debug)]
pub struct ReplicaOptions {
    /// Where peers and clients reach each member.
    pub addresses: BTreeMap<NodeId, String>,
    /// Δ of the leader lease that this node asks for, in milliseconds.
    pub lease_ms: u32,
    /// The largest session TTL that this node asks for, in milliseconds.
    pub ttl_ms_max: u32,
}

/// What to do, in the order given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Make durable, then say [`Replica::handle_persisted`].
    Write(Write),
    /// Send now if `after` is none, else once that write is durable.
    SendPeer { to: NodeId, message: crate::raft::Message, after: Option<WriteSeq> },
    /// Send now.
    SendClient { to: ConnectionId, message: ServerMessage },
}

/// A committed entry that this version cannot read; the node must stop.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("entry {index} cannot be applied: {why}; run a version that can read it")]
pub struct ApplyError {
    /// Which entry.
    pub index: Index,
    /// What is wrong with it.
    pub why: String,
}

/// One member's state: log, locks, and while it leads the sessions' timers.
#[derive(Clone, Debug)]
pub struct Replica {
    options: ReplicaOptions,
    raft: Raft,
    machine: LockMachine,
    applied: Index,
    clients: Clients,
    confirmations: Confirmations,
    leading: Leading,
    storage: Storage,
    unix_ms: u64,
    pushed_hint: LeaderHint,
    outputs: Vec<Output>,
}

/// Whether the disk can take more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Storage {
    /// Yes.
    Open,
    /// Only entries that free something are proposed until the next segment is ready (W2).
    Tight,
}

impl Replica {
    /// A replica around a recovered consensus core; the lock machine is built by applying the log.
    #[must_use]
    pub fn new(options: ReplicaOptions, raft: Raft) -> Self {
        Self {
            options,
            raft,
            machine: LockMachine::new(),
            applied: Index(0),
            clients: Clients::default(),
            confirmations: Confirmations::default(),
            leading: Leading::default(),
            storage: Storage::Open,
            unix_ms: 0,
            pushed_hint: LeaderHint::default(),
            outputs: Vec::new(),
        }
    }

    /// Begins a turn: a leader that was stalled learns it before it answers or expires anything (C7).
    /// `unix_ms` is the wall clock that this turn's entries will carry.
    pub fn handle_turn(&mut self, now: &Sample, unix_ms: u64, storage: Storage) {
        self.unix_ms = unix_ms;
        self.storage = storage;
        if self.raft.role() == Role::Leader {
            self.raft.handle(now, Event::Deadline);
        }
    }

    /// Takes an event of consensus.
    pub fn handle_raft(&mut self, now: &Sample, event: Event) {
        self.raft.handle(now, event);
    }

    /// All writes up to `seq` are durable. `now` was sampled after the sync.
    pub fn handle_persisted(&mut self, now: &Sample, seq: WriteSeq) {
        // A stall shows here first: check-quorum before the acknowledgement has any effect (C7).
        if self.raft.role() == Role::Leader {
            self.raft.handle(now, Event::Deadline);
        }
        self.raft.handle(now, Event::Persisted(seq));
    }

    /// Does what time has made due.
    pub fn handle_deadline(&mut self, now: &Sample) {
        self.raft.handle(now, Event::Deadline);
        self.expire_sessions(now);
    }

    /// Everything to be done, in order. Runs raft's actions, applies what is committed, and repeats until
    /// nothing follows from it.
    ///
    /// # Errors
    /// [`ApplyError`]: final.
    pub fn take_outputs(&mut self, now: &Sample) -> Result<Vec<Output>, ApplyError> {
        loop {
            self.open_confirmation();
            let actions = self.raft.take_actions(now);
            if actions.is_empty() {
                return Ok(std::mem::take(&mut self.outputs));
            }
            for action in actions {
                self.obey(now, action)?;
            }
        }
    }

    fn obey(&mut self, now: &Sample, action: Action) -> Result<(), ApplyError> {
        match action {
            Action::Write(write) => self.outputs.push(Output::Write(write)),
            Action::Send { to, message, after } => {
                self.outputs.push(Output::SendPeer { to, message, after });
            }
            Action::Apply { from, to } => self.apply(now, from, to)?,
            Action::ReadReady { read, index } => self.handle_confirmed(now, read, index),
            Action::ReadFailed { read } => self.handle_unconfirmed(read),
            Action::RoleChanged { role, .. } => self.handle_role(role),
        }
        Ok(())
    }

    /// When to call [`Replica::handle_deadline`] at the latest, as a reading of BOOTTIME; a hint.
    #[must_use]
    pub fn next_deadline(&self) -> u64 {
        self.raft.next_deadline().min(self.leading.timers.next_deadline())
    }

    /// The highest index applied.
    #[must_use]
    pub fn applied(&self) -> Index {
        self.applied
    }

    /// The consensus core.
    #[must_use]
    pub fn raft(&self) -> &Raft {
        &self.raft
    }

    /// The lock machine, as of [`Replica::applied`].
    #[must_use]
    pub fn machine(&self) -> &LockMachine {
        &self.machine
    }

    /// Who leads, as far as this node knows.
    #[must_use]
    pub fn leader_hint(&self) -> LeaderHint {
        let leader = self.raft.leader().and_then(|leader| {
            self.options.addresses.get(&leader).map(|address| (leader, address.clone()))
        });
        LeaderHint { term: self.raft.term(), leader }
    }

    fn reply(&mut self, to: ConnectionId, message: ServerMessage) {
        self.outputs.push(Output::SendClient { to, message });
    }
}
