//! Who may what (L27), at whole servers: what each kind of request takes, whose a session is, what observers hear, and what
//! turning rights on demands of the members.

use crate::server::cluster::{Cluster, MS};
use crate::server::{KEY, acquire_of, name, open_session, submit};
use std::collections::BTreeSet;
use tenure::base::meters::{Counter, RequestKind, RequestResult, RightKind};
use tenure::base::{
    ConnectionId, CredentialHash, NodeId, RequestId, Right, Rights, SessionId, Subject, Token,
};
use tenure::lock::{
    AccessChange, Answer, BreakWay, Name, Names, Needed, Operation, Refusal, Rule, WaitRule,
};
use tenure::raft::Change;
use tenure::server::Bootstrap;
use tenure::wire::{
    AccessSaid, Order, OrderAnswer, Query, ReadAnswer, Request, ServerMessage, Speech,
};

const ADMIN: ConnectionId = ConnectionId(70);
const A: ConnectionId = ConnectionId(71);
const B: ConnectionId = ConnectionId(72);
const ROOT: &str = "operator/root";

fn tls(requires: Option<bool>) -> Speech {
    Speech { requires_tls: requires, ..Speech::own() }
}

/// Three nodes at level 3, each of which says this of itself.
fn cluster_saying(speech: [Option<bool>; 3]) -> (Cluster, NodeId) {
    let mut cluster = Cluster::new(0);
    for (id, requires) in (1..).zip(speech) {
        cluster.add_directory(NodeId(id), Bootstrap::Founder);
        cluster.set_speech(NodeId(id), tls(requires));
    }
    (1..=3).for_each(|id| cluster.restart(NodeId(id)));
    let leader = cluster.elect();
    cluster.advance_in_steps(300 * MS, 10 * MS);
    assert_eq!(cluster.machine(leader).level(), 3);
    (cluster, leader)
}

fn connect(cluster: &mut Cluster, node: NodeId, connection: ConnectionId, subject: &str) {
    cluster.subject = subject.parse().unwrap();
    cluster.connect_client(node, connection);
}

fn rule(who: &str, rights: &str, names: &str) -> Rule {
    let names = if names.is_empty() { Names::of_cluster() } else { names.parse().unwrap() };
    Rule { who: who.parse().unwrap(), names, rights: rights.parse().unwrap() }
}

fn order(
    cluster: &mut Cluster,
    node: NodeId,
    connection: ConnectionId,
    order: Order,
) -> OrderAnswer {
    cluster.request(node, connection, Request::Order { read: 1, order });
    let replies = cluster.settle_and_take(connection);
    let answered = replies.iter().find_map(|reply| match reply {
        ServerMessage::Ordered { answer, .. } => Some(answer.clone()),
        _ => None,
    });
    answered.unwrap_or_else(|| panic!("no answer in {replies:?}"))
}

fn change(cluster: &mut Cluster, leader: NodeId, change: AccessChange) -> AccessSaid {
    match order(cluster, leader, ADMIN, Order::Access { change }) {
        OrderAnswer::Access(values) => AccessSaid::from_values(&values),
        other => panic!("{other:?}"),
    }
}

fn allow(cluster: &mut Cluster, leader: NodeId, who: &str, rights: &str, names: &str) {
    assert!(change(cluster, leader, AccessChange::Allow(rule(who, rights, names))).is_changed);
}

fn deny(cluster: &mut Cluster, leader: NodeId, who: &str, rights: &str, names: &str) {
    assert!(change(cluster, leader, AccessChange::Deny(rule(who, rights, names))).is_changed);
}

/// Rights are on, and `root` has admin.
fn cluster_with_rights() -> (Cluster, NodeId) {
    let (mut cluster, leader) = cluster_saying([Some(true); 3]);
    connect(&mut cluster, leader, ADMIN, ROOT);
    allow(&mut cluster, leader, ROOT, "admin", "");
    assert!(change(&mut cluster, leader, AccessChange::On).is_changed);
    (cluster, leader)
}

