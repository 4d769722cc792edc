//! Lock delay (L16).

use super::script::{Script, acquire, granted, handed_to, name, try_acquire, with};
use crate::base::{SessionId, Term, Token};
use crate::lock::{
    Answer, Applied, Command, Delayed, LockMachine, Mode, Operation, Refusal, WaitRule,
};

fn delayed_by(delay_ms: u32) -> Operation {
    with("x", |acquire| acquire.delay_ms = delay_ms)
}

fn delay_over(script: &mut Script, token: u64, term: u64) -> Applied {
    let (token, term) = (Token(token), Term(term));
    script.apply(&Command::DelayOver { name: name("x"), token, term })
}

/// A session that held "x" with a delay of 70 ms has expired; "b" waits.
fn expired() -> (Script, SessionId) {
    let mut script = Script::default();
    let (dead, other) = (script.open("a"), script.open("b"));
    script.request(dead, 1, delayed_by(70));
    script.acquire(other, 1, "x");
    let applied = script.expire(dead, 1);
    let delayed = Delayed { name: name("x"), token: Token(1), delay_ms: 70 };
    assert_eq!((applied.granted, applied.delayed), (vec![], vec![delayed]));
    (script, other)
}

#[test]
fn delays_that_are_looked_at_in_parts_of_any_length_are_all_of_them_each_once() {
    let mut script = Script::default();
    let (dead, other) = (script.open("a"), script.open("b"));
    let delayed = |lock| with(lock, |acquire| acquire.delay_ms = 100);
    let permit = || with("c", |acquire| (acquire.delay_ms, acquire.limit) = (100, 5));
    let operations = [delayed("a"), acquire("b"), permit(), permit(), permit(), delayed("e")];
    (1..).zip(operations).for_each(|(request, operation)| {
        script.request(dead, request, operation);
    });
    script.acquire(other, 1, "b");
    script.acquire(other, 2, "d");
    script.expire(dead, 1);
    let all: Vec<Delayed> = script.machine.delays().collect();
    assert_eq!(all.len(), 5);
    for count in 1..8 {
        let (mut parts, mut after, mut steps) = (Vec::new(), None, 0);
        loop {
            let (part, next) = script.machine.delays_behind(after.as_ref(), count);
            parts.extend(part);
            steps += 1;
            assert!(steps < 20, "parts of {count} come to no end");
            match next {
                Some(next) => after = Some(next),
                None => break,
            }
        }
        assert_eq!(parts, all, "in parts of {count}");
    }
}

#[test]
fn l16_after_an_expiry_nobody_is_granted_until_the_delay_is_over() {
    let (mut script, other) = expired();
    assert_eq!(script.acquire(other, 2, "x"), Answer::Queued { ahead: 1 });
    let held = Answer::Held { client: "a".to_owned() };
    assert_eq!(script.request(other, 3, try_acquire("x")).0, held);
    let view = script.machine.lock(&name("x")).expect("delayed");
    assert_eq!((view.token, view.holding, view.is_delayed, view.waiting), (Token(0), 0, true, 2));
    assert!(!script.machine.is_held_by(&name("x"), Token(1)));
    assert_eq!(delay_over(&mut script, 1, 1).granted, [handed_to(other, 1, 2)]);
    assert_eq!(script.machine.delays().count(), 0);
}

#[test]
fn l16_a_release_a_withdrawal_and_a_close_leave_no_delay() {
    let mut script = Script::default();
    let session = script.open("a");
    script.request(session, 1, delayed_by(70));
    script.release(session, 2, "x", 1);
    assert_eq!(script.request(session, 3, delayed_by(70)).0, granted(2));
    script.withdraw(session, 4, 3);
    assert_eq!(script.request(session, 5, delayed_by(70)).0, granted(3));
    script.close(session, 6);
    assert_eq!((script.machine.delays().count(), script.machine.held_count()), (0, 0));
}

#[test]
fn l16_a_delay_ends_only_by_its_own_token() {
    let (mut script, other) = expired();
    assert_eq!(delay_over(&mut script, 2, 1), Applied::default());
    assert_eq!(delay_over(&mut script, 1, 1).granted, [handed_to(other, 1, 2)]);
    // Of a holder that is alive there is no delay to end, and repeating is harmless.
    assert_eq!(delay_over(&mut script, 2, 1), Applied::default());
    assert_eq!(delay_over(&mut script, 1, 1), Applied::default());
    assert_eq!(script.holder("x"), 2);
}

