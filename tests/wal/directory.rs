//! The owner of a directory, and whether it is whole (W8).

use crate::wal::disk::TestDisk;
use crate::wal::history::{
    FRESH, NODE, OPTIONS, append_each, founded, founding, make_newer, refused, reopen,
};
use tenure::base::limits::SEGMENT_BYTES;
use tenure::base::{DirectoryId, NodeId};
use tenure::raft::HardState;
use tenure::wal::{Wal, WalError, WalOptions, is_founded};

fn two_segments() -> TestDisk {
    let disk = TestDisk::default();
    append_each(&mut founded(&disk), 1..12, 300);
    disk
}

fn another_node() -> TestDisk {
    let disk = TestDisk::default();
    let directory = DirectoryId([0xee; 16]);
    let (mut wal, _) = Wal::open_with(disk.clone(), NODE, directory, &OPTIONS).unwrap();
    wal.found(&founding(directory)).unwrap();
    disk
}

#[test]
fn an_empty_directory_gets_an_identity_and_nothing_else_to_say() {
    let disk = TestDisk::default();
    let (_, recovery) = reopen(&disk).unwrap();
    assert_eq!(recovery.directory, FRESH);
    assert_eq!((recovery.founding, recovery.entries), (None, vec![]));
    assert_eq!(recovery.hard_state, HardState::default());
    let other = DirectoryId([0xee; 16]);
    let (_, again) = Wal::open_with(disk.clone(), NODE, other, &OPTIONS).unwrap();
    assert_eq!(again.directory, FRESH, "it keeps the id that it drew first");
}

#[test]
fn st40_an_emptied_directory_is_another_one() {
    let disk = two_segments();
    disk.contents().keys().for_each(|name| disk.erase(name));
    let other = DirectoryId([0xee; 16]);
    let (_, recovery) = Wal::open_with(disk.clone(), NODE, other, &OPTIONS).unwrap();
    assert_eq!((recovery.directory, recovery.founding), (other, None));
}

#[test]
fn the_founding_record_is_found_again() {
    let disk = two_segments();
    let (_, recovery) = reopen(&disk).unwrap();
    assert_eq!(recovery.founding, Some(founding(FRESH)));
}

#[test]
fn a_directory_is_founded_once_it_has_its_record() {
    let mut disk = TestDisk::default();
    let (mut wal, _) = reopen(&disk).unwrap();
    assert_eq!(is_founded(&mut disk), Ok(false), "an identity founds nothing");
    wal.found(&founding(FRESH)).unwrap();
    assert_eq!(is_founded(&mut disk), Ok(true));
}

#[track_caller]
fn open_with_segments_of(segment_bytes: u64) {
    let options = WalOptions { segment_bytes };
    drop(Wal::open_with(TestDisk::default(), NODE, FRESH, &options));
}

#[test]
#[should_panic(expected = "segments of 4097 bytes")]
fn a_segment_is_of_whole_sectors() {
    open_with_segments_of(4097);
}

#[test]
#[should_panic(expected = "segments of 512 bytes")]
fn a_segment_has_room_behind_its_header() {
    open_with_segments_of(512);
}

#[test]
#[should_panic(expected = "segments of 67109376 bytes")]
fn a_segment_fits_into_memory() {
    open_with_segments_of(8 * SEGMENT_BYTES + 512);
}

#[test]
fn st41_the_directory_of_another_node_is_refused() {
    let disk = two_segments();
    let before = disk.contents();
    let error = Wal::open_with(disk.clone(), NodeId(3), FRESH, &OPTIONS).unwrap_err();
    assert!(matches!(&error, WalError::Foreign(text) if text.contains("of node 2")), "{error}");
    assert_eq!(disk.contents(), before);
}

#[test]
fn st41_a_file_of_another_directory_is_refused() {
    let other = another_node().contents();
    for name in ["founding", "hard-state", "log-00000000000000000001"] {
        let disk = two_segments();
        disk.edit(name, |bytes| bytes.clone_from(&other[name]));
        let message = refused(&disk);
        assert!(message.contains("belongs to another data directory"), "{message}");
    }
}

#[test]
fn st35_a_newer_format_is_refused_as_such() {
    let places = [
        ("identity", 0),
        ("founding", 0),
        ("hard-state", 0),
        ("hard-state", 4096),
        ("log-00000000000000000002", 0),
    ];
    for (name, offset) in places {
        let disk = two_segments();
        make_newer(&disk, name, offset);
        let message = refused(&disk);
        assert!(message.starts_with(&format!("{name} has format 2")), "{message}");
    }
}

