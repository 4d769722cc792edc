//! Beliefs that overlap, and tokens that do not rise.

use crate::chaos::judge::{log, verify, verify_with};

#[test]
fn one_holder_after_the_other_is_kept() {
    let verdict = verify(&[
        "waiting 1 a",
        "granted 10 a token=5",
        "ended 20 a token=5",
        "waiting 11 b",
        "granted 20 b token=6",
        "ended 30 b token=6",
    ]);
    verdict.check_kept();
    assert_eq!((verdict.count("grants"), verdict.count("waits")), (2, 2));
}

#[test]
fn two_beliefs_at_once_are_told_with_their_lines() {
    let verdict = verify(&[
        "granted 10 a token=5",
        "ended 3000021 a token=5",
        "granted 20 b token=6",
        "ended 4000000 b token=6",
    ]);
    let parts =
        ["a under token 5 until 3000021 (0.jsonl:3)", "b under token 6 from 20 (0.jsonl:4)"];
    verdict.check_broken("beliefs overlap", &parts);
    assert!(verdict.stdout.contains("for 3.000001 ms by both"), "{}", verdict.stdout);
}

#[test]
fn an_overlap_between_two_logs_is_found() {
    let first = log("this-boot", &["granted 10 a token=5", "ended 21 a token=5"]);
    let second = log("this-boot", &["granted 20 b token=6", "ended 30 b token=6"]);
    let parts = ["(0.jsonl:3)", "(1.jsonl:2)"];
    verify_with(&[], &[&first, &second]).check_broken("beliefs overlap", &parts);
}

#[test]
fn a_belief_without_end_stands_as_far_as_it_was_logged() {
    let stands_to = |at| {
        let held = format!("held {at} a token=5");
        verify(&["granted 10 a token=5", &held, "granted 20 b token=6", "ended 30 b token=6"])
    };
    stands_to(20).check_kept();
    stands_to(21).check_broken("beliefs overlap", &["(0.jsonl:3)"]);
}

#[test]
fn a_belief_of_one_instant_within_another_overlaps() {
    verify(&["granted 10 a token=5", "ended 30 a token=5", "granted 20 b token=6"])
        .check_broken("beliefs overlap", &["b under token 6"]);
}

#[test]
fn locks_do_not_touch_each_other() {
    verify(&[
        "granted 10 a token=5",
        "ended 30 a token=5",
        "granted 20 b token=4 lock=n",
        "ended 40 b token=4 lock=n",
    ])
    .check_kept();
}

#[test]
fn readers_share_and_exclude_a_writer() {
    let readers = [
        "granted 10 a token=5 mode=shared",
        "granted 12 b token=6 mode=shared",
        "ended 20 a token=5",
        "ended 30 b token=6",
    ];
    verify(&readers).check_kept();
    let after = [&readers[..], &["granted 30 c token=7 mode=exclusive", "ended 40 c token=7"]];
    verify(&after.concat()).check_kept();
    let between = [&readers[..], &["granted 25 c token=7", "ended 40 c token=7"]].concat();
    verify(&between).check_broken("beliefs overlap", &["b under token 6", "c under token 7"]);
}

#[test]
fn permits_do_not_exceed_the_limit() {
    let first = "granted 10 a token=5 limit=3 permits=1";
    let second = "granted 11 b token=6 limit=3";
    let ends = ["ended 20 a token=5", "ended 20 b token=6", "ended 20 c token=7"];
    let third = |permits: u32| format!("granted 12 c token=7 limit=3 permits={permits}");
    let run = |third: &str| verify(&[&[first, second, third][..], &ends].concat());
    run(&third(1)).check_kept();
    let parts = ["no room for c under token 7", "a under token 5 (0.jsonl:2), b under token 6"];
    run(&third(2)).check_broken("beliefs overlap", &parts);
    run(&third(3)).check_broken("beliefs overlap", &["a under token 5", "c under token 7"]);
}

#[test]
fn a_later_grant_has_a_larger_token() {
    let verdict = verify(&[
        "granted 10 a token=6",
        "ended 20 a token=6",
        "granted 30 b token=5",
        "ended 40 b token=5",
    ]);
    verdict
        .check_broken("token not larger", &["a under token 6 until 20", "b under token 5 from 30"]);
}

#[test]
fn a_token_is_compared_with_all_before_it_and_not_with_the_last_alone() {
    let verdict = verify(&[
        "granted 10 r token=9 mode=shared",
        "ended 12 r token=9",
        "granted 11 s token=4 mode=shared",
        "ended 14 s token=4",
        "granted 20 w token=8",
    ]);
    verdict.check_broken("token not larger", &["r under token 9", "w under token 8"]);
}

#[test]
fn readers_may_hear_of_their_grants_in_any_order() {
    verify(&[
        "granted 10 a token=6 mode=shared",
        "ended 20 a token=6",
        "granted 30 b token=5 mode=shared",
        "ended 40 b token=5",
    ])
    .check_kept();
}

#[test]
fn holders_that_cannot_stand_together_have_rising_tokens() {
    let run = |permits: u32| {
        let second = format!("granted 30 b token=5 limit=3 permits={permits}");
        verify(&["granted 10 a token=6 limit=3 permits=2", "ended 20 a token=6", &second])
    };
    run(1).check_kept();
    run(2).check_broken("token not larger", &["token 6", "token 5"]);
}

#[test]
fn a_token_belongs_to_one_grant() {
    let readers = ["granted 10 a token=5 mode=shared", "granted 11 b token=5 mode=shared"];
    verify(&readers).check_broken("token used twice", &["a (0.jsonl:2)", "b (0.jsonl:3)"]);
}

#[test]
fn between_boots_tokens_alone_are_compared() {
    let earlier = log("one-boot", &["granted 10 a token=5", "ended 100 a token=5"]);
    let later = |token: u64| {
        let granted = format!("granted 20 b token={token}");
        log("another-boot", &[&granted])
    };
    let verdict = verify_with(&[], &[&earlier, &later(6)]);
    verdict.check_kept();
    assert!(verdict.stdout.contains("These logs are of 2 boots"), "{}", verdict.stdout);
    verify_with(&[], &[&earlier, &later(5)]).check_broken("token used twice", &["token 5"]);
}

#[test]
fn many_violations_are_counted_and_few_told() {
    let mut lines = vec!["granted 10 a token=1".to_owned(), "ended 1000 a token=1".to_owned()];
    lines.extend((0..9).map(|n| format!("granted {} b token={}", 20 + n, 2 + n)));
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let verdict = verify(&lines);
    let told = verdict.stdout.lines().filter(|line| line.starts_with("VIOLATION")).count();
    assert_eq!((verdict.code, told), (1, 5));
    assert!(verdict.stdout.contains("… beliefs overlap: 4 more"), "{}", verdict.stdout);
}
