//! A restore begins a new incarnation (safety L15).

use super::script::{Script, acquire, granted};
use crate::base::{RequestId, SessionKey, Term, Token};
use crate::lock::{
    Answer, Command, Largest, LockMachine, Operation, Outcome, Refusal, RestoreError, RestoreWait,
    Settings, WaitRule,
};

const BUSY: Answer = Answer::Refused(Refusal::Busy);

/// The wait after the largest settings of this build.
const FULL: WaitRule = WaitRule::Full(Largest::OF_ALL);

/// An operator says that no node ever ran with more.
fn stated(ttl_ms_max: u32, lease_ms: u32) -> WaitRule {
    WaitRule::Full(Largest { ttl_ms_max, lease_ms })
}

fn with_settings(lease_ms: u32, ttl_ms_max: u32) -> Script {
    let mut script = Script::default();
    script.apply(&Command::Settings(Settings { lease_ms, ttl_ms_max, level: 1 }));
    script
}

fn restore(script: &mut Script, wait: WaitRule) {
    script.replace(|machine| machine.restored(None, wait).expect("an epoch is left"));
}

fn restore_over(script: &mut Script, term: u64) -> Option<Outcome> {
    script.apply(&Command::RestoreOver { term: Term(term) }).outcome
}

fn waits(machine: &LockMachine) -> Option<u64> {
    machine.restoring().map(|RestoreWait { ms }| ms)
}

#[test]
fn l15_a_restore_ends_all_sessions_with_locks_queues_and_answers() {
    let mut script = with_settings(150, 60_000);
    let (holder, waiter) = (script.open("holder"), script.open("waiter"));
    script.acquire(holder, 1, "a");
    script.acquire(waiter, 1, "a");
    let applied = script.machine.applied;
    restore(&mut script, stated(60_000, 150));
    assert_eq!(script.machine.applied, applied);
    assert_eq!((script.machine.session_count(), script.machine.held_count()), (0, 0));
    assert_eq!(script.request(holder, 1, acquire("a")).0, Answer::SessionExpired);
    assert_eq!(script.machine.check_key(holder, &SessionKey([9; 16])), None);
    assert_eq!(script.machine.settings().map(|settings| settings.lease_ms), Some(150));
}

#[test]
fn l3_l15_tokens_and_session_ids_of_the_new_incarnation_are_larger() {
    let mut script = Script::default();
    let old = script.open("client");
    assert_eq!(script.acquire(old, 1, "a"), granted(1));
    restore(&mut script, WaitRule::Waived);
    let new = script.open("client");
    assert!(new > old);
    assert_eq!(script.acquire(new, 1, "a"), granted((1 << 48) + 2));
    // Not even a number of the old incarnation that was given out after the snapshot is reached.
    assert!(Token((1 << 48) + 2) > Token((1 << 48) - 1));
    assert_eq!(script.machine.epoch(), 1);
}

#[test]
fn l15_the_operator_names_a_larger_epoch_for_a_second_restore_of_one_snapshot() {
    let snapshot = LockMachine::new().restored(Some(6), FULL).unwrap().encode();
    let restored = |epoch| LockMachine::decode(&snapshot).unwrap().restored(epoch, FULL);
    assert_eq!(restored(None).unwrap().epoch(), 7);
    assert_eq!(restored(Some(40)).unwrap().epoch(), 40);
    let not_above = |named| RestoreError::EpochNotAbove { snapshot: 6, named };
    assert_eq!(restored(Some(6)).unwrap_err(), not_above(6));
    assert_eq!(restored(Some(0)).unwrap_err(), not_above(0));
}

#[test]
fn l15_the_epoch_ends_below_two_to_the_15() {
    let restored = |epoch| LockMachine::new().restored(Some(epoch), FULL);
    assert_eq!(restored(1 << 15).unwrap_err(), RestoreError::EpochTooLarge(1 << 15));
    assert_eq!(restored(u64::MAX).unwrap_err(), RestoreError::EpochTooLarge(u64::MAX));
    let last = restored((1 << 15) - 1).unwrap();
    assert_eq!(last.restored(None, FULL).unwrap_err(), RestoreError::EpochsUsedUp);
}

#[test]
fn l15_nothing_is_granted_before_the_wait_is_over() {
    let mut script = with_settings(150, 60_000);
    restore(&mut script, stated(60_000, 150));
    assert_eq!(waits(&script.machine), Some(60_000));
    let session = script.open("client");
    assert_eq!(script.acquire(session, 1, "a"), BUSY);
    assert_eq!(script.machine.held_count(), 0);
    assert_eq!(restore_over(&mut script, 1), Some(Outcome::RestoreOver));
    assert_eq!(waits(&script.machine), None);
    // The same request: the first refusal was for the time being, not for good.
    assert_eq!(script.acquire(session, 1, "a"), granted((1 << 48) + 1));
}

