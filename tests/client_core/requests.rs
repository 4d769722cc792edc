//! Requests: ids, retries, withdrawals, owners and refusals.

use super::*;

#[test]
fn a_grant_is_a_lease_and_a_repeated_one_is_harmless() {
    let mut rig = Rig::with_session();
    let lease = rig.held("a", 1, 5);
    rig.answer(1, 1, Answer::Granted { token: Token(5) });
    assert_eq!(rig.core.token(lease), Some(Token(5)));
    rig.release(lease);
    rig.answer(1, 1, Answer::Granted { token: Token(5) });
    assert_eq!(rig.core.token(lease), None);
    assert_eq!(rig.decided.len(), 1);
}

#[test]
fn a_token_that_ended_here_or_is_no_token_is_never_believed() {
    let mut rig = Rig::with_session();
    let lease = rig.held("a", 1, 5);
    rig.release(lease);
    rig.answer(1, 2, Answer::Done);
    let again = rig.acquire("a", Wait::Forever);
    for token in [5, 4, 0, 1 << 63, u64::MAX] {
        rig.answer(1, 3, Answer::Granted { token: Token(token) });
        assert!(!rig.decided.contains_key(&again), "token {token}");
    }
    rig.answer(1, 3, Answer::Granted { token: Token(6) });
    rig.lease(again);
}

#[test]
fn a_token_that_ended_here_is_not_believed_for_an_acquire_that_is_older_than_it() {
    let mut rig = Rig::with_session();
    let older = rig.acquire("a", Wait::Forever);
    let lease = rig.held("b", 2, 5);
    rig.release(lease);
    rig.answer(1, 3, Answer::Done);
    rig.sent.clear();
    rig.answer(1, 1, Answer::Granted { token: Token(5) });
    assert!(!rig.decided.contains_key(&older), "L13");
    assert_eq!(ids(&rig.submitted()), [4, 5], "it is withdrawn, and asked again");
    rig.answer(1, 5, Answer::Granted { token: Token(6) });
    rig.lease(older);
}

#[test]
fn each_request_names_the_lowest_id_without_a_first_reply() {
    let mut rig = Rig::with_session();
    rig.acquire("a", Wait::Forever);
    rig.acquire("b", Wait::Forever);
    rig.answer(1, 2, Answer::Granted { token: Token(1) });
    rig.acquire("c", Wait::Forever);
    rig.answer(1, 1, Answer::Queued { ahead: 0 });
    rig.acquire("d", Wait::Forever);
    let floors: Vec<_> = rig.submitted().iter().map(|(id, floor, _)| (*id, *floor)).collect();
    assert_eq!(floors, [(1, 1), (2, 1), (3, 1), (4, 3)]);
}

#[test]
fn a_new_leader_gets_everything_again_under_the_same_ids_in_order_without_any_timer() {
    let mut rig = Rig::with_session();
    let lease = rig.held("a", 1, 1);
    rig.release(lease);
    rig.acquire("b", Wait::Forever);
    rig.answer(1, 3, Answer::Queued { ahead: 0 });
    rig.acquire("c", Wait::Forever);
    rig.sent.clear();
    rig.close_link(1);
    assert!(rig.take_sent().is_empty());
    rig.say(3, leader(2, Some(2)));
    let sent = rig.take_sent();
    assert!(sent.iter().all(|(link, _)| *link == rig.link(2)), "{sent:?}");
    assert!(matches!(sent[0].1, Request::Attach { session: SESSION, .. }), "{sent:?}");
    rig.sent = sent;
    let submitted = rig.submitted();
    assert_eq!(ids(&submitted), [2, 4], "what waits is on the list that comes");
    assert_eq!(rig.now, 0, "no timer");
}

