//! A session that is renewed only while its program says that it moves.

use super::*;

const WITHIN: Duration = Duration::from_secs(4);

fn renewals(rig: &mut Rig) -> usize {
    let renewal = |(_, request): &(LinkId, Request)| matches!(request, Request::Renew { .. });
    rig.take_sent().iter().filter(|sent| renewal(sent)).count()
}

fn rig() -> Rig {
    Rig::with_progress(Some(WITHIN)).in_session()
}

fn progress(rig: &mut Rig) {
    rig.core.progress(&rig.now());
    rig.drain();
}

#[test]
fn a_program_that_stands_still_is_not_renewed_and_its_leases_end_as_stalled() {
    let mut rig = rig();
    let lease = rig.held("a", 1, 1);
    rig.pass_renewed(20 * SECOND);
    assert_eq!(rig.ended, [(lease, EndReason::Stalled)]);
    assert_eq!(rig.states, [SessionState::Valid, SessionState::Jeopardy, SessionState::Ended]);
}

#[test]
fn renewals_leave_while_the_program_moves() {
    let mut rig = rig();
    let lease = rig.held("a", 1, 1);
    for _ in 0..30 {
        rig.pass_renewed(rig.now + 3_900 * MS);
        progress(&mut rig);
    }
    assert!(rig.ended.is_empty() && !rig.remaining(lease).is_zero());
    assert_eq!(rig.states, [SessionState::Valid]);
}

#[test]
fn a_creation_counts_as_progress_and_the_last_instant_is_too_late() {
    for (at, left) in [(4 * SECOND - 1, 1), (4 * SECOND, 0)] {
        let mut rig = rig();
        rig.now = at;
        rig.drain();
        assert_eq!(renewals(&mut rig), left, "at {at}");
    }
}

#[test]
fn a_renewal_that_was_withheld_leaves_with_the_next_progress() {
    let mut rig = rig();
    rig.pass_renewed(7 * SECOND);
    rig.pass_renewed(8 * SECOND);
    rig.sent.clear();
    assert_eq!(rig.states.last(), Some(&SessionState::Valid));
    progress(&mut rig);
    assert_eq!(renewals(&mut rig), 1);
    progress(&mut rig);
    assert_eq!(renewals(&mut rig), 0, "no more than was due");
}

#[test]
fn another_leader_gets_no_renewal_either() {
    let mut rig = rig();
    rig.pass(3_400 * MS);
    assert_eq!(renewals(&mut rig), 1);
    rig.now = 5 * SECOND;
    rig.say(2, leader(2, Some(2)));
    assert_eq!(renewals(&mut rig), 0);
    progress(&mut rig);
    assert_eq!(renewals(&mut rig), 1);
}

#[test]
fn a_session_that_the_server_ends_is_expired_and_so_is_one_that_could_not_be_renewed() {
    let mut rig = rig();
    let lease = rig.held("a", 1, 1);
    rig.pass(7 * SECOND);
    rig.say(1, ServerMessage::SessionEnded { session: SESSION });
    assert_eq!(rig.ended, [(lease, EndReason::Expired)]);
    let mut rig = self::rig();
    let lease = rig.held("a", 1, 1);
    for _ in 0..10 {
        rig.pass(rig.now + SECOND);
        progress(&mut rig);
    }
    assert_eq!(rig.ended, [(lease, EndReason::Expired)], "nobody answered");
}

#[test]
fn a_program_that_moves_again_after_it_stalled_gets_another_session() {
    let mut rig = rig();
    rig.pass_renewed(14 * SECOND);
    assert_eq!(rig.states.last(), Some(&SessionState::Ended));
    rig.acquire("a", Wait::Forever);
    rig.open_next();
    let (session, request, answer) =
        (SessionId(SESSION.0 + 1), RequestId(1), Answer::Queued { ahead: 0 });
    rig.say(1, ServerMessage::Answered { session, request, answer });
    rig.sent.clear();
    rig.pass(rig.now + 3_400 * MS);
    assert_eq!(renewals(&mut rig), 1);
}
