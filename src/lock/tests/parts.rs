//! Work that is too much for one entry is left to later ones (L5, L22): the ends of sessions, and hand-overs of a lock to many.

use super::script::{
    Script, acquire, all, ask, granted, handed_to, name, release, take, transfer, try_acquire, with,
};
use super::unfinished::{
    a_restore_leaves_nothing, damage_is_refused_or_another_state, go_on, script_in_parts_of,
    shared, snapshots_at_each_part_go_on_alike,
};
use crate::base::{Owner, SessionId, Token};
use crate::lock::level::Bounds;
use crate::lock::{Answer, Applied, Command, LockMachine, Mode, Outcome, SnapshotError};

/// Applies `Continue` until no work is left; returns the effects of each entry.
fn go_on_to_the_end(script: &mut Script) -> Vec<Applied> {
    let mut all = Vec::new();
    while script.machine.is_unfinished() {
        all.push(go_on(script));
        assert!(all.len() < 1000, "it does not come to an end");
    }
    all
}

fn waiters(script: &Script, lock: &str) -> Vec<SessionId> {
    let view = script.machine.lock(&name(lock));
    view.map_or(Vec::new(), |view| view.waiters.iter().map(|it| it.session).collect())
}

/// `held` holds locks `x0` … under tokens from 1 on; `next` waits for each.
fn holding(script: &mut Script, locks: u64) -> (SessionId, SessionId) {
    let (held, next) = (script.open("held"), script.open("next"));
    for lock in 0..locks {
        let lock_name = format!("x{lock}");
        assert_eq!(script.acquire(held, 1 + lock, &lock_name), granted(1 + lock));
        script.acquire(next, 1 + lock, &lock_name);
    }
    (held, next)
}

#[test]
fn l22_a_session_that_has_no_more_than_one_entry_frees_ends_in_one() {
    let mut script = script_in_parts_of(6, 2);
    let (held, next) = holding(&mut script, 3);
    let applied = script.expire(held, 1);
    assert_eq!(applied.outcome, Some(Outcome::SessionEnded { session: held }));
    assert_eq!(applied.granted.len(), 3);
    assert!(!script.machine.is_unfinished());
    assert_eq!(script.machine.session(next).unwrap().grants, 3);
}

#[test]
fn l22_a_larger_one_is_dead_at_once_and_frees_its_locks_in_the_order_asked_for() {
    let mut script = script_in_parts_of(2, 2);
    let (held, next) = holding(&mut script, 4);
    let applied = script.expire(held, 1);
    assert_eq!(applied.outcome, Some(Outcome::SessionEnded { session: held }));
    // Each lock is freed, and granted again: two names.
    assert_eq!(applied.granted, [handed_to(next, 1, 5)]);
    assert!(script.machine.session(held).is_none());
    assert_eq!(script.request(held, 9, acquire("y")).0, Answer::SessionExpired);
    assert_eq!(script.request(held, 9, release("x3", 4)).0, Answer::SessionExpired);
    let view = script.machine.lock(&name("x3")).unwrap();
    assert_eq!((view.session, view.client.as_str(), view.token), (held, "held", Token(4)));
    assert_eq!(script.machine.sessions().count(), 1);
    let parts = go_on_to_the_end(&mut script);
    let order: Vec<_> = parts.iter().flat_map(|applied| applied.granted.clone()).collect();
    assert_eq!(order, [handed_to(next, 2, 6), handed_to(next, 3, 7), handed_to(next, 4, 8)]);
    assert!(parts.iter().all(|applied| applied.outcome.is_none() && applied.freed.is_empty()));
    assert_eq!(script.apply(&Command::Continue), Applied::default());
}

#[test]
fn l22_below_level_2_all_goes_in_one_entry() {
    let mut script = Script::with_bounds(Bounds { names_per_part: 1, ..Bounds::LEVEL_1 });
    let (held, next) = holding(&mut script, 4);
    let applied = script.expire(held, 1);
    assert_eq!(applied.granted.len(), 4);
    assert_eq!((script.holder("x3"), script.machine.is_unfinished()), (8, false));
    assert_eq!(script.machine.session(next).unwrap().grants, 4);
}

