//! Sessions that end, and the close.

use super::*;

#[test]
fn when_the_session_ends_leases_and_calls_end_and_an_acquire_queues_again_in_the_next() {
    let mut rig = Rig::with_session();
    let held = rig.held("a", 1, 1);
    let released = rig.held("b", 2, 2);
    let release = rig.release(released);
    let waits = rig.acquire("c", Wait::Forever);
    let tries = rig.acquire("d", Wait::Try);
    rig.sent.clear();
    rig.say(1, ServerMessage::SessionEnded { session: SESSION });
    assert!(rig.ended.contains(&(held, EndReason::Expired)));
    assert_eq!(rig.status(release), Some(Status::SessionExpired));
    assert_eq!(rig.status(tries), Some(Status::SessionExpired));
    rig.answer(1, 4, Answer::Granted { token: Token(3) });
    assert!(!rig.decided.contains_key(&waits), "a grant in a session that ended");
    rig.open_next();
    assert_eq!(ids(&rig.submitted()), [1]);
    let (request, answer) = (RequestId(1), Answer::Granted { token: Token(9) });
    rig.say(1, ServerMessage::Answered { session: SessionId(101), request, answer });
    rig.lease(waits);
}

/// A server that makes each session that it is asked for, and ends it with the first request: how many it makes in a
/// second, answering at once.
fn sessions_in_vain(rig: &mut Rig) -> u64 {
    let (began, mut sessions) = (rig.now, 0);
    while rig.now < began + SECOND {
        let sent = rig.take_sent();
        if sent.is_empty() {
            rig.pass(rig.core.next_deadline());
        }
        for (link, request) in sent {
            match request {
                Request::OpenSession { number, .. } => {
                    sessions += 1;
                    assert!(sessions < 1000, "it spins");
                    let (session, rho_ppm) = (SessionId(1000 + sessions), RHO_PPM);
                    let opened =
                        ServerMessage::SessionOpened { number, session, ttl_ms: 10_000, rho_ppm };
                    rig.say_on(link, opened);
                }
                Request::Submit { session, .. } => {
                    rig.say_on(link, ServerMessage::SessionEnded { session });
                }
                _ => {}
            }
        }
    }
    sessions
}

#[test]
fn a_server_that_ends_each_session_at_once_is_asked_at_leisure() {
    let mut rig = Rig::new();
    rig.welcome_all();
    let call = rig.acquire("a", Wait::For(Duration::from_millis(900)));
    let sessions = sessions_in_vain(&mut rig);
    assert!((3..20).contains(&sessions), "{sessions}");
    let error = rig.decided[&call].clone().unwrap_err();
    assert_eq!(error.status, Status::Timeout);
    assert!(error.message.contains("ends each session as soon as it is made"), "{}", error.message);
}

#[test]
fn a_session_that_ends_late_is_followed_by_the_next_at_once() {
    let mut rig = Rig::with_session();
    rig.acquire("a", Wait::Forever);
    rig.pass_renewed(200 * MS);
    rig.sent.clear();
    rig.say(1, ServerMessage::SessionEnded { session: SESSION });
    rig.open_next();
    assert_eq!(ids(&rig.submitted()), [1]);
}

#[test]
fn an_acquire_that_was_held_back_in_a_session_that_ended_queues_in_the_next() {
    let mut rig = Rig::with_session();
    let first = rig.acquire_as(7, "a", Wait::Forever);
    rig.acquire_as(7, "a", Wait::Forever);
    rig.cancel(first);
    assert_eq!(ids(&rig.submitted()), [1, 2], "it waits for the withdrawal");
    rig.say(1, ServerMessage::SessionEnded { session: SESSION });
    rig.open_next();
    assert_eq!(ids(&rig.submitted()), [1]);
}

#[test]
fn a_session_that_is_refused_for_load_is_asked_for_again_after_a_pause() {
    let mut rig = Rig::new();
    rig.welcome_all();
    let call = rig.acquire("a", Wait::Forever);
    let number = rig.creation();
    rig.refuse(number, Refusal::Busy);
    rig.sent.retain(|(_, request)| !matches!(request, Request::OpenSession { .. }));
    rig.pass(100 * MS);
    assert!(rig.creation() > number);
    assert_eq!(rig.status(call), None);
    rig.open_next();
    assert_eq!(ids(&rig.submitted()), [1]);
}

#[test]
fn a_session_that_is_refused_for_good_fails_what_waits_and_is_asked_for_again() {
    let mut rig = Rig::new();
    rig.welcome_all();
    let call = rig.acquire("a", Wait::Forever);
    let number = rig.creation();
    rig.refuse(number + 1, Refusal::Limit);
    assert_eq!(rig.status(call), None, "no creation of that number was sent");
    rig.refuse(number, Refusal::Limit);
    assert_eq!(rig.status(call), Some(Status::Limit));
    rig.sent.clear();
    rig.pass(SECOND);
    assert!(rig.creation() > number);
}

#[test]
fn a_grant_that_arrives_when_belief_is_over_is_no_lease() {
    let mut rig = Rig::with_session();
    let call = rig.acquire("a", Wait::Forever);
    rig.now = 20 * SECOND;
    rig.answer(1, 1, Answer::Granted { token: Token(1) });
    assert!(!rig.decided.contains_key(&call));
    let submitted = rig.submitted();
    assert!(matches!(submitted[..], [(1, ..), (2, 1, Operation::Close)]), "{submitted:?}");
}

