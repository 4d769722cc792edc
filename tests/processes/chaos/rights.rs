//! Rights that are taken away and given back: who may not is granted and told nothing, and who may is not denied.

use crate::chaos::judge::{Verdict, verify};

/// The right of p to the lock is taken away from 20 to 25, and given back from 60 to 65; `lines` are what others say.
fn revoked(lines: &[&str]) -> Verdict {
    let changes = ["revoking 20", "revoked 25", "allowing 60", "allowed 65"];
    let rights = ["acquire", "read"]
        .map(|right| changes.map(|change| format!("{change} o principal=p right={right}")));
    let rights: Vec<&str> = rights.iter().flatten().map(String::as_str).collect();
    verify(&[&rights[..], lines].concat())
}

#[test]
fn a_denial_while_the_right_lacks_is_counted() {
    let verdict = revoked(&["waiting 30 a principal=p", "gave_up 35 a denied=true"]);
    verdict.check_kept();
    assert_eq!(verdict.count("acquires that were denied"), 1);
    // Either may be so until the order is answered.
    revoked(&["waiting 10 a principal=p", "gave_up 21 a denied=true"]).check_kept();
    revoked(&["waiting 64 a principal=p", "gave_up 70 a denied=true"]).check_kept();
}

#[test]
fn a_denial_of_what_nobody_took_away_is_told() {
    let parts = ["a asked for \"m\" at 5", "was denied it by 10", "from p"];
    revoked(&["waiting 5 a principal=p", "gave_up 10 a denied=true"])
        .check_broken("denied without cause", &parts);
    revoked(&["waiting 70 a principal=p", "gave_up 80 a denied=true"])
        .check_broken("denied without cause", &["at 70"]);
    revoked(&["waiting 30 a principal=q", "gave_up 35 a denied=true"])
        .check_broken("denied without cause", &["from q"]);
}

#[test]
fn of_several_names_each_may_be_the_one_that_is_denied() {
    let asks = |name: &str| {
        let waiting = format!("waiting 30 a principal=p lock={name} also=m,n");
        revoked(&[&waiting, &format!("gave_up 35 a denied=true lock={name}")])
    };
    asks("k").check_kept();
    assert_eq!(asks("k").count("acquires that were denied"), 1);
}

#[test]
fn a_grant_that_began_and_ended_while_the_right_lacked_is_told() {
    let grant = |from: u64, at: u64| {
        let waiting = format!("waiting {from} a principal=p");
        revoked(&[&waiting, &format!("granted {at} a token=5 principal=p")])
    };
    grant(26, 59).check_broken("granted without the right", &["a asked for \"m\" at 26", "by 59"]);
    // It may have been decided before, or behind.
    grant(24, 40).check_kept();
    grant(40, 61).check_kept();
    let several = ["waiting 30 a principal=p lock=k also=m", "granted 40 a token=5 lock=k also=m"];
    revoked(&several).check_broken("granted without the right", &["asked for \"m\""]);
}

#[test]
fn what_is_held_stays_and_is_counted() {
    let verdict = revoked(&["granted 10 a token=5 principal=p", "ended 30 a token=5"]);
    verdict.check_kept();
    assert_eq!(verdict.count("grants that stayed without their right"), 1);
}

#[test]
fn an_observer_that_began_without_the_right_is_told_nothing() {
    let sees = |from: u64, at: u64| {
        let observing = format!("observing {from} a principal=p");
        revoked(&[&observing, &format!("saw {at} a token=5")])
    };
    sees(30, 40).check_broken("told without the right", &["a began to observe \"m\" at 30"]);
    sees(10, 40).check_kept();
    sees(30, 62).check_kept();
}

#[test]
fn a_change_says_whose_right_it_is() {
    verify(&["revoking 20 o right=acquire"]).check_refused(&["\"revoking\" needs \"principal\""]);
    verify(&["allowed 20 o principal=p"]).check_refused(&["\"allowed\" needs \"right\""]);
    verify(&["allowed 20 o principal=p right=break"]).check_refused(&["unknown variant `break`"]);
}
