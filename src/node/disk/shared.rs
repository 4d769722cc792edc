//! A file that is only read, by whoever has it, for as long as somebody does: also when it has no name any more.

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
    /// There until it is dropped.
    file: Option<File>,
}

impl SharedFile {
    /// Of `file`, which others read as `path`.
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
            Err(error) => Err(failed("read", &self.path, &error).to_string()),
        }
    }
}

/// To close a large file that has no name any more frees its blocks and what is cached of it, for milliseconds: the loop does not
/// wait for that.
impl Drop for SharedFile {
    fn drop(&mut self) {
        let Some(file) = self.file.take() else { return };
        let is_freed = |it: &std::fs::Metadata| it.nlink() == 0 && it.len() > FREED_AT_ONCE;
        if file.metadata().is_ok_and(|it| is_freed(&it)) {
            // Without a thread it is closed here.
            let _ = thread::spawn("tenure-discard", move || drop(file));
        }
    }
}

const FREED_AT_ONCE: u64 = 1 << 20;
