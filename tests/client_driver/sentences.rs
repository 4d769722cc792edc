//! What people are told when a call fails: about which lock, and why; and what `{:?}` shows.

use crate::client_driver::cluster::{Cluster, is_readable, options};
use std::io::Write;
use std::net::TcpListener;
use std::thread;
use std::time::Duration;
use tenure::base::limits::REFUSAL_TEXT_BYTES_MAX;
use tenure::client::{BreakOptions, Client, ClientOptions, Grace, Lease, Wait};
use tenure::wire::{FrameKind, Refused, RefusedCode, encode_frame};
use tenure::{Error, Status};

fn lost(result: Result<(), Error>) -> String {
    let error = result.unwrap_err();
    assert_eq!(error.status, Status::Lost, "{error}");
    error.message
}

fn wait_for_the_end(lease: &Lease) {
    let fd = lease.fd().unwrap();
    while !lease.remaining().is_zero() {
        is_readable(fd, None);
    }
}

#[test]
fn what_is_not_granted_is_named_with_the_reason() {
    let cluster = Cluster::start();
    let (one, two) = (cluster.client_called("one"), cluster.client());
    let _held = one.acquire("jobs/a", Wait::Forever, options()).unwrap();
    let said = |wait| two.acquire("jobs/a", wait, options()).unwrap_err().message;
    assert_eq!(said(Wait::Try), "\"jobs/a\" is held by one");
    let wait = Wait::For(Duration::from_millis(20));
    assert_eq!(said(wait), "\"jobs/a\" was not granted within 20ms");
    let both = two.acquire_all(&["jobs/a", "jobs/b"], wait, options()).unwrap_err();
    assert_eq!(both.message, "\"jobs/a\" and \"jobs/b\" were not granted within 20ms");
    let pending = two.acquire_start("jobs/a", Wait::Forever, options()).unwrap();
    pending.cancel();
    let cancelled = pending.take(Wait::Forever).unwrap_err();
    assert_eq!(cancelled.message, "the wait for \"jobs/a\" was cancelled");
    let taken = pending.take(Wait::Forever).unwrap_err();
    assert_eq!(taken.message, "the decision on \"jobs/a\" was taken before");
    two.close(Wait::Forever).unwrap();
    let closed = two.acquire("jobs/a", Wait::Forever, options()).unwrap_err();
    assert_eq!(closed.message, "\"jobs/a\" was not granted: the client is closed");
}

#[test]
fn the_ends_of_a_lease_are_told_apart() {
    let cluster = Cluster::start();
    let (one, two) = (cluster.client(), cluster.client_called("two"));
    let acquire = |name| one.acquire(name, Wait::Forever, options()).unwrap();

    let released = acquire("jobs/released");
    released.release(Wait::Forever).unwrap();
    let said = "the lease on \"jobs/released\" was released before";
    assert_eq!(lost(released.release(Wait::Forever)), said);
    assert_eq!(lost(released.proclaim(b"x")), said);
    assert_eq!(lost(released.transfer(None)), said);

    let broken = acquire("jobs/broken");
    let reason = "maintenance".to_owned();
    let now = BreakOptions::new().grace(Grace::Now).reason(reason);
    two.break_lock("jobs/broken", now).unwrap();
    wait_for_the_end(&broken);
    let said =
        "the lease on \"jobs/broken\" is lost: it was broken, with the reason \"maintenance\"";
    assert_eq!(lost(broken.release(Wait::Forever)), said);

    let handed = acquire("jobs/handed");
    let heir = two.acquire_start("jobs/handed", Wait::Forever, options()).unwrap();
    while handed.transfer(Some("two")).is_err_and(|error| error.status == Status::NotFound) {}
    heir.take(Wait::Forever).unwrap();
    let said = "the lease on \"jobs/handed\" has ended: it was handed over before";
    assert_eq!(lost(handed.release(Wait::Forever)), said);

    let closed = acquire("jobs/closed");
    one.close(Wait::Forever).unwrap();
    let said = "the lease on \"jobs/closed\" has ended: its client was closed";
    assert_eq!(lost(closed.release(Wait::Forever)), said);
    assert_eq!(lost(closed.proclaim(b"x")), said);
}

