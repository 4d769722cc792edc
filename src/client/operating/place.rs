//! Atomic, durable writes of a file.

use crate::sys::{random, thread};
use crate::{Error, Status};
use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Writes `path` whole and durable, or not at all, on a thread of ours that blocks signals: a write
/// beyond RLIMIT_FSIZE is an error there, and no signal that kills the host.
///
/// # Errors
/// IO.
pub fn place_file(path: &Path, bytes: Vec<u8>) -> Result<(), Error> {
    let failed = |error: io::Error| {
        let text = format!("cannot write {}: {error}", path.display());
        Error::new(Status::Io, text).because_of(error)
    };
    let to = path.to_owned();
    let placing = thread::spawn("tenure-save", move || place(&to, &bytes));
    let placed = placing.map_err(failed)?.join();
    placed.map_err(|_| Error::from(Status::Internal))?.map_err(failed)
}

/// Writes `path` by way of a temporary file beside it, durably.
fn place(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let name = path.file_name().ok_or(io::ErrorKind::IsADirectory)?;
    let mut temporary: OsString = name.to_owned();
    temporary.push(format!(".new-{}-{:08x}", std::process::id(), random::seed() as u32));
    let temporary = path.with_file_name(temporary);
    let placed = write(&temporary, bytes).and_then(|()| fs::rename(&temporary, path));
    if placed.is_err() {
        // If the temporary file cannot be removed either, its name says what it is.
        let _ = fs::remove_file(&temporary);
        return placed;
    }
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    File::open(directory.unwrap_or(Path::new(".")))?.sync_all()
}

fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_file_is_replaced_as_a_whole_and_is_its_owners_alone() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("backup");
        for bytes in [b"first".as_slice(), b"second"] {
            place(&path, bytes).unwrap();
            assert_eq!(fs::read(&path).unwrap(), bytes);
        }
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_cannot_be_placed_leaves_nothing_behind() {
        let directory = tempfile::tempdir().unwrap();
        let taken = directory.path().join("taken");
        fs::create_dir(&taken).unwrap();
        assert!(place(&taken, b"bytes").is_err());
        assert!(place(&directory.path().join("missing/file"), b"bytes").is_err());
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }
}