#[test]
fn close_ends_leases_first_then_the_session_and_calls_are_closed() {
    let mut rig = Rig::with_session();
    let lease = rig.held("a", 1, 1);
    let waits = rig.acquire("b", Wait::Forever);
    rig.answer(1, 2, Answer::Queued { ahead: 0 });
    rig.sent.clear();
    rig.log.clear();
    let close = rig.core.close(&rig.now());
    rig.drain();
    assert!(rig.log[0].starts_with("LeaseEnded"), "{:?}", rig.log);
    assert_eq!(rig.ended, [(lease, EndReason::SessionClosed)]);
    assert_eq!(rig.status(waits), Some(Status::Closed));
    let submitted = rig.submitted();
    assert!(matches!(submitted[..], [(3, _, Operation::Close)]), "{submitted:?}");
    rig.answer(1, 3, Answer::Done);
    assert_eq!(rig.decided[&close], Ok(Done::Closed));
    let after = rig.acquire("c", Wait::Forever);
    assert_eq!(rig.status(after), Some(Status::Closed));
    assert_eq!((rig.hung_up.len(), rig.core.next_deadline()), (3, u64::MAX));
}

#[test]
fn close_is_retried_at_a_new_leader() {
    let mut rig = Rig::with_session();
    rig.core.close(&rig.now());
    rig.drain();
    rig.sent.clear();
    rig.say(2, leader(2, Some(2)));
    let sent = rig.take_sent();
    let home = rig.link(2);
    assert!(matches!(sent[0], (link, Request::Attach { .. }) if link == home), "{sent:?}");
    let Request::Submit { operation: Operation::Close, .. } = &sent[1].1 else {
        panic!("{sent:?}")
    };
}

#[test]
fn a_close_that_is_refused_for_load_is_sent_again_after_a_pause() {
    let mut rig = Rig::with_session();
    let close = rig.core.close(&rig.now());
    rig.drain();
    assert_eq!(ids(&rig.submitted()), [1]);
    rig.answer(1, 1, Answer::Refused(Refusal::Busy));
    assert!(rig.submitted().is_empty());
    rig.pass(100 * MS);
    assert_eq!(ids(&rig.submitted()), [1]);
    rig.answer(1, 1, Answer::Done);
    assert_eq!(rig.decided[&close], Ok(Done::Closed));
}

#[test]
fn a_close_that_nobody_answers_is_unknown_when_the_servers_have_surely_ended_the_session() {
    let mut rig = Rig::with_session();
    rig.say(1, leader(2, None));
    let close = rig.core.close(&rig.now());
    rig.drain();
    rig.pass(3 * 10 * SECOND - 1);
    assert!(!rig.decided.contains_key(&close) && !rig.core.is_finished());
    rig.pass(3 * 10 * SECOND);
    assert_eq!(rig.status(close), Some(Status::Unknown));
    assert!(rig.core.is_finished());
}

#[test]
fn a_client_that_lives_closes_its_ended_session_however_long_the_outage_was() {
    let mut rig = Rig::with_session();
    (1..=3).for_each(|node| rig.close_link(node));
    rig.pass(100 * 10 * SECOND);
    assert_eq!(rig.core.session(&rig.now()).0, SessionState::Ended);
    rig.sent.clear();
    rig.welcome(1, hint(2, Some(1)));
    let sent = rig.take_sent();
    let closes = |(_, request): &(LinkId, Request)| match request {
        Request::Submit { session, operation: Operation::Close, .. } => Some(*session),
        _ => None,
    };
    assert_eq!(sent.iter().find_map(closes), Some(SESSION), "{sent:?}");
    rig.answer(1, 1, Answer::Done);
    rig.say(2, leader(3, Some(2)));
    rig.welcome(2, hint(3, Some(2)));
    assert_eq!(rig.take_sent().iter().find_map(closes), None, "once it is answered");
}

#[test]
fn a_client_that_nobody_has_any_more_says_so_and_lets_go_after_a_second() {
    let mut rig = Rig::with_session();
    let lease = rig.held("a", 1, 1);
    rig.core.let_go(&rig.now());
    rig.drain();
    assert_eq!(rig.ended, [(lease, EndReason::SessionClosed)]);
    assert!(matches!(rig.submitted()[..], [(2, _, Operation::Close)]));
    rig.say(2, leader(2, Some(2)));
    assert!(matches!(rig.submitted()[..], [(2, _, Operation::Close)]), "to the next leader, too");
    rig.pass(SECOND - 1);
    assert!(!rig.core.is_finished());
    rig.pass(SECOND);
    assert!(rig.core.is_finished());
    assert_eq!((rig.hung_up.len(), rig.core.next_deadline()), (3, u64::MAX));
}

#[test]
fn a_client_that_nobody_has_any_more_lets_go_at_once_when_it_is_answered_or_owes_nothing() {
    let mut rig = Rig::with_session();
    rig.core.let_go(&rig.now());
    rig.drain();
    rig.answer(1, 1, Answer::Done);
    assert!(rig.core.is_finished());
    let mut rig = Rig::new();
    rig.core.let_go(&rig.now());
    rig.drain();
    assert!(rig.core.is_finished());
}

#[test]
fn a_client_that_was_closed_without_an_answer_lets_go_once_nobody_has_it() {
    let mut rig = Rig::with_session();
    rig.say(1, leader(2, None));
    let close = rig.core.close(&rig.now());
    rig.drain();
    rig.pass(5 * SECOND);
    rig.core.let_go(&rig.now());
    rig.drain();
    rig.pass(6 * SECOND);
    assert_eq!(rig.status(close), Some(Status::Unknown));
    assert!(rig.core.is_finished());
}
