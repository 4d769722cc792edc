//! Raft, the lock machine and the leader's timers as one deterministic machine: input, output, no IO.
//!
//! It *says* what to write and send; `server` obeys. A client's request goes through `requests`;
//! logged ones come back through `apply`, those that need only a round (renewals, reads) through
//! `confirm`; `decisions` has what clocks decide.

mod access;
mod apply;
mod checks;
mod clients;
mod confirm;
mod decisions;
mod error;
mod giving;
mod history;
mod key;
mod lacking;
mod leading;
mod listing;
mod metering;
mod observers;
mod observing;
mod operators;
mod parts;
mod peers;
mod raising;
mod readable;
mod replay;
mod requests;
mod restoring;
mod retired;
mod shares;
mod snapshots;
mod submitting;
mod telling;
mod timers;
mod turnwise;
mod work;

pub use error::{ApplyError, ReplicaError};
pub use replay::replayed;
pub use snapshots::SnapshotJob;
pub use work::{IsLate, Work, WorkKind, budget};

use crate::base::meters::Meters;
use crate::base::{ClusterKey, ConnectionId, DirectoryId, Index, NodeId, Sample, WriteSeq};
use crate::lock::{LockMachine, SnapshotError};
use crate::raft::{Action, Event, LeaseTold, Raft, Role, Write};
use crate::wire::{LeaderHint, ServerMessage, Values};
use clients::Clients;
use confirm::Confirmations;
use giving::Giving;
use history::History;
use lacking::Shortage;
use leading::Leading;
use peers::Peer;
use retired::Retired;
use snapshots::Snapshots;
use std::collections::BTreeMap;
use std::sync::Arc;
use telling::Hints;

/// Fixed for the life of a replica.
#[derive(Clone, Debug)]
pub struct ReplicaOptions {
    /// Δ of the leader lease that this node asks for, in milliseconds.
    pub lease_ms: u32,
    /// The largest session TTL that this node asks for, in milliseconds.
    pub ttl_ms_max: u32,
    /// Entries since the last snapshot, in bytes, at which the next is made.
    pub snapshot_every_bytes: u64,
    /// Divides the work of a turn: 1, more in tests of its parts.
    pub work_divisor: u64,
    /// The highest level of the lock machine that it reads: [`LEVEL_MAX`](crate::lock::LEVEL_MAX),
    /// lower to play an older build.
    pub level_max: u32,
    /// Names that one entry frees and grants before it leaves the rest: the same at all members.
    pub names_per_part: usize,
    /// The key to propose for a cluster without one; `None`: proposes none.
    pub cluster_key: Option<ClusterKey>,
    /// Whether this node demands TLS of all connections; `None`: not told.
    pub requires_tls: Option<bool>,
    /// The counters of the node.
    pub meters: Arc<Meters>,
}

/// The surroundings of a turn.
#[derive(Clone, Copy, Debug)]
pub struct Turn {
    /// The wall clock in milliseconds, which this turn's entries will carry, for people only.
    pub unix_ms: u64,
    /// Whether the disk can take more.
    pub storage: Storage,
    /// Bytes of records for which the log has room: requests that do not fit are refused (W2).
    pub room: u64,
    /// Whether programs may know of the leader lease (C3).
    pub claim: LeaseTold,
}

/// An output; outputs are obeyed in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Make durable, then say [`Replica::handle_persisted`].
    Write(Write),
    /// Send now if `after` is none, else once that write is durable.
    SendPeer { to: NodeId, message: crate::raft::Message, after: Option<WriteSeq> },
    /// Send a peer this node's status now.
    TellPeer { to: NodeId, values: Values },
    /// Send now.
    SendClient { to: ConnectionId, message: ServerMessage },
    /// Note a denial for the audit trail: the client does not understand denials, and its next
    /// message does not say so.
    NoteDenial { to: ConnectionId, text: String },
}

