//! Orders: a proclaimed value, and the break of somebody's lock.

use super::*;

#[test]
fn a_proclamation_names_what_is_held_and_is_obeyed() {
    let mut rig = Rig::with_session();
    let lease = rig.held("a", 1, 5);
    let call = rig.proclaim(lease, b"new");
    let submitted = rig.submitted();
    let [(2, _, Operation::Proclaim { name: of, token: Token(5), value })] = &submitted[..] else {
        panic!("{submitted:?}")
    };
    assert_eq!((of, &value[..]), (&name("a"), &b"new"[..]));
    rig.answer(1, 2, Answer::Done);
    assert_eq!(rig.decided[&call], Ok(Done::Obeyed));
}

#[test]
fn a_break_says_all_that_was_wished() {
    let mut rig = Rig::with_session();
    let way = BreakWay::Ask { grace_ms: Some(300) };
    let (to, reason) = (Some("heir".to_owned()), "r".repeat(255));
    let wish = BreakCall { name: name("a"), token: Token(9), way, to, reason: reason.clone() };
    let call = rig.core.break_lock(&rig.now(), wish.clone());
    rig.drain();
    let submitted = rig.submitted();
    let [(1, _, operation)] = &submitted[..] else { panic!("{submitted:?}") };
    let BreakCall { name, token, way, to, reason } = wish;
    assert_eq!(*operation, Operation::Break { name, token, way, to, reason });
    rig.answer(1, 1, Answer::Done);
    assert_eq!(rig.decided[&call], Ok(Done::Obeyed));
}

#[test]
fn what_is_too_long_is_invalid_and_never_leaves() {
    let mut rig = Rig::with_session();
    let lease = rig.held("a", 1, 1);
    let wish = |to: usize, reason: usize| BreakCall {
        name: name("a"),
        token: Token(0),
        way: BreakWay::Now,
        to: Some("t".repeat(to)),
        reason: "r".repeat(reason),
    };
    let proclaimed = rig.proclaim(lease, &[0; 4097]);
    let heir = rig.core.break_lock(&rig.now(), wish(256, 0));
    let reason = rig.core.break_lock(&rig.now(), wish(255, 256));
    rig.drain();
    for call in [proclaimed, heir, reason] {
        assert_eq!(rig.status(call), Some(Status::Invalid));
    }
    assert!(rig.submitted().is_empty() && !rig.remaining(lease).is_zero());
}

#[test]
fn what_was_not_found_is_said_by_what_was_asked() {
    let cases = [
        (Answer::NotHeld, Status::NotFound),
        (Answer::NoWaiter, Status::NotFound),
        (Answer::Refused(Refusal::Invalid), Status::Invalid),
        (Answer::Refused(Refusal::Limit), Status::Limit),
    ];
    for (answer, status) in cases {
        let mut rig = Rig::with_session();
        let call = rig.break_lock("a");
        rig.answer(1, 1, answer);
        assert_eq!(rig.status(call), Some(status));
    }
}

#[test]
fn a_proclamation_of_what_the_server_says_is_not_held_ends_the_lease_as_lost() {
    let mut rig = Rig::with_session();
    let lease = rig.held("a", 1, 1);
    let call = rig.proclaim(lease, b"x");
    rig.answer(1, 2, Answer::NotHeld);
    assert_eq!(rig.status(call), Some(Status::Lost));
    assert_eq!(rig.ended, [(lease, EndReason::Broken)]);
    let after = rig.proclaim(lease, b"x");
    assert_eq!(rig.status(after), Some(Status::Lost));
}

#[test]
fn an_order_that_never_left_is_taken_back_and_unavailable_after_the_request_timeout() {
    let mut rig = Rig::new();
    (1..=3).for_each(|node| rig.welcome(node, hint(0, None)));
    let call = rig.break_lock("a");
    rig.pass(4_900 * MS);
    assert_eq!(rig.status(call), None);
    rig.pass(5 * SECOND);
    assert_eq!(rig.status(call), Some(Status::Unavailable));
    rig.say(1, leader(1, Some(1)));
    rig.open(rig.creation());
    assert!(rig.submitted().is_empty());
}

#[test]
fn an_order_for_which_there_is_a_session_and_no_leader_is_taken_back_too() {
    let mut rig = Rig::with_session();
    let lease = rig.held("a", 1, 1);
    (1..=3).for_each(|node| rig.say(node, leader(2, None)));
    let (value, broken) = (rig.proclaim(lease, b"x"), rig.break_lock("b"));
    rig.pass(5 * SECOND);
    assert_eq!(rig.status(value), Some(Status::Unavailable));
    assert_eq!(rig.status(broken), Some(Status::Unavailable));
    rig.say(2, leader(3, Some(2)));
    assert!(rig.submitted().is_empty());
}

