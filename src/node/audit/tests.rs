//! The lines of answered and unanswered requests, and of denials.

use super::*;
use crate::base::{Index, NodeId};
use crate::raft::Change;
use crate::wire::{Order, OrderAnswer};
use serde_json::Value;

/// The trail of node 1, and the path of its file.
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

    fn answer(&mut self, connection: ConnectionId, message: &ServerMessage) {
        self.audit.answer(0, connection, message, || Some(alice()));
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

#[test]
fn an_order_has_one_line_once_it_is_answered_on_its_connection() {
    let mut trail = Trail::new();
    trail.ask(HERE, &remove(1));
    let done = ordered(1, OrderAnswer::Done { index: Index(9) });
    trail.answer(ELSEWHERE, &done);
    trail.answer(HERE, &done);
    trail.answer(HERE, &done);
    let lines = trail.lines();
    assert_eq!(lines.len(), 1, "{lines:?}");
    let keys = ["principal", "address", "action", "what", "result"]
        .map(|key| lines[0][key].as_str().unwrap());
    let expected =
        ["operator/alice", "10.0.0.5", "remove-member", "remove node 3", "done, as of entry 9"];
    assert_eq!(keys, expected);
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
fn an_order_behind_more_than_are_kept_has_a_line_at_once() {
    let mut trail = Trail::new();
    (0..=ASKED_MAX as u64).for_each(|read| trail.ask(HERE, &remove(read)));
    let lines = trail.lines();
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0]["result"].as_str().unwrap().starts_with("asked for"));
}

#[test]
fn what_the_rules_deny_has_a_line_under_what_was_asked_and_so_many_a_second() {
    let mut trail = Trail::new();
    trail.ask(HERE, &remove(1));
    let denied = |read| ordered(read, OrderAnswer::Denied { text: "it lacks operate".to_owned() });
    trail.answer(HERE, &denied(1));
    (2..40).for_each(|read| trail.answer(HERE, &denied(read)));
    let lines = trail.lines();
    assert_eq!(lines.len(), 5, "{lines:?}");
    assert_eq!(
        (&lines[0]["action"], &lines[1]["action"]),
        (&"remove-member".into(), &"order".into())
    );
    assert!(lines.iter().all(|line| line["result"] == "denied: it lacks operate"), "{lines:?}");
}
