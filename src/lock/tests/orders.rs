//! Breaks of a lock that too many hold for one entry (L5, L23).

use super::script::{
    Script, acquire, all, ask, granted, handed_to, name, raise_level, release, take, transfer, with,
};
use super::unfinished::{
    a_restore_leaves_nothing, damage_is_refused_or_another_state, go_on, script_in_parts_of,
    shared, snapshots_at_each_part_go_on_alike,
};
use crate::base::{Owner, SessionId, Token};
use crate::lock::level::Bounds;
use crate::lock::{Answer, Applied, LockMachine, Mode, Operation, SnapshotError};

/// `count` readers of `x`, under tokens from 1 on.
fn readers(script: &mut Script, count: u64) -> Vec<SessionId> {
    let open = |number: u64| {
        let session = script.open("reader");
        assert_eq!(script.request(session, 1, shared("x")).0, granted(number));
        session
    };
    (1..=count).map(open).collect()
}

/// The tokens that an entry asked for, each with its grace; 0: taken.
fn told(applied: &Applied) -> Vec<(u64, u32)> {
    applied.asked.iter().map(|asked| (asked.token.0, asked.grace_ms)).collect()
}

fn holders(script: &Script) -> u32 {
    script.machine.lock(&name("x")).map_or(0, |lock| lock.holding)
}

#[test]
fn l23_a_lock_is_taken_from_very_many_in_the_order_of_their_tokens() {
    let mut script = script_in_parts_of(2, 3);
    readers(&mut script, 5);
    let (writer, other) = (script.open("writer"), script.open("other"));
    script.acquire(writer, 1, "x");
    let (answer, applied) = script.submit(other, 1, take("x", 0, None));
    assert_eq!((answer, told(&applied)), (Answer::Done, vec![(1, 0), (2, 0)]));
    assert!(script.machine.is_unfinished());
    let applied = go_on(&mut script);
    assert_eq!((told(&applied), applied.granted.len()), (vec![(3, 0), (4, 0)], 0));
    let applied = go_on(&mut script);
    assert_eq!(told(&applied), [(5, 0)]);
    assert_eq!(applied.granted, [handed_to(writer, 1, 6)], "once the last has lost it");
    assert!(!script.machine.is_unfinished());
    assert_eq!(go_on(&mut script), Applied::default(), "a part that comes twice finds nothing");
}

#[test]
fn l23_below_level_3_all_goes_in_one_entry() {
    let mut script = Script::with_bounds(Bounds { names_per_part: 2, ..Bounds::LEVEL_1 });
    raise_level(&mut script);
    readers(&mut script, 5);
    let other = script.open("other");
    assert_eq!(script.submit(other, 1, ask("x", 0, Some(9), None)).1.asked.len(), 5);
    assert_eq!(script.submit(other, 2, take("x", 0, None)).1.asked.len(), 5);
    assert!(!script.machine.is_unfinished());
}

#[test]
fn l23_as_many_as_one_entry_may_are_taken_in_one() {
    let mut script = script_in_parts_of(5, 3);
    readers(&mut script, 5);
    let other = script.open("other");
    assert_eq!(script.submit(other, 1, ask("x", 0, Some(9), None)).1.asked.len(), 5);
    assert_eq!(script.submit(other, 2, take("x", 0, None)).1.asked.len(), 5);
    assert_eq!((holders(&script), script.machine.is_unfinished()), (0, false));
}

#[test]
fn l23_a_grant_holds_until_its_part_and_is_given_back_as_ever() {
    let mut script = script_in_parts_of(1, 3);
    let readers = readers(&mut script, 4);
    let (writer, other) = (script.open("writer"), script.open("other"));
    script.acquire(writer, 1, "x");
    script.request(other, 1, take("x", 0, None));
    assert_eq!(holders(&script), 3);
    assert_eq!(script.release(readers[1], 2, "x", 2).0, Answer::Done);
    assert_eq!(script.request(readers[0], 2, release("x", 1)).0, Answer::NotHeld);
    assert_eq!(told(&go_on(&mut script)), [(3, 0)]);
    let applied = go_on(&mut script);
    assert_eq!((told(&applied), applied.granted.len()), (vec![(4, 0)], 0), "its share is used up");
    assert_eq!(go_on(&mut script).granted, [handed_to(writer, 1, 5)]);
}

