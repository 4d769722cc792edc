//! A directory that is only looked at is read as a start reads it, and stays as it is (safety L15, W5).

use crate::wal::account::{Account, live};
use crate::wal::disk::{Survival, TestDisk};
use crate::wal::history::{
    FRESH, NODE, OPTIONS, append_each, founded, make_newer, reopen, segments,
};
use tenure::base::rng::Rng;
use tenure::base::{Ancestors, NodeId};
use tenure::wal::{Recovery, Wal, WalError, examine};

/// Examination, during which nothing is changed.
fn examined(disk: &TestDisk) -> Result<(NodeId, Recovery), WalError> {
    let (before, operations) = (disk.contents(), disk.operations());
    let found = examine(&mut disk.clone());
    assert_eq!((disk.contents(), disk.operations()), (before, operations), "it was changed");
    found
}

/// The same as a start finds just afterwards; and whether a node began there.
fn check_like_a_start(disk: &TestDisk) -> bool {
    let found = examined(disk);
    let opened = reopen(disk).map(|(_, recovery)| recovery);
    match (found, opened) {
        (Ok((node, found)), Ok(opened)) => {
            assert_eq!(node, NODE);
            assert_eq!(format!("{found:?}"), format!("{opened:?}"));
            true
        }
        (Err(error), Ok(opened)) => {
            assert!(error.to_string().contains("no file \"identity\""), "{error}");
            assert_eq!((opened.founding, opened.entries.len()), (None, 0), "{error}");
            false
        }
        (Err(found), Err(opened)) => {
            assert_eq!(found, opened);
            false
        }
        (Ok(found), Err(error)) => panic!("{found:?} is found, and a start says: {error}"),
    }
}

#[test]
fn after_each_power_cut_it_is_read_as_a_start_reads_it() {
    let mut begun = 0;
    for (seed, survival) in
        (0..9).zip([Survival::Nothing, Survival::Random, Survival::Everything].into_iter().cycle())
    {
        for cut in 0.. {
            let (disk, mut account) = (TestDisk::default(), Account::new());
            disk.cut_power_after(cut);
            let ended = live(&disk, &mut account, &mut Rng::new(seed), TURNS);
            disk.restore_power(survival, &mut Rng::new(seed ^ (cut << 20)));
            begun += u32::from(check_like_a_start(&disk));
            if ended.is_ok() {
                break;
            }
        }
    }
    assert!(begun > 500, "{begun}");
}

#[test]
fn w5_damage_is_refused_as_a_start_refuses_it_and_a_torn_tail_is_left_out() {
    let disk = TestDisk::default();
    append_each(&mut founded(&disk), 1..26, 300);
    let mut rng = Rng::new(7);
    let names: Vec<String> = disk.contents().into_keys().collect();
    let (mut refused, mut found) = (0, 0);
    for _ in 0..400 {
        let copy = TestDisk::default();
        for (name, bytes) in disk.contents() {
            copy.edit(&name, |file| file.clone_from(&bytes));
        }
        let name = &names[rng.below(names.len() as u64) as usize];
        copy.edit(name, |bytes| {
            let at = rng.below(bytes.len() as u64) as usize;
            bytes[at] ^= 1 << rng.below(8);
        });
        match check_like_a_start(&copy) {
            true => found += 1,
            false => refused += 1,
        }
    }
    assert!(refused > 50 && found > 50, "{refused} {found}");
    let last = segments(&disk).pop().expect("three segments");
    disk.edit(&last, |bytes| bytes[512 + 360 * 6 + 100] ^= 1);
    let (_, torn) = examined(&disk).expect("a torn tail is no damage");
    assert_eq!((torn.entries.len(), torn.trimmed_bytes > 0), (24, true));
}

#[test]
fn st35_st40_what_is_no_directory_of_a_node_is_told_and_gets_no_file() {
    let empty = TestDisk::default();
    assert!(examined(&empty).unwrap_err().to_string().contains("no file \"identity\" in it"));
    let disk = TestDisk::default();
    append_each(&mut founded(&disk), 1..3, 10);
    disk.erase("hard-state");
    assert!(examined(&disk).unwrap_err().to_string().starts_with("hard-state is missing"));
    let newer = TestDisk::default();
    founded(&newer);
    make_newer(&newer, "identity", 0);
    assert!(matches!(examined(&newer), Err(WalError::Foreign(text)) if text.contains("format 2")));
}

#[test]
fn a_restored_directory_that_founded_nothing_yet_says_so_by_its_missing_record() {
    let disk = TestDisk::default();
    let begun_with = crate::wal::history::snapshot(20, 5, 300);
    Wal::restore(disk.clone(), NODE, FRESH, (&begun_with, &Ancestors::NONE), &OPTIONS).unwrap();
    let (_, found) = examined(&disk).unwrap();
    assert_eq!((found.founding, found.snapshot), (None, Some(begun_with)));
}

const TURNS: u32 = 20;
