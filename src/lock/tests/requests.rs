//! Requests: retries, withdrawals, floors (L4, L14, L17).

use super::script::{Script, acquire, granted, handed_to, release, try_acquire};
use crate::base::{RequestId, SessionId, Token};
use crate::lock::{Answer, Operation, Refusal};

const BELOW: Answer = Answer::Refused(Refusal::BelowFloor);

#[test]
fn a_retried_acquire_returns_the_same_token() {
    let mut script = Script::default();
    let session = script.open("a");
    assert_eq!(script.acquire(session, 1, "x"), granted(1));
    assert_eq!(script.acquire(session, 1, "x"), granted(1));
    assert_eq!(script.acquire(session, 2, "y"), granted(2));
}

#[test]
fn a_retried_acquire_whose_grant_has_ended_is_answered_as_ended() {
    let mut script = Script::default();
    let session = script.open("a");
    script.acquire(session, 1, "x");
    script.release(session, 2, "x", 1);
    assert_eq!(script.acquire(session, 1, "x"), Answer::Ended { token: Token(1) });
    assert_eq!(script.machine.held_count(), 0);
}

#[test]
fn a_retried_release_does_not_free_the_next_grant() {
    let mut script = Script::default();
    let session = script.open("a");
    script.acquire(session, 1, "x");
    script.release(session, 2, "x", 1);
    script.acquire(session, 3, "x");
    assert_eq!(script.release(session, 2, "x", 1).0, Answer::Done);
    assert_eq!(script.holder("x"), 2);
}

#[test]
fn a_queued_request_is_answered_with_its_present_place_and_then_its_grant() {
    let mut script = Script::default();
    let (first, second, third) = (script.open("a"), script.open("b"), script.open("c"));
    script.acquire(first, 1, "x");
    script.acquire(second, 1, "x");
    assert_eq!(script.acquire(third, 1, "x"), Answer::Queued { ahead: 1 });
    script.withdraw(second, 2, 1);
    assert_eq!(script.acquire(third, 1, "x"), Answer::Queued { ahead: 0 });
    script.release(first, 2, "x", 1);
    assert_eq!(script.acquire(third, 1, "x"), granted(2));
}

#[test]
fn a_fixed_answer_stays_though_the_lock_has_changed() {
    let mut script = Script::default();
    let (holder, other) = (script.open("holder"), script.open("b"));
    script.acquire(holder, 1, "x");
    let (held, _) = script.request(other, 1, try_acquire("x"));
    script.release(holder, 2, "x", 1);
    assert_eq!(script.request(other, 1, try_acquire("x")).0, held);
    assert_eq!(script.machine.held_count(), 0);
}

#[test]
fn a_withdrawal_of_a_grant_frees_it() {
    let mut script = Script::default();
    let (first, second) = (script.open("a"), script.open("b"));
    script.acquire(first, 1, "x");
    script.acquire(second, 1, "x");
    let (answer, handed) = script.withdraw(first, 2, 1);
    assert_eq!((answer, handed), (Answer::Withdrawn, vec![handed_to(second, 1, 2)]));
    assert_eq!(script.acquire(first, 1, "x"), Answer::Withdrawn);
}

#[test]
fn a_withdrawal_of_a_waiter_takes_its_place_away() {
    let mut script = Script::default();
    let (first, second) = (script.open("a"), script.open("b"));
    script.acquire(first, 1, "x");
    script.acquire(second, 1, "x");
    assert_eq!(script.withdraw(second, 2, 1), (Answer::Withdrawn, vec![]));
    assert_eq!(script.release(first, 2, "x", 1), (Answer::Done, vec![]));
    assert_eq!(script.acquire(second, 1, "x"), Answer::Withdrawn);
}

#[test]
fn a_withdrawal_that_arrives_first_fixes_the_acquires_answer() {
    let mut script = Script::default();
    let session = script.open("a");
    assert_eq!(script.withdraw(session, 2, 1).0, Answer::Withdrawn);
    assert_eq!(script.acquire(session, 1, "x"), Answer::Withdrawn);
    assert_eq!(script.machine.held_count(), 0);
}

