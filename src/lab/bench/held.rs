//! Many locks of sessions that then expire: the leader's memory per lock, and its longest turn
//! during the expiry.
//!
//! A node answers a status question within one turn of its loop, so the longest answer is no shorter than the longest
//! turn. The memory is the resident set of the leader's process: the entries since its last snapshot are in it, and at its peak what
//! the making of a snapshot takes.

use super::driven::{Driven, no_poll};
use super::figures::millis;
use crate::cli::connect::Connection;
use crate::cli::failure::Failure;
use crate::lab::processes::Processes;
use serde_json::json;
use std::time::{Duration, Instant};
use tenure::client::Client;
use tenure::client::core::{AcquireCall, Done, Wait};
use tenure::lock::Name;
use tenure::net::Poller;
use tenure::sys::clock;
use tenure::wire::NodeStatus;

/// The measurement.
#[derive(Clone, Debug)]
pub struct Held {
    locks: u64,
    sessions: u64,
    /// Growth of the leader's resident memory, in bytes.
    bytes: u64,
    /// Peak resident memory of the leader, in bytes.
    peak: u64,
    /// Bytes of the state, as the lock machine counts them, and of the leader's newest snapshot, if
    /// there is one.
    state: Option<u64>,
    snapshot: Option<u64>,
    /// From the sessions' last renewal until the last lock was free, the TTL included.
    expiry: Duration,
    /// The leader's status answers meanwhile: the median and the longest.
    median: Duration,
    longest: Duration,
}

/// Holds `locks` locks, drops their clients without ending the sessions, and watches the leader
/// until all are free.
pub fn measure(processes: &mut Processes, to: &Connection, locks: u64) -> Result<Held, Failure> {
    let leader = processes.wait_whole()?;
    let before = processes.resident_bytes(leader)?;
    let sessions = hold(to, locks)?;
    let bytes = processes.resident_bytes(leader)?.saturating_sub(before);
    let peak = processes.peak_bytes(leader)?;
    let NodeStatus { state_bytes: state, snapshot_bytes: snapshot, .. } =
        ask(processes.address(leader), to.timeout)?;
    let begun = Instant::now();
    let mut answers = watch(processes.address(leader), to.timeout)?;
    answers.sort_unstable();
    let (median, longest) = (answers[answers.len() / 2], answers[answers.len() - 1]);
    let expiry = begun.elapsed();
    Ok(Held { locks, sessions, bytes, peak, state, snapshot, expiry, median, longest })
}

impl Held {
    #[must_use]
    pub fn to_text(&self) -> String {
        let snapshot = match self.snapshot {
            Some(bytes) => format!("the newest snapshot has {:.1} MB", mega(bytes)),
            None => "no snapshot was due yet".to_owned(),
        };
        format!(
            "{} locks held by {} sessions: {} bytes of the leader's memory each, its log included\n\
             {:.1} MB of memory at the peak; the state counts {:.1} MB, {snapshot}\n\
             all free {:.1} s after the sessions died; the leader's answers meanwhile: median {:.1} ms, longest {:.1} ms\n",
            self.locks,
            self.sessions,
            self.bytes_per_lock(),
            mega(self.peak),
            mega(self.state.unwrap_or_default()),
            self.expiry.as_secs_f64(),
            millis(self.median),
            millis(self.longest)
        )
    }

    #[must_use]
    pub fn to_json(&self) -> String {
        let value = json!({
            "locks": self.locks,
            "sessions": self.sessions,
            "bytes_per_lock": self.bytes_per_lock(),
            "peak_bytes": self.peak,
            "state_bytes": self.state,
            "snapshot_bytes": self.snapshot,
            "expiry_s": self.expiry.as_secs_f64(),
            "answer_ms": {"p50": millis(self.median), "max": millis(self.longest)},
        });
        format!("{value}\n")
    }

    fn bytes_per_lock(&self) -> u64 {
        self.bytes / self.locks
    }
}

fn mega(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}

/// Acquires all locks, and drops the clients with their sockets; says how many clients there were.
fn hold(to: &Connection, locks: u64) -> Result<u64, Failure> {
    let sessions = locks.div_ceil(LOCKS_PER_SESSION);
    let mut poller = Poller::new(READY_MAX).map_err(no_poll)?;
    let ttl = to.options()?.ttl;
    let holder = |place| Driven::new(place, &format!("bench/held/{place}"), ttl, to);
    let mut holders: Vec<Driven> = (0..sessions).map(holder).collect();
    let now = clock::sample();
    for lock in 0..locks {
        let holder = usize::try_from(lock / LOCKS_PER_SESSION).expect("few sessions");
        let name = Name::try_from(format!("bench/held/{lock}")).expect("a short name");
        holders[holder].core.acquire(&now, AcquireCall::lock(name, Wait::Forever));
    }
    let (mut held, mut progress) = (0, Instant::now());
    while held < locks {
        let before = held;
        for holder in &mut holders {
            held += settle(holder, &poller)?;
        }
        if held != before {
            progress = Instant::now();
        } else if progress.elapsed() > to.timeout {
            return Err(Failure::unavailable(holders[0].why_unavailable()));
        }
        poller.wait(Some(LOOK_EVERY)).map_err(no_poll)?;
        let ready: Vec<_> = poller.ready().collect();
        for ready in ready {
            let (place, link) = Driven::place_of(ready.key);
            holders[place].receive(link);
        }
    }
    Ok(sessions)
}

/// Obeys one client's core; says how many locks were granted.
fn settle(holder: &mut Driven, poller: &Poller) -> Result<u64, Failure> {
    let mut granted = 0;
    while let Some(decided) = holder.settle(poller) {
        for (_, result) in decided {
            granted += u64::from(matches!(result?, Done::Acquired { .. }));
        }
    }
    Ok(granted)
}

/// Asks the node for its status until it has no locks; gives the time of each answer.
fn watch(node: &str, timeout: Duration) -> Result<Vec<Duration>, Failure> {
    let mut answers = Vec::new();
    loop {
        let begun = Instant::now();
        let status = ask(node, timeout)?;
        answers.push(begun.elapsed());
        if status.locks == 0 {
            return Ok(answers);
        }
        std::thread::sleep(ASK_EVERY);
    }
}

fn ask(node: &str, timeout: Duration) -> Result<NodeStatus, Failure> {
    let (_, answer) = Client::status_of(node, timeout).pop().expect("one node is asked");
    Ok(answer?)
}

/// Half of what a session may hold.
const LOCKS_PER_SESSION: u64 = 8192;
const READY_MAX: usize = 64;
const LOOK_EVERY: Duration = Duration::from_millis(5);
/// Often enough to meet each long turn, and seldom enough not to be the load.
const ASK_EVERY: Duration = Duration::from_millis(1);
