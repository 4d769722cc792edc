//! Break: a lock is taken from its holder (L23).

use super::script::{Script, all, ask, granted, handed_to, name, plain, take, transfer, with};
use crate::base::{Owner, RequestId, SessionId, Token};
use crate::lock::asked::Mark;
use crate::lock::{
    Acquire, Answer, AskedHolder, BreakWay, Command, LockMachine, Mode, Operation, Outcome, Refusal,
};

fn asked(session: SessionId, lock: &str, token: u64, grace_ms: u32) -> AskedHolder {
    let (name, token, reason) = (name(lock), Token(token), "why".into());
    AskedHolder { session, name, token, grace_ms, reason }
}

fn taken(session: SessionId, lock: &str, token: u64) -> AskedHolder {
    AskedHolder { reason: "now".into(), ..asked(session, lock, token, 0) }
}

/// "a" holds x, "b" and "c" wait for it; "d" does neither.
fn awaited() -> (Script, [SessionId; 4]) {
    let mut script = Script::default();
    let sessions = ["a", "b", "c", "d"].map(|client| script.open(client));
    for session in &sessions[..3] {
        script.acquire(*session, 1, "x");
    }
    (script, sessions)
}

/// Two read x.
fn read() -> (Script, [SessionId; 3]) {
    let mut script = Script::default();
    let sessions = ["a", "b", "c"].map(|client| script.open(client));
    for session in &sessions[..2] {
        script.request(*session, 1, with("x", |acquire| acquire.mode = Mode::Shared));
    }
    (script, sessions)
}

#[test]
fn a_holder_is_asked_and_keeps_what_it_was_told_until_it_ends() {
    let (mut script, [a, b, _, d]) = awaited();
    let (answer, applied) = script.submit(d, 1, ask("x", 1, Some(500), None));
    assert_eq!((answer, applied.asked), (Answer::Done, vec![asked(a, "x", 1, 500)]));
    assert_eq!((applied.granted, applied.changes), (vec![], vec![]));
    assert_eq!(script.machine.asked(a), [asked(a, "x", 1, 500)]);
    assert_eq!(script.machine.asked(b), []);
    assert!(script.machine.lock(&name("x")).expect("held").is_asked);
    assert!(script.machine.is_held_by(&name("x"), Token(1)));
    assert_eq!(script.acquire(a, 1, "x"), granted(1));
    assert_eq!(script.release(a, 2, "x", 1).1, [handed_to(b, 1, 2)]);
    assert!(!script.machine.lock(&name("x")).expect("held").is_asked);
    assert_eq!(script.machine.asked(a), []);
}

#[test]
fn the_grace_is_the_holders_ttl_if_none_is_named_and_at_least_1_ms() {
    let (mut script, [a, .., d]) = awaited();
    let named = [(None, 10_000), (Some(0), 1), (Some(u32::MAX), 3_600_000)];
    for (request, (grace_ms, expected)) in (1..).zip(named) {
        let (_, applied) = script.submit(d, request, ask("x", 1, grace_ms, None));
        assert_eq!(applied.asked, [asked(a, "x", 1, expected)], "{grace_ms:?}");
    }
}

#[test]
fn of_several_breaks_the_newest_counts() {
    let (mut script, [a, _, c, d]) = awaited();
    script.request(d, 1, ask("x", 1, Some(5), Some("b")));
    script.request(d, 2, ask("x", 1, Some(900), Some("c")));
    assert_eq!(script.machine.asked(a), [asked(a, "x", 1, 900)]);
    assert_eq!(script.release(a, 2, "x", 1).1, [handed_to(c, 1, 2)]);
}

