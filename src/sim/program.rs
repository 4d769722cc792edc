//! What a simulated client's program does: ten kinds of operation, drawn at random, until it must finish.

use crate::Error;
use crate::base::error::Status;
use crate::base::{Index, Sample, Token, rng::Rng};
use crate::client::core::{CallId, Core, Done, LeaseId, Wait};
use crate::lock::Name;
use crate::sim::checkers::holding::Told;
use crate::sim::checkers::search::{Op, Seen};
use crate::sim::client::{ClientEvent, Surroundings};
use crate::sim::marks::Mark;
use crate::sim::wishes::{Wished, Wishes};
use crate::wire::ReadAnswer;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// How programs of one run behave.
#[derive(Clone, Debug)]
pub struct Habits {
    /// What they do while they roam.
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
    /// How long the last acquire waits, which proves that a lock can still be had.
    pub last: Wait,
}

/// What a program does while it roams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Custom {
    /// Anything, at random.
    Any,
    /// One lock, held and given back, again and again.
    Cycle,
}

/// One program.
#[derive(Debug)]
pub struct Program {
    pub(super) habits: Habits,
    pub(super) rng: Rng,
    pub(super) aim: Aim,
    pub(super) now: u64,
    next_think: u64,
    pub(super) calls: BTreeMap<CallId, Call>,
    pub(super) leases: BTreeMap<LeaseId, Lease>,
    /// The lock that it cycles on.
    pub(super) home: u64,
    /// Tokens under which it was granted something.
    granted: BTreeSet<Token>,
    /// Tokens that it was told of, its own and those of others.
    pub(super) known: Vec<(Name, Token)>,
    read_floor: Index,
}

/// What the program is after.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aim {
    /// Anything.
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
    Release { lease: Option<Lease> },
    Read { floor: Index, name: Name, asked: Option<Token> },
    Close,
}

