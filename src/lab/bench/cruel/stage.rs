//! The stage of the acts: the cluster, its watch and probe, and the measurements of each act.

use super::probe::{Probe, Summary};
use super::sizes::Sizes;
use super::watch::Watch;
use crate::cli::connect::Connection;
use crate::cli::failure::Failure;
use crate::lab::bench::readings::{Longest, MINUTE, Measure, longest_since};
use std::time::{Duration, Instant};
use tenure::base::SessionId;
use tenure::base::limits::LOCKS_PER_READ_MAX;
use tenure::client::Client;
use tenure::lock::Name;
use tenure::wire::{NodeStatus, Query, ReadAnswer};

/// The cluster, and the measurements so far.
#[derive(Debug)]
pub struct Stage<'a> {
    pub sizes: &'a Sizes,
    pub to: &'a Connection,
    /// The TTL of sessions that are to expire.
    pub ttl: Duration,
    pub client: Client,
    watch: Watch,
    probe: Probe,
    pub acts: Vec<Act>,
    /// Checks, and how often each was found right.
    pub checked: Vec<(&'static str, u64)>,
}

/// The measurements of one act.
#[derive(Clone, Debug)]
pub struct Act {
    pub name: String,
    pub took: Duration,
    pub turn: Longest,
    pub on_processor: Longest,
    pub sync: Longest,
    /// The longest gap between heartbeats, as followers heard them.
    pub gap: Longest,
    /// The term before and after.
    pub terms: (u64, u64),
    /// Whether the act was to move leadership.
    pub is_asked: bool,
    /// Why the leader changed, as a node says.
    pub why: Option<String>,
    pub felt: Summary,
}

/// Whether an act moves leadership.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Leaders {
    One,
    AnotherIsAsked,
}

/// The clients of an act, which must be driven until it begins.
pub trait Cast {
    /// Drives the clients for `time`.
    ///
    /// # Errors
    /// The clients cannot go on.
    fn drive(&mut self, time: Duration) -> Result<(), Failure>;
}

/// An act without clients of its own.
impl Cast for () {
    fn drive(&mut self, time: Duration) -> Result<(), Failure> {
        std::thread::sleep(time);
        Ok(())
    }
}

impl<A: Cast, B: Cast> Cast for (A, B) {
    fn drive(&mut self, time: Duration) -> Result<(), Failure> {
        self.0.drive(time / 2)?;
        self.1.drive(time / 2)
    }
}

impl<'a> Stage<'a> {
    /// Starts the probe and the watch.
    pub fn new(sizes: &'a Sizes, ttl: Duration, to: &'a Connection) -> Result<Self, Failure> {
        let (client, watch, probe) = (to.open()?, Watch::start(to)?, Probe::start(to)?);
        let (acts, checked) = (Vec::new(), Vec::new());
        Ok(Self { sizes, to, ttl, client, watch, probe, acts, checked })
    }

    /// Plays an act with `cast`, and records its measurements.
    ///
    /// # Errors
    /// The act could not be played, or its outcome is wrong.
    pub fn act<C: Cast, T>(
        &mut self,
        name: impl Into<String>,
        cast: &mut C,
        play: impl FnOnce(&Self, &mut C) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        self.settle(cast)?;
        self.play(name.into(), Leaders::One, cast, play)
    }

    /// Plays the preparation of an act, without a settling time.
    ///
    /// # Errors
    /// As for [`Stage::act`].
    pub fn prepare<T>(
        &mut self,
        name: impl Into<String>,
        play: impl FnOnce(&Self, &mut ()) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        self.play(name.into(), Leaders::One, &mut (), play)
    }

    /// Plays an act that moves leadership.
    ///
    /// # Errors
    /// As for [`Stage::act`].
    pub fn act_that_moves_leadership<C: Cast, T>(
        &mut self,
        name: impl Into<String>,
        cast: &mut C,
        play: impl FnOnce(&Self, &mut C) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        self.settle(cast)?;
        self.play(name.into(), Leaders::AnotherIsAsked, cast, play)
    }

