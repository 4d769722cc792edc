//! What takes a line of the audit trail, and what became of it.

use crate::base::locks::{AccessChange, Answer, BreakWay, Names, Operation, Refusal, Rule};
use crate::base::members::Change;
use crate::base::{RequestId, SessionId};
use crate::wire::{AccessSaid, Order, OrderAnswer, ReadAnswer, Request, ServerMessage};

/// Under which number something is asked and answered, on one connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ActKey {
    /// An order.
    Order(u64),
    /// A logged request.
    Request(SessionId, RequestId),
}

impl ActKey {
    /// None is before it.
    pub const FIRST: Self = Self::Order(0);
}

/// One thing that was asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Act {
    /// In one word, or two: `break-now`.
    pub action: &'static str,
    /// In a few words.
    pub text: String,
    pub lock: Option<String>,
    /// The reason that was given, if any.
    pub reason: Option<String>,
}

impl Act {
    /// What `request` asks for, if that takes a line.
    pub fn of(request: &Request) -> Option<(ActKey, Self)> {
        match request {
            Request::Order { read, order } => {
                Self::of_order(order).map(|act| (ActKey::Order(*read), act))
            }
            Request::Submit { session, request, operation, .. } => {
                Self::of_operation(operation).map(|act| (ActKey::Request(*session, *request), act))
            }
            Request::OpenSession { .. }
            | Request::Attach { .. }
            | Request::Renew { .. }
            | Request::Read { .. }
            | Request::Status { .. }
            | Request::Observe { .. }
            | Request::Unobserve { .. }
            | Request::Describe { .. } => None,
        }
    }

    /// What else can be denied.
    pub fn other(request: &Request) -> Self {
        let (action, text) = match request {
            Request::OpenSession { .. } => ("open-session", "open a session"),
            Request::Attach { .. } => ("attach", "attach to a session"),
            Request::Renew { .. } => ("renew", "renew a session"),
            Request::Read { .. } | Request::Observe { .. } | Request::Unobserve { .. } => {
                ("read", "read locks")
            }
            Request::Status { .. } | Request::Describe { .. } => ("status", "see the status"),
            Request::Submit { .. } => ("lock", "use locks"),
            Request::Order { .. } => ("order", "give an order"),
        };
        Self { action, text: text.to_owned(), ..Self::default() }
    }

    /// Something of a client that is not told what it lacks, since it would not understand.
    pub fn untold() -> Self {
        Self { action: "denied", text: "ask for something".to_owned(), ..Self::default() }
    }

    /// To what `message` is an answer, and with what result; without one it is nothing that takes a line yet.
    pub fn result(message: &ServerMessage) -> Option<(ActKey, Option<String>)> {
        match message {
            ServerMessage::Ordered { read, answer } => {
                let result = match answer {
                    OrderAnswer::Done { index } => Some(format!("done, as of entry {index}")),
                    OrderAnswer::Refused { text } => Some(format!("refused: {text}")),
                    OrderAnswer::Denied { text } => Some(format!("denied: {text}")),
                    OrderAnswer::Access(values) => {
                        Some(AccessSaid::from_values(values).to_string())
                    }
                    OrderAnswer::Begun { .. } => None,
                    OrderAnswer::Part { meta, total, .. } => {
                        Some(format!("sent: the state as of entry {}, {total} bytes", meta.index))
                    }
                };
                Some((ActKey::Order(*read), result))
            }
            ServerMessage::Answered { session, request, answer } => {
                let result = match answer {
                    Answer::Done => Some("done".to_owned()),
                    Answer::NotHeld => Some("nobody holds it so".to_owned()),
                    Answer::NoWaiter => Some("nobody of that name waits for it".to_owned()),
                    // It is sent again.
                    Answer::Refused(Refusal::Busy) => None,
                    other => Some(format!("refused: {other:?}")),
                };
                Some((ActKey::Request(*session, *request), result))
            }
            ServerMessage::Denied { session, request, text } => {
                Some((ActKey::Request(*session, *request), Some(format!("denied: {text}"))))
            }
            _ => None,
        }
    }

    /// What `message` denies, and why, if it does.
    pub fn denial(message: &ServerMessage) -> Option<(Self, &str)> {
        let (action, what, why) = match message {
            ServerMessage::Denied { text, .. } => ("lock", "use a lock", text.as_str()),
            ServerMessage::Read { answer: ReadAnswer::Denied { text }, .. } => {
                ("read", "read locks", text.as_str())
            }
            ServerMessage::Ordered { answer: OrderAnswer::Denied { text }, .. } => {
                ("order", "give an order", text.as_str())
            }
            ServerMessage::AttachDenied { .. } => {
                ("attach", "attach to a session", "it is another's, or its key is another")
            }
            _ => return None,
        };
        Some((Self { action, text: what.to_owned(), ..Self::default() }, why))
    }

