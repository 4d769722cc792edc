//! Of which cluster a client is: endpoints of two (L26), and a cluster that was restored (L25).

use super::*;

const OTHER: ClusterId = ClusterId([0xbb; 16]);

/// Which endpoint says what, as a refusal tells it.
fn tells_both(error: &Error) -> bool {
    let text = &error.message;
    error.status == Status::Unavailable
        && [CLUSTER, OTHER].iter().all(|cluster| text.contains(&cluster.to_string()))
        && text.contains("only a pin is proof")
}

fn opens(rig: &Rig) -> usize {
    let is_creation =
        |(_, request): &&(LinkId, Request)| matches!(request, Request::OpenSession { .. });
    rig.sent.iter().filter(is_creation).count()
}

fn error_of(rig: &Rig, call: CallId) -> Error {
    rig.decided.get(&call).expect("it is decided").as_ref().expect_err("refused").clone()
}

#[test]
fn endpoints_of_two_clusters_make_no_session_and_are_told() {
    let mut rig = Rig::new();
    rig.welcome(1, hint(1, Some(1)));
    rig.welcome_in(Some(OTHER), 2, hint(9, Some(2)));
    rig.welcome(3, hint(1, Some(1)));
    let call = rig.acquire("a", Wait::Forever);
    rig.pass(10 * SECOND);
    assert_eq!((opens(&rig), rig.core.home()), (0, None));
    let error = error_of(&rig, call);
    assert!(tells_both(&error), "{error}");
    assert!(error.message.contains("n1:1, n3:1 are of"), "{error}");
    assert!(error.message.contains("n2:1 is of"), "{error}");
    assert_eq!(rig.core.why_unavailable(), error.message);
}

#[test]
fn a_list_that_is_right_again_serves() {
    let mut rig = Rig::new();
    rig.welcome(1, hint(1, Some(1)));
    rig.welcome_in(Some(OTHER), 2, hint(9, Some(2)));
    rig.close_link(2);
    rig.pass(SECOND);
    assert_eq!(opens(&rig), 0, "who is silent is not forgotten");
    rig.welcome(2, hint(1, Some(1)));
    assert_eq!(opens(&rig), 1);
}

#[test]
fn a_silent_endpoint_is_waited_for_as_long_as_the_others_take_to_answer() {
    let mut rig = Rig::new();
    rig.pass(5 * MS);
    rig.welcome(1, hint(1, Some(1)));
    assert_eq!(opens(&rig), 0, "what the others say is compared first");
    rig.pass(rig.now + 15 * MS);
    assert_eq!(opens(&rig), 1);
    rig.pass(rig.now + SECOND);
    assert_eq!(opens(&rig), 1);
}

#[test]
fn an_endpoint_that_fails_is_not_waited_for() {
    let mut rig = Rig::new();
    rig.close_link(2);
    rig.close_link(3);
    rig.welcome(1, hint(1, Some(1)));
    assert_eq!((opens(&rig), rig.now), (1, 0));
}

#[test]
fn a_leader_of_another_cluster_is_not_home_however_late_its_term() {
    let mut rig = Rig::with_session();
    rig.close_link(3);
    rig.pass(SECOND);
    rig.welcome_in(Some(OTHER), 3, hint(9, Some(3)));
    assert_eq!(rig.core.home(), Some(rig.link(1)));
}

#[test]
fn an_id_that_is_heard_later_stops_acquires_and_no_lease_that_most_confirm() {
    let mut rig = Rig::with_session();
    let lease = rig.held("a", 1, 5);
    let waiting = rig.acquire("b", Wait::Forever);
    rig.close_link(3);
    rig.pass_renewed(SECOND);
    rig.welcome_in(Some(OTHER), 3, hint(9, Some(3)));
    assert!(tells_both(&error_of(&rig, waiting)));
    let next = rig.acquire("c", Wait::Forever);
    assert!(tells_both(&error_of(&rig, next)));
    let broken = rig.break_lock("d");
    assert!(tells_both(&error_of(&rig, broken)));
    rig.answer(1, 2, Answer::Withdrawn);
    rig.answer(1, 3, Answer::Withdrawn);
    rig.pass_renewed(20 * SECOND);
    assert!(!rig.remaining(lease).is_zero() && rig.ended.is_empty());
    rig.release(lease);
    assert!(matches!(rig.submitted()[..], [.., (.., Operation::Release { .. })]));
}

#[test]
fn leases_end_that_most_endpoints_do_not_confirm() {
    let mut rig = Rig::new();
    rig.pass(5 * MS);
    rig.welcome(1, hint(1, Some(1)));
    rig.pass(rig.now + 15 * MS);
    let number = rig.creation();
    rig.open(number);
    rig.sent.clear();
    let lease = rig.held("a", 1, 5);
    rig.welcome_in(Some(OTHER), 2, hint(9, Some(2)));
    assert_eq!(rig.ended, [(lease, EndReason::Expired)], "one of two is not most");
    let call = rig.acquire("a", Wait::Forever);
    assert!(tells_both(&error_of(&rig, call)));
    rig.pass(rig.now + 30 * SECOND);
    assert_eq!(opens(&rig), 0);
}

