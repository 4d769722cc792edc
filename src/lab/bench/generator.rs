//! Many clients on one thread: each has its own session and connections, and one loop drives them
//! all, as in an event-driven program. With a thread for each, the measurement would mostly show
//! the switching of threads.

use super::driven::{Driven, no_poll};
use super::figures::{Figures, Handovers, Measured};
use super::load::{BAR_STEP, Load, WARM_UP};
use super::member::{Member, Told};
use crate::cli::connect::Connection;
use crate::cli::failure::Failure;
use indicatif::ProgressBar;
use std::time::{Duration, Instant};
use tenure::lock::Name;
use tenure::net::Poller;
use tenure::sys::clock;

/// Measures `load.clients` clients, each with connections and a lock of its own.
pub fn measure(load: &Load, to: &Connection, bar: &ProgressBar) -> Result<Measured, Failure> {
    let mut generator = Generator::new(load, Locks::OneEach, to)?;
    generator.run_all(u64::from(WARM_UP) * load.clients, to)?;
    generator.figures = Figures::new();
    generator.bar = Some(bar);
    let begun = Instant::now();
    generator.run_all(load.ops, to)?;
    let elapsed = begun.elapsed();
    let losses = generator.members.iter().map(|member| member.driven.heard.losses).sum();
    generator.close_all(to.timeout)?;
    let figures = generator.figures;
    Ok(Measured { clients: load.clients, figures, elapsed, losses: Some(losses), costs: None })
}

/// Measures how a lock passes from one client to the next while all others of `load.clients` wait
/// for it: the time from the release of a client, which held it for `hold`, to the next grant.
pub fn measure_handovers(
    load: &Load,
    hold: Duration,
    to: &Connection,
    bar: &ProgressBar,
) -> Result<Handovers, Failure> {
    let mut generator = Generator::new(load, Locks::OneForAll(hold.max(HOLD_MIN)), to)?;
    generator.run_all(u64::from(WARM_UP), to)?;
    generator.granted.clear();
    generator.released.clear();
    generator.bar = Some(bar);
    generator.run_all(load.ops, to)?;
    generator.close_all(to.timeout)?;
    // Towards the end fewer and fewer clients wait.
    let rest = usize::try_from(load.clients).expect("few clients");
    Ok(Handovers::new(load.clients - 1, (generator.released, generator.granted), rest))
}

/// The locks that the clients want.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Locks {
    OneEach,
    /// All want one lock; each holds it for so long.
    OneForAll(Duration),
}

/// The loop and its clients.
#[derive(Debug)]
struct Generator<'a> {
    poller: Poller,
    locks: Locks,
    members: Vec<Member>,
    figures: Figures,
    /// When each grant came.
    granted: Vec<Instant>,
    /// When each release of a lock that was held for some time left.
    released: Vec<Instant>,
    bar: Option<&'a ProgressBar>,
    /// Cycles that may still begin.
    left: u64,
    /// Members with nothing under way.
    idle: usize,
    /// When to check the deadlines of all members again.
    look_at: Instant,
}

impl Generator<'_> {
    fn new(load: &Load, locks: Locks, to: &Connection) -> Result<Self, Failure> {
        let poller = Poller::new(READY_MAX).map_err(no_poll)?;
        let member = |place: u64| {
            let (lock, hold) = match locks {
                Locks::OneEach => (place, Duration::ZERO),
                Locks::OneForAll(hold) => (0, hold),
            };
            let name = Name::try_from(format!("bench/{}/{lock}", std::process::id()));
            Member::new(place, name.expect("a short name"), hold, (load.ttl, to))
        };
        Ok(Self {
            poller,
            locks,
            members: (0..load.clients).map(member).collect(),
            figures: Figures::new(),
            granted: Vec::new(),
            released: Vec::new(),
            bar: None,
            left: 0,
            idle: 0,
            look_at: Instant::now(),
        })
    }

    /// Runs `cycles` cycles of all members together, to the end of the last.
    fn run_all(&mut self, cycles: u64, to: &Connection) -> Result<(), Failure> {
        self.left = cycles;
        self.idle = 0;
        for place in 0..self.members.len() {
            self.begin_cycle(place);
            self.settle(place)?;
        }
        let mut progress = (self.figures.count(), Instant::now());
        while self.idle < self.members.len() {
            self.turn()?;
            if self.figures.count() != progress.0 {
                progress = (self.figures.count(), Instant::now());
            } else if progress.1.elapsed() > to.timeout {
                return Err(Failure::unavailable(self.members[0].driven.why_unavailable()));
            }
        }
        Ok(())
    }

    fn begin_cycle(&mut self, place: usize) {
        if self.left == 0 {
            self.idle += 1;
            return;
        }
        self.left -= 1;
        self.members[place].begin_cycle();
    }

    /// One turn: polls, and handles what arrived.
    fn turn(&mut self) -> Result<(), Failure> {
        // Only a lock that all want is held for some time.
        let holders = if self.locks == Locks::OneEach { &[][..] } else { &self.members };
        let next_release = holders.iter().filter_map(Member::release_at).min();
        let until_release = next_release.map(|at| at.saturating_duration_since(Instant::now()));
        self.poller
            .wait(Some(until_release.unwrap_or(LOOK_EVERY).min(LOOK_EVERY)))
            .map_err(no_poll)?;
        if next_release.is_some() {
            self.release_due()?;
        }
        let ready: Vec<_> = self.poller.ready().collect();
        for ready in ready {
            let (place, link) = Driven::place_of(ready.key);
            self.members[place].driven.receive(link);
            self.settle(place)?;
        }
        if self.look_at <= Instant::now() {
            self.look_at = Instant::now() + LOOK_EVERY;
            let now = clock::boot_nanos();
            for place in 0..self.members.len() {
                if self.members[place].driven.core.next_deadline() <= now {
                    self.settle(place)?;
                }
            }
        }
        Ok(())
    }

    /// Releases locks that were held for long enough.
    fn release_due(&mut self) -> Result<(), Failure> {
        let now = Instant::now();
        for place in 0..self.members.len() {
            if self.members[place].release_at().is_some_and(|at| at <= now) {
                self.released.push(Instant::now());
                self.members[place].release();
                self.settle(place)?;
            }
        }
        Ok(())
    }

    /// Obeys one member's core until it has no more actions.
    fn settle(&mut self, place: usize) -> Result<(), Failure> {
        while let Some(told) = self.members[place].settle(&self.poller)? {
            if let Told::Cycle { begun, granted } = told {
                self.figures.record(begun, granted, Instant::now());
                self.granted.push(granted);
                if let Some(bar) = self.bar
                    && self.figures.count().is_multiple_of(BAR_STEP)
                {
                    bar.inc(BAR_STEP);
                }
                self.begin_cycle(place);
            }
        }
        Ok(())
    }

    /// Ends all sessions at the server; after `timeout` their TTLs do so.
    fn close_all(&mut self, timeout: Duration) -> Result<(), Failure> {
        let begun = Instant::now();
        for place in 0..self.members.len() {
            self.members[place].close();
            self.settle(place)?;
        }
        while self.members.iter().any(|member| !member.is_closed()) && begun.elapsed() < timeout {
            self.turn()?;
        }
        Ok(())
    }
}

/// Shorter than any release takes, but not zero.
const HOLD_MIN: Duration = Duration::from_micros(1);
/// Sockets taken from one wait.
const READY_MAX: usize = 1024;
/// Deadlines are those of renewals and redials: seconds, or tens of milliseconds.
const LOOK_EVERY: Duration = Duration::from_millis(5);
