//! Who follows a lock.

use super::*;

fn held_by(token: u64, value: &str) -> Option<HolderSaid> {
    let (client, value) = (format!("client-{token}"), value.as_bytes().to_vec());
    Some(HolderSaid { token: Token(token), client, value, since_unix_ms: 0 })
}

struct Change(u64, Option<HolderSaid>);

fn changed(rig: &mut Rig, node: u64, Change(index, holder): Change) {
    let (read, index) = (rig.newest_asking(), Index(index));
    rig.say(node, ServerMessage::Changed { read, index, holder, gap: false });
}

fn present(rig: &mut Rig, node: u64, Change(index, holder): Change) {
    let (read, index) = (rig.newest_asking(), Index(index));
    rig.say(node, ServerMessage::Changed { read, index, holder, gap: true });
}

/// The tokens told so far, 0 for vacant, with what was missed before each.
fn told(rig: &mut Rig) -> Vec<(u64, u64)> {
    let token = |seen: &Seen| seen.holder.as_ref().map_or(0, |holder| holder.token.0);
    let told = std::mem::take(&mut rig.observed);
    told.iter().map(|(_, seen)| (token(seen), seen.missed)).collect()
}

fn asked(rig: &mut Rig) -> Vec<(LinkId, Option<Index>)> {
    let since = |(link, request)| match request {
        Request::Observe { since, .. } => Some((link, since)),
        _ => None,
    };
    rig.take_sent().into_iter().filter_map(since).collect()
}

#[test]
fn the_present_and_then_each_change_is_told_in_order() {
    let mut rig = Rig::with_session();
    rig.observe("a");
    let home = rig.link(1);
    assert_eq!(asked(&mut rig), [(home, None)]);
    changed(&mut rig, 1, Change(10, None));
    changed(&mut rig, 1, Change(12, held_by(1, "")));
    changed(&mut rig, 1, Change(13, held_by(1, "new value")));
    changed(&mut rig, 1, Change(14, None));
    assert_eq!(told(&mut rig), [(0, 0), (1, 0), (1, 0), (0, 0)]);
}

#[test]
fn no_session_is_needed() {
    let mut rig = Rig::new();
    rig.observe("a");
    rig.welcome_all();
    assert_eq!(asked(&mut rig).len(), 1);
    changed(&mut rig, 1, Change(1, None));
    assert_eq!(told(&mut rig), [(0, 0)]);
}

#[test]
fn a_new_leader_is_asked_for_what_was_missed_and_what_is_known_is_not_told_again() {
    let mut rig = Rig::with_session();
    rig.observe("a");
    changed(&mut rig, 1, Change(10, held_by(1, "")));
    rig.sent.clear();
    rig.say(2, leader(2, Some(2)));
    let home = rig.link(2);
    assert_eq!(asked(&mut rig), [(home, Some(Index(10)))]);
    told(&mut rig);
    changed(&mut rig, 2, Change(10, held_by(8, "")));
    changed(&mut rig, 2, Change(11, held_by(1, "")));
    changed(&mut rig, 2, Change(12, None));
    changed(&mut rig, 2, Change(9, held_by(9, "")));
    changed(&mut rig, 2, Change(13, held_by(2, "")));
    assert_eq!(told(&mut rig), [(0, 0), (2, 0)]);
}

#[test]
fn changes_of_an_older_home_are_not_told() {
    let mut rig = Rig::with_session();
    rig.observe("a");
    rig.say(2, leader(2, Some(2)));
    changed(&mut rig, 1, Change(50, None));
    assert!(told(&mut rig).is_empty());
}

#[test]
fn what_an_earlier_asking_still_brings_on_the_same_link_is_not_told() {
    let mut rig = Rig::with_session();
    rig.observe("a");
    changed(&mut rig, 1, Change(10, held_by(1, "")));
    let (first, home) = (rig.newest_asking(), rig.link(1));
    rig.say(2, leader(2, Some(2)));
    let second = rig.newest_asking();
    // Not listened to: another is home.
    changed(&mut rig, 1, Change(11, held_by(2, "")));
    rig.sent.clear();
    rig.say(1, leader(3, Some(1)));
    let push = |read, index| ServerMessage::Changed {
        read,
        index: Index(index),
        holder: held_by(index, ""),
        gap: false,
    };
    rig.say(1, push(first, 12));
    rig.say(1, push(second, 12));
    assert_eq!(told(&mut rig), [(1, 0)]);
    assert_eq!(asked(&mut rig), [(home, Some(Index(10)))]);
    for index in [11, 12] {
        changed(&mut rig, 1, Change(index, held_by(index, "")));
    }
    assert_eq!(told(&mut rig), [(11, 0), (12, 0)]);
}

