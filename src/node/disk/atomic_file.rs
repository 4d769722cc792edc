//! Writes a file of any size atomically: written, synced, read back, renamed (W7).

use super::shared::SharedFile;
use super::worker::Stop;
use super::{PART_BYTES, create_empty, failed, read_full};
use crate::base::blob::ReadAt;
use crate::base::checksum;
use crate::sys::descriptors::Reserve;
use crate::wal::{DiskError, FileBytes, FileContent, NewFile, StoreError};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The temporary path and the final path of a file.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) directory: Arc<File>,
    pub(super) temporary: PathBuf,
    pub(super) path: PathBuf,
    pub(super) reserve: Arc<Reserve>,
}

impl Target {
    /// Writes the file. After a failure it is removed, under whichever name.
    pub(super) fn store(&self, content: FileContent, stop: &Stop) -> Result<(), StoreError> {
        let Self { directory, temporary, path, reserve } = self;
        let file = reserve
            .spend(|| create_empty(temporary))
            .map_err(|error| failed("create", temporary, error))?;
        let mut parts = Parts { place: self, file, unsynced: 0, stop };
        let bytes = content(&mut parts).map_err(|error| give_up(temporary, error))?;
        let file = parts.file;
        file.sync_all()
            .map_err(|error| give_up(temporary, failed("sync", temporary, error).into()))?;
        std::fs::rename(temporary, path)
            .map_err(|error| give_up(temporary, failed("rename", temporary, error).into()))?;
        directory
            .sync_all()
            .map_err(|error| give_up(path, failed("sync the directory of", path, error).into()))?;
        compare(&file, &bytes, stop)
            .map_err(|error| give_up(path, failed("read back", path, error).into()))?;
        reserve.close(file.into());
        Ok(())
    }
}

fn give_up(path: &Path, error: StoreError) -> StoreError {
    // A partial file would only take space.
    let _ = std::fs::remove_file(path);
    error
}

/// The file while its content is made. Written in parts, each synced: one large sync would hold up
/// the log's own small ones.
struct Parts<'p> {
    place: &'p Target,
    file: File,
    unsynced: usize,
    stop: &'p Stop,
}

impl NewFile for Parts<'_> {
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> Result<(), DiskError> {
        let mut at = offset;
        for part in bytes.chunks(PART_BYTES) {
            self.write(at, part).map_err(|error| failed("write", &self.place.temporary, error))?;
            at += part.len() as u64;
        }
        Ok(())
    }

    fn shared(&mut self) -> Result<Arc<dyn ReadAt>, DiskError> {
        let Target { temporary, path, reserve, .. } = self.place;
        // Messages of its readers name the final path.
        let shared = SharedFile::of(&self.file, path, reserve);
        Ok(Arc::new(shared.map_err(|error| failed("open", temporary, error))?))
    }
}

impl Parts<'_> {
    fn write(&mut self, offset: u64, part: &[u8]) -> io::Result<()> {
        self.stop.check()?;
        self.file.write_all_at(part, offset)?;
        self.unsynced += part.len();
        if self.unsynced >= PART_BYTES {
            self.file.sync_data()?;
            self.unsynced = 0;
        }
        Ok(())
    }
}

/// Checks that the file holds exactly these bytes.
fn compare(file: &File, bytes: &FileBytes, stop: &Stop) -> io::Result<()> {
    let differs = || io::Error::other("it reads otherwise than it was written");
    let length = bytes.file_length();
    if file.metadata()?.len() != length {
        return Err(differs());
    }
    let mut head = vec![0; bytes.head.len()];
    if read_full(file, 0, &mut head)? != head.len() || head != bytes.head {
        return Err(differs());
    }
    let (mut offset, mut crc, mut part) =
        (head.len() as u64, checksum::crc32c(&[]), vec![0; PART_BYTES]);
    while offset < length {
        stop.check()?;
        let read = read_full(file, offset, &mut part)?;
        if read == 0 {
            return Err(differs());
        }
        crc = checksum::extend(crc, &part[..read]);
        offset += read as u64;
    }
    if crc == bytes.body.crc() { Ok(()) } else { Err(differs()) }
}
