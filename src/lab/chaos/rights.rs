//! Changes of rights during a run: each client is a principal of its own, and now and then one
//! loses the right to take, or even to read, one of the locks. Each change is logged before it is
//! ordered and when it is done.
//!
//! An unanswered order may take effect late: it may wait at a stopped node. So its right is left
//! alone until all has been healed for a moment, and is given back then.

use super::client::LOCKS;
use super::clients::name_of;
use super::event_log::EventLog;
use crate::cli::failure::Failure;
use crate::lab::papers::Papers;
use crate::lab::verify::line::{Kind, Line, Right};
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tenure::base::rng::Rng;
use tenure::client::Access;
use tenure::sys::{clock, thread};

/// The thread that changes rights, until its end.
#[derive(Debug)]
pub struct Rights {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<Option<String>>>,
}

#[derive(Debug, Default)]
struct Shared {
    is_over: AtomicBool,
    /// Since when no nemesis strikes.
    calm: Mutex<Option<Instant>>,
}

/// A client by its place, and a lock by its place in [`LOCKS`].
type Pair = (usize, usize);

#[derive(Debug)]
struct Changer {
    shared: Arc<Shared>,
    access: Access,
    log: EventLog,
    rng: Rng,
    pairs: BTreeMap<Pair, State>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Allowed,
    Denied,
    /// The order was not answered.
    InDoubt,
}

impl Rights {
    /// Allows everything to each client, turns rights on, and starts the thread.
    ///
    /// # Errors
    /// Rights cannot be turned on, though no nemesis strikes.
    pub fn begin(access: Access, clients: usize, log: EventLog, rng: Rng) -> Result<Self, Failure> {
        let places =
            (0..clients).flat_map(|client| (0..LOCKS.len()).map(move |lock| (client, lock)));
        let pairs = places.map(|pair| (pair, State::Allowed)).collect();
        let shared =
            Arc::new(Shared { calm: Mutex::new(Some(Instant::now())), ..Shared::default() });
        let changer = Changer { shared: Arc::clone(&shared), access, log, rng, pairs };
        changer.turn_on()?;
        let thread = thread::spawn("chaos-rights", move || changer.run());
        let thread = thread.map_err(|error| {
            Failure::unavailable(format!("cannot start a thread that changes rights: {error}"))
        })?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// A nemesis strikes.
    pub fn strike(&self) {
        *self.shared.calm.lock() = None;
    }

    /// The cluster is healed.
    pub fn heal(&self) {
        *self.shared.calm.lock() = Some(Instant::now());
    }

    /// Gives all rights back; names those that could not be.
    pub fn end(mut self) -> Option<String> {
        self.shared.is_over.store(true, Ordering::Relaxed);
        let thread = self.thread.take()?;
        thread.join().unwrap_or_else(|_| Some("the thread that changes rights panicked".to_owned()))
    }
}

impl Drop for Rights {
    fn drop(&mut self) {
        self.shared.is_over.store(true, Ordering::Relaxed);
    }
}

impl Changer {
    fn turn_on(&self) -> Result<(), Failure> {
        let all = ALL_RIGHTS;
        self.insist(|access| access.allow(&Papers::operator(), "operate,admin", None).map(drop))?;
        for (client, lock) in self.pairs.keys() {
            let (who, lock) = (principal(*client), LOCKS[*lock]);
            self.insist(|access| access.allow(&who, all, Some(lock)).map(drop))?;
        }
        self.insist(|access| access.turn_on().map(drop))
    }

    /// Retries an order: a leader may change even in calm, and levels rise a moment after the last
    /// node has started.
    fn insist(&self, order: impl Fn(&Access) -> Result<(), tenure::Error>) -> Result<(), Failure> {
        let deadline = Instant::now() + BEGIN_WAIT;
        loop {
            match order(&self.access) {
                Ok(()) => return Ok(()),
                Err(error) if Instant::now() > deadline => {
                    return Err(Failure::unavailable(format!("cannot turn rights on: {error}")));
                }
                Err(_) => std::thread::sleep(LOOK_EVERY),
            }
        }
    }

