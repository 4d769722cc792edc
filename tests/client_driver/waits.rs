//! Threads that wait in one client: what each waits for, and its time, whoever polls the sockets.

use crate::client_driver::cluster::{
    Cluster, hold, is_readable, options, status, wait_for, waiting,
};
use crate::common::scripted::Scripted;
use std::num::NonZeroU64;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;
use tenure::Status;
use tenure::client::{Client, ClientOptions, Lease, Pending, Wait};
use tenure::lock::Operation;
use tenure::wire::Request;

/// However busy the machine is.
const PATIENT: Duration = Duration::from_secs(60);
/// So long that nothing is renewed meanwhile.
const HOUR: Duration = Duration::from_secs(3600);

/// A thread that waits for `name`, which somebody else holds.
fn waits_in(
    client: &Client,
    observer: &Client,
    name: &'static str,
    owner: u64,
) -> thread::JoinHandle<Lease> {
    let before = waiting(observer, name);
    let client = client.clone();
    let options = options().owner(NonZeroU64::new(owner));
    let thread = thread::spawn(move || client.acquire(name, Wait::Forever, options).unwrap());
    while waiting(observer, name) == before {}
    thread
}

/// Reads what happens to the session until nothing more does, and why that is.
fn read_all(client: &Client) -> Status {
    loop {
        if let Err(error) = client.next_event(Wait::Forever) {
            return error.status;
        }
    }
}

#[test]
fn a_call_ends_in_time_while_another_thread_polls() {
    let cluster = Cluster::start();
    let (holder, client) = (cluster.client(), cluster.client_of_ttl(HOUR));
    let lease = hold(&holder, "a");
    let polls = waits_in(&client, &holder, "a", 7);
    // Behind the acquire of its owner: nothing leaves for it, and no answer will wake anybody.
    let wish = options().owner(NonZeroU64::new(7));
    let wait = Wait::For(Duration::from_millis(50));
    let late = client.acquire_start("a", wait, wish).unwrap();
    assert!(is_readable(late.fd().unwrap(), Some(PATIENT)), "its time is long over");
    assert_eq!(status(late.take(Wait::Try)), Status::Timeout);
    lease.release(Wait::Forever).unwrap();
    polls.join().unwrap();
}

#[test]
fn a_wait_of_a_thread_that_sleeps_ends_in_time_while_another_polls() {
    let cluster = Cluster::start();
    let (holder, client) = (cluster.client(), cluster.client_of_ttl(HOUR));
    let lease = hold(&holder, "a");
    let polls = waits_in(&client, &holder, "a", 0);
    let pending = wait_for(&client, "a");
    let wait = Wait::For(Duration::from_millis(50));
    assert_eq!(status(pending.take(wait)), Status::Again);
    assert_eq!(status(client.next_event(wait)), Status::Again);
    lease.release(Wait::Forever).unwrap();
    drop(polls.join().unwrap());
    pending.take(Wait::Forever).unwrap();
}

#[test]
fn two_threads_that_wait_for_one_call_are_both_told() {
    let cluster = Cluster::start();
    let (holder, client) = (cluster.client(), cluster.client_of_ttl(HOUR));
    let lease = hold(&holder, "a");
    let pending = wait_for(&client, "a");
    let take = |pending: &Pending| pending.take(Wait::Forever).map(|lease| lease.token());
    let taken = thread::scope(|scope| {
        let threads = [(); 3].map(|()| scope.spawn(|| take(&pending)));
        lease.release(Wait::Forever).unwrap();
        threads.map(|thread| thread.join().unwrap())
    });
    assert_eq!(taken.iter().filter(|taken| taken.is_ok()).count(), 1, "{taken:?}");
    let invalid = |taken: &&Result<_, tenure::Error>| {
        taken.as_ref().is_err_and(|error| error.status == Status::Invalid)
    };
    assert_eq!(taken.iter().filter(invalid).count(), 2, "{taken:?}");
}

#[test]
fn what_happens_is_told_to_one_reader() {
    let cluster = Cluster::start();
    let client = cluster.client_of_ttl(HOUR);
    let observer = client.observe("a").unwrap();
    observer.next(Wait::Forever).unwrap();
    let (sender, receiver) = mpsc::channel();
    thread::scope(|scope| {
        let readers = [(); 2].map(|()| {
            let (sender, client) = (sender.clone(), &client);
            scope.spawn(move || sender.send(read_all(client)).unwrap())
        });
        assert_eq!(receiver.recv().unwrap(), Status::Invalid, "the second of them");
        client.close(Wait::Forever).unwrap();
        readers.into_iter().for_each(|reader| reader.join().unwrap());
    });
    assert_eq!(receiver.recv().unwrap(), Status::Closed, "the first");
    assert_eq!(status(observer.next(Wait::Forever)), Status::Closed);
}

#[test]
fn what_did_not_fit_leaves_once_there_is_room_while_another_thread_polls() {
    let node = Scripted::listen();
    let (read_on, reads_on) = mpsc::channel();
    let endpoint = node.endpoint.clone();
    let server = thread::spawn(move || {
        let mut talk = node.accept_with_session(1, HOUR);
        reads_on.recv().unwrap();
        let mut acquires = 0;
        while acquires < REQUESTS {
            if let Request::Submit { operation: Operation::Acquire(_), .. } =
                talk.request().unwrap()
            {
                acquires += 1;
            }
        }
    });
    let client_options = ClientOptions::new().ttl(HOUR).connect_timeout(PATIENT);
    let client = Client::open(&endpoint, client_options).unwrap();
    // It polls before there is anything that does not fit, and nothing that it waits for comes.
    let polls = {
        let client = client.clone();
        thread::spawn(move || read_all(&client))
    };
    let wish = || options().value(vec![7; 4096]);
    let pending: Vec<Pending> = (0..REQUESTS)
        .map(|at| client.acquire_start(&format!("lock-{at}"), Wait::Forever, wish()).unwrap())
        .collect();
    read_on.send(()).unwrap();
    server.join().unwrap();
    drop(pending);
    client.close(Wait::Try).unwrap();
    drop(client);
    assert_eq!(polls.join().unwrap(), Status::Closed);
}

/// Five megabytes and a half: more than the kernel takes where nobody reads, less than it and our own buffer take together.
const REQUESTS: usize = 1350;