#[test]
fn l5_who_shares_the_lock_meanwhile_keeps_it_and_who_waits_has_their_turn() {
    let mut script = script_in_parts_of(2, 3);
    readers(&mut script, 3);
    let (late, writer, other) = (script.open("late"), script.open("writer"), script.open("other"));
    script.request(other, 1, take("x", 0, None));
    assert_eq!(script.request(late, 1, shared("x")).0, granted(4));
    assert_eq!(script.acquire(writer, 1, "x"), Answer::Queued { ahead: 0 });
    assert_eq!(script.request(late, 2, shared("x")).0, Answer::Queued { ahead: 1 });
    assert!(go_on(&mut script).granted.is_empty());
    assert_eq!((holders(&script), script.machine.is_unfinished()), (1, false));
    assert_eq!(script.release(late, 3, "x", 4).1, [handed_to(writer, 1, 5)]);
}

#[test]
fn l23_the_heir_comes_first_once_the_last_has_lost_it() {
    let mut script = script_in_parts_of(2, 3);
    let readers = readers(&mut script, 3);
    let (one, heir, other) = (script.open("one"), script.open("heir"), script.open("other"));
    script.acquire(one, 1, "x");
    script.acquire(heir, 1, "x");
    script.request(other, 1, take("x", 0, Some("heir")));
    // The last holder releases by itself: the break finds none.
    assert_eq!(script.release(readers[2], 2, "x", 3), (Answer::Done, vec![]));
    assert_eq!(go_on(&mut script).granted, [handed_to(heir, 1, 4)]);
    assert_eq!(script.release(heir, 2, "x", 4).1, [handed_to(one, 1, 5)]);
}

#[test]
fn l23_very_many_are_asked_in_parts_and_each_is_told_once() {
    let mut script = script_in_parts_of(2, 3);
    readers(&mut script, 5);
    let other = script.open("other");
    let (answer, applied) = script.submit(other, 1, ask("x", 0, Some(7), None));
    assert_eq!((answer, told(&applied)), (Answer::Done, vec![(1, 7), (2, 7)]));
    assert_eq!(told(&go_on(&mut script)), [(3, 7), (4, 7)]);
    assert_eq!(told(&go_on(&mut script)), [(5, 7)]);
    assert_eq!((holders(&script), script.machine.is_unfinished()), (5, false));
}

#[test]
fn l23_the_newest_order_counts() {
    let mut script = script_in_parts_of(1, 3);
    readers(&mut script, 4);
    let other = script.open("other");
    script.request(other, 1, ask("x", 0, Some(7), None));
    // One of those that are not asked yet, on its own.
    assert_eq!(told(&script.submit(other, 2, ask("x", 3, Some(5), None)).1), [(3, 5)]);
    assert_eq!(told(&go_on(&mut script)), [(2, 7)]);
    assert!(told(&go_on(&mut script)).is_empty(), "the older order leaves it out");
    // All of them, before the older order is done.
    assert_eq!(told(&script.submit(other, 3, ask("x", 0, Some(6), None)).1), [(1, 6)]);
    assert_eq!(told(&go_on(&mut script)), [(2, 6)]);
    // And taken from all.
    assert_eq!(told(&script.submit(other, 4, take("x", 0, None)).1), [(1, 0)]);
    let rest: Vec<_> = (0..3).flat_map(|_| told(&go_on(&mut script))).collect();
    assert_eq!(rest, [(2, 0), (3, 0), (4, 0)]);
    assert_eq!((script.machine.held_count(), script.machine.is_unfinished()), (0, false));
}

#[test]
fn l23_of_a_lock_that_is_being_taken_nothing_else_is_ordered_but_for_whom() {
    let mut script = script_in_parts_of(1, 3);
    readers(&mut script, 3);
    let (one, heir, other) = (script.open("one"), script.open("heir"), script.open("other"));
    script.acquire(one, 1, "x");
    script.acquire(heir, 1, "x");
    script.request(other, 1, take("x", 0, None));
    assert_eq!(script.request(other, 2, ask("x", 3, None, None)).0, Answer::NotHeld);
    assert_eq!(script.request(other, 3, take("x", 3, None)).0, Answer::NotHeld);
    assert_eq!(script.request(other, 4, ask("x", 0, None, None)).0, Answer::NotHeld);
    assert_eq!(script.request(other, 5, take("x", 0, Some("nobody"))).0, Answer::NoWaiter);
    assert_eq!(script.request(other, 6, take("x", 0, Some("heir"))).0, Answer::Done);
    let mut handed = Vec::new();
    while script.machine.is_unfinished() {
        handed.extend(go_on(&mut script).granted);
    }
    assert_eq!(handed, [handed_to(heir, 1, 4)]);
}

