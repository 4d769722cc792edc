//! Denials as their subjects hear them: at followers, in the sessions of others, and in old clients.

use super::requests::{HELD, requests, with_session};
use super::*;

#[test]
fn a_follower_tells_who_has_no_right_nothing_but_who_leads() {
    let (mut cluster, leader) = cluster_with_rights();
    allow(&mut cluster, leader, "client/other", "acquire,read", "*");
    let other = session(&mut cluster, leader, B, "client/other");
    cluster.request(leader, B, submit(other, 1, Operation::Acquire(acquire_of(HELD))));
    said(&mut cluster, B);
    cluster.advance_in_steps(300 * MS, 10 * MS);
    for follower in cluster.nodes().filter(|node| *node != leader).collect::<Vec<_>>() {
        connect(&mut cluster, follower, A, "client/a");
        let attach = Request::Attach { session: other, key: KEY };
        for (id, request) in (1..).zip(requests(other)) {
            let asked = with_session(request, other, id);
            for request in [attach.clone(), asked] {
                cluster.request(follower, A, request.clone());
                let told = said(&mut cluster, A);
                let is_nothing = |it: &ServerMessage| match it {
                    ServerMessage::Status { .. } | ServerMessage::Described { .. } => true,
                    ServerMessage::Ordered { answer, .. } => {
                        matches!(answer, OrderAnswer::Denied { .. })
                    }
                    _ => false,
                };
                // A snapshot is judged where it is asked for.
                assert!(told.iter().all(is_nothing), "{request:?}: {told:?}");
            }
        }
        cluster.disconnect_client(follower, A);
    }
}

#[test]
fn nobody_acts_in_a_session_of_somebody_else() {
    let (mut cluster, leader) = cluster_with_rights();
    allow(&mut cluster, leader, "client/*", "acquire,read,break", "*");
    let a = session(&mut cluster, leader, A, "client/a");
    cluster.request(leader, A, submit(a, 1, Operation::Acquire(acquire_of(HELD))));
    said(&mut cluster, A);
    let own = session(&mut cluster, leader, B, "client/b");
    let before = cluster.machine_index(leader);
    for operation in [
        Operation::Release { name: name(HELD), token: Token(1) },
        Operation::Transfer { name: name(HELD), token: Token(1), to: None },
        Operation::Proclaim { name: name(HELD), token: Token(1), value: b"mine".to_vec() },
        Operation::Withdraw { acquire: RequestId(1) },
        Operation::Close,
    ] {
        // Under a new id, and under one that the owner has used.
        for id in [1, 7] {
            cluster.request(leader, B, submit(a, id, operation.clone()));
            let told = said(&mut cluster, B);
            let is_none = |it: &ServerMessage| matches!(it, ServerMessage::Leader(_));
            assert!(told.iter().all(is_none), "{operation:?}: {told:?}");
        }
        let renew = Request::Renew { session: a, number: 9 };
        cluster.request(leader, B, renew);
        assert_eq!(said(&mut cluster, B), [], "not renewed");
    }
    let lock = cluster.machine(leader).lock(&name(HELD)).expect("it is held");
    assert_eq!((lock.session, lock.token, &lock.value[..]), (a, Token(1), &b""[..]));
    assert_eq!(cluster.machine_index(leader), before, "nothing of it was logged");
    assert_ne!(own, a);
}

#[test]
fn who_knows_no_denials_is_refused_and_has_a_line_in_the_trail_all_the_same() {
    let (mut cluster, leader) = cluster_with_rights();
    cluster.subject = "client/a".parse().unwrap();
    cluster.connect_old_client(leader, A);
    cluster.request(leader, A, open_session(1, 60_000));
    let opened = said(&mut cluster, A);
    let [ServerMessage::SessionOpened { session, .. }] = opened[..] else { panic!("{opened:?}") };
    let query = Query::Lock { name: name("x") };
    let snapshot = Order::Snapshot { at_least: None, offset: 0 };
    let asked = [
        (Request::Read { read: 3, query }, "read", Right::Read),
        (Request::Observe { read: 4, name: name("x"), since: None }, "read", Right::Read),
        (submit(session, 1, Operation::Acquire(acquire_of("x"))), "acquire", Right::Acquire),
        (Request::Order { read: 5, order: snapshot }, "operate", Right::Operate),
    ];
    for (request, right, kind) in asked {
        let before = denials(&cluster, leader)[RightKind::from(kind) as usize];
        cluster.request(leader, A, request);
        let told = said(&mut cluster, A);
        let is_refused = matches!(
            &told[..],
            [ServerMessage::Read { answer: ReadAnswer::Refused(Refusal::Denied), .. }]
                | [ServerMessage::Answered { answer: Answer::Refused(Refusal::Unsupported), .. }]
                | [ServerMessage::Ordered { answer: OrderAnswer::Refused { .. }, .. }]
        );
        assert!(is_refused, "{told:?}");
        let noted = std::mem::take(&mut cluster.noted);
        let [(A, text)] = &noted[..] else { panic!("{noted:?}") };
        assert!(text.contains(&format!("client/a lacks the right {right}")), "{text}");
        assert_eq!(denials(&cluster, leader)[RightKind::from(kind) as usize], before + 1);
    }
}
