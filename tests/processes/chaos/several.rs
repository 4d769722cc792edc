//! Several locks that are acquired in one step: one token, one belief, all or nothing.

use crate::chaos::judge::{log, verify, verify_with};

/// a holds m and n from 10 to 30.
const BOTH: [&str; 2] = ["granted 10 a token=5 also=n", "ended 30 a token=5"];

#[test]
fn one_grant_of_two_locks_is_kept_and_counted_once() {
    let after = ["granted 30 b token=6", "ended 40 b token=6", "granted 31 c token=7 lock=n"];
    let verdict = verify(&[&BOTH[..], &after].concat());
    verdict.check_kept();
    assert_eq!(verdict.count("grants of several names"), 1);
}

#[test]
fn each_of_its_locks_is_held_by_nobody_else() {
    let run = |lock: &str| {
        let granted = format!("granted 20 b token=6 lock={lock}");
        let ended = format!("ended 25 b token=6 lock={lock}");
        verify(&[&BOTH[..], &[&granted, &ended]].concat())
    };
    run("m").check_broken("beliefs overlap", &["\"m\" was held by a under token 5 until 30"]);
    run("n").check_broken("beliefs overlap", &["\"n\" was held by a under token 5 until 30"]);
    run("o").check_kept();
}

#[test]
fn a_belief_in_all_of_them_goes_on_as_long_as_in_the_first() {
    let held = ["granted 10 a token=5 also=n", "held 30 a token=5"];
    let other = ["granted 29 b token=6 lock=n", "ended 40 b token=6 lock=n"];
    verify(&[held, other].concat()).check_broken("beliefs overlap", &["\"n\"", "(0.jsonl:3)"]);
}

#[test]
fn its_token_rises_in_each_of_its_locks() {
    let before = ["granted 1 b token=6 lock=n", "ended 2 b token=6 lock=n"];
    verify(&[before, BOTH].concat())
        .check_broken("token not larger", &["\"n\"", "token 5 from 10"]);
}

#[test]
fn its_token_is_of_one_grant_in_each_of_its_locks() {
    let other = log("another-boot", &["granted 100 b token=5 lock=n"]);
    verify_with(&[], &[&log("this-boot", &BOTH), &other])
        .check_broken("token used twice", &["token 5 of \"n\""]);
}

#[test]
fn a_lock_that_the_server_says_is_not_held_while_it_is_believed_in_is_told() {
    let run = |said: &str| verify(&[BOTH[0], said, BOTH[1]]);
    let verdict = run("validated 20 a token=5 lock=n accepted=true");
    verdict.check_kept();
    assert_eq!(verdict.count("tokens validated"), 1);
    let parts = ["\"n\" was believed to be held by a under token 5", "at 20 (0.jsonl:3)"];
    run("validated 20 a token=5 lock=n accepted=false").check_broken("held in part", &parts);
    run("validated 20 a token=5 accepted=false").check_broken("held in part", &["\"m\""]);
    run("validated 30 a token=5 accepted=false").check_broken("held in part", &["\"m\""]);
}

#[test]
fn what_a_server_says_after_the_belief_or_of_another_token_proves_nothing() {
    let run = |said: &str| verify(&[BOTH[0], said, BOTH[1]]).check_kept();
    run("validated 31 a token=5 accepted=false");
    run("validated 20 a token=4 accepted=false");
    run("validated 20 a token=5 lock=o accepted=false");
}

#[test]
fn who_waits_for_several_waits_for_each() {
    let waiting = ["healed 1 -", "waiting 5 a also=n"];
    let others = ["granted 10 b token=2 lock=n", "granted 11 b token=3 lock=n"];
    let run = |end: &str| {
        verify_with(
            &["--overtaken", "1"],
            &[&log("this-boot", &[&waiting[..], &others, &[end]].concat())],
        )
    };
    run("granted 20 a token=5").check_broken("starved", &["a waited for \"n\"", "2 grants"]);
    let first = verify(&[&waiting[..], &["granted 20 a token=5"]].concat());
    first.check_kept();
    assert_eq!(first.count("waits"), 2);
    verify(&[&waiting[..], &["gave_up 20 a"]].concat()).check_kept();
}
