//! A read-only file shared by its readers, also after its name is removed.

use super::{failed, read_full};
use crate::base::blob::ReadAt;
use crate::sys::descriptors::Reserve;
use crate::sys::{inherited, thread};
use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

#[derive(Debug)]
pub(super) struct SharedFile {
    path: PathBuf,
    /// `Some` until the drop.
    file: Option<File>,
}

impl SharedFile {
    /// A reader of `file` with a descriptor of its own; messages name `path`.
    pub(super) fn of(file: &File, path: &Path, reserve: &Reserve) -> std::io::Result<Self> {
        let again = reserve.spend(|| inherited::by_no_child(|| file.try_clone()))?;
        Ok(Self { path: path.to_owned(), file: Some(again) })
    }
}

impl ReadAt for SharedFile {
    fn read_at(&self, offset: u64, into: &mut [u8]) -> Result<(), String> {
        let file = self.file.as_ref().expect("it is there until it is dropped");
        match read_full(file, offset, into) {
            Ok(read) if read == into.len() => Ok(()),
            Ok(_) => Err(format!("{} ends before byte {offset}", self.path.display())),
            Err(error) => Err(failed("read", &self.path, error).to_string()),
        }
    }
}

/// Closes on another thread: closing a large unlinked file frees its blocks and cache, which takes
/// milliseconds.
impl Drop for SharedFile {
    fn drop(&mut self) {
        let Some(file) = self.file.take() else { return };
        let is_freed = |it: &std::fs::Metadata| it.nlink() == 0 && it.len() > FREED_AT_ONCE;
        if file.metadata().is_ok_and(|it| is_freed(&it)) {
            // Without a thread, closed here.
            let _ = thread::spawn("tenure-discard", move || drop(file));
        }
    }
}

const FREED_AT_ONCE: u64 = 1 << 20;
