//! What observers must never have been told.

use crate::chaos::judge::verify;

const GRANTS: [&str; 6] = [
    "granted 10 a token=5",
    "ended 20 a token=5",
    "granted 30 b token=6",
    "ended 40 b token=6",
    "granted 50 a token=7",
    "ended 60 a token=7",
];

fn after_grants(lines: &[&str]) -> crate::chaos::judge::Verdict {
    verify(&[&GRANTS[..], lines].concat())
}

#[test]
fn holders_in_their_order_with_vacancies_between_are_kept() {
    let verdict = after_grants(&[
        "observing 1 o",
        "saw 11 o token=5 holder=a missed=0",
        "saw 21 o missed=0",
        "saw 31 o token=6 holder=b missed=0",
        "saw 32 o token=6 holder=b missed=0",
        "saw 51 o token=7 holder=a missed=0",
    ]);
    verdict.check_kept();
}

#[test]
fn an_older_holder_after_a_newer_one_is_told() {
    after_grants(&["saw 31 o token=6", "saw 32 o token=5"])
        .check_broken("observer went back", &["token 6", "(0.jsonl:8)", "token 5 (0.jsonl:9)"]);
}

#[test]
fn two_observers_need_not_be_equally_quick() {
    after_grants(&["saw 31 o token=6", "saw 32 p token=5"]).check_kept();
}

#[test]
fn following_anew_does_not_go_back_either() {
    after_grants(&["saw 31 o token=6", "observing 32 o", "saw 33 o token=5"])
        .check_broken("observer went back", &["token 5"]);
}

#[test]
fn a_holder_that_was_left_out_is_told_if_none_was_said_to_be_missed() {
    after_grants(&["saw 11 o token=5 missed=0", "saw 51 o token=7 missed=0"])
        .check_broken("observer missed a holder", &["b under token 6 (0.jsonl:4)"]);
    after_grants(&["saw 11 o token=5 missed=0", "saw 51 o token=7 missed=1"]).check_kept();
    let vacant = "saw 41 o missed=1";
    after_grants(&["saw 11 o token=5 missed=0", vacant, "saw 51 o token=7 missed=0"]).check_kept();
}

#[test]
fn an_observer_that_says_nothing_of_what_it_missed_may_miss() {
    after_grants(&["saw 11 o token=5", "saw 51 o token=7"]).check_kept();
}

#[test]
fn who_follows_anew_may_have_missed_what_was_between() {
    let lines = ["saw 11 o token=5 missed=0", "observing 50 o", "saw 51 o token=7 missed=0"];
    after_grants(&lines).check_kept();
}

#[test]
fn another_holder_than_the_one_granted_is_told() {
    after_grants(&["saw 31 o token=6 holder=a"])
        .check_broken("observer saw another holder", &["that a holds", "granted to b"]);
    after_grants(&["saw 31 o token=8 holder=z"]).check_kept();
}
