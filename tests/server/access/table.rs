//! Each kind of request with each set of rights.

use super::requests::{HELD, requests, with_session};
use super::*;

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