#[test]
fn a_link_that_is_asked_anew_is_told_that_nobody_listens_to_the_first_asking() {
    let mut rig = Rig::with_session();
    rig.observe("a");
    let (first, before) = (rig.newest_asking(), rig.link(1));
    rig.sent.clear();
    rig.say(2, leader(2, Some(2)));
    let dismissed = (before, Request::Unobserve { read: first });
    assert!(rig.sent.contains(&dismissed), "{:?}", rig.sent);
}

#[test]
fn behind_a_gap_another_holder_is_told_as_missed_and_the_same_one_not_at_all() {
    let mut rig = Rig::with_session();
    rig.observe("a");
    present(&mut rig, 1, Change(10, held_by(1, "x")));
    assert_eq!(told(&mut rig), [(1, 0)], "nothing was missed before the first");
    present(&mut rig, 1, Change(20, held_by(1, "x")));
    assert!(told(&mut rig).is_empty());
    present(&mut rig, 1, Change(30, held_by(1, "y")));
    present(&mut rig, 1, Change(40, held_by(3, "y")));
    assert_eq!(told(&mut rig), [(1, 1), (3, 1)]);
    rig.sent.clear();
    rig.say(2, leader(2, Some(2)));
    assert_eq!(asked(&mut rig)[0].1, Some(Index(40)));
}

#[test]
fn who_may_have_held_between_two_vacancies_around_a_gap_counts_as_missed() {
    let mut rig = Rig::with_session();
    rig.observe("a");
    present(&mut rig, 1, Change(10, None));
    assert_eq!(told(&mut rig), [(0, 0)]);
    present(&mut rig, 1, Change(20, None));
    assert!(told(&mut rig).is_empty());
    changed(&mut rig, 1, Change(30, held_by(2, "x")));
    changed(&mut rig, 1, Change(40, held_by(3, "x")));
    assert_eq!(told(&mut rig), [(2, 1), (3, 0)]);
}

#[test]
fn what_comes_once_more_takes_nobody_back_behind_a_gap_too() {
    let mut rig = Rig::with_session();
    rig.observe("a");
    present(&mut rig, 1, Change(70, held_by(1, "")));
    changed(&mut rig, 1, Change(100, held_by(2, "")));
    present(&mut rig, 1, Change(70, held_by(1, "")));
    changed(&mut rig, 1, Change(101, held_by(3, "")));
    assert_eq!(told(&mut rig), [(1, 0), (2, 0), (3, 0)]);
}

#[test]
fn home_that_may_not_have_taken_it_is_asked_again() {
    let mut rig = Rig::with_session();
    rig.observe("a");
    rig.sent.clear();
    rig.say(1, leader(1, Some(1)));
    rig.pass(SECOND);
    assert_eq!(asked(&mut rig).len(), 1);
}

#[test]
fn a_refusal_for_load_is_asked_again_and_any_other_is_told() {
    let mut rig = Rig::with_session();
    let observer = rig.observe("a");
    let refused = |rig: &Rig, refusal| ServerMessage::Read {
        read: rig.newest_asking(),
        index: Index(0),
        answer: ReadAnswer::Refused(refusal),
    };
    rig.sent.clear();
    rig.say(2, refused(&rig, Refusal::Limit));
    assert!(rig.failed.is_empty(), "it is not home");
    let busy = refused(&rig, Refusal::Busy);
    rig.say(1, busy.clone());
    rig.say(1, busy.clone());
    assert!(asked(&mut rig).is_empty());
    rig.pass(100 * MS);
    assert_eq!(asked(&mut rig).len(), 1);
    rig.say(1, busy);
    rig.pass(SECOND);
    assert!(asked(&mut rig).is_empty(), "that was the answer to the first asking");
    rig.say(1, refused(&rig, Refusal::Limit));
    assert_eq!(rig.failed, [(observer, Status::Limit)]);
    rig.say(2, leader(2, Some(2)));
    assert!(asked(&mut rig).is_empty());
}

