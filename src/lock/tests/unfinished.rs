//! Machines with work that is left to later entries, and checks of their states at each part (L5, L22, L23).

use super::script::{Script, raise_to, with};
use crate::lock::level::Bounds;
use crate::lock::{Applied, Command, LockMachine, Mode, Operation, WaitRule};
use std::ops::RangeFrom;

/// A machine at `level` whose entries free and grant so many names.
pub(super) fn script_in_parts_of(names: usize, level: u32) -> Script {
    let mut script = Script::with_bounds(Bounds { names_per_part: names, ..Bounds::LEVEL_1 });
    raise_to(&mut script, level);
    script
}

pub(super) fn go_on(script: &mut Script) -> Applied {
    script.apply(&Command::Continue)
}

pub(super) fn shared(lock: &str) -> Operation {
    with(lock, |acquire| acquire.mode = Mode::Shared)
}

/// A machine that is read from a snapshot at any part goes on as the one that wrote it; the number of parts. Parts have
/// two names.
pub(super) fn snapshots_at_each_part_go_on_alike(mut script: Script) -> usize {
    let mut looked_at = 0;
    while script.machine.is_unfinished() {
        let bytes = script.machine.encode();
        assert!(bytes.len() as u64 <= script.machine.state_bytes());
        let reloaded = LockMachine::decode(&bytes).expect("its own bytes");
        assert_eq!(reloaded.encode(), bytes);
        assert_eq!(reloaded.state_hash(), script.machine.state_hash());
        let mut other = Script::at(reloaded.with_names_per_part(2), &script);
        assert_eq!(go_on(&mut script), go_on(&mut other));
        assert_eq!(other.machine.state_hash(), script.machine.state_hash());
        looked_at += 1;
    }
    looked_at
}

/// Damage at any of these bytes of the state is refused, or makes another valid state.
pub(super) fn damage_is_refused_or_another_state(script: &Script, places: RangeFrom<usize>) {
    let bytes = script.machine.encode();
    let whole = LockMachine::decode(&bytes).expect("its own bytes").state_hash();
    for at in places.take_while(|at| *at < bytes.len()) {
        for change in [1, 0x80, 0xff] {
            let mut damaged = bytes.clone();
            damaged[at] ^= change;
            if let Ok(machine) = LockMachine::decode(&damaged) {
                assert_ne!(machine.state_hash(), whole, "byte {at}");
                machine.check_invariants();
            }
        }
    }
}

/// A restore ends all sessions, and with them all work that is left (L15).
pub(super) fn a_restore_leaves_nothing(script: Script) {
    let restored = script.machine.restored(None, WaitRule::Waived).unwrap();
    assert!(!restored.is_unfinished());
    restored.check_invariants();
}
