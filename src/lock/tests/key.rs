//! The key of the cluster: the first key stays, from its level on; the state has it, and no output shows it.

use super::access::{allow, change, open};
use super::script::Script;
use crate::base::{Blob, ClusterKey, CredentialHash, checksum};
use crate::lock::{AccessChange, Command, KeySearch, Keyless, LockMachine, Settings, WaitRule};

const KEY: ClusterKey = ClusterKey([0x5a; 32]);

fn at_level(level: u32) -> Script {
    let mut script = Script::default();
    script.apply(&Command::Settings(Settings { lease_ms: 150, ttl_ms_max: 60_000, level }));
    script
}

fn with_key() -> Script {
    let mut script = at_level(2);
    script.apply(&Command::ClusterKey(KEY));
    script
}

#[test]
fn w9_the_first_key_stands_and_below_its_level_there_is_none() {
    let mut script = with_key();
    script.apply(&Command::ClusterKey(ClusterKey([1; 32])));
    assert_eq!(script.machine.cluster_key(), Some(&KEY));
    let mut low = at_level(1);
    low.apply(&Command::ClusterKey(KEY));
    assert_eq!(low.machine.cluster_key(), None);
    assert_eq!(Command::ClusterKey(KEY).level(), 2);
}

#[test]
fn w9_the_key_is_in_the_state_in_snapshots_and_in_no_restored_state() {
    let script = with_key();
    let mut other = at_level(2);
    other.apply(&Command::ClusterKey(ClusterKey([1; 32])));
    assert_ne!(script.machine.state_hash(), other.machine.state_hash());
    let loaded = LockMachine::decode(&script.machine.encode()).unwrap();
    assert_eq!(loaded.cluster_key(), Some(&KEY));
    assert_eq!(loaded.state_hash(), script.machine.state_hash());
    let restored = loaded.restored(None, WaitRule::Waived).unwrap();
    assert_eq!(restored.cluster_key(), None);
}

/// Sessions with answers, with locks and without; at level 3 those of subjects, among rules and credentials.
fn with_sessions(mut script: Script) -> Script {
    let idle = script.open("idle");
    for lock in 0..40 {
        let name = format!("lock-{lock}");
        script.acquire(idle, 2 * lock + 1, &name);
        script.release(idle, 2 * lock + 2, &name, lock + 1);
    }
    let (holder, waiter) = (script.open("holder"), script.open("waiter"));
    script.acquire(holder, 1, "a");
    script.acquire(waiter, 1, "a");
    if script.machine.level() >= 3 {
        allow(&mut script, "client/*", "acquire", "jobs/");
        allow(&mut script, "operator/root", "admin", "");
        let hash = CredentialHash([0x77; 32]);
        let principal = "client/a".parse().unwrap();
        change(&mut script, AccessChange::CreateCredential { principal, hash });
        let owner = open(&mut script, "owner", "client/a");
        script.acquire(owner, 1, "jobs/a");
    }
    script
}

fn in_all_formats() -> Vec<Script> {
    let scripts = [with_key(), at_level(2), at_level(1), at_level(3)];
    let with = scripts.into_iter().map(with_sessions);
    with.chain([with_key(), at_level(2), at_level(1), at_level(3)]).collect()
}

fn shows_a_key(bytes: &[u8]) -> bool {
    bytes.windows(8).any(|window| window == [0x5a; 8] || window == [9; 8])
}

#[test]
fn w9_l27_what_is_handed_out_has_no_key_in_whatever_parts() {
    for script in in_all_formats() {
        let bytes = script.machine.encode();
        let has_one = script.machine.session_count() > 0 || script.machine.cluster_key().is_some();
        assert_eq!(shows_a_key(&bytes), has_one);
        let blob = Blob::from(bytes.clone());
        let keyless = Keyless::of(&blob).unwrap();
        for size in [1, 7, 61, bytes.len()] {
            let starts = (0..bytes.len() as u64).step_by(size);
            let parts = starts.map(|at| keyless.part(&blob, at..at + size as u64).unwrap());
            let whole = parts.collect::<Vec<_>>().concat();
            assert_eq!(keyless.crc(), checksum::crc32c(&whole));
            let read = LockMachine::decode(&whole).unwrap();
            assert_eq!((read.cluster_key(), whole.len()), (None, bytes.len()));
            assert!(!shows_a_key(&whole));
            assert_eq!(whole, script.machine.clone().without_keys().encode());
        }
    }
}

#[test]
fn l27_keys_are_found_in_parts_of_any_size() {
    for script in in_all_formats() {
        let blob = Blob::from(script.machine.encode());
        let whole = Keyless::of(&blob).unwrap();
        for bytes in [1, 50, 1000] {
            let (mut search, mut steps) = (KeySearch::default(), 0);
            let found = loop {
                steps += 1;
                if let Some(found) = search.go_on(&blob, bytes).unwrap() {
                    break found;
                }
            };
            assert_eq!(found, whole);
            assert!(bytes > 1 || steps > script.machine.session_count(), "{steps} steps");
        }
    }
}

#[test]
fn l27_of_what_is_no_snapshot_nothing_is_handed_out() {
    let bytes = with_sessions(with_key()).machine.encode();
    let sessions = bytes.windows(16).rposition(|window| window == [9; 16]).expect("a session");
    for end in [0, 3, 10, 70, sessions] {
        assert!(Keyless::of(&Blob::from(bytes[..end].to_vec())).is_err(), "cut at {end}");
    }
    let mut newer = bytes;
    newer[0] = 200;
    assert!(Keyless::of(&Blob::from(newer)).unwrap_err().contains("format 200"));
}

#[test]
fn l15_l27_what_was_handed_out_is_restored_and_ends_all_sessions() {
    for script in in_all_formats() {
        let handed_out = script.machine.clone().without_keys();
        let of_it = handed_out.restored(None, WaitRule::Waived).unwrap();
        let of_all = script.machine.clone().restored(None, WaitRule::Waived).unwrap();
        assert_eq!(of_it.session_count(), 0);
        assert_eq!(of_it.encode(), of_all.encode());
    }
}

#[test]
fn w9_the_key_is_printed_nowhere() {
    let script = with_key();
    let shown = [format!("{:?}", script.machine), format!("{:?}", Command::ClusterKey(KEY))];
    for shown in shown {
        assert!(!shown.contains("90, 90") && !shown.contains("5a5a"), "{shown}");
    }
}
