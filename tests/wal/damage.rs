//! Rot: loss of durable bytes is reported, never trimmed.

use crate::wal::disk::{Operation, TestDisk};
use crate::wal::history::{
    append_each, entry, forge, founded, refused, reopen, segments, snapshot, store, write,
};
use tenure::base::rng::Rng;
use tenure::base::{Index, NodeId, Term};
use tenure::raft::{HardState, Write};
use tenure::wal::{DiskError, WalError};

fn three_segments() -> (TestDisk, Vec<String>) {
    let disk = TestDisk::default();
    let mut wal = founded(&disk);
    append_each(&mut wal, 1..26, 300);
    let names = segments(&disk);
    assert_eq!(names.len(), 3);
    (disk, names)
}

#[test]
fn st8_a_damaged_byte_before_the_last_batch_is_refused_and_nothing_is_changed() {
    let (disk, names) = three_segments();
    let length = disk.contents()[&names[0]].len();
    // 300-byte entries in records of 360 bytes; the last batch is the last record.
    for (segment, name) in names.iter().enumerate() {
        let records = if segment == 2 { 25 - 2 * 9 } else { 9 };
        let end = 512 + 360 * if segment == 2 { records - 1 } else { records };
        assert!(end < length);
        for at in (0..512 + 360 * 2).chain(end - 370..end) {
            // Behind the header's envelope is unused space.
            if (80..512).contains(&at) {
                continue;
            }
            disk.edit(name, |bytes| bytes[at] ^= 0x04);
            let message = refused(&disk);
            assert!(message.contains(name.as_str()), "{message} at {at}");
            assert!(message.contains("empty data directory"), "says what to do: {message}");
            disk.edit(name, |bytes| bytes[at] ^= 0x04);
        }
    }
    assert_eq!(reopen(&disk).unwrap().1.entries.len(), 25);
}

#[test]
fn st8_the_message_says_file_and_offset() {
    let (disk, names) = three_segments();
    disk.edit(&names[2], |bytes| bytes[512 + 360 + 50] ^= 1);
    let message = refused(&disk);
    let where_it_is = format!("{} is damaged at byte {}", names[2], 512 + 360);
    assert!(message.starts_with(&where_it_is), "{message}");
}

#[test]
fn st9_damage_in_the_last_batch_is_taken_for_a_tear() {
    let (disk, names) = three_segments();
    disk.edit(&names[2], |bytes| bytes[512 + 360 * 6 + 100] ^= 1);
    let (_, recovery) = reopen(&disk).unwrap();
    assert_eq!((recovery.entries.len(), recovery.trimmed_bytes > 0), (24, true));
}

#[test]
fn st14_the_newest_intact_copy_of_the_hard_state_wins() {
    let states = [1, 2].map(|term| HardState { term: Term(term), vote: Some(NodeId(term)) });
    let disk = TestDisk::default();
    let mut wal = founded(&disk);
    let files = states.map(|state| {
        let hard_state = Some(state);
        wal.append(&Write { hard_state, ..crate::wal::history::write(1..1, 0) }).unwrap();
        disk.contents()["hard-state"].clone()
    });
    // A crash between the two slots, and then either of them torn.
    let between = [&files[1][..4096], &files[0][4096..]].concat();
    for (torn, expected) in [(None, 1), (Some(50), 0), (Some(4096 + 50), 1)] {
        disk.edit("hard-state", |bytes| {
            bytes.clone_from(&between);
            torn.into_iter().for_each(|at: usize| bytes[at] ^= 1);
        });
        let (_, recovery) = reopen(&disk).unwrap();
        assert_eq!(recovery.hard_state, states[expected], "torn at {torn:?}");
        let healed = disk.contents()["hard-state"].clone();
        assert_eq!(healed[..100], healed[4096..4196], "both copies are the same again");
    }
}

#[test]
fn st15_without_an_intact_copy_of_the_hard_state_the_node_does_not_start() {
    let (disk, _) = three_segments();
    disk.edit("hard-state", |bytes| {
        bytes[60] ^= 1;
        bytes[4096 + 60] ^= 1;
    });
    let message = refused(&disk);
    assert!(message.starts_with("both copies of term and vote in hard-state"), "{message}");
}

#[test]
fn w6_one_rotten_copy_of_the_hard_state_costs_nothing() {
    for rotten in [60, 4096 + 60] {
        let (disk, _) = three_segments();
        let before = reopen(&disk).unwrap().1.hard_state;
        disk.edit("hard-state", |bytes| bytes[rotten] ^= 1);
        assert_eq!(reopen(&disk).unwrap().1.hard_state, before);
    }
}

#[test]
fn an_old_copy_of_the_hard_state_under_a_newer_log_is_refused() {
    let disk = TestDisk::default();
    let mut wal = founded(&disk);
    let old = disk.contents()["hard-state"].clone();
    let hard_state = Some(HardState { term: Term(9), vote: None });
    let mut write = crate::wal::history::write(1..2, 10);
    write.entries[0].term = Term(9);
    wal.append(&Write { hard_state, ..write }).unwrap();
    wal.sync().unwrap();
    disk.edit("hard-state", |bytes| *bytes = old);
    assert!(refused(&disk).contains("old copy"));
}

