//! A loop that hangs, not in its disk but in code: here in the host's logger, which does not return. The endpoint answers
//! all the same, and says so.

use super::{Cluster, until};
use log::{LevelFilter, Log, Metadata, Record};
use serde_json::Value;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Condvar, Mutex};
use tenure::client::{AcquireOptions, BreakOptions, Client, ClientOptions, Wait};

/// Keeps whoever says something of the lock `NAME`, until it is opened.
struct Gate {
    is_open: Mutex<bool>,
    opened: Condvar,
}

static GATE: Gate = Gate { is_open: Mutex::new(false), opened: Condvar::new() };
const NAME: &str = "jobs/wedged";

impl Log for Gate {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        let is_loop = std::thread::current().name() == Some("tenure-node");
        if !is_loop || !record.args().to_string().contains(NAME) {
            return;
        }
        let mut is_open = self.is_open.lock().expect("nobody panics with it");
        while !*is_open {
            is_open = self.opened.wait(is_open).expect("nobody panics with it");
        }
    }

    fn flush(&self) {}
}

fn get(address: SocketAddr, path: &str) -> (String, String) {
    let mut stream = TcpStream::connect(address).expect("it listens");
    write!(stream, "GET {path} HTTP/1.0\r\n\r\n").expect("a few bytes fit");
    let mut text = String::new();
    let _ = stream.read_to_string(&mut text).expect("it answers");
    let (head, body) = text.split_once("\r\n\r\n").expect("a head");
    (head[9..12].to_owned(), body.to_owned())
}

#[test]
fn a_loop_that_hangs_in_code_is_not_live_and_is_scraped_all_the_same() {
    let _ = log::set_logger(&GATE);
    log::set_max_level(LevelFilter::Info);
    let cluster = Cluster::start();
    let address = cluster.admin();
    assert_eq!(get(address, "/livez"), ("200".into(), "ok\n".into()));
    let open = || {
        let local = cluster.node.local().expect("it runs");
        Client::open_local(&local, ClientOptions::new()).expect("it serves")
    };
    let (holder, other) = (open(), open());
    let lease = holder.acquire(NAME, Wait::Forever, AcquireOptions::default()).expect("free");
    std::thread::scope(|scope| {
        // The loop says that the holder is asked, and does not come back from that.
        let asking = scope.spawn(|| other.break_lock(NAME, BreakOptions::default()));
        let live = until("the loop hangs", || {
            Some(get(address, "/livez")).filter(|(status, _)| status == "503")
        });
        assert!(
            live.1.starts_with("unknown: the loop of this node has not turned for "),
            "{live:?}"
        );
        let ready = get(address, "/readyz");
        assert!(ready.0 == "503" && ready.1.starts_with("unknown: "), "{ready:?}");
        let metrics = get(address, "/metrics");
        assert!(metrics.0 == "200" && metrics.1.contains("tenure_grants_total 2\n"), "{metrics:?}");
        let (status, page) = get(address, "/status");
        let page: Value = serde_json::from_str(&page).expect("JSON");
        assert_eq!((status.as_str(), &page["nodes"][0]["id"]), ("200", &1.into()));
        assert!(page["age_ms"].as_u64().is_some(), "{page}");
        *GATE.is_open.lock().expect("nobody panics with it") = true;
        GATE.opened.notify_all();
        let asked = asking.join().expect("it does not panic");
        asked.expect("it is asked once the loop goes on");
    });
    until("the loop turns again", || (get(address, "/livez").0 == "200").then_some(()));
    // However long that took: it was asked to end, or its session is over.
    let _ = lease.release(Wait::Forever);
}