#[test]
fn l9_l16_the_end_of_a_delay_counts_only_in_an_entry_of_the_term_that_decided_it() {
    let (mut script, _) = expired();
    assert_eq!(delay_over(&mut script, 1, 0), Applied::default());
    assert_eq!(delay_over(&mut script, 1, 2), Applied::default());
    assert_eq!(script.machine.delays().count(), 1);
}

#[test]
fn l16_a_delayed_lock_that_nobody_waits_for_is_gone_after_it() {
    let (mut script, other) = expired();
    script.withdraw(other, 2, 1);
    assert_eq!(script.machine.held_count(), 1);
    assert_eq!(delay_over(&mut script, 1, 1), Applied::default());
    assert_eq!(script.machine.held_count(), 0);
}

#[test]
fn l16_a_reader_that_expired_keeps_writers_out_and_readers_not() {
    let mut script = Script::default();
    let (dead, other) = (script.open("a"), script.open("b"));
    let read =
        |delay_ms| with("x", |acquire| (acquire.mode, acquire.delay_ms) = (Mode::Shared, delay_ms));
    script.request(dead, 1, read(70));
    script.expire(dead, 1);
    assert_eq!(script.request(other, 1, read(0)).0, granted(2));
    assert_eq!(script.request(other, 2, acquire("x")).0, Answer::Queued { ahead: 0 });
    assert_eq!(script.release(other, 3, "x", 2).1, []);
    assert_eq!(delay_over(&mut script, 1, 1).granted, [handed_to(other, 2, 3)]);
}

#[test]
fn l16_permits_that_expired_stay_taken_and_their_limit_stands() {
    let mut script = Script::default();
    let (dead, other) = (script.open("a"), script.open("b"));
    let take = |limit, permits, delay_ms| {
        with("x", |acquire| {
            (acquire.limit, acquire.permits, acquire.delay_ms) = (limit, permits, delay_ms);
        })
    };
    script.request(dead, 1, take(3, 2, 70));
    script.expire(dead, 1);
    let invalid = Answer::Refused(Refusal::Invalid);
    assert_eq!(script.request(other, 1, take(4, 1, 0)).0, invalid);
    assert_eq!(script.request(other, 2, take(3, 1, 0)).0, granted(2));
    assert_eq!(script.request(other, 3, take(3, 1, 0)).0, Answer::Queued { ahead: 0 });
    assert_eq!(delay_over(&mut script, 1, 1).granted, [handed_to(other, 3, 3)]);
}

#[test]
fn l16_two_delays_of_one_lock_end_one_by_one() {
    let mut script = Script::default();
    let (one, two) = (script.open("a"), script.open("b"));
    let other = script.open("c");
    let read = || with("x", |acquire| (acquire.mode, acquire.delay_ms) = (Mode::Shared, 70));
    script.request(one, 1, read());
    script.request(two, 1, read());
    script.acquire(other, 1, "x");
    script.expire(two, 1);
    script.expire(one, 1);
    assert_eq!(delay_over(&mut script, 1, 1).granted, []);
    assert_eq!(delay_over(&mut script, 2, 1).granted, [handed_to(other, 1, 3)]);
}

#[test]
fn l16_delays_are_in_the_snapshot_and_in_the_hash() {
    let (mut script, other) = expired();
    let hash = script.machine.state_hash();
    script.replace(|machine| LockMachine::decode(&machine.encode()).expect("its own bytes"));
    assert_eq!(script.machine.state_hash(), hash);
    let left: Vec<Delayed> = script.machine.delays().collect();
    assert_eq!(left, [Delayed { name: name("x"), token: Token(1), delay_ms: 70 }]);
    assert_eq!(delay_over(&mut script, 1, 1).granted, [handed_to(other, 1, 2)]);
}

#[test]
fn l16_a_delay_has_a_bound() {
    let mut script = Script::default();
    let session = script.open("a");
    let refused = Answer::Refused(Refusal::Invalid);
    assert_eq!(script.request(session, 1, delayed_by(3_600_001)).0, refused);
    assert_eq!(script.request(session, 2, delayed_by(3_600_000)).0, granted(1));
}

#[test]
fn l15_a_restore_drops_delays_with_all_else() {
    let (mut script, _) = expired();
    script.replace(|machine| machine.restored(None, WaitRule::Waived).expect("an epoch is left"));
    assert_eq!((script.machine.delays().count(), script.machine.held_count()), (0, 0));
}
