//! The chief rules again, on real files.

use crate::wal::history::{
    FRESH, NODE, OPTIONS, begin, end, founding, restart, snapshot, store, write,
};
use std::os::unix::fs::{FileExt, PermissionsExt, symlink};
use std::path::Path;
use tempfile::TempDir;
use tenure::base::blob::{Sink, Unmade};
use tenure::base::{Ancestors, Index, Term};
use tenure::node::FileDisk;
use tenure::raft::{HardState, Write};
use tenure::wal::{Disk, DiskError, FileBytes, Recovery, SnapshotEnd, StoreError, Wal, WalError};

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
    assert_eq!(refusal, DiskError::Io(text.into()));
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
    assert!(matches!(result, Err(DiskError::Unusable(text)) if text.contains("spare.new")));
}

#[test]
fn st46_files_are_for_their_owner_alone() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("data");
    let mut wal = filled(&path, 1);
    store(&mut wal, &snapshot(1, 1, 1000));
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
        assert!(matches!(error, WalError::Disk(DiskError::Unusable(_))), "{error}");
    }
}

/// Copies the directory as a process that was killed now would leave it, and opens the copy.
fn start_again(path: &Path) -> (u64, Vec<u64>) {
    let copy = TempDir::new().unwrap();
    for entry in std::fs::read_dir(path).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), copy.path().join(entry.file_name())).unwrap();
    }
    let (_, recovery) = open(copy.path()).unwrap();
    let stored = recovery.snapshot.map_or(0, |snapshot| snapshot.meta.index.0);
    (stored, recovery.entries.iter().map(|entry| entry.index.0).collect())
}

#[test]
fn st28_st29_st36_a_process_that_is_killed_between_any_two_steps_starts_again() {
    let directory = TempDir::new().unwrap();
    let path = directory.path();
    let mut wal = filled(path, 30);
    store(&mut wal, &snapshot(20, 1, 3 << 20));
    assert_eq!(start_again(path), (20, (1..=30).collect()));
    for first in [10, 19, 19] {
        wal.compact(Index(21)).unwrap();
        assert_eq!(start_again(path), (20, (first..=30).collect()));
    }
    let hard_state = Some(HardState { term: Term(5), vote: None });
    wal.append(&Write { hard_state, ..write(1..1, 0) }).unwrap();
    let new = snapshot(50, 5, 1000);
    store(&mut wal, &new);
    assert_eq!(start_again(path), (50, vec![]), "before the log begins anew");
    wal.append(&Write { start: restart(&new).start, ..write(51..54, 300) }).unwrap();
    wal.sync().unwrap();
    assert_eq!(start_again(path), (50, (51..=53).collect()));
    (0..5).for_each(|_| wal.compact(Index(51)).unwrap());
    assert_eq!(start_again(path), (50, (51..=53).collect()));
    drop(wal);
    assert_eq!(open(path).unwrap().1.snapshot, Some(new));
}

#[test]
fn st32_a_snapshot_in_the_making_is_nothing_to_the_next_start() {
    let directory = TempDir::new().unwrap();
    let path = directory.path();
    let mut wal = filled(path, 10);
    let (release, released) = std::sync::mpsc::channel();
    let new = snapshot(8, 1, 2 << 20);
    let data = new.data.to_vec().unwrap();
    let content = move |sink: &mut dyn Sink| {
        let () = released.recv().map_err(|error| Unmade::Refused(error.to_string()))?;
        sink.put(&data).map_err(Unmade::Refused)
    };
    wal.begin_snapshot(new.meta.clone(), Box::new(content));
    assert_eq!(wal.take_snapshot(), Ok(None), "the loop is not held up");
    wal.append(&write(11..12, 300)).unwrap();
    wal.sync().unwrap();
    assert_eq!(start_again(path), (0, (1..=11).collect()));
    release.send(()).unwrap();
    assert_eq!(end(&mut wal), Ok(SnapshotEnd::Stored(new)));
    assert_eq!(start_again(path), (8, (1..=11).collect()));
}

#[test]
fn w7_a_spare_is_made_while_a_snapshot_is_stored() {
    let directory = TempDir::new().unwrap();
    let mut disk = FileDisk::open(directory.path()).unwrap();
    let (release, released) = std::sync::mpsc::channel::<()>();
    disk.begin_store(
        "snapshot.new",
        "snapshot",
        Box::new(move |file| {
            released.recv().map_err(|error| StoreError::Content(error.to_string()))?;
            FileBytes::written(file, vec![7; 3 << 20])
        }),
    );
    disk.prepare("spare.new", 4096);
    while disk.take_prepared().is_none() {
        std::thread::yield_now();
    }
    assert_eq!(disk.take_stored(), None);
    release.send(()).unwrap();
    assert_eq!(stored(&mut disk), Ok(()));
    assert_eq!(disk.take_stored(), None, "it is told once");
    assert_eq!(std::fs::read(directory.path().join("snapshot")).unwrap(), vec![7; 3 << 20]);
    assert!(!directory.path().join("snapshot.new").exists());
}