/// One member's state: log, locks, and while leading, timers and observers.
#[derive(Clone, Debug)]
pub struct Replica {
    options: ReplicaOptions,
    raft: Raft,
    machine: LockMachine,
    applied: Index,
    /// The last entry that raft has given out to be applied.
    to_apply: Index,
    history: History,
    clients: Clients,
    confirmations: Confirmations,
    leading: Leading,
    snapshots: Snapshots,
    retired: Retired,
    /// The newest snapshot on its way to operators, if they asked for it.
    giving: Option<Giving>,
    /// The directories of peers that have connected.
    met: BTreeMap<NodeId, DirectoryId>,
    /// The connected peers.
    peers: BTreeMap<NodeId, Peer>,
    /// How often a peer connected or disconnected.
    connections: u64,
    storage: Storage,
    shortage: Shortage,
    claim: LeaseTold,
    unix_ms: u64,
    /// When the present turn began: a reading of BOOTTIME.
    turn_began: u64,
    hints: Hints,
    work: Work,
    /// Room in which commands are encoded; the largest of them.
    encoded: Vec<u8>,
    outputs: Vec<Output>,
}

/// Whether the disk can take more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Storage {
    /// Yes.
    Open,
    /// The next segment cannot be made at present; the current one still has room.
    Short,
    /// Only entries that free something are proposed until the next segment is ready (W2).
    Tight,
}

impl Replica {
    /// A replica around a recovered consensus core: the lock machine comes from its snapshot, and
    /// from applying the log after it.
    ///
    /// # Errors
    /// The snapshot cannot be read by this version.
    pub fn new(options: ReplicaOptions, raft: Raft) -> Result<Self, ReplicaError> {
        let machine = match raft.snapshot() {
            Some(snapshot) => LockMachine::decode_blob(&snapshot.data, options.level_max)?,
            None => LockMachine::new().reading_up_to(options.level_max),
        };
        let machine = machine.with_names_per_part(options.names_per_part);
        let mut replica = Self {
            machine,
            applied: raft.snapshot_index(),
            to_apply: raft.snapshot_index(),
            history: History::new(raft.snapshot_index()),
            raft,
            clients: Clients::default(),
            confirmations: Confirmations::default(),
            leading: Leading::default(),
            snapshots: Snapshots::default(),
            retired: Retired::default(),
            giving: None,
            met: BTreeMap::new(),
            peers: BTreeMap::new(),
            connections: 0,
            storage: Storage::Open,
            shortage: Shortage::default(),
            claim: LeaseTold::Standing,
            unix_ms: 0,
            turn_began: 0,
            hints: Hints::default(),
            work: Work::new(options.work_divisor),
            options,
            encoded: Vec::new(),
            outputs: Vec::new(),
        };
        replica.adopt_settings();
        Ok(replica)
    }

    /// Begins a turn: a leader that was stalled learns so before it answers or expires anything
    /// (C7).
    pub fn handle_turn(&mut self, now: &Sample, turn: Turn) {
        self.work = Work::new(self.options.work_divisor);
        self.turn_began = now.boot();
        let Turn { unix_ms, storage, room, claim } = turn;
        (self.unix_ms, self.storage, self.claim) = (unix_ms, storage, claim);
        self.raft.set_room(room);
        if self.raft.role() == Role::Leader {
            self.raft.handle(now, Event::Deadline);
            self.advance_orders(now);
            self.raise_level();
            self.give_key();
            self.go_on(now);
            self.retry_held(now);
        }
        self.hand_over_when_lacking(now);
    }

