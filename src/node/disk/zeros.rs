//! Writing a spare file through with zeros.

use super::worker::Stop;
use super::{PART_BYTES, create_empty, failed};
use crate::wal::DiskError;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

/// Makes the file at `path` in `directory`, `bytes` long, all of it durable with its name.
pub(super) fn prepare(
    directory: &Path,
    path: &Path,
    bytes: u64,
    stop: &Stop,
) -> Result<(), DiskError> {
    let sync_name = || File::open(directory).and_then(|directory| directory.sync_all());
    write_zeros(path, bytes, stop).and_then(|()| sync_name()).map_err(|error| {
        // Half a spare is only in the way, above all when there is no space left.
        let _ = std::fs::remove_file(path);
        failed("prepare", path, &error)
    })
}

/// In parts, each synced: one large sync would hold up the log's own small ones for as long.
fn write_zeros(path: &Path, bytes: u64, stop: &Stop) -> io::Result<()> {
    let file = create_empty(path)?;
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
