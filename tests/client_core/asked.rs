//! Leases that are asked to end (L23).

use super::*;

const GRACE: Duration = Duration::from_secs(2);

#[test]
fn belief_in_a_lease_that_is_asked_to_end_is_capped_from_when_it_heard_of_it() {
    let mut rig = Rig::with_session();
    let (lease, other) = (rig.held("a", 1, 1), rig.held("b", 2, 2));
    rig.now = SECOND;
    rig.ask(1, GRACE);
    let deadline = Deadline { start: rig.now(), length: GRACE };
    assert_eq!(rig.asked, [(lease, deadline, "drained".to_owned())]);
    assert_eq!(rig.remaining(lease), GRACE);
    assert!(rig.remaining(other) > GRACE);
    rig.now += SECOND;
    assert_eq!(rig.remaining(lease), GRACE / 2);
}

#[test]
fn a_grace_never_outlasts_the_session() {
    let mut rig = Rig::with_session();
    let lease = rig.held("a", 1, 1);
    let before = rig.remaining(lease);
    let (name, token, reason) = (name("a"), Token(1), String::new());
    let grace_ms = u32::MAX;
    rig.say(1, ServerMessage::Asked { session: SESSION, name, token, grace_ms, reason });
    assert_eq!((rig.asked.len(), rig.remaining(lease)), (1, before));
    rig.pass(20 * SECOND);
    assert_eq!(rig.ended, [(lease, EndReason::Expired)]);
}

#[test]
fn at_the_deadline_all_handles_end_and_only_then_the_release_leaves() {
    let mut rig = Rig::with_session();
    let first = rig.acquire_as(7, "a", Wait::Forever);
    let second = rig.acquire_as(7, "a", Wait::Forever);
    rig.answer(1, 1, Answer::Granted { token: Token(1) });
    let leases = [rig.lease(first), rig.lease(second)];
    rig.sent.clear();
    rig.ask(1, GRACE);
    rig.pass(2 * SECOND - 1);
    assert!(rig.ended.is_empty() && rig.submitted().is_empty());
    rig.log.clear();
    rig.pass(2 * SECOND);
    assert_eq!(rig.ended, leases.map(|lease| (lease, EndReason::Broken)));
    assert!(rig.log[2].starts_with("Send"), "{:?}", rig.log);
    assert_eq!(released(&rig.submitted()), Token(1));
    rig.answer(1, 2, Answer::Refused(Refusal::Limit));
    rig.pass(3 * SECOND);
    assert_eq!(released(&rig.submitted()), Token(1), "never dropped");
}

#[test]
fn an_end_comes_before_what_would_extend_or_enter_again() {
    let mut rig = Rig::with_session();
    let first = rig.acquire_as(7, "a", Wait::Forever);
    rig.answer(1, 1, Answer::Granted { token: Token(1) });
    let lease = rig.lease(first);
    rig.ask(1, GRACE);
    rig.now = 2 * SECOND;
    let again = rig.acquire_as(7, "a", Wait::Forever);
    assert_eq!(rig.ended, [(lease, EndReason::Broken)]);
    assert!(!rig.decided.contains_key(&again), "it waits for the release");
}

#[test]
fn asked_twice_the_sooner_end_counts() {
    let mut rig = Rig::with_session();
    let lease = rig.held("a", 1, 1);
    rig.ask(1, GRACE);
    rig.now = SECOND;
    rig.ask(1, GRACE);
    assert_eq!((rig.asked.len(), rig.remaining(lease)), (1, GRACE / 2));
    rig.ask(1, GRACE / 4);
    assert_eq!((rig.asked.len(), rig.remaining(lease)), (2, GRACE / 4));
    rig.ask(1, GRACE / 2);
    assert_eq!((rig.asked.len(), rig.remaining(lease)), (2, GRACE / 4));
}

#[test]
fn a_renewal_does_not_move_the_deadline() {
    let mut rig = Rig::with_session();
    let lease = rig.held("a", 1, 1);
    rig.ask(1, GRACE * 2);
    rig.pass_renewed(3_900 * MS);
    assert_eq!(rig.remaining(lease), Duration::from_millis(100));
    rig.pass_renewed(4 * SECOND);
    assert_eq!(rig.ended, [(lease, EndReason::Broken)]);
}

