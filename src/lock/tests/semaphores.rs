//! Counted locks: permits, and no overtaking (L1, L5).

use super::script::{Script, acquire, granted, handed_to, name, with};
use crate::base::SessionId;
use crate::lock::{Answer, LockMachine, Operation, Refusal};

fn take(permits: u32) -> Operation {
    with("x", |acquire| (acquire.limit, acquire.permits) = (4, permits))
}

fn queued(ahead: u32) -> Answer {
    Answer::Queued { ahead }
}

/// 3 of 4 permits are taken, by 2 and by 1.
fn busy() -> (Script, SessionId) {
    let mut script = Script::default();
    let session = script.open("a");
    assert_eq!(script.request(session, 1, take(2)).0, granted(1));
    assert_eq!(script.request(session, 2, take(1)).0, granted(2));
    (script, session)
}

#[test]
fn l1_permits_never_exceed_the_limit() {
    let (mut script, session) = busy();
    assert_eq!(script.request(session, 3, take(2)).0, queued(0));
    assert_eq!(script.release(session, 4, "x", 2).1, [handed_to(session, 3, 3)]);
    let view = script.machine.lock(&name("x")).expect("held");
    assert_eq!((view.limit, view.holding, view.others[0].permits), (4, 2, 2));
}

#[test]
fn l5_a_large_request_at_the_head_is_not_overtaken() {
    let (mut script, session) = busy();
    assert_eq!(script.request(session, 3, take(4)).0, queued(0));
    assert_eq!(script.request(session, 4, take(1)).0, queued(1));
    assert_eq!(script.release(session, 5, "x", 1).1, []);
    assert_eq!(script.release(session, 6, "x", 2).1, [handed_to(session, 3, 3)]);
    assert_eq!(script.release(session, 7, "x", 3).1, [handed_to(session, 4, 4)]);
}

#[test]
fn l5_one_release_grants_to_all_for_whom_there_is_room_then() {
    let (mut script, session) = busy();
    script.request(session, 3, take(3));
    script.request(session, 4, take(1));
    script.request(session, 5, take(1));
    assert_eq!(script.release(session, 6, "x", 2).1, []);
    let together = [handed_to(session, 3, 3), handed_to(session, 4, 4)];
    assert_eq!(script.release(session, 7, "x", 1).1, together);
}

#[test]
fn l5_a_large_request_that_leaves_the_head_lets_the_small_ones_in() {
    let (mut script, session) = busy();
    script.request(session, 3, take(4));
    script.request(session, 4, take(1));
    assert_eq!(script.withdraw(session, 5, 3).1, [handed_to(session, 4, 3)]);
}

#[test]
fn another_limit_is_refused_while_somebody_is_in_it_and_free_after() {
    let (mut script, session) = busy();
    let other = || with("x", |acquire| acquire.limit = 5);
    for (request, operation) in [(3, other()), (4, acquire("x"))] {
        let refused = Answer::Refused(Refusal::Invalid);
        assert_eq!(script.request(session, request, operation).0, refused);
    }
    script.release(session, 5, "x", 1);
    script.release(session, 6, "x", 2);
    assert_eq!(script.request(session, 7, other()).0, granted(3));
}

#[test]
fn permits_and_limit_are_in_the_snapshot() {
    let (mut script, session) = busy();
    script.request(session, 3, take(4));
    script.replace(|machine| LockMachine::decode(&machine.encode()).expect("its own bytes"));
    assert_eq!(script.request(session, 4, take(1)).0, queued(1));
    script.release(session, 5, "x", 1);
    assert_eq!(script.release(session, 6, "x", 2).1, [handed_to(session, 3, 3)]);
}
