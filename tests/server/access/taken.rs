//! Rights that are taken away: what ends by it and what stays, for waiters, observers, lists, and across restarts.

use super::*;

#[test]
fn whoever_waits_is_told_that_its_right_was_taken_away_and_what_is_held_stays() {
    let (mut cluster, leader) = cluster_with_rights();
    allow(&mut cluster, leader, "client/*", "acquire,read", "jobs/");
    let a = session(&mut cluster, leader, A, "client/a");
    let b = session(&mut cluster, leader, B, "client/b");
    let acquire = |text: &str| Operation::Acquire(acquire_of(text));
    cluster.request(leader, A, submit(a, 1, acquire("jobs/x")));
    assert!(matches!(
        said(&mut cluster, A)[..],
        [ServerMessage::Answered { answer: Answer::Granted { .. }, .. }]
    ));
    cluster.request(leader, B, submit(b, 1, acquire("jobs/x")));
    assert!(matches!(
        said(&mut cluster, B)[..],
        [ServerMessage::Answered { answer: Answer::Queued { .. }, .. }]
    ));
    deny(&mut cluster, leader, "client/*", "acquire", "jobs/");
    let told = said(&mut cluster, B);
    let [ServerMessage::Denied { session, request: RequestId(1), text }] = &told[..] else {
        panic!("{told:?}")
    };
    assert_eq!(*session, b);
    assert_eq!(denials(&cluster, leader), counts(&[(RightKind::Acquire, 1)]));
    assert_eq!(
        text,
        "client/b lacks the right acquire for \"jobs/x\": whoever has admin can give it (`tenure access allow client/b acquire jobs/x`)"
    );
    assert_eq!(said(&mut cluster, A), []);
    cluster.request(
        leader,
        A,
        submit(a, 2, Operation::Release { name: name("jobs/x"), token: Token(1) }),
    );
    assert!(matches!(
        said(&mut cluster, A)[..],
        [ServerMessage::Answered { answer: Answer::Done, .. }]
    ));
    // The same at whoever leads next.
    cluster.crash(leader);
    let next = cluster.elect();
    connect(&mut cluster, next, B, "client/b");
    cluster.request(next, B, Request::Attach { session: b, key: KEY });
    cluster.request(next, B, submit(b, 1, acquire("jobs/x")));
    let told = said(&mut cluster, B);
    assert!(
        told.iter().any(|it| matches!(it, ServerMessage::Denied { request: RequestId(1), .. })),
        "{told:?}"
    );
}

#[test]
fn an_observer_hears_nothing_from_the_change_on_that_takes_its_right() {
    let (mut cluster, leader) = cluster_with_rights();
    allow(&mut cluster, leader, "client/*", "acquire,read", "x");
    let a = session(&mut cluster, leader, A, "client/a");
    connect(&mut cluster, leader, B, "client/b");
    cluster.request(leader, B, Request::Observe { read: 5, name: name("x"), since: None });
    assert!(matches!(said(&mut cluster, B)[..], [ServerMessage::Changed { read: 5, .. }]));
    cluster.request(leader, A, submit(a, 1, Operation::Acquire(acquire_of("x"))));
    assert!(matches!(said(&mut cluster, B)[..], [ServerMessage::Changed { read: 5, .. }]));
    deny(&mut cluster, leader, "client/*", "read", "x");
    let told = said(&mut cluster, B);
    let [ServerMessage::Read { read: 5, answer: ReadAnswer::Denied { text }, .. }] = &told[..]
    else {
        panic!("{told:?}")
    };
    assert!(text.starts_with("client/b lacks the right read for \"x\""), "{text}");
    cluster.request(
        leader,
        A,
        submit(a, 2, Operation::Release { name: name("x"), token: Token(1) }),
    );
    assert_eq!(said(&mut cluster, B), []);
    assert_eq!(cluster.server(leader).replica().unwrap().observer_count(), 0);
    assert_eq!(denials(&cluster, leader), counts(&[(RightKind::Read, 1)]));
    let results = requests_of(&cluster, leader, RequestKind::Observe);
    assert_eq!(
        (results[RequestResult::Ok as usize], results[RequestResult::Denied as usize]),
        (1, 0)
    );
    cluster.request(leader, B, Request::Observe { read: 6, name: name("x"), since: None });
    let told = said(&mut cluster, B);
    assert!(
        matches!(
            told[..],
            [ServerMessage::Read { read: 6, answer: ReadAnswer::Denied { .. }, .. }]
        ),
        "{told:?}"
    );
    assert_eq!(denials(&cluster, leader), counts(&[(RightKind::Read, 2)]));
    let results = requests_of(&cluster, leader, RequestKind::Observe);
    assert_eq!(
        (results[RequestResult::Ok as usize], results[RequestResult::Denied as usize]),
        (1, 1)
    );
}