#[test]
fn a_break_of_no_token_is_for_all_holders_and_one_of_a_token_for_that_alone() {
    let (mut script, [a, b, c]) = read();
    let (_, applied) = script.submit(c, 1, ask("x", 2, Some(7), None));
    assert_eq!(applied.asked, [asked(b, "x", 2, 7)]);
    assert!(!script.machine.lock(&name("x")).expect("held").is_asked, "the oldest is not");
    let (_, applied) = script.submit(c, 2, ask("x", 0, Some(8), None));
    assert_eq!(applied.asked, [asked(a, "x", 1, 8), asked(b, "x", 2, 8)]);
}

#[test]
fn a_break_of_what_nobody_holds_so_does_nothing() {
    let (mut script, [a, _, _, d]) = awaited();
    for (request, lock, token) in [(1, "y", 0), (3, "x", 2)] {
        for (request, order) in
            [(request, ask(lock, token, None, None)), (request + 1, take(lock, token, None))]
        {
            let (answer, applied) = script.submit(d, request, order);
            assert_eq!((answer, applied.asked), (Answer::NotHeld, vec![]), "{lock} {token}");
        }
    }
    assert_eq!((script.machine.asked(a), script.holder("x")), (vec![], 1));
}

#[test]
fn a_break_for_somebody_who_does_not_wait_does_nothing() {
    let (mut script, [a, .., d]) = awaited();
    for (request, order) in [(1, ask("x", 0, None, Some("a"))), (2, take("x", 0, Some("nobody")))] {
        let (answer, applied) = script.submit(d, request, order);
        assert_eq!((answer, applied.asked), (Answer::NoWaiter, vec![]));
    }
    assert_eq!((script.machine.asked(a), script.holder("x")), (vec![], 1));
}

#[test]
fn a_reason_has_at_most_255_bytes() {
    let (mut script, [.., d]) = awaited();
    let order = |bytes| {
        let (way, reason) = (BreakWay::Ask { grace_ms: None }, "r".repeat(bytes));
        Operation::Break { name: name("x"), token: Token(0), way, to: None, reason }
    };
    assert_eq!(script.request(d, 1, order(256)).0, Answer::Refused(Refusal::Invalid));
    assert_eq!(script.request(d, 2, order(255)).0, Answer::Done);
}

#[test]
fn a_break_now_takes_it_with_all_handles_and_tells_its_holder() {
    let mut script = Script::default();
    let (a, b) = (script.open("a"), script.open("b"));
    let enter = || with("x", |acquire| acquire.owner = Owner(5));
    script.request(a, 1, enter());
    script.request(a, 2, enter());
    let (answer, applied) = script.submit(b, 1, take("x", 0, None));
    assert_eq!((answer, applied.asked), (Answer::Done, vec![taken(a, "x", 1)]));
    for request in [1, 2] {
        assert_eq!(script.request(a, request, enter()).0, Answer::Ended { token: Token(1) });
    }
    assert_eq!(script.release(a, 9, "x", 1).0, Answer::NotHeld);
    assert_eq!((script.machine.asked(a), script.machine.held_count()), (vec![], 0));
}

#[test]
fn a_break_now_hands_it_on_in_the_same_apply_to_who_is_named() {
    let (mut script, [a, _, c, d]) = awaited();
    let (_, applied) = script.submit(d, 1, take("x", 1, Some("c")));
    assert_eq!(applied.asked, [taken(a, "x", 1)]);
    assert_eq!(applied.granted, [handed_to(c, 1, 2)]);
}

#[test]
fn l16_a_break_now_leaves_no_delay_and_an_expiry_of_who_was_asked_leaves_its_own() {
    let delayed = || with("x", |acquire| acquire.delay_ms = 70);
    let mut script = Script::default();
    let (a, b) = (script.open("a"), script.open("b"));
    script.request(a, 1, delayed());
    script.request(b, 1, delayed());
    let (_, applied) = script.submit(b, 2, take("x", 0, None));
    assert_eq!((applied.delayed, applied.granted), (vec![], vec![handed_to(b, 1, 2)]));
    script.acquire(a, 2, "x");
    let heir = script.open("heir");
    script.acquire(heir, 1, "x");
    script.request(a, 3, ask("x", 0, None, Some("heir")));
    let applied = script.expire(b, 1);
    assert_eq!((applied.delayed.len(), applied.granted), (1, vec![]));
    let term = crate::base::Term(1);
    let over = Command::DelayOver { name: name("x"), token: Token(2), term };
    assert_eq!(script.apply(&over).granted, [handed_to(heir, 1, 3)]);
}