#[test]
fn a_pin_is_proof() {
    let pin = ClusterPin::parse(&CLUSTER.to_string()).unwrap();
    let mut rig = Rig::pinned(Some(pin));
    rig.welcome_in(Some(OTHER), 2, hint(9, Some(2)));
    let other = rig.link(2);
    assert!(rig.hung_up.contains(&other));
    rig.welcome(1, hint(1, Some(1)));
    rig.welcome(3, hint(1, Some(1)));
    rig.open(rig.creation());
    rig.sent.clear();
    let lease = rig.held("a", 1, 5);
    assert!(!rig.remaining(lease).is_zero());
    assert_eq!(rig.core.contradiction(), None);
}

#[test]
fn a_node_of_no_cluster_is_asked_again_once_it_is_of_one() {
    let mut rig = Rig::new();
    for node in 1..=3 {
        rig.welcome_in(None, node, hint(0, None));
    }
    let before = rig.link(1);
    rig.say(1, leader(1, Some(1)));
    assert!(rig.hung_up.contains(&before) && rig.core.home().is_none());
    rig.pass(SECOND);
    rig.welcome(1, hint(1, Some(1)));
    assert_eq!(rig.core.home(), Some(rig.link(1)));
}

/// A session in `CLUSTER`, of which nobody is left.
fn deserted() -> (Rig, LeaseId) {
    let mut rig = Rig::with_session();
    let lease = rig.held("a", 1, 5);
    for node in 1..=3 {
        rig.close_link(node);
    }
    rig.pass(100 * MS);
    (rig, lease)
}

#[test]
fn a_restored_cluster_is_gone_over_to_once_the_session_has_ended() {
    let (mut rig, lease) = deserted();
    rig.welcome_restored(Some(OTHER), &[CLUSTER], (1, hint(1, Some(1))));
    assert!(rig.core.home().is_none(), "the session is believed in");
    assert!(!rig.remaining(lease).is_zero());
    rig.pass(15 * SECOND);
    assert_eq!(rig.ended, [(lease, EndReason::Expired)]);
    let call = rig.acquire("a", Wait::Forever);
    rig.sent.clear();
    // Of an earlier term than was known in the other one.
    rig.welcome_restored(Some(OTHER), &[CLUSTER], (1, hint(0, Some(1))));
    assert_eq!(rig.core.home(), Some(rig.link(1)));
    assert_eq!(rig.core.cluster(), Some(OTHER));
    assert_eq!(rig.submitted(), [], "nothing of the old session is said there");
    assert_eq!(rig.status(call), None, "it waits in the new cluster");
}

#[test]
fn reads_of_a_restored_cluster_may_be_of_any_index() {
    let mut rig = Rig::with_session();
    let before = rig.read();
    let answer = ReadAnswer::Valid(true);
    let said = |read: CallId, index| ServerMessage::Read {
        read: read.0,
        index: Index(index),
        answer: answer.clone(),
    };
    rig.say(1, said(before, 1000));
    for node in 1..=3 {
        rig.close_link(node);
    }
    rig.pass(15 * SECOND);
    rig.welcome_restored(Some(OTHER), &[CLUSTER], (1, hint(1, Some(1))));
    let after = rig.read();
    rig.say(1, said(after, 7));
    assert!(matches!(rig.decided.get(&after), Some(Ok(Done::Read { index: Index(7), .. }))));
}

#[test]
fn no_other_cluster_is_gone_over_to() {
    for ancestors in [[].as_slice(), &[ClusterId([0xcc; 16])]] {
        let (mut rig, _) = deserted();
        rig.pass(15 * SECOND);
        rig.welcome_restored(Some(OTHER), ancestors, (1, hint(1, Some(1))));
        assert_eq!(rig.core.home(), None, "{ancestors:?}");
        assert!(rig.core.why_unavailable().contains(&OTHER.to_string()));
    }
}

#[test]
fn nobody_goes_over_while_the_old_cluster_answers() {
    let (mut rig, _) = deserted();
    rig.pass(15 * SECOND);
    rig.welcome_in(Some(CLUSTER), 3, hint(1, None));
    rig.welcome_restored(Some(OTHER), &[CLUSTER], (1, hint(1, Some(1))));
    assert_eq!(rig.core.home(), None);
    assert!(rig.core.contradiction().is_some());
}

#[test]
fn who_pins_the_old_cluster_does_not_go_over() {
    let pin = ClusterPin::parse(&CLUSTER.to_string()).unwrap();
    let mut rig = Rig::pinned(Some(pin)).in_session();
    for node in 1..=3 {
        rig.close_link(node);
    }
    rig.pass(15 * SECOND);
    rig.welcome_restored(Some(OTHER), &[CLUSTER], (1, hint(1, Some(1))));
    assert_eq!(rig.core.home(), None);
    assert!(rig.core.why_unavailable().contains("is pinned"), "{}", rig.core.why_unavailable());
}