#[test]
fn an_observer_whose_right_is_taken_away_hears_that_and_nothing_more() {
    let mut rig = Rig::with_session();
    let observer = rig.observe("a");
    changed(&mut rig, 1, Change(10, held_by(1, "")));
    let read = rig.newest_asking();
    let answer = ReadAnswer::Denied { text: "client/a lacks the right read".to_owned() };
    let message = ServerMessage::Read { read, index: Index(11), answer };
    rig.say(2, message.clone());
    assert!(rig.failed.is_empty(), "it is not home");
    rig.say(1, message);
    assert_eq!(rig.failed, [(observer, Status::Denied)]);
    told(&mut rig);
    rig.say(1, ServerMessage::Changed { read, index: Index(12), holder: None, gap: false });
    assert_eq!(told(&mut rig), []);
}

#[test]
fn who_follows_no_more_is_told_nothing_and_home_is_told_so() {
    let mut rig = Rig::with_session();
    let observer = rig.observe("a");
    rig.sent.clear();
    rig.core.unobserve(&rig.now(), observer);
    rig.core.unobserve(&rig.now(), observer);
    rig.drain();
    let sent: Vec<Request> = rig.take_sent().into_iter().map(|(_, request)| request).collect();
    assert_eq!(sent, [Request::Unobserve { read: rig.newest_asking() }]);
    changed(&mut rig, 1, Change(1, None));
    assert!(rig.observed.is_empty());
    rig.say(2, leader(2, Some(2)));
    assert!(asked(&mut rig).is_empty());
}

#[test]
fn what_was_never_asked_is_not_taken_back() {
    let mut rig = Rig::new();
    let observer = rig.observe("a");
    rig.core.unobserve(&rig.now(), observer);
    rig.drain();
    rig.welcome_all();
    let of_it = |(_, request): &(LinkId, Request)| {
        matches!(request, Request::Observe { .. } | Request::Unobserve { .. })
    };
    assert!(!rig.sent.iter().any(of_it));
}

#[test]
fn a_leader_that_has_nothing_new_to_say_is_not_called_silent() {
    let mut rig = Rig::with_session();
    rig.observe("a");
    changed(&mut rig, 1, Change(1, None));
    let (read, index) = (rig.newest_asking(), Index(0));
    let answer = ReadAnswer::Refused(Refusal::Busy);
    rig.say(1, ServerMessage::Read { read, index, answer });
    rig.sent.clear();
    let home = rig.link(1);
    rig.pass(100 * MS);
    assert_eq!(asked(&mut rig), [(home, Some(Index(1)))]);
    // Nothing else was sent until the renewal, whose answer is not overdue yet.
    rig.pass(3_600 * MS);
    assert!(!rig.hung_up.contains(&home));
}

#[test]
fn a_close_ends_observers_and_there_are_none_after_it() {
    let mut rig = Rig::with_session();
    let before = rig.observe("a");
    rig.core.close(&rig.now());
    rig.drain();
    let after = rig.observe("a");
    assert_eq!(rig.failed, [(before, Status::Closed), (after, Status::Closed)]);
}

#[test]
fn observers_are_bounded() {
    let mut rig = Rig::with_session();
    let all: Vec<ObserverId> = (0..1024).map(|_| rig.observe("a")).collect();
    assert!(rig.failed.is_empty());
    let more = rig.observe("a");
    assert_eq!(rig.failed, [(more, Status::Limit)]);
    rig.core.unobserve(&rig.now(), all[0]);
    rig.observe("a");
    assert_eq!(rig.failed.len(), 1);
}

/// Each cluster has its own indexes, and none knows who held in the other one meanwhile.
#[test]
fn who_goes_over_to_a_restored_cluster_hears_the_present_there_and_that_changes_were_missed() {
    let other = ClusterId([0xbb; 16]);
    for (holder, said) in [(held_by(2, ""), vec![(2, 1)]), (held_by(1, ""), vec![])] {
        let mut rig = Rig::with_session();
        rig.observe("a");
        changed(&mut rig, 1, Change(1000, held_by(1, "")));
        told(&mut rig);
        for node in 1..=3 {
            rig.close_link(node);
        }
        rig.pass(15 * SECOND);
        rig.sent.clear();
        rig.welcome_restored(Some(other), &[CLUSTER], (1, hint(1, Some(1))));
        let home = rig.link(1);
        assert_eq!(asked(&mut rig), [(home, None)]);
        changed(&mut rig, 1, Change(7, holder));
        assert_eq!(told(&mut rig), said);
        changed(&mut rig, 1, Change(8, None));
        let missed = u64::from(said.is_empty());
        assert_eq!(told(&mut rig), [(0, missed)], "once, with the next that is told");
    }
}
