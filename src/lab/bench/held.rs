//! Many held locks of sessions that die: what each costs the leader's memory, and how long its longest turn is while
//! they expire.
//!
//! A node answers a status question within one turn of its loop, so the longest answer is no shorter than the longest
//! turn. The memory is the resident set of the leader's process: the entries since its last snapshot are in it.

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

/// What was measured.
#[derive(Clone, Debug)]
pub struct Held {
    locks: u64,
    sessions: u64,
    /// By how much the leader's resident memory grew.
    bytes: u64,
    /// From the sessions' last sign of life until the last lock was free, the TTL included.
    expiry: Duration,
    /// Status answers of the leader meanwhile: the median and the longest.
    median: Duration,
    longest: Duration,
}

/// Holds `locks` locks, ends their clients without a word, and watches the leader until all are free.
pub fn measure(processes: &mut Processes, to: &Connection, locks: u64) -> Result<Held, Failure> {
    let leader = processes.wait_whole()?;
    let before = processes.resident_bytes(leader)?;
    let sessions = hold(to, locks)?;
    let bytes = processes.resident_bytes(leader)?.saturating_sub(before);
    let begun = Instant::now();
    let mut answers = watch(processes.address(leader), to.timeout)?;
    answers.sort_unstable();
    let (median, longest) = (answers[answers.len() / 2], answers[answers.len() - 1]);
    Ok(Held { locks, sessions, bytes, expiry: begun.elapsed(), median, longest })
}

impl Held {
    /// For people.
    #[must_use]
    pub fn to_text(&self) -> String {
        format!(
            "{} locks held by {} sessions: {} bytes of the leader's memory each, its log included\n\
             all free {:.1} s after the sessions died; the leader's answers meanwhile: median {:.1} ms, longest {:.1} ms\n",
            self.locks,
            self.sessions,
            self.bytes_per_lock(),
            self.expiry.as_secs_f64(),
            millis(self.median),
            millis(self.longest)
        )
    }

    /// For machines.
    #[must_use]
    pub fn to_json(&self) -> String {
        let value = json!({
            "locks": self.locks,
            "sessions": self.sessions,
            "bytes_per_lock": self.bytes_per_lock(),
            "expiry_s": self.expiry.as_secs_f64(),
            "answer_ms": {"p50": millis(self.median), "max": millis(self.longest)},
        });
        format!("{value}\n")
    }

    fn bytes_per_lock(&self) -> u64 {
        self.bytes / self.locks
    }
}

/// Acquires them all, and drops the clients with their sockets: how many there were.
fn hold(to: &Connection, locks: u64) -> Result<u64, Failure> {
    let sessions = locks.div_ceil(LOCKS_PER_SESSION);
    let mut poller = Poller::new(READY_MAX).map_err(no_poll)?;
    let mut holders: Vec<Driven> =
        (0..sessions).map(|place| Driven::new(place, &format!("bench/held/{place}"), to)).collect();
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

/// Does what one client's core says: how many of its locks were granted.
fn settle(holder: &mut Driven, poller: &Poller) -> Result<u64, Failure> {
    let mut granted = 0;
    while let Some(decided) = holder.settle(poller) {
        for (_, result) in decided {
            granted += u64::from(matches!(result?, Done::Acquired { .. }));
        }
    }
    Ok(granted)
}

/// Asks the node again and again until it knows of no lock: how long each answer took.
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
