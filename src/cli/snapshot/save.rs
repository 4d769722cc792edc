//! `tenure snapshot save`: the state of all that was granted and released before, as a file.

use crate::cli::connect::Connection;
use crate::cli::failure::Failure;
use crate::cli::snapshot::content::Content;
use crate::cli::snapshot::fetch::fetch;
use crate::cli::{output, size};
use clap::Args;
use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use tenure::wal::snapshot_file;

/// Have the leader make a snapshot, and write it to FILE.
///
/// FILE appears whole, and durable, or not at all; one that is there is replaced. Only its owner can read it: it
/// holds the names and values of all locks, and the keys of their sessions.
#[derive(Args, Debug)]
pub struct Options {
    /// The file to write
    file: PathBuf,
    #[command(flatten)]
    connection: Connection,
}

/// Runs it.
pub fn run(options: &Options) -> Result<(), Failure> {
    let (snapshot, cluster) = fetch(&options.connection)?;
    let bytes = snapshot_file::encode(&snapshot, cluster);
    // What is kept for the day on which it is needed must be readable.
    let content = Content::of(snapshot, cluster).map_err(Failure::unavailable)?;
    let shown = options.file.display();
    place(&options.file, &bytes)
        .map_err(|error| Failure::unavailable(format!("cannot write {shown}: {error}")))?;
    let size = size::show(bytes.len() as u64);
    output::conclude(&format!("{shown}: {}, {size}\n", content.summary()))
}

/// Writes `path` by way of a temporary file beside it, durably.
pub fn place(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let name = path.file_name().ok_or(io::ErrorKind::IsADirectory)?;
    let mut temporary: OsString = name.to_owned();
    temporary.push(format!(".new-{}", std::process::id()));
    let temporary = path.with_file_name(temporary);
    let placed = write(&temporary, bytes).and_then(|()| fs::rename(&temporary, path));
    if placed.is_err() {
        // What is left is of no use; if it cannot be removed either, its name says what it is.
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
