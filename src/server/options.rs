//! The options of a server, its inputs, its interface to the process around it, and its errors.

use crate::base::limits::{self, LEASE_MS_MAX, LEASE_MS_MIN, MEMBERS_MAX};
use crate::base::meters::Meters;
use crate::base::{ClientSource, ClusterKey, ConnectionId, DirectoryId, NodeId, Sample, Subject};
use crate::raft::LeaseTold;
use crate::replica::ReplicaError;
use crate::server::admission::Trust;
use crate::wal::WalError;
use crate::wire::{Abilities, NodeStatus, PeerMessage, Request, ServerMessage, Speech, Submission};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

/// Fixed for the life of a server.
#[derive(Clone, Debug)]
pub struct ServerOptions {
    /// The id of this node.
    pub node: NodeId,
    /// All configured members with the addresses that clients and peers dial; this node among them.
    /// Once the log names the members, the log counts.
    pub members: Vec<(NodeId, String)>,
    /// Whether an empty directory founds a cluster, or joins an existing one.
    pub bootstrap: Bootstrap,
    /// How often a leader sends heartbeats.
    pub heartbeat: Duration,
    /// The smallest election timeout; each is drawn from `election ..= 2·election`.
    pub election: Duration,
    /// Δ of the leader lease, in milliseconds.
    pub lease_ms: u32,
    /// The largest session TTL, in milliseconds.
    pub ttl_ms_max: u32,
    /// Entries held since the last snapshot, in bytes: `limits::LOG_BYTES_MAX`, smaller in tests.
    pub log_bytes_max: u64,
    /// The last part of the log's bytes, in which only freeing entries are admitted.
    pub log_reserve_bytes: u64,
    /// Entries since the last snapshot, in bytes, at which the next is made: `limits::SNAPSHOT_EVERY_BYTES`,
    /// smaller in tests.
    pub snapshot_every_bytes: u64,
    /// Divides the work of a turn: 1; more in the simulator, where every part ends early.
    pub work_divisor: u64,
    /// Bytes of entries kept in memory beside a snapshot, for followers that lag:
    /// `limits::RETAINED_BYTES`, smaller in tests.
    pub retained_bytes: u64,
    /// Bytes of one part of a snapshot to a follower: `limits::SNAPSHOT_CHUNK_BYTES_MAX`, smaller
    /// in tests.
    pub part_bytes: u64,
    /// Names that the apply of one entry frees and grants before it leaves the rest to later ones: `limits::NAMES_PER_PART`,
    /// smaller in tests, and the same at all members.
    pub names_per_part: usize,
    /// The length of new segments of the write-ahead log: `limits::SEGMENT_BYTES`, smaller in
    /// tests.
    pub segment_bytes: u64,
    /// The speech: [`Speech::own`]; in the simulator also that of an older build.
    pub speech: Speech,
    /// Drawn at each start of the process.
    pub boot: u64,
    /// The seed of random timeouts.
    pub seed: u64,
    /// The key to propose for a cluster without one, from a cryptographic random source; `None`:
    /// proposes none.
    pub cluster_key: Option<ClusterKey>,
    /// The counters of the node.
    pub meters: Arc<Meters>,
}

impl ServerOptions {
    /// The defaults, for this member of these.
    #[must_use]
    pub fn new(node: NodeId, members: Vec<(NodeId, String)>) -> Self {
        Self {
            node,
            members,
            bootstrap: Bootstrap::Founder,
            heartbeat: Duration::from_millis(30),
            election: Duration::from_millis(150),
            lease_ms: 150,
            ttl_ms_max: limits::TTL_MS_MAX,
            log_bytes_max: limits::LOG_BYTES_MAX,
            log_reserve_bytes: limits::LOG_RESERVE_BYTES,
            snapshot_every_bytes: limits::SNAPSHOT_EVERY_BYTES,
            work_divisor: 1,
            retained_bytes: limits::RETAINED_BYTES,
            part_bytes: limits::SNAPSHOT_CHUNK_BYTES_MAX as u64,
            names_per_part: limits::NAMES_PER_PART,
            segment_bytes: limits::SEGMENT_BYTES,
            speech: Speech::own(),
            boot: 0,
            seed: 0,
            cluster_key: None,
            meters: Meters::new(),
        }
    }

