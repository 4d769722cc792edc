//! Waiting in vain although nothing is done to the cluster.

use crate::chaos::judge::{Verdict, log, verify, verify_with};

/// a waits from 5 on; others are granted at 20, 30, 40 and 50.
fn run(flags: &[&str], lines: &[&str]) -> Verdict {
    let mut all = vec!["waiting 5 a".to_owned()];
    for n in 2..=5u64 {
        all.push(format!("granted {n}0 b token={n}"));
        all.push(format!("ended {n}5 b token={n}"));
    }
    all.extend(lines.iter().map(|line| (*line).to_owned()));
    let lines: Vec<&str> = all.iter().map(String::as_str).collect();
    verify_with(flags, &[&log("this-boot", &lines)])
}

#[test]
fn who_waits_after_healing_to_the_end_of_the_log_starves() {
    run(&[], &["healed 10 -"])
        .check_broken("starved", &["a waited for \"m\" from 5 (0.jsonl:2) to the end", "4 grants"]);
}

#[test]
fn a_wait_that_began_after_healing_counts_too() {
    verify(&["healed 1 -", "waiting 5 a"]).check_broken("starved", &["0 grants"]);
}

#[test]
fn a_grant_or_a_client_that_gave_up_or_is_gone_ends_a_wait() {
    run(&[], &["healed 10 -", "granted 60 a token=9"]).check_kept();
    run(&[], &["healed 10 -", "gave_up 60 a"]).check_kept();
    run(&[], &["healed 10 -", "gone 60 a"]).check_kept();
}

#[test]
fn too_many_grants_to_others_starve() {
    let ends = ["healed 10 -", "granted 60 a token=9"];
    let verdict = run(&["--overtaken", "4"], &ends);
    verdict.check_kept();
    assert_eq!(verdict.count("most grants to others while one waited in calm"), 4);
    run(&["--overtaken", "3"], &ends).check_broken("starved", &["until 60", "4 grants"]);
}

#[test]
fn only_calm_counts() {
    let ends = ["healed 10 -", "nemesis 35 -", "healed 45 -", "granted 60 a token=9"];
    run(&["--overtaken", "2"], &ends).check_kept();
    run(&["--overtaken", "1"], &ends).check_broken("starved", &["healed at 10 2 grants"]);
    run(&["--overtaken", "0"], &["nemesis 1 -", "granted 60 a token=9"]).check_kept();
    run(&[], &["healed 10 -", "nemesis 35 -"]).check_kept();
}

#[test]
fn other_locks_do_not_count() {
    let wait =
        ["healed 10 -", "waiting 15 c lock=n", "granted 60 c token=9 lock=n", "gave_up 16 a"];
    run(&["--overtaken", "0"], &wait).check_kept();
}

#[test]
fn without_a_mark_of_healing_it_says_that_it_cannot_tell() {
    let verdict = run(&[], &[]);
    verdict.check_kept();
    assert!(verdict.stdout.contains("starvation was not checked"), "{}", verdict.stdout);
}
