//! Connections, and who is home.

use super::*;

#[test]
fn all_endpoints_are_dialed_at_once_and_home_is_the_leader_of_the_highest_term() {
    let mut rig = Rig::new();
    assert_eq!(rig.links.len(), 3);
    rig.welcome(1, hint(4, Some(1)));
    rig.welcome(2, hint(5, Some(3)));
    rig.sent.clear();
    rig.welcome(3, hint(5, Some(3)));
    let sent = rig.take_sent();
    assert!(!sent.is_empty() && sent.iter().all(|(link, _)| *link == rig.link(3)), "{sent:?}");
    assert_eq!(rig.core.home(), Some(rig.link(3)));
    rig.say(1, leader(4, Some(1)));
    assert!(rig.take_sent().is_empty());
}

#[test]
fn a_leader_at_an_address_that_is_not_configured_is_dialed() {
    let mut rig = Rig::new();
    rig.welcome(1, hint(1, Some(9)));
    assert!(rig.links.contains_key("n9:1"));
    rig.welcome(9, hint(1, Some(9)));
    rig.compare();
    assert_eq!(rig.sent[0].0, rig.link(9));
    let old = rig.link(9);
    rig.welcome(2, hint(2, Some(2)));
    assert_eq!(rig.hung_up, [old]);
}

#[test]
fn a_silent_home_is_hung_up() {
    let mut rig = Rig::with_session();
    let home = rig.link(1);
    rig.pass(3_400 * MS);
    assert!(rig.hung_up.is_empty());
    rig.pass(7 * SECOND);
    assert_eq!(rig.hung_up, [home]);
    assert_ne!(rig.link(1), home, "it is dialed again");
}

#[test]
fn when_home_falls_silent_the_others_are_asked_whether_they_live() {
    let mut rig = Rig::with_session();
    let (home, others) = (rig.link(1), [rig.link(2), rig.link(3)]);
    while rig.hung_up.is_empty() {
        rig.pass(rig.core.next_deadline());
    }
    assert_eq!(rig.hung_up, [home]);
    let asked = |(link, request): (LinkId, Request)| {
        matches!(request, Request::Status { .. }).then_some(link)
    };
    let asked: Vec<LinkId> = rig.take_sent().into_iter().filter_map(asked).collect();
    assert_eq!(asked, others);
    rig.pass(rig.now + 3_400 * MS);
    assert!(others.iter().all(|link| rig.hung_up.contains(link)), "they do not");
}

#[test]
fn a_home_without_a_session_is_asked_whether_it_lives() {
    let mut rig = Rig::with_session();
    let home = rig.link(1);
    rig.say(1, ServerMessage::SessionEnded { session: SESSION });
    rig.pass(10 * SECOND - 1);
    assert!(rig.take_sent().is_empty());
    rig.pass(10 * SECOND);
    let sent = rig.take_sent();
    assert!(matches!(sent[..], [(link, Request::Status { .. })] if link == home), "{sent:?}");
    rig.pass(10 * SECOND + 3_300 * MS);
    assert!(rig.hung_up.is_empty());
    rig.pass(10 * SECOND + 3_400 * MS);
    assert_eq!(rig.hung_up, [home]);
}

#[test]
fn a_dial_that_stays_silent_is_given_up_after_the_connect_timeout() {
    let mut rig = Rig::new();
    (1..=3).for_each(|link| rig.core.handle_connected(LinkId(link)));
    rig.pass(5 * SECOND - 1);
    assert!(rig.hung_up.is_empty());
    rig.pass(5 * SECOND);
    assert_eq!(rig.hung_up, [LinkId(1), LinkId(2), LinkId(3)]);
}

#[test]
fn a_node_that_answers_and_hangs_up_again_and_again_is_dialed_at_leisure() {
    let mut rig = Rig::new();
    let mut dials = 0;
    while rig.now < SECOND {
        let before = rig.link(1);
        rig.welcome(1, hint(1, Some(1)));
        rig.compare();
        let number = rig.creation();
        rig.refuse(number, Refusal::Busy);
        rig.close_link(1);
        while rig.link(1) == before {
            rig.pass(rig.core.next_deadline());
        }
        dials += 1;
    }
    assert!((5..30).contains(&dials), "{dials}");
}

#[test]
fn a_node_of_another_cluster_is_hung_up() {
    let mut rig = Rig::with_session();
    assert_eq!(rig.core.hello().cluster, None, "each says of which it is");
    rig.close_link(2);
    rig.pass(SECOND);
    rig.welcome_in(Some(ClusterId([2; 16])), 2, hint(9, Some(2)));
    assert!(rig.hung_up.contains(&rig.link(2)));
    assert_eq!(rig.core.home(), Some(rig.link(1)));
}

#[test]
fn a_named_leader_that_cannot_be_reached_does_not_hide_one_that_can() {
    let mut rig = Rig::with_session();
    rig.say(2, leader(99, Some(9)));
    rig.close_link(9);
    rig.acquire("a", Wait::Forever);
    let home = rig.link(1);
    let sent = rig.take_sent();
    assert!(matches!(sent.last(), Some((link, Request::Submit { .. })) if *link == home));
}

#[test]
fn a_home_that_repeats_that_it_leads_gets_everything_again_after_a_pause() {
    let mut rig = Rig::with_session();
    rig.acquire("a", Wait::Forever);
    rig.sent.clear();
    rig.say(1, leader(1, Some(1)));
    assert!(rig.submitted().is_empty());
    rig.pass(100 * MS);
    assert_eq!(ids(&rig.submitted()), [1]);
}

#[test]
fn a_home_that_resigns_is_left_until_a_leader_is_known() {
    let mut rig = Rig::with_session();
    rig.say(1, leader(2, None));
    rig.acquire("a", Wait::Forever);
    assert!(rig.take_sent().is_empty());
    rig.say(2, leader(2, Some(1)));
    let sent = rig.take_sent();
    assert!(sent.iter().all(|(link, _)| *link == rig.link(1)) && sent.len() == 2, "{sent:?}");
}

#[test]
fn a_home_that_says_later_than_others_that_it_leads_stays_home() {
    let mut rig = Rig::new();
    rig.welcome(1, hint(1, None));
    rig.welcome(2, hint(1, Some(1)));
    assert_eq!(rig.core.home(), Some(rig.link(1)));
    rig.say(1, leader(1, Some(1)));
    assert_eq!(rig.core.home(), Some(rig.link(1)));
}

#[test]
fn a_leader_that_denied_it_is_believed_in_again_after_a_second() {
    let mut rig = Rig::with_session();
    rig.say(1, leader(1, None));
    assert_eq!(rig.core.home(), None, "though the others still name it");
    rig.pass(SECOND - 1);
    assert_eq!(rig.core.home(), None);
    rig.pass(SECOND);
    assert_eq!(rig.core.home(), Some(rig.link(1)));
}

#[test]
fn that_a_leader_whom_only_a_node_names_was_not_reached_is_said_with_the_reason() {
    let mut rig = Rig::new();
    rig.welcome(1, hint(5, Some(9)));
    let link = rig.link(9);
    rig.core.handle_closed(&rig.now(), link, "n9:1 cannot be looked up: no such host");
    let why = rig.core.why_unavailable();
    let told = "names node 9 at n9:1 as the leader of term 5, which is not reached: n9:1 cannot be looked up: no such host";
    assert!(why.contains(told), "{why}");
}
