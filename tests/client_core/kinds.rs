//! Kinds of acquire: several names, shared, counted, delayed, and re-entered.

use super::*;

fn plain() -> AcquireCall {
    AcquireCall::lock(name("a"), Wait::Forever)
}

fn several(owner: u64, names: &[&str]) -> AcquireCall {
    let also = names[1..].iter().copied().map(name).collect();
    AcquireCall { also, owner, ..AcquireCall::lock(name(names[0]), Wait::Forever) }
}

#[test]
fn what_no_server_would_take_is_invalid_and_never_leaves() {
    let many = |count: usize| (1..count).map(|at| name(&at.to_string())).collect();
    let cases = [
        (AcquireCall { permits: 0, ..plain() }, "one permit, not 0"),
        (AcquireCall { permits: 2, ..plain() }, "one permit, not 2"),
        (AcquireCall { limit: 3, permits: 4, ..plain() }, "from 1 to 3 permits, not 4"),
        (AcquireCall { limit: 3, permits: 0, ..plain() }, "from 1 to 3 permits, not 0"),
        (AcquireCall { limit: 3, mode: Mode::Shared, ..plain() }, "a semaphore is not shared"),
        (AcquireCall { delay_ms: 3_600_001, ..plain() }, "at most 3600000 ms, not 3600001"),
        (AcquireCall { also: many(33), ..plain() }, "at most 32 names in one acquire, not 33"),
        (several(0, &["a", "b", "a"]), "\"a\" is named twice"),
        (several(0, &["a", "b", "b"]), "\"b\" is named twice"),
    ];
    for (wish, text) in cases {
        let mut rig = Rig::with_session();
        let call = rig.acquire_call(wish);
        let error = rig.decided[&call].clone().unwrap_err();
        assert_eq!(error.status, Status::Invalid);
        assert!(error.message.contains(text), "{} has no {text}", error.message);
        assert!(rig.submitted().is_empty());
    }
}

#[test]
fn what_is_just_within_the_bounds_leaves_as_it_was_wished() {
    let mut rig = Rig::with_session();
    let also: Vec<Name> = (1..32).map(|at| name(&at.to_string())).collect();
    rig.acquire_call(AcquireCall { also: also.clone(), ..plain() });
    rig.acquire_call(AcquireCall { limit: 3, permits: 3, delay_ms: 3_600_000, ..plain() });
    rig.acquire_call(AcquireCall { mode: Mode::Shared, ..plain() });
    let submitted = rig.submitted();
    let Operation::AcquireAll { acquire, also: named } = &submitted[0].2 else {
        panic!("{submitted:?}")
    };
    assert_eq!((&acquire.name, named), (&name("a"), &also));
    let Operation::Acquire(counted) = &submitted[1].2 else { panic!("{submitted:?}") };
    assert_eq!((counted.limit, counted.permits, counted.delay_ms), (3, 3, 3_600_000));
    let Operation::Acquire(shared) = &submitted[2].2 else { panic!("{submitted:?}") };
    assert_eq!(shared.mode, Mode::Shared);
}

#[test]
fn a_grant_of_several_names_is_one_lease_known_by_the_first_and_one_release() {
    let mut rig = Rig::with_session();
    let call = rig.acquire_call(several(0, &["z", "a"]));
    rig.answer(1, 1, Answer::Granted { token: Token(4) });
    let Ok(Done::Acquired { lease, name: known, token: Token(4) }) = rig.decided[&call].clone()
    else {
        panic!("{:?}", rig.decided)
    };
    assert_eq!((known, rig.core.lease_count()), (name("z"), 1));
    rig.sent.clear();
    rig.release(lease);
    assert_eq!(released(&rig.submitted()), Token(4));
}

#[test]
fn no_acquire_leaves_while_a_request_of_its_owner_about_any_of_its_locks_is_undecided() {
    let mut rig = Rig::with_session();
    let first = rig.acquire_call(several(7, &["a", "b"]));
    rig.acquire_call(several(7, &["b", "c"]));
    rig.acquire_call(several(7, &["c", "d"]));
    assert_eq!(ids(&rig.submitted()), [1, 2], "the second waits, the third does not");
    rig.cancel(first);
    assert_eq!(ids(&rig.submitted()), [3]);
    rig.answer(1, 3, Answer::Withdrawn);
    assert!(rig.submitted().is_empty(), "the third is about one of its locks");
    rig.answer(1, 2, Answer::Deadlock { circle: "a waits for b".into() });
    assert_eq!(ids(&rig.submitted()), [4]);
}

