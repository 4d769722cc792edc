//! Torn tails: what an unfinished batch leaves is trimmed, zeroed, and never comes back.

use crate::wal::disk::{Survival, TestDisk};
use crate::wal::history::{append_each, founded, reopen, write};
use tenure::base::rng::Rng;

/// The bytes that a fourth batch with three entries adds to three batches of one entry each, with the
/// place where it begins; it was never synced.
fn torn_batch(disk: &TestDisk) -> std::ops::Range<usize> {
    let mut wal = founded(disk);
    append_each(&mut wal, 1..4, 100);
    let before = log(disk);
    wal.append(&write(4..7, 100)).unwrap();
    wal.sync().unwrap();
    let start = end_of(&before);
    start..end_of(&log(disk))
}

fn log(disk: &TestDisk) -> Vec<u8> {
    disk.contents()[LOG].clone()
}

fn end_of(log: &[u8]) -> usize {
    (log.iter().rposition(|byte| *byte != 0).unwrap() + 1).next_multiple_of(8)
}

#[test]
fn st4_st5_a_batch_cut_at_any_byte_is_trimmed_to_its_whole_records() {
    let whole = TestDisk::default();
    let batch = torn_batch(&whole);
    let record = batch.len() / 3;
    for cut in batch.clone() {
        let disk = TestDisk::default();
        torn_batch(&disk);
        disk.edit(LOG, |bytes| bytes[cut..batch.end].fill(0));
        let (_, recovery) = reopen(&disk).unwrap();
        // The last bytes of a record may be zeros anyway.
        let whole_records = (cut - batch.start) / record;
        let found = recovery.entries.len();
        assert!((3 + whole_records..=4 + whole_records).contains(&found), "{found} at {cut}");
        assert!(log(&disk)[batch.start + (found - 3) * record..].iter().all(|byte| *byte == 0));
    }
}

#[test]
fn p51_a_batch_torn_in_its_middle_is_no_corruption() {
    for torn in 0..3 {
        let disk = TestDisk::default();
        let batch = torn_batch(&disk);
        let record = batch.len() / 3;
        let middle = batch.start + torn * record + record / 2;
        disk.edit(LOG, |bytes| bytes[middle] ^= 0xff);
        let (_, recovery) = reopen(&disk).unwrap();
        assert_eq!(recovery.entries.len(), 3 + torn);
        assert_eq!(recovery.trimmed_bytes.next_multiple_of(8), ((3 - torn) * record) as u64);
    }
}

#[test]
fn p51_a_batch_that_spills_over_segments_and_is_torn_is_trimmed() {
    let disk = TestDisk::default();
    let mut wal = founded(&disk);
    append_each(&mut wal, 1..2, 1000);
    wal.append(&write(2..9, 1000)).unwrap();
    wal.sync().unwrap();
    let last = disk.contents().into_keys().rfind(|name| name.starts_with("log-"));
    let last = last.unwrap();
    assert_ne!(last, LOG, "the batch spills");
    disk.edit(&last, |bytes| bytes[600] ^= 1);
    let (_, recovery) = reopen(&disk).unwrap();
    assert!((2..8).contains(&recovery.entries.len()), "{}", recovery.entries.len());
    assert!(recovery.trimmed_bytes > 0);
}

#[test]
fn st6_what_was_trimmed_does_not_come_back_behind_the_same_record() {
    let disk = TestDisk::default();
    let batch = torn_batch(&disk);
    let record = batch.len() / 3;
    disk.edit(LOG, |bytes| bytes[batch.start + 40] ^= 1);
    let (mut wal, recovery) = reopen(&disk).unwrap();
    assert_eq!(recovery.entries.len(), 3);
    // The leader sends the first of the three again: the same record at the same place.
    append_each(&mut wal, 4..5, 100);
    let (_, recovery) = reopen(&disk).unwrap();
    assert_eq!(recovery.entries.len(), 4, "records of {record} bytes");
}

#[test]
fn st6_the_zeros_over_a_torn_tail_are_durable_before_the_log_is_used() {
    let disk = TestDisk::default();
    let batch = torn_batch(&disk);
    disk.edit(LOG, |bytes| bytes[batch.start + 40] ^= 1);
    reopen(&disk).unwrap();
    disk.restore_power(Survival::Nothing, &mut Rng::new(1));
    assert!(log(&disk)[batch.start..].iter().all(|byte| *byte == 0));
}

#[test]
fn st6_old_records_of_a_recycled_segment_are_none() {
    let disk = TestDisk::default();
    let mut wal = founded(&disk);
    append_each(&mut wal, 1..20, 300);
    let files = disk.contents();
    let (first, last) = (&files[LOG], files.keys().rfind(|name| name.starts_with("log-")).unwrap());
    let end = end_of(&files[last]);
    // Behind the end of the last segment: what stood there in the first.
    disk.edit(last, |bytes| bytes[end..].copy_from_slice(&first[end..]));
    let (_, recovery) = reopen(&disk).unwrap();
    assert_eq!(recovery.entries.len(), 19);
    assert!(recovery.trimmed_bytes > 0);
}

#[test]
fn st6_a_record_of_another_history_does_not_follow() {
    // Two histories of one directory: the same places and numbers, other bytes.
    let [ours, theirs] = [100u64, 103].map(|unix_ms| {
        let disk = TestDisk::default();
        let mut wal = founded(&disk);
        for index in 1..3 {
            let mut write = write(index..index + 1, 100);
            write.entries[0].header.proposer_unix_ms = unix_ms;
            wal.append(&write).unwrap();
            wal.sync().unwrap();
        }
        disk
    });
    let second = 512 + (end_of(&log(&ours)) - 512) / 2;
    ours.edit(LOG, |bytes| bytes[second..].copy_from_slice(&log(&theirs)[second..]));
    let (_, recovery) = reopen(&ours).unwrap();
    assert_eq!((recovery.entries.len(), recovery.trimmed_bytes > 0), (1, true));
}

const LOG: &str = "log-00000000000000000001";
