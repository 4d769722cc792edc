//! Outputs of the core: actions, writes, and typed refusals.

use crate::base::{Index, NodeId, ReadId, Sample, Term, WriteSeq};
use crate::raft::Snapshot;
use crate::raft::message::{Entry, Message};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// State that must survive a crash besides the log (Raft, figure 2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HardState {
    /// The current term.
    pub term: Term,
    /// The candidate that got this node's vote in it.
    pub vote: Option<NodeId>,
}

/// Where a log begins that was replaced by a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogStart {
    /// The first entry has the index behind this one.
    pub index: Index,
    /// The term of the entry at `index`.
    pub term: Term,
}

/// One write, in one FIFO. To be made durable in this order: hard state (its own file), then the new start
/// of the log, the truncation, and the entries (W6).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Write {
    /// Its number; `Event::Persisted` names it.
    pub seq: WriteSeq,
    /// A new term or vote.
    pub hard_state: Option<HardState>,
    /// Drop all entries: the log starts over behind a snapshot, which is durable.
    pub start: Option<LogStart>,
    /// Remove this index and all behind it first.
    pub truncate_from: Option<Index>,
    /// Append these; contiguous.
    pub entries: Vec<Entry>,
}

/// Role of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// Follows the leader of its term, if it knows one.
    Follower,
    /// Asks whether it would be elected; its term is unchanged.
    PreCandidate,
    /// Asks for votes in a term of its own.
    Candidate,
    /// Leads its term.
    Leader,
}

/// Actions, to be taken in the order given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Make durable, then say `Event::Persisted(seq)`.
    Write(Write),
    /// Send now if `after` is none, else once that write is durable.
    Send { to: NodeId, message: Message, after: Option<WriteSeq> },
    /// Apply the entries `from ..= to` in order, then say `Event::Applied(to)`.
    Apply { from: Index, to: Index },
    /// A leader's snapshot is here, whole. Store it durably, then say `Event::SnapshotStored`; if that
    /// cannot be, `Event::SnapshotRefused`.
    Install(Snapshot),
    /// The snapshot stored last replaces the applied state: its index counts as applied.
    Restored { index: Index },
    /// Stored data of this node is unreadable, for this reason; the node cannot go on.
    Unreadable(String),
    /// The read is confirmed: answer it once `index` is applied.
    ReadReady { read: ReadId, index: Index },
    /// This node leads no longer: the read must be asked elsewhere.
    ReadFailed { read: ReadId },
    /// Role, term or known leader changed.
    RoleChanged { role: Role, term: Term, leader: Option<NodeId> },
}

/// A leader's time-bounded claim (safety C1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeaderLease {
    /// The term in which it is claimed.
    pub term: Term,
    /// t: a quorum answered messages sent at or after this sample.
    pub start: Sample,
    /// Λ: the claim is over once elapsed_hi since `start` reaches this.
    pub length: Duration,
}

/// Why a proposal was not taken; nothing was appended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProposeError {
    /// Another node may lead.
    #[error("this node does not lead")]
    NotLeader,
    /// Too much is proposed and not yet committed; try later.
    #[error("too many entries wait for their commit")]
    Busy,
    /// The log is full up to the reserve; only entries that free something are admitted.
    #[error("the log is full")]
    LogFull,
    /// Leadership is on its way to another node; ask there soon, or here again.
    #[error("leadership is being handed over")]
    Transferring,
    /// The payload is larger than `limits::ENTRY_BYTES_MAX`.
    #[error("the entry is too large")]
    TooLarge,
}

/// Why a read was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// Another node may lead.
    #[error("this node does not lead")]
    NotLeader,
}

/// Whether a program may still believe in the leader lease when a transfer begins (C3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeaseTold {
    /// Programs may have been told of the lease: it runs out first.
    Standing,
    /// Nobody asked, or the program resigned: the lease reads 0 already, and will.
    Ended,
}
