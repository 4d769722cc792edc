//! Clients that share a reactor: how one affects the others.

use super::*;
use crate::base::SessionKey;
use crate::client::core::CoreOptions;
use crate::sys::random;
use std::net::TcpListener;
use std::sync::mpsc;
use std::time::Duration;

/// A listener that a client dials over and over: each connection is dropped.
struct Dialed {
    listener: TcpListener,
    client: Arc<Shared>,
}

impl Dialed {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let options = CoreOptions {
            endpoints: vec![listener.local_addr().unwrap().to_string()],
            pin: None,
            client: "test".to_owned(),
            ttl: Duration::from_secs(10),
            connect_timeout: Duration::from_secs(10),
            request_timeout: Duration::from_secs(10),
            progress: None,
            key: SessionKey(random::bytes16()),
            seed: random::seed(),
        };
        let client = Shared::start(options, None, None).unwrap();
        // The first dial is the caller's; all others are the reactor's.
        client.with(|_, _| ()).unwrap();
        Self { listener, client }
    }

    /// Checks that the reactor serves the client: sees each end of a connection, and dials again
    /// when due.
    fn check_served(&self) {
        for _ in 0..2 {
            drop(self.listener.accept().unwrap());
        }
    }

    fn close(&self) {
        let _ = self.client.with(|inner, now| inner.core.let_go(now));
    }
}

#[test]
fn a_client_whose_mutex_is_taken_holds_up_no_other_and_is_served_behind_that() {
    let (one, two) = (Dialed::start(), Dialed::start());
    let (locked, is_locked) = mpsc::channel();
    let (free, is_free) = mpsc::channel();
    std::thread::scope(|scope| {
        let client = &one.client;
        scope.spawn(move || {
            client.with(|_, _| {
                locked.send(()).unwrap();
                is_free.recv().unwrap()
            })
        });
        is_locked.recv().unwrap();
        // The reactor turns to the client meanwhile: its connection ends.
        drop(one.listener.accept().unwrap());
        two.check_served();
        free.send(()).unwrap();
        one.check_served();
        two.check_served();
    });
    one.close();
    two.close();
}

#[test]
fn a_panic_in_its_turn_ends_one_client_and_no_other() {
    let (one, two) = (Dialed::start(), Dialed::start());
    let (began, begins) = mpsc::channel();
    one.client.post(move |_, _| {
        began.send(()).unwrap();
        panic!("a bug of the test");
    });
    begins.recv().unwrap();
    two.check_served();
    let failed = one.client.with(|_, _| ()).unwrap_err();
    assert!(failed.message.contains("a bug of the test"), "{failed}");
    let next = Dialed::start();
    next.check_served();
    two.check_served();
    two.close();
    next.close();
}

#[test]
fn a_client_that_is_finished_leaves_and_its_number_is_the_next_ones() {
    let one = Dialed::start();
    let weak = Arc::downgrade(&one.client);
    one.close();
    let Dialed { listener, client } = one;
    drop(client);
    while weak.strong_count() > 0 {
        std::thread::yield_now();
    }
    drop(listener);
    let next = Dialed::start();
    next.check_served();
    next.close();
}
