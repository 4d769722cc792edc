//! Refuses entries that this build cannot read before they are in the log: once there and
//! committed, they would end this node at each start (R15).

use super::Replica;
use super::apply::decode_command;
use crate::raft::{EntryKind, Message};

impl Replica {
    /// Checks that all commands in a peer's message can be applied here. Memberships are checked by
    /// consensus.
    ///
    /// # Errors
    /// A sentence for the operator.
    pub(super) fn check_readable(&self, message: &Message) -> Result<(), String> {
        let Message::Append(append) = message else { return Ok(()) };
        let held = |index, term| self.raft.entry(index).is_some_and(|known| known.term == term);
        for entry in &append.entries {
            if entry.header.kind == EntryKind::Command && !held(entry.index, entry.term) {
                let read = decode_command(entry, self.machine.level_max());
                read.map_err(|error| format!("an append whose {error}"))?;
            }
        }
        Ok(())
    }
}
