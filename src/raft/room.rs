//! Room in the durable log: entries that do not fit are refused before they are tried (W2). A follower takes the part
//! of an append that fits, and acknowledges that much; a leader proposes nothing that does not fit into its own log.

use crate::base::NodeId;
use crate::raft::role::RoleState;
use crate::raft::{Entry, Raft, quorum};

/// Room in this node's log, and the peers whose log has none.
#[derive(Clone, Debug)]
pub(super) struct Room {
    /// Bytes of records that fit, as last reported.
    bytes: u64,
    /// Something did not fit since all did.
    is_short: bool,
    /// Peers that say so of themselves.
    full_peers: Vec<NodeId>,
}

impl Default for Room {
    fn default() -> Self {
        Self { bytes: u64::MAX, is_short: false, full_peers: Vec::new() }
    }
}

impl Room {
    /// Whether the peer says that its log takes nothing.
    pub fn lacks_at(&self, peer: NodeId) -> bool {
        self.full_peers.contains(&peer)
    }
}

impl Raft {
    /// The log below takes so many bytes of records from now on; `u64::MAX` as long as there is no end in sight.
    pub fn set_room(&mut self, bytes: u64) {
        self.room.bytes = bytes;
        self.room.is_short &= bytes != u64::MAX;
    }

    /// Whether something that a leader sent did not fit here, and there is no more room since.
    #[must_use]
    pub fn is_short_of_room(&self) -> bool {
        self.room.is_short
    }

    /// Whether the log takes one more entry of so many bytes of payload.
    #[must_use]
    pub fn takes(&self, payload_bytes: usize) -> bool {
        (payload_bytes + Entry::OVERHEAD_BYTES) as u64 + RECORD_PADDING_MAX <= self.room.bytes
    }

    /// Whether the logs of a quorum take more, as far as peers have said.
    #[must_use]
    pub fn can_commit(&self) -> bool {
        let takes = |voter| !self.room.lacks_at(voter);
        self.room.full_peers.is_empty()
            || quorum::reached_in(self.memberships.current(), takes) == Some(true)
    }

    /// A peer says whether its log takes nothing at present: then it is tried with one entry in each heartbeat, and
    /// sent on from where it is once it takes something again.
    pub fn handle_peer_room(&mut self, peer: NodeId, is_full: bool) {
        let was_full = self.room.lacks_at(peer);
        self.room.full_peers.retain(|full| *full != peer);
        if is_full {
            self.room.full_peers.push(peer);
        } else if was_full
            && let RoleState::Leader(leader) = &mut self.role
            && let Some(follower) = leader.follower_mut(peer)
        {
            follower.progress.reset();
        }
    }

    /// The first of `entries`, as far as the log has room for those that it does not hold already.
    pub(super) fn fitting(&mut self, mut entries: Vec<Entry>) -> Vec<Entry> {
        let mut left = self.room.bytes;
        let fits = |entry: &&Entry| {
            if self.log.term_at(entry.index) == Some(entry.term) {
                return true;
            }
            let rest = left.checked_sub(record_bytes(entry));
            left = rest.unwrap_or(left);
            rest.is_some()
        };
        let count = entries.iter().take_while(fits).count();
        self.room.is_short |= count < entries.len();
        entries.truncate(count);
        entries
    }

    pub(super) fn has_room_for(&self, entry: &Entry) -> bool {
        record_bytes(entry) <= self.room.bytes
    }

    /// The entry is appended. Entries that a leader must append itself may use the room that the log keeps back.
    pub(super) fn spend_room(&mut self, entry: &Entry) {
        if self.room.bytes != u64::MAX {
            self.room.bytes = self.room.bytes.saturating_sub(record_bytes(entry));
        }
    }
}

/// Upper bound of an entry's record on disk: the head is shorter than `Entry::OVERHEAD_BYTES`, and records are padded.
fn record_bytes(entry: &Entry) -> u64 {
    entry.size() as u64 + RECORD_PADDING_MAX
}

const RECORD_PADDING_MAX: u64 = 8;
