//! A wait that would be for ever is refused to the session that closes the circle.

use super::script::{Script, granted, handed_to, name, plain, with};
use crate::base::{Owner, SessionId};
use crate::lock::level::Bounds;
use crate::lock::{Acquire, Answer, LockMachine, Mode, Operation};

fn own(lock: &str, owner: u64) -> Operation {
    with(lock, |acquire| acquire.owner = Owner(owner))
}

fn all(locks: &[&str], owner: u64) -> Operation {
    let also = locks[1..].iter().map(|lock| name(lock)).collect();
    let acquire = Acquire { owner: Owner(owner), ..plain(locks[0]) };
    Operation::AcquireAll { acquire, also }
}

fn take(lock: &str, owner: u64, limit: u32) -> Operation {
    with(lock, |acquire| (acquire.owner, acquire.limit) = (Owner(owner), limit))
}

#[track_caller]
fn assert_deadlock(answer: &Answer) {
    assert!(matches!(answer, Answer::Deadlock { .. }), "{answer:?}");
}

/// "a" has x as owner 1 and "b" has y as owner 2.
fn two() -> (Script, SessionId, SessionId) {
    two_with(Bounds::LEVEL_1)
}

fn two_with(bounds: Bounds) -> (Script, SessionId, SessionId) {
    let mut script = Script::with_bounds(bounds);
    let (a, b) = (script.open("a"), script.open("b"));
    assert_eq!(script.request(a, 1, own("x", 1)).0, granted(1));
    assert_eq!(script.request(b, 1, own("y", 2)).0, granted(2));
    (script, a, b)
}

#[test]
fn the_wait_that_closes_the_circle_is_refused_and_told_why() {
    let (mut script, a, b) = two();
    assert_eq!(script.request(a, 2, own("y", 1)).0, Answer::Queued { ahead: 0 });
    let circle = "b (owner 2) waits for x, where a (owner 1) is before it; \
                  a (owner 1) waits for y, where b (owner 2) is before it";
    let deadlock = Answer::Deadlock { circle: circle.to_owned() };
    assert_eq!(script.request(b, 2, own("x", 2)).0, deadlock);
    // The refused wait leaves nothing, and the other one goes on.
    assert_eq!(script.machine.lock(&name("x")).expect("held").waiting, 0);
    assert_eq!(script.release(b, 3, "y", 2).1, [handed_to(a, 2, 3)]);
    assert_eq!(script.request(b, 2, own("x", 2)).0, deadlock);
}

#[test]
fn l17_the_answer_is_in_the_snapshot() {
    let (mut script, a, b) = two();
    script.request(a, 2, own("y", 1));
    let (answer, _) = script.request(b, 2, own("x", 2));
    script.replace(|machine| LockMachine::decode(&machine.encode()).expect("its own bytes"));
    assert_eq!(script.request(b, 2, own("x", 2)).0, answer);
}

#[test]
fn another_owner_and_owner_0_close_no_circle() {
    let (mut script, a, b) = two();
    script.request(a, 2, own("y", 1));
    assert_eq!(script.request(b, 2, own("x", 3)).0, Answer::Queued { ahead: 0 });
    assert_eq!(script.acquire(b, 3, "x"), Answer::Queued { ahead: 1 });
    // The same number in another session is another owner.
    assert_eq!(script.request(a, 3, own("y", 2)).0, Answer::Queued { ahead: 1 });
}

#[test]
fn a_try_does_not_wait_and_closes_no_circle() {
    let (mut script, a, b) = two();
    script.request(a, 2, own("y", 1));
    let attempt = with("x", |acquire| (acquire.owner, acquire.try_only) = (Owner(2), true));
    let held = Answer::Held { client: "a".to_owned() };
    assert_eq!(script.request(b, 2, attempt).0, held);
}

#[test]
fn a_circle_of_three_is_found() {
    let (mut script, a, b) = two();
    let c = script.open("c");
    script.request(c, 1, own("z", 3));
    script.request(a, 2, own("y", 1));
    script.request(b, 2, own("z", 2));
    assert_deadlock(&script.request(c, 2, own("x", 3)).0);
}

#[test]
fn one_who_waits_before_in_the_queue_is_waited_for_too() {
    let (mut script, a, b) = two();
    let c = script.open("c");
    script.acquire(c, 1, "z");
    // "b" waits for z, and "a" behind it; so "a" gives its locks up only after "b" had z.
    script.request(b, 2, own("z", 2));
    assert_eq!(script.request(a, 2, own("z", 1)).0, Answer::Queued { ahead: 1 });
    assert_deadlock(&script.request(b, 3, own("x", 2)).0);
}

#[test]
fn one_who_waits_for_several_joins_circles_without_an_owner() {
    let (mut script, a, _) = two();
    let c = script.open("c");
    assert_eq!(script.request(c, 1, all(&["x", "z"], 0)).0, Answer::Queued { ahead: 0 });
    // No session has z, but "c" is before, and waits for x, which "a" has.
    assert_deadlock(&script.request(a, 2, own("z", 1)).0);
}

#[test]
fn of_a_semaphore_one_holder_that_goes_on_is_enough() {
    let mut script = Script::default();
    let (a, b, c) = (script.open("a"), script.open("b"), script.open("c"));
    script.request(a, 1, take("s", 1, 2));
    script.request(c, 1, take("s", 3, 2));
    script.request(b, 1, own("y", 2));
    script.request(a, 2, own("y", 1));
    // "a" waits for "b", but "c" will give a permit back.
    assert_eq!(script.request(b, 2, take("s", 2, 2)).0, Answer::Queued { ahead: 0 });
    // And now no wait would be for ever.
    assert_deadlock(&script.request(c, 2, own("y", 3)).0);
}

#[test]
fn readers_together_wait_for_no_one() {
    let (mut script, a, b) = two();
    let read =
        |owner| with("r", |acquire| (acquire.owner, acquire.mode) = (Owner(owner), Mode::Shared));
    script.request(a, 2, read(1));
    script.request(b, 2, read(2));
    assert_eq!(script.request(a, 3, own("y", 1)).0, Answer::Queued { ahead: 0 });
    // A writer waits for both readers, and the reader behind it for the writer.
    let write = with("r", |acquire| acquire.owner = Owner(4));
    script.request(a, 4, own("v", 4));
    assert_eq!(script.request(a, 5, write).0, Answer::Queued { ahead: 0 });
    assert_deadlock(&script.request(b, 3, own("v", 2)).0);
}

#[test]
fn beyond_the_bound_a_wait_is_not_examined() {
    let (mut script, a, b) = two_with(Bounds { deadlock_search: 1, ..Bounds::LEVEL_1 });
    script.request(a, 2, own("y", 1));
    assert_eq!(script.request(b, 2, own("x", 2)).0, Answer::Queued { ahead: 0 });
}

#[test]
fn an_owner_that_waits_for_two_goes_on_only_with_both() {
    let (mut script, a, b) = two();
    let c = script.open("c");
    script.acquire(c, 1, "free soon");
    script.request(a, 2, own("free soon", 1));
    script.request(a, 3, own("y", 1));
    assert_deadlock(&script.request(b, 2, own("x", 2)).0);
}