fn session(
    cluster: &mut Cluster,
    node: NodeId,
    connection: ConnectionId,
    subject: &str,
) -> SessionId {
    connect(cluster, node, connection, subject);
    cluster.request(node, connection, open_session(1, 60_000));
    let replies = cluster.settle_and_take(connection);
    let opened = replies.iter().find_map(|reply| match reply {
        ServerMessage::SessionOpened { session, .. } => Some(*session),
        _ => None,
    });
    opened.unwrap_or_else(|| panic!("no session in {replies:?}"))
}

/// What it is told, leaders aside.
fn said(cluster: &mut Cluster, connection: ConnectionId) -> Vec<ServerMessage> {
    let all = cluster.settle_and_take(connection).into_iter();
    all.filter(|it| !matches!(it, ServerMessage::Leader(_) | ServerMessage::Condition(_))).collect()
}

fn is_denial(message: &ServerMessage) -> bool {
    matches!(
        message,
        ServerMessage::Denied { .. }
            | ServerMessage::Read { answer: ReadAnswer::Denied { .. }, .. }
            | ServerMessage::Ordered { answer: OrderAnswer::Denied { .. }, .. }
    )
}

/// Three nodes, of which one, a follower, runs 0.1.0.
fn cluster_with_old_follower() -> (Cluster, NodeId, NodeId) {
    let tried = (1..=3).map(|old| {
        let mut cluster = Cluster::new(0);
        for id in (1..=3).map(NodeId) {
            cluster.add_directory(id, Bootstrap::Founder);
            let speech = if id == NodeId(old) { Speech::of_0_1() } else { tls(Some(true)) };
            cluster.set_speech(id, speech);
        }
        (1..=3).for_each(|id| cluster.restart(NodeId(id)));
        let leader = cluster.elect();
        cluster.advance_in_steps(300 * MS, 10 * MS);
        (cluster, leader, NodeId(old))
    });
    tried.into_iter().find(|(_, leader, old)| leader != old).expect("one of three leads")
}

#[test]
fn a_change_below_the_level_is_refused_with_what_the_level_waits_for() {
    let (mut cluster, leader, old) = cluster_with_old_follower();
    connect(&mut cluster, leader, ADMIN, ROOT);
    let off = Order::Access { change: AccessChange::Off };
    let says =
        |cluster: &mut Cluster, part: String| match order(cluster, leader, ADMIN, off.clone()) {
            OrderAnswer::Refused { text } => assert!(text.ends_with(&part), "{text}"),
            other => panic!("{other:?}"),
        };
    says(&mut cluster, format!("a version that has rights: node {old} runs tenure 0.1"));
    cluster.crash(old);
    cluster.advance_in_steps(300 * MS, 10 * MS);
    says(&mut cluster, format!("a version that has rights: node {old} is not connected"));
    cluster.set_speech(old, tls(Some(true)));
    cluster.restart(old);
    cluster.advance_in_steps(300 * MS, 10 * MS);
    assert_eq!(cluster.machine(leader).level(), 3);
    assert!(!change(&mut cluster, leader, AccessChange::Off).is_changed);
}

#[test]
fn rights_stay_off_while_a_member_takes_connections_without_tls_or_nobody_knows_whether_it_does() {
    for (speech, why) in [
        ([Some(true), Some(false), Some(true)], "node 2 still takes connections without TLS"),
        ([Some(true), Some(true), None], "node 3 does not require TLS"),
    ] {
        let (mut cluster, leader) = cluster_saying(speech);
        connect(&mut cluster, leader, ADMIN, ROOT);
        allow(&mut cluster, leader, ROOT, "admin", "");
        let answer = order(&mut cluster, leader, ADMIN, Order::Access { change: AccessChange::On });
        let OrderAnswer::Refused { text } = answer else { panic!("{answer:?}") };
        assert!(text.contains(why), "{text}");
        assert!(!cluster.machine(leader).has_rights_on());
    }
    let (mut cluster, leader) = cluster_saying([Some(true); 3]);
    connect(&mut cluster, leader, ADMIN, ROOT);
    let on = || Order::Access { change: AccessChange::On };
    let OrderAnswer::Refused { text } = order(&mut cluster, leader, ADMIN, on()) else { panic!() };
    assert!(text.contains("nobody could change rights any more"), "{text}");
    allow(&mut cluster, leader, ROOT, "admin", "");
    let away = cluster.nodes().find(|node| *node != leader).unwrap();
    cluster.crash(away);
    let OrderAnswer::Refused { text } = order(&mut cluster, leader, ADMIN, on()) else { panic!() };
    assert!(text.contains(&format!("node {away} is not connected")), "{text}");
}