#[test]
fn without_a_grace_belief_ends_at_once() {
    let mut rig = Rig::with_session();
    let lease = rig.held("a", 1, 1);
    rig.ask(1, Duration::ZERO);
    let (told, deadline, reason) = rig.asked[0].clone();
    assert_eq!((told, deadline.length, reason.as_str()), (lease, Duration::ZERO, "drained"));
    assert_eq!(rig.ended, [(lease, EndReason::Broken)]);
    assert_eq!(released(&rig.submitted()), Token(1));
}

#[test]
fn a_release_in_time_is_a_release() {
    let mut rig = Rig::with_session();
    let lease = rig.held("a", 1, 1);
    rig.ask(1, GRACE);
    rig.release(lease);
    assert_eq!(rig.ended, [(lease, EndReason::Released)]);
    assert_eq!(released(&rig.submitted()), Token(1));
    rig.ask(1, GRACE);
    rig.pass(3 * SECOND);
    assert!(rig.submitted().is_empty(), "what is being released is released once");
}

#[test]
fn an_owner_re_enters_what_is_asked_to_end_and_is_told_so_at_once() {
    let mut rig = Rig::with_session();
    rig.acquire_as(7, "a", Wait::Forever);
    rig.answer(1, 1, Answer::Granted { token: Token(1) });
    rig.ask(1, GRACE);
    rig.now = SECOND;
    let again = rig.acquire_as(7, "a", Wait::Forever);
    let lease = rig.lease(again);
    let (told, deadline, _) = rig.asked.last().unwrap().clone();
    assert_eq!((told, deadline.start), (lease, Sample::at(0)));
    assert_eq!(rig.remaining(lease), GRACE / 2);
}

#[test]
fn a_grant_that_was_never_heard_of_is_given_back_once_and_never_believed() {
    let mut rig = Rig::with_session();
    let call = rig.acquire("a", Wait::Forever);
    rig.sent.clear();
    rig.ask(5, GRACE);
    assert_eq!(released(&rig.submitted()), Token(5));
    rig.ask(5, GRACE);
    assert!(rig.submitted().is_empty());
    rig.answer(1, 1, Answer::Granted { token: Token(5) });
    assert!(!rig.decided.contains_key(&call));
    let submitted = rig.submitted();
    assert!(
        matches!(
            submitted[..],
            [(3, _, Operation::Withdraw { .. }), (4, _, Operation::Acquire(_))]
        ),
        "{submitted:?}"
    );
    rig.answer(1, 4, Answer::Granted { token: Token(5) });
    assert!(!rig.decided.contains_key(&call));
    rig.cancel(call);
    assert_eq!(rig.status(call), Some(Status::Cancelled));
}

#[test]
fn grants_of_other_sessions_and_tokens_that_are_none_are_nothing_to_us() {
    let mut rig = Rig::with_session();
    let lease = rig.held("a", 1, 1);
    for (session, token) in [(99, 1), (100, 0), (100, 1 << 63), (100, u64::MAX)] {
        let (session, token, grace_ms) = (SessionId(session), Token(token), 0);
        let (name, reason) = (name("a"), String::new());
        rig.say(1, ServerMessage::Asked { session, name, token, grace_ms, reason });
    }
    assert!(rig.ended.is_empty() && rig.submitted().is_empty());
    assert!(!rig.remaining(lease).is_zero());
}

#[test]
fn a_server_that_asks_for_ever_more_is_not_followed() {
    let mut rig = Rig::with_session();
    for token in 1..=3000 {
        rig.ask(token, GRACE);
    }
    assert_eq!(rig.submitted().len(), 1024);
    let call = rig.acquire("a", Wait::Forever);
    let request = rig.submitted()[0].0;
    rig.answer(1, request, Answer::Granted { token: Token(1) });
    assert!(!rig.decided.contains_key(&call), "it is disowned all the same");
}
