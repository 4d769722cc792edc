//! Failing disks: the first error on a durable path is final, a missing spare is not.

use crate::wal::account::{Account, live};
use crate::wal::disk::{Operation, Survival, TestDisk};
use crate::wal::history::{OPTIONS, append_each, begin, end, founded, reopen, snapshot, write};
use tenure::base::Term;
use tenure::base::rng::Rng;
use tenure::raft::{HardState, Write};
use tenure::wal::{DiskError, SnapshotEnd, WalError};

fn io_error() -> DiskError {
    DiskError::Io("cannot sync: input/output error".into())
}

fn no_space() -> DiskError {
    DiskError::NoSpace("cannot write".into())
}

#[test]
fn st17_st18_after_a_failed_sync_nothing_is_promised_any_more() {
    let disk = TestDisk::default();
    let mut wal = founded(&disk);
    append_each(&mut wal, 1..3, 10);
    let durable = wal.durable_sequence();
    disk.fail(Operation::Sync, 0, io_error());
    wal.append(&write(3..4, 10)).unwrap();
    let failure = Err(WalError::Disk(io_error()));
    assert_eq!(wal.sync(), failure);
    // The disk works again; the log does not.
    let operations = disk.operations();
    assert_eq!(wal.sync(), failure);
    assert_eq!(wal.append(&write(4..5, 10)), failure);
    let hard_state = Some(HardState { term: Term(7), vote: None });
    assert_eq!(wal.append(&Write { hard_state, ..write(5..5, 0) }), failure);
    assert!(!wal.prepare());
    assert_eq!((disk.operations(), wal.durable_sequence()), (operations, durable));
}

#[test]
fn st17_a_failure_at_any_operation_is_final_and_loses_nothing() {
    let kinds = [
        Operation::Write,
        Operation::Sync,
        Operation::SyncDirectory,
        Operation::Create,
        Operation::Rename,
    ];
    for kind in kinds {
        for pass in 0.. {
            let mut rng = Rng::new(u64::from(pass));
            let disk = TestDisk::default();
            let mut account = Account::new();
            disk.fail(kind, pass, io_error());
            let ended = live(&disk, &mut account, &mut rng, 10);
            if ended.is_ok() {
                break;
            }
            assert_eq!(ended, Err(WalError::Disk(io_error())));
            // The process starts again, without a power cut; then the power goes after all.
            disk.kill_process();
            live(&disk, &mut account, &mut rng, 0).expect("boots unattended");
            disk.restore_power(Survival::Nothing, &mut rng);
            live(&disk, &mut account, &mut rng, 3).expect("boots unattended");
        }
    }
}

#[test]
fn st19_a_failed_write_is_final() {
    let disk = TestDisk::default();
    let mut wal = founded(&disk);
    wal.append(&write(1..2, 10)).unwrap();
    disk.fail(Operation::Write, 0, io_error());
    assert_eq!(wal.sync(), Err(WalError::Disk(io_error())));
    assert_eq!(wal.sync(), Err(WalError::Disk(io_error())));
}

#[test]
fn st21_st22_a_segment_that_cannot_be_made_when_it_is_needed_is_final_and_the_log_stands() {
    let disk = TestDisk::default();
    let mut wal = founded(&disk);
    append_each(&mut wal, 1..10, 300);
    disk.fail(Operation::Write, 0, no_space());
    let failure = Err(WalError::Disk(no_space()));
    assert_eq!(wal.append(&write(10..11, 300)), failure);
    assert_eq!(wal.sync(), failure);
    let (_, recovery) = reopen(&disk).unwrap();
    assert_eq!(recovery.entries.len(), 9);
    assert!(!disk.contents().contains_key("segment.new"), "the temporary is removed");
}

#[test]
fn st22_st23_a_spare_that_cannot_be_made_is_tried_again_and_refuses_proposals_meanwhile() {
    let disk = TestDisk::default();
    let mut wal = founded(&disk);
    (0..3).for_each(|_| disk.fail(Operation::Prepare, 0, no_space()));
    append_each(&mut wal, 1..4, 300);
    let answers = (0..4).map(|_| wal.prepare()).collect::<Vec<_>>();
    assert_eq!(answers, [true; 4], "there is still room");
    append_each(&mut wal, 4..9, 300);
    assert!(!wal.prepare(), "nearly full, and no spare");
    let turns = (0..100).take_while(|_| !wal.prepare()).count();
    assert!((2..40).contains(&turns), "space came back, and the spare with it: {turns} turns");
    append_each(&mut wal, 9..14, 300);
    assert_eq!(reopen(&disk).unwrap().1.entries.len(), 13);
}

#[test]
fn a_ready_spare_is_used_and_a_late_one_is_not_waited_for() {
    let disk = TestDisk::default();
    let mut wal = founded(&disk);
    append_each(&mut wal, 1..8, 300);
    assert!(wal.prepare(), "begun");
    assert!(wal.prepare(), "ready");
    assert!(disk.contents().contains_key("spare.new"));
    append_each(&mut wal, 8..12, 300);
    assert!(!disk.contents().contains_key("spare.new"), "it became the second segment");
    append_each(&mut wal, 12..30, 300);
    assert_eq!(reopen(&disk).unwrap().1.entries.len(), 29);
}

#[test]
fn w6_term_and_vote_are_synced_twice_and_only_when_they_change() {
    let disk = TestDisk::default();
    let mut wal = founded(&disk);
    let hard_state = Some(HardState { term: Term(2), vote: None });
    let change = Write { hard_state, ..write(1..1, 0) };
    let before = disk.operations();
    wal.append(&change).unwrap();
    assert_eq!(disk.operations() - before, 4, "two writes, each synced");
    wal.append(&change).unwrap();
    assert_eq!(disk.operations() - before, 4);
}

