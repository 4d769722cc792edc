//! Messages between clients and the node, and the node's log, in words.

use tenure::base::codec;
use tenure::lock::{Acquire, Answer, BreakWay, Command, LockMachine, Operation};
use tenure::raft::{Entry, EntryKind};
use tenure::wire::{Request, ServerMessage};

/// A request of a client.
pub fn request(request: &Request) -> String {
    match request {
        Request::OpenSession { ttl_ms, .. } => format!("open a session of {ttl_ms} ms"),
        Request::Attach { .. } => "go on with my session on this connection".to_owned(),
        Request::Renew { number, .. } => format!("renew my session, number {number}"),
        Request::Submit { request, operation, .. } => {
            format!("request {request}: {}", self::operation(operation))
        }
        Request::Read { .. } => "a read".to_owned(),
        other => format!("{other:?}"),
    }
}

/// The operation in a request.
pub fn operation(operation: &Operation) -> String {
    match operation {
        Operation::Acquire(Acquire { name, try_only: true, .. }) => format!("try {name}"),
        Operation::Acquire(Acquire { name, .. }) => format!("acquire {name}"),
        Operation::Release { name, token } => format!("release {name} under token {token}"),
        Operation::Withdraw { acquire } => format!("withdraw request {acquire}"),
        Operation::Transfer { name, token, to } => {
            let to = to.as_deref().unwrap_or("the next");
            format!("hand {name} under token {token} over to {to}")
        }
        Operation::Break { name, way: BreakWay::Ask { .. }, .. } => {
            format!("ask the holder of {name} to end")
        }
        Operation::Break { name, way: BreakWay::Now, .. } => format!("take {name} from its holder"),
        Operation::Close => "close my session".to_owned(),
        other => format!("{other:?}"),
    }
}

/// A message of the node to a client.
pub fn message(message: &ServerMessage) -> String {
    match message {
        ServerMessage::SessionOpened { ttl_ms, .. } => format!("your session has {ttl_ms} ms"),
        ServerMessage::Renewed { number, .. } => format!("renewed, number {number}"),
        ServerMessage::SessionEnded { .. } => "your session has ended".to_owned(),
        ServerMessage::Attached { .. } => "this connection speaks for your session".to_owned(),
        ServerMessage::Standing { .. } => "that is all that you have".to_owned(),
        ServerMessage::Answered { request, answer, .. } => {
            format!("request {request}: {}", self::answer(answer))
        }
        ServerMessage::Asked { name, token, grace_ms: 0, .. } => {
            format!("{name} under token {token} was taken from you")
        }
        ServerMessage::Asked { name, token, grace_ms, .. } => {
            format!("end {name} under token {token} within {grace_ms} ms")
        }
        other => format!("{other:?}"),
    }
}

fn answer(answer: &Answer) -> String {
    match answer {
        Answer::Granted { token } => format!("granted, token {token}"),
        Answer::Queued { ahead } => format!("queued, {ahead} ahead"),
        Answer::Held { client } => format!("held by {client}"),
        Answer::Ended { token } => format!("the grant of token {token} has ended"),
        Answer::Withdrawn => "withdrawn".to_owned(),
        Answer::Done => "done".to_owned(),
        Answer::NotHeld => "not held".to_owned(),
        Answer::SessionExpired => "your session has expired".to_owned(),
        Answer::Deadlock { circle } => format!("a deadlock: {circle}"),
        Answer::NoWaiter => "nobody of that name waits".to_owned(),
        Answer::Refused(refusal) => format!("refused: {refusal:?}"),
        Answer::Denied { right, name } => format!("denied: {right:?} of {name}"),
    }
}

/// An entry of the log. `machine` knows the clients of sessions.
pub fn entry(entry: &Entry, machine: &LockMachine) -> String {
    if entry.header.kind != EntryKind::Command {
        return "the leader's no-op".to_owned();
    }
    let whose = |session| machine.session(session).map_or_else(|| "?".to_owned(), |it| it.client);
    match codec::decode::<Command>(entry.payload.bytes()) {
        Ok(Command::OpenSession { client, .. } | Command::OpenSessionOf { client, .. }) => {
            format!("a session of {client}")
        }
        Ok(Command::Request { session, request, operation, .. }) => {
            format!("{}, request {request}: {}", whose(session), self::operation(&operation))
        }
        Ok(Command::Expire { session, .. }) => format!("the session of {} expires", whose(session)),
        Ok(Command::Settings(settings)) => format!("settings of level {}", settings.level),
        Ok(other) => format!("{other:?}"),
        Err(error) => panic!("our own codec: {error}"),
    }
}
