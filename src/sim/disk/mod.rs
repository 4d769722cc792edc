//! A simulated disk as the log sees it. [`storage`] decides what survives.

pub mod faults;
pub mod host;
pub mod storage;
pub mod store;

use crate::base::blob::ReadAt;
use crate::sim::charges::Work;
use crate::sim::disk::faults::{StrikeOn, Told};
use crate::sim::disk::host::{Preparing, SharedHost};
use crate::sim::disk::store::Store;
use crate::wal::{Disk, DiskError, FileContent, FileId, StoreError};
use std::sync::Arc;

/// The directory of one simulated machine.
#[derive(Clone, Debug)]
pub struct SimDisk {
    host: SharedHost,
}

impl SimDisk {
    /// The disk of `host`.
    #[must_use]
    pub fn new(host: SharedHost) -> Self {
        Self { host }
    }

    /// Does `operation` unless the process is hit before.
    fn operate<T>(&mut self, operation: impl FnOnce(&mut host::Host) -> T) -> Result<T, DiskError> {
        let host = &mut *self.host.borrow_mut();
        host.operate()?;
        Ok(operation(host))
    }
}

impl Disk for SimDisk {
    fn list(&mut self) -> Result<Vec<String>, DiskError> {
        self.operate(|host| host.storage.names().cloned().collect())
    }

    fn open(&mut self, name: &str) -> Result<Option<FileId>, DiskError> {
        self.operate(|host| host.storage.file(name).map(FileId))
    }

    fn create(&mut self, name: &str) -> Result<FileId, DiskError> {
        self.operate(|host| FileId(host.storage.create(name)))
    }

    fn length(&mut self, file: FileId) -> Result<u64, DiskError> {
        self.operate(|host| host.storage.length(file.0))
    }

    fn read_at(
        &mut self,
        file: FileId,
        offset: u64,
        buffer: &mut [u8],
    ) -> Result<usize, DiskError> {
        self.operate(|host| {
            let count = host.storage.read(file.0, offset, buffer);
            host.charge(Work { bytes_read: count as u64, ..Work::default() });
            count
        })
    }

    fn write_at(&mut self, file: FileId, offset: u64, bytes: &[u8]) -> Result<(), DiskError> {
        self.operate(|host| {
            let grows = offset + bytes.len() as u64 > host.storage.length(file.0);
            if grows && host.faults.is_full {
                host.faults.told.get_or_insert(Told::NoSpace);
                return Err(DiskError::NoSpace("the simulated disk is full".into()));
            }
            if host.faults.take_strike(&[StrikeOn::Write]).is_some() {
                return Err(DiskError::Io("a simulated write failed".into()));
            }
            host.storage.write(file.0, offset, bytes);
            Ok(())
        })?
    }

    fn sync_data(&mut self, file: FileId) -> Result<(), DiskError> {
        self.operate(|host| {
            host.begin_sync()?;
            host.wait_for_sync();
            match host.faults.take_strike(&[StrikeOn::Sync, StrikeOn::SyncAndForget]) {
                None => {
                    host.storage.sync(file.0);
                    return Ok(());
                }
                Some(StrikeOn::SyncAndForget) => host.storage.forget(file.0),
                Some(_) => {}
            }
            Err(DiskError::Io("a simulated sync failed".into()))
        })?
    }

    fn shared(&mut self, file: FileId) -> Result<Arc<dyn ReadAt>, DiskError> {
        self.operate(|host| {
            let length = usize::try_from(host.storage.length(file.0)).expect("it is in memory");
            let mut bytes = vec![0; length];
            host.storage.read(file.0, 0, &mut bytes);
            Arc::new(bytes) as Arc<dyn ReadAt>
        })
    }

    fn close(&mut self, _file: FileId) {}

    fn rename(&mut self, from: &str, to: &str) -> Result<(), DiskError> {
        let found = self.operate(|host| host.storage.rename(from, to))?;
        if found { Ok(()) } else { Err(DiskError::Io(format!("{from}: no such file").into())) }
    }

    fn remove(&mut self, name: &str) -> Result<(), DiskError> {
        let found = self.operate(|host| host.storage.remove(name))?;
        if found { Ok(()) } else { Err(DiskError::Io(format!("{name}: no such file").into())) }
    }

    fn sync_directory(&mut self) -> Result<(), DiskError> {
        self.operate(|host| {
            host.wait_for_sync();
            host.storage.sync_names();
        })
    }

    fn check(&mut self) -> Result<(), DiskError> {
        Ok(())
    }

    fn free_bytes(&self) -> Option<u64> {
        Some(if self.host.borrow().faults.is_full { 0 } else { u64::MAX })
    }

    fn prepare(&mut self, name: &str, bytes: u64) {
        let host = &mut *self.host.borrow_mut();
        let ready = host.local + host.rng.between(1_000_000, 50_000_000);
        // Off the caller's thread: the name may stand, with some of its zeros, long before it is ready.
        let file = host.storage.create(name);
        let made = if host.faults.is_full { 0 } else { host.rng.below(bytes) };
        host.storage.extend(file, made);
        let has_room = !host.faults.is_full;
        host.preparing = Some(Preparing { name: name.to_owned(), file, bytes, ready, has_room });
    }

    fn take_prepared(&mut self) -> Option<Result<(), DiskError>> {
        let host = &mut *self.host.borrow_mut();
        let local = host.local;
        let Preparing { name, file, bytes, has_room, .. } =
            host.preparing.take_if(|preparing| preparing.ready <= local)?;
        if !has_room {
            host.storage.remove(&name);
            host.faults.spares_refused += 1;
            return Some(Err(DiskError::NoSpace(
                format!("{name}: the simulated disk is full").into(),
            )));
        }
        host.storage.extend(file, bytes);
        host.storage.sync(file);
        host.storage.sync_names();
        Some(Ok(()))
    }

    fn begin_store(&mut self, temporary: &str, name: &str, content: FileContent) {
        let host = &mut *self.host.borrow_mut();
        if !host.crashed {
            host.storing = Some(Store::begin(host.local, temporary, name, content, &mut host.rng));
        }
    }

    fn discard(&mut self, what: Box<dyn Send>) {
        drop(what);
    }

    fn take_stored(&mut self) -> Option<Result<(), StoreError>> {
        let host = &mut *self.host.borrow_mut();
        host.work_aside();
        let result = host.storing.as_ref()?.result()?.clone();
        host.storing = None;
        match &result {
            Ok(()) => host.snapshots_stored += 1,
            Err(StoreError::Disk(DiskError::NoSpace(_) | DiskError::Exhausted(_))) => {
                host.snapshots_refused += 1;
            }
            Err(StoreError::Disk(DiskError::Io(_) | DiskError::Unusable(_))) => {
                host.faults.told.get_or_insert(Told::Io);
            }
            Err(StoreError::Content(_)) => {}
        }
        Some(result)
    }
}
