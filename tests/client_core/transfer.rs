//! Handing a lock over (L13).

use super::*;

fn transferred(submitted: &[(u64, u64, Operation)]) -> (u64, Token, Option<String>) {
    match submitted {
        [(id, _, Operation::Transfer { token, to, .. })] => (*id, *token, to.clone()),
        _ => panic!("not one transfer: {submitted:?}"),
    }
}

#[test]
fn a_transfer_ends_belief_in_all_handles_before_the_bytes_leave() {
    let mut rig = Rig::with_session();
    let first = rig.acquire_as(7, "a", Wait::Forever);
    let second = rig.acquire_as(7, "a", Wait::Forever);
    rig.answer(1, 1, Answer::Granted { token: Token(1) });
    let leases = [rig.lease(first), rig.lease(second)];
    rig.log.clear();
    rig.sent.clear();
    rig.transfer(leases[1], Some("heir"));
    assert_eq!(rig.ended, leases.map(|lease| (lease, EndReason::Transferred)));
    let kinds: Vec<_> = rig.log.iter().map(|line| line.split(' ').next().unwrap()).collect();
    assert_eq!(kinds, ["LeaseEnded", "LeaseEnded", "Send"]);
    assert_eq!(leases.map(|lease| rig.remaining(lease)), [Duration::ZERO; 2]);
    assert_eq!(transferred(&rig.submitted()), (2, Token(1), Some("heir".into())));
}

#[test]
fn a_token_that_was_transferred_is_never_believed_again() {
    let mut rig = Rig::with_session();
    let lease = rig.held("a", 1, 1);
    rig.transfer(lease, None);
    let again = rig.acquire("a", Wait::Forever);
    rig.answer(1, 1, Answer::Granted { token: Token(1) });
    rig.answer(1, 3, Answer::Granted { token: Token(1) });
    assert!(!rig.decided.contains_key(&again));
    rig.answer(1, 3, Answer::Granted { token: Token(2) });
    rig.lease(again);
}

#[test]
fn a_transfer_is_decided_by_its_answer() {
    let cases = [
        (Answer::Done, None),
        (Answer::NoWaiter, Some(Status::NotFound)),
        (Answer::NotHeld, Some(Status::Lost)),
        (Answer::Ended { token: Token(1) }, Some(Status::Lost)),
    ];
    for (answer, status) in cases {
        let mut rig = Rig::with_session();
        let lease = rig.held("a", 1, 1);
        let call = rig.transfer(lease, None);
        rig.sent.clear();
        rig.answer(1, 2, answer);
        assert!(rig.decided.contains_key(&call));
        assert_eq!(rig.status(call), status);
        assert!(rig.submitted().is_empty());
    }
}

#[test]
fn a_transfer_is_never_dropped() {
    let mut rig = Rig::with_session();
    let lease = rig.held("a", 1, 1);
    let call = rig.transfer(lease, None);
    rig.cancel(call);
    assert_eq!(rig.status(call), Some(Status::Cancelled));
    for refusal in [Refusal::Busy, Refusal::Limit, Refusal::Denied] {
        rig.sent.clear();
        rig.answer(1, 2, Answer::Refused(refusal));
        rig.pass(rig.now + 100 * MS);
        assert_eq!(transferred(&rig.submitted()).0, 2, "{refusal:?}");
    }
    rig.say(2, leader(2, Some(2)));
    assert_eq!(transferred(&rig.submitted()).0, 2);
}

#[test]
fn what_a_server_will_not_transfer_is_released() {
    let mut rig = Rig::with_session();
    let lease = rig.held("a", 1, 1);
    let call = rig.transfer(lease, None);
    rig.sent.clear();
    rig.answer(1, 2, Answer::Refused(Refusal::Unsupported));
    assert_eq!(rig.status(call), Some(Status::Unsupported));
    assert_eq!(released(&rig.submitted()), Token(1));
}

#[test]
fn an_heir_that_no_client_can_be_called_is_invalid_and_the_lease_goes_on() {
    let mut rig = Rig::with_session();
    let lease = rig.held("a", 1, 1);
    let call = rig.transfer(lease, Some(&"x".repeat(256)));
    assert_eq!(rig.status(call), Some(Status::Invalid));
    assert!(!rig.remaining(lease).is_zero() && rig.submitted().is_empty());
}

#[test]
fn a_transfer_of_what_had_ended_is_lost() {
    let mut rig = Rig::with_session();
    let lease = rig.held("a", 1, 1);
    rig.release(lease);
    rig.sent.clear();
    let call = rig.transfer(lease, None);
    assert_eq!(rig.status(call), Some(Status::Lost));
    let late = rig.held("b", 3, 2);
    rig.now = 20 * SECOND;
    let late = rig.transfer(late, None);
    assert_eq!(rig.status(late), Some(Status::Lost));
    let transfer = |(.., what): &(u64, u64, Operation)| matches!(what, Operation::Transfer { .. });
    assert!(!rig.submitted().iter().any(transfer));
}

#[test]
fn an_acquire_waits_for_its_owners_transfer_of_that_lock() {
    let mut rig = Rig::with_session();
    let first = rig.acquire_as(7, "a", Wait::Forever);
    rig.answer(1, 1, Answer::Granted { token: Token(1) });
    rig.transfer(rig.lease(first), None);
    rig.acquire_as(7, "a", Wait::Forever);
    assert_eq!(ids(&rig.submitted()), [1, 2]);
    rig.answer(1, 2, Answer::Done);
    assert_eq!(ids(&rig.submitted()), [3]);
}

#[test]
fn a_transfer_in_a_session_that_ends_is_expired_and_in_one_that_is_closed_closed() {
    let mut rig = Rig::with_session();
    let lease = rig.held("a", 1, 1);
    let call = rig.transfer(lease, None);
    rig.say(1, ServerMessage::SessionEnded { session: SESSION });
    assert_eq!(rig.status(call), Some(Status::SessionExpired));
    let mut rig = Rig::with_session();
    let lease = rig.held("a", 1, 1);
    let call = rig.transfer(lease, None);
    rig.core.close(&rig.now());
    rig.drain();
    assert_eq!(rig.status(call), Some(Status::Closed));
}