#[test]
fn a_node_that_takes_connections_without_tls_does_not_start_where_its_log_turns_rights_on() {
    let (mut cluster, leader) = cluster_with_rights();
    let node = cluster.nodes().find(|node| *node != leader).unwrap();
    cluster.crash(node);
    cluster.set_speech(node, tls(Some(false)));
    let why = cluster.try_restart(node).unwrap_err().to_string();
    assert!(
        why.contains("rights are on in this cluster") && why.contains("--tls optional"),
        "{why}"
    );
    cluster.set_speech(node, tls(Some(true)));
    cluster.restart(node);
    cluster.advance_in_steps(300 * MS, 10 * MS);
    assert!(change(&mut cluster, leader, AccessChange::Off).is_changed);
    cluster.advance_in_steps(300 * MS, 10 * MS);
    cluster.crash(node);
    cluster.set_speech(node, tls(Some(false)));
    cluster.restart(node);
    cluster.advance_in_steps(300 * MS, 10 * MS);
    assert_eq!(cluster.machine_index(node), cluster.machine_index(leader), "it goes on");
}

#[test]
fn an_order_that_was_refused_keeps_no_node_out() {
    let (mut cluster, leader) = cluster_saying([Some(true); 3]);
    connect(&mut cluster, leader, ADMIN, ROOT);
    let answer = order(&mut cluster, leader, ADMIN, Order::Access { change: AccessChange::On });
    assert!(matches!(answer, OrderAnswer::Refused { .. }), "nobody has admin: {answer:?}");
    let node = cluster.nodes().find(|node| *node != leader).unwrap();
    cluster.advance_in_steps(300 * MS, 10 * MS);
    cluster.crash(node);
    cluster.set_speech(node, tls(Some(false)));
    cluster.restart(node);
    cluster.advance_in_steps(300 * MS, 10 * MS);
    assert_eq!(cluster.machine_index(node), cluster.machine_index(leader), "it goes on");
}

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

/// Every kind of request, for subjects of each kind with each set of rights, to the name and to others: whoever has what the table says is not
/// denied, everybody else is, and each denial is counted once, under the right that was missing.
#[test]
fn each_kind_of_request_takes_what_the_table_says() {
    let (mut cluster, leader) = cluster_with_rights();
    // A holder, and a session of somebody else.
    allow(&mut cluster, leader, "client/other", "acquire", "*");
    let other = session(&mut cluster, leader, B, "client/other");
    cluster.request(leader, B, submit(other, 1, Operation::Acquire(acquire_of(HELD))));
    said(&mut cluster, B);
    let (mut kinds, mut number) = (BTreeSet::new(), 1000);
    for (kind, names) in [
        ("client/n", "*"),
        ("client/p", "held/"),
        ("client/x", "held/it"),
        ("client/o", "hel/"),
        ("client/b", "held/it/below"),
        ("operator/n", "*"),
        ("local/", "*"),
    ] {
        // All sets for clients; for the others none, those to names, and all.
        for bits in (0..32_usize).filter(|bits| kind == "client/n" || [0, 7, 31].contains(bits)) {
            let who = format!("{kind}{}", bits + 1);
            let rights = with_rights(&mut cluster, leader, (&who, names), bits);
            number += 1;
            let connection = ConnectionId(number);
            let own = session(&mut cluster, leader, connection, &who);
            for (id, request) in (1..).zip(requests(other)) {
                let request = with_session(request, own, id);
                kinds.insert(row(&request));
                let missing = missing(&request, rights, names);
                let before = denials(&cluster, leader);
                cluster.request(leader, connection, request.clone());
                let told = said(&mut cluster, connection);
                let what = format!("{who} [{rights}] {names} {request:?}: {told:?}");
                assert_eq!(told.iter().any(is_denial), missing.is_some(), "{what}");
                let counted = denials(&cluster, leader).into_iter().zip(before);
                let counted: Vec<u64> = counted.map(|(now, then)| now - then).collect();
                let lacking: Vec<_> = missing.iter().map(|right| ((*right).into(), 1)).collect();
                assert_eq!(counted, counts(&lacking), "{what}");
                if !cluster.machine(leader).has_rights_on() {
                    change(&mut cluster, leader, AccessChange::On);
                }
            }
        }
    }
    assert_eq!(kinds, (0..ROWS).collect(), "each row of the table was asked");
}

