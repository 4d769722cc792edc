//! One process for each data directory: flock on a file in it.

use super::{failed, open_regular};
use crate::sys::fork;
use crate::wal::DiskError;
use std::fs::{File, OpenOptions, TryLockError};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Held until dropped, or until the process ends.
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
            .map_err(|error| failed("open", &name, &error))?;
        fork::watch();
        match file.try_lock() {
            Ok(()) => Ok(Self { file, forks: fork::generation() }),
            Err(TryLockError::WouldBlock) => Err(DiskError::Io(format!(
                "data directory {} is in use by another process",
                path.display()
            ))),
            Err(TryLockError::Error(error)) => Err(failed("lock", &name, &error)),
        }
    }
}

impl Drop for DirectoryLock {
    /// A child that the host is just forking shares the lock until it lets go of the file; closing our end would not free
    /// it, unlocking does. In a child itself the parent's lock is left alone.
    fn drop(&mut self) {
        if self.forks == fork::generation() {
            // Should it fail, closing the file comes next.
            let _ = self.file.unlock();
        }
    }
}

pub(super) const NAME: &str = "lock";
