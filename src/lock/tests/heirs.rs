//! Waiters that get a lock out of turn, and waiters that must not (L5, L23).

use super::script::{Script, all, ask, granted, handed_to, name, release, take, transfer, with};
use crate::base::{Owner, RequestId, SessionId};
use crate::lock::level::Bounds;
use crate::lock::{Answer, Applied, Command, LockMachine, Mode, Operation, Settings};

fn own(lock: &str, owner: u64) -> Operation {
    with(lock, |acquire| acquire.owner = Owner(owner))
}

fn permits(lock: &str, owner: u64, permits: u32) -> Operation {
    with(lock, |acquire| {
        (acquire.owner, acquire.limit, acquire.permits) = (Owner(owner), 2, permits);
    })
}

/// "a" holds x and was asked to end for "heir", who waits behind "b".
fn asked_for_an_heir() -> (Script, [SessionId; 3]) {
    let mut script = Script::default();
    let sessions @ [.., heir] = ["a", "b", "heir"].map(|client| script.open(client));
    for session in sessions {
        script.acquire(session, 1, "x");
    }
    script.request(heir, 2, ask("x", 1, None, Some("heir")));
    (script, sessions)
}

#[test]
fn an_order_is_shown_with_its_heir_as_long_as_the_grant_stands() {
    let (mut script, [a, ..]) = asked_for_an_heir();
    let shown = |script: &Script| {
        let (asked, heir) = script.machine.order(&name("x"))?;
        Some((asked.session, asked.token.0, heir.as_deref().map(str::to_owned)))
    };
    assert_eq!(shown(&script), Some((a, 1, Some("heir".to_owned()))));
    script.submit(a, 2, release("x", 1));
    assert_eq!(shown(&script), None);
}

#[test]
fn l23_however_a_grant_ends_that_was_asked_its_heir_comes_first() {
    type End = fn(&mut Script, SessionId) -> Applied;
    let ends: [End; 4] = [
        |script, a| script.submit(a, 2, release("x", 1)).1,
        |script, a| script.submit(a, 2, Operation::Withdraw { acquire: RequestId(1) }).1,
        |script, a| script.close(a, 2),
        |script, a| script.expire(a, 1),
    ];
    for end in ends {
        let (mut script, [a, b, heir]) = asked_for_an_heir();
        script.replace(|machine| LockMachine::decode(&machine.encode()).expect("its own bytes"));
        assert_eq!(end(&mut script, a).granted, [handed_to(heir, 1, 2)]);
        assert_eq!(script.acquire(b, 1, "x"), Answer::Queued { ahead: 0 });
    }
}

#[test]
fn l23_an_heir_that_waits_no_more_is_passed_over() {
    let (mut script, [a, b, heir]) = asked_for_an_heir();
    script.withdraw(heir, 3, 1);
    assert_eq!(script.release(a, 2, "x", 1).1, [handed_to(b, 1, 2)]);
}

#[test]
fn l23_a_break_now_forgets_whom_an_earlier_break_named() {
    let (mut script, [_, b, heir]) = asked_for_an_heir();
    assert_eq!(script.submit(heir, 3, take("x", 1, None)).1.granted, [handed_to(b, 1, 2)]);
}

#[test]
fn the_heir_gets_the_lock_that_was_named_of_a_grant_of_several() {
    let mut script = Script::default();
    let sessions @ [a, b, heir] = ["a", "b", "heir"].map(|client| script.open(client));
    script.request(a, 1, all(&["x", "y"]));
    for session in &sessions[1..] {
        script.acquire(*session, 1, "x");
        script.acquire(*session, 2, "y");
    }
    script.request(b, 3, ask("y", 1, None, Some("heir")));
    let handed = [handed_to(b, 1, 2), handed_to(heir, 2, 3)];
    assert_eq!(script.release(a, 2, "x", 1).1, handed);
}

#[test]
fn all_holders_are_gone_before_the_heir_of_a_break_now_is_looked_at() {
    let mut script = Script::default();
    let [a, b, c, heir] = ["a", "b", "c", "heir"].map(|client| script.open(client));
    for session in [a, b] {
        script.request(session, 1, with("x", |acquire| acquire.mode = Mode::Shared));
    }
    script.acquire(c, 1, "x");
    script.acquire(heir, 1, "x");
    let (_, applied) = script.submit(c, 2, take("x", 0, Some("heir")));
    assert_eq!((applied.asked.len(), applied.granted), (2, vec![handed_to(heir, 1, 3)]));
}

/// "u" has y and waits for x; "w" waits behind it for x, and for y as the same owner. "a" has x.
fn would_stall(bounds: Bounds) -> (Script, [SessionId; 3]) {
    let mut script = Script::with_bounds(bounds);
    let [a, u, w] = ["a", "u", "w"].map(|client| script.open(client));
    script.request(u, 1, own("y", 2));
    assert_eq!(script.acquire(a, 1, "x"), granted(2));
    script.request(u, 2, own("x", 2));
    script.request(w, 1, own("x", 3));
    assert_eq!(script.request(w, 2, own("y", 3)).0, Answer::Queued { ahead: 0 });
    (script, [a, u, w])
}