#[test]
fn a_grant_of_several_locks_is_asked_once_and_taken_from_all() {
    let mut script = Script::default();
    let (a, b) = (script.open("a"), script.open("b"));
    script.request(a, 1, all(&["x", "y"]));
    let (_, applied) = script.submit(b, 1, ask("y", 0, Some(5), None));
    assert_eq!(applied.asked, [asked(a, "y", 1, 5)]);
    assert_eq!(script.machine.asked(a), [asked(a, "y", 1, 5)]);
    assert!(script.machine.lock(&name("x")).expect("held").is_asked);
    let order = |lock: &str| script.machine.order(&name(lock)).map(|(asked, _)| asked.token);
    assert_eq!(["x", "y", "z"].map(order), [Some(Token(1)), Some(Token(1)), None]);
    script.acquire(b, 2, "x");
    let (_, applied) = script.submit(b, 3, take("y", 1, None));
    assert_eq!(applied.granted, [handed_to(b, 2, 2)]);
    assert_eq!(script.machine.held_count(), 1);
}

#[test]
fn who_breaks_may_hold_it_itself() {
    let (mut script, [a, b, ..]) = awaited();
    let (_, applied) = script.submit(a, 2, ask("x", 1, Some(5), None));
    assert_eq!(applied.asked, [asked(a, "x", 1, 5)]);
    let (_, applied) = script.submit(a, 3, take("x", 1, None));
    assert_eq!(
        (applied.asked, applied.granted),
        (vec![taken(a, "x", 1)], vec![handed_to(b, 1, 2)])
    );
}

#[test]
fn l17_a_break_that_is_repeated_asks_once() {
    let (mut script, [.., d]) = awaited();
    script.request(d, 1, take("x", 0, None));
    let (answer, applied) = script.submit(d, 1, take("x", 0, None));
    assert_eq!((answer, applied.asked), (Answer::Done, vec![]));
    assert_eq!(script.holder("x"), 2);
}

#[test]
fn what_was_asked_is_told_in_the_order_of_tokens_and_is_in_the_snapshot() {
    let mut script = Script::default();
    let (a, b) = (script.open("a"), script.open("b"));
    for (request, lock) in [(1, "z"), (2, "y"), (3, "x")] {
        script.acquire(a, request, lock);
        script.acquire(b, request, lock);
    }
    script.request(b, 4, ask("x", 0, Some(1), Some("b")));
    script.request(b, 5, ask("z", 0, Some(2), None));
    let hash = script.machine.state_hash();
    script.replace(|machine| LockMachine::decode(&machine.encode()).expect("its own bytes"));
    assert_eq!(script.machine.state_hash(), hash);
    assert_eq!(script.machine.asked(a), [asked(a, "z", 1, 2), asked(a, "x", 3, 1)]);
}

#[test]
fn each_part_of_a_mark_is_in_the_hash() {
    let reason = |text: &str| {
        let (way, reason) = (BreakWay::Ask { grace_ms: Some(5) }, text.to_owned());
        Operation::Break { name: name("x"), token: Token(0), way, to: None, reason }
    };
    let orders = [
        ask("x", 1, Some(5), None),
        ask("x", 1, Some(6), None),
        ask("x", 1, Some(5), Some("b")),
        ask("x", 1, Some(5), Some("c")),
        reason("why not"),
        take("z", 0, None),
    ];
    let mut hashes: Vec<u64> = Vec::new();
    for order in orders {
        let (mut script, [.., d]) = awaited();
        script.request(d, 1, order);
        hashes.push(script.machine.state_hash());
    }
    hashes.sort_unstable();
    hashes.dedup();
    assert_eq!(hashes.len(), 6);
}