#[test]
fn a_lease_that_was_not_renewed_says_so() {
    let cluster = Cluster::start();
    let client = cluster.client_of_ttl(Duration::from_secs(1));
    let lease = client.acquire("jobs/a", Wait::Forever, options()).unwrap();
    drop(cluster);
    wait_for_the_end(&lease);
    let said =
        "the lease on \"jobs/a\" is lost: it expired, since the session was not renewed in time";
    assert_eq!(lost(lease.release(Wait::Forever)), said);
    assert_eq!(lost(lease.transfer(None)), said);
}

#[test]
fn a_break_of_what_nobody_holds_names_the_lock_the_token_and_the_heir() {
    let cluster = Cluster::start();
    let client = cluster.client();
    let said = |options| client.break_lock("jobs/a", options).unwrap_err().message;
    assert_eq!(said(BreakOptions::default()), "nobody holds \"jobs/a\"");
    let lease = client.acquire("jobs/a", Wait::Forever, options()).unwrap();
    let other = tenure::base::Token(lease.token().0 + 1);
    let text = format!("nobody holds \"jobs/a\" under token {}", lease.token().0 + 1);
    assert_eq!(said(BreakOptions::new().token(other)), text);
    let text = "no client called \"two\" waits for \"jobs/a\" alone";
    assert_eq!(said(BreakOptions::new().to("two")), text);
}

#[test]
fn what_a_server_says_is_one_line_of_bounded_length() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = listener.local_addr().unwrap().to_string();
    let text = "go\naway \x1b[2J".repeat(50_000);
    thread::spawn(move || {
        let mut bytes = Vec::new();
        let refused = Refused { code: RefusedCode::Full, text };
        encode_frame(FrameKind::Refused, &refused, &mut bytes);
        // Closed with its hello unread, a connection would be reset, and what was said lost.
        let mut open = Vec::new();
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            // The client may have hung up.
            let _gone = stream.write_all(&bytes);
            open.push(stream);
        }
    });
    let options = ClientOptions::new().connect_timeout(Duration::from_millis(500));
    let refused = Client::open(&endpoint, options).unwrap_err();
    let said = &refused.message;
    assert!(said.contains("go\\naway \\u{1b}[2Jgo"), "{said}");
    assert!(said.len() < REFUSAL_TEXT_BYTES_MAX + 200, "{} bytes", said.len());
    assert!(!said.chars().any(char::is_control), "{said:?}");
    let (_, status) = &Client::status_of(&endpoint, Duration::from_secs(60))[0];
    let said = &status.as_ref().unwrap_err().message;
    assert!(said.starts_with("go\\naway") && said.len() < REFUSAL_TEXT_BYTES_MAX + 200, "{said}");
}

#[test]
fn debug_shows_what_people_need_and_no_key() {
    let cluster = Cluster::start();
    let client = cluster.client();
    let lease = client.acquire("jobs/a", Wait::Forever, options()).unwrap();
    let pending = client.acquire_start("jobs/a", Wait::Forever, options()).unwrap();
    let observer = client.observe("jobs/a").unwrap();
    let text = format!("{client:?}");
    assert!(text.starts_with(&format!("Client {{ endpoints: {:?}", cluster.endpoints)), "{text}");
    let text = format!("{lease:?}");
    let token = lease.token().0;
    let begin = format!("Lease {{ name: \"jobs/a\", token: {token}, remaining: ");
    assert!(text.starts_with(&begin), "{text}");
    for text in [
        format!("{client:?}"),
        text,
        format!("{pending:?}"),
        format!("{observer:?}"),
        format!("{:?}", cluster.nodes),
        format!("{:?}", cluster.nodes[0].local().unwrap()),
    ] {
        assert!(text.len() < 2_000, "{} bytes: {text}", text.len());
        assert!(!text.to_lowercase().contains("key") && !text.contains("bytes: ["), "{text}");
    }
}
