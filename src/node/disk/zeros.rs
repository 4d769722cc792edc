//! Fills a spare file with zeros.

use super::worker::Stop;
use super::{PART_BYTES, create_empty, failed};
use crate::sys::descriptors::Reserve;
use crate::wal::DiskError;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

/// Makes the file at `path` in `directory`, `bytes` long, durable with its name. It stays open, so
/// that taking it into use needs no descriptor.
pub(super) fn prepare(
    directory: &File,
    path: &Path,
    bytes: u64,
    (reserve, stop): (&Reserve, &Stop),
) -> Result<File, DiskError> {
    let made = reserve.spend(|| create_empty(path)).and_then(|file| {
        write_zeros(&file, bytes, stop)?;
        directory.sync_all()?;
        Ok(file)
    });
    made.map_err(|error| {
        // A partial spare would only take space.
        let _ = std::fs::remove_file(path);
        failed("prepare", path, error)
    })
}

/// Writes zeros in parts, each synced: one large sync would hold up the log's own small ones.
fn write_zeros(file: &File, bytes: u64, stop: &Stop) -> io::Result<()> {
    let zeros = vec![0; PART_BYTES];
    let mut offset = 0;
    while offset < bytes {
        stop.check()?;
        let rest = usize::try_from(bytes - offset).unwrap_or(usize::MAX);
        let part = &zeros[..PART_BYTES.min(rest)];
        file.write_all_at(part, offset)?;
        file.sync_data()?;
        offset += part.len() as u64;
    }
    Ok(())
}
