//! Inputs of the core: configuration, recovered state, events.

use crate::base::{Index, NodeId, WriteSeq};
use crate::raft::{Entry, HardState, Membership, Message, Snapshot};
use std::time::Duration;

/// Configuration of one node, fixed for its life.
#[derive(Clone, Debug)]
pub struct Config {
    /// The id of this node.
    pub id: NodeId,
    /// The founding membership: in force until the log or a snapshot says another.
    pub membership: Membership,
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
    /// Entries kept behind a snapshot for followers that lag a little, in bytes.
    pub retained_bytes: u64,
    /// One part of a snapshot, in bytes: `limits::SNAPSHOT_CHUNK_BYTES_MAX`, smaller in tests.
    pub part_bytes: u64,
    /// Seeds the random part of election timeouts.
    pub seed: u64,
}

impl Config {
    /// Refuses what no founding record can say.
    ///
    /// # Panics
    /// If the membership cannot be in force, or the reserve is larger than the log.
    pub(super) fn check(&self) {
        let checked = self.membership.check();
        assert!(checked.is_ok(), "{checked:?}: {:?}", self.membership);
        let (max, reserve) = (self.log_bytes_max, self.log_reserve_bytes);
        assert!(reserve <= max, "a reserve of {reserve} bytes in a log of {max}");
    }
}

/// State that recovery found on the disk.
#[derive(Clone, Debug, Default)]
pub struct Recovered {
    /// Term and vote.
    pub hard_state: HardState,
    /// The newest snapshot, if there is one.
    pub snapshot: Option<Snapshot>,
    /// The entries of the log, contiguous; the first has an index of at most the snapshot's + 1, or 1.
    pub entries: Vec<Entry>,
}

/// Events, besides proposals and reads.
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
    /// A snapshot is durable: this node's own, or one that `Action::Install` named.
    SnapshotStored(Snapshot),
    /// The snapshot that `Action::Install` named cannot be stored or read.
    SnapshotRefused,
    /// The *other* side closed its connection: an election hint if it was the leader's.
    PeerDown(NodeId),
    /// A new connection to this peer is up; messages in flight on an older one are lost.
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
