//! The changes of holders by an entry: one for each lock, in byte order.

use super::script::{Script, acquire, all, name, plain, release, take, transfer, with};
use crate::base::{SessionId, Term, Token};
use crate::lock::{Acquire, Command, HolderChange, Holding, Mode, Operation};

fn held(lock: &str, token: u64, client: &str, since_unix_ms: u64) -> HolderChange {
    let (token, client, value) = (Token(token), client.into(), Box::default());
    HolderChange { name: name(lock), holder: Some(Holding { token, client, value, since_unix_ms }) }
}

fn vacant(lock: &str) -> HolderChange {
    HolderChange { name: name(lock), holder: None }
}

/// The changes by a request of `session`.
fn changes(
    script: &mut Script,
    session: SessionId,
    request: u64,
    wish: Operation,
) -> Vec<HolderChange> {
    script.submit(session, request, wish).1.changes
}

fn two() -> (Script, SessionId, SessionId) {
    let mut script = Script::default();
    let (a, b) = (script.open("a"), script.open("b"));
    (script, a, b)
}

#[test]
fn a_grant_and_a_release_are_changes_and_a_wait_is_none() {
    let (mut script, a, b) = two();
    assert_eq!(changes(&mut script, a, 1, acquire("x")), [held("x", 1, "a", 1003)]);
    assert_eq!(changes(&mut script, b, 1, acquire("x")), []);
    let holding = script.machine.holding(&name("x"));
    assert_eq!(holding, held("x", 1, "a", 1003).holder);
    script.withdraw(b, 2, 1);
    assert_eq!(changes(&mut script, a, 2, release("x", 1)), [vacant("x")]);
    assert_eq!(script.machine.holding(&name("x")), None);
    assert_eq!(changes(&mut script, a, 3, release("x", 1)), []);
}

#[test]
fn what_is_freed_and_handed_on_in_one_apply_is_one_change() {
    let orders: [fn() -> Operation; 3] =
        [|| release("x", 1), || transfer("x", 1, None), || take("x", 0, None)];
    for order in orders {
        let (mut script, a, b) = two();
        script.acquire(a, 1, "x");
        script.acquire(b, 1, "x");
        assert_eq!(changes(&mut script, a, 2, order()), [held("x", 2, "b", 1005)]);
    }
}

#[test]
fn one_more_holder_is_no_change_and_the_end_of_the_oldest_is_one() {
    let (mut script, a, b) = two();
    let read = || with("x", |acquire| acquire.mode = Mode::Shared);
    script.request(a, 1, read());
    assert_eq!(changes(&mut script, b, 1, read()), []);
    assert_eq!(changes(&mut script, a, 2, release("x", 1)), [held("x", 2, "b", 1004)]);
    assert_eq!(changes(&mut script, a, 3, read()), []);
    assert_eq!(changes(&mut script, a, 4, release("x", 3)), []);
}

#[test]
fn another_value_of_the_oldest_holder_is_a_change_and_the_same_value_is_none() {
    let (mut script, a, b) = two();
    let read = || with("x", |acquire| acquire.mode = Mode::Shared);
    script.request(a, 1, read());
    script.request(b, 1, read());
    let proclaim =
        |token| Operation::Proclaim { name: name("x"), token: Token(token), value: vec![7] };
    let mut expected = held("x", 1, "a", 1003);
    expected.holder.as_mut().expect("held").value = [7].into();
    assert_eq!(changes(&mut script, a, 2, proclaim(1)), [expected]);
    assert_eq!(changes(&mut script, a, 3, proclaim(1)), []);
    assert_eq!(changes(&mut script, b, 2, proclaim(2)), []);
}

#[test]
fn the_value_of_a_grant_is_told_with_it() {
    let (mut script, a, _) = two();
    let campaign = Operation::Acquire(Acquire { value: b"host".to_vec(), ..plain("x") });
    let mut expected = held("x", 1, "a", 1003);
    expected.holder.as_mut().expect("held").value = (*b"host").into();
    assert_eq!(changes(&mut script, a, 1, campaign), [expected]);
}

#[test]
fn the_locks_of_a_session_that_ends_change_in_byte_order_each_once() {
    let (mut script, a, b) = two();
    for (request, lock) in (1..).zip(["z", "y", "x"]) {
        script.acquire(a, request, lock);
    }
    script.acquire(b, 1, "y");
    let changed = script.expire(a, 1).changes;
    assert_eq!(changed, [vacant("x"), held("y", 4, "b", 1007), vacant("z")]);
}

#[test]
fn several_locks_in_one_step_change_together() {
    let (mut script, a, b) = two();
    let changed = changes(&mut script, a, 1, all(&["y", "x"]));
    assert_eq!(changed, [held("x", 1, "a", 1003), held("y", 1, "a", 1003)]);
    script.request(b, 1, all(&["y", "z"]));
    let changed = changes(&mut script, a, 2, release("x", 1));
    assert_eq!(changed, [vacant("x"), held("y", 2, "b", 1005), held("z", 2, "b", 1005)]);
}

#[test]
fn a_lock_that_only_a_delay_keeps_has_no_holder() {
    let (mut script, a, b) = two();
    script.request(a, 1, with("x", |acquire| acquire.delay_ms = 70));
    script.acquire(b, 1, "x");
    assert_eq!(script.expire(a, 1).changes, [vacant("x")]);
    assert_eq!(script.machine.holding(&name("x")), None);
    let over = Command::DelayOver { name: name("x"), token: Token(1), term: Term(1) };
    assert_eq!(script.apply(&over).changes, [held("x", 2, "b", 1006)]);
}
