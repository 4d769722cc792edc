//! The chief rules again, on real files.

use crate::history::{FRESH, NODE, OPTIONS, founding, write};
use std::os::unix::fs::{FileExt, PermissionsExt, symlink};
use std::path::Path;
use tempfile::TempDir;
use tenure::base::Term;
use tenure::node::FileDisk;
use tenure::raft::{HardState, Write};
use tenure::wal::{Disk, DiskError, Recovery, Wal, WalError};

fn open(path: &Path) -> Result<(Wal<FileDisk>, Recovery), WalError> {
    Wal::open_with(FileDisk::open(path)?, NODE, FRESH, &OPTIONS)
}

/// A founded directory with these many entries, each a batch of its own.
fn filled(path: &Path, entries: u64) -> Wal<FileDisk> {
    let (mut wal, recovery) = open(path).unwrap();
    wal.found(&founding(recovery.directory)).unwrap();
    let hard_state = Some(HardState { term: Term(1), vote: Some(NODE) });
    wal.append(&Write { hard_state, ..write(1..1, 0) }).unwrap();
    for index in 1..=entries {
        wal.prepare();
        wal.append(&write(index..index + 1, 300)).unwrap();
        wal.sync().unwrap();
    }
    wal
}

#[test]
fn what_was_synced_is_found_by_the_next_start() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("made/if/missing");
    drop(filled(&path, 40));
    let (_, recovery) = open(&path).unwrap();
    assert_eq!(recovery.entries, write(1..41, 300).entries);
    assert_eq!(recovery.hard_state, HardState { term: Term(1), vote: Some(NODE) });
    assert_eq!((recovery.founding, recovery.trimmed_bytes), (Some(founding(FRESH)), 0));
}

#[test]
fn st43_a_directory_in_use_is_refused_until_it_is_free() {
    let directory = TempDir::new().unwrap();
    let first = filled(directory.path(), 1);
    let refusal = FileDisk::open(directory.path()).unwrap_err();
    let text =
        format!("data directory {} is in use by another process", directory.path().display());
    assert_eq!(refusal, DiskError::Io(text));
    drop(first);
    open(directory.path()).unwrap();
}

#[test]
fn st8_a_damaged_byte_on_a_real_file_is_refused() {
    let directory = TempDir::new().unwrap();
    drop(filled(directory.path(), 5));
    let log = directory.path().join("log-00000000000000000001");
    let file = std::fs::OpenOptions::new().write(true).open(log).unwrap();
    file.write_all_at(b"?", 512 + 360 + 100).unwrap();
    let error = open(directory.path()).unwrap_err();
    assert!(matches!(&error, WalError::Corrupt(text) if text.contains("byte 872")), "{error}");
}

#[test]
fn a_spare_made_by_the_thread_becomes_the_next_segment() {
    let directory = TempDir::new().unwrap();
    let mut disk = FileDisk::open(directory.path()).unwrap();
    disk.prepare("spare.new", 3 << 20);
    let result = loop {
        match disk.take_prepared() {
            Some(result) => break result,
            None => std::thread::yield_now(),
        }
    };
    assert_eq!(result, Ok(()));
    assert_eq!(disk.take_prepared(), None, "it is told once");
    let zeros = std::fs::read(directory.path().join("spare.new")).unwrap();
    assert!(zeros.len() == 3 << 20 && zeros.iter().all(|byte| *byte == 0));
}

#[test]
fn a_spare_that_cannot_be_made_is_an_answer() {
    let directory = TempDir::new().unwrap();
    std::fs::create_dir(directory.path().join("spare.new")).unwrap();
    let mut disk = FileDisk::open(directory.path()).unwrap();
    disk.prepare("spare.new", 512);
    let result = loop {
        match disk.take_prepared() {
            Some(result) => break result,
            None => std::thread::yield_now(),
        }
    };
    assert!(matches!(result, Err(DiskError::Io(text)) if text.contains("spare.new")));
}

#[test]
fn st46_files_are_for_their_owner_alone() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("data");
    let _wal = filled(&path, 1);
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&path), 0o700);
    for entry in std::fs::read_dir(&path).unwrap() {
        assert_eq!(mode(&entry.unwrap().path()), 0o600);
    }
}

#[test]
fn st46_h48_links_pipes_and_directories_in_place_of_files_are_refused() {
    let replace: [fn(&Path); 3] = [
        |path| symlink("elsewhere", path).unwrap(),
        |path| std::fs::create_dir(path).unwrap(),
        |path| {
            let made = std::process::Command::new("mkfifo").arg(path).status().unwrap();
            assert!(made.success());
        },
    ];
    for replace in replace {
        let directory = TempDir::new().unwrap();
        drop(filled(directory.path(), 1));
        let log = directory.path().join("log-00000000000000000001");
        std::fs::rename(&log, directory.path().join("elsewhere")).unwrap();
        replace(&log);
        let error = open(directory.path()).unwrap_err();
        assert!(matches!(error, WalError::Disk(DiskError::Io(_))), "{error}");
    }
}
