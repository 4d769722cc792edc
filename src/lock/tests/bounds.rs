//! Bounds: each is a typed answer, the same on all replicas, and final for the request (L2, L17).

use super::script::{Script, acquire, granted, open_session, raise_level, try_acquire, with};
use crate::base::{Index, SessionId};
use crate::lock::level::Bounds;
use crate::lock::token::{COUNT_MAX, Tokens};
use crate::lock::{Answer, LockMachine, Outcome, Refusal};

const FULL: Answer = Answer::Refused(Refusal::Limit);

fn bounded(change: impl FnOnce(&mut Bounds)) -> (Script, SessionId) {
    let mut bounds = Bounds::LEVEL_1;
    change(&mut bounds);
    let mut script = Script::with_bounds(bounds);
    let session = script.open("a");
    (script, session)
}

#[test]
fn sessions_are_bounded() {
    let (mut script, first) = bounded(|bounds| bounds.sessions = 2);
    script.open("b");
    let refused = script.apply(&open_session("c")).outcome;
    assert_eq!(refused, Some(Outcome::SessionRefused(Refusal::Limit)));
    script.expire(first, 1);
    script.open("d");
}

#[test]
fn locks_are_bounded() {
    let (mut script, session) = bounded(|bounds| bounds.locks = 2);
    script.acquire(session, 1, "x");
    script.acquire(session, 2, "y");
    assert_eq!(script.acquire(session, 3, "z"), FULL);
    assert_eq!(script.acquire(session, 4, "x"), Answer::Queued { ahead: 0 });
    script.release(session, 5, "y", 2);
    assert_eq!(script.acquire(session, 6, "z"), granted(3));
}

#[test]
fn waiters_of_a_lock_are_bounded() {
    let (mut script, session) = bounded(|bounds| bounds.waiters_per_lock = 1);
    script.acquire(session, 1, "x");
    assert_eq!(script.acquire(session, 2, "x"), Answer::Queued { ahead: 0 });
    assert_eq!(script.acquire(session, 3, "x"), FULL);
    script.withdraw(session, 4, 2);
    assert_eq!(script.acquire(session, 5, "x"), Answer::Queued { ahead: 0 });
}

#[test]
fn grants_and_places_of_a_session_are_bounded_together() {
    let (mut script, session) = bounded(|bounds| bounds.requests_per_session = 2);
    script.acquire(session, 1, "x");
    script.acquire(session, 2, "x");
    assert_eq!(script.acquire(session, 3, "y"), FULL);
    let other = script.open("b");
    assert_eq!(script.acquire(other, 1, "y"), granted(2));
}

#[test]
fn a_refusal_is_an_answer_and_stays_one() {
    let (mut script, session) = bounded(|bounds| bounds.locks = 1);
    script.acquire(session, 1, "x");
    assert_eq!(script.acquire(session, 2, "y"), FULL);
    script.release(session, 3, "x", 1);
    assert_eq!(script.acquire(session, 2, "y"), FULL);
    assert_eq!(script.machine.held_count(), 0);
}

#[test]
fn remembered_answers_are_bounded_and_a_refused_request_never_runs() {
    let (mut script, session) = bounded(|bounds| bounds.answers_per_session = 3);
    let other = script.open("b");
    script.acquire(other, 1, "held");
    script.request(session, 1, try_acquire("held"));
    script.request(session, 2, try_acquire("held"));
    assert_eq!(script.acquire(session, 4, "x"), FULL);
    // Room again, and the refused id arrives once more; so does an older id that never arrived before.
    let (answer, _) = script.request_above(3, session, 5, acquire("y"));
    assert_eq!(answer, granted(2));
    assert_eq!(script.acquire(session, 4, "x"), FULL);
    assert_eq!(script.acquire(session, 3, "x"), FULL);
    assert_eq!(script.holder("x"), 0);
}

#[test]
fn a_session_without_room_can_still_close() {
    let (mut script, session) = bounded(|bounds| bounds.answers_per_session = 2);
    script.acquire(session, 1, "x");
    assert_eq!(script.release(session, 2, "x", 1).0, FULL);
    assert_eq!(script.close(session, 3).outcome, Some(Outcome::SessionEnded { session }));
    assert_eq!(script.holder("x"), 0);
}

