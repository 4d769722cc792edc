//! Proclaim and transfer: the calls of a holder about its grant (L13, L17).

use super::script::{
    Script, acquire, all, ask, granted, handed_to, name, plain, release, transfer, with,
};
use crate::base::{Owner, SessionId, Token};
use crate::lock::{Acquire, Answer, LockMachine, Mode, Operation, Refusal};

fn proclaim(lock: &str, token: u64, value: &[u8]) -> Operation {
    Operation::Proclaim { name: name(lock), token: Token(token), value: value.to_vec() }
}

fn value_of(machine: &LockMachine, lock: &str) -> Vec<u8> {
    machine.lock(&name(lock)).expect("held").value
}

/// "a" holds x; "b", "c" and another "b" wait, in this order.
fn awaited() -> (Script, [SessionId; 4]) {
    let mut script = Script::default();
    let sessions = ["a", "b", "c", "b"].map(|client| script.open(client));
    for session in sessions {
        script.acquire(session, 1, "x");
    }
    (script, sessions)
}

#[test]
fn a_proclaimed_value_is_shown_and_nothing_else_of_the_grant_changes() {
    let mut script = Script::default();
    let session = script.open("a");
    script.request(session, 1, Operation::Acquire(Acquire { value: vec![1], ..plain("x") }));
    assert_eq!(script.request(session, 2, proclaim("x", 1, b"new")), (Answer::Done, vec![]));
    let view = script.machine.lock(&name("x")).expect("held");
    assert_eq!((view.value.as_slice(), view.token), (b"new".as_slice(), Token(1)));
    assert_eq!(view.since_unix_ms, 1002, "granted by the second entry");
}

#[test]
fn a_value_is_proclaimed_only_by_who_holds_it_under_that_token() {
    let mut script = Script::default();
    let (holder, other) = (script.open("a"), script.open("b"));
    script.acquire(holder, 1, "x");
    script.acquire(other, 1, "y");
    for (session, request, lock, token) in
        [(other, 2, "x", 1), (holder, 2, "x", 2), (holder, 3, "y", 1), (holder, 4, "z", 1)]
    {
        let (answer, _) = script.request(session, request, proclaim(lock, token, b"v"));
        assert_eq!(answer, Answer::NotHeld, "{lock} {token}");
    }
    assert_eq!(value_of(&script.machine, "x"), b"");
}

#[test]
fn a_proclaimed_value_has_at_most_4_kib() {
    let mut script = Script::default();
    let session = script.open("a");
    script.acquire(session, 1, "x");
    let refused = Answer::Refused(Refusal::Invalid);
    assert_eq!(script.request(session, 2, proclaim("x", 1, &[7; 4097])).0, refused);
    assert_eq!(script.request(session, 3, proclaim("x", 1, &[7; 4096])).0, Answer::Done);
    assert_eq!(value_of(&script.machine, "x").len(), 4096);
}

#[test]
fn a_value_is_proclaimed_in_all_locks_of_its_grant() {
    let mut script = Script::default();
    let session = script.open("a");
    script.request(session, 1, all(&["x", "y"]));
    script.request(session, 2, proclaim("y", 1, b"v"));
    assert_eq!(value_of(&script.machine, "x"), b"v");
    assert_eq!(value_of(&script.machine, "y"), b"v");
}

#[test]
fn a_proclaimed_value_is_in_the_snapshot_and_one_repeated_has_no_second_effect() {
    let mut script = Script::default();
    let session = script.open("a");
    script.acquire(session, 1, "x");
    script.request(session, 2, proclaim("x", 1, b"one"));
    script.request(session, 3, proclaim("x", 1, b"two"));
    script.replace(|machine| LockMachine::decode(&machine.encode()).expect("its own bytes"));
    assert_eq!(script.request(session, 2, proclaim("x", 1, b"one")).0, Answer::Done);
    assert_eq!(value_of(&script.machine, "x"), b"two");
}

#[test]
fn a_transfer_goes_to_the_first_of_that_name_past_all_others() {
    let (mut script, [a, b, c, b_again]) = awaited();
    let handed = vec![handed_to(c, 1, 2)];
    assert_eq!(script.request(a, 2, transfer("x", 1, Some("c"))), (Answer::Done, handed));
    assert_eq!(script.acquire(b, 1, "x"), Answer::Queued { ahead: 0 });
    let handed = vec![handed_to(b, 1, 3)];
    assert_eq!(script.request(c, 2, transfer("x", 2, Some("b"))), (Answer::Done, handed));
    assert_eq!(script.acquire(b_again, 1, "x"), Answer::Queued { ahead: 0 });
}

#[test]
fn a_transfer_to_nobody_in_particular_goes_to_the_next() {
    let (mut script, [a, b, ..]) = awaited();
    let handed = vec![handed_to(b, 1, 2)];
    assert_eq!(script.request(a, 2, transfer("x", 1, None)), (Answer::Done, handed));
}