    fn play<C: Cast, T>(
        &mut self,
        name: String,
        leaders: Leaders,
        cast: &mut C,
        play: impl FnOnce(&Self, &mut C) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let before = self.watch.now();
        let begun = Instant::now();
        let played = play(self, cast);
        let took = begun.elapsed();
        self.probe.wait_for_next();
        let after = self.watch.since(before.at);
        let longest = |measure: Measure| longest_since(&before, &after, measure);
        let last = after.last().unwrap_or(&before);
        self.acts.push(Act {
            name,
            took,
            turn: longest(|node| node.turn_us),
            on_processor: longest(|node| node.turn_processor_us),
            sync: longest(|node| node.sync_us),
            gap: longest(|node| node.heartbeat_gap_us),
            // A change between two acts counts to the later one.
            terms: (self.acts.last().map_or(before.term(), |act| act.terms.1), last.term()),
            is_asked: leaders == Leaders::AnotherIsAsked,
            why: last.why().map(str::to_owned),
            felt: self.probe.since(begun),
        });
        if let Some(act) = self.acts.last() {
            log::info!("{}", act.to_line());
        }
        played
    }

    /// Records that `what` was found right `count` times.
    pub fn check(&mut self, what: &'static str, count: usize) {
        match self.checked.iter_mut().find(|(known, _)| *known == what) {
            Some((_, sum)) => *sum += count as u64,
            None => self.checked.push((what, count as u64)),
        }
    }

    /// Waits until the last minute had no long turn, so that the longest that follows is the next act's.
    fn settle(&self, cast: &mut impl Cast) -> Result<(), Failure> {
        let begun = Instant::now();
        while begun.elapsed() < self.sizes.settle.min(MINUTE) && !self.is_calm() {
            cast.drive(LOOK_EVERY)?;
        }
        Ok(())
    }

    /// Whether the last minute had no long turn. One that was long by other work of the machine
    /// does not count.
    fn is_calm(&self) -> bool {
        self.watch.now().longest(|node| node.turn_processor_us) < CALM_US
    }

    /// Waits for a leader.
    pub fn leader(&self) -> Result<NodeStatus, Failure> {
        self.wait_for("a node leads", |stage| Ok(stage.watch.now().leader().cloned()))
    }

    /// The cluster by its leader's address alone; the hints of that node lead to a later leader.
    pub fn at_leader(&self) -> Result<Connection, Failure> {
        Ok(Connection { endpoints: self.leader_address()?, ..self.to.clone() })
    }

    /// The address of the present leader.
    pub fn leader_address(&self) -> Result<String, Failure> {
        let leader = self.leader()?;
        let own = leader.members.iter().find(|member| member.node == leader.node);
        let own = own.ok_or_else(|| Failure::unavailable("the leader does not name itself"))?;
        Ok(own.address.clone())
    }

    /// Asks for the leader's status until `look` finds something in the answer.
    pub fn wait_for<T>(
        &self,
        what: &str,
        look: impl Fn(&Self) -> Result<Option<T>, Failure>,
    ) -> Result<T, Failure> {
        let begun = Instant::now();
        loop {
            if let Some(found) = look(self)? {
                return Ok(found);
            }
            if begun.elapsed() > PATIENCE {
                let text = format!("within {PATIENCE:?} it is not so that {what}");
                return Err(Failure::unavailable(text));
            }
            std::thread::sleep(ASK_EVERY);
        }
    }

    /// Whether nobody waits for any lock whose name begins with `prefix`.
    pub fn is_unwaited(&self, prefix: &str) -> Result<bool, Failure> {
        let mut after: Option<Name> = None;
        loop {
            let query = Query::Locks { prefix: prefix.to_owned(), after, limit: PAGE };
            let ReadAnswer::Locks { locks, more } = self.client.read(query)? else {
                return Err(Failure::unavailable("a list was not answered by a list"));
            };
            if locks.iter().any(|(lock, _)| lock.waiting > 0) {
                return Ok(false);
            }
            after = locks.last().map(|(lock, _)| lock.name.clone());
            if !more || after.is_none() {
                return Ok(true);
            }
        }
    }

    /// The number of waiting acquires of `session`, and of its locks; `None`: it has ended.
    pub fn session(&self, session: SessionId) -> Result<Option<(u32, u32)>, Failure> {
        match self.client.read(Query::Session { session })? {
            ReadAnswer::Session(view) => Ok(view.map(|view| (view.waiting, view.grants))),
            _ => Err(Failure::unavailable("a session was not answered by a session")),
        }
    }
}

/// A longer turn counts as long.
const CALM_US: u64 = 5_000;
const LOOK_EVERY: Duration = Duration::from_millis(500);
const ASK_EVERY: Duration = Duration::from_millis(20);
/// Longer than any TTL of an act with what follows it.
const PATIENCE: Duration = Duration::from_secs(120);
/// Locks of one answer.
const PAGE: u32 = LOCKS_PER_READ_MAX as u32;