#[test]
fn a_withdrawal_leaves_an_answer_that_is_fixed_already() {
    let mut script = Script::default();
    let session = script.open("a");
    script.acquire(session, 1, "x");
    script.release(session, 2, "x", 1);
    assert_eq!(script.withdraw(session, 3, 1).0, Answer::Withdrawn);
    assert_eq!(script.acquire(session, 1, "x"), Answer::Ended { token: Token(1) });
}

#[test]
fn a_withdrawal_that_names_itself_is_harmless() {
    let mut script = Script::default();
    let session = script.open("a");
    assert_eq!(script.withdraw(session, 1, 1), (Answer::Withdrawn, vec![]));
    assert_eq!(script.withdraw(session, 1, 1), (Answer::Withdrawn, vec![]));
}

#[test]
fn below_the_floor_what_is_forgotten_is_refused_and_not_run_again() {
    let mut script = Script::default();
    let session = script.open("a");
    script.acquire(session, 1, "x");
    script.release(session, 2, "x", 1);
    script.request_above(3, session, 3, acquire("y"));
    assert_eq!(script.acquire(session, 1, "x"), BELOW);
    assert_eq!(script.release(session, 2, "x", 1).0, BELOW);
    assert_eq!(script.machine.held_count(), 1);
}

#[test]
fn below_the_floor_grants_and_waiters_still_answer() {
    let mut script = Script::default();
    let (first, second) = (script.open("a"), script.open("b"));
    script.acquire(first, 1, "x");
    script.acquire(second, 1, "x");
    script.request_above(9, first, 9, acquire("y"));
    script.request_above(9, second, 9, acquire("y"));
    assert_eq!(script.acquire(first, 1, "x"), granted(1));
    assert_eq!(script.acquire(second, 1, "x"), Answer::Queued { ahead: 0 });
}

#[test]
fn below_the_floor_a_grant_that_ends_is_forgotten_at_once() {
    let mut script = Script::default();
    let session = script.open("a");
    script.acquire(session, 1, "x");
    script.request_above(9, session, 9, release("x", 1));
    assert_eq!(script.acquire(session, 1, "x"), BELOW);
    assert_eq!(script.machine.held_count(), 0);
}

#[test]
fn below_the_floor_a_withdrawal_still_frees_what_stands() {
    let mut script = Script::default();
    let session = script.open("a");
    script.acquire(session, 1, "x");
    let withdraw = Operation::Withdraw { acquire: RequestId(1) };
    assert_eq!(script.request_above(9, session, 9, withdraw).0, Answer::Withdrawn);
    assert_eq!(script.acquire(session, 1, "x"), BELOW);
    assert_eq!(script.machine.held_count(), 0);
}

#[test]
fn a_stale_floor_lowers_nothing() {
    let mut script = Script::default();
    let session = script.open("a");
    script.request_above(5, session, 5, acquire("x"));
    assert_eq!(script.request_above(1, session, 4, acquire("y")).0, BELOW);
}

#[test]
fn the_first_request_is_number_one() {
    let mut script = Script::default();
    let session = script.open("a");
    assert_eq!(script.request_above(0, session, 0, acquire("x")).0, BELOW);
}

#[test]
fn sessions_do_not_share_request_ids() {
    let mut script = Script::default();
    let (first, second) = (script.open("a"), script.open("b"));
    script.acquire(first, 1, "x");
    assert_eq!(script.acquire(second, 1, "y"), granted(2));
    assert_eq!(script.withdraw(second, 2, 1).0, Answer::Withdrawn);
    assert_eq!(script.holder("x"), 1);
}

#[test]
fn a_dead_session_is_told_so_and_nothing_runs() {
    let mut script = Script::default();
    let never_opened = SessionId(77);
    assert_eq!(script.acquire(never_opened, 1, "x"), Answer::SessionExpired);
    let session = script.open("a");
    script.acquire(session, 1, "x");
    script.expire(session, 1);
    assert_eq!(script.acquire(session, 1, "x"), Answer::SessionExpired);
    assert_eq!(script.request(session, 2, Operation::Close).0, Answer::SessionExpired);
    assert_eq!(script.machine.held_count(), 0);
}
