//! What a simulated client's program does: ten kinds of operation, drawn at random, until it must finish.

use crate::Error;
use crate::base::error::Status;
use crate::base::{Index, Sample, Token, rng::Rng};
use crate::client::core::{AcquireCall, CallId, Core, Done, LeaseId, Wait};
use crate::lock::Name;
use crate::sim::client::{ClientEvent, Surroundings};
use crate::wire::{Query, ReadAnswer};
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
    habits: Habits,
    rng: Rng,
    aim: Aim,
    next_think: u64,
    calls: BTreeMap<CallId, Purpose>,
    leases: BTreeMap<LeaseId, (Name, Token)>,
    /// Tokens that it was told of, its own and those of others.
    known: Vec<(Name, Token)>,
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
enum Purpose {
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

    fn roam(
        &mut self,
        core: &mut Core,
        now: &Sample,
        around: Surroundings,
        events: &mut Vec<ClientEvent>,
    ) {
        let [closes, dies] = self.habits.ends;
        match self.rng.below(10_000) {
            draw if draw < closes => return self.close(core, now, events),
            draw if draw < closes + dies => return events.push(ClientEvent::Died),
            _ => {}
        }
        match self.rng.below(16) {
            0..=1 => self.acquire(core, now, Wait::Try, events),
            2..=3 => {
                let wait = self.rng.duration(Duration::from_millis(1), 2 * self.habits.ttl);
                self.acquire(core, now, Wait::For(wait), events);
            }
            4..=6 => self.acquire(core, now, Wait::Forever, events),
            7..=10 => {
                if let Some(lease) = self.pick_lease() {
                    self.release(core, now, lease, events);
                }
            }
            11 if self.rng.chance(1, 3) => self.cancel(core, now, events),
            11 => {}
            12 => self.read(core, now, around, events),
            13 => self.validate(core, now, around, events),
            _ => self.write(core, now, events),
        }
    }

    fn acquire(&mut self, core: &mut Core, now: &Sample, wait: Wait, events: &mut Vec<ClientEvent>) {
        if self.calls.len() + self.leases.len() >= self.habits.calls_max {
            return;
        }
        let owner = if self.rng.chance(1, 4) { self.rng.between(1, 2) } else { 0 };
        let value = vec![7; self.habits.value_bytes];
        let call = AcquireCall { name: self.draw_name(), wait, value, owner };
        self.calls.insert(core.acquire(now, call), Purpose::Acquire);
        events.push(ClientEvent::Count(match wait {
            Wait::Try => "tries",
            Wait::For(_) => "timed acquires",
            Wait::Forever => "acquires for ever",
        }));
    }

    /// Belief ends with the call itself (L13), whatever the server says.
    fn release(&mut self, core: &mut Core, now: &Sample, lease: LeaseId, events: &mut Vec<ClientEvent>) {
        let call = core.release(now, lease);
        self.calls.insert(call, Purpose::Release);
        let remaining = core.remaining(now, lease);
        assert!(remaining.is_zero(), "{lease:?} is released and has {remaining:?} left (L13)");
        self.leases.remove(&lease);
        events.push(ClientEvent::Ended { lease });
        events.push(ClientEvent::Count("releases"));
    }

    fn cancel(&mut self, core: &mut Core, now: &Sample, events: &mut Vec<ClientEvent>) {
        let waiting: Vec<CallId> = self
            .calls
            .iter()
            .filter(|(_, purpose)| **purpose == Purpose::Acquire)
            .map(|(call, _)| *call)
            .collect();
        if let Some(call) = pick(&mut self.rng, &waiting) {
            core.cancel(now, call);
            events.push(ClientEvent::Count("withdrawals"));
        }
    }

    fn read(&mut self, core: &mut Core, now: &Sample, around: Surroundings, events: &mut Vec<ClientEvent>) {
        let name = self.draw_name();
        self.ask(core, now, Query::Lock { name }, around);
        events.push(ClientEvent::Count("reads of the holder"));
    }

    fn validate(&mut self, core: &mut Core, now: &Sample, around: Surroundings, events: &mut Vec<ClientEvent>) {
        if let Some((name, token)) = pick(&mut self.rng, &self.known) {
            self.ask(core, now, Query::Validate { name, token }, around);
            events.push(ClientEvent::Count("validations"));
        }
    }

    fn ask(&mut self, core: &mut Core, now: &Sample, query: Query, around: Surroundings) {
        if self.calls.len() < 2 * self.habits.calls_max {
            let floor = around.committed;
            self.calls.insert(core.read(now, query), Purpose::Read { floor });
        }
    }

    fn write(&mut self, core: &Core, now: &Sample, events: &mut Vec<ClientEvent>) {
        let Some(lease) = self.pick_lease() else { return };
        if !core.remaining(now, lease).is_zero() {
            let (name, token) = self.leases[&lease].clone();
            events.push(ClientEvent::Writes { name, token });
            events.push(ClientEvent::Count("writes"));
        }
    }

    fn close(&mut self, core: &mut Core, now: &Sample, events: &mut Vec<ClientEvent>) {
        self.aim = Aim::Close;
        self.calls.insert(core.close(now), Purpose::Close);
        for lease in self.leases() {
            let remaining = core.remaining(now, lease);
            assert!(remaining.is_zero(), "{lease:?} of a closed session has {remaining:?} left");
            self.leases.remove(&lease);
            events.push(ClientEvent::Ended { lease });
        }
        events.push(ClientEvent::Count("closes"));
    }

    fn give_back(&mut self, core: &mut Core, now: &Sample, events: &mut Vec<ClientEvent>) {
        for lease in self.leases() {
            self.release(core, now, lease, events);
        }
        if self.calls.is_empty() {
            let call = AcquireCall {
                name: self.draw_name(),
                wait: Wait::Forever,
                value: Vec::new(),
                owner: 0,
            };
            self.calls.insert(core.acquire(now, call), Purpose::Last);
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
        self.known.push((name.clone(), token));
        if self.known.len() > KNOWN_MAX {
            self.known.remove(0);
        }
        if remaining.is_zero() {
            // The process stood still between the core's word and ours.
            events.push(ClientEvent::Count("grants seen too late"));
            return;
        }
        self.leases.insert(lease, (name.clone(), token));
        events.push(ClientEvent::Granted { lease, name: name.clone(), token });
    }

    fn handle_last(&mut self, core: &mut Core, now: &Sample, lease: LeaseId, events: &mut Vec<ClientEvent>) {
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
            self.known.push((lock.name.clone(), lock.token));
        }
    }

    fn draw_name(&mut self) -> Name {
        let number = self.rng.below(self.habits.locks);
        Name::try_from(format!("lock-{number}")).expect("a short name")
    }

    fn pick_lease(&mut self) -> Option<LeaseId> {
        let leases = self.leases();
        pick(&mut self.rng, &leases)
    }
}

fn pick<T: Clone>(rng: &mut Rng, from: &[T]) -> Option<T> {
    let position = usize::try_from(rng.below(from.len() as u64)).expect("a small list");
    from.get(position).cloned()
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