#[test]
fn an_order_that_left_is_unknown_after_the_request_timeout_and_goes_on_under_its_id() {
    let mut rig = Rig::with_session();
    let call = rig.break_lock("a");
    rig.pass_renewed(5 * SECOND);
    assert_eq!(rig.status(call), Some(Status::Unknown));
    rig.sent.clear();
    rig.say(2, leader(2, Some(2)));
    assert_eq!(ids(&rig.submitted()), [1]);
    rig.answer(2, 1, Answer::Done);
    rig.say(3, leader(3, Some(3)));
    assert!(rig.submitted().is_empty());
}

#[test]
fn a_cancelled_order_goes_on_if_it_left_and_never_leaves_if_not() {
    let mut rig = Rig::with_session();
    let left = rig.break_lock("a");
    rig.say(1, leader(2, None));
    let stayed = rig.break_lock("b");
    rig.cancel(left);
    rig.cancel(stayed);
    assert_eq!(rig.status(left), Some(Status::Cancelled));
    assert_eq!(rig.status(stayed), Some(Status::Cancelled));
    rig.sent.clear();
    rig.say(2, leader(3, Some(2)));
    assert_eq!(ids(&rig.submitted()), [1]);
}

#[test]
fn an_order_that_is_refused_for_load_is_sent_again_under_its_id() {
    let mut rig = Rig::with_session();
    let call = rig.break_lock("a");
    rig.answer(1, 1, Answer::Refused(Refusal::Busy));
    rig.sent.clear();
    rig.pass(100 * MS);
    assert_eq!(ids(&rig.submitted()), [1]);
    rig.answer(1, 1, Answer::Refused(Refusal::Limit));
    assert_eq!(rig.status(call), None, "an earlier transmission may have been taken");
}

#[test]
fn when_the_session_is_lost_a_break_is_asked_again_only_if_it_never_left() {
    let mut rig = Rig::with_session();
    let lease = rig.held("a", 1, 1);
    let (value, left) = (rig.proclaim(lease, b"x"), rig.break_lock("b"));
    rig.say(1, leader(2, None));
    let stayed = rig.break_lock("c");
    rig.say(1, ServerMessage::SessionEnded { session: SESSION });
    assert_eq!(rig.status(value), Some(Status::SessionExpired));
    assert_eq!(rig.status(left), Some(Status::Unknown));
    assert_eq!(rig.status(stayed), None);
    rig.say(1, leader(3, Some(1)));
    rig.open_next();
    let submitted = rig.submitted();
    assert!(
        matches!(&submitted[..], [(1, _, Operation::Break { name: of, .. })] if *of == name("c")),
        "{submitted:?}"
    );
}

#[test]
fn a_break_opens_a_session_if_there_is_none() {
    let mut rig = Rig::with_session();
    rig.say(1, ServerMessage::SessionEnded { session: SESSION });
    rig.break_lock("a");
    rig.open_next();
    assert_eq!(ids(&rig.submitted()), [1]);
}

#[test]
fn an_earlier_proclamation_that_is_sent_again_never_overwrites_a_later_one() {
    let mut rig = Rig::with_session();
    let lease = rig.held("a", 1, 1);
    rig.proclaim(lease, b"first");
    rig.answer(1, 2, Answer::Refused(Refusal::Busy));
    rig.sent.clear();
    rig.proclaim(lease, b"second");
    assert!(rig.submitted().is_empty(), "the first is undecided");
    rig.pass(100 * MS);
    assert_eq!(ids(&rig.submitted()), [2]);
    rig.answer(1, 2, Answer::Done);
    assert_eq!(ids(&rig.submitted()), [3]);
}

#[test]
fn a_proclamation_that_waits_when_its_lease_ends_is_lost() {
    let mut rig = Rig::with_session();
    let lease = rig.held("a", 1, 1);
    rig.proclaim(lease, b"first");
    let waits = rig.proclaim(lease, b"second");
    rig.release(lease);
    rig.answer(1, 2, Answer::Done);
    assert_eq!(rig.status(waits), Some(Status::Lost));
}

#[test]
fn orders_without_an_answer_are_bounded() {
    let mut rig = Rig::with_session();
    for _ in 0..1024 {
        rig.break_lock("a");
    }
    assert!(rig.decided.is_empty());
    let more = rig.break_lock("a");
    assert_eq!(rig.status(more), Some(Status::Limit));
}

#[test]
fn a_close_closes_orders() {
    let mut rig = Rig::with_session();
    let call = rig.break_lock("a");
    rig.core.close(&rig.now());
    rig.drain();
    let after = rig.break_lock("a");
    assert_eq!([rig.status(call), rig.status(after)], [Some(Status::Closed); 2]);
}
