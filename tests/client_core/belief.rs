//! Belief in a session: from when it counts, and when it is over.

use super::*;

#[test]
fn belief_in_a_new_session_counts_from_the_send_of_its_creation() {
    let mut rig = Rig::new();
    rig.welcome_all();
    let number = rig.creation();
    rig.now = 2 * SECOND;
    rig.open(number);
    let lease = rig.held("a", 1, 1);
    assert!(rig.remaining(lease) <= v() - Duration::from_secs(2), "{:?}", rig.remaining(lease));
    assert!(rig.remaining(lease) > Duration::from_secs(6));
    // On a machine whose BOOTTIME is slewed the timer comes late: V itself must count from the send too.
    let raw = u64::try_from(v().as_nanos()).unwrap();
    let slewed = raw - 17 * SECOND / 10;
    let now = Sample { boot_before: slewed, monotonic: slewed, raw, boot_after: slewed };
    assert_eq!(rig.core.remaining(&now, lease), Duration::ZERO);
}

#[test]
fn belief_is_over_after_v_since_the_send_and_so_before_the_ttl() {
    let mut rig = Rig::with_session();
    let lease = rig.held("a", 1, 1);
    let raw = u64::try_from(v().as_nanos()).unwrap();
    let slewed = raw * 85 / 100;
    let at = |raw| Sample { boot_before: slewed, monotonic: slewed, raw, boot_after: slewed };
    assert_eq!(rig.core.remaining(&at(raw), lease), Duration::ZERO);
    assert_eq!(rig.core.remaining(&at(raw - 1), lease), Duration::from_nanos(1));
    assert!(v() < TTL * 99 / 101);
}

/// What the guides say of a TTL: a session ends 0.52 to 0.86 of it after the last contact.
#[test]
fn a_session_ends_between_half_and_six_sevenths_of_its_ttl_after_the_last_contact() {
    let mut left = Vec::new();
    for contact in (3_400..20_000).step_by(50) {
        let mut rig = Rig::with_session();
        let lease = rig.held("a", 1, 1);
        rig.pass_renewed(contact * MS);
        left.push(rig.remaining(lease));
    }
    let (least, most) = (left.iter().min().unwrap(), left.iter().max().unwrap());
    assert!(*least > TTL * 52 / 100 && *least < TTL * 55 / 100, "{least:?}");
    assert!(*most < TTL * 86 / 100 && *most > TTL * 84 / 100, "{most:?}");
}

#[test]
fn an_acknowledgement_counts_from_the_send_of_its_number_and_not_from_its_arrival() {
    let mut rig = Rig::with_session();
    let lease = rig.held("a", 1, 1);
    rig.pass(3_400 * MS);
    let first = rig.renewal();
    rig.sent.clear();
    rig.pass(6_000 * MS);
    let sent_at = rig.now;
    rig.pass(6_800 * MS);
    let second = rig.renewal();
    let before = rig.remaining(lease);
    rig.say(1, ServerMessage::Renewed { session: SESSION, number: first });
    let after = rig.remaining(lease);
    // The first was sent before 3.4 s: at 6.8 s less than V − 3.4 s remains.
    assert!(after > before && after < v() - Duration::from_millis(3_400), "{after:?}");
    rig.say(1, ServerMessage::Renewed { session: SESSION, number: second });
    assert!(rig.remaining(lease) > after && sent_at < rig.now);
    assert!(rig.remaining(lease) < v() / 8 * 7, "the second was sent before it arrived");
}

#[test]
fn an_acknowledgement_of_a_number_never_sent_or_seen_before_extends_nothing() {
    let mut rig = Rig::with_session();
    rig.pass(3_400 * MS);
    let number = rig.renewal();
    rig.say(1, ServerMessage::Renewed { session: SESSION, number });
    let extended = rig.extended;
    for other in [number, number + 1, 0, u64::MAX] {
        rig.say(1, ServerMessage::Renewed { session: SESSION, number: other });
        rig.say(1, ServerMessage::Renewed { session: SessionId(9), number: other });
    }
    assert_eq!(rig.extended, extended);
}

