//! A host's log that hangs in a line of one client.

use crate::{Cluster, hold, is_decided, see_renewal, start};
use log::{LevelFilter, Log, Metadata, Record};
use parking_lot::{Condvar, Mutex};
use std::time::Duration;
use tenure::client::{BreakOptions, Client, Grace, LeaseState, Wait};

/// Hangs in each line with [`LINE`], until it is let go.
struct Hanging {
    /// Lines that hang, and whether they are to.
    state: Mutex<(usize, bool)>,
    changed: Condvar,
}

static LOG: Hanging = Hanging { state: Mutex::new((0, false)), changed: Condvar::new() };

impl Log for Hanging {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        if !record.args().to_string().contains(LINE) {
            return;
        }
        let mut state = self.state.lock();
        state.0 += 1;
        self.changed.notify_all();
        self.changed.wait_while(&mut state, |(_, hangs)| *hangs);
        state.0 -= 1;
    }

    fn flush(&self) {}
}

impl Hanging {
    fn hang(&'static self) {
        // Whoever is first installs it; there is no other.
        let _installed = log::set_logger(self);
        log::set_max_level(LevelFilter::Info);
        self.state.lock().1 = true;
    }

    fn wait_until_it_hangs(&self) {
        let mut state = self.state.lock();
        self.changed.wait_while(&mut state, |(lines, _)| *lines == 0);
    }

    fn let_go(&self) {
        self.state.lock().1 = false;
        self.changed.notify_all();
    }
}

/// Whoever holds `name` is asked to end, and that is a line.
fn ask(client: &Client, name: &str) {
    let grace = Grace::For(crate::HOUR);
    client.break_lock(name, BreakOptions::new().grace(grace)).unwrap();
}

/// The clients' own thread serves all of them: `one`, too.
fn check_all_served(cluster: &Cluster, one: &Client) {
    let other = cluster.client_of_ttl(Duration::from_secs(3));
    let (mine, theirs) = (hold(one, "a"), hold(&other, "b"));
    let (waits, others) = (start(one, "b"), start(&other, "a"));
    see_renewal(&theirs);
    mine.release(Wait::Forever).unwrap();
    theirs.release(Wait::Forever).unwrap();
    assert!(is_decided(&waits) && is_decided(&others));
}

#[test]
fn a_log_that_hangs_in_a_line_of_the_clients_thread_holds_up_no_client() {
    let cluster = Cluster::start();
    let (one, operator) = (cluster.client(), cluster.client());
    let lease = hold(&one, HANGING);
    LOG.hang();
    ask(&operator, HANGING);
    LOG.wait_until_it_hangs();
    assert_eq!(lease.state(), LeaseState::Asked);
    check_all_served(&cluster, &one);
    LOG.let_go();
}

#[test]
fn a_log_that_hangs_in_a_line_of_a_thread_that_waits_holds_up_no_client() {
    let cluster = Cluster::start();
    let (one, operator) = (cluster.client(), cluster.client());
    let lease = hold(&one, HANGING);
    std::thread::scope(|scope| {
        // It polls the sockets of its client, and so it is the one that hears of the order.
        scope.spawn(|| while one.next_event(Wait::Forever).is_ok() {});
        LOG.hang();
        ask(&operator, HANGING);
        LOG.wait_until_it_hangs();
        assert_eq!(lease.state(), LeaseState::Asked);
        check_all_served(&cluster, &one);
        LOG.let_go();
        one.close(Wait::Forever).unwrap();
    });
}

const HANGING: &str = "hanging";
/// What the client says. The node has lines about it, too.
const LINE: &str = "hanging is asked to end within";
