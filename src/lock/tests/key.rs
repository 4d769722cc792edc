//! The key of the cluster: the first one stands, from its level on; it is in the state, and in what is shown nowhere.

use super::script::Script;
use crate::base::{Blob, ClusterKey, checksum};
use crate::lock::{Command, Keyless, LockMachine, Settings, Wait};

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
    let restored = loaded.restored(None, Wait::Waived).unwrap();
    assert_eq!(restored.cluster_key(), None);
}

#[test]
fn w9_what_is_handed_out_has_no_key_in_whatever_parts() {
    for script in [with_key(), at_level(2), at_level(1)] {
        let bytes = script.machine.encode();
        let blob = Blob::from(bytes.clone());
        let keyless = Keyless::of(&blob).unwrap();
        for size in [1, 7, bytes.len()] {
            let starts = (0..bytes.len() as u64).step_by(size);
            let parts = starts.map(|at| keyless.part(&blob, at..at + size as u64).unwrap());
            let whole = parts.collect::<Vec<_>>().concat();
            assert_eq!(keyless.crc(&blob), Ok(checksum::crc32c(&whole)));
            let read = LockMachine::decode(&whole).unwrap();
            assert_eq!((read.cluster_key(), whole.len()), (None, bytes.len()));
            assert!(!whole.windows(8).any(|window| window == [0x5a; 8]));
        }
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