const HELD: &str = "held/it";

/// Gives `who` these rights: to names those of names, and those of the cluster.
fn with_rights(
    cluster: &mut Cluster,
    leader: NodeId,
    (who, names): (&str, &str),
    bits: usize,
) -> Rights {
    let chosen = Right::ALL.into_iter().enumerate().filter(|(at, _)| bits & (1 << at) != 0);
    let rights = Rights::of(chosen.map(|(_, right)| right));
    for (of, names) in [(Rights::OF_NAMES, names), (Rights::OF_CLUSTER, "")] {
        let some = rights.common(of);
        if !some.is_empty() {
            allow(cluster, leader, who, &some.to_string(), names);
        }
    }
    rights
}

/// These denials, and no others.
fn counts(some: &[(RightKind, u64)]) -> Vec<u64> {
    let of =
        |kind: &RightKind| some.iter().find(|(it, _)| it == kind).map_or(0, |(_, count)| *count);
    RightKind::ALL.iter().map(of).collect()
}

fn requests_of(cluster: &Cluster, node: NodeId, kind: RequestKind) -> Vec<u64> {
    let meters = cluster.server(node).replica().unwrap().meters();
    meters.requests[kind as usize].iter().map(Counter::value).collect()
}

fn denials(cluster: &Cluster, node: NodeId) -> Vec<u64> {
    let meters = cluster.server(node).replica().unwrap().meters();
    meters.denials.iter().map(Counter::value).collect()
}

/// What is missing to who has `rights`, those of names to `names`.
fn missing(request: &Request, rights: Rights, names: &str) -> Option<Right> {
    match request.needed() {
        Needed::Nothing | Needed::Session | Needed::Told(_) => None,
        Needed::Names { rights: needed, first, also } => {
            let covers = |name: &Name| match names {
                "*" => true,
                "held/" => name.as_str().starts_with("held/"),
                exact => name.as_str() == exact,
            };
            let all = std::iter::once(first).chain(also).all(covers);
            needed.iter().find(|right| !all || !rights.has(**right)).copied()
        }
        // Those below are about others.
        Needed::Cluster(right) | Needed::OthersCluster(right) => {
            (!rights.has(right)).then_some(right)
        }
    }
}

/// The number of a request's row: what has none does not compile.
fn row(request: &Request) -> usize {
    match request {
        Request::OpenSession { .. } => 0,
        Request::Attach { .. } => 1,
        Request::Renew { .. } => 2,
        Request::Status { .. } => 3,
        Request::Describe { .. } => 4,
        Request::Observe { .. } => 5,
        Request::Unobserve { .. } => 6,
        Request::Submit { operation, .. } => match operation {
            Operation::Acquire(_) => 7,
            Operation::AcquireAll { .. } => 8,
            Operation::Release { .. } => 9,
            Operation::Withdraw { .. } => 10,
            Operation::Close => 11,
            Operation::Proclaim { .. } => 12,
            Operation::Transfer { to: None, .. } => 13,
            Operation::Transfer { to: Some(_), .. } => 14,
            Operation::Break { way: BreakWay::Ask { .. }, to: None, .. } => 15,
            Operation::Break { way: BreakWay::Ask { .. }, to: Some(_), .. } => 16,
            Operation::Break { way: BreakWay::Now, to: None, .. } => 17,
            Operation::Break { way: BreakWay::Now, to: Some(_), .. } => 18,
        },
        Request::Read { query, .. } => match query {
            Query::Lock { .. } => 19,
            Query::Locks { .. } => 20,
            Query::Validate { .. } => 21,
            Query::Session { .. } => 22,
            Query::Waits { client: None, .. } => 23,
            Query::Waits { client: Some(_), .. } => 24,
            Query::Asked { .. } => 25,
            Query::Rules { .. } => 26,
            Query::Allowed { .. } => 27,
        },
        Request::Order { order, .. } => match order {
            Order::ChangeMembers { .. } => 28,
            Order::MoveLeader { .. } => 29,
            Order::Snapshot { .. } => 30,
            Order::Access { change } => match change {
                AccessChange::On => 31,
                AccessChange::Off => 32,
                AccessChange::Allow(_) => 33,
                AccessChange::Deny(_) => 34,
                AccessChange::CreateCredential { .. } => 35,
                AccessChange::RevokeCredential { .. } => 36,
            },
        },
    }
}