    /// Handles an event of consensus.
    pub fn handle_raft(&mut self, now: &Sample, event: Event) {
        if let Event::Message { from, message } = &event
            && let Err(said) = self.check_readable(message)
        {
            return self.raft.refuse(now, *from, &said);
        }
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

    /// Handles deadlines, once all inputs of the turn are handled: open connections and their
    /// abilities are known only then.
    pub fn handle_deadline(&mut self, now: &Sample) {
        self.tell_peers();
        self.raft.handle(now, Event::Deadline);
        self.expire_sessions(now);
        self.end_delays(now);
        self.end_restoring(now);
    }

    /// Continues work that earlier turns left over, except applies and answers. `takes_more`:
    /// whether a client has read most of its output. A turn that `is_late` leaves most to the next.
    pub fn advance_parts(&mut self, is_late: bool, takes_more: impl Fn(ConnectionId) -> bool) {
        if is_late {
            self.work.hurry();
        }
        self.advance_waits();
        self.advance_hints();
        self.judge_observers();
        self.advance_tellings();
        self.leading.observers.forget(OBSERVERS_FORGOTTEN);
        self.advance_lists(takes_more);
        self.advance_giving();
    }

    /// Whether this turn leaves work that the next can continue at once.
    fn has_left_over(&self) -> bool {
        self.is_behind()
            || self.has_confirmed_left()
            || !self.hints.is_empty()
            || self.leading.has_left_over()
            || self.giving.as_ref().is_some_and(Giving::is_under_way)
    }

    /// Whether committed entries wait to be applied.
    #[must_use]
    pub fn is_behind(&self) -> bool {
        self.applied < self.to_apply
    }

    /// What was replaced since the last call, if anything was, to be freed off the loop.
    pub fn take_retired(&mut self) -> Option<impl Send + use<>> {
        self.retired.take()
    }

    /// The effects of the present turn so far.
    #[must_use]
    pub fn work(&self) -> Work {
        self.work
    }

    /// All outputs, in order. Runs raft's actions, applies committed entries as far as the turn's
    /// work goes, and repeats until nothing follows.
    ///
    /// # Errors
    /// [`ReplicaError`]: final.
    pub fn take_outputs(
        &mut self,
        now: &Sample,
        is_late: IsLate<'_>,
    ) -> Result<Vec<Output>, ReplicaError> {
        loop {
            self.open_confirmation();
            let actions = self.raft.take_actions(now);
            let (is_over, before) = (actions.is_empty(), self.applied);
            for action in actions {
                self.obey(now, action, is_late)?;
            }
            self.apply_part(now, is_late)?;
            if is_over && self.applied == before {
                return Ok(std::mem::take(&mut self.outputs));
            }
        }
    }

    /// Takes back the vector of [`Replica::take_outputs`], empty by now: many outputs would grow another each time.
    pub fn reuse(&mut self, outputs: Vec<Output>) {
        if self.outputs.is_empty() && outputs.is_empty() && outputs.capacity() <= OUTPUTS_KEPT {
            self.outputs = outputs;
        }
    }

    fn obey(
        &mut self,
        now: &Sample,
        action: Action,
        is_late: IsLate<'_>,
    ) -> Result<(), ReplicaError> {
        match action {
            Action::Write(write) => self.outputs.push(Output::Write(write)),
            Action::Send { to, message, after } => {
                self.outputs.push(Output::SendPeer { to, message, after });
            }
            Action::Apply { from, to } => self.apply(now, (from, to), is_late)?,
            Action::Install(snapshot) => self.install(snapshot),
            Action::Restored { index } => self.adopt(index),
            Action::Unreadable(why) => return Err(SnapshotError::Unreadable(why).into()),
            Action::ReadReady { read, index } => self.handle_confirmed(now, read, index),
            Action::ReadFailed { read } => self.handle_unconfirmed(read),
            Action::RoleChanged { role, .. } => self.handle_role(role),
        }
        Ok(())
    }

    /// When to call [`Replica::handle_deadline`] at the latest, as a reading of BOOTTIME; a hint.
    #[must_use]
    pub fn next_deadline(&self) -> u64 {
        if self.can_retry_held() || self.has_left_over() {
            return 0;
        }
        let own = self.decisions_deadline().min(self.restoring_deadline());
        let own = own.min(self.parts_deadline());
        self.raft.next_deadline().min(own)
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

    /// The leader, as far as this node knows.
    #[must_use]
    pub fn leader_hint(&self) -> LeaderHint {
        let known = |leader: NodeId| Some((leader, self.address(leader)?.to_owned()));
        LeaderHint { term: self.raft.term(), leader: self.raft.leader().and_then(known) }
    }

    /// A member's address by the newest membership.
    #[must_use]
    pub fn address(&self, node: NodeId) -> Option<&str> {
        let (_, membership) = self.raft.membership();
        let address = membership.member(node).map(|member| member.address.as_str());
        address.filter(|address| !address.is_empty())
    }

    fn reply(&mut self, to: ConnectionId, message: ServerMessage) {
        self.outputs.push(Output::SendClient { to, message });
    }
}

/// Observers of closed connections that are forgotten in one turn.
const OBSERVERS_FORGOTTEN: usize = 1024;

/// Outputs whose room is kept from turn to turn.
const OUTPUTS_KEPT: usize = 8192;
