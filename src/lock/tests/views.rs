//! Reads, and the hash of the state.

use super::script::{Script, acquire, granted, name, open_session};
use crate::base::{Index, RequestId, SessionId, SessionKey, Term, Token};
use crate::lock::{Answer, Command, LockMachine, Operation, Settings};

#[test]
fn a_session_is_opened_only_by_its_key() {
    let mut script = Script::default();
    let session = script.open("a");
    assert_eq!(script.machine.check_key(session, &SessionKey([9; 16])), Some(true));
    assert_eq!(script.machine.check_key(session, &SessionKey([8; 16])), Some(false));
    assert_eq!(script.machine.check_key(SessionId(99), &SessionKey([9; 16])), None);
}

#[test]
fn standing_lists_grants_and_places_and_nothing_that_is_fixed() {
    let mut script = Script::default();
    let (first, second) = (script.open("a"), script.open("b"));
    script.acquire(first, 1, "x");
    script.acquire(second, 1, "x");
    script.acquire(second, 2, "y");
    script.acquire(second, 3, "z");
    script.release(second, 4, "z", 3);
    let standing = script.machine.standing(second);
    let expected = [(RequestId(1), Answer::Queued { ahead: 0 }), (RequestId(2), granted(2))];
    assert_eq!(standing, expected);
    let view = script.machine.session(second).expect("alive");
    assert_eq!((view.client.as_str(), view.grants, view.waiting), ("b", 1, 1));
    assert_eq!(script.machine.standing(SessionId(99)), []);
}

#[test]
fn a_token_is_valid_only_for_its_lock_and_while_it_holds() {
    let mut script = Script::default();
    let session = script.open("a");
    script.acquire(session, 1, "x");
    script.acquire(session, 2, "y");
    assert!(script.machine.is_held_by(&name("x"), Token(1)));
    assert!(!script.machine.is_held_by(&name("x"), Token(2)));
    script.release(session, 3, "x", 1);
    assert!(!script.machine.is_held_by(&name("x"), Token(1)));
}

#[test]
fn locks_are_listed_by_prefix_in_pages() {
    let mut script = Script::default();
    let session = script.open("a");
    for (request, lock) in (1..).zip(["b/2", "a/1", "b/1", "b", "c", "b/3"]) {
        script.acquire(session, request, lock);
    }
    let listed = |prefix: &str, after: Option<&str>, limit| {
        let after = after.map(name);
        let views = script.machine.locks(prefix, after.as_ref(), limit);
        views.iter().map(|view| view.name.as_str().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(listed("", None, 9), ["a/1", "b", "b/1", "b/2", "b/3", "c"]);
    assert_eq!(listed("b/", None, 2), ["b/1", "b/2"]);
    assert_eq!(listed("b/", Some("b/2"), 2), ["b/3"]);
    assert_eq!(listed("b/", Some("a/1"), 1), ["b/1"]);
    assert_eq!(listed("b/", Some("c"), 9), [""; 0]);
    assert_eq!(listed("", None, 0), [""; 0]);
}

#[test]
fn a_lock_shows_its_holder_and_its_waiters() {
    let mut script = Script::default();
    let (first, second) = (script.open("a"), script.open("b"));
    script.acquire(first, 1, "x");
    script.acquire(second, 1, "x");
    let view = script.machine.lock(&name("x")).expect("held");
    assert_eq!((view.session, view.client.as_str(), view.since_unix_ms), (first, "a", 1003));
    let waiter = &view.waiters[0];
    assert_eq!((waiter.session, waiter.client.as_str(), waiter.since_unix_ms), (second, "b", 1004));
    assert_eq!(script.machine.lock(&name("y")), None);
}

/// A log in which each entry leaves a trace of another kind in the state.
fn log_of_all_kinds() -> Vec<Command> {
    let request = |session, request, operation| {
        let (session, request) = (SessionId(session), RequestId(request));
        Command::Request { session, request, floor: RequestId(1), operation }
    };
    vec![
        Command::Settings(Settings { lease_ms: 150, ttl_ms_max: 60_000, level: 1 }),
        open_session("a"),
        open_session("b"),
        request(2, 1, acquire("x")),
        request(3, 1, acquire("x")),
        request(2, 2, super::script::try_acquire("x")),
        request(2, 3, super::script::release("x", 1)),
        request(3, 7, Operation::Withdraw { acquire: RequestId(6) }),
        Command::Expire { session: SessionId(2), term: Term(1) },
    ]
}

fn hashes(log: &[Command]) -> Vec<u64> {
    let mut machine = LockMachine::new();
    let apply = |(index, command): (u64, &Command)| {
        machine.apply(Index(index), Term(1), index, command);
        machine.state_hash()
    };
    (1..).zip(log).map(apply).collect()
}

#[test]
fn the_same_log_gives_the_same_hash_and_each_entry_changes_it() {
    let log = log_of_all_kinds();
    let first = hashes(&log);
    assert_eq!(first, hashes(&log));
    let mut distinct = first.clone();
    distinct.sort_unstable();
    distinct.dedup();
    assert_eq!(distinct.len(), first.len());
}

#[test]
fn a_state_that_differs_in_one_field_has_another_hash() {
    let log = log_of_all_kinds();
    let expected = *hashes(&log[..6]).last().expect("entries");
    let changes: [fn(&mut Vec<Command>); 4] = [
        |log| log[0] = Command::Settings(Settings { lease_ms: 151, ttl_ms_max: 60_000, level: 1 }),
        |log| log[1] = open_session("A"),
        |log| {
            let Command::Request { floor, .. } = &mut log[5] else { panic!("a request") };
            *floor = RequestId(2);
        },
        |log| {
            let Command::Request { operation: Operation::Acquire(acquire), .. } = &mut log[4]
            else {
                panic!("an acquire")
            };
            acquire.value = vec![0];
        },
    ];
    for (number, change) in changes.iter().enumerate() {
        let mut changed = log[..6].to_vec();
        change(&mut changed);
        assert_ne!(*hashes(&changed).last().expect("entries"), expected, "change {number}");
    }
}