/// A grant that it was told of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Lease {
    pub(super) wished: Wished,
    pub(super) token: Token,
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
            read_floor: Index(0),
        }
    }

    /// When it does something next by itself.
    #[must_use]
    pub fn next_think(&self) -> u64 {
        self.next_think
    }

    /// The leases that it was given and was not told the end of.
    #[must_use]
    pub fn leases(&self) -> Vec<LeaseId> {
        self.leases.keys().copied().collect()
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

    /// What it still waits for, in words.
    #[must_use]
    pub fn describe(&self) -> String {
        format!("{:?} with {:?} and {:?}", self.aim, self.calls, self.leases)
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
        match self.aim {
            Aim::Roam if self.habits.custom == Custom::Cycle => self.cycle(core, now, events),
            Aim::Roam => self.roam(core, now, around, events),
            Aim::Finish => self.give_back(core, now, events),
            Aim::Close | Aim::Rest => self.next_think = u64::MAX,
        }
    }

    /// A call was decided.
    pub fn handle_decided(
        &mut self,
        core: &mut Core,
        now: &Sample,
        call: CallId,
        result: Result<Done, Error>,
        around: Surroundings,
        events: &mut Vec<ClientEvent>,
    ) {
        self.now = around.now;
        let Some(Call { purpose, began }) = self.calls.remove(&call) else {
            panic!("{call:?} is decided as {result:?}, and was decided before or never made");
        };
        match result {
            Ok(Done::Acquired { lease, name, token }) => {
                let (is_last, wished) = match purpose {
                    Purpose::Acquire(wished) => (false, wished),
                    Purpose::Last(wished) => (true, wished),
                    other => panic!("{other:?} was granted {name}"),
                };
                let remaining = core.remaining(now, lease);
                self.report_granted(began, &wished, token, events);
                self.handle_granted(lease, Lease { wished, token }, remaining, events);
                if is_last {
                    self.handle_last(core, now, lease, events);
                } else if self.aim != Aim::Roam {
                    self.release(core, now, lease, events);
                }
            }
            Ok(Done::Obeyed) => todo!("simulator"),
            Ok(Done::Released) => {
                events.push(ClientEvent::Count("releases answered"));
                // Of an owner's several leases on one grant, only the last one ends it.
                if let Purpose::Release { lease: Some(Lease { wished, token }) } = purpose
                    && wished.owner == 0
                {
                    self.report_all(began, &wished, Seen::Released(token.0), events);
                }
            }
            Ok(Done::Read { index, answer }) => {
                self.handle_read(purpose, began, index, answer, events);
            }
            Ok(Done::Closed) => events.push(ClientEvent::Closed),
            Err(error) => self.handle_error(&purpose, &error, events),
        }
        if self.aim == Aim::Finish {
            self.next_think = self.next_think.min(around.now + FINISH_NANOS);
        }
    }

    /// A lease ended.
    pub fn handle_ended(&mut self, lease: LeaseId, events: &mut Vec<ClientEvent>) {
        if let Some(Lease { wished, token }) = self.leases.remove(&lease) {
            events.push(ClientEvent::Ended { lease });
            events.push(ClientEvent::Lapsed { name: wished.names[0].clone(), token });
            events.push(ClientEvent::Count("leases ended"));
        }
    }

    fn handle_error(&mut self, purpose: &Purpose, error: &Error, events: &mut Vec<ClientEvent>) {
        events.push(ClientEvent::Count(name_of(error)));
        match purpose {
            Purpose::Close => events.push(ClientEvent::Closed),
            // Where the log is full, nothing is granted any more.
            Purpose::Last(_) if self.habits.last != Wait::Forever => self.aim = Aim::Rest,
            _ => {}
        }
    }

    fn handle_granted(
        &mut self,
        lease: LeaseId,
        granted: Lease,
        remaining: Duration,
        events: &mut Vec<ClientEvent>,
    ) {
        let (Wished { names, share, .. }, token) = (granted.wished.clone(), granted.token);
        names.iter().for_each(|name| self.remember(name, token));
        if remaining.is_zero() {
            // The process stood still between the core's word and ours.
            events.push(ClientEvent::Count("grants seen too late"));
            events.push(ClientEvent::Mark(Mark::GrantTooLate));
            return;
        }
        self.leases.insert(lease, granted);
        events.push(ClientEvent::Granted { lease, told: Told { names, share, token } });
    }

    /// For O9. An owner that acquires what it holds is told of the grant that stands.
    fn report_granted(
        &mut self,
        began: u64,
        wished: &Wished,
        token: Token,
        events: &mut Vec<ClientEvent>,
    ) {
        if self.granted.insert(token) {
            self.report_all(began, wished, Seen::Acquired(token.0), events);
        } else {
            events.push(ClientEvent::Mark(Mark::HeldAgain));
        }
    }

    fn report_all(&self, began: u64, wished: &Wished, seen: Seen, events: &mut Vec<ClientEvent>) {
        wished.names.iter().for_each(|name| self.report(began, name.clone(), seen, events));
    }

    fn report(&self, began: u64, name: Name, seen: Seen, events: &mut Vec<ClientEvent>) {
        let op = Op { called: began, returned: self.now, seen };
        events.push(ClientEvent::Completed { name, op });
    }

    fn handle_last(
        &mut self,
        core: &mut Core,
        now: &Sample,
        lease: LeaseId,
        events: &mut Vec<ClientEvent>,
    ) {
        if self.leases.contains_key(&lease) {
            self.aim = Aim::Rest;
        }
        self.release(core, now, lease, events);
    }

    fn handle_read(
        &mut self,
        purpose: Purpose,
        began: u64,
        index: Index,
        answer: ReadAnswer,
        events: &mut Vec<ClientEvent>,
    ) {
        let Purpose::Read { floor, name, asked } = purpose else {
            panic!("{purpose:?} was answered by a read")
        };
        let floor = floor.max(self.read_floor);
        self.read_floor = self.read_floor.max(index);
        match (&answer, asked) {
            (ReadAnswer::Lock { lock, .. }, _) => {
                let token = lock.as_ref().map_or(Token(0), |lock| lock.token);
                self.report(began, name.clone(), Seen::Holder(token.0), events);
                if lock.is_some() {
                    self.remember(&name, token);
                }
            }
            (ReadAnswer::Valid(true), Some(asked)) => {
                self.report(began, name.clone(), Seen::Valid(asked.0), events);
            }
            (ReadAnswer::Valid(false), Some(asked)) => {
                self.report(began, name.clone(), Seen::Invalid(asked.0), events);
            }
            _ => {}
        }
        events.push(ClientEvent::Read { index, floor, name, asked, answer });
    }

    fn remember(&mut self, name: &Name, token: Token) {
        self.known.push((name.clone(), token));
        if self.known.len() > KNOWN_MAX {
            self.known.remove(0);
        }
    }
}

fn name_of(error: &Error) -> &'static str {
    match error.status {
        Status::Timeout => "ended by TIMEOUT",
        Status::Held => "ended by HELD",
        Status::Lost => "ended by LOST",
        Status::Cancelled => "ended by CANCELLED",
        Status::SessionExpired => "ended by SESSION_EXPIRED",
        Status::Unavailable => "ended by UNAVAILABLE",
        Status::Unknown => "ended by UNKNOWN",
        Status::Closed => "ended by CLOSED",
        Status::Busy => "ended by BUSY",
        Status::Limit => "ended by LIMIT",
        Status::Invalid => "ended by INVALID",
        Status::Deadlock => "ended by DEADLOCK",
        other => panic!("no call of a simulated program can end with {other:?}: {error}"),
    }
}

const KNOWN_MAX: usize = 16;
const FINISH_NANOS: u64 = 5_000_000;
