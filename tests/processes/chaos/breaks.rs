//! Grants that are taken at once: their holders may believe on for a while, and nothing else is allowed by that.

use crate::chaos::judge::{Verdict, log, verify, verify_with};

/// a believes under token 5 from 10 to 30, o takes it, as `order` says; b is granted token 6 at `next`.
fn taken(order: &[&str], next: u64) -> Verdict {
    let a = ["granted 10 a token=5", "ended 30 a token=5"];
    let b = [format!("granted {next} b token=6"), format!("ended {} b token=6", next + 20)];
    verify(&[&a[..], order, &[&b[0], &b[1]]].concat())
}

#[test]
fn a_holder_may_believe_beside_whoever_followed_the_break() {
    let verdict = taken(&["breaking 15 o token=5", "broke 18 o token=5"], 16);
    verdict.check_kept();
    assert_eq!(verdict.count("breaks that took at once"), 1);
    taken(&["breaking 15 o token=5"], 15).check_kept();
}

#[test]
fn whoever_began_before_the_break_was_sent_is_no_successor() {
    taken(&["breaking 15 o token=5", "broke 18 o token=5"], 14)
        .check_broken("beliefs overlap", &["a under token 5", "b under token 6 from 14"]);
}

#[test]
fn a_break_that_took_nothing_excuses_nobody() {
    taken(&["breaking 15 o token=5", "spared 18 o token=5"], 16)
        .check_broken("beliefs overlap", &["a under token 5"]);
    let two = ["breaking 12 o token=5", "breaking 15 p token=5", "spared 16 o token=5"];
    taken(&two, 15).check_kept();
    taken(&two, 14).check_broken("beliefs overlap", &["b under token 6 from 14"]);
}

#[test]
fn a_break_excuses_the_grant_that_it_names_and_no_other() {
    taken(&["breaking 15 o token=6"], 16).check_broken("beliefs overlap", &["a under token 5"]);
    taken(&["breaking 15 o token=5 lock=n"], 16)
        .check_broken("beliefs overlap", &["a under token 5"]);
    let lines = ["breaking 15 o token=5", "granted 17 c token=7", "ended 25 c token=7"];
    taken(&lines, 16).check_broken("beliefs overlap", &["b under token 6", "c under token 7"]);
}

#[test]
fn a_holder_may_hear_of_its_grant_behind_its_successor() {
    let run = |order: &str, a: u64| {
        let late = [format!("granted {a} a token=5"), format!("ended {} a token=5", a + 9)];
        verify(&[order, "granted 20 b token=6", "ended 30 b token=6", &late[0], &late[1]])
    };
    run("breaking 15 o token=5", 25).check_kept();
    run("breaking 15 o token=5", 30).check_kept();
    run("breaking 21 o token=5", 25).check_broken("beliefs overlap", &["b under token 6"]);
    run("breaking 21 o token=5", 30).check_broken("token not larger", &["b under token 6"]);
}

#[test]
fn behind_a_successor_that_is_excused_one_that_is_not_is_found() {
    verify(&[
        "breaking 15 o token=5",
        "granted 10 b token=6",
        "ended 12 b token=6",
        "granted 20 c token=7",
        "ended 22 c token=7",
        "granted 30 a token=5",
    ])
    .check_broken("token not larger", &["b under token 6", "a under token 5"]);
}

#[test]
fn permits_that_were_taken_do_not_count() {
    let run = |order: &[&str]| {
        let first = ["granted 10 a token=5 limit=2 permits=1", "granted 11 b token=6 limit=2"];
        let ends = ["granted 20 c token=7 limit=2", "ended 30 a token=5", "ended 30 b token=6"];
        verify(&[&first[..], &ends[..2], order, &ends[2..]].concat())
    };
    run(&["breaking 15 o token=5"]).check_kept();
    run(&["breaking 21 o token=5"]).check_broken("beliefs overlap", &["no room for c"]);
}

#[test]
fn a_write_at_a_resource_that_looks_at_tokens_is_excused_by_no_break() {
    verify(&[
        "granted 10 a token=5",
        "breaking 15 o token=5",
        "broke 16 o token=5",
        "granted 17 b token=6",
        "write 18 b resource=disk token=6 accepted=true",
        "write 19 a resource=disk token=5 accepted=true",
        "held 20 a token=5",
    ])
    .check_broken("stale write accepted", &["token 6", "token 5"]);
}

#[test]
fn a_holder_believes_for_its_ttl_at_most_after_the_break_was_done() {
    let run = |until: u64| {
        let ended = format!("ended {until} a token=5");
        verify(&[
            "granted 10 a token=5 ttl_ms=2",
            "breaking 15 o token=5",
            "broke 20 o token=5",
            &ended,
        ])
    };
    run(2_000_020).check_kept();
    let parts = ["taken from a under token 5 by 20 (0.jsonl:3)", "until 2000021 (0.jsonl:5)"];
    run(2_000_021).check_broken("believed on after a break", &parts);
}

#[test]
fn while_it_is_not_known_that_a_break_was_done_its_holder_may_believe() {
    let lines =
        ["granted 10 a token=5 ttl_ms=2", "breaking 15 o token=5", "ended 9000000 a token=5"];
    verify(&lines).check_kept();
}

#[test]
fn a_server_may_say_of_a_grant_that_was_taken_that_it_is_not_held() {
    let run = |order: &str| {
        verify(&[
            "granted 10 a token=5",
            order,
            "validated 20 a token=5 accepted=false",
            "ended 30 a token=5",
        ])
    };
    run("breaking 15 o token=5").check_kept();
    run("breaking 15 o token=4").check_broken("held in part", &["a under token 5"]);
}

#[test]
fn a_break_of_another_boot_cannot_be_ordered() {
    let holders = ["granted 10 a token=5", "ended 30 a token=5", "granted 20 b token=6"];
    let order = log("another-boot", &["breaking 900 o token=5"]);
    verify_with(&[], &[&log("this-boot", &holders), &order]).check_kept();
}