#[test]
fn st25_a_segment_whose_new_name_was_lost_is_found_under_its_old_one() {
    for temporary in ["spare.new", "segment.new"] {
        let disk = two_segments();
        let second = disk.contents()["log-00000000000000000002"].clone();
        disk.erase("log-00000000000000000002");
        disk.edit(temporary, |bytes| *bytes = second);
        let (mut wal, recovery) = reopen(&disk).unwrap();
        assert_eq!(recovery.entries.len(), 11, "what was acknowledged in it");
        append_each(&mut wal, 12..13, 300);
        assert_eq!(reopen(&disk).unwrap().1.entries.len(), 12);
        assert!(!disk.contents().contains_key(temporary));
    }
}

#[test]
fn st2_a_segment_whose_header_alone_outlived_the_power_cut_is_begun_anew() {
    for temporary in ["spare.new", "segment.new"] {
        let disk = two_segments();
        let second = disk.contents()["log-00000000000000000002"].clone();
        disk.erase("log-00000000000000000002");
        // The header was written, and neither it nor the length of the file was synced.
        disk.edit(temporary, |bytes| *bytes = second[..512].to_vec());
        let (mut wal, recovery) = reopen(&disk).unwrap();
        assert_eq!(recovery.entries.len(), 9, "what the first segment holds");
        assert!(!disk.contents().contains_key(temporary));
        append_each(&mut wal, 10..13, 300);
        assert_eq!(reopen(&disk).unwrap().1.entries.len(), 12);
    }
}

#[test]
fn st30_a_missing_segment_is_refused() {
    let disk = TestDisk::default();
    append_each(&mut founded(&disk), 1..26, 300);
    for missing in ["log-00000000000000000001", "log-00000000000000000002"] {
        let kept = disk.contents()[missing].clone();
        disk.erase(missing);
        assert!(refused(&disk).starts_with(&format!("{missing} is missing")));
        disk.edit(missing, |bytes| *bytes = kept);
    }
}

#[test]
fn st30_segments_that_changed_places_are_refused() {
    let disk = TestDisk::default();
    append_each(&mut founded(&disk), 1..26, 300);
    let files = disk.contents();
    let [first, second] = ["log-00000000000000000001", "log-00000000000000000002"];
    disk.edit(first, |bytes| bytes.clone_from(&files[second]));
    disk.edit(second, |bytes| bytes.clone_from(&files[first]));
    assert!(refused(&disk).contains("it was renamed"));
}

#[test]
fn a_directory_that_lost_a_part_is_refused() {
    let parts = ["identity", "founding", "hard-state"];
    for missing in parts {
        let disk = two_segments();
        disk.erase(missing);
        assert!(refused(&disk).starts_with(&format!("{missing} is missing")));
    }
    let disk = two_segments();
    disk.erase("log-00000000000000000001");
    disk.erase("log-00000000000000000002");
    assert!(refused(&disk).starts_with("log-00000000000000000001 is missing"));
}

#[test]
fn any_damaged_byte_of_identity_or_founding_is_refused() {
    let disk = two_segments();
    for name in ["identity", "founding"] {
        for at in 0..disk.contents()[name].len() {
            disk.edit(name, |bytes| bytes[at] ^= 0x20);
            assert!(refused(&disk).starts_with(name));
            disk.edit(name, |bytes| bytes[at] ^= 0x20);
        }
        disk.edit(name, |bytes| bytes.push(0));
        assert!(refused(&disk).starts_with(name), "longer than it says");
        disk.edit(name, |bytes| bytes.truncate(bytes.len() - 1));
    }
}

#[test]
fn st27_an_empty_last_segment_and_leftover_temporaries_are_no_obstacle() {
    let disk = TestDisk::default();
    let mut wal = founded(&disk);
    append_each(&mut wal, 1..10, 300);
    let before = disk.contents();
    append_each(&mut wal, 10..11, 300);
    // The second segment as it was before its first record, and everything half made.
    disk.edit("log-00000000000000000002", |bytes| bytes[512..].fill(0));
    for name in ["identity.new", "hard-state.new", "founding.new", "segment.new", "spare.new"] {
        disk.edit(name, |bytes| bytes.extend_from_slice(b"half"));
    }
    let (mut wal, recovery) = reopen(&disk).unwrap();
    assert_eq!((recovery.entries.len(), recovery.trimmed_bytes), (9, 0));
    assert_eq!(disk.contents().len(), before.len() + 1);
    append_each(&mut wal, 10..12, 300);
    assert_eq!(reopen(&disk).unwrap().1.entries.len(), 11);
}

#[test]
fn files_that_are_none_of_ours_are_left_alone() {
    let disk = two_segments();
    disk.edit("lost+found", |bytes| bytes.push(1));
    disk.edit("log-7", |bytes| bytes.push(1));
    assert_eq!(reopen(&disk).unwrap().1.entries.len(), 11);
    assert_eq!(disk.contents()["log-7"], [1]);
}
