//! Snapshots beside the log: how they come to be, what replaces them, and which one a start takes.

use crate::wal::disk::{Operation, Survival, TestDisk};
use crate::wal::history::{
    NODE, OPTIONS, append_each, begin, end, founded, founding, make_newer, refused, reopen,
    restart, snapshot, store, write,
};
use tenure::base::blob::Unmade;
use tenure::base::rng::Rng;
use tenure::base::{DirectoryId, Index, Term};
use tenure::raft::{HardState, Snapshot, Write};
use tenure::wal::{DiskError, SnapshotEnd, Wal, WalError};

/// Ten entries, and the snapshot at 6.
fn with_snapshot() -> (TestDisk, Wal<TestDisk>) {
    let disk = TestDisk::default();
    let mut wal = founded(&disk);
    append_each(&mut wal, 1..11, 50);
    store(&mut wal, &snapshot(6, 1, 3000));
    (disk, wal)
}

/// State of the next start: the snapshot's index and the indexes of the entries.
fn found(disk: &TestDisk) -> (u64, Vec<u64>) {
    let (_, recovery) = reopen(disk).unwrap();
    let stored = recovery.snapshot.map_or(0, |snapshot| snapshot.meta.index.0);
    (stored, recovery.entries.iter().map(|entry| entry.index.0).collect())
}

fn indexes(range: std::ops::RangeInclusive<u64>) -> Vec<u64> {
    range.collect()
}

fn names(disk: &TestDisk) -> Vec<String> {
    disk.contents().into_keys().filter(|name| name.starts_with("snapshot")).collect()
}

/// A term in the hard state that later entries and snapshots may have.
fn reach_term(wal: &mut Wal<TestDisk>, term: u64) {
    let hard_state = Some(HardState { term: Term(term), vote: None });
    wal.append(&Write { hard_state, ..write(1..1, 0) }).unwrap();
}

#[test]
fn st28_a_snapshot_is_found_by_the_next_start_beside_the_whole_log() {
    let (disk, _) = with_snapshot();
    let (_, recovery) = reopen(&disk).unwrap();
    assert_eq!(recovery.snapshot, Some(snapshot(6, 1, 3000)));
    assert_eq!(recovery.entries, write(1..11, 50).entries);
}

#[test]
fn w7_the_log_goes_on_while_a_snapshot_is_stored() {
    let disk = TestDisk::default();
    let mut wal = founded(&disk);
    append_each(&mut wal, 1..7, 50);
    begin(&mut wal, &snapshot(6, 1, 3000));
    for index in 7..10 {
        append_each(&mut wal, index..index + 1, 50);
        assert_eq!(wal.take_snapshot(), Ok(None));
    }
    assert!(wal.is_storing());
    assert_eq!(end(&mut wal), Ok(SnapshotEnd::Stored(snapshot(6, 1, 3000))));
    assert!(!wal.is_storing());
    assert_eq!(wal.take_snapshot(), Ok(None), "it is told once");
    assert_eq!(found(&disk), (6, indexes(1..=9)));
}

#[test]
fn w7_an_older_snapshot_goes_only_when_the_newer_one_is_stored() {
    let (disk, mut wal) = with_snapshot();
    begin(&mut wal, &snapshot(9, 1, 3000));
    while wal.take_snapshot().unwrap().is_none() {
        assert!(names(&disk).contains(&OLD.to_owned()));
    }
    assert_eq!(names(&disk), [NEW]);
    assert_eq!(found(&disk), (9, indexes(1..=10)));
}

#[test]
fn w7_a_removed_snapshot_that_a_power_cut_brings_back_is_removed_by_the_next_start() {
    let (disk, mut wal) = with_snapshot();
    store(&mut wal, &snapshot(9, 1, 3000));
    disk.restore_power(Survival::Nothing, &mut Rng::new(1));
    assert_eq!(names(&disk), [OLD, NEW]);
    assert_eq!(found(&disk), (9, indexes(1..=10)));
    assert_eq!(names(&disk), [NEW]);
}