#[test]
fn l14_a_withdrawal_during_the_wait_holds_after_it() {
    let mut script = with_settings(150, 60_000);
    restore(&mut script, stated(60_000, 150));
    let session = script.open("client");
    assert_eq!(script.acquire(session, 1, "a"), BUSY);
    assert_eq!(script.withdraw(session, 2, 1).0, Answer::Withdrawn);
    restore_over(&mut script, 1);
    assert_eq!(script.acquire(session, 1, "a"), Answer::Withdrawn);
}

#[test]
fn l9_the_end_of_the_wait_counts_only_in_an_entry_of_the_term_that_decided_it() {
    let mut script = with_settings(150, 60_000);
    restore(&mut script, stated(60_000, 150));
    assert_eq!(restore_over(&mut script, 2), None);
    assert_eq!(restore_over(&mut script, 0), None);
    assert_eq!(waits(&script.machine), Some(60_000));
    assert_eq!(restore_over(&mut script, 1), Some(Outcome::RestoreOver));
    assert_eq!(restore_over(&mut script, 1), None);
}

#[test]
fn l15_the_wait_covers_settings_that_were_raised_behind_the_snapshot() {
    // Whatever the snapshot names: 1 h, unless somebody states less.
    for script in [Script::default(), with_settings(150, 10_000)] {
        let mut script = script;
        restore(&mut script, FULL);
        assert_eq!(waits(&script.machine), Some(3_600_000));
    }
    let mut script = with_settings(150, 10_000);
    restore(&mut script, stated(60_000, 150));
    assert_eq!(waits(&script.machine), Some(60_000));
}

#[test]
fn l15_what_is_stated_is_at_least_what_the_snapshot_names() {
    let wait_of = |wait| {
        let machine = with_settings(5_000, 20_000).machine;
        machine.restored(None, wait).map(|machine| waits(&machine))
    };
    assert_eq!(wait_of(stated(20_000, 5_000)), Ok(Some(20_000)));
    assert_eq!(wait_of(stated(20_000, 50_000)), Ok(Some(50_000)));
    let ttl = RestoreError::TtlTooSmall { stated: 19_999, in_snapshot: 20_000 };
    assert_eq!(wait_of(stated(19_999, 5_000)), Err(ttl));
    let lease = RestoreError::LeaseTooSmall { stated: 4_999, in_snapshot: 5_000 };
    assert_eq!(wait_of(stated(20_000, 4_999)), Err(lease));
    assert_eq!(wait_of(WaitRule::Waived), Ok(None));
}

#[test]
fn l15_the_wait_covers_the_longest_belief_that_the_snapshot_itself_shows() {
    // Nodes take no largest TTL below the default one.
    let mut script = with_settings(150, 10_000);
    restore(&mut script, stated(500, 150));
    assert_eq!(waits(&script.machine), Some(10_000));
    // A session that was opened before the settings …
    let mut script = Script::default();
    let open = |ttl_ms| Command::OpenSession {
        ttl_ms,
        key: SessionKey([9; 16]),
        client: "client".to_owned(),
    };
    script.apply(&open(30_000));
    script.apply(&Command::Settings(Settings { lease_ms: 150, ttl_ms_max: 10_000, level: 1 }));
    restore(&mut script, stated(10_000, 150));
    assert_eq!(waits(&script.machine), Some(30_000));
    // … and the rest of the wait of an earlier restore.
    restore(&mut script, stated(10_000, 150));
    assert_eq!(waits(&script.machine), Some(30_000));
}

#[test]
fn l15_what_no_node_can_exceed_is_never_below_what_one_did() {
    let machine = with_settings(150, 7_200_000).machine;
    let largest = machine.largest_possible();
    assert_eq!(largest, Largest { ttl_ms_max: 7_200_000, lease_ms: 60_000 });
    let restored = machine.restored(None, WaitRule::Full(largest)).unwrap();
    assert_eq!(waits(&restored), Some(7_200_000));
}

#[test]
fn l15_a_waived_wait_grants_at_once() {
    let mut script = with_settings(150, 60_000);
    restore(&mut script, WaitRule::Waived);
    assert_eq!(waits(&script.machine), None);
    let session = script.open("client");
    assert_eq!(script.acquire(session, 1, "a"), granted((1 << 48) + 1));
    assert_eq!(restore_over(&mut script, 1), None);
}

#[test]
fn l15_a_snapshot_taken_during_the_wait_still_waits() {
    let mut script = with_settings(150, 60_000);
    restore(&mut script, stated(60_000, 150));
    script.replace(|machine| LockMachine::decode(&machine.encode()).expect("its own bytes"));
    assert_eq!(waits(&script.machine), Some(60_000));
    let session = script.open("client");
    let close = Command::Request {
        session,
        request: RequestId(1),
        floor: RequestId(1),
        operation: Operation::Close,
    };
    assert_eq!(script.apply(&close).outcome, Some(Outcome::SessionEnded { session }));
}
