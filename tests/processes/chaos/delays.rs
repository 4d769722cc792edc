//! Holders that were killed: nobody follows them before their session is over, and then their lock delay.

use crate::chaos::judge::{Verdict, verify};

/// a says at 2 ms that its lease stands 5 ms more, with a lock delay of 3 ms, and is gone at 4 ms; b is granted at `next`.
fn killed(next: u64) -> Verdict {
    verify(&[
        "granted 1000000 a token=5 delay_ms=3 remaining_ms=6",
        "held 2000000 a token=5 remaining_ms=5",
        "gone 4000000 a",
        &format!("granted {next} b token=6"),
    ])
}

#[test]
fn whoever_follows_waits_for_the_session_and_the_delay() {
    let verdict = killed(10_000_000);
    verdict.check_kept();
    assert_eq!(verdict.count("grants after a killed holder's lock delay"), 1);
    let parts = [
        "a under token 5 (0.jsonl:3), who was gone at 4000000",
        "free from 10000000",
        "b under token 6 at 9999999 (0.jsonl:5)",
    ];
    killed(9_999_999).check_broken("granted too early", &parts);
}

#[test]
fn without_a_delay_the_session_counts_alone() {
    let run = |next: u64| {
        let granted = format!("granted {next} b token=6");
        verify(&["granted 1000000 a token=5 remaining_ms=2", "gone 2000000 a", &granted])
    };
    run(3_000_000).check_kept();
    run(2_999_999).check_broken("granted too early", &["free from 3000000"]);
}

#[test]
fn of_two_words_that_a_client_is_gone_the_earlier_counts() {
    verify(&[
        "granted 1000000 a token=5 remaining_ms=2",
        "gone 9000000 a",
        "gone 2000000 a",
        "granted 2500000 b token=6",
    ])
    .check_broken("granted too early", &["gone at 2000000"]);
}

#[test]
fn a_holder_that_may_have_given_its_lock_back_leaves_no_delay() {
    let run = |lines: &[&str]| {
        let granted = ["granted 1000000 a token=5 delay_ms=3 remaining_ms=6"];
        verify(&[&granted[..], lines, &["granted 4000000 b token=6"]].concat()).check_kept();
    };
    // It ended its belief, and then released.
    run(&["ended 2000000 a token=5", "gone 3000000 a"]);
    // Its lease was over before it was gone, and then it releases in the background.
    run(&["held 2000000 a token=5 remaining_ms=1", "gone 3000000 a"]);
    // How long it would stand is not said of the last instant.
    run(&["held 2000000 a token=5", "gone 3000000 a"]);
    // It lives.
    run(&[]);
    // It was taken, which leaves no delay (L16).
    run(&["breaking 2000000 c token=5", "gone 3000000 a"]);
}

#[test]
fn readers_may_follow_a_reader_that_was_killed() {
    let run = |mode: &str| {
        let granted = format!("granted 3000000 b token=6 mode={mode}");
        verify(&[
            "granted 1000000 a token=5 mode=shared delay_ms=3 remaining_ms=6",
            "gone 2000000 a",
            &granted,
        ])
    };
    run("shared").check_kept();
    run("exclusive").check_broken("granted too early", &["b under token 6"]);
}

#[test]
fn a_delay_holds_each_lock_of_the_grant() {
    verify(&[
        "granted 1000000 a token=5 also=n delay_ms=3 remaining_ms=6",
        "gone 2000000 a",
        "granted 5000000 b token=6 lock=n",
    ])
    .check_broken("granted too early", &["\"n\" was held by a"]);
}
