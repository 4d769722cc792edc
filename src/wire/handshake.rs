//! The first frames of a connection: who is there, of which cluster, under which constants.

use crate::base::{ClusterId, DirectoryId, NodeId, Term};
use serde::{Deserialize, Serialize};

/// What a peer says first, and what the dialed peer answers (as a welcome).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeerHello {
    /// The sender.
    pub node: NodeId,
    /// Whom it means to reach.
    pub to: NodeId,
    /// The sender's data directory (W8).
    pub directory: DirectoryId,
    /// The sender's cluster; `None` until it is founded.
    pub cluster: Option<ClusterId>,
    /// Drawn at each start of the sender's process.
    pub boot: u64,
    /// The sender's clock-rate bound; must equal ours (`base::time::RHO_PPM`).
    pub rho_ppm: u32,
}

/// What a client says first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientHello {
    /// The client's name, for people.
    pub client: String,
    /// The cluster it was connected to before; another one refuses it.
    pub cluster: Option<ClusterId>,
}

/// What a node answers a client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientWelcome {
    /// The node.
    pub node: NodeId,
    /// Its cluster; `None` until it is founded.
    pub cluster: Option<ClusterId>,
    /// Who leads, as far as this node knows.
    pub leader: LeaderHint,
}

/// Where the leader is. Clients follow the highest term.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeaderHint {
    /// The sender's term.
    pub term: Term,
    /// The leader of that term and its address, if known.
    pub leader: Option<(NodeId, String)>,
}

/// Why a handshake failed. Numbers are never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RefusedCode {
    /// Another cluster.
    Cluster,
    /// The node that was meant is another, or one with the same id, or not a member.
    Node,
    /// The directory is not the one that was founded with: it was emptied or swapped.
    Directory,
    /// Another clock-rate bound.
    ClockRate,
    /// A first frame that is neither hello.
    State,
    /// Too many connections.
    Full,
    /// The node is no member any more.
    Removed,
}

/// Said before closing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// What kind.
    pub code: RefusedCode,
    /// A sentence that says what to do.
    pub text: String,
}
