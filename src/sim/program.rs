//! What a simulated client's program does: ten kinds of operation, drawn at random, until it must finish.

use crate::Error;
use crate::base::error::Status;
use crate::base::{Index, Sample, Token, rng::Rng};
use crate::client::core::{CallId, Core, Done, LeaseId};
use crate::lock::Name;
use crate::sim::client::{ClientEvent, Surroundings};
use crate::wire::ReadAnswer;
use std::collections::BTreeMap;
use std::time::Duration;

/// How programs of one run behave.
#[derive(Clone, Debug)]
pub struct Habits {
    /// How many locks there are.
    pub locks: u64,
    /// The mean time between two operations, in nanoseconds.
    pub think_nanos: u64,
    /// The TTL that is asked for.
    pub ttl: Duration,
    /// Calls and leases of one program at a time.
    pub calls_max: usize,
    /// How long the values of acquires are.
    pub value_bytes: usize,
    /// How often, in ten thousand operations, a program closes, and dies.
    pub ends: [u64; 2],
}

/// One program.
#[derive(Debug)]
pub struct Program {
    pub(super) habits: Habits,
    pub(super) rng: Rng,
    pub(super) aim: Aim,
    next_think: u64,
    pub(super) calls: BTreeMap<CallId, Purpose>,
    pub(super) leases: BTreeMap<LeaseId, (Name, Token)>,
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

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    Acquire,
    Last,
    Release,
    Read { floor: Index },
    Close,
}

impl Program {
    /// A program that begins soon.
    #[must_use]
    pub fn new(habits: Habits, mut rng: Rng, aim: Aim, now: u64) -> Self {
        Self {
            next_think: now + rng.below(habits.think_nanos),
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
        self.next_think = around.now + self.rng.between(1, 2 * self.habits.think_nanos);
        match self.aim {
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
        let Some(purpose) = self.calls.remove(&call) else {
            panic!("{call:?} is decided as {result:?}, and was decided before or never made");
        };
        match result {
            Ok(Done::Acquired { lease, name, token }) => {
                assert!(matches!(purpose, Purpose::Acquire | Purpose::Last), "{purpose:?}");
                self.handle_granted(lease, &name, token, core.remaining(now, lease), events);
                if purpose == Purpose::Last {
                    self.handle_last(core, now, lease, events);
                } else if self.aim != Aim::Roam {
                    self.release(core, now, lease, events);
                }
            }
            Ok(Done::Released) => events.push(ClientEvent::Count("releases answered")),
            Ok(Done::Read { index, answer }) => self.handle_read(&purpose, index, &answer, events),
            Ok(Done::Closed) => events.push(ClientEvent::Closed),
            Err(error) => {
                events.push(ClientEvent::Count(name_of(&error)));
                if purpose == Purpose::Close {
                    events.push(ClientEvent::Closed);
                }
            }
        }
        if self.aim == Aim::Finish {
            self.next_think = self.next_think.min(around.now + FINISH_NANOS);
        }
    }

    /// A lease ended.
    pub fn handle_ended(&mut self, lease: LeaseId, events: &mut Vec<ClientEvent>) {
        if self.leases.remove(&lease).is_some() {
            events.push(ClientEvent::Ended { lease });
            events.push(ClientEvent::Count("leases ended"));
        }
    }

    fn handle_granted(
        &mut self,
        lease: LeaseId,
        name: &Name,
        token: Token,
        remaining: Duration,
        events: &mut Vec<ClientEvent>,
    ) {
        self.remember(name, token);
        if remaining.is_zero() {
            // The process stood still between the core's word and ours.
            events.push(ClientEvent::Count("grants seen too late"));
            return;
        }
        self.leases.insert(lease, (name.clone(), token));
        events.push(ClientEvent::Granted { lease, name: name.clone(), token });
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
        purpose: &Purpose,
        index: Index,
        answer: &ReadAnswer,
        events: &mut Vec<ClientEvent>,
    ) {
        let Purpose::Read { floor } = purpose else { panic!("{purpose:?} was answered by a read") };
        let floor = (*floor).max(self.read_floor);
        self.read_floor = self.read_floor.max(index);
        events.push(ClientEvent::Read { index, floor });
        if let ReadAnswer::Lock { lock: Some(lock), .. } = answer {
            self.remember(&lock.name, lock.token);
        }
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
        other => panic!("no call of a simulated program can end with {other:?}: {error}"),
    }
}

const KNOWN_MAX: usize = 16;
const FINISH_NANOS: u64 = 5_000_000;
