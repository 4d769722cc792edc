//! Program of a simulated client: ten kinds of operation, drawn at random, until it must finish.

pub mod elections;
pub mod operations;
pub mod outcomes;
pub mod resource;
pub mod wishes;

use crate::base::limits::NAMES_PER_ACQUIRE_MAX;
use crate::base::time::nanos;
use crate::base::{Index, Sample, Token, rng::Rng};
use crate::client::core::{CallId, Core, LeaseId, ObserverId, Wait};
use crate::lock::Name;
use crate::sim::client::{ClientEvent, Surroundings};
use crate::sim::program::wishes::{Wished, Wishes};
use crate::wire::Query;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// How programs of one run behave.
#[derive(Clone, Debug)]
pub struct Habits {
    /// Habits of programs while they roam.
    pub custom: Custom,
    /// Which locks there are, and what is asked of them.
    pub wishes: Wishes,
    /// The mean time between two operations, in nanoseconds.
    pub think_nanos: u64,
    /// The TTL that is asked for.
    pub ttl: Duration,
    /// Calls and leases of one program at a time.
    pub calls_max: usize,
    /// How often, in ten thousand operations, a program closes, and dies.
    pub ends: [u64; 2],
    /// How often, in a thousand operations, it hands over, takes, shows or follows something.
    pub orders: u64,
    /// How often it must say that it moves, or lose its session.
    pub progress: Option<Duration>,
    /// How long the last acquire waits, which proves that a lock can still be had.
    pub last: Wait,
}

/// Habit of one program while it roams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Custom {
    /// Anything, at random.
    Any,
    /// One lock, held and given back, again and again.
    Cycle,
}

/// One client's program.
#[derive(Debug)]
pub struct Program {
    pub(super) habits: Habits,
    pub(super) rng: Rng,
    pub(super) aim: Aim,
    pub(super) now: u64,
    pub(super) next_think: u64,
    pub(super) calls: BTreeMap<CallId, Call>,
    pub(super) leases: BTreeMap<LeaseId, Lease>,
    /// The lock that it cycles on.
    pub(super) home: u64,
    /// Tokens under which it was granted something.
    pub(super) granted: BTreeSet<Token>,
    /// Tokens that it was told of, its own and those of others.
    pub(super) known: Vec<(Name, Token)>,
    /// Clients that were seen to wait: lock, client.
    pub(super) waiters: Vec<(Name, String)>,
    /// Leases that are to end, and that it will release next.
    pub(super) asked: BTreeSet<LeaseId>,
    /// Observers, and the locks that they follow.
    pub(super) observers: BTreeMap<ObserverId, Name>,
    pub(super) read_floor: Index,
}

/// Aim of the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aim {
    /// Roams: any operation.
    Roam,
    /// Its session's end.
    Close,
    /// To give back all, and then to hold one lock once more.
    Finish,
    /// Nothing: it has held a lock after everything was healed.
    Rest,
}

/// A call that is not decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Call {
    pub(super) purpose: Purpose,
    pub(super) began: u64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    Acquire(Wished),
    Last(Wished),
    Release {
        lease: Option<Lease>,
    },
    Read {
        floor: Index,
        query: Query,
    },
    /// The grant of this lease, to another client.
    Transfer(Option<Lease>),
    /// A proclamation or a break.
    Order,
    Close,
}

/// A grant that it was told of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Lease {
    pub(super) wished: Wished,
    pub(super) token: Token,
}

impl Habits {
    /// The same with many locks, of which up to as many as one acquire may have are asked for at once, and many calls under
    /// way.
    #[must_use]
    pub fn widened(self, rng: &mut Rng) -> Self {
        let (calls_max, locks) = (self.calls_max.max(WIDE_CALLS_MAX), rng.between(8, 40));
        let wishes = self.wishes.widened(rng, locks, NAMES_PER_ACQUIRE_MAX as u64);
        let wishes = if rng.chance(1, 2) { wishes.lengthened() } else { wishes };
        Self { wishes, calls_max, ..self }
    }
}

impl Program {
    /// A program that begins soon.
    #[must_use]
    pub fn new(habits: Habits, mut rng: Rng, aim: Aim, now: u64) -> Self {
        Self {
            now,
            next_think: now + rng.below(habits.think_nanos),
            home: rng.below(habits.wishes.locks()),
            granted: BTreeSet::new(),
            habits,
            rng,
            aim,
            calls: BTreeMap::new(),
            leases: BTreeMap::new(),
            known: Vec::new(),
            waiters: Vec::new(),
            asked: BTreeSet::new(),
            observers: BTreeMap::new(),
            read_floor: Index(0),
        }
    }

    /// When it does something next by itself.
    #[must_use]
    pub fn next_think(&self) -> u64 {
        self.next_think
    }

    /// Whether it asks for locks as what they are not, too.
    #[must_use]
    pub fn mixes_kinds(&self) -> bool {
        self.habits.wishes.are_mixed()
    }

    /// The leases that it was given and was not told the end of.
    #[must_use]
    pub fn leases(&self) -> Vec<LeaseId> {
        self.leases.keys().copied().collect()
    }

    /// Under which token it was given this lease.
    #[must_use]
    pub fn token_of(&self, lease: LeaseId) -> Option<Token> {
        self.leases.get(&lease).map(|held| held.token)
    }

    /// From now on it gives back all that it has, and then proves that a lock can still be had.
    pub fn finish(&mut self, now: u64) {
        if self.aim == Aim::Roam {
            self.aim = Aim::Finish;
            self.next_think = now;
        }
    }

    /// Whether it has.
    #[must_use]
    pub fn is_at_rest(&self) -> bool {
        self.aim == Aim::Rest && self.calls.is_empty()
    }

    /// Whether it has asked for its session's end.
    #[must_use]
    pub fn closes(&self) -> bool {
        self.aim == Aim::Close
    }

    /// The calls that it still waits for, in words.
    #[must_use]
    pub fn describe(&self) -> String {
        format!("{:?} with {:?} and {:?}", self.aim, self.calls, self.leases)
    }

    /// Now and then it stands still for a while, though its process runs.
    fn stall(&mut self, events: &mut Vec<ClientEvent>) {
        if self.habits.progress.is_some() && self.aim == Aim::Roam && self.rng.chance(1, 100) {
            let ttl = nanos(self.habits.ttl);
            self.next_think = self.now + self.rng.between(ttl, 5 * ttl);
            events.push(ClientEvent::Count("programs that stall"));
        }
    }

    /// Does the next thing.
    pub fn think(
        &mut self,
        core: &mut Core,
        now: &Sample,
        around: Surroundings,
        events: &mut Vec<ClientEvent>,
    ) {
        self.now = around.now;
        self.next_think = around.now + self.rng.between(1, 2 * self.habits.think_nanos);
        if self.habits.progress.is_some() {
            core.progress(now);
        }
        match self.aim {
            Aim::Roam if self.habits.custom == Custom::Cycle => self.cycle(core, now, events),
            Aim::Roam => {
                self.roam(core, now, around, events);
                self.stall(events);
            }
            Aim::Finish => self.give_back(core, now, events),
            Aim::Close | Aim::Rest => self.next_think = u64::MAX,
        }
    }
}

/// Calls and leases of one program that asks for much.
const WIDE_CALLS_MAX: usize = 16;