#[test]
fn who_would_stall_one_whom_it_overtakes_stays_in_its_turn() {
    let (mut script, [a, u, w]) = would_stall(Bounds::LEVEL_1);
    // With x "w" would wait for y, which "u" gives back once "u" had x.
    let (answer, handed) = script.request(a, 2, transfer("x", 2, Some("w")));
    assert_eq!((answer, handed), (Answer::NoWaiter, vec![handed_to(u, 2, 3)]));
    assert_eq!(script.release(u, 3, "y", 1).1, [handed_to(w, 2, 4)]);
    assert_eq!(script.release(u, 4, "x", 3).1, [handed_to(w, 1, 5)]);
}

#[test]
fn the_next_of_that_name_goes_first_if_the_first_must_not() {
    let (mut script, [a, ..]) = would_stall(Bounds::LEVEL_1);
    let other = script.open("w");
    script.acquire(other, 1, "x");
    let (answer, handed) = script.request(a, 2, transfer("x", 2, Some("w")));
    assert_eq!((answer, handed), (Answer::Done, vec![handed_to(other, 1, 3)]));
}

fn at_level(level: u32, script: &mut Script) {
    let settings = Settings { lease_ms: 150, ttl_ms_max: 10_000, level };
    script.apply(&Command::Settings(settings));
}

#[test]
fn l23_beyond_the_bound_who_was_not_examined_stays_in_its_turn() {
    let (mut script, [a, u, w]) = would_stall(Bounds { deadlock_search: 1, ..Bounds::LEVEL_1 });
    at_level(2, &mut script);
    let (answer, handed) = script.request(a, 2, transfer("x", 2, Some("w")));
    assert_eq!((answer, handed), (Answer::NoWaiter, vec![handed_to(u, 2, 3)]));
    // No wait is for ever.
    assert_eq!(script.release(u, 3, "y", 1).1, [handed_to(w, 2, 4)]);
    assert_eq!(script.release(u, 4, "x", 3).1, [handed_to(w, 1, 5)]);
}

#[test]
fn l23_beyond_the_bound_who_waits_for_nothing_else_and_has_room_still_goes_first() {
    let mut script = Script::with_bounds(Bounds { deadlock_search: 1, ..Bounds::LEVEL_1 });
    at_level(2, &mut script);
    let sessions @ [a, _, heir] = ["a", "b", "heir"].map(|client| script.open(client));
    for session in sessions {
        script.request(session, 1, own("x", 1));
    }
    let handed = vec![handed_to(heir, 1, 2)];
    assert_eq!(script.request(a, 2, transfer("x", 1, Some("heir"))), (Answer::Done, handed));
}

#[test]
fn a_log_of_level_1_is_applied_as_it_was_when_it_was_written() {
    for set_it in [false, true] {
        let (mut script, [a, _, w]) = would_stall(Bounds { deadlock_search: 1, ..Bounds::LEVEL_1 });
        if set_it {
            at_level(1, &mut script);
        }
        let handed = vec![handed_to(w, 1, 3)];
        assert_eq!(script.request(a, 2, transfer("x", 2, Some("w"))), (Answer::Done, handed));
    }
}

#[test]
fn who_has_no_room_yet_stays_in_its_turn_if_that_stalls_who_would_make_room() {
    let mut script = Script::default();
    let [a, b, u, w] = ["a", "b", "u", "w"].map(|client| script.open(client));
    script.request(a, 1, permits("s", 1, 1));
    script.request(b, 1, permits("s", 1, 1));
    script.request(u, 1, own("z", 1));
    // "b" keeps its permit until "u" gives z back, and "u" does that once it has a permit.
    script.request(b, 2, own("z", 1));
    script.request(u, 2, permits("s", 1, 1));
    script.request(w, 1, permits("s", 0, 2));
    let (answer, handed) = script.request(a, 2, transfer("s", 1, Some("w")));
    assert_eq!((answer, handed), (Answer::NoWaiter, vec![handed_to(u, 2, 4)]));
}

#[test]
fn who_has_no_room_yet_goes_first_if_that_stalls_nobody() {
    let mut script = Script::default();
    let [a, b, u, w] = ["a", "b", "u", "w"].map(|client| script.open(client));
    script.request(a, 1, permits("s", 1, 1));
    script.request(b, 1, permits("s", 1, 1));
    script.request(u, 1, permits("s", 1, 1));
    script.request(w, 1, permits("s", 1, 2));
    assert_eq!(script.request(a, 2, transfer("s", 1, Some("w"))), (Answer::Done, vec![]));
    assert_eq!(script.release(b, 2, "s", 2).1, [handed_to(w, 1, 3)]);
}

#[test]
fn an_heir_that_would_stall_somebody_when_its_time_comes_waits_for_its_turn() {
    let (mut script, [a, u, _]) = would_stall(Bounds::LEVEL_1);
    assert_eq!(script.request(u, 9, ask("x", 2, None, Some("w"))).0, Answer::Done);
    assert_eq!(script.release(a, 2, "x", 2).1, [handed_to(u, 2, 3)]);
}

#[test]
fn whether_anybody_waits_is_asked_by_the_clients_name() {
    let (script, _) = asked_for_an_heir();
    let waits = |lock: &str, client| script.machine.waits(&name(lock), client);
    assert!(waits("x", None) && waits("x", Some("b")) && waits("x", Some("heir")));
    assert!(!waits("x", Some("a")) && !waits("x", Some("")) && !waits("y", None));
    assert!(!waits("y", Some("b")));
}
