//! What happens to a session: its changes in order, and progress that its program must show.

use crate::cluster::{Cluster, hold, is_readable, status};
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
    let options = ClientOptions { background: true, ..ClientOptions::default() };
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
    let (ttl, progress) = (Duration::from_secs(3), Some(Duration::from_millis(100)));
    let stalled = cluster.open(ClientOptions { ttl, progress, ..ClientOptions::default() });
    let lease = hold(&stalled, "a");
    assert!(is_readable(lease.fd().unwrap(), None));
    assert_eq!(lease.state(), LeaseState::Ended(EndReason::Stalled));
}

#[test]
fn a_program_that_says_that_it_moves_is_renewed() {
    let cluster = Cluster::start();
    let (ttl, progress) = (Duration::from_secs(6), Some(Duration::from_secs(3)));
    let moving = cluster.open(ClientOptions { ttl, progress, ..ClientOptions::default() });
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
