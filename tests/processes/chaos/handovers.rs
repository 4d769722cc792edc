//! Handovers to a waiter that the holder named: the next grant is that waiter's.

use crate::chaos::judge::{Verdict, verify};

/// a holds under token 5 and hands it to c at 30; `lines` are what c and others say.
fn handed(lines: &[&str]) -> Verdict {
    let a = ["granted 10 a token=5", "ended 20 a token=5", "handed 30 a token=5 to=c"];
    verify(&[&a[..], lines].concat())
}

const OTHER: [&str; 2] = ["granted 40 b token=6", "ended 50 b token=6"];

#[test]
fn the_next_grant_is_the_named_waiters() {
    let granted = ["waiting 5 c session=9", "granted 25 c token=6 session=9", "ended 35 c token=6"];
    let verdict = handed(&[&granted[..], &["granted 40 b token=7"]].concat());
    verdict.check_kept();
    assert_eq!(verdict.count("handovers to a named waiter"), 1);
}

#[test]
fn a_grant_to_another_while_the_named_one_waits_on_is_told() {
    let later = ["waiting 5 c session=9", "granted 60 c token=7 session=9"];
    let parts = ["a under token 5 handed \"m\" to c (0.jsonl:4)", "b under token 6 (0.jsonl:7)"];
    handed(&[&later[..], &OTHER].concat()).check_broken("named waiter passed over", &parts);
}

#[test]
fn a_grant_to_another_is_told_also_if_the_named_one_never_waited() {
    handed(&OTHER).check_broken("named waiter passed over", &["to c"]);
}

#[test]
fn a_named_waiter_that_gave_up_or_is_gone_may_have_been_granted_it_in_vain() {
    // It may have been granted before it gave up, and may say so long after others are granted.
    handed(&[&["waiting 5 c", "gave_up 25 c"][..], &OTHER].concat()).check_kept();
    handed(&[&["waiting 5 c", "gave_up 90 c"][..], &OTHER].concat()).check_kept();
    handed(&[&["waiting 5 c", "gone 35 c"][..], &OTHER].concat()).check_kept();
    handed(&[&["waiting 5 c"][..], &OTHER].concat()).check_kept();
}

#[test]
fn a_named_waiter_that_goes_on_in_another_session_may_have_lost_it_with_the_first() {
    let run = |waiting: &str, granted: &str| {
        handed(&[&[waiting][..], &OTHER, &[granted]].concat()).check_kept();
    };
    run("waiting 5 c session=9", "granted 60 c token=7 session=10");
    run("waiting 5 c", "granted 60 c token=7 session=10");
    // Whoever does not log sessions cannot tell.
    run("waiting 5 c", "granted 60 c token=7");
}

#[test]
fn what_the_named_one_gave_up_before_its_last_grant_or_began_after_the_handover_does_not_count() {
    let before =
        ["waiting 1 c", "gave_up 2 c", "waiting 3 c session=9", "granted 4 c token=4 session=9"];
    let end = ["ended 5 c token=4", "waiting 6 c session=9", "granted 60 c token=7 session=9"];
    let run = handed(&[&before[..], &end, &OTHER].concat());
    run.check_broken("named waiter passed over", &["to c"]);
    let after = ["waiting 31 c", "gave_up 35 c"];
    handed(&[&after[..], &OTHER].concat()).check_broken("named waiter passed over", &["to c"]);
}

#[test]
fn other_locks_and_other_clients_excuse_nobody() {
    let others = ["waiting 5 c lock=n", "gave_up 35 c lock=n", "waiting 5 d", "gave_up 35 d"];
    handed(&[&others[..], &OTHER].concat()).check_broken("named waiter passed over", &["to c"]);
}

#[test]
fn where_others_hold_too_there_may_be_no_room_for_the_named_one() {
    let verdict = verify(&[
        "granted 10 a token=5 mode=shared",
        "ended 20 a token=5",
        "handed 30 a token=5 to=c",
        "granted 40 b token=6 mode=shared",
    ]);
    verdict.check_kept();
    assert!(!verdict.stdout.contains("handovers to a named waiter"), "{}", verdict.stdout);
}
