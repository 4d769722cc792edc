//! The decisions of rules (L27): for names and subjects that look alike, and for every operation with every set of rights.

use super::access::{allow, at_level_3, change, denied, open, rule, take, turn_on};
use super::script::{Script, acquire, all, name, release, transfer, try_acquire};
use crate::base::rng::Rng;
use crate::base::{RequestId, Right, Rights, Token};
use crate::lock::{AccessChange, Answer, BreakWay, Command, Needed, Operation, Outcome};

#[test]
fn l27_a_list_has_what_may_be_read_and_walks_over_nothing_else() {
    let mut script = at_level_3();
    turn_on(&mut script);
    allow(&mut script, "client/a", "acquire", "*");
    for (who, names) in
        [("client/*", "b/"), ("client/a", "b/x/"), ("client/a", "d"), ("client/a", "b!")]
    {
        allow(&mut script, who, "read", names);
    }
    let a = open(&mut script, "a", "client/a");
    let names = ["a", "b", "b!", "b!x", "b/", "b/x", "b/x/1", "b/y", "bb", "c", "d", "d/x"];
    for (request, lock) in (1..).zip(names) {
        script.acquire(a, request, lock);
    }
    let listed =
        |script: &mut Script, prefix: &str, after: Option<&str>, limit: usize| -> Vec<String> {
            let reader = script.machine.reader(&"client/a".parse().unwrap());
            let after = after.map(name);
            let locks = script.machine.locks_for(&reader, prefix, after.as_ref(), limit);
            locks.into_iter().map(|lock| lock.name.as_str().to_owned()).collect()
        };
    let readable = ["b", "b!", "b/", "b/x", "b/x/1", "b/y", "d"];
    assert_eq!(listed(&mut script, "", None, 99), readable);
    for size in 1..=7 {
        let (mut all, mut after): (Vec<String>, Option<String>) = (Vec::new(), None);
        loop {
            let part = listed(&mut script, "", after.as_deref(), size);
            let Some(last) = part.last() else { break };
            after = Some(last.clone());
            all.extend(part);
        }
        assert_eq!(all, readable, "{size} at a time");
    }
    assert_eq!(listed(&mut script, "b/x", None, 99), ["b/x", "b/x/1"]);
    assert_eq!(listed(&mut script, "c", None, 99), [""; 0]);
    change(&mut script, AccessChange::Off);
    assert_eq!(listed(&mut script, "", None, 99).len(), names.len());
}

/// The index decides as the rules do, one by one.
#[test]
fn l27_the_index_of_a_subject_agrees_with_the_rules() {
    let whos = [
        "client/a",
        "client/ab",
        "client/a*",
        "client/a/*",
        "client/*",
        "*",
        "operator/a",
        "local/*",
    ];
    let texts = ["a", "a/", "a/b", "a/b/", "a//", "ab", "b/", "*", "a/b/c/", "é/"];
    let names =
        ["a", "a/", "a/b", "a/b/", "a/b/c", "a//", "a///", "ab", "b", "b/x", "a!", "é", "é/x", "/"];
    let subjects =
        ["client/a", "client/ab", "client/a/x", "client/b", "operator/a", "local/3", "anonymous"];
    let mut allowed = 0;
    for seed in 0..300 {
        let mut rng = Rng::new(seed);
        let mut script = at_level_3();
        turn_on(&mut script);
        let pick =
            |rng: &mut Rng, from: &[&'static str]| from[rng.below(from.len() as u64) as usize];
        let mut rules = Vec::new();
        for _ in 0..rng.between(1, 8) {
            let (who, names) = (pick(&mut rng, &whos), pick(&mut rng, &texts));
            allow(&mut script, who, "acquire", names);
            rules.push(rule(who, "acquire", names));
        }
        for subject in subjects {
            let session = open(&mut script, "s", subject);
            for (request, lock) in (1..).zip(names) {
                let plainly =
                    rules.iter().any(|it| it.who.covers(subject) && it.names.covers(lock));
                let machine = &script.machine;
                let is = machine.may(&subject.parse().unwrap(), Right::Acquire, &name(lock));
                assert_eq!(is, plainly, "{subject} {lock:?}: {rules:?}");
                let answer = script.acquire(session, request, lock);
                let is_denied = answer == denied(Right::Acquire, lock);
                assert_eq!(!is_denied, plainly, "{subject} {lock:?}: {answer:?}, {rules:?}");
                allowed += u64::from(plainly);
            }
            script.close(session, 99);
        }
    }
    assert!(allowed > 1000, "{allowed}");
}

/// Every operation, for a subject with one right, none, or all.
#[test]
fn l27_each_operation_is_done_by_who_has_what_it_needs_and_by_nobody_else() {
    let operations: Vec<Operation> = vec![
        acquire("x"),
        try_acquire("x"),
        all(&["x", "y"]),
        release("x", 1),
        Operation::Withdraw { acquire: RequestId(1) },
        Operation::Proclaim { name: name("x"), token: Token(1), value: vec![1] },
        transfer("x", 1, None),
        transfer("x", 1, Some("b")),
        take("x", BreakWay::Now, None),
        take("x", BreakWay::Ask { grace_ms: None }, None),
        take("x", BreakWay::Ask { grace_ms: None }, Some("b")),
        Operation::Close,
    ];
    let sets = (0..32_u32).map(|bits| {
        let chosen =
            Right::ALL.into_iter().enumerate().filter(move |(at, _)| bits & (1 << at) != 0);
        Rights::of(chosen.map(|(_, right)| right))
    });
    for rights in sets {
        for operation in &operations {
            let mut script = at_level_3();
            turn_on(&mut script);
            let [of_names, of_cluster] =
                [Rights::OF_NAMES, Rights::OF_CLUSTER].map(|it| rights.common(it));
            if !of_names.is_empty() {
                allow(&mut script, "client/a", &of_names.to_string(), "*");
            }
            if !of_cluster.is_empty() {
                allow(&mut script, "client/a", &of_cluster.to_string(), "");
            }
            let a = open(&mut script, "a", "client/a");
            let needed: &[Right] = match operation.needed() {
                Needed::Names { rights, .. } => rights,
                _ => &[],
            };
            let may = needed.iter().all(|right| rights.has(*right));
            let floor = RequestId(1);
            let command = Command::Request {
                session: a,
                request: RequestId(5),
                floor,
                operation: operation.clone(),
            };
            let outcome = script.apply(&command).outcome;
            let is_denied =
                matches!(outcome, Some(Outcome::Answered { answer: Answer::Denied { .. }, .. }));
            assert_eq!(!is_denied, may, "[{rights}] {operation:?}: {outcome:?}");
        }
    }
}
