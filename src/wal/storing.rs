//! Storing a snapshot beside the log, off the loop (W7), one at a time; and what may be removed after it.
//!
//! The disk's own thread makes the state machine's bytes, writes them as they are made, frames them and reads them
//! back, while the log goes on: the whole of them is never in memory. The snapshot counts only once all of that went
//! well. Then older snapshots are removed, the log may start over behind it, and segments up to it may go.

use super::envelope::Owner;
use super::{
    Disk, DiskError, FileBytes, FileContent, NewFile, StoreError, Wal, WalError, snapshot_file,
    start_behind,
};
use crate::base::blob::{Sink, Unmade};
use crate::base::{Blob, Index, checksum};
use crate::raft::{LogStart, Snapshot, SnapshotMeta};
use std::sync::{Arc, OnceLock};

/// How the storing of a snapshot ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SnapshotEnd {
    /// The snapshot is durable, and was read back as it was written.
    Stored(Snapshot),
    /// There was no space, descriptor or memory; nothing is left of it, and everything else is as it was. Try again
    /// later.
    NoSpace(String),
    /// Its content could not be made: says why.
    Refused(String),
}

/// Puts the state machine's bytes into a sink, off the caller's thread; or says why there are none.
pub type SnapshotSource = Box<dyn FnOnce(&mut dyn Sink) -> Result<(), Unmade> + Send>;

/// A snapshot in the making.
#[derive(Debug)]
pub(super) struct Storing {
    meta: SnapshotMeta,
    /// The state machine's bytes in its file, once they are there.
    data: Arc<OnceLock<Blob>>,
}

impl<D: Disk> Wal<D> {
    /// Begins to store the snapshot at `meta`, whose bytes `content` makes on another thread. After a
    /// failure (W2) it does nothing.
    ///
    /// # Panics
    /// If one is being stored already; if it is not newer than the last one stored; or if its term is not
    /// durable in the hard state yet (as with entries, W6).
    pub fn begin_snapshot(&mut self, meta: SnapshotMeta, content: SnapshotSource) {
        if self.failure.is_some() {
            return;
        }
        let SnapshotMeta { index, term, .. } = meta;
        assert!(self.storing.is_none(), "one snapshot is stored at a time");
        let stored = self.stored_index();
        assert!(index > stored, "a snapshot at {index}, and there is one at {stored}");
        let durable = self.hard_state.state().term;
        assert!(term <= durable, "a snapshot of term {term}, the term is {durable}");
        let data = Arc::new(OnceLock::new());
        let name = snapshot_file::name(index);
        let content = framed(self.owner, meta.clone(), Arc::clone(&data), content);
        self.disk.begin_store(snapshot_file::TEMPORARY, &name, content);
        self.storing = Some(Storing { meta, data });
    }

    /// Whether a snapshot is being stored, or its end was not taken yet.
    #[must_use]
    pub fn is_storing(&self) -> bool {
        self.storing.is_some()
    }

    /// How the storing ended, once; `None` while it goes on, or if there was none.
    ///
    /// # Errors
    /// [`WalError`], final: anything but a lack of space, descriptors or memory.
    pub fn take_snapshot(&mut self) -> Result<Option<SnapshotEnd>, WalError> {
        self.attempt(Self::finish_storing)
    }

    /// Frees what takes long to free, off the caller's thread.
    pub fn discard(&mut self, what: Box<dyn Send>) {
        self.disk.discard(what);
    }

    /// Removes the oldest segment if it holds only entries below `first_needed`. At most one, so call it once a turn,
    /// after [`Wal::sync`]. Nothing is removed while the log may not agree with the snapshot: of a log of another
    /// past, which is to start over, a part would look like the true one.
    ///
    /// # Errors
    /// [`WalError`], final.
    ///
    /// # Panics
    /// An entry behind the stored snapshot would not be needed (W7).
    pub fn compact(&mut self, first_needed: Index) -> Result<(), WalError> {
        let stored = self.stored_index();
        assert!(first_needed <= stored.next(), "{first_needed} is behind the snapshot at {stored}");
        if !self.stored.is_some_and(|snapshot| self.log.surely_agrees_with(snapshot)) {
            return Ok(());
        }
        let removed =
            self.attempt(|this| Ok(this.log.remove_oldest(&mut this.disk, first_needed)?));
        if removed? {
            self.spare.handle_room();
        }
        Ok(())
    }

