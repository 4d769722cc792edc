//! Re-entrance: the handles of one owner on one grant (L4, L13, L14).

use super::script::{Script, acquire, granted, handed_to, with};
use crate::base::{Owner, SessionId, Token};
use crate::lock::{Answer, LockMachine, Mode, Operation, Refusal};

const INVALID: Answer = Answer::Refused(Refusal::Invalid);

fn owned(owner: u64) -> Operation {
    with("x", |acquire| acquire.owner = Owner(owner))
}

/// Two handles of owner 7 on "x", and a waiter.
fn entered_twice() -> (Script, SessionId, SessionId) {
    let mut script = Script::default();
    let (session, other) = (script.open("a"), script.open("b"));
    assert_eq!(script.request(session, 1, owned(7)).0, granted(1));
    script.acquire(other, 1, "x");
    assert_eq!(script.request(session, 2, owned(7)).0, granted(1));
    (script, session, other)
}

#[test]
fn l13_the_last_handle_of_an_owner_frees_the_lock() {
    let (mut script, session, other) = entered_twice();
    assert_eq!(script.release(session, 3, "x", 1), (Answer::Done, vec![]));
    assert_eq!(script.holder("x"), 1);
    assert_eq!(script.release(session, 4, "x", 1), (Answer::Done, vec![handed_to(other, 1, 2)]));
    assert_eq!(script.release(session, 5, "x", 1).0, Answer::NotHeld);
}

#[test]
fn l4_each_handle_repeats_its_own_answer() {
    let (mut script, session, _) = entered_twice();
    script.release(session, 3, "x", 1);
    assert_eq!(script.release(session, 3, "x", 1), (Answer::Done, vec![]));
    assert_eq!(script.request(session, 1, owned(7)).0, Answer::Ended { token: Token(1) });
    assert_eq!(script.request(session, 2, owned(7)).0, granted(1));
}

#[test]
fn l14_a_withdrawal_takes_back_its_own_handle_only() {
    for (first, second) in [(1, 2), (2, 1)] {
        let (mut script, session, other) = entered_twice();
        assert_eq!(script.withdraw(session, 3, first), (Answer::Withdrawn, vec![]));
        assert_eq!(script.request(session, first, owned(7)).0, Answer::Withdrawn);
        let handed = vec![handed_to(other, 1, 2)];
        assert_eq!(script.withdraw(session, 4, second), (Answer::Withdrawn, handed));
    }
}

#[test]
fn l14_a_release_leaves_the_newest_handle_to_its_withdrawal() {
    let (mut script, session, other) = entered_twice();
    script.release(session, 3, "x", 1);
    assert_eq!(script.withdraw(session, 4, 2).1, [handed_to(other, 1, 2)]);
}

#[test]
fn owner_0_and_other_owners_and_sessions_do_not_enter() {
    let (mut script, session, other) = entered_twice();
    assert_eq!(script.acquire(session, 3, "x"), Answer::Queued { ahead: 1 });
    assert_eq!(script.request(session, 4, owned(8)).0, Answer::Queued { ahead: 2 });
    assert_eq!(script.request(other, 2, owned(7)).0, Answer::Queued { ahead: 3 });
    let mut script = Script::default();
    let session = script.open("a");
    assert_eq!(script.request(session, 1, acquire("x")).0, granted(1));
    assert_eq!(script.request(session, 2, acquire("x")).0, Answer::Queued { ahead: 0 });
}

#[test]
fn an_owner_enters_again_only_with_the_same_mode_and_permits() {
    let mut script = Script::default();
    let session = script.open("a");
    let reader = |mode| with("x", |acquire| (acquire.owner, acquire.mode) = (Owner(7), mode));
    assert_eq!(script.request(session, 1, reader(Mode::Shared)).0, granted(1));
    assert_eq!(script.request(session, 2, reader(Mode::Exclusive)).0, INVALID);
    let counted = |permits| {
        with("y", |acquire| {
            (acquire.owner, acquire.limit, acquire.permits) = (Owner(7), 9, permits);
        })
    };
    assert_eq!(script.request(session, 3, counted(2)).0, granted(2));
    assert_eq!(script.request(session, 4, counted(3)).0, INVALID);
    assert_eq!(script.request(session, 5, counted(2)).0, granted(2));
    assert_eq!(script.machine.lock(&super::script::name("y")).expect("held").holding, 1);
}

#[test]
fn l14_an_owner_that_waits_does_not_queue_twice() {
    let mut script = Script::default();
    let (holder, session) = (script.open("a"), script.open("b"));
    script.acquire(holder, 1, "x");
    assert_eq!(script.request(session, 1, owned(7)).0, Answer::Queued { ahead: 0 });
    assert_eq!(script.request(session, 2, owned(7)).0, INVALID);
}

#[test]
fn one_reader_of_many_enters_again() {
    let mut script = Script::default();
    let session = script.open("a");
    let reader =
        |owner| with("x", |acquire| (acquire.owner, acquire.mode) = (Owner(owner), Mode::Shared));
    for owner in 1..=3 {
        assert_eq!(script.request(session, owner, reader(owner)).0, granted(owner));
    }
    assert_eq!(script.request(session, 4, reader(2)).0, granted(2));
    script.release(session, 5, "x", 2);
    assert!(script.machine.is_held_by(&super::script::name("x"), Token(2)));
    script.release(session, 6, "x", 2);
    assert!(!script.machine.is_held_by(&super::script::name("x"), Token(2)));
}

#[test]
fn l22_an_expiry_ends_all_handles_at_once() {
    let (mut script, session, other) = entered_twice();
    assert_eq!(script.expire(session, 1).granted, [handed_to(other, 1, 2)]);
}

#[test]
fn l17_handles_are_in_the_snapshot() {
    let (mut script, session, other) = entered_twice();
    script.replace(|machine| LockMachine::decode(&machine.encode()).expect("its own bytes"));
    assert_eq!(script.release(session, 3, "x", 1).1, []);
    assert_eq!(script.release(session, 4, "x", 1).1, [handed_to(other, 1, 2)]);
}
