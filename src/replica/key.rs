//! The key of the cluster (safety W9): a leader proposes one if there is none, and a challenged
//! node looks it up.
//!
//! The key is looked up in the log, too, beyond the applied entries: a node that has just started
//! has applied nothing yet, and learns what is committed only from peers that it admits.

use super::Replica;
use super::apply::decode_command;
use crate::base::ClusterKey;
use crate::lock::{Command, KEY_LEVEL};
use crate::raft::{EntryKind, Urgency};

impl Replica {
    /// Proposes a key, once the level that has keys is in force; the first in the log counts.
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

    /// The key of the cluster, if this node has one: that of the state, else the first in the log
    /// after it.
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