#[test]
fn what_waits_is_asked_for_again_only_if_the_list_of_a_new_leader_does_not_name_it() {
    let mut rig = Rig::with_session();
    for name in ["a", "b", "c"] {
        rig.acquire(name, Wait::Forever);
    }
    (1..=3).for_each(|request| rig.answer(1, request, Answer::Queued { ahead: 0 }));
    rig.sent.clear();
    rig.say(2, leader(2, Some(2)));
    rig.say(2, ServerMessage::Attached { session: SESSION });
    rig.answer(2, 1, Answer::Queued { ahead: 0 });
    rig.answer(2, 3, Answer::Queued { ahead: 0 });
    assert!(rig.submitted().is_empty(), "a list that is not complete says nothing of the rest");
    rig.say(2, ServerMessage::Standing { session: SESSION });
    assert_eq!(ids(&rig.submitted()), [2]);
    // Another one may have lost what this one named.
    rig.sent.clear();
    rig.say(3, leader(3, Some(3)));
    rig.say(3, ServerMessage::Attached { session: SESSION });
    rig.say(3, ServerMessage::Standing { session: SESSION });
    assert_eq!(ids(&rig.submitted()), [1, 2, 3]);
}

#[test]
fn a_renewal_without_an_answer_is_sent_again_at_a_new_leader_under_a_new_number() {
    let mut rig = Rig::with_session();
    rig.pass(3_400 * MS);
    let number = rig.renewal();
    rig.sent.clear();
    rig.say(2, leader(2, Some(2)));
    assert!(rig.renewal() > number);
}

#[test]
fn a_wait_that_is_over_is_a_timeout_and_a_withdrawal_that_is_retried_until_answered() {
    let mut rig = Rig::with_session();
    let call = rig.acquire("a", Wait::For(Duration::from_millis(50)));
    rig.answer(1, 1, Answer::Queued { ahead: 1 });
    rig.sent.clear();
    rig.pass(60 * MS);
    assert_eq!(rig.status(call), Some(Status::Timeout));
    let withdrawal = |submitted: Vec<(u64, u64, Operation)>| {
        let acquire = RequestId(1);
        let [(2, _, Operation::Withdraw { acquire: of })] = submitted[..] else {
            panic!("{submitted:?}")
        };
        assert_eq!(of, acquire);
    };
    withdrawal(rig.submitted());
    rig.say(2, leader(2, Some(2)));
    withdrawal(rig.submitted());
    rig.answer(2, 2, Answer::Withdrawn);
    rig.say(3, leader(3, Some(3)));
    assert!(rig.submitted().is_empty());
}

#[test]
fn a_grant_after_the_withdrawal_is_never_believed() {
    let mut rig = Rig::with_session();
    let call = rig.acquire("a", Wait::Forever);
    rig.cancel(call);
    rig.answer(1, 1, Answer::Granted { token: Token(1) });
    rig.answer(1, 2, Answer::Withdrawn);
    rig.answer(1, 1, Answer::Granted { token: Token(1) });
    assert_eq!(rig.status(call), Some(Status::Cancelled));
    assert!(rig.core.token(LeaseId(1)).is_none());
}

#[test]
fn a_withdrawn_acquire_keeps_the_floor_until_the_withdrawal_is_answered() {
    let mut rig = Rig::with_session();
    let call = rig.acquire("a", Wait::Forever);
    rig.cancel(call);
    rig.acquire("b", Wait::Forever);
    let floors: Vec<_> = rig.submitted().iter().map(|(_, floor, _)| *floor).collect();
    assert_eq!(floors, [1, 1, 1]);
    rig.answer(1, 2, Answer::Withdrawn);
    rig.acquire("c", Wait::Forever);
    assert_eq!(rig.submitted()[0].1, 3);
}

#[test]
fn a_release_ends_belief_before_the_bytes_leave_and_is_retried_until_answered() {
    let mut rig = Rig::with_session();
    let lease = rig.held("a", 1, 1);
    rig.log.clear();
    let call = rig.release(lease);
    assert!(rig.log[0].starts_with("LeaseEnded"), "{:?}", rig.log);
    assert!(rig.log[1].starts_with("Send"), "{:?}", rig.log);
    assert_eq!(rig.remaining(lease), Duration::ZERO);
    rig.answer(1, 2, Answer::Refused(Refusal::Busy));
    rig.sent.clear();
    rig.pass(SECOND);
    assert_eq!(ids(&rig.submitted()), [2]);
    rig.answer(1, 2, Answer::Done);
    assert_eq!(rig.decided[&call], Ok(Done::Released));
    rig.say(2, leader(2, Some(2)));
    assert!(rig.submitted().is_empty());
}

