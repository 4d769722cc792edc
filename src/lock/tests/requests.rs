//! Requests: retries, withdrawals, floors (L4, L14, L17).

use super::script::{
    Script, acquire, all, granted, handed_to, name, plain, release, take, transfer, try_acquire,
    with,
};
use crate::base::{RequestId, SessionId, Token};
use crate::lock::{Acquire, Answer, BreakWay, Command, LockMachine, Operation, Refusal, Settings};

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

const CONFLICT: Answer = Answer::Refused(Refusal::Conflict);

/// A machine at the level from which on prints of requests are kept.
fn at_level_2() -> Script {
    let mut script = Script::default();
    script.apply(&Command::Settings(Settings { lease_ms: 150, ttl_ms_max: 60_000, level: 2 }));
    script
}

/// Other requests than an acquire of "x", each in one thing.
fn others() -> Vec<Operation> {
    let proclaim = Operation::Proclaim { name: name("x"), token: Token(1), value: vec![1] };
    let ask = Operation::Break {
        name: name("x"),
        token: Token(1),
        way: BreakWay::Ask { grace_ms: Some(1) },
        to: None,
        reason: String::new(),
    };
    vec![
        acquire("y"),
        try_acquire("x"),
        all(&["x", "y"]),
        with("x", |acquire| acquire.value = vec![1]),
        with("x", |acquire| acquire.mode = crate::lock::Mode::Shared),
        with("x", |acquire| acquire.limit = 1),
        with("x", |acquire| acquire.permits = 2),
        with("x", |acquire| acquire.owner = crate::base::Owner(1)),
        with("x", |acquire| acquire.delay_ms = 1),
        release("x", 1),
        release("x", 2),
        Operation::Withdraw { acquire: RequestId(1) },
        Operation::Withdraw { acquire: RequestId(2) },
        transfer("x", 1, None),
        transfer("x", 1, Some("b")),
        take("x", 1, None),
        ask,
        proclaim,
    ]
}

#[test]
fn l17_another_request_under_a_used_id_is_a_conflict_and_does_nothing() {
    for other in others() {
        let mut script = at_level_2();
        let session = script.open("a");
        assert_eq!(script.acquire(session, 1, "x"), granted(1));
        let before = script.machine.state_hash_without_applied();
        assert_eq!(script.request(session, 1, other.clone()).0, CONFLICT, "{other:?}");
        assert_eq!(script.machine.state_hash_without_applied(), before, "{other:?}");
        assert_eq!(script.acquire(session, 1, "x"), granted(1), "a true retry stays one (L4)");
    }
}

#[test]
fn l17_a_conflict_is_one_whatever_became_of_the_first_request() {
    let mut script = at_level_2();
    let (a, b) = (script.open("a"), script.open("b"));
    script.acquire(a, 1, "x");
    script.acquire(b, 1, "x");
    assert_eq!(script.acquire(b, 1, "y"), CONFLICT, "while the first one waits");
    script.release(a, 2, "x", 1);
    assert_eq!(script.acquire(b, 1, "y"), CONFLICT, "when it is granted");
    assert_eq!(script.release(a, 2, "x", 2).0, CONFLICT, "another release");
    assert_eq!(script.release(a, 2, "x", 1).0, Answer::Done);
    script.release(b, 2, "x", 2);
    assert_eq!(script.acquire(b, 1, "y"), CONFLICT, "when it has ended");
    assert_eq!(script.acquire(b, 1, "x"), Answer::Ended { token: Token(2) });
    assert_eq!(script.request(b, 3, with("z", |acquire| acquire.permits = 9)).0, INVALID);
    assert_eq!(script.acquire(b, 3, "z"), CONFLICT, "when it was refused");
}

const INVALID: Answer = Answer::Refused(Refusal::Invalid);

#[test]
fn l14_an_id_that_a_withdrawal_reserved_takes_any_acquire_and_nothing_else() {
    let mut script = at_level_2();
    let session = script.open("a");
    assert_eq!(script.withdraw(session, 2, 1).0, Answer::Withdrawn);
    for operation in [acquire("x"), acquire("y"), all(&["x", "y"])] {
        assert_eq!(script.request(session, 1, operation).0, Answer::Withdrawn);
    }
    assert_eq!(script.release(session, 1, "x", 1).0, CONFLICT);
    assert_eq!(script.machine.held_count(), 0);
}

#[test]
fn l17_what_an_id_was_used_for_is_in_the_snapshot() {
    let mut script = at_level_2();
    let (a, b) = (script.open("a"), script.open("b"));
    script.acquire(a, 1, "x");
    script.request(a, 2, all(&["p", "q"]));
    script.acquire(b, 1, "x");
    script.release(a, 3, "x", 9);
    script.withdraw(a, 5, 4);
    script.replace(|machine| LockMachine::decode(&machine.encode()).expect("its own bytes"));
    assert_eq!(script.acquire(a, 1, "y"), CONFLICT);
    assert_eq!(script.request(a, 2, all(&["p", "r"])).0, CONFLICT);
    assert_eq!(script.request(a, 2, all(&["p", "q"])).0, granted(2));
    assert_eq!(script.acquire(b, 1, "y"), CONFLICT);
    assert_eq!(script.release(a, 3, "x", 8).0, CONFLICT);
    assert_eq!(script.release(a, 3, "x", 9).0, Answer::NotHeld);
    assert_eq!(script.acquire(a, 4, "y"), Answer::Withdrawn);
}

#[test]
fn l2_below_level_2_a_used_id_is_answered_as_0_1_does_and_so_it_is_for_what_came_then() {
    let mut script = Script::default();
    let session = script.open("a");
    assert_eq!(script.acquire(session, 1, "x"), granted(1));
    assert_eq!(script.acquire(session, 1, "y"), granted(1));
    script.apply(&Command::Settings(Settings { lease_ms: 150, ttl_ms_max: 60_000, level: 2 }));
    assert_eq!(script.acquire(session, 1, "y"), granted(1), "nobody knows what it was");
    assert_eq!(
        script.request(session, 2, Operation::Acquire(Acquire { ..plain("z") })).0,
        granted(2)
    );
    assert_eq!(script.acquire(session, 2, "y"), CONFLICT);
}
