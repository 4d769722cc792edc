//! The key of the cluster: a leader proposes one where there is none, and who is asked for it finds it.
//!
//! It is looked for in the log too, behind what is applied: a node that has just started has applied nothing yet, and
//! learns what is committed only from those whom it lets in.

use super::Replica;
use super::apply::decode_command;
use crate::base::ClusterKey;
use crate::lock::{Command, KEY_LEVEL};
use crate::raft::{EntryKind, Urgency};

impl Replica {
    /// Proposes a key, once the level is in force that has one; the first in the log stands.
    pub(super) fn give_key(&mut self) {
        let may = self.leading.is_ready() && !self.raft.is_transferring();
        let lacks = self.machine.level() >= KEY_LEVEL && self.machine.cluster_key().is_none();
        if !may || !lacks || self.leading.has_given_key {
            return;
        }
        if let Some(key) = self.options.cluster_key {
            let given = self.propose(&Command::ClusterKey(key), Urgency::Frees);
            self.leading.has_given_key = given.is_ok();
        }
    }

    /// The key of the cluster, as far as this node has one: that of the state, else the first in the log behind it.
    #[must_use]
    pub fn cluster_key(&self) -> Option<ClusterKey> {
        let applied = self.machine.cluster_key().copied();
        applied.or_else(|| self.cluster_key_ahead())
    }

    fn cluster_key_ahead(&self) -> Option<ClusterKey> {
        let coming = self.raft.entries(self.applied.next(), self.raft.last_index());
        let commands = coming.filter(|entry| entry.header.kind == EntryKind::Command);
        let mut newer = commands.filter(|entry| u32::from(entry.header.format) >= KEY_LEVEL);
        newer.find_map(|entry| match decode_command(entry, self.machine.level_max()) {
            Ok(Command::ClusterKey(key)) => Some(key),
            _ => None,
        })
    }
}