#[test]
fn a_release_of_several_names_holds_back_an_acquire_of_each_of_them() {
    let mut rig = Rig::with_session();
    let call = rig.acquire_call(several(7, &["a", "b"]));
    rig.answer(1, 1, Answer::Granted { token: Token(1) });
    rig.release(rig.lease(call));
    rig.acquire_as(7, "b", Wait::Forever);
    assert_eq!(ids(&rig.submitted()), [1, 2]);
    rig.answer(1, 2, Answer::Done);
    assert_eq!(ids(&rig.submitted()), [3]);
}

#[test]
fn an_owner_re_enters_the_same_names_in_any_order_under_the_same_token() {
    let mut rig = Rig::with_session();
    let first = rig.acquire_call(several(7, &["a", "b"]));
    rig.answer(1, 1, Answer::Granted { token: Token(3) });
    rig.sent.clear();
    let again = rig.acquire_call(several(7, &["b", "a"]));
    assert_eq!(rig.core.token(rig.lease(again)), Some(Token(3)));
    rig.release(rig.lease(first));
    assert!(rig.submitted().is_empty());
    rig.release(rig.lease(again));
    assert_eq!(released(&rig.submitted()), Token(3));
}

#[test]
fn an_owner_that_holds_some_of_it_otherwise_gets_invalid() {
    let held = AcquireCall { limit: 4, permits: 2, ..several(7, &["a", "b"]) };
    let others = [
        AcquireCall { permits: 1, ..held.clone() },
        AcquireCall { limit: 5, ..held.clone() },
        AcquireCall { also: Vec::new(), ..held.clone() },
        AcquireCall { also: vec![name("b"), name("c")], ..held.clone() },
        several(7, &["c", "b"]),
    ];
    for other in others {
        let mut rig = Rig::with_session();
        rig.acquire_call(held.clone());
        rig.answer(1, 1, Answer::Granted { token: Token(1) });
        rig.sent.clear();
        let call = rig.acquire_call(other);
        assert_eq!(rig.status(call), Some(Status::Invalid));
        assert!(rig.submitted().is_empty());
    }
}

#[test]
fn an_exclusive_acquire_behind_a_shared_one_of_its_owner_is_decided_when_that_is() {
    let mut rig = Rig::with_session();
    rig.acquire_call(AcquireCall { mode: Mode::Shared, owner: 7, ..plain() });
    let call = rig.acquire_as(7, "a", Wait::Forever);
    assert_eq!(rig.status(call), None);
    rig.answer(1, 1, Answer::Granted { token: Token(1) });
    assert_eq!(rig.status(call), Some(Status::Invalid));
}

#[test]
fn owners_of_their_own_never_share_a_grant() {
    let mut rig = Rig::with_session();
    rig.held("a", 1, 1);
    let call = rig.acquire("a", Wait::Forever);
    assert_eq!(ids(&rig.submitted()), [2]);
    assert!(!rig.decided.contains_key(&call));
}

#[test]
fn an_owner_re_enters_only_while_it_is_believed_to_hold() {
    let mut rig = Rig::with_session();
    let first = rig.acquire_as(7, "a", Wait::Forever);
    rig.answer(1, 1, Answer::Granted { token: Token(1) });
    let lease = rig.lease(first);
    rig.now = 20 * SECOND;
    let again = rig.acquire_as(7, "a", Wait::Forever);
    assert_eq!(rig.ended, [(lease, EndReason::Expired)]);
    assert!(!rig.decided.contains_key(&again), "it queues in the next session");
}

#[test]
fn a_grant_whose_belief_is_over_before_it_is_told_ends_in_the_same_breath() {
    let mut rig = Rig::with_session();
    rig.acquire("a", Wait::Forever);
    let (request, answer) = (RequestId(1), Answer::Granted { token: Token(1) });
    let granted = ServerMessage::Answered { session: SESSION, request, answer };
    rig.core.handle_message(&rig.now(), rig.link(1), granted);
    rig.now = 20 * SECOND;
    rig.log.clear();
    rig.drain();
    assert!(rig.log[0].starts_with("Decided"), "{:?}", rig.log);
    assert!(rig.log[1].starts_with("LeaseEnded"), "{:?}", rig.log);
    assert_eq!(rig.remaining(LeaseId(1)), Duration::ZERO);
}
