//! The bytes of every command: they are on disks (format 1 of an entry's payload).

use super::script::{name, plain};
use crate::base::codec;
use crate::base::{
    ClusterKey, CredentialHash, Owner, RequestId, SessionId, SessionKey, Subject, Term, Token,
};
use crate::lock::{
    AccessChange, Acquire, BreakWay, Command, Mode, Names, Operation, Rule, Settings,
};

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn check(command: &Command, pieces: &[&str]) {
    let bytes = codec::encode(command).expect("small");
    assert_eq!(hex(&bytes), pieces.concat(), "{command:?}");
    assert_eq!(&codec::decode::<Command>(&bytes).expect("its own bytes"), command);
}

fn check_request(operation: Operation, pieces: &[&str]) {
    let (session, request) = (SessionId(0x0102), RequestId(3));
    let command = Command::Request { session, request, floor: RequestId(2), operation };
    let head = ["01000000", "0201000000000000", "0300000000000000", "0200000000000000"];
    check(&command, &[&head, pieces].concat());
}

#[test]
fn open_session() {
    let key = SessionKey([0xab; 16]);
    let command = Command::OpenSession { ttl_ms: 10_000, key, client: "ab".to_owned() };
    let key = "ab".repeat(16);
    check(&command, &["00000000", "10270000", &key, "0200000000000000", "6162"]);
}

#[test]
fn acquire() {
    let acquire = Acquire {
        value: vec![1, 2],
        mode: Mode::Shared,
        limit: 4,
        permits: 5,
        owner: Owner(6),
        delay_ms: 7,
        try_only: true,
        ..plain("jobs")
    };
    let name = ["0400000000000000", "6a6f6273"].concat();
    let numbers = ["01000000", "04000000", "05000000", "0600000000000000", "07000000", "01"];
    let value = ["0200000000000000", "0102"].concat();
    check_request(Operation::Acquire(acquire), &["00000000", &name, &value, &numbers.concat()]);
}

#[test]
fn release() {
    let release = Operation::Release { name: name("x"), token: Token(9) };
    check_request(release, &["01000000", "0100000000000000", "78", "0900000000000000"]);
}

#[test]
fn withdraw() {
    let withdraw = Operation::Withdraw { acquire: RequestId(1) };
    check_request(withdraw, &["02000000", "0100000000000000"]);
}

#[test]
fn close() {
    check_request(Operation::Close, &["03000000"]);
}

#[test]
fn acquire_all() {
    let acquire = Acquire { value: vec![1], ..plain("b") };
    let operation = Operation::AcquireAll { acquire, also: vec![name("a"), name("c")] };
    let named = ["0100000000000000", "62", "0100000000000000", "01"].concat();
    let numbers = ["00000000", "00000000", "01000000", "0000000000000000", "00000000", "00"];
    let also = ["0200000000000000", "0100000000000000", "61", "0100000000000000", "63"].concat();
    check_request(operation, &["04000000", &named, &numbers.concat(), &also]);
}

#[test]
fn proclaim() {
    let (name, value) = (name("x"), vec![1, 2]);
    let operation = Operation::Proclaim { name, token: Token(9), value };
    let value = ["0200000000000000", "0102"].concat();
    check_request(operation, &["05000000", "0100000000000000", "78", "0900000000000000", &value]);
}

#[test]
fn transfer() {
    let named = ["06000000", "0100000000000000", "78", "0900000000000000"];
    let operation = |to| Operation::Transfer { name: name("x"), token: Token(9), to };
    check_request(operation(None), &[&named[..], &["00"]].concat());
    let to = operation(Some("ab".to_owned()));
    check_request(to, &[&named[..], &["01", "0200000000000000", "6162"]].concat());
}