#[test]
fn w6_a_start_after_a_failed_sync_makes_both_copies_durable() {
    for pass in 0..2 {
        let disk = TestDisk::default();
        let mut wal = founded(&disk);
        disk.fail(Operation::Sync, pass, io_error());
        let hard_state = Some(HardState { term: Term(2), vote: None });
        assert!(wal.append(&Write { hard_state, ..write(1..1, 0) }).is_err());
        let (_, recovery) = reopen(&disk).unwrap();
        assert_eq!(Some(recovery.hard_state), hard_state, "it is in the page cache");
        disk.restore_power(Survival::Nothing, &mut Rng::new(1));
        for rotten in [60, 4096 + 60] {
            let before = disk.contents()["hard-state"].clone();
            disk.edit("hard-state", |bytes| bytes[rotten] ^= 1);
            assert_eq!(Some(reopen(&disk).unwrap().1.hard_state), hard_state);
            disk.edit("hard-state", |bytes| *bytes = before);
        }
    }
}

#[test]
fn w5_all_that_is_appended_between_two_syncs_is_one_write_and_one_sync() {
    let disk = TestDisk::default();
    let mut wal = founded(&disk);
    let before = disk.operations();
    wal.append(&write(1..4, 50)).unwrap();
    wal.append(&write(4..6, 50)).unwrap();
    assert_eq!((disk.operations(), wal.durable_sequence()), (before, 0));
    wal.sync().unwrap();
    assert_eq!((disk.operations() - before, wal.durable_sequence()), (2, 5));
    wal.sync().unwrap();
    assert_eq!((disk.operations() - before, wal.sync_count()), (2, 1));
}

#[test]
fn w2_a_spare_that_lacks_a_descriptor_is_tried_again_and_one_that_meets_a_bad_disk_is_final() {
    let exhausted = DiskError::Exhausted("cannot create spare.new: too many open files".into());
    for (error, is_final) in [(exhausted, false), (no_space(), false), (io_error(), true)] {
        let disk = TestDisk::default();
        let mut wal = founded(&disk);
        disk.fail(Operation::Prepare, 0, error.clone());
        append_each(&mut wal, 1..9, 300);
        assert!(wal.prepare(), "begun");
        assert!(!wal.prepare(), "nearly full, and no spare");
        let (lacking, failure) = (wal.lacking().cloned(), wal.sync().err());
        if is_final {
            assert_eq!((lacking, failure), (None, Some(WalError::Disk(error))));
        } else {
            assert_eq!((lacking, failure), (Some(error), None));
            assert!((0..10).any(|_| wal.prepare()), "it is made after all");
        }
    }
}

#[test]
fn w2_a_log_says_what_it_takes_while_no_next_segment_can_be_made() {
    let disk = TestDisk::default();
    let mut wal = founded(&disk);
    assert_eq!(wal.room(), u64::MAX, "most of the first segment is free");
    (0..1000).for_each(|_| disk.fail(Operation::Prepare, 0, no_space()));
    let mut last = 0;
    let room = loop {
        let room = wal.room();
        let entry = write(last + 1..last + 2, 300);
        if room < entry.entries[0].size() as u64 + 8 {
            break room;
        }
        // Each fits by its own count: none needs a segment that cannot be made.
        wal.append(&entry).unwrap();
        wal.sync().unwrap();
        last += 1;
        wal.prepare();
        assert!(wal.room() == room || wal.room() < room);
    };
    assert!(last > 5 && room < 400, "{last} entries, {room} bytes left");
    assert!(wal.shortage().is_some() && wal.lacking().is_some());
    // An entry of a leader's own fits into what is kept back.
    wal.append(&write(last + 1..last + 2, 0)).unwrap();
    wal.sync().unwrap();
    assert_eq!(reopen(&disk).unwrap().1.entries.len() as u64, last + 1);
}

#[test]
fn w2_a_log_that_was_just_opened_takes_what_its_disk_says_that_it_has_room_for() {
    let disk = TestDisk::default();
    let mut wal = founded(&disk);
    append_each(&mut wal, 1..5, 300);
    drop(wal);
    let segment = OPTIONS.segment_bytes;
    let room = |disk: &TestDisk| reopen(disk).unwrap().0.room();
    let rest = room(&disk);
    assert!(rest < segment, "of a disk that says nothing only the present segment counts");
    disk.say_free(segment - 1);
    assert_eq!(room(&disk), rest, "too little for the next segment");
    disk.say_free(segment);
    assert_eq!(room(&disk), u64::MAX);
    // Once it was tried, that counts.
    disk.fail(Operation::Prepare, 0, no_space());
    let (mut wal, _) = reopen(&disk).unwrap();
    wal.prepare();
    wal.prepare();
    assert!(wal.shortage().is_some() && wal.room() <= rest);
}

#[test]
fn w2_a_snapshot_that_lacks_a_descriptor_is_refused_and_the_log_goes_on() {
    let disk = TestDisk::default();
    let mut wal = founded(&disk);
    append_each(&mut wal, 1..9, 300);
    let error = DiskError::Exhausted("cannot create snapshot.new".into());
    disk.fail(Operation::Create, 0, error);
    begin(&mut wal, &snapshot(8, 1, 100));
    assert_eq!(end(&mut wal), Ok(SnapshotEnd::NoSpace("cannot create snapshot.new".into())));
    append_each(&mut wal, 9..12, 300);
}