const ROWS: usize = 37;

fn with_session(request: Request, own: SessionId, id: u64) -> Request {
    match request {
        Request::Submit { operation, .. } => submit(own, id, operation),
        Request::Renew { number, .. } => Request::Renew { session: own, number },
        Request::Attach { key, .. } => Request::Attach { session: own, key },
        request => request,
    }
}

fn requests(other: SessionId) -> Vec<Request> {
    let read = |query| Request::Read { read: 9, query };
    let order = |order| Request::Order { read: 9, order };
    let submit = |operation| submit(SessionId(0), 1, operation);
    let take = |way, to: Option<&str>| Operation::Break {
        name: name(HELD),
        token: Token(0),
        way,
        to: to.map(str::to_owned),
        reason: String::new(),
    };
    let ask = BreakWay::Ask { grace_ms: Some(1) };
    let (free, also) = ("held/free", vec![name("held/free/2")]);
    let about_others = || Subject::Anonymous;
    let principal: Subject = "client/none".parse().unwrap();
    let hash = CredentialHash([1; 32]);
    let create = AccessChange::CreateCredential { principal: principal.clone(), hash };
    let revoke = AccessChange::RevokeCredential { principal };
    vec![
        Request::Attach { session: SessionId(0), key: KEY },
        Request::Renew { session: SessionId(0), number: 1 },
        Request::Status { read: 9 },
        Request::Describe { read: 9 },
        Request::Observe { read: 9, name: name(HELD), since: None },
        Request::Unobserve { read: 9 },
        submit(Operation::Acquire(acquire_of(free))),
        submit(Operation::AcquireAll { acquire: acquire_of(free), also }),
        submit(Operation::Release { name: name(HELD), token: Token(1) }),
        submit(Operation::Withdraw { acquire: RequestId(1) }),
        submit(Operation::Proclaim { name: name(HELD), token: Token(1), value: vec![] }),
        submit(Operation::Transfer { name: name(HELD), token: Token(1), to: Some("x".into()) }),
        submit(Operation::Transfer { name: name(HELD), token: Token(1), to: None }),
        submit(take(ask, None)),
        submit(take(ask, Some("nobody"))),
        submit(take(BreakWay::Now, Some("nobody"))),
        submit(take(BreakWay::Now, None)),
        read(Query::Lock { name: name(HELD) }),
        read(Query::Locks { prefix: String::new(), after: None, limit: 1 }),
        read(Query::Validate { name: name(HELD), token: Token(1) }),
        read(Query::Session { session: other }),
        read(Query::Waits { name: name(HELD), client: None }),
        read(Query::Waits { name: name(HELD), client: Some("test".into()) }),
        read(Query::Asked { names: vec![name(HELD)] }),
        read(Query::Rules { after: None, limit: 1 }),
        read(Query::Allowed { subject: about_others(), right: Right::Read, name: None }),
        // They cannot be: whoever may is refused, and not denied.
        order(Order::ChangeMembers { changes: vec![Change::Promote { node: NodeId(99) }] }),
        order(Order::MoveLeader { to: Some(NodeId(99)) }),
        order(Order::Snapshot { at_least: None, offset: 0 }),
        order(Order::Access { change: AccessChange::Deny(rule("local/9", "read", "none")) }),
        order(Order::Access { change: AccessChange::Allow(rule("local/9", "read", "none")) }),
        order(Order::Access { change: revoke }),
        order(Order::Access { change: create }),
        order(Order::Access { change: AccessChange::On }),
        order(Order::Access { change: AccessChange::Off }),
        submit(Operation::Close),
        open_session(2, 60_000),
    ]
}

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