    /// Whether a snapshot at `index` would let go of segments that the one before does not.
    #[must_use]
    pub fn would_shrink(&self, index: Index) -> bool {
        let removable = |index: Index| self.log.removable(index.next());
        removable(index) > removable(self.stored_index())
    }

    /// The index of the last snapshot that is durable, 0 if there is none.
    pub(super) fn stored_index(&self) -> Index {
        self.stored.map(|stored| stored.index).unwrap_or_default()
    }

    fn finish_storing(&mut self) -> Result<Option<SnapshotEnd>, WalError> {
        let Some(storing) = &self.storing else { return Ok(None) };
        let Some(result) = self.disk.take_stored() else { return Ok(None) };
        let Storing { meta, data } = storing;
        let end = match result {
            Err(StoreError::Content(reason)) => SnapshotEnd::Refused(reason),
            Err(StoreError::Disk(DiskError::NoSpace(reason) | DiskError::Exhausted(reason))) => {
                SnapshotEnd::NoSpace(reason.into())
            }
            Err(StoreError::Disk(error)) => return Err(error.into()),
            Ok(()) => {
                let data = data.get().expect("the content of a stored file was made").clone();
                SnapshotEnd::Stored(Snapshot { meta: meta.clone(), data })
            }
        };
        self.storing = None;
        if let SnapshotEnd::Stored(snapshot) = &end {
            self.replace_stored(start_behind(&snapshot.meta))?;
        }
        Ok(Some(end))
    }

    /// Removes the snapshot before this one. Should a power cut bring it back, the next start removes it.
    fn replace_stored(&mut self, snapshot: LogStart) -> Result<(), WalError> {
        if let Some(before) = self.stored.replace(snapshot) {
            self.disk.remove(&snapshot_file::name(before.index))?;
        }
        Ok(())
    }
}

/// The whole file: `content`, and then its head, whose place is kept free till then: a file that was cut short has none.
/// Leaves in `data` where the content is.
fn framed(
    owner: Owner,
    meta: SnapshotMeta,
    data: Arc<OnceLock<Blob>>,
    content: SnapshotSource,
) -> FileContent {
    Box::new(move |file| {
        let start = snapshot_file::head(&owner, &meta, (0, 0)).len() as u64;
        let mut body = Body { file, start, length: 0, crc: checksum::crc32c(&[]), failure: None };
        let made = content(&mut body);
        let Body { length, crc, failure, .. } = body;
        match (failure, made) {
            (Some(error), _) => return Err(error.into()),
            (None, Err(Unmade::Refused(why))) => return Err(StoreError::Content(why)),
            (None, Err(Unmade::Unreadable(why))) => return Err(DiskError::Io(why.into()).into()),
            (None, Ok(())) => {}
        }
        let head = snapshot_file::head(&owner, &meta, (length, crc));
        file.write_at(0, &head)?;
        let body = Blob::stored(file.shared()?, start..start + length, crc);
        data.set(body.clone()).expect("content is made once");
        Ok(FileBytes { head, body })
    })
}

/// The bytes behind the head.
struct Body<'f> {
    file: &'f mut dyn NewFile,
    start: u64,
    length: u64,
    crc: u32,
    /// An error that the file met.
    failure: Option<DiskError>,
}

impl Sink for Body<'_> {
    fn put(&mut self, bytes: &[u8]) -> Result<(), String> {
        let written = self.file.write_at(self.start + self.length, bytes);
        self.length += bytes.len() as u64;
        self.crc = checksum::extend(self.crc, bytes);
        self.keep(written)
    }

    fn read_back(&mut self) -> Result<Blob, String> {
        let shared = self.file.shared();
        let file = self.keep(shared)?;
        Ok(Blob::stored(file, self.start..self.start + self.length, self.crc))
    }
}

impl Body<'_> {
    fn keep<T>(&mut self, result: Result<T, DiskError>) -> Result<T, String> {
        result.map_err(|error| {
            let why = error.to_string();
            self.failure = Some(error);
            why
        })
    }
}
