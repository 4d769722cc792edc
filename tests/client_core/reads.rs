//! Reads.

use super::*;

#[test]
fn a_read_is_asked_again_at_a_new_leader_and_never_answered_by_an_older_state() {
    let mut rig = Rig::with_session();
    let answer = |call: CallId, index: u64| {
        let (index, answer) = (Index(index), ReadAnswer::Valid(true));
        ServerMessage::Read { read: call.0, index, answer }
    };
    let first = rig.read();
    rig.say(1, answer(first, 10));
    let second = rig.read();
    rig.sent.clear();
    rig.say(2, leader(2, Some(2)));
    assert!(rig.take_sent().iter().any(|(_, request)| matches!(request, Request::Read { .. })));
    rig.say(2, answer(second, 9));
    assert!(!rig.decided.contains_key(&second));
    rig.pass(SECOND);
    rig.say(2, answer(second, 11));
    assert!(matches!(rig.decided[&second], Ok(Done::Read { index: Index(11), .. })));
}

#[test]
fn a_read_that_nobody_answers_is_unavailable_after_the_request_timeout() {
    let mut rig = Rig::with_session();
    let (kept, cancelled) = (rig.read(), rig.read());
    rig.cancel(cancelled);
    assert_eq!(rig.status(cancelled), Some(Status::Cancelled));
    rig.pass_renewed(4_900 * MS);
    assert_eq!(rig.status(kept), None);
    rig.pass_renewed(5 * SECOND);
    assert_eq!(rig.status(kept), Some(Status::Unavailable));
}

#[test]
fn reads_without_an_answer_are_bounded() {
    let mut rig = Rig::with_session();
    let calls: Vec<CallId> = (0..1024).map(|_| rig.read()).collect();
    assert!(rig.decided.is_empty());
    let one_more = rig.read();
    assert_eq!(rig.status(one_more), Some(Status::Limit));
    rig.cancel(calls[0]);
    let again = rig.read();
    assert_eq!(rig.status(again), None);
}

fn reads_sent(rig: &mut Rig) -> usize {
    let sent = rig.take_sent();
    sent.iter().filter(|(_, request)| matches!(request, Request::Read { .. })).count()
}

#[test]
fn a_read_sees_what_was_given_back_before_it_whoever_waits_for_that() {
    let mut rig = Rig::with_session();
    let lease = rig.held("a", 1, 1);
    // That it waits in the queue keeps no read.
    rig.acquire("b", Wait::Forever);
    rig.read();
    assert_eq!(reads_sent(&mut rig), 1);
    let release = rig.release(lease);
    rig.cancel(release);
    rig.read();
    let later = rig.acquire("c", Wait::Forever);
    assert_eq!(reads_sent(&mut rig), 0);
    rig.answer(1, 3, Answer::Done);
    assert_eq!(reads_sent(&mut rig), 1);
    // What is given back after it keeps it no more, once it was asked for again.
    rig.cancel(later);
    rig.say(2, leader(2, Some(2)));
    assert_eq!(reads_sent(&mut rig), 2);
}

#[test]
fn a_read_that_an_older_leader_does_not_know_is_not_asked() {
    let mut rig = Rig::new();
    for node in 1..=3 {
        let older = Welcomed { speech: Speech::of_0_1(), ..welcome(node, hint(1, Some(1))) };
        rig.core.handle_welcome(&rig.now(), rig.link(node), older);
        rig.drain();
    }
    let number = rig.creation();
    rig.open(number);
    rig.sent.clear();
    let query = Query::Asked { names: vec!["a".try_into().unwrap()] };
    let unknown = rig.core.read(&rig.now(), query);
    rig.drain();
    assert_eq!(rig.status(unknown), Some(Status::Unsupported));
    rig.read();
    assert_eq!(reads_sent(&mut rig), 1, "the other one");
}