#[test]
fn nobody_attaches_to_a_session_of_somebody_else_whatever_key_he_has() {
    for is_on in [false, true] {
        let (mut cluster, leader) = cluster_with_rights();
        if !is_on {
            change(&mut cluster, leader, AccessChange::Off);
        }
        let a = session(&mut cluster, leader, A, "client/a");
        for (subject, may) in
            [("client/b", false), (ROOT, false), ("anonymous", !is_on), ("client/a", true)]
        {
            connect(&mut cluster, leader, B, subject);
            cluster.request(leader, B, Request::Attach { session: a, key: KEY });
            let told = said(&mut cluster, B);
            match may {
                true => assert_eq!(told[0], ServerMessage::Attached { session: a }, "{subject}"),
                false => {
                    assert_eq!(told, [ServerMessage::AttachDenied { session: a }], "{subject}")
                }
            }
        }
        let others = if is_on { 3 } else { 2 };
        assert_eq!(denials(&cluster, leader), counts(&[(RightKind::Session, others)]));
    }
}

#[test]
fn a_list_has_only_what_may_be_read() {
    let (mut cluster, leader) = cluster_with_rights();
    allow(&mut cluster, leader, "client/a", "acquire,read", "*");
    allow(&mut cluster, leader, "client/b", "read", "b/");
    let a = session(&mut cluster, leader, A, "client/a");
    for (request, text) in (1..).zip(["a", "b/1", "b/2", "c"]) {
        cluster.request(leader, A, submit(a, request, Operation::Acquire(acquire_of(text))));
    }
    said(&mut cluster, A);
    connect(&mut cluster, leader, B, "client/b");
    let query = Query::Locks { prefix: String::new(), after: None, limit: 32 };
    cluster.request(leader, B, Request::Read { read: 1, query });
    let told = said(&mut cluster, B);
    let [ServerMessage::Read { answer: ReadAnswer::Locks { locks, more: false }, .. }] = &told[..]
    else {
        panic!("{told:?}")
    };
    let names: Vec<&str> = locks.iter().map(|(lock, _)| lock.name.as_str()).collect();
    assert_eq!(names, ["b/1", "b/2"]);
}

#[test]
fn rights_are_the_same_after_a_restart_and_after_a_restore() {
    let (mut cluster, leader) = cluster_with_rights();
    allow(&mut cluster, leader, "client/*", "acquire", "x");
    let machine = cluster.machine(leader).clone();
    let rules = machine.rules(None, 9);
    for node in cluster.nodes().collect::<Vec<_>>() {
        cluster.crash(node);
        cluster.restart(node);
    }
    let next = cluster.elect();
    cluster.advance_in_steps(300 * MS, 10 * MS);
    for node in cluster.nodes() {
        assert!(cluster.machine(node).has_rights_on());
        assert_eq!(cluster.machine(node).rules(None, 9), rules, "node {node}");
    }
    assert_eq!(machine.restored(None, WaitRule::Waived).unwrap().rules(None, 9), rules);
    // A snapshot is not for everybody.
    connect(&mut cluster, next, A, "client/a");
    let snapshot = || Order::Snapshot { at_least: None, offset: 0 };
    for node in cluster.nodes().collect::<Vec<_>>() {
        connect(&mut cluster, node, A, "client/a");
        let answer = order(&mut cluster, node, A, snapshot());
        assert!(matches!(answer, OrderAnswer::Denied { .. }), "{answer:?}");
    }
}
