//! Grants: exclusion, order, hand-over, tokens (L1, L3, L5, L13).

use super::script::{Script, acquire, granted, handed_to, plain, try_acquire};
use crate::base::Token;
use crate::lock::{Acquire, Answer, Mode, Operation, Refusal};

#[test]
fn a_lock_has_one_holder_and_the_others_queue_in_order() {
    let mut script = Script::default();
    let (first, second, third) = (script.open("a"), script.open("b"), script.open("c"));
    assert_eq!(script.acquire(first, 1, "x"), granted(1));
    assert_eq!(script.acquire(second, 1, "x"), Answer::Queued { ahead: 0 });
    assert_eq!(script.acquire(third, 1, "x"), Answer::Queued { ahead: 1 });
    assert_eq!(script.holder("x"), 1);
    assert_eq!(script.machine.held_count(), 1);
}

#[test]
fn a_release_grants_to_the_first_waiter_in_the_same_apply() {
    let mut script = Script::default();
    let (first, second, third) = (script.open("a"), script.open("b"), script.open("c"));
    script.acquire(first, 1, "x");
    script.acquire(second, 1, "x");
    script.acquire(third, 1, "x");
    let (answer, handed) = script.release(first, 2, "x", 1);
    assert_eq!((answer, handed), (Answer::Done, vec![handed_to(second, 1, 2)]));
    assert_eq!(script.acquire(third, 1, "x"), Answer::Queued { ahead: 0 });
}

#[test]
fn the_last_release_leaves_nothing_of_the_lock() {
    let mut script = Script::default();
    let session = script.open("a");
    script.acquire(session, 1, "x");
    script.release(session, 2, "x", 1);
    assert_eq!(script.machine.held_count(), 0);
    assert_eq!(script.acquire(session, 3, "x"), granted(2));
}

#[test]
fn a_release_frees_only_where_session_name_and_token_match() {
    let mut script = Script::default();
    let (holder, other) = (script.open("a"), script.open("b"));
    script.acquire(holder, 1, "x");
    script.acquire(holder, 2, "y");
    for (session, request, lock, token) in
        [(other, 1, "x", 1), (holder, 3, "y", 1), (holder, 4, "x", 2), (holder, 5, "z", 1)]
    {
        let (answer, handed) = script.release(session, request, lock, token);
        assert_eq!((answer, handed), (Answer::NotHeld, vec![]), "{lock} {token}");
    }
    assert_eq!((script.holder("x"), script.holder("y")), (1, 2));
}

#[test]
fn tokens_rise_over_all_locks_and_queues() {
    let mut script = Script::default();
    let (first, second) = (script.open("a"), script.open("b"));
    assert_eq!(script.acquire(first, 1, "x"), granted(1));
    assert_eq!(script.acquire(second, 1, "y"), granted(2));
    script.acquire(second, 2, "x");
    let (_, handed) = script.release(first, 2, "x", 1);
    assert_eq!(handed, [handed_to(second, 2, 3)]);
    assert_eq!(script.acquire(first, 3, "z"), granted(4));
}

#[test]
fn a_try_says_who_holds_the_lock_and_does_not_queue() {
    let mut script = Script::default();
    let (holder, other) = (script.open("the holder"), script.open("b"));
    script.acquire(holder, 1, "x");
    let (answer, _) = script.request(other, 1, try_acquire("x"));
    assert_eq!(answer, Answer::Held { client: "the holder".to_owned() });
    let (_, handed) = script.release(holder, 2, "x", 1);
    assert_eq!(handed, []);
    assert_eq!(script.request(other, 2, try_acquire("x")).0, granted(2));
}

#[test]
fn a_lock_that_there_is_not_is_refused() {
    let mut script = Script::default();
    let session = script.open("a");
    let refused = [
        Acquire { permits: 0, ..plain("x") },
        Acquire { permits: 2, ..plain("x") },
        Acquire { limit: 2, permits: 0, ..plain("x") },
        Acquire { limit: 2, permits: 3, ..plain("x") },
        Acquire { limit: 2, mode: Mode::Shared, ..plain("x") },
    ];
    for (request, acquire) in (1..).zip(refused) {
        let (answer, _) = script.request(session, request, Operation::Acquire(acquire));
        assert_eq!(answer, Answer::Refused(Refusal::Invalid));
    }
    assert_eq!(script.machine.held_count(), 0);
    assert_eq!(script.acquire(session, 9, "x"), granted(1));
}

#[test]
fn a_value_has_at_most_4_kib() {
    let mut script = Script::default();
    let session = script.open("a");
    let sized = |bytes| Operation::Acquire(Acquire { value: vec![7; bytes], ..plain("x") });
    let (answer, _) = script.request(session, 1, sized(4097));
    assert_eq!(answer, Answer::Refused(Refusal::Invalid));
    assert_eq!(script.request(session, 2, sized(4096)).0, granted(1));
}

#[test]
fn a_waiters_value_is_shown_once_it_holds() {
    let mut script = Script::default();
    let (first, second) = (script.open("a"), script.open("b"));
    script.acquire(first, 1, "x");
    let campaign = Acquire { value: b"host-2".to_vec(), ..plain("x") };
    script.request(second, 1, Operation::Acquire(campaign));
    script.release(first, 2, "x", 1);
    let view = script.machine.lock(&super::script::name("x")).expect("held");
    assert_eq!((view.value.as_slice(), view.token), (b"host-2".as_slice(), Token(2)));
    // Granted by the fifth entry, the release.
    assert_eq!((view.session, view.since_unix_ms), (second, 1005));
}

#[test]
fn a_waiter_that_leaves_the_middle_is_passed_over() {
    let mut script = Script::default();
    let sessions: Vec<_> = ["a", "b", "c", "d"].map(|client| script.open(client)).to_vec();
    for session in &sessions {
        script.request(*session, 1, acquire("x"));
    }
    script.withdraw(sessions[2], 2, 1);
    script.release(sessions[0], 2, "x", 1);
    let (_, handed) = script.release(sessions[1], 2, "x", 2);
    assert_eq!(handed, [handed_to(sessions[3], 1, 3)]);
}