#[test]
fn st22_st23_without_space_nothing_is_left_of_a_snapshot_and_the_log_goes_on() {
    let kinds = [Operation::Create, Operation::Write, Operation::Sync, Operation::SyncDirectory];
    for kind in kinds {
        let (disk, mut wal) = with_snapshot();
        disk.fail(kind, 0, DiskError::NoSpace("no space for snapshot.new".into()));
        begin(&mut wal, &snapshot(9, 1, 3000));
        let refusal = SnapshotEnd::NoSpace("no space for snapshot.new".into());
        assert_eq!(end(&mut wal), Ok(refusal), "{kind:?}");
        assert_eq!(names(&disk), [OLD], "{kind:?}");
        append_each(&mut wal, 11..12, 50);
        assert_eq!(found(&disk), (6, indexes(1..=11)), "{kind:?}");
        // Space came back.
        let (mut wal, _) = reopen(&disk).unwrap();
        store(&mut wal, &snapshot(9, 1, 3000));
        assert_eq!(found(&disk), (9, indexes(1..=11)), "{kind:?}");
    }
}

#[test]
fn st17_st24_any_other_error_of_a_snapshot_is_final() {
    let error = DiskError::Io("cannot write: read-only file system".into());
    let kinds = [
        Operation::Create,
        Operation::Write,
        Operation::Sync,
        Operation::Rename,
        Operation::SyncDirectory,
    ];
    for kind in kinds {
        let (disk, mut wal) = with_snapshot();
        disk.fail(kind, 0, error.clone());
        begin(&mut wal, &snapshot(9, 1, 3000));
        let failure = WalError::Disk(error.clone());
        assert_eq!(end(&mut wal), Err(failure.clone()), "{kind:?}");
        assert_eq!(wal.append(&write(11..12, 50)), Err(failure.clone()));
        assert_eq!(wal.compact(Index(1)), Err(failure.clone()));
        assert_eq!(wal.take_snapshot(), Err(failure));
        disk.kill_process();
        assert_eq!(found(&disk), (6, indexes(1..=10)), "{kind:?}");
    }
}

#[test]
fn a_snapshot_whose_content_cannot_be_made_is_an_answer() {
    let (disk, mut wal) = with_snapshot();
    let before = disk.operations();
    wal.begin_snapshot(
        snapshot(9, 1, 0).meta,
        Box::new(|_| Err(Unmade::Refused("too large".into()))),
    );
    assert_eq!(end(&mut wal), Ok(SnapshotEnd::Refused("too large".into())));
    assert_eq!(disk.operations(), before, "nothing was written");
    store(&mut wal, &snapshot(9, 1, 10));
}

#[test]
#[should_panic(expected = "a snapshot at 6, and there is one at 6")]
fn st34_state_never_goes_back_to_an_older_snapshot() {
    let (_, mut wal) = with_snapshot();
    begin(&mut wal, &snapshot(6, 1, 10));
}

#[test]
#[should_panic(expected = "a snapshot of term 9, the term is 1")]
fn w6_a_snapshot_of_a_term_that_is_not_durable_is_a_bug() {
    let (_, mut wal) = with_snapshot();
    begin(&mut wal, &snapshot(9, 9, 10));
}

#[test]
#[should_panic(expected = "a log behind 7, the last snapshot is at 6")]
fn w7_a_log_that_begins_behind_no_snapshot_is_a_bug() {
    let (_, mut wal) = with_snapshot();
    let _ = wal.append(&restart(&snapshot(7, 1, 0)));
}

#[test]
fn st31_a_damaged_snapshot_gives_way_to_an_older_one_that_the_log_continues() {
    let (disk, mut wal) = with_snapshot();
    let old = disk.contents()[OLD].clone();
    store(&mut wal, &snapshot(9, 1, 3000));
    let newer = disk.contents()[NEW].clone();
    for at in (0..newer.len()).step_by(61) {
        disk.edit(OLD, |bytes| bytes.clone_from(&old));
        disk.edit(NEW, |bytes| {
            bytes.clone_from(&newer);
            bytes[at] ^= 0x40;
        });
        assert_eq!(found(&disk), (6, indexes(1..=10)), "byte {at}");
        assert_eq!(names(&disk), [OLD]);
    }
    // Without an older one the log from index 1 tells as much.
    disk.erase(OLD);
    disk.edit(NEW, |bytes| bytes.extend_from_slice(&newer[..newer.len() - 1]));
    assert_eq!(found(&disk), (0, indexes(1..=10)));
}