#[test]
fn break_lock() {
    let named = ["07000000", "0100000000000000", "78", "0900000000000000"];
    let ways = [
        (BreakWay::Ask { grace_ms: None }, "0000000000"),
        (BreakWay::Ask { grace_ms: Some(7) }, "000000000107000000"),
        (BreakWay::Now, "01000000"),
    ];
    for (way, bytes) in ways {
        let (to, reason) = (Some("ab".to_owned()), "why".to_owned());
        let operation = Operation::Break { name: name("x"), token: Token(9), way, to, reason };
        let to = ["01", "0200000000000000", "6162"].concat();
        let reason = ["0300000000000000", "776879"].concat();
        check_request(operation, &[&named[..], &[bytes, &to, &reason]].concat());
    }
}

#[test]
fn expire() {
    let command = Command::Expire { session: SessionId(5), term: Term(6) };
    check(&command, &["02000000", "0500000000000000", "0600000000000000"]);
}

#[test]
fn settings() {
    let command = Command::Settings(Settings { lease_ms: 150, ttl_ms_max: 3_600_000, level: 1 });
    check(&command, &["03000000", "96000000", "80ee3600", "01000000"]);
}

#[test]
fn restore_over() {
    check(&Command::RestoreOver { term: Term(6) }, &["04000000", "0600000000000000"]);
}

#[test]
fn delay_over() {
    let command = Command::DelayOver { name: name("x"), token: Token(9), term: Term(6) };
    let token_and_term = ["0900000000000000", "0600000000000000"].concat();
    check(&command, &["05000000", "0100000000000000", "78", &token_and_term]);
}

#[test]
fn cluster_key() {
    check(&Command::ClusterKey(ClusterKey([7; 32])), &["06000000", &"07".repeat(32)]);
}

#[test]
fn go_on() {
    check(&Command::Continue, &["07000000"]);
}

#[test]
fn open_session_of() {
    let (key, subject) = (SessionKey([0xab; 16]), "client/a".parse().unwrap());
    let command = Command::OpenSessionOf { ttl_ms: 10_000, key, client: "ab".to_owned(), subject };
    let (key, subject) = ("ab".repeat(16), "636c69656e742f61");
    let client = ["0200000000000000", "6162"].concat();
    check(&command, &["08000000", "10270000", &key, &client, "0800000000000000", subject]);
}

#[test]
fn access() {
    let by = ["09000000", "0900000000000000", "616e6f6e796d6f7573"].concat();
    let text =
        |text: &str| format!("{}{}", hex(&(text.len() as u64).to_le_bytes()), hex(text.as_bytes()));
    let rule = |who: &str, names: Names, rights: &str| Rule {
        who: who.parse().unwrap(),
        names,
        rights: rights.parse().unwrap(),
    };
    let principal: Subject = "client/a".parse().unwrap();
    let create = AccessChange::CreateCredential {
        principal: principal.clone(),
        hash: CredentialHash([7; 32]),
    };
    let of_names = [text("client/*"), text("jobs/"), "03".to_owned()].concat();
    let of_cluster = [text("*"), text(""), "18".to_owned()].concat();
    let changes = [
        (AccessChange::On, "00000000".to_owned()),
        (AccessChange::Off, "01000000".to_owned()),
        (
            AccessChange::Allow(rule("client/*", "jobs/".parse().unwrap(), "acquire,read")),
            format!("02000000{of_names}"),
        ),
        (
            AccessChange::Deny(rule("*", Names::of_cluster(), "operate,admin")),
            format!("03000000{of_cluster}"),
        ),
        (create, format!("04000000{}{}", text("client/a"), "07".repeat(32))),
        (AccessChange::RevokeCredential { principal }, format!("05000000{}", text("client/a"))),
    ];
    for (change, bytes) in changes {
        check(&Command::Access { by: Subject::Anonymous, change }, &[&by, &bytes]);
    }
}

#[test]
fn a_name_that_breaks_the_rules_is_not_decoded() {
    for text in ["", "a\0b", &"n".repeat(256)] {
        let bytes = codec::encode(&text.to_owned()).expect("small");
        assert!(codec::decode::<crate::lock::Name>(&bytes).is_err(), "{text:?}");
    }
}
