//! What a server is told, what it asks of the process around it, and how it ends.

use crate::base::limits::{self, LEASE_MS_MAX, LEASE_MS_MIN, MEMBERS_MAX};
use crate::base::meters::Meters;
use crate::base::{ClientSource, ClusterKey, ConnectionId, DirectoryId, NodeId, Sample, Subject};
use crate::raft::LeaseTold;
use crate::replica::ReplicaError;
use crate::server::admission::Trust;
use crate::wal::WalError;
use crate::wire::{Abilities, NodeStatus, PeerMessage, Request, ServerMessage, Speech};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

/// Fixed for the life of a server.
#[derive(Clone, Debug)]
pub struct ServerOptions {
    /// This node.
    pub node: NodeId,
    /// All configured members with the addresses that clients and peers dial; this node among them. Once the
    /// log says who the members are, that counts.
    pub members: Vec<(NodeId, String)>,
    /// Whether it may begin as a new member of a cluster that stands.
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
    /// The part of it in which only freeing entries are admitted.
    pub log_reserve_bytes: u64,
    /// Entries since the last snapshot, in bytes, at which the next is made: `limits::SNAPSHOT_EVERY_BYTES`,
    /// smaller in tests.
    pub snapshot_every_bytes: u64,
    /// What a turn may do is divided by this: 1; more in the simulator, where every part ends early.
    pub work_divisor: u64,
    /// Entries kept in memory behind a snapshot: `limits::RETAINED_BYTES`, smaller in tests.
    pub retained_bytes: u64,
    /// One part of a snapshot on its way to a follower: `limits::SNAPSHOT_CHUNK_BYTES_MAX`, smaller in tests.
    pub part_bytes: u64,
    /// Names that the apply of one entry frees and grants before it leaves the rest to later ones: `limits::NAMES_PER_PART`,
    /// smaller in tests, and the same at all members.
    pub names_per_part: usize,
    /// How long new segments of the write-ahead log are: `limits::SEGMENT_BYTES`, smaller in tests.
    pub segment_bytes: u64,
    /// What it speaks: [`Speech::own`]; in the simulator that of an older build.
    pub speech: Speech,
    /// Drawn at each start of the process.
    pub boot: u64,
    /// For timeouts.
    pub seed: u64,
    /// What it proposes as the key of a cluster that has none, drawn by a source that nobody can guess; `None`: it leaves
    /// that to others.
    pub cluster_key: Option<ClusterKey>,
    /// Where it counts.
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

    /// Whether the values fit each other.
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

/// How a node with an empty directory comes into a cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bootstrap {
    /// It is one of those that found it.
    Founder,
    /// It was added to one that stands (`tenure member add`).
    Joiner,
}

const ELECTION_MAX: Duration = Duration::from_secs(60);

/// The process, or the simulated machine, around a server.
pub trait Outside {
    /// A fresh reading of the clocks.
    fn now(&mut self) -> Sample;
    /// The wall clock in milliseconds, for people only.
    fn unix_ms(&mut self) -> u64;
    /// A status with what only the process knows of itself.
    fn complete(&self, status: NodeStatus) -> NodeStatus;
    /// Whether programs may have been told of this node's leader lease: `Ended` only if none has asked for it, or
    /// it reads 0 by now and will (C3).
    fn claim(&mut self) -> LeaseTold;
    /// Queues a message for a peer; lost if there is no connection to it.
    fn send_peer(&mut self, to: NodeId, message: PeerMessage);
    /// Queues a message for a client; lost if the connection is gone.
    fn send_client(&mut self, to: ConnectionId, message: ServerMessage);
    /// Something was denied to a client, and the message that says so does not show it.
    fn note_denial(&mut self, _to: ConnectionId, _text: &str) {}
    /// Whether a client has read most of what it was sent: only then is it told more of a long list.
    fn takes_more(&self, _client: ConnectionId) -> bool {
        true
    }
    /// Lets everything queued so far leave, as far as sockets take it: called before the disk is waited
    /// for, so that network and disk run in parallel.
    fn flush(&mut self);
    /// The disk is written to and waited for from here on: for whoever measures that.
    fn begin_sync(&mut self) {}
    /// It is done.
    fn end_sync(&mut self) {}
}

/// What happens to a server.
#[derive(Clone, Debug)]
pub enum Input {
    /// A connection to this peer stands, its hello checked; what it speaks, and why it is taken for a member.
    PeerUp { peer: NodeId, directory: DirectoryId, speech: Speech, trust: Trust },
    /// The *other* side closed the connection, or reset it.
    PeerDown { peer: NodeId },
    /// The connection is gone for another reason.
    PeerLost { peer: NodeId },
    /// A message of a connected peer.
    Peer { from: NodeId, message: PeerMessage },
    /// A client's connection stands, its hello checked; where it comes from and what it understands.
    ClientUp {
        connection: ConnectionId,
        source: ClientSource,
        abilities: Abilities,
        /// On whose behalf it asks.
        subject: Subject,
    },
    /// It is gone.
    ClientDown { connection: ConnectionId },
    /// A request of a connected client.
    Client { connection: ConnectionId, request: Request },
    /// Leadership, if this node has it, is to go to that voter, or to the one with most of the log.
    HandOver { to: Option<NodeId>, claim: LeaseTold },
}

impl ServerError {
    /// Why a replica cannot go on.
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
    /// The cluster, or the directory, is of a level that this build does not read: run a newer one.
    #[error("{0}")]
    Newer(String),
    /// This node cannot go on: an entry that it cannot read, a conflict below the commit index.
    #[error("{0}")]
    Fatal(String),
}