#[test]
fn st31_a_damaged_snapshot_that_the_log_relies_on_is_refused() {
    let (disk, mut wal) = with_snapshot();
    let old = disk.contents()[OLD].clone();
    reach_term(&mut wal, 5);
    store(&mut wal, &snapshot(20, 5, 3000));
    wal.append(&restart(&snapshot(20, 5, 0))).unwrap();
    wal.sync().unwrap();
    // Brought back by a power cut, and of no use any more.
    disk.edit(OLD, |bytes| *bytes = old);
    let name = "snapshot-0000000000000014";
    let intact = disk.contents()[name].clone();
    for at in (0..intact.len()).step_by(61) {
        disk.edit(name, |bytes| bytes[at] ^= 0x40);
        let message = refused(&disk);
        assert!(message.starts_with(&format!("{name} is damaged.")), "{message}");
        assert!(message.contains("empty data directory"), "says what to do: {message}");
        disk.edit(name, |bytes| bytes.clone_from(&intact));
        disk.edit(name, |bytes| bytes.truncate(at));
        assert!(refused(&disk).starts_with(&format!("{name} is damaged.")));
        disk.edit(name, |bytes| bytes.clone_from(&intact));
    }
    disk.erase(name);
    let message = refused(&disk);
    assert!(message.contains("continues a snapshot at index 20"), "{message}");
}

#[test]
fn st20_an_error_while_a_snapshot_is_read_is_no_damage() {
    let (disk, _) = with_snapshot();
    let error = DiskError::Io("cannot read: bad sector".into());
    // Identity, founding, hard state and a segment come first; then the head and the body.
    for pass in 4..6 {
        disk.fail(Operation::Read, pass, error.clone());
        assert_eq!(reopen(&disk).unwrap_err(), WalError::Disk(error.clone()));
    }
    assert_eq!(found(&disk), (6, indexes(1..=10)));
}

#[test]
fn st35_a_snapshot_of_another_directory_or_a_newer_format_is_refused() {
    let (disk, _) = with_snapshot();
    let ours = disk.contents()[OLD].clone();
    let theirs = {
        let disk = TestDisk::default();
        let directory = DirectoryId([0xee; 16]);
        let (mut wal, _) = Wal::open_with(disk.clone(), NODE, directory, &OPTIONS).unwrap();
        wal.found(&founding(directory)).unwrap();
        append_each(&mut wal, 1..1, 0);
        reach_term(&mut wal, 1);
        store(&mut wal, &snapshot(6, 1, 3000));
        disk.contents()[OLD].clone()
    };
    disk.edit(OLD, |bytes| *bytes = theirs);
    assert!(refused(&disk).contains("belongs to another data directory"));
    disk.edit(OLD, |bytes| *bytes = ours);
    make_newer(&disk, OLD, 0);
    assert!(refused(&disk).starts_with(&format!("{OLD} has format 2")));
}

#[test]
fn st31_a_snapshot_under_the_name_of_another_is_none() {
    let (disk, _) = with_snapshot();
    let old = disk.contents()[OLD].clone();
    disk.edit(NEW, |bytes| *bytes = old);
    assert_eq!(found(&disk), (6, indexes(1..=10)));
    assert_eq!(names(&disk), [OLD]);
}

#[test]
fn st32_a_snapshot_that_was_cut_at_any_step_leaves_the_old_state_or_the_new_one() {
    let new = snapshot(20, 5, 3000);
    let (mut old_states, mut new_states) = (0, 0);
    for survival in [Survival::Nothing, Survival::Everything, Survival::Random] {
        for cut in 0..20 {
            let (disk, mut wal) = with_snapshot();
            reach_term(&mut wal, 5);
            disk.cut_power_after(cut);
            begin(&mut wal, &new);
            let ended = end(&mut wal);
            disk.restore_power(survival, &mut Rng::new(cut));
            match found(&disk) {
                (20, entries) => {
                    assert_eq!(entries, Vec::<u64>::new(), "the old log is not replayed over it");
                    new_states += 1;
                }
                old => {
                    assert_eq!(old, (6, indexes(1..=10)));
                    assert!(ended.is_err(), "what was stored is found");
                    old_states += 1;
                }
            }
            assert_eq!(names(&disk).len(), 1, "nothing half made is left");
        }
    }
    assert!(old_states > 10 && new_states > 10, "{old_states} {new_states}");
}

