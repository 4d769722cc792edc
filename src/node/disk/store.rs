//! Making a file with a content that may be large: durable, named, and read back (W7).

use super::worker::Stop;
use super::{PART_BYTES, create_empty, failed, open_regular, read_full};
use crate::wal::{DiskError, FileContent, StoreError};
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// Where a file is made, and where it is put.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) directory: PathBuf,
    pub(super) temporary: PathBuf,
    pub(super) path: PathBuf,
}

impl Place {
    /// Does all of it. After a failure the file is removed, under whichever name it has.
    pub(super) fn store(&self, content: FileContent, stop: &Stop) -> Result<(), StoreError> {
        let bytes = content().map_err(StoreError::Content)?;
        let Self { directory, temporary, path } = self;
        write(temporary, &bytes, stop)
            .map_err(|error| give_up(temporary, failed("write", temporary, &error)))?;
        std::fs::rename(temporary, path)
            .map_err(|error| give_up(temporary, failed("rename", temporary, &error)))?;
        File::open(directory)
            .and_then(|directory| directory.sync_all())
            .map_err(|error| give_up(path, failed("sync", directory, &error)))?;
        compare(path, &bytes, stop)
            .map_err(|error| give_up(path, failed("read back", path, &error)))?;
        Ok(())
    }
}

fn give_up(path: &Path, error: DiskError) -> DiskError {
    // What is left of it would be in the way, above all when there is no space left.
    let _ = std::fs::remove_file(path);
    error
}

/// In parts, each synced: one large sync would hold up the log's own small ones for as long.
fn write(path: &Path, bytes: &[u8], stop: &Stop) -> io::Result<()> {
    let file = create_empty(path)?;
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
fn compare(path: &Path, bytes: &[u8], stop: &Stop) -> io::Result<()> {
    let differs = || io::Error::other("it reads otherwise than it was written");
    let file = open_regular(path, OpenOptions::new().read(true))?;
    if file.metadata()?.len() != bytes.len() as u64 {
        return Err(differs());
    }
    let mut read = vec![0; PART_BYTES.min(bytes.len())];
    let mut offset = 0;
    for part in bytes.chunks(PART_BYTES) {
        stop.check()?;
        let read = &mut read[..part.len()];
        if read_full(&file, offset, read)? != part.len() || read != part {
            return Err(differs());
        }
        offset += part.len() as u64;
    }
    Ok(())
}
