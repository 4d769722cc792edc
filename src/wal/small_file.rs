//! Files that are written once: made under a temporary name and given their own when durable (W3).

use super::bytes::to_usize;
use super::envelope::{self, Flaw, Magic, Opened};
use super::{Disk, DiskError, WalError};

/// Writes `bytes` as the file `name`; durable with its name on return.
pub(super) fn place<D: Disk>(
    disk: &mut D,
    temporary: &str,
    name: &str,
    bytes: &[u8],
) -> Result<(), DiskError> {
    let file = disk.create(temporary)?;
    disk.write_at(file, 0, bytes)?;
    disk.sync_data(file)?;
    disk.close(file);
    disk.rename(temporary, name)?;
    disk.sync_directory()
}

/// Gives a file the name that a lost rename took from it (ST25). All of it is written once more first: a
/// sync before may have failed.
pub(super) fn give_name<D: Disk>(disk: &mut D, from: &str, to: &str) -> Result<(), WalError> {
    let file = disk.open(from)?.ok_or_else(|| Flaw::Damaged.describe(from))?;
    let mut bytes = vec![0; to_usize(disk.length(file)?)];
    disk.read_at(file, 0, &mut bytes)?;
    disk.write_at(file, 0, &bytes)?;
    disk.sync_data(file)?;
    disk.close(file);
    disk.rename(from, to)?;
    disk.sync_directory()?;
    Ok(())
}

/// All of the file `name`, or `None` if there is none.
pub(super) fn read<D: Disk>(disk: &mut D, name: &str) -> Result<Option<Vec<u8>>, WalError> {
    let Some(file) = disk.open(name)? else { return Ok(None) };
    let bytes = read_open(disk, file, name);
    disk.close(file);
    bytes.map(Some)
}

/// The envelope that must fill a file.
pub(super) fn open_whole<'a>(
    magic: Magic,
    name: &str,
    bytes: &'a [u8],
) -> Result<Opened<'a>, WalError> {
    let opened = envelope::open(magic, bytes).map_err(|flaw| flaw.describe(name))?;
    if envelope::sealed_bytes(opened.body.len()) == bytes.len() {
        Ok(opened)
    } else {
        Err(Flaw::Damaged.describe(name))
    }
}

fn read_open<D: Disk>(disk: &mut D, file: super::FileId, name: &str) -> Result<Vec<u8>, WalError> {
    let length = disk.length(file)?;
    if length > BYTES_MAX {
        return Err(Flaw::Damaged.describe(name));
    }
    let mut bytes = vec![0; to_usize(length)];
    let read = disk.read_at(file, 0, &mut bytes)?;
    bytes.truncate(read);
    Ok(bytes)
}

/// Far above any of ours, and nothing to allocate for a file that was swapped for a huge one.
const BYTES_MAX: u64 = 64 << 10;