    /// Checks that the values fit each other.
    ///
    /// # Errors
    /// [`ServerError::Config`]: says which do not, and what would.
    pub fn check(&self) -> Result<(), ServerError> {
        let ids: BTreeSet<NodeId> = self.members.iter().map(|(node, _)| *node).collect();
        let problem = if ids.len() != self.members.len() {
            "a node id stands twice in the cluster"
        } else if ids.contains(&NodeId(0)) {
            "node ids begin at 1"
        } else if !ids.contains(&self.node) && self.bootstrap == Bootstrap::Founder {
            "this node's id is not in the cluster"
        } else if ids.len() > MEMBERS_MAX {
            "the cluster has too many members"
        } else if self.heartbeat.is_zero() || self.heartbeat * 2 > self.election {
            "the election timeout must be at least twice the heartbeat interval"
        } else if self.election > ELECTION_MAX {
            "the election timeout is longer than a minute"
        } else if !(LEASE_MS_MIN..=LEASE_MS_MAX).contains(&self.lease_ms) {
            "the leader lease must last from 20 milliseconds to a minute"
        } else {
            return Ok(());
        };
        Err(ServerError::Config(problem.to_owned()))
    }
}

/// How a node with an empty directory gets a cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bootstrap {
    /// The node is one of the founders.
    Founder,
    /// The node was added to an existing cluster (`tenure member add`).
    Joiner,
}

const ELECTION_MAX: Duration = Duration::from_secs(60);

/// The process, or the simulated machine, around a server.
pub trait Outside {
    /// A fresh reading of the clocks.
    fn now(&mut self) -> Sample;
    /// The wall clock in milliseconds, for people only.
    fn unix_ms(&mut self) -> u64;
    /// Completes a status by what only the process knows.
    fn complete(&self, status: NodeStatus) -> NodeStatus;
    /// Whether programs may know of this node's leader lease: `Ended` only if none has asked for
    /// it, or it reads 0 for good (C3).
    fn claim(&mut self) -> LeaseTold;
    /// Queues a message for a peer; lost if there is no connection to it.
    fn send_peer(&mut self, to: NodeId, message: PeerMessage);
    /// Queues a message for a client; lost if the connection is gone.
    fn send_client(&mut self, to: ConnectionId, message: ServerMessage);
    /// Notes a denial for the audit trail that the message to the client does not show.
    fn note_denial(&mut self, _to: ConnectionId, _text: &str) {}
    /// Back-pressure: whether a client has read most of its output; only then is a long list
    /// continued.
    fn takes_more(&self, _client: ConnectionId) -> bool {
        true
    }
    /// Sends everything queued so far, as far as sockets take it: called before a wait for the
    /// disk, so that network and disk run in parallel.
    fn flush(&mut self);
    /// Whether the turn has taken so long, the disk's time apart, that what can wait is left to the
    /// next. By a clock of the process: it may end a part of the work, and decides nothing else.
    fn is_late(&self) -> bool {
        false
    }
    /// Writing and syncing begin, for measurements.
    fn begin_sync(&mut self) {}
    /// Writing and syncing have ended.
    fn end_sync(&mut self) {}
}

/// An event for a server.
#[derive(Clone, Debug)]
pub enum Input {
    /// A peer is connected, its hello checked; its speech, and why it counts as a member.
    PeerUp { peer: NodeId, directory: DirectoryId, speech: Speech, trust: Trust },
    /// The *peer* closed the connection, or reset it.
    PeerDown { peer: NodeId },
    /// The connection is gone for another reason.
    PeerLost { peer: NodeId },
    /// A message of a connected peer.
    Peer { from: NodeId, message: PeerMessage },
    /// A client is connected, its hello checked; its address and its abilities.
    ClientUp {
        connection: ConnectionId,
        source: ClientSource,
        abilities: Abilities,
        /// The identity of the client.
        subject: Subject,
    },
    /// A client's connection is gone.
    ClientDown { connection: ConnectionId },
    /// A request of a connected client.
    Client { connection: ConnectionId, request: Request },
    /// A request of a connected client that was looked at where it stood.
    Submission { connection: ConnectionId, asked: Submission },
    /// Leadership, if this node has it, is to go to that voter, or to the one with the longest log.
    HandOver { to: Option<NodeId>, claim: LeaseTold },
}

impl ServerError {
    /// The error of a replica that cannot go on.
    pub(super) fn of(error: &ReplicaError) -> Self {
        let text = error.to_string();
        if error.is_newer() { Self::Newer(text) } else { Self::Fatal(text) }
    }
}

/// Why a server ended, or could not start. Final (W2, R14).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ServerError {
    /// The log failed or is damaged.
    #[error(transparent)]
    Wal(#[from] WalError),
    /// Members, addresses or durations do not fit.
    #[error("{0}")]
    Config(String),
    /// The cluster, or the directory, has a level that this build does not read: run a newer one.
    #[error("{0}")]
    Newer(String),
    /// This node cannot go on: an entry that it cannot read, a conflict below the commit index.
    #[error("{0}")]
    Fatal(String),
}
