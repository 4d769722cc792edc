//! Several locks in one step: all or nothing, queued as one, under one token (L4, L5, L13, L16).

use super::script::{Script, acquire, granted, handed_to, name, plain, with};
use crate::base::{Owner, SessionId, Term, Token};
use crate::lock::level::Bounds;
use crate::lock::{Acquire, Answer, Command, LockMachine, Mode, Operation, Refusal};

const INVALID: Answer = Answer::Refused(Refusal::Invalid);

fn all_with(locks: &[&str], change: impl FnOnce(&mut Acquire)) -> Operation {
    let mut acquire = plain(locks[0]);
    change(&mut acquire);
    Operation::AcquireAll { acquire, also: locks[1..].iter().map(|lock| name(lock)).collect() }
}

fn all(locks: &[&str]) -> Operation {
    all_with(locks, |_| {})
}

fn queued(ahead: u32) -> Answer {
    Answer::Queued { ahead }
}

fn holders<const N: usize>(script: &Script, locks: [&str; N]) -> [u64; N] {
    locks.map(|lock| script.holder(lock))
}

fn one() -> (Script, SessionId) {
    let mut script = Script::default();
    let session = script.open("a");
    (script, session)
}

#[test]
fn all_are_granted_under_one_token_and_freed_by_any_of_their_names() {
    for named in ["x", "y", "z"] {
        let (mut script, session) = one();
        assert_eq!(script.request(session, 1, all(&["y", "z", "x"])).0, granted(1));
        assert_eq!(holders(&script, ["x", "y", "z"]), [1, 1, 1]);
        assert_eq!(script.release(session, 2, named, 1).0, Answer::Done);
        assert_eq!(script.machine.held_count(), 0);
        assert_eq!(
            script.request(session, 1, all(&["y", "z", "x"])).0,
            Answer::Ended { token: Token(1) }
        );
    }
}

#[test]
fn l5_nothing_is_held_until_all_is_free() {
    let (mut script, session) = one();
    script.acquire(session, 1, "x");
    script.acquire(session, 2, "y");
    assert_eq!(script.request(session, 3, all(&["x", "y", "z"])).0, queued(0));
    assert_eq!(script.release(session, 4, "x", 1).1, []);
    assert_eq!(holders(&script, ["x", "y", "z"]), [0, 2, 0]);
    assert_eq!(script.release(session, 5, "y", 2).1, [handed_to(session, 3, 3)]);
    assert_eq!(holders(&script, ["x", "y", "z"]), [3, 3, 3]);
}

#[test]
fn l5_who_waits_for_several_is_not_overtaken_in_any_of_them() {
    let (mut script, session) = one();
    script.acquire(session, 1, "x");
    script.request(session, 2, all(&["x", "y"]));
    assert_eq!(script.acquire(session, 3, "y"), queued(1));
    let attempt = with("y", |acquire| acquire.try_only = true);
    let held = Answer::Held { client: "a".to_owned() };
    assert_eq!(script.request(session, 4, attempt).0, held);
    assert_eq!(script.release(session, 5, "x", 1).1, [handed_to(session, 2, 2)]);
    assert_eq!(script.release(session, 6, "x", 2).1, [handed_to(session, 3, 3)]);
}

#[test]
fn l5_a_withdrawal_lets_in_who_waited_behind_in_each_queue() {
    let (mut script, session) = one();
    script.acquire(session, 1, "x");
    script.request(session, 2, all(&["x", "y", "z"]));
    script.acquire(session, 3, "z");
    script.acquire(session, 4, "y");
    let both = [handed_to(session, 4, 2), handed_to(session, 3, 3)];
    assert_eq!(script.withdraw(session, 5, 2).1, both);
}

#[test]
fn l5_a_grant_of_several_readers_lets_in_the_readers_behind_it_elsewhere() {
    let (mut script, session) = one();
    script.acquire(session, 1, "x");
    let read = |locks: &[&str]| all_with(locks, |acquire| acquire.mode = Mode::Shared);
    script.request(session, 2, read(&["x", "y"]));
    script.request(session, 3, with("y", |acquire| acquire.mode = Mode::Shared));
    let both = [handed_to(session, 2, 2), handed_to(session, 3, 3)];
    assert_eq!(script.release(session, 4, "x", 1).1, both);
}

