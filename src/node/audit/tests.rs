use super::*;
use crate::base::{Index, NodeId, RequestId, SessionId, Token};
use crate::lock::{Answer, BreakWay, Name, Operation};
use crate::raft::Change;
use crate::wire::{Order, OrderAnswer};
use serde_json::Value;

/// The trail of node 1, and what stands in its file in the end.
struct Trail {
    audit: Audit,
    directory: tempfile::TempDir,
}

const HERE: ConnectionId = ConnectionId(7);
const ELSEWHERE: ConnectionId = ConnectionId(8);

impl Trail {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut audit = Audit::new(NodeId(1));
        audit.file = Some(AuditFile::open(&directory.path().join("audit")).unwrap());
        Self { audit, directory }
    }

    fn ask(&mut self, connection: ConnectionId, request: &Request) {
        self.audit.note(connection, alice, request);
    }

    fn lines(mut self) -> Vec<Value> {
        self.audit.file = None;
        let text = std::fs::read_to_string(self.directory.path().join("audit")).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

fn alice() -> Who {
    Who { principal: "operator/alice".to_owned(), address: "10.0.0.5".to_owned() }
}

fn remove(read: u64) -> Request {
    let changes = vec![Change::Remove { node: NodeId(3) }];
    Request::Order { read, order: Order::ChangeMembers { changes } }
}

fn ordered(read: u64, answer: OrderAnswer) -> ServerMessage {
    ServerMessage::Ordered { read, answer }
}

fn take(request: u64) -> Request {
    let name = Name::new("jobs/a").unwrap();
    let operation = Operation::Break {
        name,
        token: Token(0),
        way: BreakWay::Now,
        to: None,
        reason: "stuck".to_owned(),
    };
    Request::Submit {
        session: SessionId(4),
        request: RequestId(request),
        floor: RequestId(0),
        operation,
    }
}

#[test]
fn an_order_has_one_line_once_it_is_answered_on_its_connection() {
    let mut trail = Trail::new();
    trail.ask(HERE, &remove(1));
    let done = ordered(1, OrderAnswer::Done { index: Index(9) });
    trail.audit.answer(ELSEWHERE, &done);
    trail.audit.answer(HERE, &done);
    trail.audit.answer(HERE, &done);
    let lines = trail.lines();
    assert_eq!(lines.len(), 1, "{lines:?}");
    let keys = ["principal", "address", "action", "what", "result"]
        .map(|key| lines[0][key].as_str().unwrap());
    let expected =
        ["operator/alice", "10.0.0.5", "remove-member", "remove node 3", "done, as of entry 9"];
    assert_eq!(keys, expected);
}

#[test]
fn a_break_says_what_was_taken_and_why_and_a_busy_leader_is_asked_again() {
    let mut trail = Trail::new();
    let answered =
        |answer| ServerMessage::Answered { session: SessionId(4), request: RequestId(2), answer };
    trail.ask(HERE, &take(2));
    trail.audit.answer(HERE, &ServerMessage::busy(SessionId(4), RequestId(2)));
    trail.ask(HERE, &take(2));
    trail.audit.answer(HERE, &answered(Answer::Done));
    let lines = trail.lines();
    assert_eq!(lines.len(), 1, "{lines:?}");
    let keys = ["action", "lock", "reason", "result"].map(|key| lines[0][key].as_str().unwrap());
    assert_eq!(keys, ["break-now", "jobs/a", "stuck", "done"]);
}

#[test]
fn an_order_whose_connection_ends_may_have_been_done() {
    let mut trail = Trail::new();
    trail.ask(HERE, &remove(1));
    trail.ask(ELSEWHERE, &remove(1));
    trail.audit.end(Key(HERE.0));
    let lines = trail.lines();
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0]["result"].as_str().unwrap().contains("may have been done"));
}

#[test]
fn denials_are_limited_and_counted() {
    let mut trail = Trail::new();
    for _ in 0..50 {
        trail.audit.deny(0, &alice(), &remove(1), "no");
    }
    trail.audit.deny(NANOS_PER_SECOND, &alice(), &remove(1), "no");
    let lines = trail.lines();
    assert_eq!(lines.len(), 6);
    assert_eq!(lines[5]["untold_denials"], 45);
    assert_eq!(lines[5]["result"], "denied: no");
}

#[test]
fn what_clients_do_with_their_own_locks_has_no_line() {
    let release = Operation::Release { name: Name::new("a").unwrap(), token: Token(1) };
    let submit = Request::Submit {
        session: SessionId(4),
        request: RequestId(1),
        floor: RequestId(0),
        operation: release,
    };
    assert_eq!(Act::of(&submit), None);
    let further = Order::Snapshot { at_least: None, offset: 1 };
    assert_eq!(Act::of(&Request::Order { read: 1, order: further }), None);
}