#[test]
fn a_close_is_answered_by_the_entry_that_frees_the_last() {
    let mut script = script_in_parts_of(1, 2);
    let held = script.open("held");
    (1..=3).for_each(|lock| drop(script.acquire(held, lock, &format!("x{lock}"))));
    let applied = script.close(held, 9);
    assert_eq!(applied.outcome, Some(Outcome::SessionEnding { session: held }));
    assert!(script.machine.is_closing(held));
    assert_eq!(go_on(&mut script).freed, []);
    assert_eq!((script.holder("x2"), script.holder("x3")), (0, 3));
    assert_eq!(go_on(&mut script).freed, [held]);
    assert!(!script.machine.is_closing(held) && script.machine.held_count() == 0);
}

#[test]
fn of_grants_and_places_first_go_those_of_which_there_are_fewer() {
    let mut script = script_in_parts_of(1, 2);
    let (other, held) = (script.open("other"), script.open("held"));
    (1..=3).for_each(|lock| drop(script.acquire(other, lock, &format!("y{lock}"))));
    (1..=3).for_each(|lock| drop(script.acquire(held, lock, &format!("y{lock}"))));
    script.acquire(held, 4, "x");
    script.expire(held, 1);
    assert_eq!(script.holder("x"), 0);
    assert_eq!(waiters(&script, "y1"), [held]);
    go_on(&mut script);
    assert_eq!((waiters(&script, "y1").len(), waiters(&script, "y2")), (0, vec![held]));
    go_on_to_the_end(&mut script);
    assert_eq!(waiters(&script, "y3"), []);
}

#[test]
fn l5_nothing_goes_to_a_session_that_has_ended_nor_past_its_place() {
    let mut script = script_in_parts_of(1, 2);
    let (a, dead, b, c) =
        (script.open("a"), script.open("dead"), script.open("b"), script.open("c"));
    script.acquire(a, 1, "x");
    script.acquire(dead, 1, "z");
    script.acquire(dead, 2, "z2");
    script.acquire(dead, 3, "x");
    script.acquire(dead, 4, "z3");
    script.acquire(b, 1, "x");
    // Its one place goes first: another one is at the head when x is free.
    script.acquire(a, 2, "w");
    script.acquire(dead, 5, "w");
    script.acquire(b, 2, "w");
    script.expire(dead, 1);
    assert_eq!(waiters(&script, "x"), [b]);
    let (answer, granted_now) = script.release(a, 3, "w", 5);
    assert_eq!((answer, granted_now), (Answer::Done, vec![]), "the dead one stands before");
    assert_eq!(script.acquire(c, 1, "w"), Answer::Queued { ahead: 2 });
    assert_eq!(script.request(c, 2, try_acquire("w")).0, Answer::Held { client: "dead".into() });
    let applied = go_on(&mut script);
    assert!(applied.granted.is_empty(), "the share is used up by the place");
    let applied = go_on(&mut script);
    assert_eq!(applied.granted, [handed_to(b, 2, 6)]);
    go_on_to_the_end(&mut script);
    assert_eq!(waiters(&script, "w"), [c]);
}

#[test]
fn l5_a_hand_over_to_many_goes_on_in_the_order_of_the_queue() {
    let mut script = script_in_parts_of(3, 2);
    let (writer, late) = (script.open("writer"), script.open("late"));
    let readers: Vec<SessionId> = (0..8).map(|_| script.open("reader")).collect();
    script.acquire(writer, 1, "x");
    for reader in &readers {
        script.request(*reader, 1, shared("x"));
    }
    let (_, first) = script.release(writer, 2, "x", 1);
    assert_eq!(first, [0, 1, 2].map(|at| handed_to(readers[at], 1, 2 + at as u64)));
    // No acquire overtakes another: the room is for the waiters before.
    assert_eq!(script.request(late, 1, shared("x")).0, Answer::Queued { ahead: 5 });
    assert_eq!(script.withdraw(readers[3], 2, 1).1.len(), 3);
    let rest: Vec<_> =
        go_on_to_the_end(&mut script).into_iter().flat_map(|applied| applied.granted).collect();
    assert_eq!(rest, [handed_to(readers[7], 1, 8), handed_to(late, 1, 9)]);
    assert_eq!(waiters(&script, "x"), []);
}