#[test]
fn a_place_is_as_far_back_as_in_the_longest_queue() {
    let (mut script, session) = one();
    script.acquire(session, 1, "x");
    script.acquire(session, 2, "y");
    script.acquire(session, 3, "y");
    script.acquire(session, 4, "y");
    assert_eq!(script.request(session, 5, all(&["x", "y"])).0, queued(2));
}

#[test]
fn names_are_a_set_of_bounded_size() {
    let (mut script, session) = one();
    assert_eq!(script.request(session, 1, all(&["x", "y", "x"])).0, INVALID);
    let names: Vec<String> = (0..33).map(|number| format!("n{number}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    assert_eq!(script.request(session, 2, all(&names)).0, INVALID);
    assert_eq!(script.machine.held_count(), 0);
    assert_eq!(script.request(session, 3, all(&names[..32])).0, granted(1));
}

#[test]
fn all_or_nothing_holds_for_refusals_too() {
    let mut script = Script::with_bounds(Bounds { locks: 2, ..Bounds::LEVEL_1 });
    let session = script.open("a");
    script.acquire(session, 1, "x");
    let full = Answer::Refused(Refusal::Limit);
    assert_eq!(script.request(session, 2, all(&["x", "y", "z"])).0, full);
    assert_eq!(script.request(session, 3, all(&["y", "z"])).0, full);
    let counted = all_with(&["y", "x"], |acquire| acquire.limit = 2);
    assert_eq!(script.request(session, 4, counted).0, INVALID);
    assert_eq!(script.machine.held_count(), 1);
    assert_eq!(script.request(session, 5, all(&["x", "y"])).0, queued(0));
}

#[test]
fn l13_an_owner_enters_again_what_it_has_and_nothing_in_part() {
    let (mut script, session) = one();
    let own = |locks: &[&str]| all_with(locks, |acquire| acquire.owner = Owner(7));
    assert_eq!(script.request(session, 1, own(&["x", "y"])).0, granted(1));
    assert_eq!(script.request(session, 2, own(&["y", "x"])).0, granted(1));
    assert_eq!(script.request(session, 3, own(&["x"])).0, INVALID);
    assert_eq!(script.request(session, 4, own(&["x", "y", "z"])).0, INVALID);
    script.release(session, 5, "x", 1);
    assert_eq!(holders(&script, ["x", "y"]), [1, 1]);
    script.withdraw(session, 6, 2);
    assert_eq!(script.machine.held_count(), 0);
}

#[test]
fn l22_an_expiry_frees_all_and_leaves_all_queues() {
    let mut script = Script::default();
    let (dead, other) = (script.open("a"), script.open("b"));
    script.request(dead, 1, all(&["x", "y"]));
    script.request(dead, 2, all(&["y", "z"]));
    script.request(other, 1, all(&["x", "z"]));
    script.acquire(other, 2, "y");
    let both = [handed_to(other, 1, 2), handed_to(other, 2, 3)];
    assert_eq!(script.expire(dead, 1).granted, both);
}

#[test]
fn l16_a_delay_is_over_for_each_lock_by_itself() {
    let mut script = Script::default();
    let (dead, other) = (script.open("a"), script.open("b"));
    script.request(dead, 1, all_with(&["x", "y"], |acquire| acquire.delay_ms = 70));
    assert_eq!(script.expire(dead, 1).delayed.len(), 2);
    script.request(other, 1, all(&["x", "y"]));
    let over = |lock| Command::DelayOver { name: name(lock), token: Token(1), term: Term(1) };
    assert_eq!(script.apply(&over("x")).granted, []);
    assert_eq!(script.apply(&over("y")).granted, [handed_to(other, 1, 2)]);
}

#[test]
fn l17_grants_and_places_of_several_are_in_the_snapshot() {
    let (mut script, session) = one();
    script.request(session, 1, all(&["x", "y"]));
    script.request(session, 2, all(&["y", "z"]));
    script.request(session, 3, acquire("z"));
    let hash = script.machine.state_hash();
    script.replace(|machine| LockMachine::decode(&machine.encode()).expect("its own bytes"));
    assert_eq!(script.machine.state_hash(), hash);
    assert_eq!(script.release(session, 4, "y", 1).1, [handed_to(session, 2, 2)]);
    assert_eq!(script.withdraw(session, 5, 2).1, [handed_to(session, 3, 3)]);
}