    fn run(mut self) -> Option<String> {
        while !self.is_over() {
            self.turn();
            self.pause();
        }
        let deadline = Instant::now() + END_WAIT;
        loop {
            self.pairs_in(|state| state != State::Allowed)
                .into_iter()
                .for_each(|pair| self.allow(pair));
            let left = self.pairs_in(|state| state != State::Allowed);
            if left.is_empty() {
                return None;
            }
            if Instant::now() > deadline {
                let ((client, lock), count) = (left[0], left.len());
                let (who, lock) = (principal(client), LOCKS[lock]);
                return Some(format!(
                    "{count} rights were not given back in calm, as that of {who} to {lock}"
                ));
            }
            std::thread::sleep(LOOK_EVERY);
        }
    }

    fn turn(&mut self) {
        if self.is_calm() {
            self.pairs_in(|state| state == State::InDoubt)
                .into_iter()
                .for_each(|pair| self.allow(pair));
        }
        let (allowed, denied) = (
            self.pairs_in(|state| state == State::Allowed),
            self.pairs_in(|state| state == State::Denied),
        );
        let gives_back = self.rng.below(DENIED_MAX) < denied.len() as u64;
        let from = if gives_back { denied } else { allowed };
        if from.is_empty() {
            return;
        }
        let pair = from[self.rng.below(from.len() as u64) as usize];
        if gives_back { self.allow(pair) } else { self.deny(pair) }
    }

    fn deny(&mut self, pair: Pair) {
        let (who, lock) = (principal(pair.0), LOCKS[pair.1]);
        let reads = self.rng.chance(1, 2);
        let text = if reads { ALL_RIGHTS } else { "acquire" };
        let rights: &[Right] =
            if reads { &[Right::Acquire, Right::Read] } else { &[Right::Acquire] };
        self.write(pair, Kind::Revoking, rights);
        let is_done = self.access.deny(&who, text, Some(lock)).is_ok();
        if is_done {
            self.write(pair, Kind::Revoked, rights);
        }
        self.pairs.insert(pair, if is_done { State::Denied } else { State::InDoubt });
    }

    fn allow(&mut self, pair: Pair) {
        let (who, lock) = (principal(pair.0), LOCKS[pair.1]);
        let rights = [Right::Acquire, Right::Read];
        self.write(pair, Kind::Allowing, &rights);
        let is_done = self.access.allow(&who, ALL_RIGHTS, Some(lock)).is_ok();
        if is_done {
            self.write(pair, Kind::Allowed, &rights);
        }
        self.pairs.insert(pair, if is_done { State::Allowed } else { State::InDoubt });
    }

    fn write(&self, (client, lock): Pair, event: Kind, rights: &[Right]) {
        for right in rights {
            let (principal, lock) = (Some(principal(client)), Some(LOCKS[lock].to_owned()));
            let line = Line { principal, lock, right: Some(*right), ..Line::default() };
            self.log.write(&Line { event, at: Some(clock::boot_nanos()), ..line });
        }
    }

    fn pairs_in(&self, is: impl Fn(State) -> bool) -> Vec<Pair> {
        self.pairs.iter().filter(|(_, state)| is(**state)).map(|(pair, _)| *pair).collect()
    }

    fn is_over(&self) -> bool {
        self.shared.is_over.load(Ordering::Relaxed)
    }

    /// Whether orders from before the healing have been read by now.
    fn is_calm(&self) -> bool {
        self.shared.calm.lock().is_some_and(|since| since.elapsed() > SETTLED)
    }

    fn pause(&mut self) {
        let end = Instant::now() + self.rng.duration(PAUSE.0, PAUSE.1);
        while !self.is_over() && Instant::now() < end {
            std::thread::sleep(LOOK_EVERY);
        }
    }
}

fn principal(client: usize) -> String {
    format!("client/{}", name_of(client))
}

const ALL_RIGHTS: &str = "acquire,read,break";
/// The most rights taken at once, over all clients: each client must be granted something in each
/// minute.
const DENIED_MAX: u64 = 8;
const PAUSE: (Duration, Duration) = (Duration::from_millis(20), Duration::from_millis(600));
const SETTLED: Duration = Duration::from_millis(500);
const BEGIN_WAIT: Duration = Duration::from_secs(30);
const END_WAIT: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_millis(20);