#[test]
fn an_acknowledgement_after_the_end_revives_nothing_and_the_session_is_closed() {
    let mut rig = Rig::with_session();
    let lease = rig.held("a", 1, 1);
    rig.pass(3_400 * MS);
    let number = rig.renewal();
    let extended = rig.extended;
    rig.now = 9_900 * MS;
    rig.say(1, ServerMessage::Renewed { session: SESSION, number });
    assert_eq!(rig.remaining(lease), Duration::ZERO);
    assert_eq!(rig.ended, [(lease, EndReason::Expired)]);
    assert_eq!(rig.extended, extended);
    assert_eq!(rig.core.session(&rig.now()), (SessionState::Ended, None));
    let closed = rig.submitted();
    assert!(matches!(closed[..], [(2, 2, Operation::Close)]), "{closed:?}");
    rig.pass(60 * SECOND);
    let renewed = |(_, request): &(LinkId, Request)| matches!(request, Request::Renew { .. });
    assert!(!rig.take_sent().iter().any(renewed), "a session called lost is renewed no more");
}

#[test]
fn a_lost_session_is_replaced_by_the_next_call_with_a_number_of_its_own() {
    let mut rig = Rig::new();
    rig.welcome_all();
    let first = rig.creation();
    rig.open(first);
    rig.say(1, ServerMessage::SessionEnded { session: SESSION });
    rig.sent.clear();
    rig.pass(rig.now + SECOND);
    assert!(rig.take_sent().is_empty());
    rig.acquire("a", Wait::Forever);
    assert!(rig.creation() > first);
    rig.open(first);
    assert_eq!(rig.core.session(&rig.now()).0, SessionState::Ended, "an old number opens nothing");
}

#[test]
fn a_timer_that_has_fired_ends_the_session_whatever_was_acknowledged() {
    let mut rig = Rig::with_session();
    let lease = rig.held("a", 1, 1);
    rig.core.handle_lapsed(&rig.now(), SessionId(9));
    assert!(!rig.remaining(lease).is_zero());
    rig.core.handle_lapsed(&rig.now(), SESSION);
    rig.drain();
    assert_eq!(rig.ended, [(lease, EndReason::Expired)]);
    assert_eq!(rig.remaining(lease), Duration::ZERO);
}

#[test]
fn the_echoed_ttl_is_clamped_to_what_was_asked() {
    let mut rig = Rig::new();
    rig.welcome_all();
    let (number, session) = (rig.creation(), SESSION);
    let (ttl_ms, rho_ppm) = (u32::MAX, 0);
    rig.say(1, ServerMessage::SessionOpened { number, session, ttl_ms, rho_ppm });
    let lease = rig.held("a", 1, 1);
    assert!(rig.remaining(lease) <= TTL);
}

#[test]
fn a_session_with_a_ttl_of_nothing_is_never_believed_in() {
    let mut rig = Rig::new();
    rig.welcome_all();
    let (number, session) = (rig.creation(), SESSION);
    rig.say(1, ServerMessage::SessionOpened { number, session, ttl_ms: 0, rho_ppm: u32::MAX });
    assert_eq!((rig.extended, rig.states.len()), (0, 0));
    rig.pass(SECOND);
    assert!(rig.creation() > number);
}

#[test]
fn a_renewal_that_is_overdue_is_jeopardy_and_its_acknowledgement_ends_that() {
    let mut rig = Rig::with_session();
    rig.pass(6_800 * MS);
    let number = rig.renewal();
    rig.say(1, ServerMessage::Renewed { session: SESSION, number });
    assert_eq!(rig.states, [SessionState::Valid, SessionState::Jeopardy, SessionState::Valid]);
}

#[test]
fn jeopardy_begins_when_two_thirds_of_the_ttl_have_passed_since_the_send() {
    let mut rig = Rig::with_session();
    let begins = 10 * SECOND / 3 * 2;
    rig.now = begins - 1;
    assert_eq!(rig.core.session(&rig.now()).0, SessionState::Valid);
    rig.now = begins;
    assert_eq!(rig.core.session(&rig.now()).0, SessionState::Jeopardy);
}

#[test]
fn an_acknowledgement_counts_while_its_send_is_one_of_the_last_64() {
    let mut rig = Rig::with_session();
    rig.pass(3_400 * MS);
    let first = rig.renewal();
    for term in 2..=65 {
        rig.say(2, leader(term, Some(2)));
    }
    assert_eq!(rig.renewal(), first + 64, "one more to each new home");
    let extended = rig.extended;
    rig.say(2, ServerMessage::Renewed { session: SESSION, number: first });
    assert_eq!(rig.extended, extended, "the 65th last");
    rig.say(2, ServerMessage::Renewed { session: SESSION, number: first + 1 });
    assert_eq!(rig.extended, extended + 1);
}

#[test]
fn a_renewed_session_outlives_its_ttl() {
    let mut rig = Rig::with_session();
    let lease = rig.held("a", 1, 1);
    rig.pass_renewed(100 * SECOND);
    assert!(!rig.remaining(lease).is_zero());
    assert_eq!(rig.states, [SessionState::Valid]);
}