#[test]
fn st20_a_read_error_is_no_end_of_the_log() {
    let (disk, _) = three_segments();
    // Identity, founding, hard state, and three segments are read in a start.
    for pass in 0..6 {
        let error = DiskError::Io("cannot read: bad sector".into());
        disk.fail(Operation::Read, pass, error.clone());
        assert_eq!(reopen(&disk).unwrap_err(), WalError::Disk(error));
    }
    assert_eq!(reopen(&disk).unwrap().1.entries.len(), 25);
}

#[test]
fn st39_a_sector_that_kept_its_old_bytes_is_corruption() {
    let (disk, names) = three_segments();
    disk.edit(&names[1], |bytes| bytes[1024..1536].fill(0));
    assert!(refused(&disk).contains(&names[1]));
}

#[test]
fn w4_a_record_in_a_value_is_no_record_of_the_log() {
    // A later record of this very directory, to the byte: elsewhere it would be one.
    let (size, twin) = (104, TestDisk::default());
    append_each(&mut founded(&twin), 1..6, 40);
    let later = twin.contents()[&segments(&twin)[0]][512 + 4 * size..512 + 5 * size].to_vec();
    let disk = TestDisk::default();
    let mut wal = founded(&disk);
    append_each(&mut wal, 1..3, 40);
    // Where a scan looks: at multiples of 8.
    let value = [vec![0; 6], later].concat();
    let entries = vec![entry(3, Term(1), value)];
    wal.append(&Write { entries, ..write(3..3, 0) }).unwrap();
    wal.sync().unwrap();
    drop(wal);
    // The power cut that tore the record which holds it.
    disk.edit(&segments(&disk)[0], |bytes| bytes[512 + 2 * size + 4] ^= 1);
    assert_eq!(reopen(&disk).unwrap().1.entries.len(), 2);
}

#[test]
fn h48_a_segment_of_another_length_is_refused() {
    let (disk, names) = three_segments();
    for length in [0, 100, 4096 - 512, 4096 + 512] {
        let intact = disk.contents()[&names[1]].clone();
        disk.edit(&names[1], |bytes| bytes.resize(length, 0));
        assert!(refused(&disk).contains("bytes long"));
        disk.edit(&names[1], |bytes| *bytes = intact);
    }
}

#[test]
fn an_intact_segment_that_does_not_continue_the_one_before_is_refused() {
    // The first record's number, the last index, and the checksum of the last record before.
    for place in [16, 24, 32] {
        let (disk, names) = three_segments();
        forge(&disk, &names[2], 0, |envelope| envelope[40 + place] ^= 1);
        let message = refused(&disk);
        assert!(message.starts_with(&names[1]), "{message}");
        assert!(message.contains("the next segment continues behind record"), "{message}");
    }
}

#[test]
fn whatever_the_files_hold_the_answer_is_a_refusal_or_a_beginning_of_the_log() {
    let (intact, _) = three_segments();
    let refusals = damage_at_random(&intact, 3000);
    assert!((1000..3000).contains(&refusals), "{refusals} refusals");
}

#[test]
fn st31_whatever_the_files_hold_the_answer_never_goes_beyond_snapshot_and_log() {
    let intact = TestDisk::default();
    let mut wal = founded(&intact);
    append_each(&mut wal, 1..26, 300);
    store(&mut wal, &snapshot(20, 1, 3000));
    wal.compact(Index(21)).unwrap();
    let refusals = damage_at_random(&intact, 3000);
    assert!((1000..3000).contains(&refusals), "{refusals} refusals");
}

/// Damages copies of these files, and counts how many a start refuses.
fn damage_at_random(intact: &TestDisk, cases: u32) -> u32 {
    let files = intact.contents();
    let (_, whole) = reopen(intact).unwrap();
    let names: Vec<&String> = files.keys().collect();
    let mut rng = Rng::new(7);
    let mut refusals = 0;
    for _ in 0..cases {
        let disk = TestDisk::default();
        files.iter().for_each(|(name, bytes)| disk.edit(name, |file| file.clone_from(bytes)));
        for _ in 0..rng.between(1, 3) {
            let [to, from] = [(); 2].map(|()| names[rng.below(names.len() as u64) as usize]);
            disk.edit(to, |file| damage(file, &files[from], &mut rng));
        }
        match reopen(&disk) {
            Ok((_, recovery)) => {
                assert!(whole.entries.starts_with(&recovery.entries));
                assert!(recovery.snapshot == whole.snapshot || recovery.snapshot.is_none());
                let first = recovery.entries.first().map(|entry| entry.index);
                assert!(recovery.snapshot.is_some() || first.is_none_or(|first| first == Index(1)));
            }
            Err(_) => refusals += 1,
        }
    }
    refusals
}

/// Cuts the file, or overwrites a part of it with noise, zeros, or a part of another.
fn damage(file: &mut Vec<u8>, other: &[u8], rng: &mut Rng) {
    let start = rng.below(file.len() as u64 + 1) as usize;
    let end = start + rng.below(200) as usize;
    match rng.below(10) {
        0 => file.truncate(start),
        1 => file.resize(end, 0),
        choice => {
            for at in start..end.min(file.len()) {
                file[at] = match choice {
                    2..4 => 0,
                    4..7 => rng.below(256) as u8,
                    _ => other.get(at).copied().unwrap_or_default(),
                };
            }
        }
    }
}