fn stored(disk: &mut FileDisk) -> Result<(), StoreError> {
    loop {
        match disk.take_stored() {
            Some(result) => return result,
            None => std::thread::yield_now(),
        }
    }
}

#[test]
fn st22_of_a_file_that_cannot_be_stored_nothing_is_left() {
    let directory = TempDir::new().unwrap();
    // Its name is taken by a directory: the rename fails after all was written.
    std::fs::create_dir_all(directory.path().join("snapshot/taken")).unwrap();
    let mut disk = FileDisk::open(directory.path()).unwrap();
    disk.begin_store(
        "snapshot.new",
        "snapshot",
        Box::new(|file| FileBytes::written(file, vec![1; 1000])),
    );
    let result = stored(&mut disk);
    assert!(matches!(result, Err(StoreError::Disk(DiskError::Unusable(_)))), "{result:?}");
    assert!(!directory.path().join("snapshot.new").exists());
    disk.begin_store("snapshot.new", "other", Box::new(|_| Err(StoreError::Content("no".into()))));
    assert_eq!(stored(&mut disk), Err(StoreError::Content("no".into())));
    disk.begin_store(
        "snapshot.new",
        "other",
        Box::new(|file| FileBytes::written(file, Vec::new())),
    );
    assert_eq!(stored(&mut disk), Ok(()));
    assert_eq!(std::fs::read(directory.path().join("other")).unwrap(), Vec::<u8>::new());
}

#[test]
fn a_directory_is_free_again_as_soon_as_one_that_stores_is_closed() {
    let directory = TempDir::new().unwrap();
    let mut wal = filled(directory.path(), 10);
    begin(&mut wal, &snapshot(8, 1, 8 << 20));
    drop(wal);
    let left = std::fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap().file_name());
    assert!(left.into_iter().all(|name| name != "snapshot.new"));
    open(directory.path()).unwrap();
}

#[test]
fn a_directory_of_real_files_is_restored_once() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("data");
    let state = snapshot(20, 5, 1 << 20);
    let restore = || {
        Wal::restore(
            FileDisk::open(&path).unwrap(),
            NODE,
            FRESH,
            (&state, &Ancestors::NONE),
            &OPTIONS,
        )
    };
    assert_eq!(restore(), Ok(FRESH));
    assert!(matches!(restore(), Err(WalError::Foreign(text)) if text.contains("not empty")));
    let (_, recovery) = open(&path).unwrap();
    assert_eq!((recovery.founding, recovery.snapshot), (None, Some(state)));
}

#[test]
fn st46_h48_what_is_no_snapshot_in_place_of_one_is_refused() {
    let replace: [fn(&Path); 4] = [
        |path| symlink("elsewhere", path).unwrap(),
        |path| std::fs::create_dir(path).unwrap(),
        |path| {
            let made = std::process::Command::new("mkfifo").arg(path).status().unwrap();
            assert!(made.success());
        },
        // Eight terabytes of nothing: no memory is asked for.
        |path| std::fs::File::create(path).unwrap().set_len(1 << 43).unwrap(),
    ];
    for replace in replace {
        let directory = TempDir::new().unwrap();
        let path = directory.path();
        let mut wal = filled(path, 30);
        store(&mut wal, &snapshot(20, 1, 1000));
        wal.compact(Index(21)).unwrap();
        drop(wal);
        let stored = path.join("snapshot-0000000000000014");
        std::fs::rename(&stored, path.join("elsewhere")).unwrap();
        replace(&stored);
        let error = open(path).unwrap_err();
        assert!(
            matches!(error, WalError::Disk(DiskError::Unusable(_)) | WalError::Corrupt(_)),
            "{error}"
        );
        assert!(error.to_string().contains("snapshot-0000000000000014"), "{error}");
    }
}

#[test]
fn w1_a_log_whose_directory_or_files_are_removed_promises_nothing_any_more() {
    for whole in [true, false] {
        let directory = TempDir::new().unwrap();
        let path = directory.path().join("data");
        let mut wal = filled(&path, 3);
        if whole {
            std::fs::remove_dir_all(&path).unwrap();
        } else {
            let names = std::fs::read_dir(&path).unwrap();
            names.for_each(|entry| std::fs::remove_file(entry.unwrap().path()).unwrap());
        }
        // The file is looked at once in a while, however little is written.
        for _ in 0..16 {
            wal.prepare();
        }
        match wal.append(&write(4..5, 300)) {
            Err(WalError::Disk(DiskError::Unusable(text))) => {
                assert!(text.contains("was removed") && text.contains(path.to_str().unwrap()));
            }
            other => panic!("{other:?}"),
        }
        assert!(wal.sync().is_err(), "for good");
    }
}
