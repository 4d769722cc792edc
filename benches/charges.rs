//! What the simulator charges for a unit of work (`src/sim/charges.rs`), measured anew: prints each in nanoseconds of this
//! thread's processor time, so that others on the machine count little.

use std::hint::black_box;
use tenure::base::{Index, Owner, RequestId, SessionId, SessionKey, Term, Token, checksum::crc32c};
use tenure::lock::{Acquire, Answer, Command, LockMachine, Mode, Name, Operation, Outcome};
use tenure::sys::clock::thread_nanos;
use tenure::wire::{FrameDecoder, FrameKind, Request, ServerMessage, encode_frame};

fn main() {
    let (name, entry) = of_the_lock_machine();
    println!("NAME         {name:>8} ns for a name that an apply looks up, among 300,000 locks");
    println!("ENTRY        {entry:>8} ns for an entry, its names apart");
    let [encoded, decoded] = of_small_messages();
    println!("MESSAGE_OUT  {encoded:>8} ns for an answer encoded as a frame");
    println!("MESSAGE_IN   {decoded:>8} ns for a request decoded from a frame");
    println!("BYTE         {:>8} ps for a byte copied and checked", of_a_byte());
}

/// Runs `body` so often, and gives the time of one run.
fn mean(count: u64, mut body: impl FnMut(u64)) -> u64 {
    let began = thread_nanos();
    (0..count).for_each(&mut body);
    (thread_nanos() - began) / count
}

fn of_the_lock_machine() -> (u64, u64) {
    let mut machine = LockMachine::new();
    let mut index = 0;
    let mut apply = |machine: &mut LockMachine, command: &Command| {
        index += 1;
        machine.apply(Index(index), Term(1), 0, command).outcome
    };
    for _ in 0..30 {
        let session = session_of(apply(&mut machine, &open()));
        for number in 0..10_000 {
            let name = name_of(&format!(
                "jobs/{:09}",
                session.0 * 1_000_003 % 1_000_000 * 10_000 + number
            ));
            apply(&mut machine, &submit(session, number + 1, acquire(name, Vec::new())));
        }
    }
    let names: Vec<Name> = (0..32).map(|number| name_of(&format!("hall/{number}"))).collect();
    let holder = session_of(apply(&mut machine, &open()));
    apply(&mut machine, &submit(holder, 1, acquire(names[0].clone(), names[1..].to_vec())));
    let waiter = session_of(apply(&mut machine, &open()));
    let wait = acquire(names[0].clone(), names[1..].to_vec());
    (1..=4_000)
        .for_each(|request| drop(apply(&mut machine, &submit(waiter, request, wait.clone()))));
    let (looked, began) = (machine.looked(), thread_nanos());
    apply(&mut machine, &Command::Expire { session: waiter, term: Term(1) });
    let (looked, took) = (machine.looked() - looked, thread_nanos() - began);
    let per_name = took / looked;
    let session = session_of(apply(&mut machine, &open()));
    let (before, mut request) = (machine.looked(), 0);
    let cycle = mean(20_000, |number| {
        let name = name_of(&format!("free/{:09}", number * 38_197 % 20_000));
        request += 2;
        let granted =
            apply(&mut machine, &submit(session, request, acquire(name.clone(), Vec::new())));
        let token = match granted {
            Some(Outcome::Answered { answer: Answer::Granted { token }, .. }) => token,
            other => panic!("not granted: {other:?}"),
        };
        apply(&mut machine, &submit(session, request + 1, Operation::Release { name, token }));
    });
    let names = (machine.looked() - before) / 20_000;
    (per_name, cycle.saturating_sub(names * per_name) / 2)
}

fn open() -> Command {
    let (key, client) = (SessionKey([0; 16]), "host:1".to_owned());
    Command::OpenSession { ttl_ms: 10_000, key, client }
}

fn session_of(outcome: Option<Outcome>) -> SessionId {
    match outcome {
        Some(Outcome::SessionOpened { session, .. }) => session,
        other => panic!("no session: {other:?}"),
    }
}

/// Of a client that has had the answers to all its earlier requests.
fn submit(session: SessionId, request: u64, operation: Operation) -> Command {
    let request = RequestId(request);
    let floor =
        if matches!(operation, Operation::AcquireAll { .. }) { RequestId(1) } else { request };
    Command::Request { session, request, floor, operation }
}

fn acquire(name: Name, also: Vec<Name>) -> Operation {
    let acquire = Acquire {
        name,
        value: Vec::new(),
        mode: Mode::Exclusive,
        limit: 0,
        permits: 1,
        owner: Owner(0),
        delay_ms: 0,
        try_only: false,
    };
    if also.is_empty() {
        Operation::Acquire(acquire)
    } else {
        Operation::AcquireAll { acquire, also }
    }
}

fn of_small_messages() -> [u64; 2] {
    let (session, request) = (SessionId(7), RequestId(9));
    let answer = Answer::Granted { token: Token(11) };
    let said = ServerMessage::Answered { session, request, answer };
    let mut bytes = Vec::with_capacity(256);
    let encoded = mean(200_000, |_| {
        bytes.clear();
        encode_frame(FrameKind::Server, black_box(&said), &mut bytes);
    });
    let operation = acquire(name_of("jobs/nightly"), Vec::new());
    let asked = Request::Submit { session, request, floor: request, operation };
    bytes.clear();
    encode_frame(FrameKind::Request, &asked, &mut bytes);
    let mut decoder = FrameDecoder::new();
    let decoded = mean(200_000, |_| {
        decoder.push(&bytes);
        let frame = decoder.next_frame().expect("our own").expect("a whole one");
        black_box(frame.decode::<Request>().expect("our own"));
    });
    [encoded, decoded]
}

fn of_a_byte() -> u64 {
    let (from, mut to) = (vec![7u8; 64 << 10], Vec::with_capacity(64 << 10));
    let nanos = mean(2_000, |_| {
        to.clear();
        to.extend_from_slice(black_box(&from));
        black_box(crc32c(&to));
    });
    nanos * 1_000 / (64 << 10)
}

fn name_of(text: &str) -> Name {
    Name::try_from(text.to_owned()).expect("a short name")
}
