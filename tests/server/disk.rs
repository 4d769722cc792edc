//! Real files on a disk that may be small.

use std::cell::Cell;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use tenure::base::blob::ReadAt;
use tenure::node::FileDisk;
use tenure::wal::{Disk, DiskError, FileContent, FileId, StoreError};

/// A directory in which only so many files of the log have room, a spare one among them.
#[derive(Debug)]
pub struct SmallDisk {
    files: FileDisk,
    log_files_max: Rc<Cell<usize>>,
    discards: Rc<Cell<usize>>,
    refused: bool,
}

impl SmallDisk {
    /// `discards` counts what it is given to free.
    pub fn open(
        path: &Path,
        log_files_max: Rc<Cell<usize>>,
        discards: Rc<Cell<usize>>,
    ) -> Result<Self, DiskError> {
        Ok(Self { files: FileDisk::open(path)?, log_files_max, discards, refused: false })
    }

    fn has_room(&mut self) -> bool {
        let names = self.files.list().expect("a directory");
        let log_files = names.iter().filter(|name| name.starts_with("log-")).count();
        log_files < self.log_files_max.get()
    }
}

impl Disk for SmallDisk {
    fn list(&mut self) -> Result<Vec<String>, DiskError> {
        self.files.list()
    }
    fn open(&mut self, name: &str) -> Result<Option<FileId>, DiskError> {
        self.files.open(name)
    }
    fn create(&mut self, name: &str) -> Result<FileId, DiskError> {
        if name.starts_with("segment") && !self.has_room() {
            return Err(DiskError::NoSpace(name.into()));
        }
        self.files.create(name)
    }
    fn length(&mut self, file: FileId) -> Result<u64, DiskError> {
        self.files.length(file)
    }
    fn read_at(
        &mut self,
        file: FileId,
        offset: u64,
        buffer: &mut [u8],
    ) -> Result<usize, DiskError> {
        self.files.read_at(file, offset, buffer)
    }
    fn write_at(&mut self, file: FileId, offset: u64, bytes: &[u8]) -> Result<(), DiskError> {
        self.files.write_at(file, offset, bytes)
    }
    fn sync_data(&mut self, file: FileId) -> Result<(), DiskError> {
        self.files.sync_data(file)
    }
    fn shared(&mut self, file: FileId) -> Result<Arc<dyn ReadAt>, DiskError> {
        self.files.shared(file)
    }
    fn close(&mut self, file: FileId) {
        self.files.close(file);
    }
    fn rename(&mut self, from: &str, to: &str) -> Result<(), DiskError> {
        self.files.rename(from, to)
    }
    fn remove(&mut self, name: &str) -> Result<(), DiskError> {
        self.files.remove(name)
    }
    fn sync_directory(&mut self) -> Result<(), DiskError> {
        self.files.sync_directory()
    }
    fn check(&mut self) -> Result<(), DiskError> {
        self.files.check()
    }
    fn free_bytes(&self) -> Option<u64> {
        None
    }

    fn prepare(&mut self, name: &str, bytes: u64) {
        if self.has_room() {
            self.files.prepare(name, bytes);
        } else {
            self.refused = true;
        }
    }
    fn take_prepared(&mut self) -> Option<Result<(), DiskError>> {
        if std::mem::take(&mut self.refused) {
            return Some(Err(DiskError::NoSpace("spare.new".into())));
        }
        self.files.take_prepared()
    }
    fn begin_store(&mut self, temporary: &str, name: &str, content: FileContent) {
        self.files.begin_store(temporary, name, content);
    }
    fn discard(&mut self, what: Box<dyn Send>) {
        self.discards.set(self.discards.get() + 1);
        self.files.discard(what);
    }
    fn take_stored(&mut self) -> Option<Result<(), StoreError>> {
        self.files.take_stored()
    }
}
