//! Making a file with a content that may be large: durable, named, and read back (W7).

use super::worker::Stop;
use super::{PART_BYTES, create_empty, failed, read_full};
use crate::sys::descriptors::Reserve;
use crate::wal::{DiskError, FileContent, StoreError};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Where a file is made, and where it is put.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) directory: Arc<File>,
    pub(super) temporary: PathBuf,
    pub(super) path: PathBuf,
    pub(super) reserve: Arc<Reserve>,
}

impl Place {
    /// Does all of it. After a failure the file is removed, under whichever name it has.
    pub(super) fn store(&self, content: FileContent, stop: &Stop) -> Result<(), StoreError> {
        let bytes = content().map_err(StoreError::Content)?;
        let Self { directory, temporary, path, reserve } = self;
        let file = reserve
            .spend(|| create_empty(temporary))
            .map_err(|error| failed("create", temporary, &error))?;
        write(&file, &bytes, stop)
            .map_err(|error| give_up(temporary, failed("write", temporary, &error)))?;
        std::fs::rename(temporary, path)
            .map_err(|error| give_up(temporary, failed("rename", temporary, &error)))?;
        directory
            .sync_all()
            .map_err(|error| give_up(path, failed("sync the directory of", path, &error)))?;
        compare(&file, &bytes, stop)
            .map_err(|error| give_up(path, failed("read back", path, &error)))?;
        reserve.close(file.into());
        Ok(())
    }
}

fn give_up(path: &Path, error: DiskError) -> DiskError {
    // What is left of it would be in the way, above all when there is no space left.
    let _ = std::fs::remove_file(path);
    error
}

/// In parts, each synced: one large sync would hold up the log's own small ones for as long.
fn write(file: &File, bytes: &[u8], stop: &Stop) -> io::Result<()> {
    let mut offset = 0;
    for part in bytes.chunks(PART_BYTES) {
        stop.check()?;
        file.write_all_at(part, offset)?;
        file.sync_data()?;
        offset += part.len() as u64;
    }
    file.sync_all()
}

/// An error unless the file holds just these bytes.
fn compare(file: &File, bytes: &[u8], stop: &Stop) -> io::Result<()> {
    let differs = || io::Error::other("it reads otherwise than it was written");
    if file.metadata()?.len() != bytes.len() as u64 {
        return Err(differs());
    }
    let mut read = vec![0; PART_BYTES.min(bytes.len())];
    let mut offset = 0;
    for part in bytes.chunks(PART_BYTES) {
        stop.check()?;
        let read = &mut read[..part.len()];
        if read_full(file, offset, read)? != part.len() || read != part {
            return Err(differs());
        }
        offset += part.len() as u64;
    }
    Ok(())
}