#[test]
fn a_lock_that_gets_free_while_it_is_handed_over_is_gone() {
    let mut script = script_in_parts_of(1, 2);
    let (writer, one, other) = (script.open("writer"), script.open("one"), script.open("other"));
    script.acquire(writer, 1, "x");
    script.request(one, 1, shared("x"));
    script.request(other, 1, shared("x"));
    script.release(writer, 2, "x", 1);
    assert!(script.machine.is_unfinished());
    assert_eq!(script.withdraw(other, 2, 1).0, Answer::Withdrawn);
    script.release(one, 2, "x", 2);
    assert_eq!((script.machine.held_count(), script.machine.is_unfinished()), (0, false));
}

#[test]
fn l16_a_delay_begins_in_the_entry_that_frees_its_grant() {
    let mut script = script_in_parts_of(1, 2);
    let (held, next) = (script.open("held"), script.open("next"));
    for lock in ["x", "y"] {
        let request = if lock == "x" { 1 } else { 2 };
        script.request(held, request, with(lock, |acquire| acquire.delay_ms = 50));
    }
    script.acquire(next, 1, "y");
    let applied = script.expire(held, 1);
    assert_eq!(applied.delayed.iter().map(|it| it.name.as_str()).collect::<Vec<_>>(), ["x"]);
    assert!(!script.machine.lock(&name("y")).unwrap().is_delayed);
    let applied = go_on(&mut script);
    assert_eq!(applied.delayed.iter().map(|it| it.token).collect::<Vec<_>>(), [Token(2)]);
    assert!(script.machine.lock(&name("y")).unwrap().is_delayed);
    assert_eq!(waiters(&script, "y"), [next]);
}

#[test]
fn a_close_in_parts_leaves_no_delay() {
    let mut script = script_in_parts_of(1, 2);
    let held = script.open("held");
    script.request(held, 1, with("x", |acquire| acquire.delay_ms = 50));
    script.request(held, 2, with("y", |acquire| acquire.delay_ms = 50));
    assert!(script.close(held, 3).delayed.is_empty());
    assert!(go_on(&mut script).delayed.is_empty());
    assert_eq!(script.machine.held_count(), 0);
}

/// `dead` has ended, still holds y and z, and waits for a lock of `b`.
fn dying(script: &mut Script) -> (SessionId, SessionId) {
    let (dead, b) = (script.open("dead"), script.open("b"));
    for (request, lock) in [(1, "x"), (2, "y"), (3, "z")] {
        script.request(dead, request, with(lock, |acquire| acquire.owner = Owner(1)));
    }
    for (request, lock) in [(1, "p"), (2, "q"), (3, "r"), (4, "s")] {
        script.request(b, request, with(lock, |acquire| acquire.owner = Owner(1)));
        let operation = with(lock, |acquire| acquire.owner = Owner(1));
        script.request(dead, 3 + request, operation);
    }
    script.expire(dead, 1);
    assert_eq!((script.holder("x"), script.holder("y")), (0, 2));
    (dead, b)
}

#[test]
fn a_session_that_has_ended_makes_no_deadlock() {
    let mut script = script_in_parts_of(1, 2);
    let (_, b) = dying(&mut script);
    // The session holds y and waits for a lock of b: a circle, if the session lived.
    let answer = script.request(b, 9, with("y", |acquire| acquire.owner = Owner(1))).0;
    assert_eq!(answer, Answer::Queued { ahead: 0 });
    go_on_to_the_end(&mut script);
    assert_eq!(script.machine.session(b).unwrap().waiting, 0);
}

#[test]
fn nothing_is_handed_to_a_name_whose_session_has_ended() {
    let mut script = script_in_parts_of(1, 2);
    let (_, b) = dying(&mut script);
    assert!(!script.machine.waits(&name("p"), Some("dead")));
    assert!(!script.machine.waits(&name("p"), None));
    assert_eq!(script.request(b, 5, transfer("p", 4, Some("dead"))).0, Answer::NoWaiter);
    assert_eq!(script.request(b, 6, transfer("q", 5, None)).0, Answer::NoWaiter);
    assert_eq!(script.request(b, 7, take("r", 0, Some("dead"))).0, Answer::NoWaiter);
    go_on_to_the_end(&mut script);
    assert_eq!(script.machine.held_count(), 2, "r and s");
}

