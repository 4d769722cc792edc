//! Lines that say nothing clear are refused with their place and what to do.

use crate::chaos::judge::{log, verify, verify_with};
use crate::cluster::tenure;

#[test]
fn each_line_that_cannot_be_understood_is_named() {
    let cases: [(&str, &str); 23] = [
        (r#"{"event":"granted","at":1,"client":"a","lock":"m"}"#, "\"granted\" needs \"token\""),
        (r#"{"event":"granted","at":1,"client":"a","token":5}"#, "\"granted\" needs \"lock\""),
        (r#"{"event":"waiting","at":1,"lock":"m"}"#, "\"waiting\" needs \"client\""),
        (r#"{"event":"waiting","client":"a","lock":"m"}"#, "\"waiting\" needs \"at\""),
        (r#"{"event":"gone","at":1}"#, "\"gone\" needs \"client\""),
        (r#"{"event":"write","at":1,"token":5,"accepted":true}"#, "\"write\" needs \"resource\""),
        (r#"{"event":"write","at":1,"token":5,"resource":"r"}"#, "\"write\" needs \"accepted\""),
        (r#"{"event":"log"}"#, "\"log\" needs \"boot\""),
        (r#"{"event":"grant","at":1}"#, "unknown variant `grant`"),
        (r#"{"event":"granted","premits":1}"#, "unknown field `premits`"),
        (r#"{"event":"granted","at":1,"client":"a","lock":"m","token":0}"#, "the token 0"),
        (
            r#"{"event":"granted","at":1,"client":"a","lock":"m","token":5,"permits":2}"#,
            "\"permits\" goes with a \"limit\"",
        ),
        (
            r#"{"event":"granted","at":1,"client":"a","lock":"m","token":5,"permits":4,"limit":3}"#,
            "4 permits of 3",
        ),
        (r#"{"event":"ended","at":1,"client":"a","lock":"m","token":5}"#, "holds no such token"),
        (r#"{"event":"gave_up","at":1,"client":"a","lock":"m"}"#, "did not wait"),
        (
            r#"{"event":"granted","at":1,"client":"a","lock":"m","token":5,"also":["n","m"]}"#,
            "\"m\" is there twice",
        ),
        (r#"{"event":"granted","also":"n"}"#, "invalid type: string"),
        (
            r#"{"event":"handed","at":1,"client":"a","lock":"m","token":5}"#,
            "\"handed\" needs \"to\"",
        ),
        (r#"{"event":"validated","at":1,"client":"a","lock":"m","token":5}"#, "needs \"accepted\""),
        (r#"{"event":"breaking","at":1,"client":"a","lock":"m"}"#, "\"breaking\" needs \"token\""),
        (r#"{"event":"broke","at":1,"client":"a","lock":"m","token":5}"#, "was not breaking"),
        (r#"{"event":"spared","at":1,"client":"a","lock":"m","token":5}"#, "was not breaking"),
        ("granted 1 a", "column 1: expected value"),
    ];
    for (line, what) in cases {
        let text = log("this-boot", &["observing 1 o"]) + line + "\n";
        verify_with(&[], &[&text]).check_refused(&[
            "tenure: 0.jsonl:3: ",
            what,
            "docs/developers/chaos.md",
        ]);
    }
}

#[test]
fn a_log_without_a_head_has_no_clock() {
    let line = "{\"event\":\"waiting\",\"at\":1,\"client\":\"a\",\"lock\":\"m\"}\n";
    let parts = ["0.jsonl:1", "{\"event\":\"log\",\"boot\":\"…\"}", "boot_id"];
    verify_with(&[], &[line]).check_refused(&parts);
    let second = verify_with(&[], &[&log("this-boot", &[]), line]);
    second.check_refused(&["1.jsonl:1"]);
}

#[test]
fn stamps_of_one_grant_or_wait_do_not_go_back() {
    let parts = ["0.jsonl:3", "the stamp 9 is before 10", "CLOCK_BOOTTIME"];
    verify(&["granted 10 a token=5", "ended 9 a token=5"]).check_refused(&parts);
    verify(&["waiting 10 a", "granted 9 a token=5"]).check_refused(&parts);
    verify(&["waiting 10 a", "gave_up 9 a"]).check_refused(&parts);
}

#[test]
fn a_client_waits_once_for_a_lock_at_a_time() {
    verify(&["waiting 1 a", "waiting 2 a"]).check_refused(&["0.jsonl:3", "name of its own"]);
    verify(&["waiting 1 a", "waiting 2 a lock=n", "gave_up 3 a", "waiting 4 a"]).check_kept();
}

#[test]
fn a_last_line_that_was_cut_off_by_a_kill_is_passed_over_and_counted() {
    let whole = log("this-boot", &["granted 10 a token=5"]);
    let verdict = verify_with(&[], &[&(whole.clone() + "{\"event\":\"en")]);
    verdict.check_kept();
    assert_eq!(verdict.count("lines cut off at the end of a log"), 1);
    verify_with(&[], &[&(whole + "{\"event\":\"en\n")]).check_refused(&["0.jsonl:3"]);
}

#[test]
fn a_writer_may_add_notes_and_empty_lines() {
    let line = "{\"event\":\"waiting\",\"at\":1,\"client\":\"a\",\"lock\":\"m\",\"note\":{\"job\":[7]}}\n\n";
    verify_with(&[], &[&(log("this-boot", &[]) + line)]).check_kept();
}

#[test]
fn a_log_of_nothing_proves_nothing_and_says_so() {
    let verdict = verify(&[]);
    verdict.check_kept();
    assert!(verdict.stdout.contains("nothing was proved of beliefs"), "{}", verdict.stdout);
}

#[test]
fn an_absent_log_is_a_usage_error() {
    let output = tenure().args(["verify", "/no/such/log"]).output().expect("tenure runs");
    let text = String::from_utf8(output.stderr).expect("it speaks UTF-8");
    assert_eq!(output.status.code(), Some(2));
    assert!(text.starts_with("tenure: cannot read the log /no/such/log: "), "{text}");
}
