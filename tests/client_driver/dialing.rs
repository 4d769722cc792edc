//! Dials of a client: how many of them an address sees.

use crate::common::scripted::Scripted;
use std::net::TcpListener;
use std::thread;
use std::time::Duration;
use tenure::Status;
use tenure::client::{Client, ClientOptions};
use tenure::lock::Operation;
use tenure::wire::Request;

#[test]
fn a_node_that_takes_the_connection_and_says_nothing_is_not_dialed_beside_it() {
    let stopped = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = stopped.local_addr().unwrap().to_string();
    let connect_timeout = Duration::from_millis(900);
    let options = ClientOptions::new().connect_timeout(connect_timeout);
    assert_eq!(Client::open(&endpoint, options).unwrap_err().status, Status::Unavailable);
    stopped.set_nonblocking(true).unwrap();
    let mut dials = 0;
    while let Ok(_taken) = stopped.accept() {
        dials += 1;
    }
    // Once it was given up it may have been dialed once more.
    assert!((1..=2).contains(&dials), "{dials}");
}

#[test]
fn a_client_that_is_dropped_while_nobody_answers_says_so_and_lets_go() {
    let node = Scripted::listen();
    let endpoint = node.endpoint.clone();
    let hour = Duration::from_secs(3600);
    let server = thread::spawn(move || {
        let mut talk = node.accept_with_session(1, hour);
        let mut closes = 0;
        // Until the client has closed the connection, which no answer brings about.
        while let Some(request) = talk.request() {
            let is_close = matches!(request, Request::Submit { operation: Operation::Close, .. });
            closes += u32::from(is_close);
        }
        closes
    });
    let options = ClientOptions::new().ttl(hour);
    drop(Client::open(&endpoint, options).unwrap());
    assert_eq!(server.join().unwrap(), 1);
}
