//! Grants that were taken while the client was away: `Attached`, what stands, `Standing`.

use super::*;

/// Another leader; it was asked to bind the session.
fn moved(rig: &mut Rig) {
    rig.sent.clear();
    rig.say(2, leader(2, Some(2)));
    assert!(matches!(rig.sent[0].1, Request::Attach { .. }), "{:?}", rig.sent);
    rig.sent.clear();
}

fn attached(rig: &mut Rig, node: u64) {
    rig.say(node, ServerMessage::Attached { session: SESSION });
}

fn standing(rig: &mut Rig, node: u64) {
    rig.say(node, ServerMessage::Standing { session: SESSION });
}

#[test]
fn a_lease_whose_grant_does_not_stand_any_more_is_broken_and_released() {
    let mut rig = Rig::with_session();
    let (kept, taken) = (rig.held("a", 1, 1), rig.held("b", 2, 2));
    moved(&mut rig);
    attached(&mut rig, 2);
    rig.answer(2, 1, Answer::Granted { token: Token(1) });
    assert!(rig.ended.is_empty());
    standing(&mut rig, 2);
    assert_eq!(rig.ended, [(taken, EndReason::Broken)]);
    assert!(!rig.remaining(kept).is_zero());
    assert_eq!(released(&rig.submitted()), Token(2), "its server may have been deposed");
}

#[test]
fn a_lease_that_ended_meanwhile_ends_once() {
    let mut rig = Rig::with_session();
    let (first, second) = (rig.held("a", 1, 1), rig.held("b", 2, 2));
    moved(&mut rig);
    attached(&mut rig, 2);
    rig.release(first);
    rig.transfer(second, None);
    rig.sent.clear();
    standing(&mut rig, 2);
    assert_eq!(rig.ended, [(first, EndReason::Released), (second, EndReason::Transferred)]);
    assert!(rig.submitted().is_empty());
}

#[test]
fn what_is_granted_since_the_list_began_need_not_be_on_it() {
    let mut rig = Rig::with_session();
    let call = rig.acquire("a", Wait::Forever);
    moved(&mut rig);
    attached(&mut rig, 2);
    rig.answer(1, 1, Answer::Granted { token: Token(1) });
    standing(&mut rig, 2);
    assert!(!rig.remaining(rig.lease(call)).is_zero());
}

#[test]
fn only_homes_list_counts_and_only_one_that_was_begun() {
    let mut rig = Rig::with_session();
    let lease = rig.held("a", 1, 1);
    standing(&mut rig, 1);
    moved(&mut rig);
    standing(&mut rig, 2);
    attached(&mut rig, 1);
    standing(&mut rig, 1);
    standing(&mut rig, 2);
    attached(&mut rig, 2);
    standing(&mut rig, 1);
    rig.say(2, ServerMessage::Standing { session: SessionId(9) });
    assert!(rig.ended.is_empty());
    rig.answer(1, 1, Answer::Granted { token: Token(1) });
    standing(&mut rig, 2);
    assert_eq!(rig.ended, [(lease, EndReason::Broken)], "what an old link repeats is old");
}

#[test]
fn a_list_that_another_leader_began_is_void() {
    let mut rig = Rig::with_session();
    rig.held("a", 1, 1);
    moved(&mut rig);
    attached(&mut rig, 2);
    rig.say(2, leader(3, Some(2)));
    standing(&mut rig, 2);
    assert!(rig.ended.is_empty());
}

#[test]
fn a_list_that_is_begun_again_is_counted_from_there() {
    let mut rig = Rig::with_session();
    rig.held("a", 1, 1);
    moved(&mut rig);
    attached(&mut rig, 2);
    rig.answer(2, 1, Answer::Granted { token: Token(1) });
    attached(&mut rig, 2);
    rig.answer(2, 1, Answer::Granted { token: Token(1) });
    standing(&mut rig, 2);
    assert!(rig.ended.is_empty());
    attached(&mut rig, 2);
    standing(&mut rig, 2);
    assert_eq!(rig.ended.len(), 1);
}

#[test]
fn a_leader_that_created_the_session_has_no_list_to_say() {
    let mut rig = Rig::with_session();
    let lease = rig.held("a", 1, 1);
    standing(&mut rig, 1);
    assert!(!rig.remaining(lease).is_zero());
}
