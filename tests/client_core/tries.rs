//! Tries: they wait for no holder, and for a leader no longer than a change of leaders takes.

use super::*;

/// Everybody says that there is no leader.
fn depose(rig: &mut Rig, term: u64) {
    (1..=3).for_each(|node| rig.say(node, leader(term, None)));
    assert_eq!(rig.core.home(), None);
}

#[test]
fn a_try_without_a_leader_is_unavailable_after_a_second_and_names_each_endpoint() {
    let mut rig = Rig::with_session();
    depose(&mut rig, 2);
    rig.close_link(1);
    rig.pass(100 * MS);
    let call = rig.acquire("a", Wait::Try);
    rig.pass(1_100 * MS - 1);
    assert_eq!(rig.status(call), None);
    rig.pass(1_100 * MS);
    let error = rig.decided[&call].clone().unwrap_err();
    assert_eq!(error.status, Status::Unavailable);
    let parts: Vec<&str> = error.message.split("; ").collect();
    assert_eq!(parts.len(), 3, "{}", error.message);
    assert!(parts[0].starts_with("no leader: n1:1: "), "{}", error.message);
    assert_eq!(parts[1], "n2:1: knows no leader");
}

#[test]
fn a_try_in_the_middle_of_a_handover_is_answered_by_the_next_leader() {
    let mut rig = Rig::with_session();
    depose(&mut rig, 2);
    let call = rig.acquire("a", Wait::Try);
    rig.pass(300 * MS);
    rig.say(2, leader(2, Some(2)));
    rig.answer(2, 1, Answer::Granted { token: Token(1) });
    rig.lease(call);
}

#[test]
fn a_leader_that_is_connected_has_the_time_of_any_call_to_answer_a_try() {
    let mut rig = Rig::with_session();
    let call = rig.acquire("a", Wait::Try);
    rig.pass_renewed(3 * SECOND);
    // It lives.
    rig.say(1, ServerMessage::Standing { session: SESSION });
    rig.pass_renewed(5 * SECOND - 1);
    assert_eq!(rig.status(call), None);
    rig.pass_renewed(5 * SECOND);
    let error = rig.decided[&call].clone().unwrap_err();
    assert_eq!(error.status, Status::Unavailable);
    assert!(error.message.starts_with("the leader has not answered: n1:1"), "{}", error.message);
}

#[test]
fn a_try_that_was_asked_of_a_leader_that_is_gone_waits_a_second_for_the_next() {
    let mut rig = Rig::with_session();
    let call = rig.acquire("a", Wait::Try);
    rig.pass_renewed(2 * SECOND);
    depose(&mut rig, 2);
    rig.pass(3 * SECOND - 1);
    assert_eq!(rig.status(call), None);
    rig.pass(3 * SECOND);
    assert_eq!(rig.status(call), Some(Status::Unavailable));
}

#[test]
fn a_try_of_a_client_that_was_just_opened_in_the_background_waits_as_an_opening_does() {
    let mut rig = Rig::new();
    rig.pass(100 * MS);
    let call = rig.acquire("a", Wait::Try);
    rig.pass(4 * SECOND);
    assert_eq!(rig.status(call), None);
    rig.welcome_all();
    let number = rig.creation();
    rig.open(number);
    rig.answer(1, 1, Answer::Granted { token: Token(1) });
    rig.lease(call);
    depose(&mut rig, 2);
    let second = rig.acquire("b", Wait::Try);
    rig.pass(5 * SECOND);
    assert_eq!(rig.status(second), Some(Status::Unavailable), "it is not new any more");
}

#[test]
fn an_opening_that_does_not_succeed_gives_tries_no_more_time_than_its_own() {
    let mut rig = Rig::new();
    rig.pass(4_500 * MS);
    let call = rig.acquire("a", Wait::Try);
    rig.pass(5_500 * MS - 1);
    assert_eq!(rig.status(call), None);
    rig.pass(5_500 * MS);
    assert_eq!(rig.status(call), Some(Status::Unavailable));
}

#[test]
fn a_try_that_is_refused_for_load_is_busy_after_a_second() {
    let mut rig = Rig::with_session();
    let call = rig.acquire("a", Wait::Try);
    rig.answer(1, 1, Answer::Refused(Refusal::Busy));
    rig.pass(SECOND - 1);
    assert_eq!(rig.status(call), None);
    rig.pass(SECOND);
    assert_eq!(rig.status(call), Some(Status::Busy));
}
