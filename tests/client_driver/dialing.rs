//! Dials of a client: how many of them an address sees.

use std::net::TcpListener;
use std::time::Duration;
use tenure::Status;
use tenure::client::{Client, ClientOptions};

#[test]
fn a_node_that_takes_the_connection_and_says_nothing_is_not_dialed_beside_it() {
    let stopped = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = stopped.local_addr().unwrap().to_string();
    let connect_timeout = Duration::from_millis(900);
    let options = ClientOptions { connect_timeout, ..ClientOptions::default() };
    assert_eq!(Client::open(&endpoint, options).unwrap_err().status, Status::Unavailable);
    stopped.set_nonblocking(true).unwrap();
    let mut dials = 0;
    while let Ok(_taken) = stopped.accept() {
        dials += 1;
    }
    // Once it was given up it may have been dialed once more.
    assert!((1..=2).contains(&dials), "{dials}");
}