#[test]
fn l23_what_a_session_that_has_ended_holds_can_be_asked_for_and_taken() {
    let mut script = script_in_parts_of(1, 2);
    let (_, b) = dying(&mut script);
    let (c, d) = (script.open("c"), script.open("d"));
    script.acquire(b, 10, "y");
    script.acquire(c, 1, "y");
    assert_eq!(script.request(d, 1, ask("y", 2, Some(10), Some("c"))).0, Answer::Done);
    let (answer, taken) = script.request(d, 2, take("z", 3, None));
    assert_eq!((answer, taken), (Answer::Done, vec![]));
    assert_eq!(script.holder("z"), 0);
    let first = go_on(&mut script);
    assert!(first.granted.is_empty());
    let second = go_on(&mut script);
    assert_eq!(second.granted.first().map(|it| it.session), Some(c), "the heir comes first");
    go_on_to_the_end(&mut script);
}

#[test]
fn who_waits_for_several_is_granted_when_the_last_of_them_is_free() {
    let mut script = script_in_parts_of(1, 2);
    let (held, next) = (script.open("held"), script.open("next"));
    script.acquire(held, 1, "x");
    script.acquire(held, 2, "y");
    script.request(next, 1, all(&["x", "y"]));
    assert!(script.expire(held, 1).granted.is_empty());
    assert!(go_on(&mut script).granted.is_empty(), "its share is used up by y");
    assert_eq!(go_on(&mut script).granted, [handed_to(next, 1, 3)]);
    assert!(!script.machine.is_unfinished());
}

/// A state with a session that ends, and a lock that is handed over, at each part.
fn in_the_middle() -> Script {
    let mut script = script_in_parts_of(2, 2);
    let (dead, closed) = (script.open("dead"), script.open("closed"));
    let readers: Vec<SessionId> = (0..5).map(|_| script.open("reader")).collect();
    for request in 1..=4 {
        let lock = format!("d{request}");
        script.request(dead, request, with(&lock, |acquire| acquire.delay_ms = 20));
        script.acquire(closed, request, &lock);
        script.acquire(closed, 10 + request, &format!("c{request}"));
        script.acquire(dead, 10 + request, &format!("c{request}"));
        script.acquire(readers[0], request, &lock);
    }
    script.request(dead, 30, all(&["a", "b", "c"]));
    for reader in &readers {
        script.request(*reader, 50, with("a", |acquire| acquire.mode = Mode::Shared));
    }
    script.request(readers[0], 60, ask("d3", 5, Some(9), Some("closed")));
    script.close(closed, 99);
    script.expire(dead, 1);
    script
}

#[test]
fn a_snapshot_at_each_part_goes_on_alike() {
    let looked_at = snapshots_at_each_part_go_on_alike(in_the_middle());
    assert!(looked_at > 8, "{looked_at}");
}

#[test]
fn the_rest_of_a_session_is_in_the_bytes_of_the_state() {
    let mut script = in_the_middle();
    let mut before = script.machine.state_bytes();
    while script.machine.is_unfinished() {
        go_on(&mut script);
        let after = script.machine.state_bytes();
        assert!(after <= before + 200, "{before} then {after}");
        before = after;
    }
}

#[test]
fn damage_at_any_byte_of_what_is_left_is_refused_or_read_as_another_state() {
    damage_is_refused_or_another_state(&in_the_middle(), 4..);
}

#[test]
fn a_session_that_lives_and_has_ended_is_refused() {
    let mut script = script_in_parts_of(1, 2);
    let held = script.open("held");
    script.acquire(held, 1, "x");
    script.acquire(held, 2, "y");
    let alive = script.machine.sessions[&held].clone();
    script.expire(held, 1);
    script.machine.sessions.insert(held, alive);
    let found = LockMachine::decode(&script.machine.encode());
    assert!(matches!(found, Err(SnapshotError::Contradiction(_))), "{found:?}");
}

#[test]
fn l15_a_restore_ends_what_is_left_too() {
    a_restore_leaves_nothing(in_the_middle());
}