#[test]
fn a_cancelled_release_goes_on() {
    let mut rig = Rig::with_session();
    let lease = rig.held("a", 1, 1);
    let call = rig.release(lease);
    rig.cancel(call);
    assert_eq!(rig.status(call), Some(Status::Cancelled));
    rig.sent.clear();
    rig.say(2, leader(2, Some(2)));
    assert_eq!(ids(&rig.submitted()), [2]);
}

#[test]
fn a_release_of_what_had_ended_is_lost() {
    let mut rig = Rig::with_session();
    let lease = rig.held("a", 1, 1);
    let first = rig.release(lease);
    let second = rig.release(lease);
    rig.answer(1, 2, Answer::NotHeld);
    assert_eq!((rig.status(first), rig.status(second)), (Some(Status::Lost), Some(Status::Lost)));
    let lease = rig.held("b", 3, 2);
    rig.now = 20 * SECOND;
    let late = rig.release(lease);
    assert_eq!(rig.status(late), Some(Status::Lost));
    let released = |(.., what): &(u64, u64, Operation)| matches!(what, Operation::Release { .. });
    assert!(!rig.submitted().iter().any(released));
}

#[test]
fn no_acquire_leaves_while_an_earlier_request_of_its_owner_about_that_lock_is_undecided() {
    let mut rig = Rig::with_session();
    let first = rig.acquire_as(7, "a", Wait::Forever);
    rig.acquire_as(7, "a", Wait::Forever);
    rig.acquire_as(7, "b", Wait::Forever);
    rig.acquire_as(8, "a", Wait::Forever);
    assert_eq!(ids(&rig.submitted()), [1, 2, 3]);
    rig.cancel(first);
    assert_eq!(ids(&rig.submitted()), [4], "only the withdrawal");
    rig.answer(1, 4, Answer::Withdrawn);
    assert_eq!(ids(&rig.submitted()), [5]);
}

#[test]
fn an_acquire_waits_for_its_owners_release_of_that_lock() {
    let mut rig = Rig::with_session();
    let first = rig.acquire_as(7, "a", Wait::Forever);
    rig.answer(1, 1, Answer::Granted { token: Token(1) });
    rig.release(rig.lease(first));
    rig.acquire_as(7, "a", Wait::Forever);
    assert_eq!(ids(&rig.submitted()), [1, 2]);
    rig.answer(1, 2, Answer::Done);
    assert_eq!(ids(&rig.submitted()), [3]);
}

#[test]
fn an_owner_re_enters_here_and_the_last_handle_releases() {
    let mut rig = Rig::with_session();
    let first = rig.acquire_as(7, "a", Wait::Forever);
    let second = rig.acquire_as(7, "a", Wait::Try);
    rig.answer(1, 1, Answer::Granted { token: Token(1) });
    let (first, second) = (rig.lease(first), rig.lease(second));
    rig.sent.clear();
    let shared = rig.release(first);
    assert_eq!(rig.decided[&shared], Ok(Done::Released));
    assert_eq!(rig.remaining(first), Duration::ZERO);
    assert!(!rig.remaining(second).is_zero());
    assert!(rig.submitted().is_empty());
    rig.release(second);
    assert_eq!(ids(&rig.submitted()), [2]);
}

#[test]
fn an_acquire_whose_request_came_to_nothing_is_asked_again_under_a_new_id() {
    let answers = [
        Answer::Ended { token: Token(1) },
        Answer::Withdrawn,
        Answer::Refused(Refusal::BelowFloor),
    ];
    for answer in answers {
        let mut rig = Rig::with_session();
        let call = rig.acquire("a", Wait::Forever);
        rig.answer(1, 1, answer.clone());
        assert_eq!(ids(&rig.submitted()), [1, 2], "{answer:?}: the first time at once");
        rig.answer(1, 2, answer.clone());
        rig.pass(99 * MS);
        assert!(rig.submitted().is_empty(), "{answer:?}: then after a pause");
        rig.pass(100 * MS);
        assert_eq!(ids(&rig.submitted()), [3], "{answer:?}");
        rig.answer(1, 3, Answer::Granted { token: Token(2) });
        rig.lease(call);
    }
}