/// A machine of level 2 with one session, and room for so many bytes more.
fn with_room_for(bytes: u64) -> (Script, SessionId) {
    let (mut script, session) = bounded(|_| ());
    raise_level(&mut script);
    let taken = script.machine.weight.bytes;
    script.machine.bounds.state_bytes = taken + bytes;
    (script, session)
}

#[test]
fn the_bytes_of_the_state_are_bounded_and_whoever_frees_is_let_through() {
    let (mut script, session) = with_room_for(1);
    assert_eq!(script.acquire(session, 1, "x"), granted(1));
    assert_eq!(script.acquire(session, 2, "y"), FULL);
    assert_eq!(script.acquire(session, 3, "x"), FULL);
    let refused = script.apply(&open_session("c")).outcome;
    assert_eq!(refused, Some(Outcome::SessionRefused(Refusal::Limit)));
    assert_eq!(script.release(session, 4, "x", 1).0, Answer::Done);
    // Its answers are forgotten with the floor; then there is room.
    let (answer, _) = script.request_above(5, session, 5, acquire("y"));
    assert_eq!(answer, granted(2));
    assert_eq!(script.acquire(session, 2, "z"), Answer::Refused(Refusal::BelowFloor));
}

#[test]
fn a_request_that_found_no_room_in_the_state_never_runs() {
    let (mut script, session) = with_room_for(0);
    let before = script.machine.weight.bytes;
    assert_eq!(script.acquire(session, 7, "x"), FULL);
    assert_eq!(script.machine.weight.bytes, before, "nothing of it is remembered");
    script.machine.bounds.state_bytes = u64::MAX;
    assert_eq!(script.acquire(session, 7, "x"), FULL);
    assert_eq!(script.acquire(session, 8, "x"), granted(1));
}

#[test]
fn beyond_the_reserve_only_a_close_is_let_through() {
    let (mut script, session) = with_room_for(1);
    script.machine.bounds.state_reserve = 0;
    assert_eq!(script.acquire(session, 1, "x"), granted(1));
    assert_eq!(script.release(session, 2, "x", 1).0, FULL);
    assert_eq!(script.close(session, 3).outcome, Some(Outcome::SessionEnded { session }));
    assert_eq!(script.machine.weight.bytes, 0);
}

#[test]
fn below_level_2_the_bytes_of_the_state_are_counted_and_bound_nobody() {
    let (mut script, session) = bounded(|bounds| bounds.state_bytes = 0);
    assert_eq!(script.acquire(session, 1, "x"), granted(1));
    assert!(script.machine.weight.bytes > 0);
    script.open("b");
}

#[test]
fn a_value_that_is_proclaimed_counts_for_each_handle() {
    let (mut script, session) = with_room_for(1 << 20);
    let own = || with("x", |acquire| acquire.owner = crate::base::Owner(7));
    script.request(session, 1, own());
    script.request(session, 2, own());
    let before = script.machine.weight.bytes;
    let (name, token) = (super::script::name("x"), crate::base::Token(1));
    let value = vec![7; 100];
    script.request(session, 3, crate::lock::Operation::Proclaim { name, token, value });
    assert_eq!(script.machine.weight.bytes, before + 200 + 48);
}

/// A forged snapshot: a machine that believed it would have no number for the next grant, or the next entry.
#[test]
fn r15_counts_that_no_log_leads_to_are_refused() {
    let refusal =
        |machine: &LockMachine| LockMachine::decode(&machine.encode()).unwrap_err().to_string();
    let mut machine = LockMachine::new();
    machine.tokens = Tokens::resume(0, COUNT_MAX).unwrap();
    assert!(LockMachine::decode(&machine.encode()).is_ok());
    machine.tokens = Tokens::resume(0, COUNT_MAX + 1).unwrap();
    assert!(refusal(&machine).contains("tokens in epoch 0"));
    machine.applied = Index(COUNT_MAX + 1);
    assert!(refusal(&machine).contains("no log reaches entry"));
}
