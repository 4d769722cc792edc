//! Corks: what a thread asks for while it has one, and when it leaves.

use crate::client_driver::cluster::{Cluster, hold, is_readable, options, status};
use crate::common::scripted::{Scripted, Talk};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;
use std::time::Duration;
use tenure::base::{RequestId, SessionId, Token};
use tenure::client::{Client, ClientOptions, EndReason, LeaseState, Wait};
use tenure::lock::{Answer, Operation};
use tenure::wire::{Request, ServerMessage};
use tenure::{Error, Status};

/// However busy the machine is.
const PATIENT: Duration = Duration::from_secs(60);
/// So long that nothing is renewed meanwhile.
const HOUR: Duration = Duration::from_secs(3600);

/// A client, and the node that it talks with.
fn pair() -> (Client, Talk) {
    let node = Scripted::listen();
    let endpoint = node.endpoint.clone();
    let talk = thread::spawn(move || node.accept_with_session(1, HOUR));
    let client_options = ClientOptions::new().ttl(HOUR).connect_timeout(PATIENT);
    let client = Client::open(&endpoint, client_options).unwrap();
    (client, talk.join().unwrap())
}

/// What the client submits next: its id, and the name that it acquires or releases.
fn next(talk: &mut Talk) -> (RequestId, String) {
    loop {
        match talk.request().expect("the client stays") {
            Request::Submit { request, operation: Operation::Acquire(acquire), .. } => {
                return (request, format!("acquire {}", acquire.name));
            }
            Request::Submit { request, operation: Operation::Release { name, .. }, .. } => {
                return (request, format!("release {name}"));
            }
            _ => {}
        }
    }
}

fn grant(talk: &mut Talk, request: RequestId) {
    let answer = Answer::Granted { token: Token(request.0) };
    talk.say(&ServerMessage::Answered { session: SessionId(1), request, answer });
}

#[test]
fn what_was_corked_leaves_in_the_order_of_the_calls_when_the_cork_is_dropped() {
    let (client, mut talk) = pair();
    let corked = client.cork();
    let first = client.acquire_start("a", Wait::Forever, options()).unwrap();
    let second = client.acquire_start("b", Wait::Forever, options()).unwrap();
    drop(corked);
    let (request, said) = next(&mut talk);
    assert_eq!(said, "acquire a");
    assert_eq!(next(&mut talk).1, "acquire b");
    grant(&mut talk, request);
    let lease = first.take(Wait::Forever).unwrap();
    assert_eq!(status(second.take(Wait::Try)), Status::Again);
    let corked = client.cork();
    lease.release(Wait::Try).unwrap();
    assert_eq!(lease.state(), LeaseState::Ended(EndReason::Released), "here it ends at once");
    assert_eq!(status(lease.release(Wait::Try)), Status::Lost);
    let _third = client.acquire_start("a", Wait::Forever, options()).unwrap();
    drop(corked);
    assert_eq!(next(&mut talk).1, "release a");
    assert_eq!(next(&mut talk).1, "acquire a");
}

#[test]
fn a_wait_of_any_thread_and_a_call_of_another_send_what_was_corked() {
    let (client, mut talk) = pair();
    let _corked = client.cork();
    let pending = client.acquire_start("a", Wait::Forever, options()).unwrap();
    let answers = thread::spawn(move || {
        let (request, said) = next(&mut talk);
        grant(&mut talk, request);
        (talk, said)
    });
    let lease = pending.take(Wait::Forever).unwrap();
    let (mut talk, said) = answers.join().unwrap();
    assert_eq!(said, "acquire a");
    drop(lease);
    thread::scope(|scope| {
        let other = || client.acquire_start("b", Wait::Forever, options()).unwrap();
        drop(scope.spawn(other).join().unwrap());
    });
    assert_eq!(next(&mut talk).1, "release a");
    assert_eq!(next(&mut talk).1, "acquire b");
}

#[test]
fn what_nobody_sends_leaves_soon_by_itself() {
    let (client, mut talk) = pair();
    let _corked = client.cork();
    let _pending = client.acquire_start("a", Wait::Forever, options()).unwrap();
    assert_eq!(next(&mut talk).1, "acquire a");
}