#[test]
fn an_answer_that_is_none_to_an_acquire_says_nothing() {
    let mut rig = Rig::with_session();
    let call = rig.acquire("a", Wait::Forever);
    rig.sent.clear();
    for answer in [Answer::Held { client: "other".into() }, Answer::Done, Answer::NotHeld] {
        rig.answer(1, 1, answer);
        assert!(rig.decided.is_empty() && rig.sent.is_empty(), "{:?}", rig.decided);
    }
    rig.answer(1, 1, Answer::Granted { token: Token(1) });
    rig.lease(call);
}

#[test]
fn ids_from_the_floor_on_are_bounded_and_not_ids_since_the_beginning() {
    const SPAN: u64 = 16_384;
    let mut rig = Rig::with_session();
    rig.acquire("a", Wait::Forever);
    for request in 2..=SPAN {
        rig.acquire("b", Wait::Try);
        rig.answer(1, request, Answer::Held { client: "other".into() });
        assert_eq!(rig.submitted().last().map(|(id, ..)| *id), Some(request));
    }
    rig.acquire("c", Wait::Forever);
    assert!(rig.submitted().is_empty(), "the first has no reply yet");
    rig.answer(1, 1, Answer::Queued { ahead: 0 });
    assert_eq!(ids(&rig.submitted()), [SPAN + 1]);
}

#[test]
fn a_value_beyond_its_limit_is_invalid_and_never_leaves() {
    for (bytes, status, sent) in [(4096, None, 1), (4097, Some(Status::Invalid), 0)] {
        let mut rig = Rig::with_session();
        let name = "a".try_into().unwrap();
        let wish = AcquireCall { value: vec![7; bytes], ..AcquireCall::lock(name, Wait::Forever) };
        let call = rig.core.acquire(&rig.now(), wish);
        rig.drain();
        assert_eq!((rig.status(call), rig.submitted().len()), (status, sent), "{bytes} bytes");
    }
}

#[test]
fn a_try_behind_an_undecided_request_of_its_owner_is_held() {
    let mut rig = Rig::with_session();
    rig.acquire_as(7, "a", Wait::Forever);
    let call = rig.acquire_as(7, "a", Wait::Try);
    rig.pass_renewed(900 * MS);
    assert_eq!(rig.status(call), None);
    rig.pass_renewed(SECOND);
    assert_eq!(rig.status(call), Some(Status::Held));
}

#[test]
fn a_wait_that_is_over_says_what_was_missing() {
    let text = |rig: &mut Rig, call: CallId| {
        rig.pass(rig.now + 60 * MS);
        let error = rig.decided[&call].clone().unwrap_err();
        assert_eq!(error.status, Status::Timeout);
        error.message
    };
    let wait = Wait::For(Duration::from_millis(50));
    let mut rig = Rig::with_session();
    let call = rig.acquire("a", wait);
    let queued = text(&mut rig, call);
    assert!(!queued.contains("leader"), "{queued}");
    let call = rig.acquire("a", wait);
    rig.say(1, leader(2, None));
    let leaderless = text(&mut rig, call);
    assert!(leaderless.contains("no leader: n1:1: "), "{leaderless}");
    let mut rig = Rig::new();
    rig.welcome_all();
    let call = rig.acquire("a", wait);
    rig.refuse(rig.creation(), Refusal::Busy);
    let refused = text(&mut rig, call);
    assert!(refused.contains("the leader refuses a session"), "{refused}");
}

#[test]
fn a_refusal_for_load_is_retried_under_its_id_until_the_wait_is_over() {
    let mut rig = Rig::with_session();
    let call = rig.acquire("a", Wait::For(Duration::from_millis(500)));
    for _ in 0..3 {
        assert_eq!(ids(&rig.submitted()), [1]);
        rig.answer(1, 1, Answer::Refused(Refusal::Busy));
        rig.pass(rig.now + 100 * MS);
    }
    rig.answer(1, 1, Answer::Refused(Refusal::Busy));
    rig.pass(600 * MS);
    assert_eq!(rig.status(call), Some(Status::Busy));
}

#[test]
fn pauses_double_up_to_a_tenth_of_a_second() {
    let mut rig = Rig::with_session();
    rig.acquire("a", Wait::Forever);
    for longest in [5, 10, 20, 40, 80, 100, 100].map(|millis| millis * MS) {
        rig.answer(1, 1, Answer::Refused(Refusal::Busy));
        let pause = rig.core.next_deadline() - rig.now;
        assert!((longest / 2..=longest).contains(&pause), "{pause} of {longest} ns");
        rig.pass(rig.now + pause);
    }
}