#[test]
fn l22_a_session_that_ends_leaves_nothing_of_what_it_was_asked() {
    let (mut script, [a, .., d]) = awaited();
    script.request(d, 1, ask("x", 0, None, None));
    assert_eq!(script.close(a, 2).outcome, Some(Outcome::SessionEnded { session: a }));
    assert_eq!(script.machine.asked(a), []);
    assert!(script.machine.asked.is_empty());
}

/// A mark of token 1 that `spoil` has changed is found, and not decoded.
#[track_caller]
fn assert_found(spoil: impl FnOnce(&mut Mark), why: &str) {
    let (mut script, [.., d]) = awaited();
    script.request(d, 1, ask("x", 0, None, Some("b")));
    spoil(script.machine.asked.get_mut(&Token(1)).expect("it was asked"));
    let found = script.machine.examine().expect_err("it is spoilt");
    assert!(found.contains(why), "{found}");
    assert!(LockMachine::decode(&script.machine.encode()).is_err(), "{why}");
}

#[test]
fn o1_a_mark_that_no_log_leads_to_is_found() {
    assert_found(|mark| mark.name = name("y"), "not held");
    assert_found(|mark| mark.grace_ms = 0, "within 0 ms");
    assert_found(|mark| mark.grace_ms = 3_600_001, "within 3600001 ms");
    assert_found(|mark| mark.reason = "r".repeat(256).into(), "a reason of 256 bytes");
    assert_found(|mark| mark.heir = Some("h".repeat(256).into()), "heir of 1 has 256 bytes");
}

#[test]
fn a_transfer_of_what_was_asked_ends_it() {
    let (mut script, [a, b, _, d]) = awaited();
    script.request(d, 1, ask("x", 0, None, None));
    assert_eq!(script.request(a, 2, transfer("x", 1, None)).1, [handed_to(b, 1, 2)]);
    assert!(script.machine.asked.is_empty());
}

#[test]
fn one_more_handle_on_a_grant_that_is_asked_is_asked_too() {
    let mut script = Script::default();
    let (a, b) = (script.open("a"), script.open("b"));
    let enter = || Operation::Acquire(Acquire { owner: Owner(5), value: vec![1], ..plain("x") });
    script.request(a, 1, enter());
    script.request(b, 1, ask("x", 0, Some(9), None));
    assert_eq!(script.request(a, 2, enter()).0, granted(1));
    assert_eq!(script.machine.asked(a), [asked(a, "x", 1, 9)]);
    script.release(a, 3, "x", 1);
    assert_eq!(script.machine.asked(a), [asked(a, "x", 1, 9)]);
    assert_eq!(script.machine.standing(a), [(RequestId(2), granted(1))]);
}

#[test]
fn a_break_of_a_crowd_looks_each_holder_up_once() {
    let mut script = Script::default();
    let readers: Vec<SessionId> = (0..200).map(|at| script.open(&format!("r{at}"))).collect();
    for reader in &readers {
        script.request(*reader, 1, with("x", |acquire| acquire.mode = Mode::Shared));
    }
    let (writer, operator) = (script.open("writer"), script.open("operator"));
    script.acquire(writer, 1, "x");
    let before = script.machine.looked();
    let (answer, applied) = script.submit(operator, 1, take("x", 0, None));
    assert_eq!((answer, applied.asked.len(), applied.changes.len()), (Answer::Done, 200, 1));
    assert_eq!(applied.granted, [handed_to(writer, 1, 201)]);
    let looked = script.machine.looked() - before;
    assert!(looked <= 200 + 10, "{looked} names were looked up to take one lock from 200");
}
