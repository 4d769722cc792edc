//! What resources that look at tokens must never have done.

use crate::chaos::judge::{log, verify, verify_with};

fn write(at: u64, token: u64, accepted: bool) -> String {
    format!("write {at} a resource=disk token={token} accepted={accepted}")
}

#[test]
fn rising_and_equal_tokens_write_and_lower_ones_are_refused() {
    let lines = [write(1, 5, true), write(2, 5, true), write(3, 7, true), write(4, 5, false)];
    let verdict = verify(&lines.each_ref().map(String::as_str));
    verdict.check_kept();
    assert_eq!(verdict.count("writes accepted by token"), 3);
    assert_eq!(verdict.count("writes refused by token"), 1);
}

#[test]
fn a_lower_token_that_writes_after_a_higher_one_is_told() {
    let lines = [write(1, 7, true), write(2, 5, true)];
    let verdict = verify(&lines.each_ref().map(String::as_str));
    verdict.check_broken("stale write accepted", &["token 7 (0.jsonl:2)", "token 5 (0.jsonl:3)"]);
}

#[test]
fn the_order_is_that_of_the_lines_also_between_boots() {
    let first = log("one-boot", &[&write(100, 7, true)]);
    let second = log("another-boot", &[&write(1, 5, true)]);
    verify_with(&[], &[&first, &second]).check_broken("stale write accepted", &["(1.jsonl:2)"]);
    verify_with(&[], &[&second, &first]).check_kept();
}

#[test]
fn resources_do_not_touch_each_other() {
    let other = "write 2 a resource=tape token=5 accepted=true";
    verify(&[&write(1, 7, true), other]).check_kept();
}

#[test]
fn a_write_that_undid_others_although_tokens_were_looked_at_is_told() {
    let undoing = "write 1 a resource=disk token=5 accepted=true overwrote=2";
    verify(&[undoing]).check_broken("write lost", &["token 5 (0.jsonl:2)", "2 writes"]);
}

#[test]
fn without_tokens_writes_are_counted_and_not_judged() {
    let verdict = verify(&[
        "unchecked 1 b resource=disk token=7",
        "unchecked 2 a resource=disk token=5 overwrote=1",
    ]);
    verdict.check_kept();
    assert_eq!(verdict.count("writes without tokens"), 2);
    assert_eq!(verdict.count("writes that those undid"), 1);
}
