//! What happens to a session: its changes in order, and progress that its program must show.

use crate::client_driver::cluster::{Cluster, hold, is_readable, options, status};
use std::thread;
use std::time::Duration;
use tenure::Status;
use tenure::client::{Client, ClientOptions, EndReason, LeaseState, SessionState, Wait};

fn next(client: &Client) -> SessionState {
    client.next_event(Wait::Forever).unwrap().state
}

#[test]
fn what_a_session_is_when_a_client_opens_is_no_change() {
    let cluster = Cluster::start();
    let client = cluster.client();
    assert_eq!(client.session().state, SessionState::Valid);
    assert_eq!(status(client.next_event(Wait::Try)), Status::Again);
    assert!(!is_readable(client.events_fd().unwrap(), Some(Duration::ZERO)));
}

#[test]
fn a_client_that_opens_in_the_background_is_told_of_its_session() {
    let cluster = Cluster::start();
    let options = ClientOptions::new().background(true);
    let client = cluster.open(options);
    let info = client.next_event(Wait::Forever).unwrap();
    assert_eq!(info.state, SessionState::Valid);
    assert_eq!(info.session, client.session().session);
}

#[test]
fn a_session_without_servers_is_in_jeopardy_and_then_ends() {
    let mut cluster = Cluster::start();
    let client = cluster.client_of_ttl(Duration::from_millis(600));
    let (session, fd) = (client.session().session, client.events_fd().unwrap());
    cluster.nodes.clear();
    assert!(is_readable(fd, None));
    // On a busy machine it may have been late before.
    let mut state = next(&client);
    while state == SessionState::Valid || state == SessionState::Jeopardy {
        assert_eq!(client.session().session, session);
        state = next(&client);
    }
    assert_eq!(state, SessionState::Ended);
    assert_eq!(client.session().session, session, "the last one is named");
    assert!(!is_readable(fd, Some(Duration::ZERO)));
}

#[test]
fn a_close_is_the_last_change() {
    let cluster = Cluster::start();
    let client = cluster.client();
    client.close(Wait::Forever).unwrap();
    assert_eq!(next(&client), SessionState::Ended);
    assert_eq!(status(client.next_event(Wait::Forever)), Status::Closed);
    assert!(is_readable(client.events_fd().unwrap(), Some(Duration::ZERO)));
}

#[test]
fn a_program_that_does_not_say_that_it_moves_loses_its_locks() {
    let cluster = Cluster::start();
    let (ttl, progress) = (Duration::from_secs(3), Duration::from_millis(100));
    let stalled = cluster.open(ClientOptions::new().ttl(ttl).progress(progress));
    let lease = hold(&stalled, "a");
    assert!(is_readable(lease.fd().unwrap(), None));
    assert_eq!(lease.state(), LeaseState::Ended(EndReason::Stalled));
}

#[test]
fn a_program_that_says_that_it_moves_is_renewed() {
    let cluster = Cluster::start();
    let (ttl, progress) = (Duration::from_secs(6), Duration::from_secs(3));
    let moving = cluster.open(ClientOptions::new().ttl(ttl).progress(progress));
    let lease = hold(&moving, "a");
    let mut before = lease.remaining();
    loop {
        moving.progress().unwrap();
        let ended = is_readable(lease.fd().unwrap(), Some(Duration::from_millis(20)));
        let remaining = lease.remaining();
        assert!(!ended, "it was not renewed");
        if remaining > before {
            break;
        }
        before = remaining;
    }
    moving.close(Wait::Forever).unwrap();
    assert_eq!(status(moving.progress()), Status::Closed);
}

/// `read` waits on a thread of its own; meanwhile `look`, which does not wait, is refused. `end` ends the wait.
fn is_refused_while_another_waits<T: Send>(
    read: impl FnOnce() -> T + Send,
    look: impl Fn() -> Status,
    end: impl FnOnce(),
) -> T {
    thread::scope(|scope| {
        let reader = scope.spawn(read);
        // Until the other one waits.
        while look() != Status::Invalid {
            thread::yield_now();
        }
        end();
        reader.join().unwrap()
    })
}

#[test]
fn a_second_reader_of_what_has_one_is_refused_and_not_left_waiting() {
    let cluster = Cluster::start();
    let (client, other) = (cluster.client(), cluster.client());
    let lease = other.acquire("a", Wait::Forever, options()).unwrap();
    let pending = client.acquire_start("a", Wait::Forever, options()).unwrap();
    let taken = is_refused_while_another_waits(
        || pending.take(Wait::Forever).map(drop),
        || pending.take(Wait::For(Duration::ZERO)).unwrap_err().status,
        || lease.release(Wait::Forever).unwrap(),
    );
    assert_eq!(taken, Ok(()));

    let observer = client.observe("a").unwrap();
    while observer.next(Wait::For(Duration::from_millis(50))).is_ok() {}
    let seen = is_refused_while_another_waits(
        || observer.next(Wait::Forever).unwrap_err().status,
        || observer.next(Wait::Try).map_or_else(|error| error.status, |_| Status::Again),
        || observer.close(),
    );
    assert_eq!(seen, Status::Closed);

    let node = &cluster.nodes[0];
    is_refused_while_another_waits(
        || while node.next(None).is_ok() {},
        || node.next(Some(Duration::ZERO)).map_or_else(|error| error.status, |_| Status::Again),
        || node.stop(None).unwrap(),
    );

    let ended = is_refused_while_another_waits(
        || {
            while client.next_event(Wait::Forever).is_ok() {}
            client.next_event(Wait::Try).unwrap_err().status
        },
        || client.next_event(Wait::Try).map_or_else(|error| error.status, |_| Status::Again),
        || client.close(Wait::Forever).unwrap(),
    );
    assert_eq!(ended, Status::Closed);
}