#[test]
fn a_transfer_that_finds_nobody_releases_all_the_same() {
    let (mut script, [a, b, c, b_again]) = awaited();
    let handed = vec![handed_to(b, 1, 2)];
    let (answer, granted) = script.request(a, 2, transfer("x", 1, Some("nobody")));
    assert_eq!((answer, granted), (Answer::NoWaiter, handed));
    for session in [c, b_again] {
        script.withdraw(session, 3, 1);
    }
    assert_eq!(script.request(b, 2, transfer("x", 2, None)), (Answer::NoWaiter, vec![]));
    assert_eq!(script.machine.held_count(), 0);
}

#[test]
fn only_the_session_that_holds_it_under_that_token_transfers_a_lock() {
    let (mut script, [a, b, ..]) = awaited();
    for (session, lock, token) in [(b, "x", 1), (a, "x", 2), (a, "y", 1)] {
        let (answer, handed) = script.request(session, 9 + token, transfer(lock, token, None));
        assert_eq!((answer, handed), (Answer::NotHeld, vec![]), "{lock} {token}");
        assert_eq!(script.holder("x"), 1);
    }
}

#[test]
fn l13_a_transfer_ends_all_handles_and_repeating_it_frees_nothing() {
    let mut script = Script::default();
    let (a, b) = (script.open("a"), script.open("b"));
    for request in [1, 2, 3] {
        let (answer, _) = script.request(a, request, with("x", |x| x.owner = Owner(5)));
        assert_eq!(answer, granted(1));
    }
    script.acquire(b, 1, "x");
    assert_eq!(script.request(a, 4, transfer("x", 1, None)).1, [handed_to(b, 1, 2)]);
    for request in [1, 2, 3] {
        let (answer, _) = script.request(a, request, with("x", |x| x.owner = Owner(5)));
        assert_eq!(answer, Answer::Ended { token: Token(1) });
    }
    assert_eq!(script.request(a, 4, transfer("x", 1, None)), (Answer::Done, vec![]));
    assert_eq!(script.request(a, 5, release("x", 1)), (Answer::NotHeld, vec![]));
    assert_eq!(script.holder("x"), 2);
}

#[test]
fn a_grant_of_several_locks_is_transferred_by_one_and_released_from_the_others() {
    let mut script = Script::default();
    let sessions @ [a, b, c] = ["a", "b", "c"].map(|client| script.open(client));
    script.request(a, 1, all(&["x", "y"]));
    for session in &sessions[1..] {
        script.acquire(*session, 1, "x");
        script.acquire(*session, 2, "y");
    }
    let handed = vec![handed_to(b, 1, 2), handed_to(c, 2, 3)];
    assert_eq!(script.request(a, 2, transfer("y", 1, Some("c"))), (Answer::Done, handed));
}

#[test]
fn l5_who_waits_for_several_is_not_taken_out_of_turn() {
    let mut script = Script::default();
    let [a, b, c] = ["a", "b", "c"].map(|client| script.open(client));
    script.acquire(a, 1, "x");
    script.acquire(b, 1, "x");
    script.request(c, 1, all(&["x", "y"]));
    assert!(!script.machine.waits(&name("x"), Some("c")));
    let (answer, handed) = script.request(a, 2, transfer("x", 1, Some("c")));
    assert_eq!((answer, handed), (Answer::NoWaiter, vec![handed_to(b, 1, 2)]));
}

#[test]
fn l1_who_is_named_waits_at_the_head_until_there_is_room() {
    let mut script = Script::default();
    let [a, b, c, d] = ["a", "b", "c", "d"].map(|client| script.open(client));
    let read = || with("x", |acquire| acquire.mode = Mode::Shared);
    script.request(a, 1, read());
    script.request(b, 1, read());
    script.acquire(c, 1, "x");
    script.acquire(d, 1, "x");
    // "b" still reads.
    assert_eq!(script.request(a, 2, transfer("x", 1, Some("d"))), (Answer::Done, vec![]));
    assert_eq!(script.acquire(d, 1, "x"), Answer::Queued { ahead: 0 });
    assert_eq!(script.acquire(c, 1, "x"), Answer::Queued { ahead: 1 });
    script.replace(|machine| LockMachine::decode(&machine.encode()).expect("its own bytes"));
    assert_eq!(script.release(b, 2, "x", 2).1, [handed_to(d, 1, 3)]);
}

#[test]
fn who_is_named_by_the_holder_goes_before_the_heir_of_a_break_and_the_heir_before_the_queue() {
    for (to, expected) in [(Some("c"), 2), (None, 3), (Some("nobody"), 3)] {
        let (mut script, sessions) = awaited();
        let heir = script.open("heir");
        script.request(heir, 1, acquire("x"));
        script.request(heir, 2, ask("x", 1, None, Some("heir")));
        let handed = script.request(sessions[0], 2, transfer("x", 1, to)).1;
        let waiting = [sessions[0], sessions[1], sessions[2], heir];
        assert_eq!(handed, [handed_to(waiting[expected], 1, 2)], "{to:?}");
    }
}
