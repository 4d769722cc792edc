//! What the core is told: its configuration, what recovery found, and what happens.

use crate::base::limits::MEMBERS_MAX;
use crate::base::{Index, NodeId, WriteSeq};
use crate::raft::{Entry, HardState, Message};
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

impl Config {
    /// Refuses what no founding record can say.
    ///
    /// # Panics
    /// If this node is no voter, there are more than [`MEMBERS_MAX`], or one is named twice; or if the
    /// reserve is larger than the log.
    pub(super) fn check(&self) {
        let voters = &self.voters;
        assert!(voters.contains(&self.id), "node {} is not among {voters:?}", self.id);
        assert!(voters.len() <= MEMBERS_MAX, "more than {MEMBERS_MAX} voters: {voters:?}");
        let twice = |id| voters.iter().filter(|voter| *voter == id).count() > 1;
        assert!(!voters.iter().any(twice), "a voter is named twice: {voters:?}");
        let (max, reserve) = (self.log_bytes_max, self.log_reserve_bytes);
        assert!(reserve <= max, "a reserve of {reserve} bytes in a log of {max}");
    }
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
