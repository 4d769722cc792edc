//! Addresses of nodes. IP addresses and `localhost` are known at once; other names are looked up on threads of their
//! own, since a name server may take seconds and nobody may wait for it.
//!
//! A lookup cannot be cancelled, and a caller that asks again and again while a name server hangs must not start one
//! more each time. So each host is looked up once at a time in the whole process, for all callers, on few threads.

use crate::sys::fork::{self, OfProcess};
use crate::sys::thread;
use parking_lot::Mutex;
use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::mpsc;
use std::time::Duration;

/// The addresses of a host with the port that was asked for, or why there are none.
pub type Found = Result<Vec<SocketAddr>, String>;

/// The addresses of "host:port", if no name server has to be asked.
#[must_use]
pub fn resolve_locally(address: &str) -> Option<Vec<SocketAddr>> {
    if let Ok(address) = address.parse() {
        return Some(vec![address]);
    }
    let port = address.strip_prefix("localhost:")?.parse().ok()?;
    Some(vec![
        SocketAddr::from(([127, 0, 0, 1], port)),
        SocketAddr::from(([0u16, 0, 0, 0, 0, 0, 0, 1], port)),
    ])
}

/// Looks up `address` on another thread, which passes the result to `done` unless the [`Lookup`] was dropped before.
///
/// # Errors
/// The process may have no more threads.
pub fn resolve_elsewhere(
    address: &str,
    done: impl FnOnce(Found) + Send + 'static,
) -> io::Result<Lookup> {
    DESK.value().ask(address, Box::new(done))
}

/// The addresses of "host:port", found within `wait`.
///
/// # Errors
/// One sentence: it is not known, or no name server answers.
pub fn resolve_within(address: &str, wait: Duration) -> Found {
    if let Some(found) = resolve_locally(address) {
        return Ok(found);
    }
    let (tell, told) = mpsc::channel();
    let lookup = resolve_elsewhere(address, move |found| {
        // Lost on a caller that has stopped waiting.
        let _ = tell.send(found);
    });
    let _lookup = lookup.map_err(|error| format!("no thread to look it up: {error}"))?;
    let silence = |_| "no name server answered in time".to_owned();
    told.recv_timeout(wait).map_err(silence)?
}

/// Somebody who waits for a lookup. Dropped it is not told.
#[derive(Debug)]
pub struct Lookup {
    desk: &'static Desk,
    host: String,
    asker: u64,
}

impl Lookup {
    /// Lets the look-up go on after the drop: its asker is told in any case.
    pub fn detach(mut self) {
        // The drop then takes nobody's question back.
        self.asker = 0;
    }
}

impl Drop for Lookup {
    fn drop(&mut self) {
        // In a child of fork the desk may be locked for ever, by a thread that is not there.
        if fork::generation() != self.desk.forks {
            return;
        }
        let mut state = self.desk.state.lock();
        let askers = state.under_way.get_mut(&self.host);
        let gone = askers.and_then(|askers| askers.remove(&self.asker));
        drop(state);
        // Values held by it may be dropped here, so not under the mutex.
        drop(gone);
    }
}

/// All lookups of one process.
#[derive(Debug)]
struct Desk {
    /// Forks that had been when it was made.
    forks: u32,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Hosts that are looked up, or are to be, with those who asked.
    under_way: BTreeMap<String, BTreeMap<u64, Asker>>,
    /// Lookups that no thread has taken yet.
    waiting: VecDeque<String>,
    threads: usize,
    askers: u64,
}

struct Asker {
    port: u16,
    done: Done,
}

type Done = Box<dyn FnOnce(Found) + Send>;

impl Default for Desk {
    fn default() -> Self {
        Self { forks: fork::generation(), state: Mutex::default() }
    }
}

impl Desk {
    fn ask(&'static self, address: &str, done: Done) -> io::Result<Lookup> {
        let (host, port) = address.rsplit_once(':').ok_or(io::ErrorKind::InvalidInput)?;
        let port = port.parse().map_err(|_| io::ErrorKind::InvalidInput)?;
        let mut state = self.state.lock();
        state.askers += 1;
        let asker = state.askers;
        let is_new = !state.under_way.contains_key(host);
        if is_new && state.threads < THREADS_MAX {
            match thread::spawn("tenure-resolve", move || self.work()) {
                Ok(_) => state.threads += 1,
                // The threads that exist take it.
                Err(_) if state.threads > 0 => {}
                Err(error) => return Err(error),
            }
        }
        if is_new {
            state.waiting.push_back(host.to_owned());
        }
        let askers = state.under_way.entry(host.to_owned()).or_default();
        askers.insert(asker, Asker { port, done });
        Ok(Lookup { desk: self, host: host.to_owned(), asker })
    }