#[test]
fn l5_the_other_locks_of_who_loses_one_go_on_at_once() {
    let mut script = script_in_parts_of(3, 3);
    let (both, next, other) = (script.open("both"), script.open("next"), script.open("other"));
    let share = |locks: &[&str]| match all(locks) {
        Operation::AcquireAll { mut acquire, also } => {
            acquire.mode = Mode::Shared;
            Operation::AcquireAll { acquire, also }
        }
        operation => operation,
    };
    script.request(both, 1, share(&["x", "y"]));
    script.request(both, 2, share(&["x", "z"]));
    script.request(next, 1, acquire("y"));
    script.request(next, 2, all(&["x", "z"]));
    let (_, applied) = script.submit(other, 1, take("x", 0, None));
    assert_eq!(applied.granted, [handed_to(next, 1, 3)], "y is free");
    let applied = go_on(&mut script);
    assert_eq!(told(&applied), [(2, 0)]);
    let mut handed = applied.granted;
    while script.machine.is_unfinished() {
        handed.extend(go_on(&mut script).granted);
    }
    assert_eq!(handed, [handed_to(next, 2, 4)]);
}

#[test]
fn l16_who_expires_before_its_part_leaves_no_delay() {
    let mut script = script_in_parts_of(1, 3);
    let dead = script.open("dead");
    let delayed = |acquire: &mut crate::lock::Acquire| {
        (acquire.mode, acquire.delay_ms) = (Mode::Shared, 50);
    };
    readers(&mut script, 2);
    script.request(dead, 1, with("x", delayed));
    script.request(dead, 2, with("y", delayed));
    let other = script.open("other");
    script.request(other, 1, take("x", 0, None));
    let mut applied = vec![script.expire(dead, 1)];
    while script.machine.is_unfinished() {
        applied.push(go_on(&mut script));
    }
    let delayed = applied.iter().flat_map(|it| &it.delayed).map(|it| it.name.as_str());
    assert_eq!(delayed.collect::<Vec<_>>(), ["y"]);
}

#[test]
fn what_is_to_be_taken_makes_no_deadlock() {
    let mut script = script_in_parts_of(1, 3);
    let (a, b, other) = (script.open("a"), script.open("b"), script.open("other"));
    let owned =
        |lock: &str, mode| with(lock, |acquire| (acquire.owner, acquire.mode) = (Owner(1), mode));
    readers(&mut script, 2);
    script.request(a, 1, owned("x", Mode::Shared));
    script.request(b, 1, owned("y", Mode::Exclusive));
    script.request(a, 2, owned("y", Mode::Exclusive));
    script.request(other, 1, take("x", 0, None));
    // A circle, if a kept x.
    let answer = script.request(b, 2, owned("x", Mode::Exclusive)).0;
    assert_eq!(answer, Answer::Queued { ahead: 0 });
    let (answer, _) = script.request(a, 3, transfer("x", 3, None));
    assert_eq!(answer, Answer::Done, "who waits hears nothing of the break");
    while script.machine.is_unfinished() {
        go_on(&mut script);
    }
    assert_eq!(script.machine.session(b).unwrap().waiting, 0);
}

/// Two breaks in the middle of their work: one that asks, one that takes.
fn in_the_middle() -> Script {
    let mut script = script_in_parts_of(2, 3);
    readers(&mut script, 6);
    let (other, heir) = (script.open("other"), script.open("heir"));
    for reader in 0..6 {
        let session = script.open("reader of y");
        assert_eq!(script.request(session, 1, shared("y")).0, granted(7 + reader));
    }
    script.acquire(heir, 1, "y");
    script.request(other, 1, ask("x", 0, None, None));
    script.request(other, 2, ask("x", 5, Some(3), None));
    script.request(other, 3, take("y", 0, Some("heir")));
    script
}

#[test]
fn a_snapshot_at_each_part_goes_on_alike() {
    assert_eq!(snapshots_at_each_part_go_on_alike(in_the_middle()), 5);
}

#[test]
fn damage_at_any_byte_of_a_break_is_refused_or_read_as_another_state() {
    let script = in_the_middle();
    damage_is_refused_or_another_state(&script, script.machine.encode().len() - 160..);
}

#[test]
fn a_break_of_a_lock_that_nobody_has_is_refused() {
    let mut script = in_the_middle();
    let order = script.machine.orders.first_key_value().map(|(_, order)| order.clone());
    let mut order = order.expect("x is broken");
    order.until = Token(1 << 40);
    script.machine.orders.insert(name("x"), order);
    let found = LockMachine::decode(&script.machine.encode());
    assert!(matches!(found, Err(SnapshotError::Contradiction(_))), "{found:?}");
}

#[test]
fn l15_a_restore_ends_breaks_too() {
    a_restore_leaves_nothing(in_the_middle());
}
