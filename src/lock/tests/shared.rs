//! Shared locks: many readers, and writers that do not starve (L1, L3, L5).

use super::script::{Script, acquire, granted, handed_to, name, try_acquire, with};
use crate::base::SessionId;
use crate::lock::level::Bounds;
use crate::lock::{Answer, LockMachine, Mode, Operation, Refusal};

fn read() -> Operation {
    with("x", |acquire| acquire.mode = Mode::Shared)
}

fn queued(ahead: u32) -> Answer {
    Answer::Queued { ahead }
}

/// Two readers hold "x"; a writer, two readers and a writer wait, in this order. All of one session: each
/// acquire is an owner of its own.
fn busy() -> (Script, SessionId) {
    let mut script = Script::default();
    let session = script.open("a");
    let line = [read(), read(), acquire("x"), read(), read(), acquire("x")];
    let answers = line.map({
        let mut request = 0;
        let script = &mut script;
        move |operation| {
            request += 1;
            script.request(session, request, operation).0
        }
    });
    let expected = [granted(1), granted(2), queued(0), queued(1), queued(2), queued(3)];
    assert_eq!(answers, expected);
    (script, session)
}

#[test]
fn l1_readers_share_and_each_has_a_token_of_its_own() {
    let (script, session) = busy();
    let view = script.machine.lock(&name("x")).expect("held");
    assert_eq!((view.token.0, view.holding, view.waiting), (1, 2, 4));
    assert_eq!((view.others[0].token.0, view.others[0].session), (2, session));
}

#[test]
fn l5_the_last_reader_hands_to_the_writer_and_it_to_the_run_of_readers() {
    let (mut script, session) = busy();
    assert_eq!(script.release(session, 7, "x", 1).1, []);
    assert_eq!(script.release(session, 8, "x", 2).1, [handed_to(session, 3, 3)]);
    let run = [handed_to(session, 4, 4), handed_to(session, 5, 5)];
    assert_eq!(script.release(session, 9, "x", 3).1, run);
    assert_eq!(script.release(session, 10, "x", 5).1, []);
    assert_eq!(script.release(session, 11, "x", 4).1, [handed_to(session, 6, 6)]);
    assert_eq!(script.release(session, 12, "x", 6).1, []);
    assert_eq!(script.machine.held_count(), 0);
}

#[test]
fn l5_a_writer_that_leaves_the_head_lets_the_readers_behind_it_in() {
    let (mut script, session) = busy();
    let run = [handed_to(session, 4, 3), handed_to(session, 5, 4)];
    assert_eq!(script.withdraw(session, 7, 3).1, run);
}

#[test]
fn l5_l22_a_writer_that_expires_at_the_head_lets_the_readers_behind_it_in() {
    let mut script = Script::default();
    let (reader, writer, late) = (script.open("a"), script.open("b"), script.open("c"));
    script.request(reader, 1, read());
    script.acquire(writer, 1, "x");
    assert_eq!(script.request(late, 1, read()).0, queued(1));
    assert_eq!(script.expire(writer, 1).granted, [handed_to(late, 1, 2)]);
}

#[test]
fn a_reader_that_tries_does_not_overtake_a_waiting_writer() {
    let mut script = Script::default();
    let session = script.open("a");
    let attempt = || with("x", |acquire| (acquire.mode, acquire.try_only) = (Mode::Shared, true));
    assert_eq!(script.request(session, 1, read()).0, granted(1));
    assert_eq!(script.request(session, 2, attempt()).0, granted(2));
    let held = Answer::Held { client: "a".to_owned() };
    assert_eq!(script.request(session, 3, try_acquire("x")).0, held);
    script.acquire(session, 4, "x");
    assert_eq!(script.request(session, 5, attempt()).0, held);
}

#[test]
fn readers_beyond_the_bound_wait() {
    let mut script = Script::with_bounds(Bounds { holders_per_lock: 2, ..Bounds::LEVEL_1 });
    let session = script.open("a");
    assert_eq!(script.request(session, 1, read()).0, granted(1));
    assert_eq!(script.request(session, 2, read()).0, granted(2));
    assert_eq!(script.request(session, 3, read()).0, queued(0));
    assert_eq!(script.release(session, 4, "x", 1).1, [handed_to(session, 3, 3)]);
}

#[test]
fn a_lock_that_is_shared_is_no_semaphore() {
    let (mut script, session) = busy();
    let counted = with("x", |acquire| acquire.limit = 1);
    assert_eq!(script.request(session, 7, counted).0, Answer::Refused(Refusal::Invalid));
}

#[test]
fn readers_and_their_order_are_in_the_snapshot() {
    let (mut script, session) = busy();
    script.replace(|machine| LockMachine::decode(&machine.encode()).expect("its own bytes"));
    script.release(session, 7, "x", 2);
    assert_eq!(script.release(session, 8, "x", 1).1, [handed_to(session, 3, 3)]);
    let run = [handed_to(session, 4, 4), handed_to(session, 5, 5)];
    assert_eq!(script.release(session, 9, "x", 3).1, run);
}
