//! Consensus, pure: events in, actions out, `now` and the seed given. No clock, socket, file or thread.
//!
//! Raft (Ongaro & Ousterhout 2014; Ongaro's dissertation), with pre-vote, check-quorum, stickiness,
//! numbered heartbeat rounds (safety §1) and the leader lease (safety §3).

mod message;
mod output;

pub use message::{
    Append, AppendOutcome, AppendResponse, Entry, EntryHeader, EntryKind, Heartbeat,
    HeartbeatResponse, Message, Payload, VoteRequest, VoteResponse,
};
pub use output::{Action, HardState, LeaderLease, ProposeError, ReadError, Role, Write};

use crate::base::{Index, NodeId, ReadId, Sample, Term, WriteSeq};
use std::time::Duration;

/// What a node is told when it starts, fixed for its life.
#[derive(Clone, Debug)]
pub struct Config {
    /// This node.
    pub id: NodeId,
    /// All voters, this node among them (from the founding record).
    pub voters: Vec<NodeId>,
    /// How often a leader sends heartbeats.
    pub heartbeat: Duration,
    /// The smallest election timeout; each is drawn from `election ..= 2·election`.
    pub election: Duration,
    /// The longest random wait before a candidacy that a closed connection started (`PeerDown`).
    pub peer_down_wait: Duration,
    /// Entries held since the last snapshot, in bytes: `limits::LOG_BYTES_MAX`, smaller in tests.
    pub log_bytes_max: u64,
    /// The part of it in which only freeing entries are admitted.
    pub log_reserve_bytes: u64,
    /// For timeouts.
    pub seed: u64,
}

/// What recovery found on disk.
#[derive(Clone, Debug, Default)]
pub struct Recovered {
    /// Term and vote.
    pub hard_state: HardState,
    /// All entries of the log, contiguous from index 1.
    pub entries: Vec<Entry>,
}

/// What happens to the core, besides proposals and reads.
#[derive(Clone, Debug)]
pub enum Event {
    /// A message of `from` arrived.
    Message { from: NodeId, message: Message },
    /// All writes up to and including this one are durable.
    Persisted(WriteSeq),
    /// A write failed; nothing may be promised any more (R14, W2).
    PersistFailed,
    /// All entries up to and including this one are applied.
    Applied(Index),
    /// The *other* side closed its connection: an election hint if it was the leader's.
    PeerDown(NodeId),
    /// A new connection to this peer stands; what was in flight on an older one is lost.
    PeerUp(NodeId),
    /// Time has passed; ask what is due.
    Deadline,
}

/// Whether a proposal only frees something: such are admitted into the reserve of a full log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Urgency {
    /// Refused once the log is full up to the reserve.
    Normal,
    /// Expire, Release, Withdraw, Close.
    Frees,
}

/// Term, vote, log and role of one node. See [`Event`] and [`Action`].
#[derive(Debug)]
pub struct Raft {}

#[allow(unused_variables)]
impl Raft {
    /// The node as it was when it stopped, a follower.
    #[must_use]
    pub fn new(config: Config, recovered: Recovered, now: &Sample) -> Self {
        todo!()
    }

    /// Takes one event; its actions wait in [`Raft::take_actions`].
    pub fn handle(&mut self, now: &Sample, event: Event) {
        todo!()
    }

    /// Appends one entry to the leader's log and says where; it leaves with the next `take_actions`.
    ///
    /// # Errors
    /// [`ProposeError`]: surely not proposed.
    pub fn propose(
        &mut self,
        header: EntryHeader,
        payload: Payload,
        urgency: Urgency,
    ) -> Result<Index, ProposeError> {
        todo!()
    }

    /// Asks for a confirmation that this node still leads, as of now (ReadIndex; R13). Takes need := ++k
    /// with the next `take_actions`; all reads of one turn share it. Answered by `Action::ReadReady`
    /// or, on loss of leadership, `Action::ReadFailed`.
    ///
    /// # Errors
    /// [`ReadError`]: this node does not lead.
    pub fn read(&mut self, read: ReadId) -> Result<(), ReadError> {
        todo!()
    }

    /// The leader-lease duration Δ as committed and applied; it only grows (C1). Until the first call
    /// nothing is claimed.
    pub fn set_lease_duration(&mut self, delta: Duration) {
        todo!()
    }

    /// Builds what the events and proposals of this turn call for (one write, at most one append or
    /// heartbeat for each peer) and hands over all actions, in the order in which they must be obeyed.
    pub fn take_actions(&mut self, now: &Sample) -> Vec<Action> {
        todo!()
    }

    /// When to call with [`Event::Deadline`] at the latest, as a reading of BOOTTIME; a hint.
    #[must_use]
    pub fn next_deadline(&self) -> u64 {
        todo!()
    }

    /// This node's role.
    #[must_use]
    pub fn role(&self) -> Role {
        todo!()
    }

    /// The current term.
    #[must_use]
    pub fn term(&self) -> Term {
        todo!()
    }

    /// The leader of the current term, as far as known; this node itself if it leads.
    #[must_use]
    pub fn leader(&self) -> Option<NodeId> {
        todo!()
    }

    /// The index of the leader's own no-op of this term, if it leads.
    #[must_use]
    pub fn own_noop(&self) -> Option<Index> {
        todo!()
    }

    /// The highest index known to be committed.
    #[must_use]
    pub fn commit(&self) -> Index {
        todo!()
    }

    /// The last index of the log.
    #[must_use]
    pub fn last_index(&self) -> Index {
        todo!()
    }

    /// Bytes of entries held since the last snapshot.
    #[must_use]
    pub fn log_bytes(&self) -> u64 {
        todo!()
    }

    /// The entry at `index`, if the log holds it.
    #[must_use]
    pub fn entry(&self, index: Index) -> Option<&Entry> {
        todo!()
    }

    /// What this leader may claim (C1, C2, C5), `None` if nothing; the claim ends when elapsed_hi since
    /// its `start` reaches its `length`. Whoever reads it compares with a fresh sample (C4).
    #[must_use]
    pub fn leader_lease(&self, now: &Sample) -> Option<LeaderLease> {
        todo!()
    }
}
