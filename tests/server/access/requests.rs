//! One request of each kind.

use super::*;

/// A lock that another session holds.
pub const HELD: &str = "held/it";

/// The same request with the session `own`, and an id or a number of its own.
pub fn with_session(request: Request, own: SessionId, id: u64) -> Request {
    match request {
        Request::Submit { operation, .. } => submit(own, id, operation),
        Request::Renew { number, .. } => Request::Renew { session: own, number },
        Request::Attach { key, .. } => Request::Attach { session: own, key },
        request => request,
    }
}

/// One request of each kind; `other` is the session of another subject.
pub fn requests(other: SessionId) -> Vec<Request> {
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
