//! Requests to a leader: proposals, and reads that a round confirms (ReadIndex, R13).

use crate::base::limits::{ENTRY_BYTES_MAX, UNCOMMITTED_BYTES_MAX};
use crate::base::{Index, ReadId};
use crate::raft::role::RoleState;
use crate::raft::round::Reads;
use crate::raft::{Action, Entry, EntryHeader, Payload, ProposeError, Raft, ReadError, Urgency};

impl Raft {
    /// Appends one entry to the leader's log and says where; it leaves with the next `take_actions`.
    ///
    /// # Errors
    /// [`ProposeError`]: surely not proposed.
    pub fn propose(
        &mut self,
        header: EntryHeader,
        payload: Payload,
        urgency: Urgency,
    ) -> Result<Index, ProposeError> {
        let RoleState::Leader(leader) = &self.role else { return Err(ProposeError::NotLeader) };
        if leader.transfer.is_some() {
            return Err(ProposeError::Transferring);
        }
        if payload.bytes().len() > ENTRY_BYTES_MAX {
            return Err(ProposeError::TooLarge);
        }
        let index = self.log.last_index().next();
        let entry = Entry { term: self.term(), index, header, payload };
        let size = entry.size() as u64;
        let admitted = match urgency {
            Urgency::Normal => self.config.log_bytes_max - self.config.log_reserve_bytes,
            Urgency::Frees => self.config.log_bytes_max,
        };
        if self.log_bytes() + size > admitted || !self.has_room_for(&entry) {
            return Err(ProposeError::LogFull);
        }
        if self.log.bytes_behind(self.commit) + size > UNCOMMITTED_BYTES_MAX as u64 {
            return Err(ProposeError::Busy);
        }
        self.append_entry(entry);
        Ok(index)
    }

    /// Whether any proposal would be refused as BUSY at present.
    #[must_use]
    pub fn is_saturated(&self) -> bool {
        let least = Entry::OVERHEAD_BYTES as u64;
        self.log.bytes_behind(self.commit) + least > UNCOMMITTED_BYTES_MAX as u64
    }

    /// Asks for a confirmation that this node still leads, as of now (ReadIndex; R13). Takes need := ++k
    /// with the next `take_actions`; all reads of one turn share it. Answered by `Action::ReadReady`
    /// or, on loss of leadership, `Action::ReadFailed`; that also answers a read which finds
    /// `limits::HELD_REQUESTS_MAX` others waiting.
    ///
    /// # Errors
    /// [`ReadError`]: this node does not lead.
    pub fn read(&mut self, read: ReadId) -> Result<(), ReadError> {
        self.ask(read, Reads::ask)
    }

    /// As [`Raft::read`], for a read that can wait for the next heartbeat: it begins no round of its own.
    ///
    /// # Errors
    /// As for [`Raft::read`].
    pub fn read_leisurely(&mut self, read: ReadId) -> Result<(), ReadError> {
        self.ask(read, Reads::ask_leisurely)
    }

    fn ask(
        &mut self,
        read: ReadId,
        ask: impl FnOnce(&mut Reads, ReadId, Index),
    ) -> Result<(), ReadError> {
        let RoleState::Leader(leader) = &mut self.role else { return Err(ReadError::NotLeader) };
        if leader.reads.is_full() {
            self.actions.push(Action::ReadFailed { read });
        } else {
            ask(&mut leader.reads, read, self.commit);
        }
        Ok(())
    }

    /// Answers the reads whose round a quorum echoed, once the own no-op is committed: only then does
    /// the commit index cover all that earlier leaders acknowledged (R13).
    pub(super) fn confirm_reads(&mut self) {
        let RoleState::Leader(leader) = &mut self.role else { return };
        if self.commit < leader.noop || !leader.reads.are_waiting() {
            return;
        }
        let confirmed = leader.confirmed_round(self.memberships.current(), self.config.id);
        let Some(confirmed) = confirmed else { return };
        while let Some((read, commit)) = leader.reads.pop_confirmed(confirmed) {
            self.actions.push(Action::ReadReady { read, index: commit.max(leader.noop) });
        }
    }
}