#[test]
fn a_panic_and_the_end_of_the_client_send_what_was_corked() {
    let (client, mut talk) = pair();
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        let _corked = client.cork();
        std::mem::forget(client.acquire_start("a", Wait::Forever, options()).unwrap());
        panic!("the program's own");
    }));
    assert!(panicked.is_err());
    assert_eq!(next(&mut talk).1, "acquire a");
    let corked = client.cork();
    std::mem::forget(client.acquire_start("b", Wait::Forever, options()).unwrap());
    client.let_go();
    drop(corked);
    // A closed client asks for nothing more, and says that it is closed.
    let closes =
        |request: &Request| matches!(request, Request::Submit { operation: Operation::Close, .. });
    while !closes(&talk.request().expect("a close comes first")) {}
}

#[test]
fn many_corked_cycles_of_several_threads_come_to_their_end() {
    let cluster = Cluster::start();
    let client = cluster.client();
    let cycles = |place: usize| -> Result<(), Error> {
        let _corked = client.cork();
        for round in 0..5 {
            let names: Vec<String> = (0..100).map(|slot| format!("{place}/{slot}")).collect();
            let start = |name: &String| client.acquire_start(name, Wait::Forever, options());
            let pending = names.iter().map(start).collect::<Result<Vec<_>, _>>()?;
            for pending in pending {
                let lease = pending.take(Wait::Forever)?;
                assert!(lease.token() > Token(0), "round {round}");
                lease.release(Wait::Try)?;
            }
        }
        Ok(())
    };
    thread::scope(|scope| {
        let cycles = &cycles;
        let threads = [0, 1, 2].map(|place| scope.spawn(move || cycles(place)));
        threads.into_iter().for_each(|thread| thread.join().unwrap().unwrap());
    });
    assert_eq!(client.session().leases, 0);
    // Whoever asks now comes behind all releases.
    let other = cluster.client();
    (0..3).for_each(|place| drop(hold(&other, &format!("{place}/99"))));
}

#[test]
fn what_was_corked_is_granted_by_the_next_leader() {
    let mut cluster = Cluster::start();
    let client = cluster.client_of_ttl(HOUR);
    let kept = hold(&client, "kept");
    let corked = client.cork();
    let start =
        |slot| client.acquire_start(&format!("b/{slot}"), Wait::Forever, options()).unwrap();
    let pending: Vec<_> = (0..100).map(start).collect();
    kept.release(Wait::Try).unwrap();
    cluster.stop_leader();
    let again = client.acquire_start("kept", Wait::Forever, options()).unwrap();
    drop(corked);
    let tokens = pending.iter().map(|one| one.take(Wait::Forever).unwrap().token());
    let tokens: Vec<Token> = tokens.collect();
    assert!(tokens.iter().all(|token| *token > kept.token()), "{tokens:?}");
    assert!(again.take(Wait::Forever).unwrap().token() > kept.token());
}

#[test]
fn a_wait_that_is_over_under_a_cork_is_told() {
    let cluster = Cluster::start();
    let (holder, client) = (cluster.client(), cluster.client());
    let _held = hold(&holder, "a");
    let _corked = client.cork();
    let wait = Wait::For(Duration::from_millis(1));
    let late = client.acquire_start("a", wait, options()).unwrap();
    assert!(is_readable(late.fd().unwrap(), Some(PATIENT)));
    assert_eq!(status(late.take(Wait::Try)), Status::Timeout);
    assert_eq!(status(client.acquire("a", Wait::Try, options())), Status::Held);
}

#[test]
fn a_descriptor_is_readable_once_what_was_flushed_is_decided() {
    let cluster = Cluster::start();
    let client = cluster.client();
    let corked = client.cork();
    let pending = client.acquire_start("a", Wait::Forever, options()).unwrap();
    corked.flush().unwrap();
    assert!(is_readable(pending.fd().unwrap(), Some(PATIENT)));
    assert_eq!(pending.take(Wait::Try).unwrap().name(), "a");
}
