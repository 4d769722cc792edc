//! A new directory from a snapshot.

use crate::wal::disk::{Operation, Survival, TestDisk};
use crate::wal::history::{
    FRESH, NODE, OPTIONS, append_each, founding, refused, reopen, snapshot, write,
};
use tenure::base::rng::Rng;
use tenure::base::{Ancestors, ClusterId, DirectoryId, NodeId, Term};
use tenure::raft::{HardState, Write};
use tenure::wal::{DiskError, Wal, WalError, snapshot_file};

const NONE: Ancestors = Ancestors::NONE;

fn restored() -> TestDisk {
    let disk = TestDisk::default();
    let made = Wal::restore(disk.clone(), NODE, FRESH, (&snapshot(20, 5, 3000), &NONE), &OPTIONS);
    assert_eq!(made, Ok(FRESH));
    disk
}

#[test]
fn a_restored_directory_begins_with_the_snapshot_and_joins_a_cluster_later() {
    let disk = restored();
    for _ in 0..2 {
        let (_, recovery) = reopen(&disk).unwrap();
        assert_eq!((recovery.directory, recovery.founding), (FRESH, None));
        assert_eq!(recovery.hard_state, HardState { term: Term(5), vote: None });
        assert_eq!(recovery.snapshot, Some(snapshot(20, 5, 3000)));
        assert_eq!(recovery.entries, []);
    }
    let (mut wal, _) = reopen(&disk).unwrap();
    wal.found(&founding(FRESH)).unwrap();
    let hard_state = Some(HardState { term: Term(6), vote: Some(NODE) });
    wal.append(&Write { hard_state, ..write(21..30, 300) }).unwrap();
    wal.sync().unwrap();
    append_each(&mut wal, 30..40, 300);
    let (_, recovery) = reopen(&disk).unwrap();
    assert_eq!(recovery.entries, write(21..40, 300).entries);
    assert_eq!(recovery.founding, Some(founding(FRESH)));
}

#[test]
fn a_snapshot_that_was_exported_restores_into_any_directory() {
    let cluster = ClusterId([0xcc; 16]);
    let exported = snapshot_file::encode(&snapshot(20, 5, 3000), Some(cluster));
    let disk = TestDisk::default();
    let other = DirectoryId([0xee; 16]);
    let (read, of) = snapshot_file::decode(&exported).unwrap();
    assert_eq!(of, Some(cluster));
    let ancestors = Ancestors::new(of);
    Wal::restore(disk.clone(), NodeId(7), other, (&read, &ancestors), &OPTIONS).unwrap();
    let (_, recovery) = Wal::open_with(disk, NodeId(7), FRESH, &OPTIONS).unwrap();
    assert_eq!((recovery.directory, recovery.snapshot), (other, Some(read)));
    assert_eq!(recovery.ancestors, ancestors);
}

#[test]
fn only_an_empty_directory_is_restored_into() {
    for there in ["identity", "founding.new", "log-00000000000000000001", "notes.txt"] {
        let disk = TestDisk::default();
        disk.edit(there, |bytes| bytes.push(1));
        let before = disk.contents();
        let refusal =
            Wal::restore(disk.clone(), NODE, FRESH, (&snapshot(20, 5, 10), &NONE), &OPTIONS);
        assert!(matches!(&refusal, Err(WalError::Foreign(text)) if text.contains(there)));
        assert_eq!(disk.contents(), before);
    }
    let disk = TestDisk::default();
    disk.edit("lost+found", |bytes| bytes.push(1));
    Wal::restore(disk, NODE, FRESH, (&snapshot(20, 5, 10), &NONE), &OPTIONS).unwrap();
}

#[test]
fn st2_st3_a_restore_that_was_cut_is_complete_or_refused_or_never_was() {
    let (mut complete, mut refusals, mut nothing) = (0, 0, 0);
    for survival in [Survival::Nothing, Survival::Everything, Survival::Random] {
        for cut in 0..30 {
            let disk = TestDisk::default();
            disk.cut_power_after(cut);
            let made =
                Wal::restore(disk.clone(), NODE, FRESH, (&snapshot(20, 5, 3000), &NONE), &OPTIONS);
            disk.restore_power(survival, &mut Rng::new(cut));
            let names = disk.contents();
            match reopen(&disk) {
                Ok((_, recovery)) if recovery.snapshot.is_some() => {
                    assert_eq!(recovery.snapshot, Some(snapshot(20, 5, 3000)));
                    assert_eq!(recovery.hard_state.term, Term(5));
                    complete += 1;
                }
                Ok(_) => {
                    let left: Vec<&String> = names.keys().collect();
                    assert!(left.iter().all(|name| *name == "snapshot.new"), "{left:?}");
                    assert!(made.is_err());
                    nothing += 1;
                }
                Err(error) => {
                    assert!(error.to_string().starts_with("identity is missing"), "{error}");
                    assert!(made.is_err());
                    refusals += 1;
                }
            }
        }
    }
    assert!(complete > 10 && refusals > 10 && nothing > 5, "{complete} {refusals} {nothing}");
}

#[test]
fn st22_a_restore_without_space_says_so() {
    let disk = TestDisk::default();
    let error = DiskError::NoSpace("no space for snapshot.new".into());
    disk.fail(Operation::Write, 0, error.clone());
    let made = Wal::restore(disk, NODE, FRESH, (&snapshot(20, 5, 3000), &NONE), &OPTIONS);
    assert_eq!(made, Err(WalError::Disk(error)));
}

#[test]
fn st40_a_restored_directory_that_lost_a_part_is_refused() {
    let table = [
        ("snapshot-0000000000000014", "the log continues a snapshot at index 20"),
        ("hard-state", "hard-state is missing"),
        ("log-00000000000000000001", "log-00000000000000000001 is missing"),
    ];
    for (missing, says) in table {
        let disk = restored();
        disk.erase(missing);
        let message = refused(&disk);
        assert!(message.starts_with(says), "{message}");
    }
    let disk = restored();
    let (mut wal, _) = reopen(&disk).unwrap();
    wal.found(&founding(FRESH)).unwrap();
    let hard_state = Some(HardState { term: Term(6), vote: Some(NODE) });
    wal.append(&Write { hard_state, ..write(1..1, 0) }).unwrap();
    disk.erase("founding");
    assert!(refused(&disk).starts_with("founding is missing"), "it has voted");
}
