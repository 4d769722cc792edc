//! A disk in memory that keeps what is durable apart from what is only written.
//!
//! It is as unkind as a real one may be: after a power cut any subset of the unsynced sectors, file
//! lengths and names is there; after a failed sync the written bytes can still be read, but no later sync
//! makes them durable.

use crate::wal::medium::{Failure, FileState, Medium, NameChange, survives};
pub use crate::wal::medium::{Operation, Survival};
use crate::wal::storing::Storing;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use tenure::base::blob::ReadAt;
use tenure::base::rng::Rng;
use tenure::wal::{Disk, DiskError, FileContent, FileId, StoreError};

/// A handle on the medium; clones show the same one.
#[derive(Clone, Debug, Default)]
pub struct TestDisk(Rc<RefCell<Medium>>);

impl TestDisk {
    /// From now on it says that so much can be written.
    pub fn say_free(&self, bytes: u64) {
        self.0.borrow_mut().free_bytes = Some(bytes);
    }

    /// The power goes after this many more changing operations.
    pub fn cut_power_after(&self, operations: u64) {
        let mut medium = self.0.borrow_mut();
        medium.power_until = Some(medium.operations + operations);
    }

    /// Whether the power is gone.
    pub fn is_dark(&self) -> bool {
        self.0.borrow().is_dark()
    }

    /// How many changing operations there were.
    pub fn operations(&self) -> u64 {
        self.0.borrow().operations
    }

    /// Power again: what was not synced is lost as `survival` says.
    pub fn restore_power(&self, survival: Survival, rng: &mut Rng) {
        let mut medium = self.0.borrow_mut();
        let Medium { durable_names, name_changes, .. } = &mut *medium;
        for change in name_changes.drain(..) {
            if survives(survival, rng) {
                change.apply(durable_names);
            }
        }
        for file in &mut medium.files {
            file.lose_power(survival, rng);
        }
        medium.names = medium.durable_names.clone();
        medium.end_process();
    }

    /// The process dies and the machine does not: the page cache stays.
    pub fn kill_process(&self) {
        self.0.borrow_mut().end_process();
    }

    /// The operation of this kind fails once, after `pass` that succeed.
    pub fn fail(&self, operation: Operation, pass: u32, error: DiskError) {
        self.0.borrow_mut().failures.push(Failure { operation, pass, error });
    }

    /// Files and contents, as a process would read them.
    pub fn contents(&self) -> BTreeMap<String, Vec<u8>> {
        let medium = self.0.borrow();
        let bytes = |inode: &usize| medium.files[*inode].seen.clone();
        medium.names.iter().map(|(name, inode)| (name.clone(), bytes(inode))).collect()
    }

    /// Changes a file behind the back of everybody, durably; makes it if it is not there.
    pub fn edit(&self, name: &str, edit: impl FnOnce(&mut Vec<u8>)) {
        let mut medium = self.0.borrow_mut();
        let inode = medium.names.get(name).copied().unwrap_or_else(|| {
            medium.files.push(FileState::default());
            medium.files.len() - 1
        });
        medium.names.insert(name.to_owned(), inode);
        medium.durable_names.insert(name.to_owned(), inode);
        let file = &mut medium.files[inode];
        edit(&mut file.seen);
        file.durable.clone_from(&file.seen);
    }

    /// Removes a file behind the back of everybody, durably.
    pub fn erase(&self, name: &str) {
        let mut medium = self.0.borrow_mut();
        medium.names.remove(name).expect("the file is there");
        medium.durable_names.remove(name);
    }
}

impl Disk for TestDisk {
    fn list(&mut self) -> Result<Vec<String>, DiskError> {
        Ok(self.0.borrow().names.keys().cloned().collect())
    }

    fn open(&mut self, name: &str) -> Result<Option<FileId>, DiskError> {
        let mut medium = self.0.borrow_mut();
        let inode = medium.names.get(name).copied();
        Ok(inode.map(|inode| medium.hand_out(inode)))
    }

    fn create(&mut self, name: &str) -> Result<FileId, DiskError> {
        let mut medium = self.0.borrow_mut();
        medium.begin(Operation::Create)?;
        let inode = medium.create(name);
        Ok(medium.hand_out(inode))
    }