    fn of_order(order: &Order) -> Option<Self> {
        let (action, text) = match order {
            Order::ChangeMembers { changes } => {
                let action = changes.first().map_or("members", |change| change_words(change).0);
                let texts: Vec<String> =
                    changes.iter().map(|change| change_words(change).1).collect();
                (action, texts.join(", "))
            }
            Order::MoveLeader { to: Some(node) } => {
                ("move-leader", format!("move leadership to node {node}"))
            }
            Order::MoveLeader { to: None } => ("move-leader", "move leadership".to_owned()),
            Order::Snapshot { offset: 0, .. } => ("save-snapshot", "save a snapshot".to_owned()),
            // The rest of it.
            Order::Snapshot { .. } => return None,
            Order::Access { change } => access_words(change),
        };
        Some(Self { action, text, ..Self::default() })
    }

    fn of_operation(operation: &Operation) -> Option<Self> {
        let Operation::Break { name, token, way, to, reason } = operation else { return None };
        let heir = to.as_ref().map_or(String::new(), |to| format!(", for {to:?}"));
        let of = if token.0 == 0 { "from all".to_owned() } else { format!("from token {token}") };
        let (action, text) = match (way, to) {
            (BreakWay::Now, _) => ("break-now", format!("take {name:?} {of} at once{heir}")),
            (BreakWay::Ask { .. }, Some(_)) => {
                ("handover", format!("have {name:?} handed over {of}{heir}"))
            }
            (BreakWay::Ask { .. }, None) => ("break", format!("have {name:?} ended {of}")),
        };
        let reason = (!reason.is_empty()).then(|| reason.clone());
        Some(Self { action, text, lock: Some(name.as_str().to_owned()), reason })
    }
}

/// What is changed of who may what; of a credential its hash is told to nobody.
fn access_words(change: &AccessChange) -> (&'static str, String) {
    let of = |names: &Names| match names.is_of_cluster() {
        true => String::new(),
        false => format!(" of {names:?}"),
    };
    match change {
        AccessChange::On => ("access-on", "turn rights on".to_owned()),
        AccessChange::Off => ("access-off", "turn rights off".to_owned()),
        AccessChange::Allow(Rule { who, names, rights }) => {
            ("access-allow", format!("allow {who} {rights}{}", of(names)))
        }
        AccessChange::Deny(Rule { who, names, rights }) => {
            ("access-deny", format!("deny {who} {rights}{}", of(names)))
        }
        AccessChange::CreateCredential { principal, .. } => {
            ("create-credential", format!("create a credential of {principal}"))
        }
        AccessChange::RevokeCredential { principal } => {
            ("revoke-credential", format!("revoke the credential of {principal}"))
        }
    }
}

fn change_words(change: &Change) -> (&'static str, String) {
    match change {
        Change::AddLearner { node, address } => {
            ("add-member", format!("add node {node} at {address}"))
        }
        Change::Bind { node, .. } => ("bind-member", format!("bind node {node} to its directory")),
        Change::Promote { node } => ("promote-member", format!("promote node {node}")),
        Change::Demote { node } => ("demote-member", format!("demote node {node}")),
        Change::Remove { node } => ("remove-member", format!("remove node {node}")),
        Change::Readdress { node, address } => {
            ("move-member", format!("move node {node} to {address}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Token;
    use crate::base::locks::Name;

    fn submit(operation: Operation) -> Request {
        let (session, request, floor) = (SessionId(4), RequestId(2), RequestId(0));
        Request::Submit { session, request, floor, operation }
    }

    fn name() -> Name {
        Name::try_from("jobs/a").unwrap()
    }

    #[test]
    fn a_break_says_what_is_taken_and_why() {
        let take = |way, to: Option<&str>| Operation::Break {
            name: name(),
            token: Token(0),
            way,
            to: to.map(str::to_owned),
            reason: "stuck".to_owned(),
        };
        let ask = BreakWay::Ask { grace_ms: None };
        for (way, to, action) in
            [(BreakWay::Now, None, "break-now"), (ask, None, "break"), (ask, Some("b"), "handover")]
        {
            let (asked, act) = Act::of(&submit(take(way, to))).unwrap();
            assert_eq!(asked, ActKey::Request(SessionId(4), RequestId(2)));
            assert_eq!((act.action, act.lock.as_deref()), (action, Some("jobs/a")));
            assert_eq!(act.reason.as_deref(), Some("stuck"));
        }
    }

    #[test]
    fn a_busy_leader_has_decided_nothing() {
        let (session, request) = (SessionId(4), RequestId(2));
        let (asked, result) = Act::result(&ServerMessage::busy(session, request)).unwrap();
        assert_eq!((asked, result), (ActKey::Request(session, request), None));
        let done = ServerMessage::Answered { session, request, answer: Answer::Done };
        assert_eq!(Act::result(&done).unwrap().1.as_deref(), Some("done"));
    }

    #[test]
    fn what_clients_do_with_their_own_locks_and_the_rest_of_a_snapshot_have_no_line() {
        assert_eq!(Act::of(&submit(Operation::Release { name: name(), token: Token(1) })), None);
        let further = Order::Snapshot { at_least: None, offset: 1 };
        assert_eq!(Act::of(&Request::Order { read: 1, order: further }), None);
    }
}
