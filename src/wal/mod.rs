//! The durable log: segments, hard state and identity of one data directory, over a [`Disk`].
//!
//! Safety W1–W8. `docs/developers/wal-format.md` has the bytes, how they are read back, and what is assumed of
//! the medium. No entry is kept here: what was written is read only by the next start.

mod ancestors;
mod bytes;
mod choice;
mod disk;
mod envelope;
mod examine;
mod founding;
mod hard_state;
mod identity;
mod log;
mod open;
mod record;
mod recovery;
mod restore;
mod segment;
mod small_file;
pub mod snapshot_file;
mod spare;
mod storing;
mod terms;

pub use disk::{Disk, DiskCause, DiskError, FileBytes, FileContent, FileId, NewFile, StoreError};
pub use examine::examine;
pub use founding::is_founded;
pub use storing::{SnapshotEnd, SnapshotSource};

use crate::base::founding::FoundingRecord;
use crate::base::limits::SEGMENT_BYTES;
use crate::base::{Ancestors, DirectoryId, Index, NodeId};
use crate::raft::{Entry, HardState, LogStart, Snapshot, SnapshotMeta, Write};
use envelope::{ADVICE, Owner};
use hard_state::HardStateFile;
use log::Log;
use open::Opened;
use record::Content;
use spare::Spare;
use storing::Storing;

/// State that recovery found.
#[derive(Debug)]
pub struct Recovery {
    /// The id of this directory.
    pub directory: DirectoryId,
    /// The cluster's founding, if this directory has taken part in it.
    pub founding: Option<FoundingRecord>,
    /// The clusters that it was restored from, where its snapshot does not say so itself.
    pub ancestors: Ancestors,
    /// Term and vote.
    pub hard_state: HardState,
    /// The snapshot to begin from.
    pub snapshot: Option<Snapshot>,
    /// The log, contiguous. The first index is 1, or at most the one behind the snapshot's: entries that the snapshot
    /// holds already may be there, and then they are the same past.
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

/// Options of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WalOptions {
    /// How long new segments are, in bytes; a multiple of 512. The largest record must fit into one.
    pub segment_bytes: u64,
}

impl WalOptions {
    fn check(&self) {
        let bytes = self.segment_bytes;
        let is_usable = bytes.is_multiple_of(512) && bytes <= segment::BYTES_MAX;
        assert!(is_usable && bytes > segment::HEADER_BYTES, "segments of {bytes} bytes");
    }
}

impl Default for WalOptions {
    fn default() -> Self {
        Self { segment_bytes: SEGMENT_BYTES }
    }
}

/// The durable log of one node.
#[derive(Debug)]
pub struct Wal<D: Disk> {
    disk: D,
    owner: Owner,
    is_founded: bool,
    hard_state: HardStateFile,
    log: Log,
    spare: Spare,
    /// The present segment is nearly full, and there is no room for the next one.
    is_lacking: bool,
    /// Calls of [`Wal::prepare`].
    turns: u32,
    /// Where the last snapshot stands that is durable.
    stored: Option<LogStart>,
    storing: Option<Storing>,
    /// The first failure; every later call gets it again (W2).
    failure: Option<WalError>,
}

impl<D: Disk> Wal<D> {
    /// Opens the directory that `disk` shows, and makes it if it is empty: it then takes `fresh_directory` as its id,
    /// and writes that durably. Everything found is durable on return.
    ///
    /// # Errors
    /// [`WalError`]; the directory is left as it was found, unless writing failed.
    pub fn open(
        disk: D,
        node: NodeId,
        fresh_directory: DirectoryId,
    ) -> Result<(Self, Recovery), WalError> {
        Self::open_with(disk, node, fresh_directory, &WalOptions::default())
    }