/// The state after a snapshot was stored and before the log started over behind it.
fn between(new: &Snapshot) -> TestDisk {
    let (disk, mut wal) = with_snapshot();
    reach_term(&mut wal, 5);
    store(&mut wal, new);
    disk
}

#[test]
fn st36_a_log_that_is_shorter_than_the_snapshot_is_dropped() {
    let disk = between(&snapshot(20, 1, 3000));
    assert_eq!(found(&disk), (20, vec![]));
}

#[test]
fn st36_a_log_of_another_past_is_dropped() {
    let disk = between(&snapshot(8, 5, 3000));
    assert_eq!(found(&disk), (8, vec![]), "entry 8 is of term 1");
}

#[test]
fn st36_a_log_through_the_snapshot_is_kept() {
    let disk = between(&snapshot(8, 1, 3000));
    assert_eq!(found(&disk), (8, indexes(1..=10)));
}

#[test]
fn st36_a_start_that_drops_the_log_is_durable_before_the_log_goes_on() {
    for survival in [Survival::Nothing, Survival::Everything, Survival::Random] {
        for cut in 0..8 {
            let disk = between(&snapshot(8, 5, 3000));
            disk.cut_power_after(cut);
            let opened = reopen(&disk).map(|(_, recovery)| recovery.entries);
            disk.restore_power(survival, &mut Rng::new(cut));
            assert!(opened.is_err() || opened == Ok(vec![]));
            let (mut wal, recovery) = reopen(&disk).unwrap();
            assert_eq!(recovery.entries, []);
            append_each(&mut wal, 9..12, 50);
            disk.restore_power(Survival::Nothing, &mut Rng::new(cut));
            assert_eq!(found(&disk), (8, indexes(9..=11)));
        }
    }
}

#[test]
fn a_log_that_begins_anew_goes_on_behind_the_snapshot() {
    let (disk, mut wal) = with_snapshot();
    reach_term(&mut wal, 5);
    let new = snapshot(20, 5, 3000);
    store(&mut wal, &new);
    wal.append(&Write { start: restart(&new).start, ..write(21..24, 50) }).unwrap();
    wal.append(&Write { truncate_from: Some(Index(22)), ..write(22..26, 50) }).unwrap();
    wal.sync().unwrap();
    assert_eq!(found(&disk), (20, indexes(21..=25)));
}

#[test]
fn st25_a_snapshot_whose_new_name_was_lost_is_found_under_its_old_one() {
    let (disk, mut wal) = with_snapshot();
    reach_term(&mut wal, 5);
    let new = snapshot(20, 5, 3000);
    store(&mut wal, &new);
    wal.append(&Write { start: restart(&new).start, ..write(21..24, 50) }).unwrap();
    wal.sync().unwrap();
    let name = "snapshot-0000000000000014";
    let bytes = disk.contents()[name].clone();
    disk.erase(name);
    disk.edit("snapshot.new", |file| *file = bytes);
    assert_eq!(found(&disk), (20, indexes(21..=23)));
    assert_eq!(names(&disk), [name]);
}

#[test]
fn a_snapshot_that_is_half_made_is_removed_whatever_it_holds() {
    let (disk, _) = with_snapshot();
    let whole = disk.contents()[OLD].clone();
    for half in [&whole[..0], &whole[..100], &whole] {
        disk.edit("snapshot.new", |bytes| *bytes = half.to_vec());
        assert_eq!(found(&disk), (6, indexes(1..=10)));
        assert_eq!(names(&disk), [OLD]);
    }
}

#[test]
fn an_old_copy_of_the_hard_state_under_a_newer_snapshot_is_refused() {
    let (disk, mut wal) = with_snapshot();
    let old = disk.contents()["hard-state"].clone();
    reach_term(&mut wal, 5);
    store(&mut wal, &snapshot(20, 5, 10));
    disk.edit("hard-state", |bytes| *bytes = old);
    assert!(refused(&disk).contains("old copy"));
}

const OLD: &str = "snapshot-0000000000000006";
const NEW: &str = "snapshot-0000000000000009";
