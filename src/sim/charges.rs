//! Charges: the cost of work in simulated time. While a process is busy nothing else happens at it: arrivals wait, and
//! so do its timers, until the turn is over. So a turn that does too much silences a leader here, as it does on a
//! machine.
//!
//! A charge is a function of counts, never of real time, so that a seed is the same run on every machine. The counts
//! come from outside, from the inputs and outputs of a step; only the number of names that an apply has looked up is
//! told by the lock machine itself (`LockMachine::looked`).

use crate::base::Index;
use crate::raft::{Entry, Message};
use crate::server::Server;
use crate::sim::disk::SimDisk;
use crate::wire::{PeerMessage, ReadAnswer, ServerMessage};

/// Work of one turn of a process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Work {
    /// Turns: a poll that returns, clocks that are read, timers that are looked at.
    pub turns: u64,
    /// Messages that were read, and their bytes.
    pub messages_in: u64,
    /// Bytes of `messages_in`.
    pub bytes_in: u64,
    /// Messages that were said, and their bytes.
    pub messages_out: u64,
    /// Bytes of `messages_out`.
    pub bytes_out: u64,
    /// Entries that were applied, and their bytes.
    pub entries: u64,
    /// Bytes of `entries`.
    pub bytes_applied: u64,
    /// Names that an apply has looked up.
    pub names: u64,
    /// Sessions and locks whose timers a new leader begins, or that a start finds.
    pub sessions: u64,
    /// Bytes that were read from the disk and checked.
    pub bytes_read: u64,
}

/// Counters of a server before a step.
#[derive(Clone, Copy, Debug, Default)]
pub struct Progress {
    applied: Index,
    looked: u64,
}

impl Progress {
    /// The present counters.
    #[must_use]
    pub fn of(server: &Server<SimDisk>) -> Self {
        let Some(replica) = server.replica() else { return Self::default() };
        Self { applied: replica.applied(), looked: replica.machine().looked() }
    }

    /// The work since then.
    #[must_use]
    pub fn work_until(self, server: &Server<SimDisk>) -> Work {
        let Some(replica) = server.replica() else { return Work::default() };
        let (raft, machine, applied) = (replica.raft(), replica.machine(), replica.applied());
        let listed = replica.work().listed();
        let names = machine.looked().saturating_sub(self.looked) + listed;
        let mut work = Work { names, ..Work::default() };
        // Entries that a snapshot stood for are not in the log.
        let mut index = self.applied.max(raft.snapshot_index()).next();
        while index <= applied {
            work.entries += 1;
            work.bytes_applied += raft.entry(index).map_or(0, |entry| entry.size() as u64);
            index = index.next();
        }
        if raft.own_noop().is_some_and(|noop| self.applied < noop && noop <= applied) {
            work.sessions = (machine.session_count() + machine.held_count()) as u64;
        }
        work
    }
}

impl Work {
    /// A start has read a directory, and found this.
    #[must_use]
    pub fn of_start(server: &Server<SimDisk>) -> Self {
        let machine = server.replica().map(|replica| replica.machine());
        let sessions = machine.map_or(0, |machine| machine.session_count() + machine.held_count());
        Self { sessions: sessions as u64, ..Self::default() }
    }

    /// A message for a peer is said.
    #[must_use]
    pub fn of_peer_message(message: &PeerMessage) -> Self {
        let bytes = match message {
            PeerMessage::Raft(Message::Append(append)) => {
                append.entries.iter().map(Entry::size).sum()
            }
            PeerMessage::Raft(Message::SnapshotChunk(chunk)) => chunk.bytes.bytes().len(),
            _ => SMALL_BYTES,
        };
        Self { messages_out: 1, bytes_out: bytes as u64, ..Self::default() }
    }

    /// A message for a client is said.
    #[must_use]
    pub fn of_server_message(message: &ServerMessage) -> Self {
        let (names, bytes) = match message {
            ServerMessage::Read { answer: ReadAnswer::Locks { locks, .. }, .. } => {
                (locks.len(), locks.len() * LOCK_VIEW_BYTES)
            }
            ServerMessage::Read { .. } => (1, LOCK_VIEW_BYTES),
            ServerMessage::Changed { holder, .. } => {
                (0, holder.as_ref().map_or(SMALL_BYTES, |holder| holder.value.len()))
            }
            _ => (0, SMALL_BYTES),
        };
        let (names, bytes_out) = (names as u64, bytes as u64);
        Self { messages_out: 1, names, bytes_out, ..Self::default() }
    }

    /// How long it takes on the machine on which the constants were measured.
    #[must_use]
    pub fn nanos(&self) -> u64 {
        let bytes = self.bytes_in + self.bytes_out + self.bytes_applied;
        self.turns * TURN_NANOS
            + self.messages_in * MESSAGE_IN_NANOS
            + self.messages_out * MESSAGE_OUT_NANOS
            + self.entries * ENTRY_NANOS
            + self.names * NAME_NANOS
            + self.sessions * SESSION_NANOS
            + bytes * BYTE_PICOS / 1_000
            + self.bytes_read * BYTE_READ_PICOS / 1_000
    }
}

/// Estimates for the two cores on which Tenure is built, 2.1 GHz, of one digit each; `cargo bench --bench charges` prints what they are
/// on a machine.
const TURN_NANOS: u64 = 5_000;
/// A request decoded, checked, and proposed; an answer of a peer.
const MESSAGE_IN_NANOS: u64 = 1_000;
/// An answer encoded, and put into the buffer of a connection.
const MESSAGE_OUT_NANOS: u64 = 500;
/// An entry fetched, decoded, and its answer remembered.
const ENTRY_NANOS: u64 = 1_000;
/// A name looked up among a million, and its queue or its holders changed.
const NAME_NANOS: u64 = 300;
/// A timer put into a map.
const SESSION_NANOS: u64 = 200;
/// A byte copied, checksummed and decoded, in picoseconds.
const BYTE_PICOS: u64 = 1_000;
/// A byte of a log that is read back, in picoseconds: a restart reads 64 MiB in about a second.
const BYTE_READ_PICOS: u64 = 15_000;

/// Most messages, and one lock in the answer to a read.
const SMALL_BYTES: usize = 64;
const LOCK_VIEW_BYTES: usize = 512;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expiry_of_as_many_waits_as_a_session_may_have_takes_longer_than_an_election_timeout() {
        let waits = crate::base::limits::REQUESTS_PER_SESSION_MAX as u64;
        let names = waits * crate::base::limits::NAMES_PER_ACQUIRE_MAX as u64;
        let at_least = Work { turns: 1, entries: 1, names, ..Work::default() };
        assert!(at_least.nanos() > 150_000_000, "{} ns", at_least.nanos());
        assert!(Work { turns: 1, messages_in: 10, ..Work::default() }.nanos() < 30_000);
    }
}