    /// [`Wal::open`] with chosen options.
    ///
    /// # Errors
    /// As for [`Wal::open`].
    pub fn open_with(
        mut disk: D,
        node: NodeId,
        fresh_directory: DirectoryId,
        options: &WalOptions,
    ) -> Result<(Self, Recovery), WalError> {
        options.check();
        let Opened { owner, hard_state, log, recovery } =
            open::open(&mut disk, node, fresh_directory, options)?;
        let spare = Spare::of(&disk, log.new_segment_bytes());
        let wal = Self {
            disk,
            owner,
            is_founded: recovery.founding.is_some(),
            hard_state,
            log,
            spare,
            is_lacking: false,
            turns: 0,
            stored: recovery.snapshot.as_ref().map(|snapshot| start_behind(&snapshot.meta)),
            storing: None,
            failure: None,
        };
        Ok((wal, recovery))
    }

    /// Makes the founding record durable. Once, before the first append.
    ///
    /// # Errors
    /// [`WalError`], final.
    pub fn found(&mut self, record: &FoundingRecord) -> Result<(), WalError> {
        assert!(!self.is_founded, "a directory is founded once");
        self.attempt(|this| Ok(founding::create(&mut this.disk, &this.owner, record)?))?;
        self.is_founded = true;
        Ok(())
    }

    /// Takes one write in order: a hard state is durable on return (W6); a new start, truncations and
    /// entries are gathered, and become durable with the next [`Wal::sync`].
    ///
    /// # Errors
    /// [`WalError`], final.
    ///
    /// # Panics
    /// If the write does not continue the log, or the log would begin behind what no stored snapshot holds.
    pub fn append(&mut self, write: &Write) -> Result<(), WalError> {
        assert!(self.is_founded, "nothing is promised before the founding record is durable");
        self.attempt(|this| {
            if let Some(state) = write.hard_state.filter(|state| *state != this.hard_state.state())
            {
                this.hard_state.write(&mut this.disk, state)?;
            }
            if let Some(start) = write.start {
                this.restart(start)?;
            }
            if let Some(from) = write.truncate_from {
                this.truncate(from)?;
            }
            Ok(write.entries.iter().try_for_each(|entry| this.append_entry(entry))?)
        })
    }

    /// Makes all that was appended since the last call durable: one fdatasync, a batch of its own (W5).
    /// Nothing to do if nothing was appended.
    ///
    /// # Errors
    /// [`WalError`], final.
    pub fn sync(&mut self) -> Result<(), WalError> {
        self.attempt(|this| Ok(this.log.sync(&mut this.disk)?))
    }

    /// Looks after the spare segment; call once a turn. `false` while the last attempt to make one lacked something
    /// and the present segment is nearly full: proposals should be refused with LIMIT until it is there
    /// (W2). While one is in the making the answer is `true`: if it comes late, the next segment is made
    /// inline, which costs time and no safety.
    pub fn prepare(&mut self) -> bool {
        let (free, whole) = (self.log.free_bytes(), self.log.segment_bytes());
        // A snapshot that may make room must find the little that there is.
        let yields = self.storing.is_some() && self.lacks_space();
        if free < whole / 4 * 3 && !yields {
            let bytes = self.log.new_segment_bytes();
            // A failure is reported by the next call that returns one.
            let _ = self.attempt(|this| Ok(this.spare.look_after(&mut this.disk, bytes)?));
        }
        self.look_at_files();
        let was_lacking = std::mem::replace(&mut self.is_lacking, free < whole / 4);
        self.is_lacking &= self.spare.lacking().is_some();
        match self.lacking() {
            Some(why) if !was_lacking => ::log::warn!(
                "the next piece of the log cannot be made, and the present one is nearly full: {why}. Make room there: it \
                 is tried again and again. Until then this node leads only if no other one has room, refuses what takes \
                 something while it leads, and acknowledges nothing that does not fit"
            ),
            None if was_lacking => {
                ::log::info!(
                    "the next piece of the log can be made again: this node takes part as before"
                );
            }
            _ => {}
        }
        self.failure.is_none() && !self.is_lacking
    }

    /// Whether the last attempt to make the next segment found no space.
    #[must_use]
    pub fn lacks_space(&self) -> bool {
        matches!(self.spare.lacking(), Some(DiskError::NoSpace(_)))
    }

