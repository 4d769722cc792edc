//! Segments that hold only what a snapshot has: removed from the front, one at a time.

use crate::wal::disk::{Operation, Survival, TestDisk};
use crate::wal::history::{
    append_each, founded, refused, reopen, restart, segments, snapshot, store, write,
};
use tenure::base::rng::Rng;
use tenure::base::{Index, Term};
use tenure::raft::{HardState, Write};
use tenure::wal::{DiskError, Wal, WalError};

/// Nine records of 360 bytes to a segment: entries 1–9, 10–18, 19–27, 28–30; the snapshot at 20.
fn four_segments() -> (TestDisk, Wal<TestDisk>) {
    let disk = TestDisk::default();
    let mut wal = founded(&disk);
    append_each(&mut wal, 1..31, 300);
    assert_eq!(segments(&disk).len(), 4);
    store(&mut wal, &snapshot(20, 1, 500));
    (disk, wal)
}

fn name(number: u64) -> String {
    format!("log-{number:020}")
}

/// The first and the last index that a start finds.
fn found(disk: &TestDisk) -> (u64, u64) {
    let (_, recovery) = reopen(disk).unwrap();
    assert_eq!(recovery.snapshot, Some(snapshot(20, 1, 500)));
    let entries = recovery.entries;
    assert!(entries.windows(2).all(|two| two[1].index == two[0].index.next()));
    (entries[0].index.0, entries.last().unwrap().index.0)
}

#[test]
fn st29_segments_go_one_at_a_time_oldest_first_and_no_further_than_the_snapshot() {
    let (disk, mut wal) = four_segments();
    let firsts: Vec<u64> = (0..4)
        .map(|_| {
            wal.compact(Index(21)).unwrap();
            found(&disk).0
        })
        .collect();
    assert_eq!(firsts, [10, 19, 19, 19], "entry 21 is in the third");
    assert_eq!(segments(&disk), [name(3), name(4)]);
    append_each(&mut reopen(&disk).unwrap().0, 31..60, 300);
    assert_eq!(found(&disk), (19, 59));
}

#[test]
fn a_segment_with_one_entry_that_is_needed_stays() {
    for (first_needed, first) in [(1, 1), (9, 1), (10, 10), (18, 10), (19, 19)] {
        let (disk, mut wal) = four_segments();
        (0..4).for_each(|_| wal.compact(Index(first_needed)).unwrap());
        assert_eq!(found(&disk).0, first, "needed from {first_needed}");
    }
}

#[test]
fn st29_a_power_cut_at_any_operation_of_compaction_leaves_a_contiguous_log() {
    for survival in [Survival::Nothing, Survival::Everything, Survival::Random] {
        for cut in 0..5 {
            let (disk, mut wal) = four_segments();
            disk.cut_power_after(cut);
            let _ = (0..3).try_for_each(|_| wal.compact(Index(21)));
            disk.restore_power(survival, &mut Rng::new(cut));
            let (first, last) = found(&disk);
            assert!([1, 10, 19].contains(&first) && last == 30, "{first}–{last}");
            let (mut wal, _) = reopen(&disk).unwrap();
            (0..3).for_each(|_| wal.compact(Index(21)).unwrap());
            assert_eq!(found(&disk), (19, 30));
        }
    }
}

#[test]
fn st17_an_error_of_compaction_is_final() {
    for kind in [Operation::Rename, Operation::SyncDirectory] {
        let (disk, mut wal) = four_segments();
        let error = DiskError::Io("cannot remove".into());
        disk.fail(kind, 0, error.clone());
        assert_eq!(wal.compact(Index(21)), Err(WalError::Disk(error.clone())));
        assert_eq!(wal.compact(Index(21)), Err(WalError::Disk(error)));
        assert_eq!(found(&disk).1, 30);
    }
}

#[test]
#[should_panic(expected = "22 is behind the snapshot at 20")]
fn w7_no_segment_goes_that_no_snapshot_holds() {
    let (_, mut wal) = four_segments();
    let _ = wal.compact(Index(22));
}

#[test]
fn without_a_snapshot_nothing_goes() {
    let disk = TestDisk::default();
    let mut wal = founded(&disk);
    // All of the first segment is taken back: what the second continues is the empty log.
    append_each(&mut wal, 1..10, 300);
    wal.append(&Write { truncate_from: Some(Index(1)), ..write(1..10, 300) }).unwrap();
    wal.sync().unwrap();
    wal.compact(Index(1)).unwrap();
    assert_eq!(segments(&disk).len(), 2);
}