    /// Looks up what waits, until nothing does.
    fn work(&self) {
        loop {
            let mut state = self.state.lock();
            let Some(host) = state.waiting.pop_front() else {
                state.threads -= 1;
                return;
            };
            drop(state);
            let found = (host.as_str(), 0).to_socket_addrs().map(Iterator::collect);
            let found: Found = found.map_err(|error| error.to_string());
            let askers = self.state.lock().under_way.remove(&host).unwrap_or_default();
            for Asker { port, done } in askers.into_values() {
                done(found.clone().map(|addresses| with_port(addresses, port)));
            }
        }
    }
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.under_way.keys()).finish()
    }
}

fn with_port(mut addresses: Vec<SocketAddr>, port: u16) -> Vec<SocketAddr> {
    addresses.iter_mut().for_each(|address| address.set_port(port));
    addresses
}

static DESK: OfProcess<Desk> = OfProcess::new();
/// More than the hosts of one client and one node together, so that those which hang hold up no others.
const THREADS_MAX: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_localhost_need_no_name_server() {
        assert_eq!(resolve_locally("[::1]:7"), Some(vec!["[::1]:7".parse().unwrap()]));
        let both = ["127.0.0.1:7", "[::1]:7"].map(|address| address.parse().unwrap());
        assert_eq!(resolve_locally("localhost:7"), Some(both.to_vec()));
        assert_eq!(resolve_locally("db.example:7"), None);
    }

    #[test]
    fn names_are_looked_up_elsewhere() {
        let (sender, receiver) = crossbeam_channel::bounded(1);
        resolve_elsewhere("127.0.0.1:7", move |found| sender.send(found).unwrap())
            .unwrap()
            .detach();
        assert_eq!(receiver.recv().unwrap().unwrap(), ["127.0.0.1:7".parse().unwrap()]);
    }

    /// A desk whose threads look nothing up until they are let.
    fn desk() -> &'static Desk {
        let state = State { threads: THREADS_MAX, ..State::default() };
        Box::leak(Box::new(Desk { forks: fork::generation(), state: Mutex::new(state) }))
    }

    fn ask(desk: &'static Desk, address: &str) -> (Lookup, mpsc::Receiver<Found>) {
        let (tell, told) = mpsc::channel();
        let lookup = desk.ask(address, Box::new(move |found| tell.send(found).unwrap())).unwrap();
        (lookup, told)
    }

    #[test]
    fn a_host_is_looked_up_once_for_all_who_ask_meanwhile() {
        let desk = desk();
        let asked = ["127.0.0.1:7", "127.0.0.1:8", "127.0.0.1:7"].map(|name| ask(desk, name));
        assert_eq!(desk.state.lock().waiting, ["127.0.0.1"]);
        desk.work();
        let found = asked.map(|(_lookup, told)| told.try_recv().unwrap().unwrap()[0].port());
        assert_eq!(found, [7, 8, 7]);
        assert!(desk.state.lock().under_way.is_empty());
    }

    #[test]
    fn who_has_stopped_waiting_is_not_told_and_not_kept() {
        let desk = desk();
        let (gone, told) = ask(desk, "127.0.0.1:7");
        let (_stays, also_told) = ask(desk, "127.0.0.1:8");
        drop(gone);
        assert_eq!(told.try_recv(), Err(mpsc::TryRecvError::Disconnected));
        desk.work();
        assert!(also_told.try_recv().is_ok());
    }

    #[test]
    fn threads_are_bounded_and_what_waits_is_taken_by_those_that_there_are() {
        let desk = desk();
        let asked = ["127.0.0.1:7", "127.0.0.2:7"].map(|name| ask(desk, name));
        assert_eq!(desk.state.lock().threads, THREADS_MAX);
        desk.work();
        assert!(asked.iter().all(|(_lookup, told)| told.try_recv().unwrap().is_ok()));
        assert_eq!(desk.state.lock().threads, THREADS_MAX - 1, "this one has ended");
    }

    #[test]
    fn what_is_no_host_with_a_port_is_refused() {
        for address in ["db", "db:x", "db:70000"] {
            assert!(resolve_within(address, Duration::MAX).is_err(), "{address}");
        }
    }
}