    /// What the next segment lacks, space or a descriptor, while [`Wal::prepare`] is `false` for it.
    #[must_use]
    pub fn lacking(&self) -> Option<&DiskError> {
        self.spare.lacking().filter(|_| self.is_lacking)
    }

    /// What the last attempt to make the next segment lacked, however much room the present one has.
    #[must_use]
    pub fn shortage(&self) -> Option<&DiskError> {
        self.spare.lacking()
    }

    /// Bytes of records that the log surely takes: into the present segment, and into a prepared one. More must not be
    /// appended, since a segment that is needed and cannot be made ends the log (W2). A part of the present segment is
    /// kept back for entries that a leader must append, and for those that replace a tail.
    #[must_use]
    pub fn room(&self) -> u64 {
        let (free, whole) = (self.log.free_bytes(), self.log.segment_bytes());
        let is_young = !self.spare.is_tried() && free >= whole / 4 * 3;
        if is_young || self.spare.is_sure() {
            return u64::MAX;
        }
        free.saturating_sub(whole / KEPT_BACK)
    }

    /// Checks once in a while that the files are still in the directory: writes to a removed file are lost with this
    /// process, however often it was synced (W1).
    fn look_at_files(&mut self) {
        self.turns = self.turns.wrapping_add(1);
        if self.turns.is_multiple_of(TURNS_PER_LOOK) {
            // A failure is reported by the next call that returns one.
            let _ = self.attempt(|this| Ok(this.disk.check()?));
        }
    }

    /// The disk below, for its own account of things.
    pub fn disk(&self) -> &D {
        &self.disk
    }

    /// The number of the last record that is surely durable, 0 before the first: for checkers.
    #[must_use]
    pub fn durable_sequence(&self) -> u64 {
        self.log.durable_sequence()
    }

    /// How many times records were synced since this log was opened: for checkers and statistics.
    #[must_use]
    pub fn sync_count(&self) -> u64 {
        self.log.syncs()
    }

    fn restart(&mut self, start: LogStart) -> Result<(), DiskError> {
        let (index, stored) = (start.index, self.stored_index());
        assert!(index <= stored, "a log behind {index}, the last snapshot is at {stored}");
        self.log.add(&mut self.disk, &mut self.spare, Content::Start(start))
    }

    fn truncate(&mut self, from: Index) -> Result<(), DiskError> {
        let last = self.log.last_index();
        assert!(from.0 >= 1 && from <= last.next(), "truncation from {from}, the last is {last}");
        self.log.add(&mut self.disk, &mut self.spare, Content::TruncateFrom(from))
    }

    fn append_entry(&mut self, entry: &Entry) -> Result<(), DiskError> {
        let (index, last) = (entry.index, self.log.last_index());
        assert!(index == last.next(), "entry {index} does not follow {last}");
        let term = self.hard_state.state().term;
        assert!(entry.term <= term, "entry {index} of term {}, the term is {term}", entry.term);
        self.log.add(&mut self.disk, &mut self.spare, Content::Entry(entry))
    }

    /// Does `work` unless something failed before; remembers a failure for good (W2). A kernel may
    /// report a lost write once only, and call the next sync a success.
    fn attempt<T>(
        &mut self,
        work: impl FnOnce(&mut Self) -> Result<T, WalError>,
    ) -> Result<T, WalError> {
        if let Some(failure) = &self.failure {
            return Err(failure.clone());
        }
        work(self).inspect_err(|failure| self.failure = Some(failure.clone()))
    }
}

/// One part in so many of a segment is kept back: hundreds of elections, with the default size.
const KEPT_BACK: u64 = 32;
/// Half a second of an idle node, whose turns are its heartbeats.
const TURNS_PER_LOOK: u32 = 16;

/// Where a log begins that this snapshot replaces.
fn start_behind(meta: &SnapshotMeta) -> LogStart {
    LogStart { index: meta.index, term: meta.term }
}
