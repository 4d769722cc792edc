//! One process for each data directory: flock on a file in it.

use super::{failed, open_regular};
use crate::sys::fork;
use crate::wal::DiskError;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::ErrorKind;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// The lock, held until its drop, or the end of the process.
#[derive(Debug)]
pub(super) struct DirectoryLock {
    file: File,
    forks: u32,
}

impl DirectoryLock {
    /// Locks the directory at `path`.
    pub(super) fn acquire(path: &Path) -> Result<Self, DiskError> {
        let name = path.join(NAME);
        let options = &mut OpenOptions::new();
        let file = open_regular(&name, options.read(true).write(true).create(true).mode(0o600))
            .map_err(|error| failed("open", &name, error))?;
        fork::watch();
        let locked = file.try_lock();
        Self::held(path, file, locked)
    }

    /// Locks the directory against nodes, not against other readers; `None` without a lock file, as
    /// in a copy that left the file out.
    pub(super) fn acquire_to_read(path: &Path) -> Result<Option<Self>, DiskError> {
        let name = path.join(NAME);
        let file = match open_regular(&name, OpenOptions::new().read(true)) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            opened => opened.map_err(|error| failed("open", &name, error))?,
        };
        fork::watch();
        let locked = file.try_lock_shared();
        Self::held(path, file, locked).map(Some)
    }

    fn held(path: &Path, file: File, locked: Result<(), TryLockError>) -> Result<Self, DiskError> {
        match locked {
            Ok(()) => Ok(Self { file, forks: fork::generation() }),
            Err(TryLockError::WouldBlock) => Err(in_use(path)),
            Err(TryLockError::Error(error)) => Err(failed("lock", &path.join(NAME), error)),
        }
    }
}

impl Drop for DirectoryLock {
    /// Unlocks explicitly: a child that the host is just forking shares the lock until it closes
    /// the file, so closing our end would not free it. A child itself leaves the parent's lock
    /// alone.
    fn drop(&mut self) {
        if self.forks == fork::generation() {
            // If this fails, the file is closed next.
            let _ = self.file.unlock();
        }
    }
}

/// The error if another process has the lock.
pub(super) fn in_use(path: &Path) -> DiskError {
    DiskError::Io(format!("data directory {} is in use by another process", path.display()).into())
}

pub(super) const NAME: &str = "lock";