    fn length(&mut self, file: FileId) -> Result<u64, DiskError> {
        Ok(self.0.borrow_mut().file(file).seen.len() as u64)
    }

    fn read_at(
        &mut self,
        file: FileId,
        offset: u64,
        buffer: &mut [u8],
    ) -> Result<usize, DiskError> {
        let mut medium = self.0.borrow_mut();
        medium.check_failure(Operation::Read)?;
        let seen = &medium.file(file).seen;
        let rest = seen.get(usize::try_from(offset).unwrap()..).unwrap_or_default();
        let count = rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        Ok(count)
    }

    fn write_at(&mut self, file: FileId, offset: u64, bytes: &[u8]) -> Result<(), DiskError> {
        let mut medium = self.0.borrow_mut();
        let offset = usize::try_from(offset).unwrap();
        if let Err(error) = medium.begin(Operation::Write) {
            // How much of a failed write arrived is unknown: here a half.
            if !medium.is_dark() {
                medium.file(file).write(offset, &bytes[..bytes.len() / 2]);
            }
            return Err(error);
        }
        medium.file(file).write(offset, bytes);
        Ok(())
    }

    fn sync_data(&mut self, file: FileId) -> Result<(), DiskError> {
        let mut medium = self.0.borrow_mut();
        if let Err(error) = medium.begin(Operation::Sync) {
            if !medium.is_dark() {
                medium.file(file).fail_to_sync();
            }
            return Err(error);
        }
        medium.file(file).sync();
        Ok(())
    }

    fn shared(&mut self, file: FileId) -> Result<Arc<dyn ReadAt>, DiskError> {
        let mut bytes = vec![0; usize::try_from(self.length(file)?).unwrap()];
        self.read_at(file, 0, &mut bytes)?;
        Ok(Arc::new(bytes))
    }

    fn close(&mut self, file: FileId) {
        self.0.borrow_mut().handles.remove(&file.0).expect("the file is open");
    }

    fn rename(&mut self, from: &str, to: &str) -> Result<(), DiskError> {
        let mut medium = self.0.borrow_mut();
        medium.begin(Operation::Rename)?;
        let inode = medium.names[from];
        medium.change_name(NameChange::Move(from.to_owned(), to.to_owned(), inode));
        Ok(())
    }

    fn remove(&mut self, name: &str) -> Result<(), DiskError> {
        let mut medium = self.0.borrow_mut();
        medium.begin(Operation::Rename)?;
        medium.change_name(NameChange::Unlink(name.to_owned()));
        Ok(())
    }

    fn sync_directory(&mut self) -> Result<(), DiskError> {
        let mut medium = self.0.borrow_mut();
        medium.begin(Operation::SyncDirectory)?;
        medium.sync_names();
        Ok(())
    }

    fn check(&mut self) -> Result<(), DiskError> {
        Ok(())
    }

    fn free_bytes(&self) -> Option<u64> {
        self.0.borrow().free_bytes
    }

    fn prepare(&mut self, name: &str, bytes: u64) {
        let previous = self.0.borrow_mut().preparing.replace((name.to_owned(), bytes));
        assert_eq!(previous, None, "one file is prepared at a time");
    }

    fn take_prepared(&mut self) -> Option<Result<(), DiskError>> {
        let mut medium = self.0.borrow_mut();
        let (name, bytes) = medium.preparing.take()?;
        if let Err(error) = medium.begin(Operation::Prepare) {
            return Some(Err(error));
        }
        let inode = medium.create(&name);
        let file = &mut medium.files[inode];
        file.write(0, &vec![0; usize::try_from(bytes).unwrap()]);
        file.sync();
        medium.sync_names();
        Some(Ok(()))
    }

    fn begin_store(&mut self, temporary: &str, name: &str, content: FileContent) {
        let storing = Storing::new(temporary, name, content);
        let previous = self.0.borrow_mut().storing.replace(storing);
        assert!(previous.is_none(), "one file is stored at a time");
    }

    fn discard(&mut self, what: Box<dyn Send>) {
        drop(what);
    }

    /// One step of the storing happens between any two of these calls.
    fn take_stored(&mut self) -> Option<Result<(), StoreError>> {
        let mut storing = self.0.borrow_mut().storing.take()?;
        let end = storing.step(self);
        if end.is_none() {
            self.0.borrow_mut().storing = Some(storing);
        }
        end
    }
}
