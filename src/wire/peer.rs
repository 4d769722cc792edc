//! What peers say once connected.

use crate::base::DirectoryId;
use crate::base::founding::{FoundingRecord, Origin};
use crate::raft;
use crate::wire::{Ability, Values};
use serde::{Deserialize, Serialize};

/// What a node that was, or is to be, founded tells each peer when they connect.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FoundingOffer {
    /// The sender's directory.
    pub directory: DirectoryId,
    /// The snapshot that the sender was restored from, if it was.
    pub origin: Option<Origin>,
    /// The record that it holds durably, if any.
    pub record: Option<FoundingRecord>,
}

/// One message between peers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PeerMessage {
    /// Before there is a cluster, and to those that do not know it yet.
    Founding(FoundingOffer),
    /// Consensus.
    Raft(raft::Message),
    /// What the sender says of itself, when the connection stands and whenever it changes
    /// ([`Ability::PeerStatus`](crate::wire::Ability)).
    Status(Values),
}

impl PeerMessage {
    /// What the peer must understand to be sent this.
    #[must_use]
    pub fn needs(&self) -> Option<Ability> {
        // Exhaustive on purpose, as in `wire/needs.rs`.
        match self {
            Self::Founding(_) | Self::Raft(_) => None,
            Self::Status(_) => Some(Ability::PeerStatus),
        }
    }
}