#[test]
fn a_withdrawal_is_tried_again_unless_it_is_refused_for_good() {
    for (refusal, again) in [(Refusal::Limit, vec![2]), (Refusal::BelowFloor, vec![])] {
        let mut rig = Rig::with_session();
        let call = rig.acquire("a", Wait::Forever);
        rig.cancel(call);
        rig.sent.clear();
        rig.answer(1, 2, Answer::Refused(refusal));
        rig.pass(100 * MS);
        assert_eq!(ids(&rig.submitted()), again, "{refusal:?}");
    }
}

#[test]
fn a_refused_acquire_that_left_twice_is_withdrawn() {
    let mut rig = Rig::with_session();
    let (once, twice) = (rig.acquire("a", Wait::Forever), rig.acquire("b", Wait::Forever));
    rig.answer(1, 1, Answer::Refused(Refusal::Limit));
    rig.say(2, leader(2, Some(2)));
    rig.sent.clear();
    rig.answer(2, 2, Answer::Refused(Refusal::Limit));
    assert_eq!((rig.status(once), rig.status(twice)), (Some(Status::Limit), Some(Status::Limit)));
    let submitted = rig.submitted();
    assert!(matches!(submitted[..], [(3, _, Operation::Withdraw { .. })]), "{submitted:?}");
}

#[test]
fn what_is_refused_for_want_of_room_names_the_node_and_the_file_as_long_as_that_is_so() {
    let mut rig = Rig::with_session();
    let lacks = "no space left: cannot prepare /data/1/spare.new";
    let refused = |rig: &mut Rig, lacks: Option<&str>, request: u64| {
        let values = tenure::wire::Values::new();
        let values = values.with("id", Some(1u64)).with("disk_lacks", lacks);
        rig.say(1, ServerMessage::Described { read: 0, values });
        let call = rig.acquire("a", Wait::Forever);
        rig.answer(1, request, Answer::Refused(Refusal::Limit));
        match &rig.decided[&call] {
            Err(error) if error.status == Status::Limit => error.to_string(),
            other => panic!("{other:?}"),
        }
    };
    let text = refused(&mut rig, Some(lacks), 1);
    assert!(text.contains("node 1") && text.contains(lacks), "{text}");
    // There is room again; another limit is another matter.
    let text = refused(&mut rig, None, 2);
    assert!(!text.contains("node 1") && !text.contains("/data"), "{text}");
}

#[test]
fn a_try_is_held_when_somebody_has_it() {
    let mut rig = Rig::with_session();
    let call = rig.acquire("a", Wait::Try);
    let submitted = rig.submitted();
    assert!(matches!(&submitted[0].2, Operation::Acquire(acquire) if acquire.try_only));
    rig.answer(1, 1, Answer::Held { client: "other".into() });
    assert_eq!(rig.status(call), Some(Status::Held));
}

#[test]
fn what_a_late_copy_of_a_refused_acquire_was_granted_is_taken_back_once() {
    let mut rig = Rig::with_session();
    let call = rig.acquire("a", Wait::Forever);
    rig.answer(1, 1, Answer::Refused(Refusal::Limit));
    assert!(matches!(&rig.decided[&call], Err(error) if error.status == Status::Limit));
    rig.sent.clear();
    // The copy was logged, since nothing remembers the refusal; the client knows nothing of it.
    rig.answer(1, 1, Answer::Queued { ahead: 3 });
    assert!(rig.submitted().is_empty(), "it may be an old one, of what is held by now");
    rig.answer(1, 1, Answer::Granted { token: Token(7) });
    rig.answer(1, 1, Answer::Granted { token: Token(7) });
    let submitted = rig.submitted();
    let operations: Vec<_> = submitted.iter().map(|(_, _, operation)| operation).collect();
    assert_eq!(operations, [&Operation::Withdraw { acquire: RequestId(1) }]);
    rig.answer(1, 2, Answer::Withdrawn);
    rig.sent.clear();
    // A request that never was is none of ours.
    rig.answer(1, 9, Answer::Granted { token: Token(8) });
    assert!(rig.submitted().is_empty());
}

