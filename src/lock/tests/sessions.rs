//! Sessions: creation, expiry, close, settings (L9, L21, L22).

use super::script::{Script, acquire, granted, handed_to, open_session};
use crate::base::{Index, SessionId, SessionKey, Term};
use crate::lock::{Applied, Command, LockMachine, Operation, Outcome, Refusal, Settings};

fn opened(script: &mut Script, ttl_ms: u32) -> u32 {
    let command = Command::OpenSession { ttl_ms, key: SessionKey([1; 16]), client: String::new() };
    match script.apply(&command).outcome {
        Some(Outcome::SessionOpened { ttl_ms, .. }) => ttl_ms,
        other => panic!("no session: {other:?}"),
    }
}

#[test]
fn a_sessions_id_is_the_index_of_its_entry() {
    let mut machine = LockMachine::new();
    let applied = machine.apply(Index(41), Term(3), 0, &open_session("a"));
    let session = SessionId(41);
    assert_eq!(applied.outcome, Some(Outcome::SessionOpened { session, ttl_ms: 10_000 }));
}

#[test]
fn each_creation_makes_a_session_of_its_own() {
    let mut script = Script::default();
    assert_ne!(script.open("a"), script.open("a"));
    assert_eq!(script.machine.session_count(), 2);
}

#[test]
fn a_ttl_is_clamped_to_the_range_in_force() {
    let mut script = Script::default();
    assert_eq!(opened(&mut script, 0), 200);
    assert_eq!(opened(&mut script, u32::MAX), 3_600_000);
    script.apply(&Command::Settings(Settings { lease_ms: 150, ttl_ms_max: 30_000, level: 1 }));
    assert_eq!(opened(&mut script, 30_001), 30_000);
    assert_eq!(opened(&mut script, 30_000), 30_000);
}

#[test]
fn a_maximum_below_the_minimum_gives_the_minimum() {
    let mut script = Script::default();
    script.apply(&Command::Settings(Settings { lease_ms: 0, ttl_ms_max: 1, level: 1 }));
    assert_eq!(opened(&mut script, 10_000), 200);
}

#[test]
fn a_client_name_over_its_bound_is_refused() {
    let mut script = Script::default();
    let applied = script.apply(&open_session(&"n".repeat(256)));
    assert_eq!(applied.outcome, Some(Outcome::SessionRefused(Refusal::Invalid)));
    script.open(&"n".repeat(255));
}

#[test]
fn expiry_frees_locks_and_places_and_forgets_answers_in_one_apply() {
    let mut script = Script::default();
    let (dead, alive) = (script.open("a"), script.open("b"));
    script.acquire(dead, 1, "x");
    script.acquire(dead, 2, "y");
    script.acquire(alive, 1, "z");
    script.acquire(dead, 3, "z");
    script.acquire(alive, 2, "y");
    script.acquire(alive, 3, "x");
    let applied = script.expire(dead, 1);
    assert_eq!(applied.outcome, Some(Outcome::SessionEnded { session: dead }));
    assert_eq!(applied.granted, [handed_to(alive, 3, 4), handed_to(alive, 2, 5)]);
    assert_eq!(script.machine.session(dead), None);
    assert_eq!(script.release(alive, 4, "z", 3).1, []);
}

#[test]
fn a_lock_freed_by_expiry_is_not_handed_to_the_session_that_expired() {
    let mut script = Script::default();
    let (dead, alive) = (script.open("a"), script.open("b"));
    script.acquire(dead, 1, "x");
    script.acquire(dead, 2, "x");
    script.acquire(alive, 1, "x");
    assert_eq!(script.expire(dead, 1).granted, [handed_to(alive, 1, 2)]);
}

#[test]
fn an_expiry_decided_in_another_term_is_void() {
    let mut script = Script::default();
    let session = script.open("a");
    script.acquire(session, 1, "x");
    assert_eq!(script.expire(session, 0), Applied::default());
    assert_eq!(script.expire(session, 2), Applied::default());
    assert_eq!(script.acquire(session, 1, "x"), granted(1));
}

#[test]
fn an_expiry_of_a_dead_session_changes_nothing() {
    let mut script = Script::default();
    let session = script.open("a");
    script.expire(session, 1);
    assert_eq!(script.expire(session, 1), Applied::default());
}

#[test]
fn close_ends_the_session_and_hands_its_locks_on() {
    let mut script = Script::default();
    let (first, second) = (script.open("a"), script.open("b"));
    script.acquire(first, 1, "x");
    script.acquire(second, 1, "x");
    let applied = script.close(first, 2);
    assert_eq!(applied.outcome, Some(Outcome::SessionEnded { session: first }));
    assert_eq!(applied.granted, [handed_to(second, 1, 2)]);
    assert_eq!(script.machine.session_count(), 1);
}

#[test]
fn a_close_repeated_under_a_known_id_does_not_close() {
    let mut script = Script::default();
    let session = script.open("a");
    script.acquire(session, 1, "x");
    assert_eq!(script.request(session, 1, Operation::Close).0, granted(1));
}

#[test]
fn settings_only_grow_field_by_field_and_say_so_once() {
    let mut script = Script::default();
    assert_eq!(script.machine.settings(), None);
    let first = Settings { lease_ms: 150, ttl_ms_max: 60_000, level: 1 };
    let applied = script.apply(&Command::Settings(first.clone()));
    assert_eq!(applied.outcome, Some(Outcome::SettingsChanged(first.clone())));
    assert_eq!(script.apply(&Command::Settings(first)), Applied::default());
    let mixed = Settings { lease_ms: 100, ttl_ms_max: 90_000, level: 0 };
    let raised = Settings { lease_ms: 150, ttl_ms_max: 90_000, level: 1 };
    let applied = script.apply(&Command::Settings(mixed));
    assert_eq!(applied.outcome, Some(Outcome::SettingsChanged(raised.clone())));
    assert_eq!(script.machine.settings(), Some(&raised));
}

#[test]
#[should_panic(expected = "is of level 4, above 3")]
fn a_level_that_this_build_does_not_know_stops_the_machine() {
    let settings = Settings { lease_ms: 150, ttl_ms_max: 60_000, level: 4 };
    Script::default().apply(&Command::Settings(settings));
}

#[test]
#[should_panic(expected = "entry 5 applied after entry 5")]
fn an_entry_is_applied_once() {
    let mut machine = LockMachine::new();
    machine.apply(Index(5), Term(1), 0, &open_session("a"));
    machine.apply(Index(5), Term(1), 0, &open_session("a"));
}

#[test]
fn waiters_that_expired_are_passed_over_in_a_long_queue() {
    let mut script = Script::default();
    let holder = script.open("holder");
    script.acquire(holder, 1, "x");
    let waiters: Vec<SessionId> = (0..600).map(|_| script.open("w")).collect();
    for waiter in &waiters {
        script.request(*waiter, 1, acquire("x"));
    }
    for dead in &waiters[..300] {
        script.expire(*dead, 1);
    }
    assert_eq!(script.expire(holder, 1).granted, [handed_to(waiters[300], 1, 2)]);
}
