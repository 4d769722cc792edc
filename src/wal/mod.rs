//! The durable log: segments, hard state and identity of one data directory, over a [`Disk`].
//!
//! Safety W1–W6, W8. `docs/wal-format.md` has the bytes.

mod disk;

pub use disk::{Disk, DiskError, FileId};

use crate::base::founding::FoundingRecord;
use crate::base::{DirectoryId, NodeId};
use crate::raft::{Entry, HardState, Write};

/// What recovery found.
#[derive(Debug)]
pub struct Recovery {
    /// This directory.
    pub directory: DirectoryId,
    /// The cluster's founding, if this directory has taken part in it.
    pub founding: Option<FoundingRecord>,
    /// Term and vote.
    pub hard_state: HardState,
    /// The log, contiguous from index 1.
    pub entries: Vec<Entry>,
    /// Bytes of torn tail that were trimmed, 0 if none.
    pub trimmed_bytes: u64,
}

/// Why a data directory cannot be used, or a write did not become durable. After any of these on a
/// durable path the node ends (W2).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WalError {
    /// The disk said so.
    #[error("{0}")]
    Disk(#[from] DiskError),
    /// Another node's directory, another cluster's, or a newer format.
    #[error("{0}")]
    Foreign(String),
    /// Damage that is not a torn tail: says what and where.
    #[error("{0}")]
    Corrupt(String),
}

/// The durable log of one node.
#[derive(Debug)]
pub struct Wal<D: Disk> {
    #[allow(dead_code)]
    disk: D,
}

#[allow(unused_variables)]
impl<D: Disk> Wal<D> {
    /// Opens the directory that `disk` shows, making it if it is empty: then it draws its directory id
    /// from `fresh_directory`, and writes it durably.
    ///
    /// # Errors
    /// [`WalError`]; the directory is left as it was found.
    pub fn open(
        disk: D,
        node: NodeId,
        fresh_directory: DirectoryId,
    ) -> Result<(Self, Recovery), WalError> {
        todo!()
    }

    /// Makes the founding record durable. Once, before the first append.
    ///
    /// # Errors
    /// [`WalError`], final.
    pub fn found(&mut self, record: &FoundingRecord) -> Result<(), WalError> {
        todo!()
    }

    /// Takes one write in order: a hard state is durable on return (W6); truncations and entries are
    /// handed to the file and become durable with the next [`Wal::sync`].
    ///
    /// # Errors
    /// [`WalError`], final.
    pub fn append(&mut self, write: &Write) -> Result<(), WalError> {
        todo!()
    }

    /// Makes all that was appended since the last call durable: one fdatasync, a batch of its own (W5).
    /// Nothing to do if nothing was appended.
    ///
    /// # Errors
    /// [`WalError`], final.
    pub fn sync(&mut self) -> Result<(), WalError> {
        todo!()
    }

    /// Looks after the spare segment; call once a turn. `false` while no spare is there and the present
    /// segment is nearly full: proposals should be refused with LIMIT until it is (W2).
    pub fn prepare(&mut self) -> bool {
        todo!()
    }

    /// The disk below, for its own account of things.
    pub fn disk(&self) -> &D {
        &self.disk
    }
}