#[test]
fn st30_a_segment_that_is_missing_behind_the_snapshot_is_refused() {
    let (disk, mut wal) = four_segments();
    wal.compact(Index(21)).unwrap();
    for missing in [name(3), name(2)] {
        let kept = disk.contents()[&missing].clone();
        disk.erase(&missing);
        if missing == name(3) {
            assert!(refused(&disk).starts_with(&format!("{missing} is missing")));
        } else {
            assert_eq!(found(&disk), (19, 30), "the snapshot holds all of it");
        }
        disk.edit(&missing, |bytes| *bytes = kept);
    }
    disk.erase(&name(2));
    disk.erase(&name(3));
    assert!(refused(&disk).starts_with(&format!("{} is missing", name(3))));
}

#[test]
fn st30_a_log_without_its_snapshot_is_refused() {
    let (disk, mut wal) = four_segments();
    wal.compact(Index(21)).unwrap();
    disk.erase("snapshot-0000000000000014");
    assert!(refused(&disk).starts_with(&format!("{} is missing", name(1))));
}

#[test]
fn st8_damage_behind_a_compacted_front_is_refused() {
    let (disk, mut wal) = four_segments();
    wal.compact(Index(21)).unwrap();
    for segment in [2, 3] {
        for at in (0..80).chain(512..512 + 360 * 9).step_by(13) {
            disk.edit(&name(segment), |bytes| bytes[at] ^= 0x04);
            assert!(refused(&disk).contains(&name(segment)), "byte {at}");
            disk.edit(&name(segment), |bytes| bytes[at] ^= 0x04);
        }
    }
    assert_eq!(found(&disk), (10, 30));
}

#[test]
fn the_first_segment_left_may_begin_within_a_batch() {
    let disk = TestDisk::default();
    let mut wal = founded(&disk);
    append_each(&mut wal, 1..8, 300);
    // One batch over three segments.
    wal.append(&write(8..31, 300)).unwrap();
    wal.sync().unwrap();
    store(&mut wal, &snapshot(20, 1, 500));
    (0..2).for_each(|_| wal.compact(Index(21)).unwrap());
    assert_eq!(found(&disk), (19, 30));
}

#[test]
fn a_truncation_may_reach_below_the_first_segment_left() {
    let disk = TestDisk::default();
    let mut wal = founded(&disk);
    append_each(&mut wal, 1..10, 300);
    let hard_state = Some(HardState { term: Term(2), vote: None });
    wal.append(&Write { hard_state, ..write(10..11, 300) }).unwrap();
    // The second segment begins with entry 10; then 6 and all behind are replaced.
    let mut again = write(6..31, 300);
    again.entries.iter_mut().for_each(|entry| entry.term = Term(2));
    wal.append(&Write { truncate_from: Some(Index(6)), ..again.clone() }).unwrap();
    wal.sync().unwrap();
    store(&mut wal, &snapshot(20, 2, 500));
    wal.compact(Index(21)).unwrap();
    assert_eq!(segments(&disk)[0], name(2));
    let (_, recovery) = reopen(&disk).unwrap();
    assert_eq!(recovery.entries, again.entries);
}

#[test]
fn w7_nothing_goes_of_a_log_that_is_to_begin_anew() {
    let (disk, mut wal) = four_segments();
    let hard_state = Some(HardState { term: Term(5), vote: None });
    wal.append(&Write { hard_state, ..write(1..1, 0) }).unwrap();
    // Entry 27 of this log is of another term: only that entry tells, and it must stay until the new start.
    let new = snapshot(27, 5, 500);
    store(&mut wal, &new);
    wal.compact(Index(28)).unwrap();
    assert_eq!(segments(&disk).len(), 4);
    wal.append(&restart(&new)).unwrap();
    wal.compact(Index(28)).unwrap();
    assert_eq!(segments(&disk).len(), 4, "the new start is not durable yet");
    disk.restore_power(Survival::Nothing, &mut Rng::new(1));
    let (mut wal, recovery) = reopen(&disk).unwrap();
    assert_eq!((recovery.snapshot, recovery.entries), (Some(new.clone()), vec![]));
    (0..5).for_each(|_| wal.compact(Index(28)).unwrap());
    assert_eq!(segments(&disk), [name(4)], "it has the new start");
    assert_eq!(reopen(&disk).unwrap().1.snapshot, Some(new));
}

#[test]
fn st25_the_last_segment_of_a_compacted_log_is_found_under_its_old_name() {
    let (disk, mut wal) = four_segments();
    (0..2).for_each(|_| wal.compact(Index(21)).unwrap());
    let last = disk.contents()[&name(4)].clone();
    disk.erase(&name(4));
    disk.edit("spare.new", |bytes| *bytes = last);
    assert_eq!(found(&disk), (19, 30));
}