fn denied(request: u64) -> ServerMessage {
    let (session, request) = (SESSION, RequestId(request));
    ServerMessage::Denied { session, request, text: "client/a lacks the right acquire".to_owned() }
}

#[test]
fn an_acquire_that_is_denied_is_over_at_once_or_while_it_waits() {
    let mut rig = Rig::with_session();
    let (at_once, waits) = (rig.acquire("a", Wait::Forever), rig.acquire("b", Wait::Forever));
    rig.answer(1, 2, Answer::Queued { ahead: 0 });
    rig.say(1, denied(1));
    rig.say(1, denied(2));
    for call in [at_once, waits] {
        let Err(error) = &rig.decided[&call] else { panic!("{:?}", rig.decided[&call]) };
        assert_eq!(error.status, Status::Denied);
        assert!(error.message.contains("client/a lacks the right acquire"), "{error:?}");
    }
    rig.sent.clear();
    rig.pass_renewed(20 * SECOND);
    assert!(rig.submitted().is_empty(), "nothing is asked again");
    let third = rig.acquire("c", Wait::Forever);
    assert_eq!(
        rig.submitted().iter().map(|(id, floor, _)| (*id, *floor)).collect::<Vec<_>>(),
        [(3, 3)]
    );
    rig.answer(1, 3, Answer::Granted { token: Token(1) });
    rig.lease(third);
}

#[test]
fn to_give_back_is_never_taken_for_denied() {
    let mut rig = Rig::with_session();
    let lease = rig.held("a", 1, 1);
    let call = rig.release(lease);
    rig.say(1, denied(2));
    assert_eq!(rig.status(call), None);
    rig.answer(1, 2, Answer::Done);
    assert!(matches!(rig.decided[&call], Ok(Done::Released)));
}

#[test]
fn what_leaves_later_ends_here_at_once_and_keeps_its_order() {
    let mut rig = Rig::with_session();
    let lease = rig.held("a", 1, 5);
    rig.sent.clear();
    let now = rig.now();
    let wish = |name: &str| AcquireCall::lock(name.try_into().unwrap(), Wait::Forever);
    rig.core.acquire(&now, wish("b"));
    assert!(rig.core.take_said().is_empty());
    rig.core.release(&now, lease);
    let said = rig.core.take_said();
    assert!(
        matches!(said[..], [CoreAction::LeaseEnded { reason: EndReason::Released, .. }]),
        "{said:?}"
    );
    assert_eq!(rig.remaining(lease), Duration::ZERO);
    rig.core.release(&now, lease);
    let said = rig.core.take_said();
    assert!(matches!(said[..], [CoreAction::Decided { result: Err(_), .. }]), "{said:?}");
    let withdrawn = rig.core.acquire(&now, wish("c"));
    rig.core.cancel(&now, withdrawn);
    rig.core.acquire(&now, wish("a"));
    rig.core.take_said();
    rig.now += SECOND;
    rig.drain();
    let submitted = rig.submitted();
    // No request was made for what was cancelled before it could leave.
    assert_eq!(submitted.len(), 3, "{submitted:?}");
    assert_eq!(ids(&submitted), [2, 3, 4]);
    let released =
        |(.., operation): &(u64, u64, Operation)| matches!(operation, Operation::Release { .. });
    let acquires_a = |(.., operation): &(u64, u64, Operation)| matches!(operation, Operation::Acquire(acquire) if acquire.name == name("a"));
    let place = |such: &dyn Fn(&(u64, u64, Operation)) -> bool| submitted.iter().position(such);
    assert!(place(&released) < place(&acquires_a), "{submitted:?}");
}

#[test]
fn a_belief_counts_from_the_turn_in_which_its_renewal_leaves_whatever_was_put_off() {
    let mut rig = Rig::with_session();
    rig.core.acquire(&rig.now(), AcquireCall::lock(name("a"), Wait::Forever));
    rig.core.take_said();
    rig.now += 4 * SECOND;
    rig.drain();
    let number = rig.renewal();
    rig.now += SECOND;
    rig.say(1, ServerMessage::Renewed { session: SESSION, number });
    // A second has passed since it left, and loss timers are armed for seven eighths of the rest.
    let expected = (v() - Duration::from_secs(1)) * 7 / 8;
    assert_eq!(rig.core.session_remaining(&rig.now()).as_micros(), expected.as_micros());
}
